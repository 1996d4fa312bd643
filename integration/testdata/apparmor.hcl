hostctl {
  name = "apparmor"
}

locals {
  command = ["sh", "-c", "cat /etc/forbidden; while :; do sleep 1000; done"]
}

container "with" {
  rootfs   = "/srv/rootfs/busybox"
  command  = local.command
  apparmor = "hostctl-test"
}

container "without" {
  rootfs       = "/srv/rootfs/busybox"
  command      = local.command
  apparmor     = "hostctl-test"
  init         = false
  stop_timeout = "1s"
}

container "free" {
  rootfs  = "/srv/rootfs/busybox"
  command = local.command
}

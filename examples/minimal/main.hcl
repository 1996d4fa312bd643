# The least there can be: one container from one directory.

hostctl {
  name = "minimal"
}

variable "rootfs" {
  type    = string
  default = "/srv/rootfs/busybox"
}

container "hello" {
  rootfs  = var.rootfs
  command = ["/bin/sh", "-c", "echo hello from $(hostname); exec sleep 2147483647"]
}

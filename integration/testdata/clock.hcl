# What has to do with time: a hold, a purpose, a health check, a timer.

hostctl {
  name = "clock"
}

variable "greeting" {
  type = string
}

volume "data" {
  path = "/srv/data"
}

container "still" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
}

container "stopped" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
}

container "healthy" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
  restart = "always"

  health {
    exec     = ["true"]
    interval = "1s"
    retries  = 2
  }
}

container "web" {
  rootfs      = "/srv/rootfs/busybox"
  command     = ["sleep", "1000000"]
  environment = { GREETING = var.greeting }
  depends_on  = [healthy(container.healthy)]
}

hostctl {
  name = "power"
}

variable "greeting" {
  type = string
}

variable "more" {
  type    = number
  default = 0
}

user "power" {}

user "more" {
  count = var.more
}

volume "data" {
  path  = "/srv/data"
  owner = user.power
}

network "lan" {
  subnet = "10.99.0.0/24"
}

netns "lan" {
  interface "eth0" {
    network   = network.lan
    addresses = ["10.99.0.10/24"]
  }
}

container "back" {
  rootfs      = "/srv/rootfs/busybox"
  command     = ["sleep", "1000000"]
  environment = { GREETING = var.greeting }
  run_as      = user.power
  netns       = netns.lan
  mount "/data" {
    volume = volume.data
  }
}

container "front" {
  rootfs      = "/srv/rootfs/busybox"
  command     = ["sleep", "1000000"]
  environment = { GREETING = var.greeting }
  depends_on  = [container.back]
}

container "batch" {
  for_each    = toset(["a", "b"])
  rootfs      = "/srv/rootfs/busybox"
  command     = ["sleep", "1000000"]
  environment = { GREETING = var.greeting }
}

container "more" {
  count   = var.more
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
}

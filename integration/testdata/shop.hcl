hostctl {
  name = "shop"
}

variable "memory" {
  type    = string
  default = "64M"
}

variable "greeting" {
  type    = string
  default = "hello"
}

locals {
  rootfs = "/srv/rootfs/busybox"
}

user "shop" {
  uid  = 2100
  home = "/srv/shop"
}

volume "site" {
  path  = "/srv/shop/site"
  owner = user.shop
  mode  = "0750"
}

network "lan" {
  subnet = "10.77.0.0/24"
  ipv6   = "fd77::/64"
}

netns "front" {
  interface "eth0" {
    network   = network.lan
    addresses = ["10.77.0.10/24", "fd77::10/64"]
  }
  route "default" {
    via = "10.77.0.1"
  }
  sysctls = { "net.ipv4.ip_forward" = "0" }
}

container "web" {
  rootfs      = local.rootfs
  command     = ["httpd", "-f", "-p", "80", "-h", "/site"]
  environment = { GREETING = var.greeting, LINES = "one\ntwo\tthree" }
  run_as      = user.shop
  netns       = netns.front

  mount "/site" {
    volume    = volume.site
    read_only = true
  }
  tmpfs "/scratch" {
    size = "1M"
  }
  limits {
    memory = var.memory
    tasks  = 32
  }
}

container "client" {
  rootfs     = local.rootfs
  command    = ["sh", "-c", "while :; do wget -q -O /site/got http://127.0.0.1/index.html; sleep 1; done"]
  run_as     = user.shop
  netns      = netns.front
  depends_on = [container.web]

  mount "/site" {
    volume = volume.site
  }
}

container "batch" {
  for_each = toset(["a", "b"])
  rootfs   = local.rootfs
  command  = ["sleep", "1000000"]
}

output "address" {
  value = "http://10.77.0.10/"
}

# Every kind, and every kind of change on the way between "a" and "b": made, changed in place, restarted, removed. The container "still" is
# not touched by any.

hostctl {
  name = "faults"
}

variable "to" {
  type = string
}

locals {
  rootfs = "/srv/rootfs/busybox"
  only_b = toset(var.to == "b" ? ["b"] : [])
}

user "web" {
  home = "/srv/shop"
}

user "more" {
  for_each = local.only_b
}

volume "site" {
  path  = "/srv/faults/site"
  owner = user.web
  mode  = var.to == "b" ? "0700" : "0750"
}

volume "more" {
  for_each = local.only_b
  path     = "/srv/faults/more"
  owner    = user.more["b"]
}

network "lan" {
  subnet = "10.77.0.0/24"
  ipv6   = var.to == "b" ? "fd77::/64" : null
}

network "more" {
  for_each = local.only_b
  subnet   = "10.78.0.0/24"
}

netns "front" {
  interface "eth0" {
    network   = network.lan
    addresses = [var.to == "b" ? "10.77.0.11/24" : "10.77.0.10/24"]
  }
  route "default" {
    via = "10.77.0.1"
  }
  sysctls = { "net.ipv4.ip_forward" = var.to == "b" ? "1" : "0" }
}

netns "more" {
  for_each = local.only_b
}

container "still" {
  rootfs  = local.rootfs
  command = ["sleep", "1000000"]
}

container "web" {
  rootfs      = local.rootfs
  command     = ["httpd", "-f", "-p", "80", "-h", "/site"]
  environment = { TO = var.to }
  run_as      = user.web
  netns       = netns.front
  # What failed is looked at before systemd tries again.
  restart_delay = "60s"

  mount "/site" {
    volume    = volume.site
    read_only = true
  }
}

container "client" {
  rootfs     = local.rootfs
  command    = ["sleep", "1000000"]
  depends_on = [container.web]

  limits {
    tasks = var.to == "b" ? 64 : 32
  }
}

container "more" {
  for_each = local.only_b
  rootfs   = local.rootfs
  command  = ["sleep", "1000000"]
  run_as   = user.more["b"]

  mount "/data" {
    volume = volume.more["b"]
  }
}

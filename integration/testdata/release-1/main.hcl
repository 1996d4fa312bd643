# What release 1 applied, and left its files of beside this one: see TestUpgrade.

hostctl {
  name = "release"
}

variable "greeting" {
  type    = string
  default = "hello"
}

user "web" {}

volume "data" {
  path  = "/srv/data"
  owner = user.web
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
  rootfs      = "/srv/rootfs/busybox"
  root        = "persistent"
  command     = ["sleep", "1000000"]
  environment = { GREETING = var.greeting }
  hostname    = "web.example"
  run_as      = user.web
  netns       = netns.front

  mount "/data" {
    volume = volume.data
  }
  tmpfs "/scratch" {
    size = "1M"
  }
  file "/etc/site.conf" {
    content = "x\n"
  }
  limits {
    memory = "64M"
    tasks  = 32
  }
  health {
    exec = ["true"]
  }
}

container "daily" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["true"]
  job     = true
  schedule {
    calendar = "daily"
  }
}

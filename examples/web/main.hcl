# A web server and its client, each in a network namespace of its own, on one
# bridge. The pages lie on a volume that belongs to a host account; one container
# writes them, another serves them and can only read.

hostctl {
  name = "web"
}

variable "rootfs" {
  type        = string
  default     = "/srv/rootfs/busybox"
  description = "A directory with a root filesystem that has busybox in it."
}

variable "greeting" {
  type        = string
  default     = "hello"
  description = "What the page says."
}

variable "memory" {
  type        = string
  default     = "64M"
  description = "Memory of the server; changed without a restart."
}

locals {
  server = "10.20.0.10"
  client = "10.20.0.11"
}

user "site" {
}

volume "pages" {
  path  = "/srv/site/pages"
  owner = user.site
  mode  = "0755"
}

network "lan" {
  subnet = "10.20.0.0/24"
  ipv6   = "fd20::/64"
}

netns "front" {
  interface "eth0" {
    network   = network.lan
    addresses = ["${local.server}/24", "fd20::10/64"]
  }
  route "default" {
    via = "10.20.0.1"
  }
}

netns "back" {
  interface "eth0" {
    network   = network.lan
    addresses = ["${local.client}/24"]
  }
}

# Writes the page once and then waits to be stopped.
container "editor" {
  rootfs      = var.rootfs
  command     = ["/bin/sh", "-c", "echo \"$GREETING from $(id -u)\" > /pages/index.html && exec sleep 2147483647"]
  environment = { GREETING = var.greeting }
  run_as      = user.site

  mount "/pages" {
    volume = volume.pages
  }
}

container "web" {
  rootfs     = var.rootfs
  command    = ["/bin/httpd", "-f", "-p", "80", "-h", "/pages"]
  run_as     = user.site
  netns      = netns.front
  depends_on = [container.editor]

  mount "/pages" {
    volume    = volume.pages
    read_only = true
  }
  limits {
    memory = var.memory
    cpu    = 0.5
    tasks  = 32
  }
  health {
    http     = "http://127.0.0.1:80/"
    interval = "5s"
  }
}

container "client" {
  rootfs     = var.rootfs
  command    = ["/bin/sh", "-c", "while true; do wget -q -O - http://${local.server}/; sleep 1; done"]
  netns      = netns.back
  depends_on = [healthy(container.web)]
}

output "address" {
  value = "http://${local.server}/"
}

# A web server with its account, its pages and its own place on a network.

variable "network" {
  description = "The network that the server is on: a reference."
}

variable "address" {
  type        = string
  description = "Its IPv4 address there."
}

variable "title" {
  type        = string
  description = "What the page says when nothing is found."
}

variable "memory" {
  type    = string
  default = "64M"
}

variable "rootfs" {
  type    = string
  default = "/srv/rootfs/busybox"
}

user "owner" {}

volume "pages" {
  path  = "/srv/sites/${var.address}"
  owner = user.owner
}

netns "front" {
  interface "eth0" {
    network   = var.network
    addresses = ["${var.address}/24"]
  }
}

container "web" {
  rootfs  = var.rootfs
  command = ["/bin/httpd", "-f", "-p", "80", "-c", "/etc/httpd.conf", "-h", "/pages"]
  run_as  = user.owner
  netns   = netns.front

  reload {
    signal = "HUP"
  }
  file "/etc/httpd.conf" {
    source    = "httpd.conf"
    on_change = "reload"
  }
  file "/etc/404.html" {
    template  = "404.html.tpl"
    vars      = { title = var.title }
    on_change = "none"
  }
  mount "/pages" {
    volume    = volume.pages
    read_only = true
  }
  limits {
    memory = var.memory
  }
}

output "url" {
  value = "http://${var.address}/"
}

# Imported from a `docker run` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "web"
}

variable "data" {
  type        = string
  default     = "/srv/web"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/nginx && podman export $(podman create nginx:1.27) | tar -xC /srv/rootfs/nginx
variable "rootfs_nginx" {
  type        = string
  default     = "/srv/rootfs/nginx"
  description = "Root directory of nginx:1.27."
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "web" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 8080:80: a netns has no publish
}

volume "pwd-html" {
  path = "${var.data}/pwd-html"
}

container "web" {
  rootfs = var.rootfs_nginx
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' nginx:1.27
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.web
  restart = "no"

  mount "/usr/share/nginx/html" {
    volume    = volume.pwd-html
    read_only = true
  }
}

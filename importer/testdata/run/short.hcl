# Imported from a `docker run` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "alpine"
}

variable "data" {
  type        = string
  default     = "/srv/alpine"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/alpine && podman export $(podman create alpine:3.20) | tar -xC /srv/rootfs/alpine
variable "rootfs_alpine" {
  type        = string
  default     = "/srv/rootfs/alpine"
  description = "Root directory of alpine:3.20."
}

user "alpine" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "alpine" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 8080:80: a netns has no publish
}

volume "data" {
  path  = "${var.data}/data"
  owner = user.alpine
}

container "alpine" {
  rootfs = var.rootfs_alpine
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' alpine:3.20
  command  = ["sleep", "inf"]
  workdir  = "/srv/app"
  user     = "www-data"
  netns    = netns.alpine
  hostname = "web.example.org"
  environment = {
    A = "1"
  }
  restart = "no"

  mount "/data" {
    volume = volume.data
  }
  tmpfs "/var/cache" {
    size = "64M"
    mode = "0700"
  }

  # no equal: --interactive: standard input is empty
  # no equal: --tty: there is no terminal
}

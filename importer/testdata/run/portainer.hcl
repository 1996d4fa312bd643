# Imported from a `docker run` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "portainer"
}

variable "data" {
  type        = string
  default     = "/srv/portainer"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/portainer-ce && podman export $(podman create portainer/portainer-ce:lts) | tar -xC /srv/rootfs/portainer-ce
variable "rootfs_portainer_ce" {
  type        = string
  default     = "/srv/rootfs/portainer-ce"
  description = "Root directory of portainer/portainer-ce:lts."
}

user "portainer" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "portainer" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 8000:8000: a netns has no publish
  # no equal: port 9443:9443: a netns has no publish
}

volume "portainer-data" {
  path  = "${var.data}/portainer-data"
  owner = user.portainer
}

container "portainer" {
  rootfs = var.rootfs_portainer_ce
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' portainer/portainer-ce:lts
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.portainer
  restart = "always"

  mount "/data" {
    volume = volume.portainer-data
  }

  # no equal: volume /var/run/docker.sock:/var/run/docker.sock: a socket of the host is not reached
  #   from inside
}

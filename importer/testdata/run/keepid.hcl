# Imported from a `podman run` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "dev"
}

variable "data" {
  type        = string
  default     = "/srv/dev"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/dev && podman export $(podman create localhost/dev:latest) | tar -xC /srv/rootfs/dev
variable "rootfs_dev" {
  type        = string
  default     = "/srv/rootfs/dev"
  description = "Root directory of localhost/dev:latest."
}

user "dev" {
  # changed: user namespace keep-id:uid=1000,gid=1000: it was the user who started the container;
  #   this is an account of its own
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "dev" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

# Was ./src: move or copy it here.
volume "src" {
  path  = "${var.data}/src"
  owner = user.dev
}

container "dev" {
  rootfs  = var.rootfs_dev
  command = ["/bin/bash", "-lc", "make all && echo $HOME"]
  workdir = "/src"
  run_as  = user.dev
  netns   = netns.dev
  restart = "no"

  mount "/src" {
    volume = volume.src
  }

  # no equal: --interactive: standard input is empty
  # no equal: --tty: there is no terminal
}

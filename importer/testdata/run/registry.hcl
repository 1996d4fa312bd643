# Imported from a `docker run` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "registry"
}

variable "data" {
  type        = string
  default     = "/srv/registry"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/registry && podman export $(podman create registry:3) | tar -xC /srv/rootfs/registry
variable "rootfs_registry" {
  type        = string
  default     = "/srv/rootfs/registry"
  description = "Root directory of registry:3."
}

user "registry" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "registry" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 5000:5000: a netns has no publish
}

volume "pwd-registry" {
  path  = "${var.data}/pwd-registry"
  owner = user.registry
}

volume "pwd-config-yml" {
  path  = "${var.data}/pwd-config-yml"
  owner = user.registry
}

container "registry" {
  rootfs = var.rootfs_registry
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' registry:3
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.registry
  environment = {
    REGISTRY_STORAGE_DELETE_ENABLED = "true"
  }
  restart = "always"

  mount "/var/lib/registry" {
    volume = volume.pwd-registry
  }
  mount "/etc/distribution/config.yml" {
    volume = volume.pwd-config-yml
  }
}

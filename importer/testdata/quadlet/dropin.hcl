# Imported from app.container.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "app"
}

# To make it:
# $ mkdir -p /srv/rootfs/app && podman export $(podman create quay.io/example/app:2) | tar -xC /srv/rootfs/app
variable "rootfs_app" {
  type        = string
  default     = "/srv/rootfs/app"
  description = "Root directory of quay.io/example/app:2."
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "app" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 8080:80: a netns has no publish
}

container "app" {
  rootfs = var.rootfs_app
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' quay.io/example/app:2
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.app
  environment = {
    C = "3"
  }
  restart = "no"
}

# Imported from a `docker create` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "nat64"
}

# To make it:
# $ mkdir -p /srv/rootfs/nat64 && podman export $(podman create docker.io/jool/nat64) | tar -xC /srv/rootfs/nat64
variable "rootfs_nat64" {
  type        = string
  default     = "/srv/rootfs/nat64"
  description = "Root directory of docker.io/jool/nat64."
}

network "default" {
  ipv6 = "fd00:1::/64"
  # no equal: the way out of default: a network has no nat
}

netns "nat64" {
  interface "eth0" {
    network   = network.default
    addresses = ["fd00:1::10/64"]
  }

  # no equal: port ::1:6464:64: a netns has no publish
  # no equal: port 10000-10010:10000-10010/udp: a netns has no publish
  # no equal: port 9000: a netns has no publish
}

container "nat64" {
  rootfs = var.rootfs_nat64
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/jool/nat64
  command      = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns        = netns.nat64
  restart      = "no"
  stop_timeout = "1m30s"
  # no equal: label a=b: there are no labels
  # no equal: label c=d: there are no labels
}

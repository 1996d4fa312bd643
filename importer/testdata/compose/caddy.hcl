# Imported from caddy.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "caddy"
}

# To make it:
# $ mkdir -p /srv/rootfs/caddy && podman export $(podman create caddy:2.8) | tar -xC /srv/rootfs/caddy
variable "rootfs_caddy" {
  type        = string
  default     = "/srv/rootfs/caddy"
  description = "Root directory of caddy:2.8."
}

network "front" {
  subnet = "172.16.238.0/24"
  ipv6   = "2001:db8:1::/64"
  # no equal: the way out of front: a network has no nat
}

network "back" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of back: a network has no nat
  # no equal: driver overlay: a network is a bridge
  # no equal: enable_ipv6: name a range: ipv6 = "fd20::/64"
  # no equal: driver option com.docker.network.driver.mtu=1400: a network has a range and an address
}

netns "caddy" {
  interface "eth0" {
    network   = network.front
    addresses = ["172.16.238.2/24", "2001:db8:1::2/64"]
  }
  interface "eth1" {
    network   = network.back
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port ::1:8080:80: a netns has no publish
  # no equal: port 443:443: a netns has no publish
}

container "caddy" {
  rootfs = var.rootfs_caddy
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' caddy:2.8
  command      = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns        = netns.caddy
  capabilities = ["net_bind_service"]
  restart      = "no"
}

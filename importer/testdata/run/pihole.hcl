# Imported from a `docker run` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "pihole"
}

variable "data" {
  type        = string
  default     = "/srv/pihole"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/pihole && podman export $(podman create pihole/pihole:latest) | tar -xC /srv/rootfs/pihole
variable "rootfs_pihole" {
  type        = string
  default     = "/srv/rootfs/pihole"
  description = "Root directory of pihole/pihole:latest."
}

user "pihole" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "pihole" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 53:53: a netns has no publish
  # no equal: port 53:53/udp: a netns has no publish
  # no equal: port 80:80: a netns has no publish
  # no equal: dns 127.0.0.1, 1.1.1.1: a netns has no dns
}

# Was ./etc-pihole: move or copy it here.
volume "etc-pihole" {
  path  = "${var.data}/etc-pihole"
  owner = user.pihole
}

# Was ./etc-dnsmasq.d: move or copy it here.
volume "etc-dnsmasq-d" {
  path  = "${var.data}/etc-dnsmasq-d"
  owner = user.pihole
}

container "pihole" {
  rootfs = var.rootfs_pihole
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' pihole/pihole:latest
  command  = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns    = netns.pihole
  hostname = "pi.hole"
  environment = {
    FTLCONF_LOCAL_IPV4 = "127.0.0.1"
    PROXY_LOCATION     = "pi.hole"
    TZ                 = "America/Chicago"
    VIRTUAL_HOST       = "pi.hole"
  }
  # no equal: capabilities net_admin: "net_admin" has no force in netns.pihole; a declared namespace
  #   belongs to the host: give it its addresses and rules there, or leave netns out for a network
  #   that is the container's own
  restart = "always"

  mount "/etc/pihole" {
    volume = volume.etc-pihole
  }
  mount "/etc/dnsmasq.d" {
    volume = volume.etc-dnsmasq-d
  }
}

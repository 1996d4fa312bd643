# Imported from pihole.container.
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
# $ mkdir -p /srv/rootfs/pihole && podman export $(podman create docker.io/pihole/pihole:latest) | tar -xC /srv/rootfs/pihole
variable "rootfs_pihole" {
  type        = string
  default     = "/srv/rootfs/pihole"
  description = "Root directory of docker.io/pihole/pihole:latest."
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
  # no equal: port 192.168.1.2:8053:80: a netns has no publish
  # no equal: dns 127.0.0.1, 1.1.1.1: a netns has no dns
  sysctls = {
    "net.ipv4.ip_unprivileged_port_start" = "53"
  }
}

volume "pihole-etc" {
  path  = "${var.data}/pihole-etc"
  owner = user.pihole
}

volume "dnsmasq" {
  path = "/srv/pihole/dnsmasq"
}

container "pihole" {
  rootfs = var.rootfs_pihole
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/pihole/pihole:latest
  command  = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns    = netns.pihole
  hostname = "pihole"
  environment = {
    TZ = "Europe/Berlin"
  }
  # no equal: capabilities sys_time: "sys_time" is no capability of a container; the kernel asks for
  #   it in the host's own user namespace, so that it would have no force in a container
  # no equal: capabilities net_admin: "net_admin" has no force in netns.pihole; a declared namespace
  #   belongs to the host: give it its addresses and rules there, or leave netns out for a network
  #   that is the container's own
  sysctls = {
    "kernel.msgmax" = "65536"
  }
  restart = "no"

  mount "/etc/pihole" {
    volume = volume.pihole-etc
  }
  mount "/etc/dnsmasq.d" {
    volume    = volume.dnsmasq
    read_only = true
  }
  tmpfs "/var/log/pihole" {
    size = "32M"
  }

  # no equal: --dns-search lan: the rootfs's own /etc/resolv.conf says it
}

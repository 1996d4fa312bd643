# Imported from torrent.container, vpn.container.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "torrent"
}

# To make it:
# $ mkdir -p /srv/rootfs/qbittorrent && podman export $(podman create lscr.io/linuxserver/qbittorrent:latest) | tar -xC /srv/rootfs/qbittorrent
variable "rootfs_qbittorrent" {
  type        = string
  default     = "/srv/rootfs/qbittorrent"
  description = "Root directory of lscr.io/linuxserver/qbittorrent:latest."
}

# To make it:
# $ mkdir -p /srv/rootfs/gluetun && podman export $(podman create docker.io/qmcgaw/gluetun:v3) | tar -xC /srv/rootfs/gluetun
variable "rootfs_gluetun" {
  type        = string
  default     = "/srv/rootfs/gluetun"
  description = "Root directory of docker.io/qmcgaw/gluetun:v3."
}

user "torrent" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "vpn" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 8888:8888: a netns has no publish
}

volume "torrents" {
  path  = "/srv/torrents"
  owner = user.torrent
}

container "torrent" {
  rootfs = var.rootfs_qbittorrent
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' lscr.io/linuxserver/qbittorrent:latest
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.vpn
  environment = {
    PGID  = "1000"
    PUID  = "1000"
    UMASK = "002"
  }
  restart    = "no"
  depends_on = [container.vpn]

  mount "/downloads" {
    volume = volume.torrents
  }
}

container "vpn" {
  rootfs = var.rootfs_gluetun
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/qmcgaw/gluetun:v3
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.vpn
  # no equal: capabilities net_admin: "net_admin" has no force in netns.vpn; a declared namespace
  #   belongs to the host: give it its addresses and rules there, or leave netns out for a network
  #   that is the container's own

  device "/dev/net/tun" {
  }
  restart = "no"
}

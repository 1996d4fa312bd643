# Imported from vpn.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "vpn"
}

# To make it:
# $ mkdir -p /srv/rootfs/gluetun && podman export $(podman create qmcgaw/gluetun) | tar -xC /srv/rootfs/gluetun
variable "rootfs_gluetun" {
  type        = string
  default     = "/srv/rootfs/gluetun"
  description = "Root directory of qmcgaw/gluetun."
}

# To make it:
# $ mkdir -p /srv/rootfs/qbittorrent && podman export $(podman create lscr.io/linuxserver/qbittorrent) | tar -xC /srv/rootfs/qbittorrent
variable "rootfs_qbittorrent" {
  type        = string
  default     = "/srv/rootfs/qbittorrent"
  description = "Root directory of lscr.io/linuxserver/qbittorrent."
}

# To make it:
# $ mkdir -p /srv/rootfs/prowlarr && podman export $(podman create lscr.io/linuxserver/prowlarr) | tar -xC /srv/rootfs/prowlarr
variable "rootfs_prowlarr" {
  type        = string
  default     = "/srv/rootfs/prowlarr"
  description = "Root directory of lscr.io/linuxserver/prowlarr."
}

variable "WG_KEY" {
  type        = string
  default     = ""
  description = "WG_KEY of the source, where nobody set it."
}

user "vpn" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "gluetun" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 8888:8888: a netns has no publish
  # no equal: port 8388:8388/udp: a netns has no publish
  sysctls = {
    "net.ipv6.conf.all.disable_ipv6" = "1"
  }
}

volume "yourpath" {
  path  = "/yourpath"
  owner = user.vpn
}

volume "torrents" {
  path  = "/srv/torrents"
  owner = user.vpn
}

container "gluetun" {
  rootfs = var.rootfs_gluetun
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' qmcgaw/gluetun
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.gluetun
  environment = {
    VPN_SERVICE_PROVIDER  = "ivpn"
    WIREGUARD_PRIVATE_KEY = var.WG_KEY
  }
  # no equal: capabilities net_admin: "net_admin" has no force in netns.gluetun; a declared
  #   namespace belongs to the host: give it its addresses and rules there, or leave netns out for a
  #   network that is the container's own

  device "/dev/net/tun" {
  }
  restart = "no"

  mount "/gluetun" {
    volume = volume.yourpath
  }
}

container "qbittorrent" {
  rootfs = var.rootfs_qbittorrent
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' lscr.io/linuxserver/qbittorrent
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.gluetun
  environment = {
    # changed: environment PROXY: nothing here resolves the name "gluetun"; its address is 127.0.0.1
    PROXY      = "gluetun:8888"
    WEBUI_PORT = "8080"
  }
  restart    = "no"
  depends_on = [container.gluetun]

  mount "/downloads" {
    volume = volume.torrents
  }
}

container "prowlarr" {
  rootfs = var.rootfs_prowlarr
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' lscr.io/linuxserver/prowlarr
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  restart = "no"
  # no equal: ipc host: each container has a namespace of its own
  # no equal: userns_mode host: each container has ids of its own
}

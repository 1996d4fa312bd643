# Imported from a `docker run` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "wireguard"
}

# To make it:
# $ mkdir -p /srv/rootfs/wireguard && podman export $(podman create lscr.io/linuxserver/wireguard:latest) | tar -xC /srv/rootfs/wireguard
variable "rootfs_wireguard" {
  type        = string
  default     = "/srv/rootfs/wireguard"
  description = "Root directory of lscr.io/linuxserver/wireguard:latest."
}

user "wireguard" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "wireguard" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 51820:51820/udp: a netns has no publish
  sysctls = {
    "net.ipv4.conf.all.src_valid_mark" = "1"
  }
}

volume "config" {
  path  = "/srv/wireguard/config"
  owner = user.wireguard
}

container "wireguard" {
  rootfs = var.rootfs_wireguard
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' lscr.io/linuxserver/wireguard:latest
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.wireguard
  environment = {
    PGID = "1000"
    PUID = "1000"
    TZ   = "Etc/UTC"
  }
  # no equal: capabilities sys_module: "sys_module" is no capability of a container; the kernel asks
  #   for it in the host's own user namespace, so that it would have no force in a container
  # no equal: capabilities net_admin: "net_admin" has no force in netns.wireguard; a declared
  #   namespace belongs to the host: give it its addresses and rules there, or leave netns out for a
  #   network that is the container's own
  restart = "always"

  mount "/config" {
    volume = volume.config
  }

  # no equal: volume /lib/modules:/lib/modules: /lib/modules cannot be a volume; /lib holds the
  #   system's libraries; keep data in a directory of its own, such as one below /srv
}

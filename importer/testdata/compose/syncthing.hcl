# Imported from syncthing.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "syncthing"
}

# To make it:
# $ mkdir -p /srv/rootfs/syncthing && podman export $(podman create syncthing/syncthing) | tar -xC /srv/rootfs/syncthing
variable "rootfs_syncthing" {
  type        = string
  default     = "/srv/rootfs/syncthing"
  description = "Root directory of syncthing/syncthing."
}

user "syncthing" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "syncthing" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 8384:8384: a netns has no publish
  # no equal: port 22000:22000: a netns has no publish
  # no equal: port 21027:21027/udp: a netns has no publish
}

volume "syncthing" {
  path  = "/srv/syncthing"
  owner = user.syncthing
}

container "syncthing" {
  rootfs = var.rootfs_syncthing
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' syncthing/syncthing
  command  = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns    = netns.syncthing
  hostname = "my-syncthing"
  environment = {
    PGID = "1000"
    PUID = "1000"
  }
  restart = "always"

  mount "/var/syncthing" {
    volume = volume.syncthing
  }

  # no equal: volume /anonymous/data: /srv/syncthing/syncthing-data lies inside /srv/syncthing, the
  #   path of volume.syncthing; whoever mounts the outer volume would hold the inner one; put them
  #   side by side

  health {
    exec = [
      "/bin/sh",
      "-c",
      "curl -fkLsS -m 2 127.0.0.1:8384/rest/noauth/health | grep -o --color=never OK || exit 1",
    ]
    interval = "1m0s"
    timeout  = "10s"
    retries  = 3
  }
}

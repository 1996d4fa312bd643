# Imported from jellyfin.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "jellyfin"
}

# To make it:
# $ mkdir -p /srv/rootfs/jellyfin && podman export $(podman create lscr.io/linuxserver/jellyfin:latest) | tar -xC /srv/rootfs/jellyfin
variable "rootfs_jellyfin" {
  type        = string
  default     = "/srv/rootfs/jellyfin"
  description = "Root directory of lscr.io/linuxserver/jellyfin:latest."
}

user "jellyfin" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "jellyfin" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 8096:8096: a netns has no publish
  # no equal: port 8920:8920: a netns has no publish
  # no equal: port 7359:7359/udp: a netns has no publish
  # no equal: port 1900:1900/udp: a netns has no publish
}

volume "library" {
  path  = "/srv/jellyfin/library"
  owner = user.jellyfin
}

volume "media" {
  path = "/srv/media"
}

container "jellyfin" {
  rootfs = var.rootfs_jellyfin
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' lscr.io/linuxserver/jellyfin:latest
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.jellyfin
  environment = {
    JELLYFIN_PublishedServerUrl = "http://192.168.0.5"
    PGID                        = "1000"
    PUID                        = "1000"
    TZ                          = "Etc/UTC"
  }
  groups = ["video"]

  device "/dev/dri" {
  }
  restart = "always"

  mount "/config" {
    volume = volume.library
  }

  # no equal: volume /srv/media/tvseries:/data/tvshows: /srv/media/tvseries lies inside /srv/media,
  #   the path of volume.media; whoever mounts the outer volume would hold the inner one; put them
  #   side by side
  # no equal: volume /srv/media/movies:/data/movies: /srv/media/movies lies inside /srv/media, the
  #   path of volume.media; whoever mounts the outer volume would hold the inner one; put them side
  #   by side

  mount "/data/all" {
    volume    = volume.media
    read_only = true
  }
}

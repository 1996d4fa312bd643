# Imported from a `docker run` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "jellyfin"
}

variable "data" {
  type        = string
  default     = "/srv/jellyfin"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/jellyfin && podman export $(podman create jellyfin/jellyfin) | tar -xC /srv/rootfs/jellyfin
variable "rootfs_jellyfin" {
  type        = string
  default     = "/srv/rootfs/jellyfin"
  description = "Root directory of jellyfin/jellyfin."
}

user "jellyfin" {
}

volume "media" {
  path = "/srv/media"
}

volume "jellyfin-config" {
  path  = "${var.data}/jellyfin-config"
  owner = user.jellyfin
}

container "jellyfin" {
  rootfs = var.rootfs_jellyfin
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' jellyfin/jellyfin
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  user    = "1000:1000"
  groups  = ["122"]

  device "/dev/dri/renderD128" {
  }
  restart = "no"

  mount "/media" {
    volume    = volume.media
    read_only = true
  }
  mount "/config" {
    volume = volume.jellyfin-config
  }
  tmpfs "/cache" {
    size = "256M"
    mode = "0777"
  }

  # no equal: network host: a container never has the host's network
}

# Imported from jellyfin.container.
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
# $ mkdir -p /srv/rootfs/jellyfin && podman export $(podman create docker.io/jellyfin/jellyfin:latest) | tar -xC /srv/rootfs/jellyfin
variable "rootfs_jellyfin" {
  type        = string
  default     = "/srv/rootfs/jellyfin"
  description = "Root directory of docker.io/jellyfin/jellyfin:latest."
}

user "jellyfin" {
}

volume "jellyfin-config" {
  path  = "${var.data}/jellyfin-config"
  owner = user.jellyfin
}

volume "media" {
  path = "/srv/media"
}

container "jellyfin" {
  rootfs = var.rootfs_jellyfin
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/jellyfin/jellyfin:latest
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  user    = "1000:1000"
  restart = "no"

  mount "/config" {
    volume = volume.jellyfin-config
  }
  mount "/media" {
    volume    = volume.media
    read_only = true
  }
  tmpfs "/cache" {
    size = "512M"
    mode = "0777"
  }
  limits {
    memory = "4G"
    cpu    = 2
  }

  # no equal: network host: a container never has the host's network
  # no equal: volume jellyfin-config:/config:Z, option Z: files are not relabelled for SELinux
  # no equal: volume /srv/media:/media:ro,rslave, option rslave: a mount has no such option
  # no equal: group-add keep-groups: nothing of the caller's groups is inherited
  # no equal: --device-cgroup-rule c 226:* rmw: a container has no devices of the host
  # no equal: SuccessExitStatus=0 143: the unit is hostctl's own
}

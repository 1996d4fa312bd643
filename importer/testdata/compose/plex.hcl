# Imported from plex.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "plex"
}

# To make it:
# $ mkdir -p /srv/rootfs/pms-docker && podman export $(podman create plexinc/pms-docker) | tar -xC /srv/rootfs/pms-docker
variable "rootfs_pms_docker" {
  type        = string
  default     = "/srv/rootfs/pms-docker"
  description = "Root directory of plexinc/pms-docker."
}

user "plex" {
}

network "physical" {
  subnet = "10.1.1.0/24"
  # no equal: the way out of physical: a network has no nat
  # no equal: driver macvlan: a network is a bridge
  # no equal: driver option parent=eth1: a network has a range and an address
}

netns "plex" {
  interface "eth0" {
    network   = network.physical
    addresses = ["10.1.1.23/24"]
  }
}

volume "database" {
  path  = "/srv/plex/database"
  owner = user.plex
}

volume "temp" {
  path  = "/srv/plex/transcode/temp"
  owner = user.plex
}

volume "media" {
  path  = "/srv/plex/media"
  owner = user.plex
}

container "plex" {
  rootfs = var.rootfs_pms_docker
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' plexinc/pms-docker
  command  = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns    = netns.plex
  hostname = "plexServer"
  environment = {
    ADVERTISE_IP = "http://10.1.1.23:32400/"
    PLEX_CLAIM   = ""
    TZ           = "Europe/Paris"
  }
  restart = "no"

  mount "/config" {
    volume = volume.database
  }
  mount "/transcode" {
    volume = volume.temp
  }
  mount "/data" {
    volume = volume.media
  }
}

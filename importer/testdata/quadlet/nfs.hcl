# Imported from backup.container, backup.volume.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "backup"
}

variable "data" {
  type        = string
  default     = "/srv/backup"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/restic && podman export $(podman create docker.io/restic/restic:0.17.1) | tar -xC /srv/rootfs/restic
variable "rootfs_restic" {
  type        = string
  default     = "/srv/rootfs/restic"
  description = "Root directory of docker.io/restic/restic:0.17.1."
}

user "backup" {
}

volume "backup" {
  path  = "${var.data}/backup"
  owner = user.backup
  # no equal: Driver=local: a volume is a directory of the host
  # no equal: Type=nfs: a volume is a directory of the host
  # no equal: Options=vers=4,soft: a volume is a directory of the host
  # no equal: Device=10.0.0.1:/export: a volume is a directory of the host; mount the device there,
  #   and name that as its mountpoint
}

container "backup" {
  rootfs = var.rootfs_restic
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/restic/restic:0.17.1
  command = ["backup", "/data dir"]
  restart = "no"

  mount "/repo" {
    volume = volume.backup
  }

  # changed: no [Install]: it is started with the others; enabled = false keeps it stopped
  # no equal: ConditionPathExists=/srv: the unit is hostctl's own
  # no equal: Before=nginx.service: the unit is hostctl's own
}

# Imported from a `podman run` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "debian"
}

# To make it:
# $ mkdir -p /srv/rootfs/debian && podman export $(podman create docker.io/library/debian:bookworm) | tar -xC /srv/rootfs/debian
variable "rootfs_debian" {
  type        = string
  default     = "/srv/rootfs/debian"
  description = "Root directory of docker.io/library/debian:bookworm."
}

container "debian" {
  rootfs = var.rootfs_debian
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/library/debian:bookworm
  command          = ["/bin/sh", "-c", "exec \"$0\" \"$@\"", "./job.sh", "--once"]
  oom_score_adjust = 500
  restart          = "no"

  limits {
    cpu = 0.5
  }

  # no equal: --cpuset-cpus 0-1: no processors are chosen
}

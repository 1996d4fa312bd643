# Imported from a `docker run` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "some-postgres"
}

# To make it:
# $ mkdir -p /srv/rootfs/postgres && podman export $(podman create postgres:16-alpine) | tar -xC /srv/rootfs/postgres
variable "rootfs_postgres" {
  type        = string
  default     = "/srv/rootfs/postgres"
  description = "Root directory of postgres:16-alpine."
}

user "some-postgres" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "some-postgres" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

volume "mount" {
  path  = "/custom/mount"
  owner = user.some-postgres
}

container "some-postgres" {
  rootfs = var.rootfs_postgres
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' postgres:16-alpine
  command = [
    "/bin/sh",
    "-c",
    "echo the command of this container is not set >&2; exit 78",
    "-c",
    "shared_buffers=256MB",
    "-c",
    "max_connections=200",
  ]
  netns = netns.some-postgres
  environment = {
    PGDATA            = "/var/lib/postgresql/data/pgdata"
    POSTGRES_PASSWORD = "mysecretpassword"
  }
  shm_size = "256M"
  restart  = "no"

  mount "/var/lib/postgresql/data" {
    volume = volume.mount
  }
}

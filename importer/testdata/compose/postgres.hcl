# Imported from postgres.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "postgres"
}

variable "data" {
  type        = string
  default     = "/srv/postgres"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/postgres && podman export $(podman create postgres:16) | tar -xC /srv/rootfs/postgres
variable "rootfs_postgres" {
  type        = string
  default     = "/srv/rootfs/postgres"
  description = "Root directory of postgres:16."
}

variable "POSTGRES_PASSWORD" {
  type        = string
  default     = ""
  description = "POSTGRES_PASSWORD of the source, where nobody set it."
}

user "postgres" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "postgres" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

volume "pgdata" {
  path  = "${var.data}/pgdata"
  owner = user.postgres
}

container "postgres" {
  rootfs = var.rootfs_postgres
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' postgres:16
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  user    = "postgres"
  netns   = netns.postgres
  environment = {
    DSN               = "postgres://app:@localhost/app?pay=$5&x=100%"
    PGDATA            = "/var/lib/postgresql/data/pgdata"
    POSTGRES_PASSWORD = var.POSTGRES_PASSWORD
    POSTGRES_USER     = "app"
  }
  rlimits = {
    nproc = "65535"
  }
  shm_size     = "128M"
  restart      = "no"
  stop_signal  = "INT"
  stop_timeout = "1m0s"

  mount "/var/lib/postgresql/data" {
    volume = volume.pgdata
  }
  tmpfs "/run/postgresql" {
    size = "16M"
    mode = "0755"
  }
  limits {
    files = 40000
  }
  health {
    exec         = ["/bin/sh", "-c", "pg_isready -U $${POSTGRES_USER}"]
    interval     = "10s"
    timeout      = "5s"
    retries      = 5
    start_period = "1m30s"
  }

  # changed: ulimit nofile=20000:40000: soft and hard limit are one
}

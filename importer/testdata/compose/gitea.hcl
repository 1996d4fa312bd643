# Imported from gitea.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "gitea"
}

variable "data" {
  type        = string
  default     = "/srv/gitea"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/gitea && podman export $(podman create docker.gitea.com/gitea:1.22.3) | tar -xC /srv/rootfs/gitea
variable "rootfs_gitea" {
  type        = string
  default     = "/srv/rootfs/gitea"
  description = "Root directory of docker.gitea.com/gitea:1.22.3."
}

# To make it:
# $ mkdir -p /srv/rootfs/postgres && podman export $(podman create docker.io/library/postgres:14) | tar -xC /srv/rootfs/postgres
variable "rootfs_postgres" {
  type        = string
  default     = "/srv/rootfs/postgres"
  description = "Root directory of docker.io/library/postgres:14."
}

user "gitea" {
}

network "gitea" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of gitea: a network has no nat
}

netns "server" {
  interface "eth0" {
    network   = network.gitea
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 3000:3000: a netns has no publish
  # no equal: port 222:22: a netns has no publish
}

netns "db" {
  interface "eth0" {
    network   = network.gitea
    addresses = ["10.89.0.3/24"]
  }
}

# Was ./gitea: move or copy it here.
volume "gitea" {
  path  = "${var.data}/gitea"
  owner = user.gitea
}

# Was ./postgres: move or copy it here.
volume "postgres" {
  path  = "${var.data}/postgres"
  owner = user.gitea
}

container "server" {
  rootfs = var.rootfs_gitea
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.gitea.com/gitea:1.22.3
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.server
  environment = {
    GITEA__database__DB_TYPE = "postgres"
    # changed: environment GITEA__database__HOST: nothing here resolves the name "db"; its address
    #   is 10.89.0.3
    GITEA__database__HOST = "db:5432"
    GITEA__database__NAME = "gitea"
    USER_GID              = "1000"
    USER_UID              = "1000"
  }
  restart    = "always"
  depends_on = [container.db]

  mount "/data" {
    volume = volume.gitea
  }

  # no equal: volume /etc/timezone:/etc/timezone:ro: a volume is a directory; copy the file beside
  #   this one and write file "/etc/timezone" { source = ... }
  # no equal: volume /etc/localtime:/etc/localtime:ro: a volume is a directory; copy the file beside
  #   this one and write file "/etc/localtime" { source = ... }
  # changed: container_name gitea: the unit is named after the container's block
}

container "db" {
  rootfs = var.rootfs_postgres
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/library/postgres:14
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.db
  environment = {
    POSTGRES_DB       = "gitea"
    POSTGRES_PASSWORD = "gitea"
    POSTGRES_USER     = "gitea"
  }
  restart = "always"

  mount "/var/lib/postgresql/data" {
    volume = volume.postgres
  }
}

# Imported from nextcloud.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "nextcloud"
}

variable "data" {
  type        = string
  default     = "/srv/nextcloud"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/postgres && podman export $(podman create postgres:16-alpine) | tar -xC /srv/rootfs/postgres
variable "rootfs_postgres" {
  type        = string
  default     = "/srv/rootfs/postgres"
  description = "Root directory of postgres:16-alpine."
}

# To make it:
# $ mkdir -p /srv/rootfs/redis && podman export $(podman create redis:alpine) | tar -xC /srv/rootfs/redis
variable "rootfs_redis" {
  type        = string
  default     = "/srv/rootfs/redis"
  description = "Root directory of redis:alpine."
}

# To make it:
# $ mkdir -p /srv/rootfs/nextcloud && podman export $(podman create nextcloud:apache) | tar -xC /srv/rootfs/nextcloud
variable "rootfs_nextcloud" {
  type        = string
  default     = "/srv/rootfs/nextcloud"
  description = "Root directory of nextcloud:apache."
}

user "nextcloud" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "db" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

netns "redis" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.3/24"]
  }
}

netns "app" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.4/24"]
  }

  # no equal: port 127.0.0.1:8080:80: a netns has no publish
}

netns "cron" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.5/24"]
  }

  # no equal: port 127.0.0.1:8080:80: a netns has no publish
}

volume "db" {
  path  = "${var.data}/db"
  owner = user.nextcloud
}

volume "nextcloud" {
  path  = "${var.data}/nextcloud"
  owner = user.nextcloud
}

container "db" {
  rootfs = var.rootfs_postgres
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' postgres:16-alpine
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.db
  environment = {
    POSTGRES_DB       = "nextcloud"
    POSTGRES_PASSWORD = "change me"
    POSTGRES_USER     = "nextcloud"
  }
  restart = "always"

  mount "/var/lib/postgresql/data" {
    volume = volume.db
  }

  # changed: environment file parts/db.env: its variables stand in environment
}

container "redis" {
  rootfs = var.rootfs_redis
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' redis:alpine
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.redis
  restart = "always"
}

container "app" {
  rootfs = var.rootfs_nextcloud
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' nextcloud:apache
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.app
  environment = {
    POSTGRES_DB = "nextcloud"
    # changed: environment POSTGRES_HOST: nothing here resolves the name "db"; its address is
    #   10.89.0.2
    POSTGRES_HOST     = "db"
    POSTGRES_PASSWORD = "change me"
    POSTGRES_USER     = "nextcloud"
    # changed: environment REDIS_HOST: nothing here resolves the name "redis"; its address is
    #   10.89.0.3
    REDIS_HOST = "redis"
  }
  restart    = "always"
  depends_on = [container.db, container.redis]

  mount "/var/www/html" {
    volume = volume.nextcloud
  }

  # changed: environment file parts/db.env: its variables stand in environment
}

container "cron" {
  rootfs  = var.rootfs_nextcloud
  command = ["/cron.sh"]
  netns   = netns.cron
  environment = {
    POSTGRES_DB = "nextcloud"
    # changed: environment POSTGRES_HOST: nothing here resolves the name "db"; its address is
    #   10.89.0.2
    POSTGRES_HOST     = "db"
    POSTGRES_PASSWORD = "change me"
    POSTGRES_USER     = "nextcloud"
    # changed: environment REDIS_HOST: nothing here resolves the name "redis"; its address is
    #   10.89.0.3
    REDIS_HOST = "redis"
  }
  restart    = "always"
  depends_on = [container.db, container.redis]

  mount "/var/www/html" {
    volume = volume.nextcloud
  }

  # changed: environment file parts/db.env: its variables stand in environment
}

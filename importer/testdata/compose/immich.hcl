# Imported from immich.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "immich"
}

variable "data" {
  type        = string
  default     = "/srv/immich"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/immich-server && podman export $(podman create ghcr.io/immich-app/immich-server:release) | tar -xC /srv/rootfs/immich-server
variable "rootfs_immich_server" {
  type        = string
  default     = "/srv/rootfs/immich-server"
  description = "Root directory of ghcr.io/immich-app/immich-server:release."
}

# To make it:
# $ mkdir -p /srv/rootfs/immich-machine-learning && podman export $(podman create ghcr.io/immich-app/immich-machine-learning:release) | tar -xC /srv/rootfs/immich-machine-learning
variable "rootfs_immich_machine_learning" {
  type        = string
  default     = "/srv/rootfs/immich-machine-learning"
  description = "Root directory of ghcr.io/immich-app/immich-machine-learning:release."
}

# To make it:
# $ mkdir -p /srv/rootfs/redis && podman export $(podman create docker.io/redis:6.2-alpine@sha256:2ba50e1ac3a0ea17b736ce9db2b0a9f6f8b85d4c27d5f5accc6a416d8f42c6d5) | tar -xC /srv/rootfs/redis
variable "rootfs_redis" {
  type        = string
  default     = "/srv/rootfs/redis"
  description = "Root directory of docker.io/redis:6.2-alpine@sha256:2ba50e1ac3a0ea17b736ce9db2b0a9f6f8b85d4c27d5f5accc6a416d8f42c6d5."
}

# To make it:
# $ mkdir -p /srv/rootfs/pgvecto-rs && podman export $(podman create docker.io/tensorchord/pgvecto-rs:pg14-v0.2.0) | tar -xC /srv/rootfs/pgvecto-rs
variable "rootfs_pgvecto_rs" {
  type        = string
  default     = "/srv/rootfs/pgvecto-rs"
  description = "Root directory of docker.io/tensorchord/pgvecto-rs:pg14-v0.2.0."
}

variable "DB_DATABASE_NAME" {
  type        = string
  default     = ""
  description = "DB_DATABASE_NAME of the source, where nobody set it."
}

variable "DB_PASSWORD" {
  type        = string
  default     = ""
  description = "DB_PASSWORD of the source, where nobody set it."
}

variable "DB_USERNAME" {
  type        = string
  default     = ""
  description = "DB_USERNAME of the source, where nobody set it."
}

user "immich" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "immich-server" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 2283:3001: a netns has no publish
}

netns "immich-machine-learning" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.3/24"]
  }
}

netns "redis" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.4/24"]
  }
}

netns "database" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.5/24"]
  }
}

volume "model-cache" {
  path  = "${var.data}/model-cache"
  owner = user.immich
}

# Was ./library: move or copy it here.
volume "library" {
  path  = "${var.data}/library"
  owner = user.immich
}

# Was ./postgres: move or copy it here.
volume "postgres" {
  path  = "${var.data}/postgres"
  owner = user.immich
}

container "immich-server" {
  rootfs = var.rootfs_immich_server
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' ghcr.io/immich-app/immich-server:release
  command    = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns      = netns.immich-server
  restart    = "always"
  depends_on = [container.database, container.redis]

  mount "/usr/src/app/upload" {
    volume = volume.library
  }

  # no equal: volume /etc/localtime:/etc/localtime:ro: a volume is a directory; copy the file beside
  #   this one and write file "/etc/localtime" { source = ... }
  # changed: container_name immich_server: the unit is named after the container's block
}

container "immich-machine-learning" {
  rootfs = var.rootfs_immich_machine_learning
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' ghcr.io/immich-app/immich-machine-learning:release
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.immich-machine-learning
  restart = "always"

  mount "/cache" {
    volume = volume.model-cache
  }

  # changed: container_name immich_machine_learning: the unit is named after the container's block
  # no equal: deploy.resources.reservations: limits are ceilings
}

container "redis" {
  rootfs = var.rootfs_redis
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/redis:6.2-alpine@sha256:2ba50e1ac3a0ea17b736ce9db2b0a9f6f8b85d4c27d5f5accc6a416d8f42c6d5
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.redis
  restart = "always"

  health {
    exec = ["/bin/sh", "-c", "redis-cli ping || exit 1"]
  }

  # changed: container_name immich_redis: the unit is named after the container's block
}

container "database" {
  rootfs = var.rootfs_pgvecto_rs
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/tensorchord/pgvecto-rs:pg14-v0.2.0
  command = [
    "postgres",
    "-c",
    "shared_preload_libraries=vectors.so",
    "-c",
    "search_path=\"$user\", public, vectors",
    "-c",
    "max_wal_size=2GB",
  ]
  netns = netns.database
  environment = {
    POSTGRES_DB          = var.DB_DATABASE_NAME
    POSTGRES_INITDB_ARGS = "--data-checksums"
    POSTGRES_PASSWORD    = var.DB_PASSWORD
    POSTGRES_USER        = var.DB_USERNAME
  }
  restart = "always"

  mount "/var/lib/postgresql/data" {
    volume = volume.postgres
  }
  health {
    exec = [
      "/bin/sh",
      "-c",
      "pg_isready --dbname=\"$${POSTGRES_DB}\" --username=\"$${POSTGRES_USER}\" || exit 1; echo \"checksum failure count is $?\"",
    ]
    interval     = "5m0s"
    start_period = "5m0s"
  }

  # changed: container_name immich_postgres: the unit is named after the container's block
}

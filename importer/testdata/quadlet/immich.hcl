# Imported from database.image, immich-database.container, immich-redis.container,
#   immich-server.container, immich.network.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "immich-database"
}

variable "data" {
  type        = string
  default     = "/srv/immich-database"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/postgres && podman export $(podman create ghcr.io/immich-app/postgres:14-vectorchord0.4.3) | tar -xC /srv/rootfs/postgres
variable "rootfs_postgres" {
  type        = string
  default     = "/srv/rootfs/postgres"
  description = "Root directory of ghcr.io/immich-app/postgres:14-vectorchord0.4.3."
}

# To make it:
# $ mkdir -p /srv/rootfs/valkey && podman export $(podman create docker.io/valkey/valkey:8-bookworm) | tar -xC /srv/rootfs/valkey
variable "rootfs_valkey" {
  type        = string
  default     = "/srv/rootfs/valkey"
  description = "Root directory of docker.io/valkey/valkey:8-bookworm."
}

# To make it:
# $ mkdir -p /srv/rootfs/immich-server && podman export $(podman create ghcr.io/immich-app/immich-server:release) | tar -xC /srv/rootfs/immich-server
variable "rootfs_immich_server" {
  type        = string
  default     = "/srv/rootfs/immich-server"
  description = "Root directory of ghcr.io/immich-app/immich-server:release."
}

user "immich-server" {
  # changed: user namespace keep-id: it was the user who started the container; this is an account
  #   of its own
}

user "immich-database" {
}

network "immich" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of immich: a network has no nat
}

netns "immich-database" {
  interface "eth0" {
    network   = network.immich
    addresses = ["10.89.0.2/24"]
  }
}

netns "immich-redis" {
  interface "eth0" {
    network   = network.immich
    addresses = ["10.89.0.3/24"]
  }
}

netns "immich-server" {
  interface "eth0" {
    network   = network.immich
    addresses = ["10.89.0.4/24"]
  }

  # no equal: port 2283:2283: a netns has no publish
}

volume "immich-database" {
  path  = "${var.data}/immich-database"
  owner = user.immich-database
}

# Was %h/immich/library: move or copy it here.
volume "immich-library" {
  path  = "${var.data}/immich-library"
  owner = user.immich-server
}

container "immich-database" {
  rootfs = var.rootfs_postgres
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' ghcr.io/immich-app/postgres:14-vectorchord0.4.3
  command = [
    "postgres",
    "-c",
    "shared_preload_libraries=vectors.so",
    "-c",
    "search_path=\"$user\", public, vectors",
    "-c",
    "max_wal_size=2GB",
  ]
  netns    = netns.immich-database
  shm_size = "128M"
  restart  = "no"

  mount "/var/lib/postgresql/data" {
    volume = volume.immich-database
  }

  # changed: no [Install]: it is started with the others; enabled = false keeps it stopped
}

container "immich-redis" {
  rootfs = var.rootfs_valkey
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/valkey/valkey:8-bookworm
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.immich-redis
  restart = "no"

  health {
    exec = ["/bin/sh", "-c", "redis-cli ping || exit 1"]
  }

  # changed: no [Install]: it is started with the others; enabled = false keeps it stopped
}

# Immich Server
container "immich-server" {
  rootfs = var.rootfs_immich_server
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' ghcr.io/immich-app/immich-server:release
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  run_as  = user.immich-server
  netns   = netns.immich-server
  environment = {
    # changed: environment DB_HOSTNAME: nothing here resolves the name "immich-database"; its
    #   address is 10.89.0.2
    DB_HOSTNAME = "immich-database"
    # changed: environment REDIS_HOSTNAME: nothing here resolves the name "immich-redis"; its
    #   address is 10.89.0.3
    REDIS_HOSTNAME = "immich-redis"
  }

  device "/dev/dri" {
  }
  restart    = "always"
  depends_on = [container.immich-redis, container.immich-database]

  mount "/usr/src/app/upload" {
    volume = volume.immich-library
  }

  # no equal: volume /etc/localtime:/etc/localtime:ro: a volume is a directory; copy the file beside
  #   this one and write file "/etc/localtime" { source = ... }
  # changed: ContainerName=immich_server: the unit is named after the container's block
  # no equal: AutoUpdate=registry: nothing is updated by itself
  # no equal: volume %h/immich/library:/usr/src/app/upload:Z, option Z: files are not relabelled for
  #   SELinux
}

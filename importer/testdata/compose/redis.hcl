# Imported from redis.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "redis"
}

variable "data" {
  type        = string
  default     = "/srv/redis"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/redis && podman export $(podman create redis:7-alpine) | tar -xC /srv/rootfs/redis
variable "rootfs_redis" {
  type        = string
  default     = "/srv/rootfs/redis"
  description = "Root directory of redis:7-alpine."
}

# To make it:
# $ mkdir -p /srv/rootfs/redis-commander && podman export $(podman create rediscommander/redis-commander:latest) | tar -xC /srv/rootfs/redis-commander
variable "rootfs_redis_commander" {
  type        = string
  default     = "/srv/rootfs/redis-commander"
  description = "Root directory of rediscommander/redis-commander:latest."
}

variable "REDIS_PASSWORD" {
  type        = string
  default     = ""
  description = "REDIS_PASSWORD of the source, where nobody set it."
}

user "redis" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "redis" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 6379: a netns has no publish
  sysctls = {
    "net.core.somaxconn" = "1024"
  }
}

netns "commander" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.3/24"]
  }

  # no equal: port 127.0.0.1:8081:8081: a netns has no publish
}

volume "cache" {
  path  = "${var.data}/cache"
  owner = user.redis
}

container "redis" {
  rootfs = var.rootfs_redis
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' redis:7-alpine
  command = [
    "redis-server",
    "--save",
    "20",
    "1",
    "--loglevel",
    "warning",
    "--requirepass",
    "it's ${var.REDIS_PASSWORD}",
  ]
  netns   = netns.redis
  restart = "no"

  mount "/data" {
    volume = volume.cache
  }
  limits {
    memory = "256M"
    cpu    = 0.5
    tasks  = 100
  }

  # no equal: memswap_limit: swap is not used beyond limits.memory
}

container "commander" {
  rootfs = var.rootfs_redis_commander
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' rediscommander/redis-commander:latest
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.commander
  environment = {
    REDIS_HOSTS = "local:redis:6379"
  }
  restart    = "no"
  depends_on = [container.redis]
  enabled    = false
  # changed: profiles debug, tools: it is stopped until enabled says otherwise
}

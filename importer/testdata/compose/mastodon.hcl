# Imported from mastodon.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "mastodon"
}

variable "data" {
  type        = string
  default     = "/srv/mastodon"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/postgres && podman export $(podman create postgres:14-alpine) | tar -xC /srv/rootfs/postgres
variable "rootfs_postgres" {
  type        = string
  default     = "/srv/rootfs/postgres"
  description = "Root directory of postgres:14-alpine."
}

# To make it:
# $ mkdir -p /srv/rootfs/redis && podman export $(podman create redis:7-alpine) | tar -xC /srv/rootfs/redis
variable "rootfs_redis" {
  type        = string
  default     = "/srv/rootfs/redis"
  description = "Root directory of redis:7-alpine."
}

# To make it:
# $ mkdir -p /srv/rootfs/mastodon && podman export $(podman create ghcr.io/mastodon/mastodon:v4.3.0) | tar -xC /srv/rootfs/mastodon
variable "rootfs_mastodon" {
  type        = string
  default     = "/srv/rootfs/mastodon"
  description = "Root directory of ghcr.io/mastodon/mastodon:v4.3.0."
}

user "mastodon" {
}

network "external-network" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of external_network: a network has no nat
}

network "internal-network" {
  subnet = "10.89.1.0/24"
}

netns "db" {
  interface "eth0" {
    network   = network.internal-network
    addresses = ["10.89.1.2/24"]
  }
}

netns "redis" {
  interface "eth0" {
    network   = network.internal-network
    addresses = ["10.89.1.3/24"]
  }
}

netns "web" {
  interface "eth0" {
    network   = network.external-network
    addresses = ["10.89.0.2/24"]
  }
  interface "eth1" {
    network   = network.internal-network
    addresses = ["10.89.1.4/24"]
  }

  # no equal: port 127.0.0.1:3000:3000: a netns has no publish
}

netns "sidekiq" {
  interface "eth0" {
    network   = network.external-network
    addresses = ["10.89.0.3/24"]
  }
  interface "eth1" {
    network   = network.internal-network
    addresses = ["10.89.1.5/24"]
  }
}

# Was ./postgres14: move or copy it here.
volume "postgres14" {
  path  = "${var.data}/postgres14"
  owner = user.mastodon
}

# Was ./redis: move or copy it here.
volume "redis" {
  path  = "${var.data}/redis"
  owner = user.mastodon
}

# Was ./public/system: move or copy it here.
volume "public-system" {
  path  = "${var.data}/public-system"
  owner = user.mastodon
}

container "db" {
  rootfs = var.rootfs_postgres
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' postgres:14-alpine
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.db
  environment = {
    POSTGRES_HOST_AUTH_METHOD = "trust"
  }
  shm_size = "256M"
  restart  = "always"

  mount "/var/lib/postgresql/data" {
    volume = volume.postgres14
  }
  health {
    exec = ["pg_isready", "-U", "postgres"]
  }
}

container "redis" {
  rootfs = var.rootfs_redis
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' redis:7-alpine
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.redis
  restart = "always"

  mount "/data" {
    volume = volume.redis
  }
  health {
    exec = ["redis-cli", "ping"]
  }
}

container "web" {
  rootfs = var.rootfs_mastodon
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' ghcr.io/mastodon/mastodon:v4.3.0
  command = ["bundle", "exec", "puma", "-C", "config/puma.rb"]
  netns   = netns.web
  environment = {
    # changed: environment DB_HOST: nothing here resolves the name "db"; its address is 10.89.1.2
    DB_HOST      = "db"
    LOCAL_DOMAIN = "social.example.com"
    # changed: environment REDIS_HOST: nothing here resolves the name "redis"; its address is
    #   10.89.1.3
    REDIS_HOST = "redis"
  }
  restart    = "always"
  depends_on = [healthy(container.db), healthy(container.redis)]

  mount "/mastodon/public/system" {
    volume = volume.public-system
  }
  health {
    exec = [
      "/bin/sh",
      "-c",
      "curl -s --noproxy localhost localhost:3000/health | grep -q 'OK' || exit 1",
    ]
  }

  # no equal: build .: images are not built here; `podman build -t ghcr.io/mastodon/mastodon:v4.3.0`
  #   makes it
  # changed: environment file parts/mastodon.env: its variables stand in environment
}

container "sidekiq" {
  rootfs = var.rootfs_mastodon
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' ghcr.io/mastodon/mastodon:v4.3.0
  command = ["bundle", "exec", "sidekiq"]
  netns   = netns.sidekiq
  environment = {
    # changed: environment DB_HOST: nothing here resolves the name "db"; its address is 10.89.1.2
    DB_HOST      = "db"
    LOCAL_DOMAIN = "social.example.com"
    # changed: environment REDIS_HOST: nothing here resolves the name "redis"; its address is
    #   10.89.1.3
    REDIS_HOST = "redis"
  }
  restart    = "always"
  depends_on = [container.db, container.redis]

  mount "/mastodon/public/system" {
    volume = volume.public-system
  }

  # changed: environment file parts/mastodon.env: its variables stand in environment
  # no equal: 3 replicas: this is one of them; for_each makes more, each with an address of its own
}

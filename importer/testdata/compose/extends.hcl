# Imported from extends.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "extends"
}

variable "data" {
  type        = string
  default     = "/srv/extends"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/app && podman export $(podman create example/app:3) | tar -xC /srv/rootfs/app
variable "rootfs_app" {
  type        = string
  default     = "/srv/rootfs/app"
  description = "Root directory of example/app:3."
}

# To make it:
# $ mkdir -p /srv/rootfs/rabbitmq && podman export $(podman create rabbitmq:3) | tar -xC /srv/rootfs/rabbitmq
variable "rootfs_rabbitmq" {
  type        = string
  default     = "/srv/rootfs/rabbitmq"
  description = "Root directory of rabbitmq:3."
}

user "extends" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "web" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 8000:8000: a netns has no publish
}

netns "worker" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.3/24"]
  }
}

netns "broker" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.4/24"]
  }
}

# Was ./media: move or copy it here.
volume "media" {
  path  = "${var.data}/media"
  owner = user.extends
}

# Was ./parts/static: move or copy it here.
volume "parts-static" {
  path = "${var.data}/parts-static"
}

container "web" {
  rootfs = var.rootfs_app
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' example/app:3
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.web
  environment = {
    # changed: environment BROKER: nothing here resolves the name "broker"; its address is 10.89.0.4
    BROKER            = "amqp://broker:5672"
    POSTGRES_DB       = "nextcloud"
    POSTGRES_PASSWORD = "change me"
    POSTGRES_USER     = "nextcloud"
    ROLE              = "web"
  }
  restart = "always"

  mount "/media" {
    volume = volume.media
  }
  mount "/static" {
    volume    = volume.parts-static
    read_only = true
  }

  # changed: environment file parts/db.env: its variables stand in environment
}

container "worker" {
  rootfs = var.rootfs_app
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' example/app:3
  command = ["celery", "-A", "proj", "worker"]
  netns   = netns.worker
  environment = {
    # changed: environment BROKER: nothing here resolves the name "broker"; its address is 10.89.0.4
    BROKER            = "amqp://broker:5672"
    POSTGRES_DB       = "nextcloud"
    POSTGRES_PASSWORD = "change me"
    POSTGRES_USER     = "nextcloud"
    ROLE              = "worker"
  }
  restart = "always"

  mount "/media" {
    volume = volume.media
  }
  mount "/static" {
    volume    = volume.parts-static
    read_only = true
  }

  # changed: environment file parts/db.env: its variables stand in environment
}

container "broker" {
  rootfs = var.rootfs_rabbitmq
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' rabbitmq:3
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.broker
  restart = "no"
}

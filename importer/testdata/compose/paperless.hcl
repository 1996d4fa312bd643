# Imported from paperless.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "paperless"
}

variable "data" {
  type        = string
  default     = "/srv/paperless"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/redis && podman export $(podman create docker.io/library/redis:7) | tar -xC /srv/rootfs/redis
variable "rootfs_redis" {
  type        = string
  default     = "/srv/rootfs/redis"
  description = "Root directory of docker.io/library/redis:7."
}

# To make it:
# $ mkdir -p /srv/rootfs/gotenberg && podman export $(podman create docker.io/gotenberg/gotenberg:8.7) | tar -xC /srv/rootfs/gotenberg
variable "rootfs_gotenberg" {
  type        = string
  default     = "/srv/rootfs/gotenberg"
  description = "Root directory of docker.io/gotenberg/gotenberg:8.7."
}

# To make it:
# $ mkdir -p /srv/rootfs/paperless-ngx && podman export $(podman create ghcr.io/paperless-ngx/paperless-ngx:latest) | tar -xC /srv/rootfs/paperless-ngx
variable "rootfs_paperless_ngx" {
  type        = string
  default     = "/srv/rootfs/paperless-ngx"
  description = "Root directory of ghcr.io/paperless-ngx/paperless-ngx:latest."
}

user "paperless" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "broker" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

netns "gotenberg" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.3/24"]
  }
}

netns "webserver" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.4/24"]
  }

  # no equal: port 8000:8000: a netns has no publish
}

volume "data" {
  path  = "${var.data}/data"
  owner = user.paperless
}

volume "media" {
  path  = "${var.data}/media"
  owner = user.paperless
}

volume "redisdata" {
  path  = "${var.data}/redisdata"
  owner = user.paperless
}

# Was ./export: move or copy it here.
volume "export" {
  path  = "${var.data}/export"
  owner = user.paperless
}

# Was ./consume: move or copy it here.
volume "consume" {
  path  = "${var.data}/consume"
  owner = user.paperless
}

container "broker" {
  rootfs = var.rootfs_redis
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/library/redis:7
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.broker
  restart = "always"

  mount "/data" {
    volume = volume.redisdata
  }
}

container "gotenberg" {
  rootfs = var.rootfs_gotenberg
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/gotenberg/gotenberg:8.7
  command = [
    "gotenberg",
    "--chromium-disable-javascript=true",
    "--chromium-allow-list=file:///tmp/.*",
  ]
  netns   = netns.gotenberg
  restart = "always"
}

container "webserver" {
  rootfs = var.rootfs_paperless_ngx
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' ghcr.io/paperless-ngx/paperless-ngx:latest
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.webserver
  environment = {
    PAPERLESS_OCR_LANGUAGE = "deu+eng"
    # changed: environment PAPERLESS_REDIS: nothing here resolves the name "broker"; its address is
    #   10.89.0.2
    PAPERLESS_REDIS = "redis://broker:6379"
    # changed: environment PAPERLESS_TIKA_GOTENBERG_ENDPOINT: nothing here resolves the name
    #   "gotenberg"; its address is 10.89.0.3
    PAPERLESS_TIKA_GOTENBERG_ENDPOINT = "http://gotenberg:3000"
    USERMAP_UID                       = "1000"
  }
  restart    = "always"
  depends_on = [container.broker, container.gotenberg]

  mount "/usr/src/paperless/data" {
    volume = volume.data
  }
  mount "/usr/src/paperless/media" {
    volume = volume.media
  }
  mount "/usr/src/paperless/export" {
    volume = volume.export
  }
  mount "/usr/src/paperless/consume" {
    volume = volume.consume
  }
}

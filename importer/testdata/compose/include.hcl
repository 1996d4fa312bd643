# Imported from include.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "include"
}

variable "data" {
  type        = string
  default     = "/srv/include"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/mysql && podman export $(podman create mysql:8.4) | tar -xC /srv/rootfs/mysql
variable "rootfs_mysql" {
  type        = string
  default     = "/srv/rootfs/mysql"
  description = "Root directory of mysql:8.4."
}

# To make it:
# $ mkdir -p /srv/rootfs/api && podman export $(podman create example/api:1) | tar -xC /srv/rootfs/api
variable "rootfs_api" {
  type        = string
  default     = "/srv/rootfs/api"
  description = "Root directory of example/api:1."
}

user "include" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "database" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

netns "api" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.3/24"]
  }
}

# Was ./parts/mysql: move or copy it here.
volume "parts-mysql" {
  path  = "${var.data}/parts-mysql"
  owner = user.include
}

container "database" {
  rootfs = var.rootfs_mysql
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' mysql:8.4
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.database
  environment = {
    MYSQL_ALLOW_EMPTY_PASSWORD = "1"
  }
  restart = "no"

  mount "/var/lib/mysql" {
    volume = volume.parts-mysql
  }
  health {
    exec = ["mysqladmin", "ping"]
  }
}

container "api" {
  rootfs = var.rootfs_api
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' example/api:1
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.api
  environment = {
    # changed: environment DATABASE_URL: nothing here resolves the name "database"; its address is
    #   10.89.0.2
    DATABASE_URL = "mysql://app@database:3306/app"
  }
  restart    = "no"
  depends_on = [healthy(container.database)]
}

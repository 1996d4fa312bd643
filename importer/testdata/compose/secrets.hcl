# Imported from secrets.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "secrets"
}

variable "data" {
  type        = string
  default     = "/srv/secrets"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/mysql && podman export $(podman create mysql:8) | tar -xC /srv/rootfs/mysql
variable "rootfs_mysql" {
  type        = string
  default     = "/srv/rootfs/mysql"
  description = "Root directory of mysql:8."
}

user "secrets" {
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

volume "data" {
  path  = "${var.data}/data"
  owner = user.secrets
  # no equal: driver options device=:/docker/example o=addr=10.40.0.199,nolock,soft,rw type=nfs: a
  #   volume is a directory of the host; mount it there, and name that as its mountpoint
}

container "db" {
  rootfs = var.rootfs_mysql
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' mysql:8
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.db
  environment = {
    MYSQL_ROOT_PASSWORD_FILE = "/run/secrets/db_root_password"
  }
  restart = "no"

  mount "/var/lib/mysql" {
    volume = volume.data
  }
  secret "db_root_password" {
    credential = "db-root-password"
  }

  # changed: secret db_root_password of parts/password.txt: the host's policy says where it lies:
  #   credential "db-root-password" { file = ..., containers = ["db"] }

  secret "password" {
    credential = "app-password"
    path       = "/etc/app/password"
    owner      = "103"
    mode       = "0440"
  }

  # changed: secret app_password of the variable APP_PASSWORD: the host's policy says where it lies:
  #   credential "app-password" { file = ..., containers = ["db"] }
  # no equal: volume data:/var/lib/mysql, subpath mysql: a volume is mounted whole
}

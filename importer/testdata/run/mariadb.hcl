# Imported from a `podman run` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "mariadb"
}

variable "data" {
  type        = string
  default     = "/srv/mariadb"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/mariadb && podman export $(podman create mariadb:11) | tar -xC /srv/rootfs/mariadb
variable "rootfs_mariadb" {
  type        = string
  default     = "/srv/rootfs/mariadb"
  description = "Root directory of mariadb:11."
}

user "mariadb" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "mariadb" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

volume "mariadb" {
  path  = "${var.data}/mariadb"
  owner = user.mariadb
}

container "mariadb" {
  rootfs = var.rootfs_mariadb
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' mariadb:11
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.mariadb
  environment = {
    MARIADB_ROOT_PASSWORD_FILE = "/run/secrets/root"
  }
  restart = "no"

  mount "/var/lib/mysql" {
    volume = volume.mariadb
  }
  secret "root" {
    credential = "root"
  }

  # changed: secret root: the host's policy says where it lies: credential "root" { file = ...,
  #   containers = ["mariadb"] }

  secret "app-password" {
    credential = "app"
    mode       = "0400"
  }

  # changed: secret source=app,target=/run/secrets/app-password,mode=0400: the host's policy says
  #   where it lies: credential "app" { file = ..., containers = ["mariadb"] }

  limits {
    memory = "1G"
    cpu    = 1.5
    tasks  = 300
    files  = 65536
  }
  health {
    exec     = ["/bin/sh", "-c", "healthcheck.sh --connect --innodb_initialized"]
    interval = "10s"
    timeout  = "5s"
    retries  = 3
  }

  # no equal: --memory-swap 2g: swap is not used beyond limits.memory
  # no equal: volume mariadb:/var/lib/mysql:Z,U, option Z: files are not relabelled for SELinux
  # no equal: volume mariadb:/var/lib/mysql:Z,U, option U: files keep their owners
}

# Imported from wordpress-db.container, wordpress-db.volume, wordpress.container, wordpress.network,
#   wordpress.volume.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "wordpress-db"
}

variable "data" {
  type        = string
  default     = "/srv/wordpress-db"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/mariadb && podman export $(podman create docker.io/library/mariadb:11) | tar -xC /srv/rootfs/mariadb
variable "rootfs_mariadb" {
  type        = string
  default     = "/srv/rootfs/mariadb"
  description = "Root directory of docker.io/library/mariadb:11."
}

# To make it:
# $ mkdir -p /srv/rootfs/wordpress && podman export $(podman create docker.io/library/wordpress:6-apache) | tar -xC /srv/rootfs/wordpress
variable "rootfs_wordpress" {
  type        = string
  default     = "/srv/rootfs/wordpress"
  description = "Root directory of docker.io/library/wordpress:6-apache."
}

user "wordpress-db" {
}

network "wordpress" {
  subnet = "10.90.0.0/24"
  # no equal: the way out of wordpress: a network has no nat
  # no equal: Label=app=wordpress: a network has a range and an address
}

netns "wordpress-db" {
  interface "eth0" {
    network   = network.wordpress
    addresses = ["10.90.0.2/24"]
  }
}

netns "wordpress" {
  interface "eth0" {
    network   = network.wordpress
    addresses = ["10.90.0.3/24"]
  }

  # no equal: port 8000:80: a netns has no publish
}

volume "wordpress-db" {
  path  = "${var.data}/wordpress-db"
  owner = user.wordpress-db
  # no equal: User=999: a volume is a directory of the host
  # no equal: Group=999: a volume is a directory of the host
}

volume "wordpress" {
  path  = "${var.data}/wordpress"
  owner = user.wordpress-db
}

container "wordpress-db" {
  rootfs = var.rootfs_mariadb
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/library/mariadb:11
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.wordpress-db
  environment = {
    MARIADB_ROOT_PASSWORD_FILE = "/run/secrets/wordpress-root"
  }
  restart = "no"

  mount "/var/lib/mysql" {
    volume = volume.wordpress-db
  }
  secret "wordpress-root" {
    credential = "wordpress-root"
  }

  # changed: secret wordpress-root: the host's policy says where it lies: credential
  #   "wordpress-root" { file = ..., containers = ["wordpress-db"] }

  health {
    exec     = ["/bin/sh", "-c", "healthcheck.sh --connect --innodb_initialized"]
    interval = "10s"
    retries  = 3
  }

  # no equal: volume wordpress-db:/var/lib/mysql:U, option U: files keep their owners
  # no equal: secret wordpress-db-password,type=env,target=MARIADB_PASSWORD: a secret is a file, no
  #   variable
  # no equal: --health-on-failure kill: what follows a failed health check is not chosen
  # no equal: readiness by healthy: a container is started when its program is
}

container "wordpress" {
  rootfs = var.rootfs_wordpress
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/library/wordpress:6-apache
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.wordpress
  environment = {
    WORDPRESS_CONFIG_EXTRA = "define(\"X\", \"y\");"
    # changed: environment WORDPRESS_DB_HOST: nothing here resolves the name "wordpress-db"; its
    #   address is 10.90.0.2
    WORDPRESS_DB_HOST     = "wordpress-db"
    WORDPRESS_DB_PASSWORD = "a b c"
    WORDPRESS_DB_USER     = "wp"
  }
  restart    = "no"
  depends_on = [container.wordpress-db]

  mount "/var/www/html" {
    volume = volume.wordpress
  }
}

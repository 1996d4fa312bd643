# Imported from wordpress.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "wordpress"
}

variable "data" {
  type        = string
  default     = "/srv/wordpress"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/mariadb && podman export $(podman create mariadb:10.6.4-focal) | tar -xC /srv/rootfs/mariadb
variable "rootfs_mariadb" {
  type        = string
  default     = "/srv/rootfs/mariadb"
  description = "Root directory of mariadb:10.6.4-focal."
}

# To make it:
# $ mkdir -p /srv/rootfs/wordpress && podman export $(podman create wordpress:latest) | tar -xC /srv/rootfs/wordpress
variable "rootfs_wordpress" {
  type        = string
  default     = "/srv/rootfs/wordpress"
  description = "Root directory of wordpress:latest."
}

user "wordpress" {
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

netns "wordpress" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.3/24"]
  }

  # no equal: port 80:80: a netns has no publish
}

volume "db-data" {
  path  = "${var.data}/db-data"
  owner = user.wordpress
}

volume "wp-data" {
  path  = "${var.data}/wp-data"
  owner = user.wordpress
}

container "db" {
  rootfs = var.rootfs_mariadb
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' mariadb:10.6.4-focal
  command = [
    "/bin/sh",
    "-c",
    "echo the command of this container is not set >&2; exit 78",
    "--default-authentication-plugin=mysql_native_password",
  ]
  netns = netns.db
  environment = {
    MYSQL_DATABASE      = "wordpress"
    MYSQL_PASSWORD      = "wordpress"
    MYSQL_ROOT_PASSWORD = "somewordpress"
    MYSQL_USER          = "wordpress"
  }
  restart = "always"

  mount "/var/lib/mysql" {
    volume = volume.db-data
  }
}

container "wordpress" {
  rootfs = var.rootfs_wordpress
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' wordpress:latest
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.wordpress
  environment = {
    # changed: environment WORDPRESS_DB_HOST: nothing here resolves the name "db"; its address is
    #   10.89.0.2
    WORDPRESS_DB_HOST     = "db"
    WORDPRESS_DB_NAME     = "wordpress"
    WORDPRESS_DB_PASSWORD = "wordpress"
    WORDPRESS_DB_USER     = "wordpress"
  }
  restart = "always"

  mount "/var/www/html" {
    volume = volume.wp-data
  }
}

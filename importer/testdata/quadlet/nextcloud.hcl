# Imported from front.network, nextcloud.container, nextcloud.pod, redis.container.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "nextcloud"
}

variable "data" {
  type        = string
  default     = "/srv/nextcloud"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/nextcloud && podman export $(podman create docker.io/nextcloud:30-fpm) | tar -xC /srv/rootfs/nextcloud
variable "rootfs_nextcloud" {
  type        = string
  default     = "/srv/rootfs/nextcloud"
  description = "Root directory of docker.io/nextcloud:30-fpm."
}

# To make it:
# $ mkdir -p /srv/rootfs/redis && podman export $(podman create docker.io/redis:7) | tar -xC /srv/rootfs/redis
variable "rootfs_redis" {
  type        = string
  default     = "/srv/rootfs/redis"
  description = "Root directory of docker.io/redis:7."
}

user "nextcloud" {
}

network "front" {
  subnet = "10.91.0.0/24"
  # no equal: IPv6=true: name a range: ipv6 = "fd20::/64"
  # no equal: DNS=9.9.9.9: a network resolves no names
  # no equal: Options=mtu=1400: a network has a range and an address
}

netns "nextcloud-pod" {
  interface "eth0" {
    network   = network.front
    addresses = ["10.91.0.20/24"]
  }

  # no equal: port 127.0.0.1:8080:80: a netns has no publish
  # no equal: HostName=cloud.example.com: each container has a host name of its own
}

volume "nextcloud-html" {
  path  = "${var.data}/nextcloud-html"
  owner = user.nextcloud
}

# Nextcloud
container "nextcloud" {
  rootfs = var.rootfs_nextcloud
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/nextcloud:30-fpm
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.nextcloud-pod
  environment = {
    NEXTCLOUD_TRUSTED_DOMAINS = "cloud.example.com"
    PHP_MEMORY_LIMIT          = "1024M"
    REDIS_HOST                = "127.0.0.1"
  }
  restart       = "on-failure"
  restart_delay = "1m30s"
  stop_timeout  = "1m10s"
  depends_on    = [container.redis]

  mount "/var/www/html" {
    volume = volume.nextcloud-html
  }

  # no equal: volume nextcloud-html:/var/www/html:z, option z: files are not relabelled for SELinux
  # changed: environment file nextcloud.env: its variables stand in environment
  # no equal: environment file /etc/nextcloud/extra.env: no such text file in the source's
  #   directory; write its variables into environment
}

container "redis" {
  rootfs = var.rootfs_redis
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/redis:7
  command = ["redis-server", "--requirepass", "a secret"]
  netns   = netns.nextcloud-pod
  restart = "no"

  mount "/var/www/html" {
    volume = volume.nextcloud-html
  }

  # no equal: volume nextcloud-html:/var/www/html:z, option z: files are not relabelled for SELinux
}

# Imported from nginx.container.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "nginx"
}

# To make it:
# $ mkdir -p /srv/rootfs/nginx && podman export $(podman create docker.io/library/nginx:1.27) | tar -xC /srv/rootfs/nginx
variable "rootfs_nginx" {
  type        = string
  default     = "/srv/rootfs/nginx"
  description = "Root directory of docker.io/library/nginx:1.27."
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "nginx" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 8080:80: a netns has no publish
  # no equal: port 127.0.0.1:8443:443: a netns has no publish
}

volume "www" {
  path = "/srv/www"
}

# The nginx web server
container "nginx" {
  rootfs = var.rootfs_nginx
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/library/nginx:1.27
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.nginx
  restart = "always"

  mount "/usr/share/nginx/html" {
    volume    = volume.www
    read_only = true
  }

  # changed: ContainerName=web: the unit is named after the container's block
  # no equal: volume /srv/www:/usr/share/nginx/html:ro,Z, option Z: files are not relabelled for
  #   SELinux
  # no equal: AutoUpdate=registry: nothing is updated by itself
}

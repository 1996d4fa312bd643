# Imported from minio.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "minio"
}

variable "data" {
  type        = string
  default     = "/srv/minio"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/minio && podman export $(podman create quay.io/minio/minio:RELEASE.2024-10-02T17-50-41Z) | tar -xC /srv/rootfs/minio
variable "rootfs_minio" {
  type        = string
  default     = "/srv/rootfs/minio"
  description = "Root directory of quay.io/minio/minio:RELEASE.2024-10-02T17-50-41Z."
}

# To make it:
# $ mkdir -p /srv/rootfs/nginx && podman export $(podman create nginx:1.19.2-alpine) | tar -xC /srv/rootfs/nginx
variable "rootfs_nginx" {
  type        = string
  default     = "/srv/rootfs/nginx"
  description = "Root directory of nginx:1.19.2-alpine."
}

user "minio" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "minio1" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

netns "minio2" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.3/24"]
  }
}

netns "nginx" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.4/24"]
  }

  # no equal: port 9000:9000: a netns has no publish
  # no equal: port 9001:9001: a netns has no publish
}

volume "data1-1" {
  path  = "${var.data}/data1-1"
  owner = user.minio
}

volume "data1-2" {
  path  = "${var.data}/data1-2"
  owner = user.minio
}

volume "data2-1" {
  path  = "${var.data}/data2-1"
  owner = user.minio
}

volume "data2-2" {
  path  = "${var.data}/data2-2"
  owner = user.minio
}

container "minio1" {
  rootfs = var.rootfs_minio
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' quay.io/minio/minio:RELEASE.2024-10-02T17-50-41Z
  command  = ["server", "--console-address", ":9001", "http://minio{1...2}/data{1...2}"]
  netns    = netns.minio1
  hostname = "minio1"
  restart  = "no"

  mount "/data1" {
    volume = volume.data1-1
  }
  mount "/data2" {
    volume = volume.data1-2
  }
  health {
    exec     = ["mc", "ready", "local"]
    interval = "5s"
  }
}

container "minio2" {
  rootfs = var.rootfs_minio
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' quay.io/minio/minio:RELEASE.2024-10-02T17-50-41Z
  command  = ["server", "--console-address", ":9001", "http://minio{1...2}/data{1...2}"]
  netns    = netns.minio2
  hostname = "minio2"
  restart  = "no"

  mount "/data1" {
    volume = volume.data2-1
  }
  mount "/data2" {
    volume = volume.data2-2
  }
  health {
    exec     = ["mc", "ready", "local"]
    interval = "5s"
  }
}

container "nginx" {
  rootfs = var.rootfs_nginx
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' nginx:1.19.2-alpine
  command    = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns      = netns.nginx
  hostname   = "nginx"
  restart    = "no"
  depends_on = [container.minio1, container.minio2]
  # no equal: volume ./nginx.conf:/etc/nginx/nginx.conf:ro: a volume is a directory; copy the file
  #   beside this one and write file "/etc/nginx/nginx.conf" { source = ... }
}

# Imported from prometheus.container, prometheus.volume.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "prometheus"
}

variable "data" {
  type        = string
  default     = "/srv/prometheus"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/prometheus && podman export $(podman create quay.io/prometheus/prometheus:v2.54.1) | tar -xC /srv/rootfs/prometheus
variable "rootfs_prometheus" {
  type        = string
  default     = "/srv/rootfs/prometheus"
  description = "Root directory of quay.io/prometheus/prometheus:v2.54.1."
}

user "prometheus" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "prometheus" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 127.0.0.1:9090:9090: a netns has no publish
}

volume "prometheus" {
  path  = "${var.data}/prometheus"
  owner = user.prometheus
}

volume "conf" {
  path = "/srv/prometheus/conf"
}

container "prometheus" {
  rootfs = var.rootfs_prometheus
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' quay.io/prometheus/prometheus:v2.54.1
  command = [
    "/bin/sh",
    "-c",
    "echo the command of this container is not set >&2; exit 78",
    "--config.file=/etc/prometheus/prometheus.yml",
    "--storage.tsdb.path=/prometheus",
    "--web.enable-lifecycle",
  ]
  netns   = netns.prometheus
  restart = "always"

  mount "/etc/prometheus" {
    volume    = volume.conf
    read_only = true
  }
  mount "/prometheus" {
    volume = volume.prometheus
  }

  # no equal: volume /srv/prometheus/conf:/etc/prometheus:ro,Z, option Z: files are not relabelled
  #   for SELinux
  # no equal: ReloadCmd=kill -HUP 1: a reload is a signal
}

# Imported from a `docker run` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "grafana"
}

variable "data" {
  type        = string
  default     = "/srv/grafana"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/grafana-enterprise && podman export $(podman create grafana/grafana-enterprise) | tar -xC /srv/rootfs/grafana-enterprise
variable "rootfs_grafana_enterprise" {
  type        = string
  default     = "/srv/rootfs/grafana-enterprise"
  description = "Root directory of grafana/grafana-enterprise."
}

user "grafana" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "grafana" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 3000:3000: a netns has no publish
}

volume "grafana-storage" {
  path  = "${var.data}/grafana-storage"
  owner = user.grafana
}

container "grafana" {
  rootfs = var.rootfs_grafana_enterprise
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' grafana/grafana-enterprise
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  user    = "472:0"
  netns   = netns.grafana
  environment = {
    GF_PLUGINS_PREINSTALL = "grafana-clock-panel, grafana-simple-json-datasource"
    GF_SERVER_ROOT_URL    = "http://my.grafana.server/"
  }
  restart = "no"

  mount "/var/lib/grafana" {
    volume = volume.grafana-storage
  }
}

# Imported from monitoring.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "monitoring"
}

variable "data" {
  type        = string
  default     = "/srv/monitoring"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/prometheus && podman export $(podman create prom/prometheus:v2.54.1) | tar -xC /srv/rootfs/prometheus
variable "rootfs_prometheus" {
  type        = string
  default     = "/srv/rootfs/prometheus"
  description = "Root directory of prom/prometheus:v2.54.1."
}

# To make it:
# $ mkdir -p /srv/rootfs/node-exporter && podman export $(podman create prom/node-exporter:v1.8.2) | tar -xC /srv/rootfs/node-exporter
variable "rootfs_node_exporter" {
  type        = string
  default     = "/srv/rootfs/node-exporter"
  description = "Root directory of prom/node-exporter:v1.8.2."
}

# To make it:
# $ mkdir -p /srv/rootfs/cadvisor && podman export $(podman create gcr.io/cadvisor/cadvisor:v0.49.1) | tar -xC /srv/rootfs/cadvisor
variable "rootfs_cadvisor" {
  type        = string
  default     = "/srv/rootfs/cadvisor"
  description = "Root directory of gcr.io/cadvisor/cadvisor:v0.49.1."
}

# To make it:
# $ mkdir -p /srv/rootfs/grafana && podman export $(podman create grafana/grafana:11.2.0) | tar -xC /srv/rootfs/grafana
variable "rootfs_grafana" {
  type        = string
  default     = "/srv/rootfs/grafana"
  description = "Root directory of grafana/grafana:11.2.0."
}

user "monitoring" {
}

network "monitoring" {
  subnet  = "172.28.0.0/16"
  address = "172.28.5.254"
  # no equal: the way out of monitoring: a network has no nat
  # no equal: ip_range 172.28.5.0/24: addresses are written out
}

netns "prometheus" {
  interface "eth0" {
    network   = network.monitoring
    addresses = ["172.28.0.1/16"]
  }

  # no equal: port 9090:9090: a netns has no publish
}

netns "node-exporter" {
  interface "eth0" {
    network   = network.monitoring
    addresses = ["172.28.0.2/16"]
  }
}

netns "cadvisor" {
  interface "eth0" {
    network   = network.monitoring
    addresses = ["172.28.0.3/16"]
  }
}

netns "grafana" {
  interface "eth0" {
    network   = network.monitoring
    addresses = ["172.28.5.10/16"]
  }

  # no equal: port 3000:3000: a netns has no publish
}

volume "prometheus-data" {
  path  = "${var.data}/prometheus-data"
  owner = user.monitoring
}

volume "grafana-data" {
  path  = "${var.data}/grafana-data"
  owner = user.monitoring
}

# Was ./prometheus/rules: move or copy it here.
volume "prometheus-rules" {
  path = "${var.data}/prometheus-rules"
}

container "prometheus" {
  rootfs = var.rootfs_prometheus
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' prom/prometheus:v2.54.1
  command = [
    "/bin/sh",
    "-c",
    "echo the command of this container is not set >&2; exit 78",
    "--config.file=/etc/prometheus/prometheus.yml",
    "--storage.tsdb.path=/prometheus",
    "--web.external-url=http://$${HOSTNAME}:9090",
  ]
  netns   = netns.prometheus
  restart = "always"

  mount "/etc/prometheus/rules" {
    volume    = volume.prometheus-rules
    read_only = true
  }
  mount "/prometheus" {
    volume = volume.prometheus-data
  }

  # no equal: volume ./prometheus/prometheus.yml:/etc/prometheus/prometheus.yml:ro: a volume is a
  #   directory; copy the file beside this one and write file "/etc/prometheus/prometheus.yml" {
  #   source = ... }
  # no equal: logging json-file: output goes to the journal
}

container "node-exporter" {
  rootfs = var.rootfs_node_exporter
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' prom/node-exporter:v1.8.2
  command = [
    "/bin/sh",
    "-c",
    "echo the command of this container is not set >&2; exit 78",
    "--path.rootfs=/rootfs",
  ]
  netns   = netns.node-exporter
  restart = "always"
  # no equal: volume /proc:/host/proc:ro: /proc cannot be a volume; /proc is the kernel's; keep data
  #   in a directory of its own, such as one below /srv
  # no equal: volume /sys:/host/sys:ro: /sys cannot be a volume; /sys is the kernel's; keep data in
  #   a directory of its own, such as one below /srv
  # no equal: volume /:/rootfs:ro: / cannot be a volume; /bin holds the system's programs; keep data
  #   in a directory of its own, such as one below /srv
  # no equal: volume /:/rootfs:ro, option rslave: a mount has no such option
  # no equal: logging json-file: output goes to the journal
  # no equal: pid host: each container has a namespace of its own
}

container "cadvisor" {
  rootfs = var.rootfs_cadvisor
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' gcr.io/cadvisor/cadvisor:v0.49.1
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.cadvisor

  device "/dev/kmsg" {
  }
  restart = "always"
  # no equal: volume /var/lib/docker/:/var/lib/docker:ro: /var/lib/docker cannot be a volume;
  #   /var/lib/docker belongs to another container manager; keep data in a directory of its own,
  #   such as one below /srv
  # no equal: logging json-file: output goes to the journal
  # no equal: privileged: no container has force over the host
}

container "grafana" {
  rootfs = var.rootfs_grafana
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' grafana/grafana:11.2.0
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  user    = "472"
  netns   = netns.grafana
  environment = {
    # changed: environment GF_DATASOURCE: nothing here resolves the name "prometheus"; its address
    #   is 172.28.0.1
    GF_DATASOURCE              = "http://prometheus:9090"
    GF_SECURITY_ADMIN_PASSWORD = "admin"
  }
  restart    = "always"
  depends_on = [container.prometheus]

  mount "/var/lib/grafana" {
    volume = volume.grafana-data
  }

  # no equal: logging json-file: output goes to the journal
}

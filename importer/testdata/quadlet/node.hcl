# Imported from node-exporter.container.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "node-exporter"
}

# To make it:
# $ mkdir -p /srv/rootfs/node-exporter && podman export $(podman create quay.io/prometheus/node-exporter:v1.8.2) | tar -xC /srv/rootfs/node-exporter
variable "rootfs_node_exporter" {
  type        = string
  default     = "/srv/rootfs/node-exporter"
  description = "Root directory of quay.io/prometheus/node-exporter:v1.8.2."
}

container "node-exporter" {
  rootfs = var.rootfs_node_exporter
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' quay.io/prometheus/node-exporter:v1.8.2
  command = [
    "/bin/sh",
    "-c",
    "echo the command of this container is not set >&2; exit 78",
    "--path.rootfs=/host",
  ]
  restart = "no"
  # no equal: volume /:/host:ro,rslave: / cannot be a volume; /bin holds the system's programs; keep
  #   data in a directory of its own, such as one below /srv
  # no equal: network host: a container never has the host's network
  # no equal: volume /:/host:ro,rslave, option rslave: a mount has no such option
  # no equal: --pid host: each container has a namespace of its own
  # no equal: SecurityLabelType=spc_t: files are not labelled
  # no equal: --cgroups split: each container has a cgroup of its own
}

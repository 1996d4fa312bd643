# Imported from worker@thumbs.container.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "worker-thumbs"
}

# To make it:
# $ mkdir -p /srv/rootfs/worker && podman export $(podman create registry.example.com/worker:1.4) | tar -xC /srv/rootfs/worker
variable "rootfs_worker" {
  type        = string
  default     = "/srv/rootfs/worker"
  description = "Root directory of registry.example.com/worker:1.4."
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "worker-thumbs" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

container "worker-thumbs" {
  rootfs = var.rootfs_worker
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' registry.example.com/worker:1.4
  command = ["/usr/bin/worker", "--queue=thumbs", "--level=debug", "--threads", "4"]
  netns   = netns.worker-thumbs
  restart = "no"
  # changed: no [Install]: it is started with the others; enabled = false keeps it stopped
}

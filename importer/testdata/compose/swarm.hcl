# Imported from swarm.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "swarm"
}

# To make it:
# $ mkdir -p /srv/rootfs/examplevotingapp-vote && podman export $(podman create dockersamples/examplevotingapp_vote:before) | tar -xC /srv/rootfs/examplevotingapp-vote
variable "rootfs_examplevotingapp_vote" {
  type        = string
  default     = "/srv/rootfs/examplevotingapp-vote"
  description = "Root directory of dockersamples/examplevotingapp_vote:before."
}

# To make it:
# $ mkdir -p /srv/rootfs/busybox && podman export $(podman create busybox) | tar -xC /srv/rootfs/busybox
variable "rootfs_busybox" {
  type        = string
  default     = "/srv/rootfs/busybox"
  description = "Root directory of busybox."
}

network "frontend" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of frontend: a network has no nat
  # no equal: driver overlay: a network is a bridge
}

netns "vote" {
  interface "eth0" {
    network   = network.frontend
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 5000:80: a netns has no publish
}

netns "off" {
  interface "eth0" {
    network   = network.frontend
    addresses = ["10.89.0.3/24"]
  }
}

container "vote" {
  rootfs = var.rootfs_examplevotingapp_vote
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' dockersamples/examplevotingapp_vote:before
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.vote
  restart = "always"
  # no equal: 2 replicas: this is one of them; for_each makes more, each with an address of its own
  # no equal: deploy.update_config: a change restarts the container
  # no equal: deploy.placement: this host is the only one
}

container "off" {
  rootfs = var.rootfs_busybox
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' busybox
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.off
  restart = "no"
  enabled = false
}

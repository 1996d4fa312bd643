# Imported from a `docker run` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "q"
}

# To make it:
# $ mkdir -p /srv/rootfs/busybox && podman export $(podman create busybox) | tar -xC /srv/rootfs/busybox
variable "rootfs_busybox" {
  type        = string
  default     = "/srv/rootfs/busybox"
  description = "Root directory of busybox."
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "q" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

container "q" {
  rootfs = var.rootfs_busybox
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' busybox
  command = ["sh", "-c", "while :; do printf \"%s\\n\" \"$(date)\"; sleep 5; done"]
  netns   = netns.q
  environment = {
    NL    = "a\\nb"
    QUOTE = "it's \"fine\" $${HOME} %%{if true}"
    TAB   = "$x"
  }
  restart = "no"
}

# Imported from esc.container.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "esc"
}

# To make it:
# $ mkdir -p /srv/rootfs/busybox && podman export $(podman create docker.io/library/busybox:1.36) | tar -xC /srv/rootfs/busybox
variable "rootfs_busybox" {
  type        = string
  default     = "/srv/rootfs/busybox"
  description = "Root directory of docker.io/library/busybox:1.36."
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "esc" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

container "esc" {
  rootfs = var.rootfs_busybox
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/library/busybox:1.36
  command = ["/bin/echo", "one two", "three  four", "five\\", "six", "$HOME", "", "\\", "back"]
  netns   = netns.esc
  environment = {
    A = "tab\there"
    B = "nl\nx"
    C = "Aé"
    D = "single \"double\""
    E = "inner quotes"
    F = "$${X} %%{if}"
    G = "  end"
  }
  restart = "no"
  # changed: no [Install]: it is started with the others; enabled = false keeps it stopped
}

# Imported from a `docker run` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "my-app-server"
}

# To make it:
# $ mkdir -p /srv/rootfs/my-app && podman export $(podman create MyRegistry/My-App:2.0) | tar -xC /srv/rootfs/my-app
variable "rootfs_my_app" {
  type        = string
  default     = "/srv/rootfs/my-app"
  description = "Root directory of MyRegistry/My-App:2.0."
}

network "my-net" {
  subnet = "10.1.2.0/24"
  # no equal: the way out of my_net: a network has no nat
}

netns "my-app-server" {
  interface "eth0" {
    network   = network.my-net
    addresses = ["10.1.2.3/24"]
  }
}

# "My_App.Server" in the source.
container "my-app-server" {
  rootfs = var.rootfs_my_app
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' MyRegistry/My-App:2.0
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.my-app-server
  extra_hosts = {
    db = "10.0.0.5"
  }
  restart = "no"
  # no equal: --mac-address 02:42:ac:11:00:02: it is the kernel's choice
}

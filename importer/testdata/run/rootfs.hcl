# Imported from a `podman run` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "lab"
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "lab" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

container "lab" {
  rootfs  = "/srv/rootfs/lab"
  command = ["/usr/bin/lab", "serve"]
  netns   = netns.lab
  restart = "no"
  # no equal: --uts host: each container has a namespace of its own
  # no equal: --ipc host: each container has a namespace of its own
  # no equal: --pid host: each container has a namespace of its own
  # no equal: --cgroupns host: each container has a namespace of its own
}

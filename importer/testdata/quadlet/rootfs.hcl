# Imported from lab.container.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "lab"
}

network "a" {
  subnet = "10.76.0.0/24"
  # no equal: the way out of a: a network has no nat
}

network "b" {
  subnet = "10.77.0.0/24"
  # no equal: the way out of b: a network has no nat
}

netns "lab" {
  interface "eth0" {
    network   = network.a
    addresses = ["10.76.0.3/24"]
  }
  interface "eth1" {
    network   = network.b
    addresses = ["10.77.0.9/24"]
  }
}

container "lab" {
  rootfs  = "/srv/rootfs/lab"
  command = ["/bin/sh", "-c", "while :; do date; sleep 1; done"]
  netns   = netns.lab
  restart = "no"
  # no equal: TypoKey=1: hostctl does not know the key
  # no equal: Unmask=ALL: hostctl's own rules hold
  # no equal: network option mac=02:00:00:00:00:01: an interface has addresses alone
  # changed: no [Install]: it is started with the others; enabled = false keeps it stopped
}

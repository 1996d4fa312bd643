# Imported from debian.nspawn.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "debian"
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "debian" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 2222:22: a netns has no publish
  # no equal: port 5353:5353/udp: a netns has no publish
  # no equal: port 8080:80: a netns has no publish
}

container "debian" {
  rootfs      = "/var/lib/machines/debian"
  command     = ["/sbin/init"]
  netns       = netns.debian
  init        = false
  boot        = true
  root        = "persistent"
  restart     = "no"
  stop_signal = "RTMIN+3"
}

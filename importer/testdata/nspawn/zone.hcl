# Imported from zone.nspawn.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "zone"
}

network "lab" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of lab: a network has no nat
}

netns "zone" {
  interface "eth0" {
    network   = network.lab
    addresses = ["10.89.0.2/24"]
  }
}

container "zone" {
  rootfs      = "/var/lib/machines/zone"
  command     = ["/sbin/init", "systemd.unit=rescue.target"]
  netns       = netns.zone
  init        = false
  boot        = true
  root        = "persistent"
  restart     = "no"
  stop_signal = "RTMIN+3"
}

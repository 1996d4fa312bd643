# Imported from macvlan.nspawn.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "macvlan"
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "macvlan" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

container "macvlan" {
  rootfs      = "/var/lib/machines/macvlan"
  command     = ["/sbin/init"]
  netns       = netns.macvlan
  init        = false
  boot        = true
  root        = "persistent"
  restart     = "no"
  stop_signal = "RTMIN+3"
  # no equal: Network: MACVLAN=eth1: a container has no such setting
  # no equal: Network: Interface=eth2: a container has no such setting
  # no equal: Network: VirtualEthernetExtra=ve-x:host1: a container has no such setting
  # no equal: Files: Overlay=/a:/b:/c: a container has no such setting
  # no equal: Volatile=state: the root is read-only; give what is written a tmpfs
  # no equal: PrivateUsersOwnership=map: files keep their owners
  # no equal: Files: BindUser=alice: a container has no such setting
}

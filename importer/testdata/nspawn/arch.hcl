# Imported from arch.nspawn.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "arch"
}

network "br0" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of br0: a network has no nat
}

netns "arch" {
  interface "eth0" {
    network   = network.br0
    addresses = ["10.89.0.2/24"]
  }
}

container "arch" {
  rootfs      = "/var/lib/machines/arch"
  command     = ["/sbin/init"]
  netns       = netns.arch
  hostname    = "arch.lab"
  init        = false
  boot        = true
  root        = "persistent"
  restart     = "no"
  stop_signal = "RTMIN+3"
  # no equal: ResolvConf=copy-host: the root directory's own file is used
  # no equal: Timezone=bind: the root directory's own file is used
  # no equal: Exec: SystemCallFilter=@module: a container has no such setting
  # changed: Bridge=br0: it is a network of hostctl's own
}

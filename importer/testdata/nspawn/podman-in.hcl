# Imported from podman-in.nspawn.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "podman-in"
}

user "podman-in" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "podman-in" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

# no equal: volume "fuse": /dev/fuse cannot be a volume; /dev holds the host's devices; keep data in
#   a directory of its own, such as one below /srv

volume "missing" {
  path  = "/srv/missing"
  owner = user.podman-in
}

container "podman-in" {
  rootfs      = "/var/lib/machines/podman-in"
  command     = ["/sbin/init"]
  netns       = netns.podman-in
  init        = false
  boot        = true
  root        = "persistent"
  restart     = "no"
  stop_signal = "RTMIN+3"
  # no equal: Bind=/dev/fuse: nothing can be mounted at "/dev/fuse"; /dev is made by hostctl, fresh
  #   for each container

  mount "/mnt" {
    volume = volume.missing
  }

  # no equal: BindReadOnly=/etc/resolv.conf: a volume is a directory; copy the file beside this one
  #   and write file "/etc/resolv.conf" { source = ... }
  # no equal: PrivateUsers=no: each container has ids of its own
  # no equal: Exec: OOMScoreAdjust=-100: a container has no such setting
  # no equal: Bind=+/inside:/other: a volume lies outside of the root directory
}

# Imported from isolated.nspawn.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "isolated"
}

container "isolated" {
  rootfs  = "/var/lib/machines/isolated"
  command = ["/usr/bin/job"]
  restart = "no"
}

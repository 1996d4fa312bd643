# Imported from isolated.nspawn.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# It has no capabilities, and limits on memory, tasks and files where none are set here.

hostctl {
  name = "isolated"
}

container "isolated" {
  rootfs  = "/var/lib/machines/isolated"
  command = ["/usr/bin/job"]
  restart = "no"
}

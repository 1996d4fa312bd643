# Imported from builder.nspawn.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "builder"
}

user "builder" {
}

volume "src-new" {
  path  = "/srv/src:new"
  owner = user.builder
}

container "builder" {
  rootfs  = "/var/lib/machines/builder"
  command = ["/bin/sh", "-c", "make -C /src"]
  # no equal: capabilities sys_admin: "sys_admin" is no capability of a container; with it a program
  #   takes the container's own mounts apart, or ends it
  capabilities = ["net_admin"]
  restart      = "no"

  mount "/src" {
    volume = volume.src-new
  }
  limits {
    files = 8192
  }

  # no equal: Ephemeral=yes: the root is read-only; give what is written a tmpfs
  # no equal: Private=no: a container never has the host's network
}

# A whole Debian with its own systemd, as a development host or a virtual server would be: services, journal and users inside,
# one unit of the host's outside. The root directory is shared and read-only; what the system writes is kept beside it.
# `scripts/rootfs system /srv/rootfs/system` makes it, and policy/policy.hcl is what the host has to allow.

hostctl {
  name = "system"
}

variable "rootfs" {
  type    = string
  default = "/srv/rootfs/system"
}

container "debian" {
  rootfs       = var.rootfs
  boot         = true
  root         = "persistent" # or "ephemeral": as new at each start
  hostname     = "debian"
  stop_timeout = "60s" # for its services to end, in order
  restart      = "always"

  limits {
    memory = "2G"
    tasks  = 8192
  }
}

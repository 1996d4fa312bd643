# Imported from site.build, site.container.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.
# no equal: site.build: images are not built here; `podman build -t localhost/site:latest` makes it

hostctl {
  name = "site"
}

# To make it:
# $ mkdir -p /srv/rootfs/site && podman export $(podman create localhost/site:latest) | tar -xC /srv/rootfs/site
variable "rootfs_site" {
  type        = string
  default     = "/srv/rootfs/site"
  description = "Root directory of localhost/site:latest."
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "site" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

container "site" {
  rootfs  = var.rootfs_site
  command = ["/usr/bin/site", "serve"]
  workdir = "/srv"
  netns   = netns.site
  restart = "no"
  # no equal: --env-host: nothing of the host's environment is inherited
  # no equal: ReloadSignal=HUP: name it in a reload of your own
}

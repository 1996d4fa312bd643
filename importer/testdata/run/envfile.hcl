# Imported from a `docker run` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "app"
}

# To make it:
# $ mkdir -p /srv/rootfs/app && podman export $(podman create registry.example.com:5000/team/app@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08) | tar -xC /srv/rootfs/app
variable "rootfs_app" {
  type        = string
  default     = "/srv/rootfs/app"
  description = "Root directory of registry.example.com:5000/team/app@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08."
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "app" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

container "app" {
  rootfs = var.rootfs_app
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' registry.example.com:5000/team/app@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  command = ["serve"]
  netns   = netns.app
  environment = {
    EXPORTED = "yes"
    MODE     = "prod"
    PORT     = "8080"
    QUOTED   = "a b"
  }
  restart = "no"
  # changed: environment file app.env: its variables stand in environment
  # no equal: environment file /etc/app/secret.env: no such text file in the source's directory;
  #   write its variables into environment
  # no equal: environment FROM_HOST: nothing of the host's environment is inherited
}

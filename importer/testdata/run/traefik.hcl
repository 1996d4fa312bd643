# Imported from a `podman run` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "traefik"
}

variable "data" {
  type        = string
  default     = "/srv/traefik"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/traefik && podman export $(podman create docker.io/library/traefik:v3.1) | tar -xC /srv/rootfs/traefik
variable "rootfs_traefik" {
  type        = string
  default     = "/srv/rootfs/traefik"
  description = "Root directory of docker.io/library/traefik:v3.1."
}

user "traefik" {
}

network "proxy" {
  subnet = "10.80.0.0/24"
  # no equal: the way out of proxy: a network has no nat
}

netns "traefik" {
  interface "eth0" {
    network   = network.proxy
    addresses = ["10.80.0.5/24"]
  }

  # no equal: port 80:80: a netns has no publish
  # no equal: port 443:443: a netns has no publish
  # no equal: port 443:443/udp: a netns has no publish
  # no equal: port 127.0.0.1:8081:8080: a netns has no publish
}

volume "xdg-runtime-dir-podman-podman" {
  path  = "${var.data}/xdg-runtime-dir-podman-podman"
  owner = user.traefik
}

container "traefik" {
  rootfs = var.rootfs_traefik
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/library/traefik:v3.1
  command = [
    "/bin/sh",
    "-c",
    "echo the command of this container is not set >&2; exit 78",
    "--api.insecure=true",
    "--providers.docker",
  ]
  netns   = netns.traefik
  restart = "no"

  mount "/var/run/docker.sock" {
    volume = volume.xdg-runtime-dir-podman-podman
  }

  # no equal: security option label=type:container_runtime_t: hostctl's own rules hold
  # no equal: label traefik.enable=true: there are no labels
  # no equal: volume $XDG_RUNTIME_DIR/podman/podman.sock:/var/run/docker.sock:z, option z: files are
  #   not relabelled for SELinux
}

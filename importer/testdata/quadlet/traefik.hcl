# Imported from proxy.network, traefik.container.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "traefik"
}

# To make it:
# $ mkdir -p /srv/rootfs/traefik && podman export $(podman create docker.io/library/traefik:v3.1) | tar -xC /srv/rootfs/traefik
variable "rootfs_traefik" {
  type        = string
  default     = "/srv/rootfs/traefik"
  description = "Root directory of docker.io/library/traefik:v3.1."
}

network "proxy" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of proxy: a network has no nat
  # no equal: Driver=macvlan: a network is a bridge
}

netns "traefik" {
  interface "eth0" {
    network   = network.proxy
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 80:80: a netns has no publish
  # no equal: port 443:443/udp: a netns has no publish
  # no equal: port ::1:8080:8080: a netns has no publish
  # no equal: port 9000: a netns has no publish
}

# Traefik
container "traefik" {
  rootfs = var.rootfs_traefik
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/library/traefik:v3.1
  command = [
    "/bin/sh",
    "-c",
    "echo the command of this container is not set >&2; exit 78",
    "--api.insecure=true",
    "--providers.docker=true",
  ]
  netns   = netns.traefik
  restart = "no"
  # no equal: volume /run/podman/podman.sock:/var/run/docker.sock:ro: a socket of the host is not
  #   reached from inside
  # no equal: volume ./traefik.yml:/etc/traefik/traefik.yml:ro: a volume is a directory; copy the
  #   file beside this one and write file "/etc/traefik/traefik.yml" { source = ... }
  # no equal: SecurityLabelDisable=true: files are not labelled
  # no equal: label traefik.enable=true: there are no labels
  # no equal: label traefik.http.routers.api.rule=Host(`a.example`): there are no labels
}

# Imported from traefik.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "traefik"
}

# To make it:
# $ mkdir -p /srv/rootfs/traefik && podman export $(podman create traefik:v3.1) | tar -xC /srv/rootfs/traefik
variable "rootfs_traefik" {
  type        = string
  default     = "/srv/rootfs/traefik"
  description = "Root directory of traefik:v3.1."
}

# To make it:
# $ mkdir -p /srv/rootfs/whoami && podman export $(podman create traefik/whoami) | tar -xC /srv/rootfs/whoami
variable "rootfs_whoami" {
  type        = string
  default     = "/srv/rootfs/whoami"
  description = "Root directory of traefik/whoami."
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "traefik" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 80:80: a netns has no publish
  # no equal: port 0.0.0.0:443:443/udp: a netns has no publish
  # no equal: port 8080:8080: a netns has no publish
}

netns "whoami" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.3/24"]
  }
}

container "traefik" {
  rootfs = var.rootfs_traefik
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' traefik:v3.1
  command = [
    "/bin/sh",
    "-c",
    "echo the command of this container is not set >&2; exit 78",
    "--api.insecure=true",
    "--providers.docker=true",
    "--providers.docker.exposedbydefault=false",
    "--entryPoints.web.address=:80",
  ]
  netns   = netns.traefik
  restart = "no"
  # no equal: volume /var/run/docker.sock:/var/run/docker.sock:ro: a socket of the host is not
  #   reached from inside
  # no equal: volume ./acme.json:/acme.json: a volume is a directory; copy the file beside this one
  #   and write file "/acme.json" { source = ... }

  file "/etc/traefik/traefik.yml" {
    content = "entryPoints:\n  web:\n    address: \":80\"\n"
  }
}

container "whoami" {
  rootfs = var.rootfs_whoami
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' traefik/whoami
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.whoami
  restart = "no"
  # no equal: labels traefik.enable=true, traefik.http.routers.whoami.entrypoints=web,
  #   traefik.http.routers.whoami.rule=Host(`whoami.localhost`): there are no labels
}

# Imported from vaultwarden.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "vaultwarden"
}

variable "data" {
  type        = string
  default     = "/srv/vaultwarden"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/server && podman export $(podman create vaultwarden/server:latest) | tar -xC /srv/rootfs/server
variable "rootfs_server" {
  type        = string
  default     = "/srv/rootfs/server"
  description = "Root directory of vaultwarden/server:latest."
}

# To make it:
# $ mkdir -p /srv/rootfs/caddy && podman export $(podman create caddy:2) | tar -xC /srv/rootfs/caddy
variable "rootfs_caddy" {
  type        = string
  default     = "/srv/rootfs/caddy"
  description = "Root directory of caddy:2."
}

user "vaultwarden" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "vaultwarden" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

netns "caddy" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.3/24"]
  }

  # no equal: port 80:80: a netns has no publish
  # no equal: port 443:443: a netns has no publish
  # no equal: port 443:443/udp: a netns has no publish
}

volume "vw-data" {
  path  = "${var.data}/vw-data"
  owner = user.vaultwarden
  # changed: external: bitwarden: it is a directory here; move or copy the data
}

# Was ./caddy-config: move or copy it here.
volume "caddy-config" {
  path  = "${var.data}/caddy-config"
  owner = user.vaultwarden
}

# Was ./caddy-data: move or copy it here.
volume "caddy-data" {
  path  = "${var.data}/caddy-data"
  owner = user.vaultwarden
}

container "vaultwarden" {
  rootfs = var.rootfs_server
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' vaultwarden/server:latest
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.vaultwarden
  environment = {
    ADMIN_TOKEN     = "$argon2id$v=19$m=19456,t=2,p=1$UUZxK1"
    DOMAIN          = "https://vaultwarden.example.com"
    SIGNUPS_ALLOWED = "false"
  }
  restart = "always"

  mount "/data" {
    volume = volume.vw-data
  }
  tmpfs "/run/lock" {
    size = "1M"
  }

  # no equal: tmpfs option noexec: a tmpfs has a size and a mode
  # no equal: security option apparmor=unconfined: hostctl's own rules hold
}

container "caddy" {
  rootfs = var.rootfs_caddy
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' caddy:2
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.caddy
  environment = {
    DOMAIN   = "https://vaultwarden.example.com"
    LOG_FILE = "/data/access.log"
  }
  restart = "always"

  mount "/config" {
    volume = volume.caddy-config
  }
  mount "/data" {
    volume = volume.caddy-data
  }

  # no equal: volume ./Caddyfile:/etc/caddy/Caddyfile:ro: a volume is a directory; copy the file
  #   beside this one and write file "/etc/caddy/Caddyfile" { source = ... }
}

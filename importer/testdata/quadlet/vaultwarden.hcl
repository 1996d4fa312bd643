# Imported from vaultwarden.container, vw-data.volume.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "vaultwarden"
}

# To make it:
# $ mkdir -p /srv/rootfs/server && podman export $(podman create docker.io/vaultwarden/server:1.32) | tar -xC /srv/rootfs/server
variable "rootfs_server" {
  type        = string
  default     = "/srv/rootfs/server"
  description = "Root directory of docker.io/vaultwarden/server:1.32."
}

user "vault" {
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

volume "vw-data" {
  path  = "/srv/vaultwarden"
  owner = user.vault
}

container "vaultwarden" {
  rootfs = var.rootfs_server
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.io/vaultwarden/server:1.32
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  run_as  = user.vault
  netns   = netns.vaultwarden
  environment = {
    ADMIN_TOKEN = "$argon2id$v=19$m=65540,t=3,p=4$abc"
  }
  restart      = "no"
  stop_signal  = "INT"
  stop_timeout = "5s"

  mount "/data" {
    volume = volume.vw-data
  }
  limits {
    memory = "256M"
    cpu    = 1.5
    tasks  = 200
    files  = 8192
  }

  # no equal: environment file /etc/vaultwarden.env: no such text file in the source's directory;
  #   write its variables into environment
  # changed: ulimit nofile=1024:2048: soft and hard limit are one
  # no equal: ExecStartPre=/usr/bin/mkdir -p /srv/vw: the unit is hostctl's own
}

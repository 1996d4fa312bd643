# Imported from gitea.container.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "gitea"
}

# To make it:
# $ mkdir -p /srv/rootfs/gitea && podman export $(podman create docker.gitea.com/gitea:1.22.3-rootless) | tar -xC /srv/rootfs/gitea
variable "rootfs_gitea" {
  type        = string
  default     = "/srv/rootfs/gitea"
  description = "Root directory of docker.gitea.com/gitea:1.22.3-rootless."
}

user "gitea" {
  # changed: user namespace keep-id:uid=1000,gid=1000: it was the user who started the container;
  #   this is an account of its own
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "gitea" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 3000:3000: a netns has no publish
  # no equal: port 2222:2222: a netns has no publish
}

volume "data" {
  path  = "/srv/gitea/data"
  owner = user.gitea
}

volume "config" {
  path  = "/srv/gitea/config"
  owner = user.gitea
}

# Gitea: a "quoted" ${description} %
container "gitea" {
  rootfs = var.rootfs_gitea
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.gitea.com/gitea:1.22.3-rootless
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  run_as  = user.gitea
  netns   = netns.gitea
  environment = {
    GITEA__database__DB_TYPE = "sqlite3"
  }
  restart = "no"

  mount "/var/lib/gitea" {
    volume = volume.data
  }
  mount "/etc/gitea" {
    volume = volume.config
  }

  # no equal: volume /srv/gitea/data:/var/lib/gitea:Z, option Z: files are not relabelled for
  #   SELinux
  # no equal: volume /srv/gitea/config:/etc/gitea:Z, option Z: files are not relabelled for SELinux
}

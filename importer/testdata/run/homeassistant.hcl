# Imported from a `docker run` command line.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "homeassistant"
}

# To make it:
# $ mkdir -p /srv/rootfs/home-assistant && podman export $(podman create ghcr.io/home-assistant/home-assistant:stable) | tar -xC /srv/rootfs/home-assistant
variable "rootfs_home_assistant" {
  type        = string
  default     = "/srv/rootfs/home-assistant"
  description = "Root directory of ghcr.io/home-assistant/home-assistant:stable."
}

user "homeassistant" {
}

volume "config" {
  path  = "/srv/ha/config"
  owner = user.homeassistant
}

container "homeassistant" {
  rootfs = var.rootfs_home_assistant
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' ghcr.io/home-assistant/home-assistant:stable
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  environment = {
    TZ = "MY_TIME_ZONE"
  }
  restart = "always"

  mount "/config" {
    volume = volume.config
  }

  # no equal: volume /run/dbus:/run/dbus:ro: /run/dbus cannot be a volume; /run/dbus holds the
  #   system bus; keep data in a directory of its own, such as one below /srv
  # no equal: --privileged: no container has force over the host
  # no equal: network host: a container never has the host's network
}

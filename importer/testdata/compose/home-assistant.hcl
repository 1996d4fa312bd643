# Imported from home-assistant.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "home-assistant"
}

variable "data" {
  type        = string
  default     = "/srv/home-assistant"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/home-assistant && podman export $(podman create ghcr.io/home-assistant/home-assistant:stable) | tar -xC /srv/rootfs/home-assistant
variable "rootfs_home_assistant" {
  type        = string
  default     = "/srv/rootfs/home-assistant"
  description = "Root directory of ghcr.io/home-assistant/home-assistant:stable."
}

# To make it:
# $ mkdir -p /srv/rootfs/eclipse-mosquitto && podman export $(podman create eclipse-mosquitto:2) | tar -xC /srv/rootfs/eclipse-mosquitto
variable "rootfs_eclipse_mosquitto" {
  type        = string
  default     = "/srv/rootfs/eclipse-mosquitto"
  description = "Root directory of eclipse-mosquitto:2."
}

# To make it:
# $ mkdir -p /srv/rootfs/zigbee2mqtt && podman export $(podman create koenkk/zigbee2mqtt) | tar -xC /srv/rootfs/zigbee2mqtt
variable "rootfs_zigbee2mqtt" {
  type        = string
  default     = "/srv/rootfs/zigbee2mqtt"
  description = "Root directory of koenkk/zigbee2mqtt."
}

user "home-assistant" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "mosquitto" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 1883:1883: a netns has no publish
}

netns "zigbee2mqtt" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.3/24"]
  }
}

volume "homeassistant" {
  path  = "/srv/homeassistant"
  owner = user.home-assistant
}

# Was ~/mosquitto: move or copy it here.
volume "mosquitto" {
  path  = "${var.data}/mosquitto"
  owner = user.home-assistant
}

# Was ./zigbee: move or copy it here.
volume "zigbee" {
  path  = "${var.data}/zigbee"
  owner = user.home-assistant
}

container "homeassistant" {
  rootfs = var.rootfs_home_assistant
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' ghcr.io/home-assistant/home-assistant:stable
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  restart = "always"

  mount "/config" {
    volume = volume.homeassistant
  }

  # no equal: volume /run/dbus:/run/dbus:ro: /run/dbus cannot be a volume; /run/dbus holds the
  #   system bus; keep data in a directory of its own, such as one below /srv
  # no equal: volume /etc/localtime:/etc/localtime:ro: a volume is a directory; copy the file beside
  #   this one and write file "/etc/localtime" { source = ... }
  # no equal: network host: a container never has the host's network
  # no equal: privileged: no container has force over the host
}

container "mosquitto" {
  rootfs = var.rootfs_eclipse_mosquitto
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' eclipse-mosquitto:2
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.mosquitto
  restart = "no"

  mount "/mosquitto/config" {
    volume = volume.mosquitto
  }
}

container "zigbee2mqtt" {
  rootfs = var.rootfs_zigbee2mqtt
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' koenkk/zigbee2mqtt
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  user    = "1000:1000"
  netns   = netns.zigbee2mqtt
  environment = {
    TZ = "Europe/Berlin"
  }
  groups = ["dialout"]

  device "/dev/ttyACM0" {
    source = "/dev/serial/by-id/usb-Texas_Instruments"
  }
  restart = "no"

  mount "/app/data" {
    volume = volume.zigbee
  }

  # no equal: volume /run/udev:/run/udev:ro: /run/udev cannot be a volume; /run/udev is the device
  #   manager's own; keep data in a directory of its own, such as one below /srv
}

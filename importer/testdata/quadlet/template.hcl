# Imported from worker@.container.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "worker-mail"
}

# To make it:
# $ mkdir -p /srv/rootfs/worker && podman export $(podman create registry.example.com/worker:1.4) | tar -xC /srv/rootfs/worker
variable "rootfs_worker" {
  type        = string
  default     = "/srv/rootfs/worker"
  description = "Root directory of registry.example.com/worker:1.4."
}

user "worker-mail" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "worker-mail" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

volume "mail" {
  path  = "/srv/worker/mail"
  owner = user.worker-mail
}

# Worker mail of worker
container "worker-mail" {
  rootfs = var.rootfs_worker
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' registry.example.com/worker:1.4
  command = [
    "/usr/bin/worker",
    "--queue=mail",
    "--name",
    "worker@mail",
    "--unit",
    "worker@mail.service",
    "--percent=50%",
  ]
  netns = netns.worker-mail
  environment = {
    HOME  = "%h"
    QUEUE = "mail"
  }
  restart = "on-failure"

  mount "/data" {
    volume = volume.mail
  }

  # changed: template worker@.container: this is its instance "mail"; for_each makes more
  # changed: Environment=HOME=%h QUEUE=mail: specifiers that only a running host knows stay as they
  #   are
  # changed: Restart=on-abnormal: on-failure is the nearest
}

# Imported from cycle.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "cycle"
}

# To make it:
# $ mkdir -p /srv/rootfs/busybox && podman export $(podman create busybox) | tar -xC /srv/rootfs/busybox
variable "rootfs_busybox" {
  type        = string
  default     = "/srv/rootfs/busybox"
  description = "Root directory of busybox."
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "a" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

netns "b" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.3/24"]
  }
}

container "a" {
  rootfs = var.rootfs_busybox
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' busybox
  command    = ["sleep", "inf"]
  netns      = netns.a
  restart    = "no"
  depends_on = [container.b]
  # no equal: links b: names of containers are not resolved
  # no equal: volumes_from b: mount the other container's volumes by name
}

container "b" {
  rootfs = var.rootfs_busybox
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' busybox
  command          = ["sleep", "inf"]
  netns            = netns.b
  oom_score_adjust = -500
  extra_hosts = {
    # no equal: extra hosts host.docker.internal=host-gateway: "host-gateway" is no address; write
    #   an IPv4 or IPv6 address
    somehost = "162.242.195.82"
  }
  restart = "no"

  limits {
    cpu = 0.25
  }

  # no equal: tty: there is no terminal
  # no equal: stdin_open: standard input is empty
  # no equal: oom_kill_disable: the kernel kills beyond limits.memory
  # no equal: mem_reservation: limits.memory is a ceiling
  # no equal: cpuset 0,1: no processors are chosen
  # no equal: cpu_shares 73: limits.cpu is a ceiling; there are no shares
  # no equal: uts host: each container has a namespace of its own
  # no equal: cgroup host: each container has a namespace of its own
  # no equal: dns_opt use-vc: the rootfs's own /etc/resolv.conf says it
  # no equal: external_links elsewhere: names of containers are not resolved
  # no equal: gpus: a container has no devices of the host
  # no equal: device_cgroup_rules: a container has no devices of the host
  # no equal: runtime runsc: hostctl's own launcher starts containers
  # no equal: platform linux/amd64: programs are those of the host's machine
  # no equal: cgroup_parent m-executor: all containers are in hostctl.slice
  # no equal: blkio_config: limits are on memory, cpu and tasks
  # no equal: develop: sources are not watched
  # no equal: post_start: nothing runs beside the program
  # no equal: mac_address 02:42:ac:11:65:43: it is the kernel's choice
  # no equal: storage_opt: the root is read-only
}

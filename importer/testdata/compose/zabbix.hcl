# Imported from zabbix.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "zabbix"
}

# To make it:
# $ mkdir -p /srv/rootfs/zabbix-server-pgsql && podman export $(podman create zabbix/zabbix-server-pgsql:alpine-7.0-latest) | tar -xC /srv/rootfs/zabbix-server-pgsql
variable "rootfs_zabbix_server_pgsql" {
  type        = string
  default     = "/srv/rootfs/zabbix-server-pgsql"
  description = "Root directory of zabbix/zabbix-server-pgsql:alpine-7.0-latest."
}

# To make it:
# $ mkdir -p /srv/rootfs/zabbix-agent2 && podman export $(podman create zabbix/zabbix-agent2:alpine-7.0-latest) | tar -xC /srv/rootfs/zabbix-agent2
variable "rootfs_zabbix_agent2" {
  type        = string
  default     = "/srv/rootfs/zabbix-agent2"
  description = "Root directory of zabbix/zabbix-agent2:alpine-7.0-latest."
}

network "backend" {
  subnet = "172.16.239.0/24"
  ipv6   = "fd00:16:239::/64"
}

netns "server" {
  interface "eth0" {
    network   = network.backend
    addresses = ["172.16.239.10/24", "fd00:16:239::10/64"]
  }

  # no equal: port 10051:10051: a netns has no publish
  sysctls = {
    "net.ipv4.ip_local_port_range" = "1024"
  }
}

netns "agent" {
  interface "eth0" {
    network   = network.backend
    addresses = ["172.16.239.2/24", "fd00:16:239::2/64"]
  }
}

container "server" {
  rootfs = var.rootfs_zabbix_server_pgsql
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' zabbix/zabbix-server-pgsql:alpine-7.0-latest
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.server
  rlimits = {
    nproc = "65535"
  }
  sysctls = {
    "kernel.shmmax" = "1"
  }
  restart      = "no"
  stop_timeout = "30s"

  limits {
    files = 40000
  }

  # no equal: sysctl net.ipv4.ip_local_port_range=1024 64999: sysctl: "64999" is not NAME=VALUE
  # changed: ulimit nofile=20000:40000: soft and hard limit are one
  # no equal: labels com.zabbix.company=Zabbix LLC: there are no labels
}

container "agent" {
  rootfs = var.rootfs_zabbix_agent2
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' zabbix/zabbix-agent2:alpine-7.0-latest
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.agent
  environment = {
    # changed: environment ZBX_SERVER_HOST: nothing here resolves the name "zabbix-server"; its
    #   address is 172.16.239.10
    ZBX_SERVER_HOST = "zabbix-server"
  }
  restart = "no"
  # no equal: privileged: no container has force over the host
  # no equal: pid host: each container has a namespace of its own
}

# Imported from elk.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "elk"
}

variable "data" {
  type        = string
  default     = "/srv/elk"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/elasticsearch && podman export $(podman create docker.elastic.co/elasticsearch/elasticsearch:8.15.0) | tar -xC /srv/rootfs/elasticsearch
variable "rootfs_elasticsearch" {
  type        = string
  default     = "/srv/rootfs/elasticsearch"
  description = "Root directory of docker.elastic.co/elasticsearch/elasticsearch:8.15.0."
}

# To make it:
# $ mkdir -p /srv/rootfs/logstash && podman export $(podman create docker.elastic.co/logstash/logstash:8.15.0) | tar -xC /srv/rootfs/logstash
variable "rootfs_logstash" {
  type        = string
  default     = "/srv/rootfs/logstash"
  description = "Root directory of docker.elastic.co/logstash/logstash:8.15.0."
}

# To make it:
# $ mkdir -p /srv/rootfs/kibana && podman export $(podman create docker.elastic.co/kibana/kibana:8.15.0) | tar -xC /srv/rootfs/kibana
variable "rootfs_kibana" {
  type        = string
  default     = "/srv/rootfs/kibana"
  description = "Root directory of docker.elastic.co/kibana/kibana:8.15.0."
}

user "elk" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "elasticsearch" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

netns "logstash" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.3/24"]
  }

  # no equal: port 5044:5044: a netns has no publish
  # no equal: port 50000:50000: a netns has no publish
  # no equal: port 50001:50001: a netns has no publish
  # no equal: port 50002:50002: a netns has no publish
}

netns "kibana" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.4/24"]
  }

  # no equal: port 5601:5601: a netns has no publish
}

volume "esdata" {
  path  = "${var.data}/esdata"
  owner = user.elk
}

# Was ./logstash/pipeline: move or copy it here.
volume "logstash-pipeline" {
  path = "${var.data}/logstash-pipeline"
}

container "elasticsearch" {
  rootfs = var.rootfs_elasticsearch
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.elastic.co/elasticsearch/elasticsearch:8.15.0
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.elasticsearch
  environment = {
    ES_JAVA_OPTS             = "-Xms512m -Xmx512m"
    "discovery.type"         = "single-node"
    "xpack.security.enabled" = "false"
  }
  # no equal: capabilities ipc_lock: "ipc_lock" is no capability of a container; the kernel asks for
  #   it in the host's own user namespace, so that it would have no force in a container
  rlimits = {
    memlock = "unlimited"
  }
  restart       = "on-failure"
  restart_delay = "5s"

  mount "/usr/share/elasticsearch/data" {
    volume = volume.esdata
  }
  limits {
    memory = "2G"
    cpu    = 2
    tasks  = 2048
    files  = 65536
  }

  # changed: max_attempts 3: it is tried again without end
  # no equal: deploy.resources.reservations: limits are ceilings
}

container "logstash" {
  rootfs = var.rootfs_logstash
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.elastic.co/logstash/logstash:8.15.0
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.logstash
  environment = {
    LS_JAVA_OPTS = "-Xmx256m -Xms256m"
  }
  restart    = "no"
  depends_on = [container.elasticsearch]

  mount "/usr/share/logstash/pipeline" {
    volume    = volume.logstash-pipeline
    read_only = true
  }
}

container "kibana" {
  rootfs = var.rootfs_kibana
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' docker.elastic.co/kibana/kibana:8.15.0
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.kibana
  environment = {
    # changed: environment ELASTICSEARCH_HOSTS: nothing here resolves the name "elasticsearch"; its
    #   address is 10.89.0.2
    ELASTICSEARCH_HOSTS = "[\"http://elasticsearch:9200\"]"
    NODE_OPTIONS        = "--max-old-space-size=1024"
  }
  restart    = "no"
  depends_on = [container.elasticsearch]
}

# Imported from kafka.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "kafka"
}

# To make it:
# $ mkdir -p /srv/rootfs/cp-zookeeper && podman export $(podman create confluentinc/cp-zookeeper:7.6.0) | tar -xC /srv/rootfs/cp-zookeeper
variable "rootfs_cp_zookeeper" {
  type        = string
  default     = "/srv/rootfs/cp-zookeeper"
  description = "Root directory of confluentinc/cp-zookeeper:7.6.0."
}

# To make it:
# $ mkdir -p /srv/rootfs/cp-kafka && podman export $(podman create confluentinc/cp-kafka:7.6.0) | tar -xC /srv/rootfs/cp-kafka
variable "rootfs_cp_kafka" {
  type        = string
  default     = "/srv/rootfs/cp-kafka"
  description = "Root directory of confluentinc/cp-kafka:7.6.0."
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "zookeeper" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

netns "broker" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.3/24"]
  }

  # no equal: port 29092:29092: a netns has no publish
  # no equal: port 9092:9092: a netns has no publish
}

netns "init" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.4/24"]
  }
}

container "zookeeper" {
  rootfs = var.rootfs_cp_zookeeper
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' confluentinc/cp-zookeeper:7.6.0
  command  = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns    = netns.zookeeper
  hostname = "zookeeper"
  environment = {
    ZOOKEEPER_CLIENT_PORT = "2181"
    ZOOKEEPER_TICK_TIME   = "2000"
  }
  restart = "no"
}

container "broker" {
  rootfs = var.rootfs_cp_kafka
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' confluentinc/cp-kafka:7.6.0
  command  = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns    = netns.broker
  hostname = "broker.kafka.local"
  environment = {
    # changed: environment KAFKA_ADVERTISED_LISTENERS: nothing here resolves the name "broker"; its
    #   address is 127.0.0.1
    KAFKA_ADVERTISED_LISTENERS           = "PLAINTEXT://broker:29092,PLAINTEXT_HOST://localhost:9092"
    KAFKA_AUTO_CREATE_TOPICS_ENABLE      = "true"
    KAFKA_BROKER_ID                      = "1"
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP = "PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT"
    KAFKA_MIN_INSYNC                     = "1.5"
    # changed: environment KAFKA_ZOOKEEPER_CONNECT: nothing here resolves the name "zookeeper"; its
    #   address is 10.89.0.2
    KAFKA_ZOOKEEPER_CONNECT = "zookeeper:2181"
  }
  restart    = "no"
  depends_on = [container.zookeeper]
}

container "init" {
  rootfs = var.rootfs_cp_kafka
  command = [
    "/bin/sh",
    "-c",
    "kafka-topics --bootstrap-server broker:29092 --create --if-not-exists --topic a\necho \"done 1\"\n",
  ]
  netns      = netns.init
  restart    = "no"
  depends_on = [container.broker]
}

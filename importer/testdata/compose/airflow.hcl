# Imported from airflow.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "airflow"
}

variable "data" {
  type        = string
  default     = "/srv/airflow"
  description = "Directory that holds the volumes."
}

# To make it:
# $ mkdir -p /srv/rootfs/postgres && podman export $(podman create postgres:13) | tar -xC /srv/rootfs/postgres
variable "rootfs_postgres" {
  type        = string
  default     = "/srv/rootfs/postgres"
  description = "Root directory of postgres:13."
}

# To make it:
# $ mkdir -p /srv/rootfs/redis && podman export $(podman create redis:7.2-bookworm) | tar -xC /srv/rootfs/redis
variable "rootfs_redis" {
  type        = string
  default     = "/srv/rootfs/redis"
  description = "Root directory of redis:7.2-bookworm."
}

# To make it:
# $ mkdir -p /srv/rootfs/airflow && podman export $(podman create apache/airflow:2.10.2) | tar -xC /srv/rootfs/airflow
variable "rootfs_airflow" {
  type        = string
  default     = "/srv/rootfs/airflow"
  description = "Root directory of apache/airflow:2.10.2."
}

user "airflow" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "postgres" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

netns "redis" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.3/24"]
  }
}

netns "airflow-init" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.4/24"]
  }
}

netns "airflow-webserver" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.5/24"]
  }

  # no equal: port 8080:8080: a netns has no publish
}

volume "postgres-db-volume" {
  path  = "${var.data}/postgres-db-volume"
  owner = user.airflow
}

# Was ./dags: move or copy it here.
volume "dags" {
  path  = "${var.data}/dags"
  owner = user.airflow
}

# Was ./logs: move or copy it here.
volume "logs" {
  path  = "${var.data}/logs"
  owner = user.airflow
}

container "postgres" {
  rootfs = var.rootfs_postgres
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' postgres:13
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.postgres
  environment = {
    POSTGRES_DB       = "airflow"
    POSTGRES_PASSWORD = "airflow"
    POSTGRES_USER     = "airflow"
  }
  restart = "always"

  mount "/var/lib/postgresql/data" {
    volume = volume.postgres-db-volume
  }
  health {
    exec         = ["pg_isready", "-U", "airflow"]
    interval     = "10s"
    retries      = 5
    start_period = "5s"
  }
}

container "redis" {
  rootfs = var.rootfs_redis
  # no equal: the image's own command: put it in place of the shell's three words below:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' redis:7.2-bookworm
  command = ["/bin/sh", "-c", "echo the command of this container is not set >&2; exit 78"]
  netns   = netns.redis
  restart = "always"

  health {
    exec         = ["redis-cli", "ping"]
    interval     = "10s"
    timeout      = "30s"
    retries      = 50
    start_period = "30s"
  }
}

container "airflow-init" {
  rootfs  = var.rootfs_airflow
  command = ["/bin/bash", "-c", "mkdir -p /sources/logs\nexec /entrypoint airflow version\n"]
  user    = "0:0"
  netns   = netns.airflow-init
  environment = {
    # changed: environment AIRFLOW__CELERY__BROKER_URL: nothing here resolves the name "redis"; its
    #   address is 10.89.0.3
    AIRFLOW__CELERY__BROKER_URL = "redis://:@redis:6379/0"
    AIRFLOW__CORE__EXECUTOR     = "CeleryExecutor"
    AIRFLOW__CORE__FERNET_KEY   = ""
    # changed: environment AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: nothing here resolves the name
    #   "postgres"; its address is 10.89.0.2
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN = "postgresql+psycopg2://airflow:airflow@postgres/airflow"
    _AIRFLOW_DB_MIGRATE                 = "true"
    _PIP_ADDITIONAL_REQUIREMENTS        = ""
  }
  restart    = "no"
  job        = true
  depends_on = [healthy(container.postgres), healthy(container.redis)]

  mount "/opt/airflow/dags" {
    volume = volume.dags
  }
  mount "/opt/airflow/logs" {
    volume = volume.logs
  }
}

container "airflow-webserver" {
  rootfs = var.rootfs_airflow
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' apache/airflow:2.10.2
  command = ["webserver"]
  user    = "50000:0"
  netns   = netns.airflow-webserver
  environment = {
    # changed: environment AIRFLOW__CELERY__BROKER_URL: nothing here resolves the name "redis"; its
    #   address is 10.89.0.3
    AIRFLOW__CELERY__BROKER_URL = "redis://:@redis:6379/0"
    AIRFLOW__CORE__EXECUTOR     = "CeleryExecutor"
    AIRFLOW__CORE__FERNET_KEY   = ""
    # changed: environment AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: nothing here resolves the name
    #   "postgres"; its address is 10.89.0.2
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN = "postgresql+psycopg2://airflow:airflow@postgres/airflow"
    _PIP_ADDITIONAL_REQUIREMENTS        = ""
  }
  restart = "no"
  depends_on = [
    completed(container.airflow-init),
    healthy(container.postgres),
    healthy(container.redis),
  ]

  mount "/opt/airflow/dags" {
    volume = volume.dags
  }
  mount "/opt/airflow/logs" {
    volume = volume.logs
  }
}

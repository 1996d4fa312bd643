# One block, several containers: a worker for each queue, all on one volume,
# each with its own memory. Adding a queue touches no other worker.

hostctl {
  name = "workers"
}

variable "rootfs" {
  type    = string
  default = "/srv/rootfs/busybox"
}

variable "queues" {
  type = map(string)
  default = {
    mail   = "64M"
    thumbs = "256M"
  }
  description = "Memory of each queue's worker."
}

user "worker" {}

volume "spool" {
  path  = "/srv/workers/spool"
  owner = user.worker
  mode  = "0750"
}

container "worker" {
  for_each    = var.queues
  rootfs      = var.rootfs
  command     = ["/bin/sh", "-c", "mkdir -p /spool/$QUEUE && while true; do date > /spool/$QUEUE/alive; sleep 5; done"]
  environment = { QUEUE = each.key }
  hostname    = "worker-${each.key}"

  mount "/spool" {
    volume = volume.spool
  }
  tmpfs "/scratch" {
    size = "32M"
  }
  limits {
    memory = each.value
    tasks  = 16
  }
  restart    = "always"
  stop_timeout = "5s"
}

output "workers" {
  value = [for queue in sort(keys(var.queues)) : "hostctl-worker-${queue}.service"]
}

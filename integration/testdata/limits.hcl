hostctl {
  name = "limits"
}

locals {
  rootfs = "/srv/rootfs/busybox"
}

# Asks for more memory than it may have, each time it is told to.
container "hog" {
  rootfs  = local.rootfs
  command = ["sh", "-c", "trap 'tail /dev/zero & wait' USR1; while :; do sleep 0.1; done"]
  restart = "no"

  limits {
    memory = "32M"
    tasks  = 64
  }
}

# Forks for as long as it can.
container "bomb" {
  rootfs  = local.rootfs
  command = ["sh", "-c", "f() { sleep 1000000 & f; }; (f) 2> /dev/null; while :; do sleep 1; done"]

  limits {
    memory = "64M"
    tasks  = 24
  }
}

# Never rests.
container "busy" {
  rootfs  = local.rootfs
  command = ["sh", "-c", "while :; do :; done"]

  oom_score_adjust = -500

  limits {
    memory      = "32M"
    memory_high = "24M"
    swap        = "8M"
    cpu         = 0.2
    cpu_weight  = 50
  }
}

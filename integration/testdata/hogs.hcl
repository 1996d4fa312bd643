hostctl {
  name = "hogs"
}

locals {
  rootfs = "/srv/rootfs/busybox"
}

# Ignores what asks it to end, and leaves children that are nobody's.
container "stubborn" {
  rootfs       = local.rootfs
  command      = ["sh", "-c", "trap '' TERM INT HUP; for i in 1 2 3 4 5; do (setsid sh -c 'trap \"\" TERM; (sleep 1000000 &) ; sleep 1000000' &); done; while :; do sleep 1; done"]
  stop_timeout = "2s"
}

# Fills its memory filesystems, their inodes and its descriptors, and logs without end.
container "filler" {
  rootfs = local.rootfs
  command = ["sh", "-c", <<-EOT
    for dir in /tmp /dev/shm /run; do
      dd if=/dev/zero of=$dir/big bs=64k 2> /dev/null
      mkdir $dir/many 2> /dev/null
      i=0; while true > $dir/many/$i; do i=$((i + 1)); [ $i -lt 2000000 ] || break; done 2> /dev/null
      rm -rf $dir/big $dir/many
    done
    echo full > /run/done
    (n=3; while eval "exec $n< /dev/null"; do n=$((n + 1)); done) 2> /dev/null
    yes flood & while :; do sleep 1; done
  EOT
  ]

  limits {
    memory = "256M"
    files  = 64
    tasks  = 32
  }
}

# The ways of an older kernel with roots that are written to.
container "ephemeral" {
  rootfs  = local.rootfs
  root    = "ephemeral"
  command = ["sh", "-c", "echo written > /etc/new && cat /etc/new && sleep 1000000"]
}

container "persistent" {
  rootfs  = local.rootfs
  root    = "persistent"
  command = ["sh", "-c", "echo start >> /etc/starts && sleep 1000000"]
}

container "system" {
  rootfs  = local.rootfs
  root    = "ephemeral"
  boot    = true
  command = ["/bin/sh", "-c", "mount -t tmpfs none /tmp && hostname inside && mkdir /sys/fs/cgroup/below && echo booted; trap 'exit 0' INT; while :; do sleep 1; done"]

  stop_signal = "INT"
}

container "once" {
  rootfs  = local.rootfs
  command = ["/bin/sh", "-c", "echo ran"]
  job     = true
}

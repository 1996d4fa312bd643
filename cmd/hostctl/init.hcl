hostctl {
  # Whose objects these are. Two configurations on one host never touch each other.
  name = "NAME"
}

# A directory with a root filesystem; the container sees it read-only.
# Any way to make one will do: mmdebstrap --variant=minbase bookworm /srv/rootfs/debian
variable "rootfs" {
  type        = string
  default     = "/srv/rootfs/debian"
  description = "Root filesystem of the container."
}

# A host account. It owns the volume, and the container runs as it.
user "NAME" {}

# A directory of the host. Removing this block never removes data.
volume "data" {
  path  = "/srv/NAME/data"
  owner = user.NAME
  mode  = "0750"
}

# hostctl-hello.service: `systemctl status hostctl-hello`, `hostctl logs container.hello`.
container "hello" {
  rootfs  = var.rootfs
  command = ["/bin/sh", "-c", "while date >> /data/hello.log; do sleep 10; done"]
  run_as  = user.NAME

  mount "/data" {
    volume = volume.data
  }
  limits {
    memory = "64M"
    tasks  = 16
  }
}

# What the owner of this host allows to configurations, whoever wrote them. Only root can write this file; it is
# read at every plan and apply, and the paths are held against what is opened at every start of a container.
# `hostctl policy show` prints what holds, `hostctl policy explain ADDRESS` what it says of a container.
#
# What stands here is what holds without this file: take away, or add.

slices  = ["*"] # with ["shop"] every container has to be in hostctl-shop.slice
imports = [] # accounts, namespaces and directories of the host's own that import blocks may take over

paths {
  writable  = ["/srv"] # volumes are made below
  read_only = []       # such as "/usr/share/zoneinfo": external volumes
}

rootfs {
  directories = ["/srv", "/var/lib/machines"]
}

users {
  allow  = ["*"]
  uids   = ["1000-60000"]
  homes  = [] # directories; who can write to a home can log in to its account with a key
  shells = [] # such as "/bin/bash"
  groups = [] # of the host; "docker", "disk" and their like are as good as root
}

network {
  host_network = [] # names of containers
  host_ports   = ["127.0.0.1:1024-65535", "[::1]:1024-65535"]
  subnets      = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"]
}

privileges {
  capabilities = [] # such as "chown", "setgid", "setuid", which many images want
  devices      = []
  sysctls      = []
  system_calls = []
  root         = [] # "ephemeral", "persistent", "writable"
  boot         = [] # names of containers that are whole systems
}

# limits {
#   memory = "8G" # the most that a container may have
# }
# defaults {
#   memory = "512M" # what one has that does not say
# }
# credential "tls-key" {
#   file       = "/etc/hostctl/credentials/tls.key"
#   containers = ["web"]
# }
# configuration "shop" { # instead of what stands above, for the configuration of that name
#   directories = ["/srv/git/shop"]
#   names       = ["shop-*"]
#   paths {
#     writable = ["/srv/shop"]
#   }
# }

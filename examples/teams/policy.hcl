# One host, two teams: /etc/hostctl/policy.hcl, which only root can write. Each team has a repository of its own, cloned where
# `directories` says, and what stands in its block is all that it can have, whatever it writes.

# What holds for both.
paths {
  read_only = ["/usr/share/zoneinfo"]
}
rootfs {
  directories = ["/srv/rootfs"]
}
limits {
  memory = "2G" # the most that one container may have
  tasks  = 1000
}
defaults {
  memory = "128M" # what one has that does not say
  tasks  = 100
}

configuration "shop" {
  directories = ["/srv/git/shop"]
  names       = ["shop", "shop-*"]
  slices      = ["shop"] # all of its containers are in hostctl-shop.slice, which the administrator bounds
  paths {
    writable = ["/srv/shop"]
  }
  users {
    uids = ["3000-3099"]
  }
  network {
    host_ports = ["*:443"]
    subnets    = ["10.20.0.0/16"]
  }
  credential "shop-tls" {
    file       = "/etc/hostctl/credentials/shop-tls"
    containers = ["shop-web"]
  }
}

configuration "blog" {
  directories = ["/srv/git/blog"]
  names       = ["blog", "blog-*"]
  slices      = ["blog"]
  paths {
    writable = ["/srv/blog"]
  }
  users {
    uids = ["3100-3199"]
  }
  network {
    subnets = ["10.30.0.0/16"]
  }
  privileges {
    capabilities = ["chown", "setgid", "setuid"] # its server begins as root, inside
  }
}

# Everybody else: nothing may be called anything.
names = []

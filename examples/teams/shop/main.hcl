# The shop's repository, /srv/git/shop. ../policy.hcl is what the host's owner lets it have.

hostctl {
  name = "shop"
}

user "shop" {
  uid = 3000
}

volume "shop-data" {
  path  = "/srv/shop/data"
  owner = user.shop
}

volume "shop-zones" { # the host's own directory, mounted as it is
  path     = "/usr/share/zoneinfo"
  external = true
}

container "shop-web" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["/bin/httpd", "-f", "-p", "8080", "-h", "/data"]
  run_as  = user.shop
  slice   = "shop"

  mount "/data" {
    volume = volume.shop-data
  }
  mount "/usr/share/zoneinfo" {
    volume    = volume.shop-zones
    read_only = true
  }
  secret "tls.key" { # /run/secrets/tls.key; which file of the host's that is ../policy.hcl says
    credential = "shop-tls"
  }
}

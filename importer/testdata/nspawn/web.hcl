# Imported from web.nspawn.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "web"
}

user "web" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "web" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

volume "www" {
  path = "/srv/www"
}

volume "cache" {
  path  = "/srv/cache"
  owner = user.web
}

container "web" {
  rootfs  = "/var/lib/machines/web"
  command = ["/usr/sbin/nginx", "-g", "daemon off;"]
  workdir = "/srv"
  user    = "www-data"
  netns   = netns.web
  environment = {
    TZ = "Europe/Berlin"
  }
  restart     = "no"
  stop_signal = "QUIT"

  mount "/usr/share/nginx/html" {
    volume    = volume.www
    read_only = true
  }
  mount "/var/cache/nginx" {
    volume = volume.cache
  }
  tmpfs "/var/log" {
    size = "16M"
    mode = "0755"
  }

  # no equal: Bind=/srv/cache:/var/cache/nginx:rootidmap, option rootidmap: a mount has no such
  #   option
}

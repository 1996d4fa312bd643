# Imported from nginx.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "nginx"
}

# To make it:
# $ mkdir -p /srv/rootfs/nginx && podman export $(podman create nginx:alpine) | tar -xC /srv/rootfs/nginx
variable "rootfs_nginx" {
  type        = string
  default     = "/srv/rootfs/nginx"
  description = "Root directory of nginx:alpine."
}

# To make it:
# $ mkdir -p /srv/rootfs/app && podman export $(podman create localhost/app) | tar -xC /srv/rootfs/app
variable "rootfs_app" {
  type        = string
  default     = "/srv/rootfs/app"
  description = "Root directory of localhost/app."
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

  # no equal: port 8080:80: a netns has no publish
}

netns "app" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.3/24"]
  }
}

container "web" {
  rootfs = var.rootfs_nginx
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' nginx:alpine
  command    = ["nginx-debug", "-g", "daemon off;"]
  netns      = netns.web
  restart    = "no"
  depends_on = [healthy(container.app)]

  file "/etc/nginx/conf.d/default.conf" {
    content = "server {\n  listen 80;\n  location / { proxy_pass http://app:3000; proxy_set_header Host $host; }\n}\n"
  }
  file "/page" {
    content = "hello $${nobody}\n"
  }
}

container "app" {
  rootfs  = var.rootfs_app
  command = ["/srv/app/entrypoint.sh", "serve", "--port", "3000"]
  workdir = "/srv/app"
  netns   = netns.app
  restart = "no"

  health {
    exec = ["/bin/sh", "-c", "curl -f http://localhost:3000/ || exit 1"]
  }

  # no equal: build ./app (Dockerfile.prod): images are not built here; `podman build -t
  #   localhost/app` makes it
}

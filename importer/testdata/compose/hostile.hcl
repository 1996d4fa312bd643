# Imported from hostile.yaml.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "hostile"
}

variable "data" {
  type        = string
  default     = "/srv/hostile"
  description = "Directory that holds the volumes."
}

variable "rootfs_img_x_container_pwn" {
  type        = string
  default     = "/srv/rootfs/img-x-container-pwn"
  description = "Root directory of img$${x}\"; }\\ncontainer \"pwn\" {."
}

variable "UNSET" {
  type        = string
  default     = ""
  description = "UNSET of the source, where nobody set it."
}

user "hostile" {
}

network "default" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of default: a network has no nat
}

netns "evil-name-with-everything" {
  interface "eth0" {
    network   = network.default
    addresses = ["10.89.0.2/24"]
  }
}

# Was ./../../outside: move or copy it here.
volume "outside" {
  path  = "${var.data}/outside"
  owner = user.hostile
}

volume "quote-x" {
  path  = "/srv/quote\"$${x}"
  owner = user.hostile
}

# "Evil.Name_with--everything" in the source.
container "evil-name-with-everything" {
  rootfs = var.rootfs_img_x_container_pwn
  # changed: command: where the image has an entrypoint, that goes in front:
  # $ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}'
  command = [
    "/bin/echo",
    var.UNSET,
    "$${var.secret}",
    "%%{ for x in y }",
    "\"]\n}\nhostctl {",
    "\u0007\u202e",
    "$\u0024{a}",
    "%\u0025{b}",
  ]
  # no equal: working directory /w/../${UNSET}x\n: "/x\n" cannot be a working directory; it may not
  #   hold control characters, line separators or invisible characters
  # no equal: user a b: "a b" is no user; write a uid, uid:gid, a name, or name:group
  netns = netns.evil-name-with-everything
  # no equal: hostname no host name: "no host name" is no host name; letters, digits, "-" and ".",
  #   at most 64 characters
  environment = {
    "$${UNSET}K" = "v"
    "A B"        = "1"
    MARK         = "\ue0f0data\ue0f1 ${var.UNSET}"
    "X\"]"       = "\\\" ${var.UNSET}"
    "for"        = "x"
    "null"       = "y"
  }
  restart = "no"
  # no equal: stop signal NOPE: "NOPE" is no signal to stop with; write one of HUP, INT, PWR, QUIT,
  #   RTMIN+3, TERM, USR1, USR2, WINCH

  mount "/data" {
    volume = volume.outside
  }

  # no equal: volume /srv/a b/${UNSET}:/with space: "/srv/a b/" cannot be a volume's path; write an
  #   absolute path without ".", "..", double or trailing slashes
  # no equal: volume /srv/quote"${x}:/t"${UNSET}: nothing can be mounted at "/t\""; it may not hold
  #   quotes and backslashes
  # no equal: labels x\ny=# no\r\ncomment: there are no labels
}

hostctl {
  name = "files"
}

variable "none" {
  type    = string
  default = "1"
}

variable "reload" {
  type    = string
  default = "1"
}

variable "restart" {
  type    = string
  default = "1"
}

variable "on_change" {
  type    = string
  default = "reload"
}

container "web" {
  rootfs  = "/srv/rootfs/busybox"
  user    = "1000:1000"
  command = ["sh", "-c", <<-EOT
    trap 'read word text < /run/app/reload.conf; echo "told of $text" >> /tmp/told' HUP
    cat /etc/none.conf /etc/reload.tpl /run/app/reload.conf /restart.conf > /tmp/begun
    while :; do
      sleep 1000 &
      wait $!
    done
  EOT
  ]

  reload {
    signal = "HUP"
  }
  file "/etc/none.conf" {
    content   = "none ${var.none}\n"
    on_change = "none"
    owner     = "1000:1000"
    mode      = "0600"
  }
  file "/etc/reload.tpl" {
    template  = "reload.tpl"
    vars      = { reload = var.reload }
    on_change = var.on_change
  }
  file "/run/app/reload.conf" {
    content   = "reload ${var.reload}\n"
    on_change = var.on_change
  }
  file "/restart.conf" {
    content = "restart ${var.restart}\n"
  }
  file "/etc/bytes" {
    source    = "bytes"
    on_change = "none"
  }
}

container "other" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
}

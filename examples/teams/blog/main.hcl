# The blog's repository, /srv/git/blog. ../policy.hcl is what the host's owner lets it have.

hostctl {
  name = "blog"
}

user "blog" {
  uid = 3100
}

volume "blog-pages" {
  path  = "/srv/blog/pages"
  owner = user.blog
}

container "blog" {
  rootfs       = "/srv/rootfs/busybox"
  command      = ["/bin/httpd", "-f", "-p", "80", "-u", "33:33", "-h", "/pages"]
  capabilities = ["setgid", "setuid"]
  slice        = "blog"

  mount "/pages" {
    volume    = volume.blog-pages
    read_only = true
  }
  limits {
    memory = "256M"
  }
}

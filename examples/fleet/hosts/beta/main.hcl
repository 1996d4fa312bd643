# The staging host: one site, with more memory than usual, and a directory for the database of the next release.

hostctl {
  name = "sites"
}

network "lan" {
  subnet = "10.31.0.0/24"
}

module "site" {
  source = "../../modules/site"

  network = network.lan
  address = "10.31.0.10"
  title   = "Staging"
  memory  = "256M"
}

# No plan may remove it.
volume "database" {
  path = "/srv/database"
  mode = "0700"

  lifecycle {
    prevent_destroy = true
  }
}

output "url" {
  value = module.site.url
}

# Two sites of customers, made by one module. Read with the repository's root, so that ../../modules is found:
#
#   hostctl plan -root examples/fleet -chdir examples/fleet/hosts/alpha

hostctl {
  name = "sites"
}

locals {
  sites = {
    shop = { address = "10.30.0.10", title = "The shop" }
    blog = { address = "10.30.0.11", title = "Dear diary" }
  }
}

network "lan" {
  subnet = "10.30.0.0/24"
}

module "site" {
  source   = "../../modules/site"
  for_each = local.sites

  network = network.lan
  address = each.value.address
  title   = each.value.title
}

check "room" {
  assert {
    condition     = length(local.sites) <= 20
    error_message = "This host has memory for 20 sites."
  }
}

output "urls" {
  value = { for name, site in module.site : name => site.url }
}

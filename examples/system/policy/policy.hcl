# What the host's owner writes into /etc/hostctl/policy.hcl for ../main.hcl: a whole system, whose root is kept.

privileges {
  boot = ["debian"]
  root = ["persistent"]
}

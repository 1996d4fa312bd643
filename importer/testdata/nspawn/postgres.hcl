# Imported from postgres.nspawn.
#
# A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.
# Without a word it has no capabilities; memory, tasks and files have limits.

hostctl {
  name = "postgres"
}

user "postgres" {
}

network "db" {
  subnet = "10.89.0.0/24"
  # no equal: the way out of db: a network has no nat
}

netns "postgres" {
  interface "eth0" {
    network   = network.db
    addresses = ["10.89.0.2/24"]
  }

  # no equal: port 5432:5432: a netns has no publish
}

volume "postgres" {
  path  = "/srv/postgres"
  owner = user.postgres
}

container "postgres" {
  rootfs  = "/var/lib/machines/postgres"
  command = ["/usr/lib/postgresql/16/bin/postgres", "-D", "/data"]
  user    = "postgres"
  netns   = netns.postgres
  environment = {
    PGDATA    = "/data"
    PGOPTIONS = "-c x=1"
  }
  restart = "no"

  mount "/data" {
    volume = volume.postgres
  }

  # no equal: Bind=/srv/postgres/wal:/wal: /srv/postgres/wal lies inside /srv/postgres, the path of
  #   volume.postgres; whoever mounts the outer volume would hold the inner one; put them side by
  #   side
}

package integration

import (
	"strings"
	"testing"
)

// A second apply does nothing, whatever the containers are: with sockets, health, jobs, a schedule, a persistent root, and none.
func TestSecondApplyOfAllSorts(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", `
		hostctl { name = "sorts" }
		container "listens" {
		  rootfs  = "`+busybox+`"
		  command = ["sleep", "1000000"]
		  listen "web" { stream = "127.0.0.1:8123" }
		}
		container "healthy" {
		  rootfs  = "`+busybox+`"
		  command = ["sleep", "1000000"]
		  health { exec = ["true"] }
		  post_start { exec = ["true"] }
		}
		container "once" {
		  rootfs  = "`+busybox+`"
		  command = ["true"]
		  job     = true
		}
		container "daily" {
		  rootfs  = "`+busybox+`"
		  command = ["true"]
		  job     = true
		  schedule { calendar = "daily" }
		}
		container "keeps" {
		  rootfs  = "`+busybox+`"
		  command = ["sleep", "1000000"]
		  root    = "persistent"
		}
		container "off" {
		  rootfs  = "`+busybox+`"
		  command = ["sleep", "1000000"]
		  enabled = false
		}
	`)
	h.apply()
	for _, args := range [][]string{{"apply", "-auto-approve"}, {"plan"}, {"drift"}, {"status"}} {
		if m := h.mutations(args...); len(m) > 0 {
			t.Errorf("%v: %s", args, strings.Join(m, "\n"))
		}
	}
}

// With an older copy of the ledger the host converges, and what has numbers keeps them: they stand on the host as well.
func TestOlderLedger(t *testing.T) {
	h := boot(t)
	const one = `
		hostctl { name = "back" }
		user "first" {}
		container "web" {
		  rootfs  = "` + busybox + `"
		  command = ["sleep", "1000000"]
		}
	`
	const two = one + `
		user "second" {}
		container "db" {
		  rootfs  = "` + busybox + `"
		  command = ["sleep", "1000000"]
		  run_as  = user.second
		}
	`
	h.write("main.hcl", one)
	h.apply()
	h.sh("cp -a /var/lib/hostctl/ledger.json /root/older.json")
	h.write("main.hcl", two)
	h.apply()
	ids := func() string { return h.sh("id -u first; id -u second; sort /etc/subuid") }
	before, pid := ids(), h.pid("db")
	h.hostctl(0, "stop", "container.web")
	h.sh("cp -a /root/older.json /var/lib/hostctl/ledger.json")
	h.apply()
	h.clean()
	equal(t, ids(), before)
	equal(t, h.pid("db"), pid)
	h.pid("web") // that it was stopped, the older ledger does not say
	h.hostctl(0, "drift")
}

// What a newer release remembers of one configuration stops that one alone, also at boot.
func TestLedgerOfNewerRelease(t *testing.T) {
	h := boot(t)
	for _, name := range []string{"one", "two"} {
		h.write(name+"/main.hcl", `
			hostctl { name = "`+name+`" }
			container "`+name+`" {
			  rootfs  = "`+busybox+`"
			  command = ["sleep", "1000000"]
			}
		`)
		h.apply("-chdir", name)
	}
	h.sh(`
		cd /var/lib/hostctl; tail -n +2 ledger.json > /root/body
		sed -i 's/"container.two":{/"container.two":{"later":1,/' /root/body
		{ sha256sum /root/body | cut -d' ' -f1; cat /root/body; } > /root/ledger; cat /root/ledger > ledger.json
	`)
	const says = `configuration "two": container.two: json: unknown field "later"; another release of hostctl wrote that`
	contains(t, flat(h.hostctl(1, "plan", "-chdir", "two").stderr), says)
	contains(t, flat(h.hostctl(1, "drift").stderr), says)
	contains(t, flat(h.hostctl(0, "ls").all()), says, "one")
	contains(t, flat(h.hostctl(1, "stop", "container.two").stderr), says)
	h.clean("-chdir", "one")
	h.hostctl(0, "stop", "container.one")
	h.hostctl(0, "start", "container.one")
	h.powerOff()
	contains(t, flat(h.hostctl(1, "replay").all()), says, `"one": 1 resource put back`)
	h.pid("one")
	h.sh(`grep -q '"container.two":{"later":1' /var/lib/hostctl/ledger.json`)
}

package integration

import (
	"strings"
	"testing"
)

// programs puts copies of the programs into a directory of the host, and returns hostctl's path there.
func (h *host) programs(dir string) string {
	h.t.Helper()
	h.sh("mkdir -p " + dir + "; cp /usr/local/bin/hostctl /usr/local/bin/hostctl-launch " + dir)
	return dir + "/hostctl"
}

// Programs that lie elsewhere now break nothing unseen: what runs runs on, and what could not be started again is a difference.
func TestProgramsMoved(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", `
		hostctl { name = "moved" }
		container "web" {
		  rootfs  = "`+busybox+`"
		  command = ["sleep", "1000000"]
		}
		container "night" {
		  rootfs  = "`+busybox+`"
		  command = ["true"]
		  job     = true
		  schedule { calendar = "daily" }
		}
		container "once" {
		  rootfs  = "`+busybox+`"
		  command = ["true"]
		  job     = true
		}
	`)
	one, two := h.programs("/opt/h1"), h.programs("/opt/h2")
	h.sh(one + " apply -auto-approve")
	pid := h.pid("web")
	for _, hostctl := range []string{one, two} {
		h.sh(hostctl + " plan -detailed-exitcode && " + hostctl + " drift")
	}
	h.sh("rm -r /opt/h1")
	equal(t, h.pid("web"), pid)
	for _, args := range [][]string{{"plan", "-detailed-exitcode"}, {"drift"}} {
		if r := h.run(append([]string{two}, args...)...); r.exit != 2 || strings.Count(r.stdout, `+ pending = "launcher"`) != 3 {
			t.Errorf("%v: %s", args, r.all())
		}
	}
	h.sh(two + " apply -auto-approve")
	h.sh(two + " plan -detailed-exitcode; " + two + " drift; systemctl restart hostctl-web; systemctl start hostctl-night; systemctl show -P Result hostctl-night | grep -q success")
	equal(t, h.sh("journalctl -q -o cat -u hostctl-once | grep -c 'Finished'"), "1") // what has run is not run again
	h.sh(two + " destroy -auto-approve")
}

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

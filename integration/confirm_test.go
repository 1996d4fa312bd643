package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// cut is a configuration whose network somebody comes over.
const cut = `
hostctl { name = "cut" }
variable "net" {
  type    = string
  default = "10.77.0"
}
variable "greeting" {
  type    = string
  default = "hello"
}
user "web" {}
network "lan" {
  subnet = "${var.net}.0/24"
}
netns "front" {
  interface "eth0" {
    network   = network.lan
    addresses = ["${var.net}.10/24"]
  }
}
container "web" {
  rootfs      = "/srv/rootfs/busybox"
  command     = ["httpd", "-f", "-p", "80", "-h", "/pages"]
  run_as      = user.web
  netns       = netns.front
  environment = { GREETING = var.greeting }
  file "/pages/index.html" {
    content = "there\n"
  }
}
`

// slow is a container that is ready when a file is there, and that ends when another one is.
const slow = `
container "slow" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sh", "-c", "trap 'until [ -e /tmp/end ]; do sleep 0.05; done; exit' TERM; while :; do sleep 0.05; done"]
  health {
    exec     = ["test", "-e", "/tmp/up"]
    interval = "100ms"
  }
  start_timeout = "1h"
  stop_timeout  = "1h"
}
`

const (
	cutTimer = "hostctl_confirm-cut.timer"
	cutUndo  = "hostctl_confirm-cut.service"
)

// next is the number of the next generation.
func (h *host) next() int {
	h.t.Helper()
	return len(h.generations("-name=cut").Generations) + 1
}

// undone waits until the newest generation is an undo that was done, and nothing is left of the timer.
func (h *host) undone(generation int) {
	h.t.Helper()
	h.await(fmt.Sprintf(`hostctl generations -name=cut 2> /dev/null | tail -1 | grep -q 'undo of %d .*applied$'`, generation))
	h.unarmed()
}

func (h *host) unarmed() {
	h.t.Helper()
	h.await("[ -z \"$(systemctl list-units --all --plain --no-legend 'hostctl_confirm-*')\" ]")
}

// TestConfirm: what is not confirmed is undone by systemd, wherever its apply was cut off; what is confirmed stays.
func TestConfirm(t *testing.T) {
	h := boot(t)
	before := h.snap()
	h.write("main.hcl", cut)
	const there = "timeout 2 busybox wget -q -O - http://10.77.0.10/ | grep -qx there"
	env := func() string { return h.sh("tr '\\0' '\\n' < /proc/" + h.payload("web") + "/environ | grep GREETING") }

	t.Run("the first apply", func(t *testing.T) {
		h := h.in(t)
		contains(t, h.apply("-confirm=1s").stdout, "Not confirmed:", "hostctl confirm -name cut")
		h.undone(1)
		equal(t, h.invocations(), "")
		if after := h.snap(); after != before {
			t.Errorf("left behind:\n%s", diff(before, after))
		}
		contains(t, h.hostctl(1, "confirm").stderr, "nothing waits for confirmation", `generation 1 of configuration "cut" was undone`)
	})
	h.apply()
	h.await(there)

	t.Run("confirmed", func(t *testing.T) {
		h := h.in(t)
		h.apply("-confirm=1h", "-var=greeting=bye")
		equal(t, h.property(cutTimer, "ActiveState"), "active")
		for _, command := range []string{"apply", "destroy"} {
			contains(t, h.hostctl(1, command, "-auto-approve").stderr, "generation 4", "hostctl confirm -name cut", "hostctl rollback -name cut")
		}
		contains(t, h.hostctl(1, "rollback", "-auto-approve", "-confirm=1m").stderr, "waits for confirmation already")
		contains(t, h.hostctl(0, "plan", "-var=greeting=bye").stderr, "Generation 4 waits for confirmation")
		contains(t, h.hostctl(0, "status", "-var=greeting=bye").stderr, "Generation 4 waits for confirmation")
		contains(t, h.hostctl(0, "generations").stdout, "applied, is undone at")
		h.hostctl(0, "replay") // which is not a boot
		contains(t, h.hostctl(0, "confirm").stdout, `Generation 4 of configuration "cut" is confirmed, and stays.`)
		h.unarmed()
		h.clean("-var=greeting=bye")
		equal(t, env(), "GREETING=bye")
		missing(t, h.sh("cat "+ledger), `"pending"`)
		contains(t, h.sh("cat "+ledger), `"version":1`)
	})
	t.Run("undone by hand", func(t *testing.T) {
		h := h.in(t)
		h.apply("-confirm=1h", "-var=greeting=third")
		contains(t, h.hostctl(0, "rollback", "-auto-approve").stdout, "to undo generation 5", "Generation 5 is undone.")
		h.unarmed()
		equal(t, env(), "GREETING=bye")
		h.apply("-confirm=1h", "-var=greeting=third")
		h.hostctl(0, "rollback", "-auto-approve", "3") // a named one ends it too
		h.unarmed()
		h.clean()
		h.hostctl(1, "confirm")
	})
	t.Run("cut off", func(t *testing.T) {
		h := h.in(t)
		h.hostctl(0, "plan", "-var=net=10.78.0", "-out=/root/cut.plan")
		n := h.next()
		h.sh("hostctl apply /root/cut.plan -confirm=1s > /dev/null")
		h.undone(n)
		h.await(there)
		h.clean()
		contains(t, h.sh("journalctl -q --no-pager -o cat -u "+cutUndo), "was not confirmed", "is undone.")
	})
	t.Run("killed", func(t *testing.T) {
		h := h.in(t)
		h.write("slow.hcl", slow)
		n := h.next()
		h.sh("setsid hostctl apply -auto-approve -confirm=1s -var=greeting=killed > /dev/null 2>&1 < /dev/null & echo $! > /root/pid")
		h.await("systemctl is-active hostctl-slow.service | grep -qx activating")
		h.await("systemctl is-active " + cutUndo + " | grep -qx activating") // it waits for the lock
		h.sh("kill -9 $(pgrep -fx 'hostctl apply .*')")
		// The undo has to stop what does not end, and is killed meanwhile.
		h.await("systemctl is-active hostctl-slow.service | grep -qx deactivating")
		h.sh("systemctl kill -s KILL " + cutUndo)
		h.await("systemctl show -P NRestarts " + cutUndo + " | grep -qx 1")
		h.sh("systemctl kill --kill-whom=all -s KILL hostctl-slow.service")
		h.undone(n)
		equal(t, env(), "GREETING=hello")
		equal(t, h.property("hostctl-slow.service", "LoadState"), "not-found")
		h.remove("slow.hcl")
		h.clean()
	})
	t.Run("as long as it takes", func(t *testing.T) { // the window is counted from the end
		h := h.in(t)
		h.write("slow.hcl", slow)
		n := h.next()
		h.sh("setsid hostctl apply -auto-approve -confirm=1s > /root/out 2>&1 < /dev/null &")
		h.await("systemctl is-active hostctl-slow.service | grep -qx activating")
		h.await("systemctl is-active " + cutUndo + " | grep -qx activating")
		h.sh("p=/proc/$(systemctl show -P MainPID hostctl-slow.service)/root/tmp; touch $p/end $p/up")
		h.undone(n)
		var list struct {
			Generations []struct {
				Begun, Ended time.Time
			}
		}
		decode(t, h.hostctl(0, "generations", "-json", "-name=cut").stdout, &list)
		if ended, undone := list.Generations[n-1].Ended, list.Generations[n].Begun; undone.Sub(ended) < time.Second {
			t.Errorf("it ended at %s and was undone at %s", ended, undone)
		}
		h.remove("slow.hcl")
		h.clean()
	})
	t.Run("failed", func(t *testing.T) {
		h := h.in(t)
		h.write("bad.hcl", "container \"bad\" {\n  rootfs  = \"/srv/rootfs/busybox\"\n  command = [\"false\"]\n}\n")
		// What failed is gone again, and nothing else was changed.
		missing(t, h.hostctl(6, "apply", "-auto-approve", "-confirm=1h").stdout, "Not confirmed")
		h.unarmed()
		h.hostctl(1, "confirm")
		if words := h.outcomes("-name=cut"); !strings.HasSuffix(words, " rolled back") {
			t.Error(words)
		}
		// Something else was.
		n := h.next()
		contains(t, h.hostctl(6, "apply", "-auto-approve", "-confirm=1s", "-var=greeting=rest").stdout, "Not confirmed")
		h.undone(n)
		equal(t, env(), "GREETING=hello")
		// What failed was left.
		n = h.next()
		h.hostctl(1, "apply", "-auto-approve", "-confirm=1s", "-no-rollback", "-var=greeting=left")
		h.undone(n)
		equal(t, env(), "GREETING=hello")
		equal(t, h.property("hostctl-bad.service", "LoadState"), "not-found")
		h.remove("bad.hcl")
		h.clean()
	})
	t.Run("refused", func(t *testing.T) {
		h := h.in(t)
		for args, says := range map[string]string{
			"-confirm=10ms": "at least 1s", "-confirm=48h": "at most 24h", "-confirm=never": "-confirm",
		} {
			contains(t, h.hostctl(1, "apply", "-auto-approve", args).stderr, says)
		}
		contains(t, h.hostctl(0, "apply", "-auto-approve", "-confirm=1h").stdout, "No changes") // and nothing waits
		h.hostctl(1, "confirm")
		h.sh("mv " + ledger + " /root")
		contains(t, h.hostctl(1, "apply", "-auto-approve", "-confirm=1h", "-var=greeting=other").stderr, "the ledger", "apply once without -confirm")
		h.sh("mv /root/ledger.json " + ledger)
		h.write("more.hcl", "volume \"more\" {\n  path = \"/srv/more\"\n  on_destroy = \"delete\"\n}\n")
		n := h.next()
		h.apply("-confirm=1s")
		h.sh("echo precious > /srv/more/data")
		h.undone(n) // which deletes no data
		equal(t, h.sh("cat /srv/more/data"), "precious")
		h.apply()
		h.remove("more.hcl")
		contains(t, h.hostctl(1, "apply", "-auto-approve", "-confirm=1s").stderr, "cannot bring back the data", "volume.more", "without -confirm")
		h.unarmed()
		h.apply()
		h.sh("[ ! -e /srv/more ]")
		h.sh("systemd-run --quiet --unit " + cutUndo + " sleep 1000000")
		contains(t, h.hostctl(1, "apply", "-auto-approve", "-confirm=1h", "-var=greeting=other").stderr, cutUndo, "left alone")
		h.sh("systemctl is-active " + cutUndo + "; systemctl stop " + cutUndo)
		h.clean()
		h.sh("printf '[Timer]\\nOnActiveSec=1h\\nUnit=dbus.service\\n' > /run/systemd/system/" + cutTimer + "; systemctl daemon-reload; systemctl start " + cutTimer)
		contains(t, h.hostctl(1, "apply", "-auto-approve", "-confirm=1h", "-var=greeting=other").stderr, cutTimer, "left alone")
		h.sh("systemctl is-active " + cutTimer + "; systemctl stop " + cutTimer + "; rm /run/systemd/system/" + cutTimer + "; systemctl daemon-reload")
		h.sh("cp /usr/local/bin/hostctl* /srv/; chmod 0777 /srv")
		contains(t, h.sh("/srv/hostctl apply -auto-approve -confirm=1h -var=greeting=other 2>&1 || true"), "what others can change")
		h.sh("chmod 0755 /srv; rm /srv/hostctl*")
		h.clean()
	})
	t.Run("the power goes", func(t *testing.T) {
		h := h.in(t)
		h.hostctl(0, "install")
		h.write("more.hcl", "user \"more\" {}\n")
		h.hostctl(0, "stop", "-name=cut", "container.web")
		n := h.next()
		h.apply("-confirm=1h", "-var=net=10.78.0", "-var=greeting=cut")
		h.sh("id more")
		h.powerOff()
		h.sh("systemctl stop " + cutTimer)
		contains(t, h.hostctl(1, "apply", "-auto-approve").stderr, "hostctl confirm")
		h.sh("systemctl start hostctl.service")
		h.undone(n)
		contains(t, h.sh("journalctl -q --no-pager -o cat -u hostctl.service"), "was not confirmed before this host went down")
		h.sh("! id more 2> /dev/null")
		equal(t, h.property("hostctl-web.service", "ActiveState"), "inactive")
		h.hostctl(0, "start", "-name=cut", "container.web")
		h.await(there)
		equal(t, env(), "GREETING=hello")
		h.remove("more.hcl")
		h.clean()
		h.hostctl(0, "uninstall")
	})
	h.hostctl(0, "destroy", "-auto-approve")
	h.sh("rm -f /etc/subuid- /etc/subgid-")
	if after := h.snap(); after != before {
		t.Errorf("left behind:\n%s", diff(before, after))
	}
}

// TestConfirmKilled kills an apply at its system calls that change the host, and those before: what it had done is undone.
func TestConfirmKilled(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", cut)
	h.apply()
	h.write("more.hcl", "variable \"more\" {\n  type    = number\n  default = 0\n}\nuser \"more\" {\n  count = var.more\n}\n")
	h.clean()
	kills := 0
	for _, call := range []string{"sendto,sendmsg", "fsync", "rename,renameat", "write"} {
		// Counters are per thread, so a number may be reached late or never: the run then ends by itself.
		for n := 1; n < 40; n += 1 + n/2 {
			r := h.run("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n),
				"hostctl", "apply", "-auto-approve", "-settle=0s", "-confirm=1s", "-var=greeting=killed", "-var=more=1")
			if r.exit == 137 {
				kills++
			} else if r.exit != 0 {
				t.Errorf("with %s killed at %d: %s", call, n, r.all())
			}
			h.unarmed()
			missing(t, h.sh("cat "+ledger), `"pending"`)
			h.clean()
			h.sh("! id more 2> /dev/null")
			if t.Failed() {
				t.Fatalf("with %s killed at %d: %s\n%s", call, n, r.all(), h.sh("journalctl -q --no-pager -o cat -u "+cutUndo))
			}
			if r.exit == 0 {
				break
			}
		}
	}
	t.Logf("%d runs were killed", kills)
	if kills < 5 {
		t.Errorf("only %d runs were killed", kills)
	}
}

// remove removes a file of the configuration.
func (h *host) remove(name string) {
	h.t.Helper()
	if err := os.Remove(filepath.Join(h.work, name)); err != nil {
		h.t.Fatal(err)
	}
}

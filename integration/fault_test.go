package integration

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// A payload that cannot run is reported with its container; what does not depend on it is done.
func TestPayloads(t *testing.T) {
	h := boot(t)
	for _, c := range []struct {
		name, body, want string
		early            bool // seen before anything is started
	}{
		{"command not found", `command = ["nosuchprogram"]`, "nosuchprogram", true},
		{"no such user", "command = [\"sleep\", \"1000000\"]\n  user    = \"nosuchuser\"", "nosuchuser", true},
		{"exits at once", `command = ["false"]`, "exit", false},
		{"exits at once, always restarted", "command = [\"true\"]\n  restart = \"always\"", "keeps ending soon after it is started", false},
		{"no such workdir", "command = [\"sleep\", \"1000000\"]\n  workdir = \"/none\"", "/none", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := h.in(t)
			text := `
hostctl { name = "payloads" }
container "bad" {
  rootfs = "/srv/rootfs/busybox"
  %s
}
container "after" {
  rootfs     = "/srv/rootfs/busybox"
  command    = ["sleep", "1000000"]
  depends_on = [container.bad]
}
container "good" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
}
`
			h.write("main.hcl", fmt.Sprintf(text, c.body))
			r := h.hostctl(map[bool]int{true: 1, false: 6}[c.early], "apply", "-auto-approve")
			contains(t, r.stderr, "bad", c.want)
			equal(t, h.property("hostctl-good.service", "ActiveState"), map[bool]string{true: "inactive", false: "active"}[c.early])
			h.write("main.hcl", fmt.Sprintf(text, `command = ["sleep", "1000000"]`))
			h.apply()
			h.clean()
			equal(t, h.property("hostctl-after.service", "ActiveState"), "active")
			h.hostctl(0, "destroy", "-auto-approve")
		})
	}
}

const ledger = "/var/lib/hostctl/ledger.json"

func TestLedger(t *testing.T) {
	t.Run("lost", func(t *testing.T) {
		h := shop(t)
		ids := h.invocations()
		h.sh("rm " + ledger)
		contains(t, h.hostctl(0, "plan").stderr, "The ledger is missing")
		h.apply() // takes up again what carries its marks
		h.clean()
		equal(t, h.invocations(), ids)
		h.hostctl(0, "destroy", "-auto-approve")
		equal(t, h.invocations(), "")
	})
	t.Run("torn", func(t *testing.T) {
		h := shop(t)
		ids := h.invocations()
		h.sh("truncate -s 100 " + ledger)
		contains(t, h.hostctl(1, "apply", "-auto-approve").stderr, ledger, "mv ")
		h.sh("mv " + ledger + " " + ledger + ".damaged")
		h.apply()
		h.clean()
		equal(t, h.invocations(), ids)
	})
	t.Run("of a machine that this one was copied from", func(t *testing.T) {
		h := shop(t)
		ids := h.invocations()
		h.sh("hostctl hold container.web -for 1h; echo 0123456789abcdef0123456789abcdef > /etc/machine-id")
		for _, command := range []string{"plan", "drift", "apply"} {
			contains(t, h.hostctl(1, command).stderr, ledger, "if this host was cloned, move the file away")
		}
		h.sh("mv " + ledger + " " + ledger + ".old")
		h.apply()
		h.clean()
		h.hostctl(0, "drift")
		equal(t, h.invocations(), ids)
	})
	t.Run("of a newer release", func(t *testing.T) {
		h := shop(t)
		h.sh("body=$(tail -n +2 " + ledger + ` | sed 's/"version":1/"version":9/'); (printf %s "$body" | sha256sum | cut -d' ' -f1; printf %s "$body") > /root/l; cat /root/l > ` + ledger)
		for _, command := range []string{"plan", "drift", "apply"} {
			contains(t, h.hostctl(1, command).stderr, "format 9", "use the release that wrote it")
		}
	})
	t.Run("open to others", func(t *testing.T) {
		h := shop(t)
		ids := h.invocations()
		h.sh("chmod 0644 " + ledger)
		contains(t, h.hostctl(2, "drift").stdout, ledger, "can be read by others")
		h.apply()
		h.hostctl(0, "drift")
		equal(t, h.sh("stat -c %a "+ledger), "600")
		h.sh("chmod 0666 " + ledger)
		contains(t, h.hostctl(1, "apply", "-auto-approve").stderr, "can be written by others", "chmod 0600")
		h.sh("chmod 0600 " + ledger)
		h.apply()
		equal(t, h.invocations(), ids)
	})
	t.Run("unwritable", func(t *testing.T) {
		h := shop(t)
		ids := h.invocations()
		h.sh("mount -o remount,ro /var/lib/hostctl")
		contains(t, h.hostctl(1, "apply", "-auto-approve", "-var", "greeting=bye").stderr, "/var/lib/hostctl")
		equal(t, h.invocations(), ids)
		h.sh("mount -o remount,rw /var/lib/hostctl")
		h.apply("-var", "greeting=bye")
	})
}

// TestKilled kills an apply at each of its system calls that change the host, and a destroy. What is left
// is never in the way: one more run finishes.
func TestKilled(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", fixture(t, "shop.hcl"))
	every := 5 // each fifth call; all of them take minutes
	if s := os.Getenv("HOSTCTL_TEST_KILL_EVERY"); s != "" {
		var err error
		if every, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	kills := 0
	// Counters are per thread, so a number may be reached late or never: the run then ends by itself.
	for _, call := range []string{"rename,renameat,renameat2", "mkdirat", "sendto,sendmsg", "write", "mount", "fchownat,fchown", "fsetxattr,setxattr", "unlinkat", "fsync", "clone,clone3"} {
		for n := 1; ; n += every {
			kill := []string{"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n), "hostctl"}
			r := h.run(append(kill, "apply", "-auto-approve", "-settle=0s")...)
			h.apply("-settle=0s")
			h.clean()
			r2 := h.run(append(kill, "destroy", "-auto-approve")...)
			h.hostctl(0, "destroy", "-auto-approve")
			equal(t, h.invocations(), "")
			equal(t, h.sh("ip -o link show type bridge; ip netns list; getent passwd shop || true"), "")
			for _, r := range []result{r, r2} {
				if r.exit == 137 {
					kills++
				} else if r.exit != 0 {
					t.Errorf("with %s killed at %d: %s", call, n, r.all())
				}
			}
			if r.exit == 0 && r2.exit == 0 || t.Failed() {
				break
			}
		}
	}
	t.Logf("%d runs were killed", kills)
	if kills < 10 {
		t.Errorf("only %d runs were killed", kills)
	}
}

// A program that needs the old process's data is restarted by a change; the launcher killed while it works
// leaves no process and no unit that cannot be started again.
func TestLauncherKilled(t *testing.T) {
	h := shop(t)
	launcher := h.sh("systemctl show -P ExecStart hostctl-batch-a.service | sed 's/.*path=\\([^ ;]*\\).*/\\1/'")
	for _, call := range []string{"mount", "move_mount", "fsmount", "open_tree", "clone3", "sendmsg"} {
		// systemd starts strace in the launcher's place.
		h.sh(fmt.Sprintf(`
			systemctl stop hostctl-batch-a.service
			mount -t tmpfs tmpfs /mnt
			cp %[1]s /mnt/launcher
			printf '#!/bin/sh\nexec strace -f -qq -o /dev/null -e trace=%[2]s -e inject=%[2]s:signal=KILL:when=1 /mnt/launcher "$@"\n' > /mnt/wrapper
			chmod 0755 /mnt/wrapper
			mount --bind /mnt/wrapper %[1]s`, launcher, call))
		h.run("systemctl", "start", "hostctl-batch-a.service")
		h.sh("umount " + launcher + "; umount -l /mnt")
		h.sh("systemctl stop hostctl-batch-a.service; systemctl reset-failed hostctl-batch-a.service || true; systemctl start hostctl-batch-a.service")
		if out := h.sh("pgrep -x hostctl-launch || true"); strings.Contains(out, "\n") {
			t.Logf("processes named hostctl-launch: %q", out)
		}
	}
	h.apply("-settle=0s")
	h.clean()
}

package integration

import (
	"fmt"
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
	t.Run("an older copy", func(t *testing.T) {
		h := shop(t)
		h.sh("cp " + ledger + " /root/older")
		h.write("more.hcl", "user \"more\" {}\ncontainer \"more\" {\n  rootfs  = \"/srv/rootfs/busybox\"\n  command = [\"sleep\", \"1000000\"]\n  run_as  = user.more\n}\n")
		h.apply("-var", "greeting=bye")
		ids := h.invocations()
		h.sh("cat /root/older > " + ledger)
		h.apply("-var", "greeting=bye") // what the older one does not know of carries its marks
		h.clean("-var", "greeting=bye")
		equal(t, h.invocations(), ids)
		h.sh("cat /root/older > " + ledger)
		h.hostctl(0, "destroy", "-auto-approve")
		equal(t, h.invocations(), "")
		equal(t, h.sh("getent passwd more shop || true; ip netns list; ip -o link show type bridge"), "")
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

package integration

import (
	"encoding/json"
	"testing"
)

// The exit codes: 0 done or nothing to do, 1 error, 2 changes, 4 stale plan, 5 locked.
func TestExitCodes(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", fixture(t, "shop.hcl"))
	h.hostctl(1, "nosuchcommand")
	h.hostctl(1, "plan", "-nosuchflag")
	h.hostctl(1, "plan", "-chdir=/none")
	h.hostctl(1, "apply") // nobody to ask
	h.hostctl(0, "version")
	h.hostctl(0, "plan")
	h.hostctl(2, "plan", "-detailed-exitcode")
	h.apply()
	h.hostctl(0, "plan", "-detailed-exitcode")
	h.sh("flock /run/hostctl/lock true")
	r := h.run("flock", "/run/hostctl/lock", "hostctl", "apply", "-auto-approve")
	if r.exit != 5 {
		t.Errorf("want exit status 5 while another holds the lock; %s", r.all())
	}
	h.sh("flock /run/hostctl/lock hostctl plan") // reading needs no lock
	// The lock is the kernel's: who is killed holds nothing.
	h.run("timeout", "-s", "KILL", "1", "flock", "-o", "/run/hostctl/lock", "sleep", "100")
	h.sh("until flock -n /run/hostctl/lock true; do :; done")
	h.apply()
}

func TestSavedPlan(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", fixture(t, "shop.hcl"))
	h.hostctl(0, "plan", "-out", "/tmp/first.plan")
	h.hostctl(0, "apply", "/tmp/first.plan")
	h.clean()
	contains(t, h.hostctl(4, "apply", "/tmp/first.plan").stderr, "stale")

	for name, change := range map[string]string{
		"the host":          "chmod 0700 /srv/shop/site",
		"the configuration": "true",
	} {
		t.Run(name, func(t *testing.T) {
			h := h.in(t)
			h.hostctl(0, "plan", "-var", "memory=96M", "-out", "/tmp/change.plan")
			ids := h.invocations()
			h.sh(change)
			if change == "true" {
				h.write("main.hcl", fixture(t, "shop.hcl")+"\n# another text\n")
			}
			contains(t, h.hostctl(4, "apply", "/tmp/change.plan").stderr, "stale")
			equal(t, h.invocations(), ids)
			h.apply()
		})
	}
	h.hostctl(0, "plan", "-destroy", "-out", "/tmp/destroy.plan")
	h.hostctl(0, "apply", "/tmp/destroy.plan")
	equal(t, h.invocations(), "")
}

// Everything that prints for people prints one JSON document for programs.
func TestJSON(t *testing.T) {
	h := shop(t)
	for _, args := range [][]string{
		{"plan", "-json"}, {"status", "-json"}, {"validate", "-json"}, {"apply", "-json", "-auto-approve"}, {"version", "-json"},
		{"plan", "-json", "-var", "memory=96M"},
	} {
		r := h.hostctl(0, args...)
		if !json.Valid([]byte(r.stdout)) || r.stderr != "" {
			t.Errorf("%v: not one JSON document, or more than that: %s", args, r.all())
		}
	}
	h.write("main.hcl", "hostctl {")
	r := h.hostctl(1, "plan", "-json")
	if !json.Valid([]byte(r.stdout)) {
		t.Errorf("a broken configuration: not one JSON document: %s", r.all())
	}
	contains(t, r.stdout, "main.hcl")
}

// The first configuration that init writes is a working one.
func TestInit(t *testing.T) {
	h := boot(t)
	h.sh("mkdir /tmp/first && cd /tmp/first && hostctl init && hostctl fmt - < main.hcl | cmp - main.hcl")
	h.apply("-chdir=/tmp/first", "-var", "rootfs="+busybox)
	h.hostctl(0, "plan", "-detailed-exitcode", "-chdir=/tmp/first", "-var", "rootfs="+busybox)
}

// Where there is no dbus-daemon, systemd's own socket does.
func TestWithoutBus(t *testing.T) {
	h := boot(t)
	h.sh("systemctl stop dbus.socket dbus.service && rm -f /run/dbus/system_bus_socket")
	h.write("main.hcl", fixture(t, "shop.hcl"))
	h.apply()
	h.clean()
	h.hostctl(0, "destroy", "-auto-approve")
}

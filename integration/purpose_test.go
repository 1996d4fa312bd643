package integration

import (
	"encoding/json"
	"testing"
)

// What an administrator wants of a resource for a while is remembered with who and why, and respected.
func TestPurpose(t *testing.T) {
	h := shop(t)
	h.sh("echo x > /srv/shop/site/index.html")
	run := func(container string) string { return h.property("hostctl-"+container+".service", "InvocationID") }
	t.Run("stop", func(t *testing.T) {
		h := h.in(t)
		h.sh("SUDO_USER=ann hostctl stop -why 'disk is full' container.client")
		r := h.hostctl(0, "plan", "-detailed-exitcode")
		contains(t, r.stderr, "container.client stays stopped", "ann stopped it", "disk is full")
		h.sh("SUDO_USER=bob hostctl stop -why again container.client")
		contains(t, h.hostctl(0, "status").stdout, `stopped by ann ("disk is full")`)
		h.hostctl(0, "hold", "container.client", "-for", "1h")
		contains(t, h.hostctl(0, "status").stdout, "held until ", `, stopped by ann ("disk is full")`)
		h.hostctl(0, "release", "container.client")
		contains(t, h.hostctl(0, "drift").stdout, "No drift")
		h.apply()
		equal(t, h.property("hostctl-client.service", "ActiveState"), "inactive")
		contains(t, h.hostctl(1, "restart", "container.client").stderr, "was stopped on purpose by ann")
		// Started behind the back of who stopped it, it is drift.
		h.sh("systemctl start hostctl-client.service")
		contains(t, h.hostctl(2, "drift").stdout, "container.client", "enabled")
		h.apply()
		equal(t, h.property("hostctl-client.service", "ActiveState"), "inactive")
		h.hostctl(0, "start", "container.client")
		h.clean()
	})
	t.Run("stop what was altered", func(t *testing.T) {
		h := h.in(t)
		h.sh("nsenter -t $(systemctl show -P MainPID hostctl-client.service) -m -p mount -t tmpfs x /srv")
		contains(t, h.hostctl(2, "drift").stdout, `"mount /srv"`)
		h.hostctl(0, "stop", "container.client")
		h.hostctl(0, "drift")
		h.hostctl(0, "start", "container.client")
		h.hostctl(0, "drift")
		h.clean()
	})
	t.Run("freeze", func(t *testing.T) {
		h := h.in(t)
		h.hostctl(0, "pause", "client")
		contains(t, h.hostctl(2, "drift").stdout, "container.client is frozen", "hostctl resume client")
		contains(t, h.hostctl(0, "status").stdout, ", frozen")
		h.hostctl(0, "resume", "client")
		h.hostctl(0, "drift")
	})
	t.Run("restart", func(t *testing.T) {
		h := h.in(t)
		before, other := run("web"), run("batch-a")
		contains(t, h.hostctl(0, "restart", "container.web").stdout, "container.web was restarted")
		if run("web") == before || run("batch-a") != other {
			t.Error("web alone was to be restarted")
		}
		h.clean()
		h.hostctl(0, "drift")
	})
	t.Run("hold", func(t *testing.T) {
		h := h.in(t)
		contains(t, h.hostctl(1, "hold", "container.web").stderr, "-for")
		contains(t, h.hostctl(1, "hold", "container.wep", "-for", "1h").stderr, "container.web")
		contains(t, h.hostctl(1, "release", "container.web").stderr, "is not held")
		before := run("web")
		h.sh("SUDO_USER=ann hostctl hold container.web -for 2h -why debugging")
		h.sh("nsenter -t $(systemctl show -P MainPID hostctl-web.service) -m -p mount -t tmpfs x /srv") // changed by hand
		contains(t, h.hostctl(0, "drift").stdout, "No drift")
		r := h.apply("-var", "greeting=bye")
		contains(t, r.stderr, "container.web is held", "ann holds it until", "debugging")
		equal(t, run("web"), before)
		h.sh("grep -q ' /srv ' /proc/" + h.pid("web") + "/mountinfo")
		contains(t, h.hostctl(0, "status").stdout, "held until ", `by ann ("debugging")`)
		var status struct {
			Resources []struct {
				Address string
				Held    *struct{ By, Why string }
			}
		}
		if err := json.Unmarshal([]byte(h.hostctl(0, "status", "-json").stdout), &status); err != nil {
			t.Fatal(err)
		}
		held := 0
		for _, r := range status.Resources {
			if r.Held != nil {
				held++
				equal(t, r.Address+" "+r.Held.By+" "+r.Held.Why, "container.web ann debugging")
			}
		}
		equal(t, string(rune('0'+held)), "1")
		// Nothing takes away what it needs, nor itself.
		contains(t, h.hostctl(1, "destroy", "-auto-approve").stderr, "container.web is held", "hostctl release container.web")
		contains(t, h.hostctl(1, "plan", "-replace", "container.web").stderr, "container.web is held")
		equal(t, run("web"), before)
		// Ended by hand, all of it is as declared again.
		h.hostctl(0, "release", "container.web")
		contains(t, h.hostctl(2, "drift").stdout, `"mount /srv"`)
		h.apply()
		h.clean()
		if run("web") == before {
			t.Error("web was not restarted")
		}
	})
	t.Run("hold that ends", func(t *testing.T) {
		h := h.in(t)
		h.hostctl(0, "hold", "volume.site", "-for", "1s")
		h.sh("chmod 0755 /srv/shop/site; sleep 1.1")
		contains(t, h.hostctl(2, "plan", "-detailed-exitcode").stderr, "The hold of volume.site has ended")
		contains(t, h.apply().stderr, "The hold of volume.site has ended")
		equal(t, h.hostctl(0, "plan").stderr, "")
		equal(t, h.sh("stat -c %a /srv/shop/site"), "750")
	})
}

// A disk that is full keeps nobody from stopping what fills it; what is not enabled is started by nobody.
func TestPowerWithoutLedger(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", `
		hostctl { name = "power" }
		container "web" {
		  rootfs  = "`+busybox+`"
		  command = ["sleep", "1000000"]
		}
		container "off" {
		  rootfs  = "`+busybox+`"
		  command = ["sleep", "1000000"]
		  enabled = false
		}
	`)
	h.apply()
	contains(t, h.hostctl(1, "start", "container.off").stderr, "container.off is not enabled", "enabled = true")
	equal(t, h.sh("systemctl is-active hostctl-off || true"), "inactive")
	contains(t, h.sh("hostctl status | tr -s ' '"), "container.off disabled stopped")
	h.sh(`
		cp -a /var/lib/hostctl /root/copy; mount -t tmpfs -o size=64k,mode=0700 tmpfs /var/lib/hostctl; cp -a /root/copy/. /var/lib/hostctl
		cat /dev/zero > /var/lib/hostctl/full 2> /dev/null || true
	`)
	before := h.pid("web")
	contains(t, h.hostctl(0, "restart", "container.web").stdout, "was restarted")
	if h.pid("web") == before {
		t.Error("web was not restarted")
	}
	contains(t, h.hostctl(1, "stop", "container.web").stderr, "container.web is stopped, but that cannot be remembered", "no space left")
	equal(t, h.property("hostctl-web.service", "ActiveState"), "inactive")
	contains(t, h.hostctl(1, "start", "container.web").stderr, "container.web runs, but that cannot be remembered", "no space left")
	h.pid("web")
	h.sh("rm /var/lib/hostctl/full")
	h.clean()
	h.sh("umount /var/lib/hostctl")
}

// What is held stays as it is through a return and a rollback, and so does what is remembered of it.
func TestHeldThroughReturn(t *testing.T) {
	h := boot(t)
	config := func(command string) {
		h.write("main.hcl", `
			hostctl { name = "held" }
			user "u" {}
			volume "v" {
			  path  = "/srv/v"
			  owner = user.u
			}
			container "a" {
			  rootfs  = "`+busybox+`"
			  command = ["sleep", "`+command+`"]
			  run_as  = user.u
			  mount "/data" { volume = volume.v }
			}
		`)
	}
	config("1000000")
	h.apply()
	config("2000000")
	h.apply()
	mode := h.sh("stat -c %a /srv/v")
	h.hostctl(0, "hold", "volume.v", "-for", "1h")
	h.sh("chmod 0700 /srv/v")
	config("nonsense")
	h.hostctl(6, "apply", "-auto-approve")
	h.hostctl(0, "drift")
	h.hostctl(0, "rollback", "-auto-approve")
	equal(t, h.sh("stat -c %a /srv/v"), "700")
	h.hostctl(0, "release", "volume.v")
	contains(t, h.hostctl(2, "drift").stdout, "volume.v", "mode")
	config("2000000")
	h.apply()
	equal(t, h.sh("stat -c %a /srv/v"), mode)
}

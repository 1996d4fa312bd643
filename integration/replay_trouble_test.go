package integration

import (
	"fmt"
	"strings"
	"testing"
)

const troubled = `
hostctl { name = "trouble" }
variable "greeting" {
  type    = string
  default = "hello"
}
user "u" {}
volume "v" {
  path  = "/srv/v"
  owner = user.u
}
container "a" {
  rootfs      = "/srv/rootfs/busybox"
  command     = ["sleep", "11111"]
  run_as      = user.u
  environment = { GREETING = var.greeting }
  mount "/data" {
    volume = volume.v
  }
}
container "b" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "22222"]
}
container "c" {
  rootfs     = "/srv/rootfs/busybox"
  command    = ["sleep", "33333"]
  depends_on = [container.b]
}
`

const troubledUnits = "hostctl-a.service hostctl-b.service hostctl-c.service"

// TestReplayUnwritten: a full or read-only disk is said, and keeps nothing from running.
func TestReplayUnwritten(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", troubled)
	h.apply()
	full := func() {
		t.Helper()
		h.sh(`cp -a /var/lib/hostctl /root/lib; mount -t tmpfs -o size=300k,mode=0700 none /var/lib/hostctl; cp -a /root/lib/. /var/lib/hostctl/
			! dd if=/dev/zero of=/var/lib/hostctl/fill bs=4k 2> /dev/null`)
	}
	empty := func() { t.Helper(); h.sh("umount /var/lib/hostctl; rm -r /root/lib") }
	full()
	h.powerOff()
	contains(t, h.hostctl(1, "replay").stderr, "no space left on device", "put back all the same")
	h.sh("systemctl is-active " + troubledUnits)
	h.clean()
	empty()

	h.sh("mount --bind /var/lib/hostctl /var/lib/hostctl; mount -o remount,bind,ro /var/lib/hostctl")
	h.powerOff()
	contains(t, h.hostctl(1, "replay").stderr, "read-only file system", "put back all the same")
	h.sh("systemctl is-active " + troubledUnits)
	h.sh("umount /var/lib/hostctl")
	h.hostctl(0, "replay")
	h.clean()

	// What was not confirmed is undone as well, and is once more when that can be remembered.
	h.apply("-confirm=1h", "-var=greeting=bye")
	full()
	h.powerOff()
	h.sh("systemctl stop hostctl_confirm-trouble.timer")
	contains(t, h.hostctl(1, "replay").stderr, "no space left on device")
	h.sh("systemctl is-active " + troubledUnits)
	contains(t, h.sh("tr '\\0' '\\n' < /proc/"+h.payload("a")+"/environ"), "GREETING=hello")
	empty()
	contains(t, h.hostctl(0, "replay").stdout, "is undone")
	h.apply()
	h.clean()
}

// TestReplayOfAnotherRelease: what this release does not take any more is left out with what refers to it, and nothing else is.
func TestReplayOfAnotherRelease(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", troubled)
	h.apply()
	h.powerOff()
	h.sh(`cd /var/lib/hostctl; cp ledger.json /root/ledger.json
		tail -n +2 ledger.json | sed 's/"command":\["sleep","22222"\]/"command":[]/' | tr -d '\n' > /root/body
		! cmp -s /root/body <(tail -n +2 ledger.json | tr -d '\n')
		(sha256sum < /root/body | cut -d' ' -f1; cat /root/body) > ledger.json`)
	r := h.hostctl(1, "replay")
	contains(t, r.stderr, "container.b")
	h.sh("systemctl is-active hostctl-a.service; ! systemctl is-active hostctl-b.service; ! systemctl is-active hostctl-c.service")
	h.sh("cp /root/ledger.json /var/lib/hostctl/ledger.json")
	h.hostctl(0, "replay")
	h.sh("systemctl is-active " + troubledUnits)
	h.clean()
}

// TestReplayAgain: what was not ready in time at boot, or came after somebody who held the lock, is up in the end, with what depends on it.
func TestReplayAgain(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", `
hostctl { name = "flaky" }
user "u" {}
volume "v" {
  path  = "/srv/v"
  owner = user.u
}
container "flaky" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
  restart = "always"
  run_as  = user.u
  mount "/data" {
    volume = volume.v
  }
  post_start {
    exec = ["sh", "-c", "test -e /data/second || { touch /data/second; exit 1; }"]
  }
}
container "dependant" {
  rootfs     = "/srv/rootfs/busybox"
  command    = ["sleep", "1000000"]
  depends_on = [container.flaky]
}
`)
	h.apply("-target=volume.v")
	h.sh("touch /srv/v/second")
	h.apply()
	h.hostctl(0, "install")
	h.sh(`mkdir /etc/systemd/system/hostctl.service.d; printf '[Service]\nRestartSec=1s\n' > /etc/systemd/system/hostctl.service.d/soon.conf; systemctl daemon-reload`)
	contains(t, h.property("hostctl.service", "ExecStart"), "-lock-timeout=24h")
	h.powerOff()
	h.sh("rm /srv/v/second; exec 9> /run/hostctl/lock; flock 9; setsid sleep 1000000 > /dev/null 2>&1 & echo $! > /run/holder; systemctl start --no-block hostctl.service")
	h.await("systemctl is-active hostctl.service | grep -qx activating")
	h.sh("kill $(cat /run/holder)")
	h.await("systemctl is-active -q hostctl.service")
	h.sh("systemctl is-active hostctl-flaky.service hostctl-dependant.service")
	if n := h.property("hostctl.service", "NRestarts"); n == "0" {
		t.Error("nothing was tried again")
	}
	h.clean()
}

// TestBootIsWatched: whoever looks at a host on which hostctl was installed hears that it will put back nothing, or has not.
func TestBootIsWatched(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", troubled)
	h.apply()
	const unit, dropIn = "/etc/systemd/system/hostctl.service", "/run/systemd/system/hostctl.service.d"
	said := func() string {
		t.Helper()
		r := h.run("hostctl", "plan", "-detailed-exitcode")
		if status := h.run("hostctl", "status"); r.exit != 0 || status.stderr != r.stderr {
			t.Errorf("plan: %sstatus: %s", r.all(), status.all())
		}
		return r.stderr
	}
	for _, c := range []struct{ name, do, says string }{
		{"never installed", "true", ""},
		{"installed", "hostctl install", ""},
		{"removed", "rm " + unit, "hostctl.service is gone"},
		{"uninstalled", "hostctl uninstall; hostctl uninstall", ""},
		{"disabled", "hostctl install; systemctl disable hostctl.service 2> /dev/null", "hostctl.service is disabled"},
		{"installed again", "hostctl install", ""},
		{"overridden", "mkdir " + dropIn + "; printf '[Service]\nExecStart=\nExecStart=/bin/true\n' > " + dropIn + "/x.conf; systemctl daemon-reload", "hostctl.service is overridden"},
		{"only adjusted", "printf '[Service]\nRestartSec=1h\n' > " + dropIn + "/x.conf; systemctl daemon-reload", ""},
		{"failed", "systemctl stop hostctl-a.service; mv /srv/v /srv/w; touch /srv/v; ! systemctl start hostctl.service; rm /srv/v; mv /srv/w /srv/v; systemctl start hostctl-a.service", "Not all was put back"},
		{"well again", "systemctl restart hostctl.service", ""},
		{"replaced", "cp " + unit + " /root/unit; printf '[Service]\nExecStart=/bin/true\n' > " + unit + "; systemctl daemon-reload", "hostctl.service is not hostctl's any more"},
		{"as it was", "cp /root/unit " + unit + "; systemctl daemon-reload", ""},
		{"another's", "hostctl uninstall; printf '[Service]\nExecStart=/bin/true\n' > " + unit + "; systemctl daemon-reload", ""},
	} {
		h.sh(c.do)
		if got := said(); (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%s: said %q, want %q", c.name, got, c.says)
		}
	}
}

// TestInstallCutOff: wherever install or uninstall is killed, the next one ends it; and what install did lasts.
func TestInstallCutOff(t *testing.T) {
	h := boot(t)
	for _, call := range []string{"fchmod", "fsync", "renameat", "unlinkat", "write"} {
		for _, command := range []string{"install", "uninstall"} {
			for n, killed := 1, true; killed && n <= 6; n++ {
				if command == "uninstall" {
					h.hostctl(0, "install")
				}
				killed = h.run("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n), "hostctl", command).exit != 0
				h.hostctl(0, "uninstall")
				equal(t, h.sh("find /etc/systemd /run/systemd/system -name '*hostctl*'; systemctl show -P LoadState hostctl.service"), "not-found")
				if t.Failed() {
					t.Fatalf("%s killed at %s %d", command, call, n)
				}
			}
		}
	}
	trace := h.sh("strace -f -y -qq -o /run/trace -e trace=fsync,renameat,rename hostctl install > /dev/null; cat /run/trace; rm /run/trace")
	_, after, _ := strings.Cut(trace, "rename")
	contains(t, after, "</etc/systemd/system>", "</etc/systemd/system/multi-user.target.wants>")
	contains(t, h.sh("strace -f -y -qq -e trace=fsync hostctl install 2>&1 > /dev/null"), "</etc/systemd/system/multi-user.target.wants>")
	h.hostctl(0, "uninstall")
}

const rich = `
hostctl { name = "rich" }
container "migrate" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["echo", "migrated"]
  job     = true
}
container "db" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sh", "-c", "sleep 0.7; touch /tmp/up; exec sleep 1000000"]
  health {
    exec     = ["cat", "/tmp/up"]
    interval = "100ms"
    retries  = 100
  }
  depends_on = [completed(container.migrate)]
}
container "app" {
  rootfs     = "/srv/rootfs/busybox"
  command    = ["sleep", "1000000"]
  depends_on = [healthy(container.db)]
  post_start {
    exec = ["true"]
  }
  secret "key" {
    credential = "key"
  }
}
container "web" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
  listen "web" {
    stream = "127.0.0.1:8123"
  }
}
container "nightly" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["true"]
  job     = true
  schedule {
    calendar = "*-*-* 03:00"
  }
}
container "kept" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sh", "-c", "echo kept >> /kept; exec sleep 1000000"]
  root    = "persistent"
}
container "off" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
  enabled = false
}
container "many" {
  count   = 30
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
}
`

// TestReplayRich: what is more than a program that runs is back as well: jobs, timers, sockets, health, secrets. And a boot does not start
// everything at once.
func TestReplayRich(t *testing.T) {
	h := boot(t)
	h.policy(generous + "credential \"key\" {\n  file       = \"/etc/hostctl/key\"\n  containers = [\"app\"]\n}\n")
	h.sh("install -m 0600 <(echo S3CR3T) /etc/hostctl/key")
	h.write("main.hcl", rich)
	h.apply()
	if m := h.mutations("apply", "-auto-approve"); len(m) > 0 {
		t.Errorf("a second apply changes the host:\n%s", strings.Join(m, "\n"))
	}
	h.powerOff()
	out := h.hostctl(0, "replay").stdout
	h.sh("systemctl is-active hostctl-db.service hostctl-app.service hostctl-web.service hostctl-web.socket hostctl-nightly.timer hostctl-kept.service; ! systemctl is-active hostctl-off.service")
	equal(t, h.sh("hostctl exec app cat /run/secrets/key; journalctl -q --no-pager -o cat -t migrate | grep -c migrated; hostctl exec kept cat /kept | head -n 2"), "S3CR3T\n1\nkept\nkept")
	if up, app := strings.Index(out, "container.db: created"), strings.Index(out, "container.app: creating"); up < 0 || app < up {
		t.Errorf("app was not started after db was well:\n%s", out)
	}
	h.clean()
	h.hostctl(0, "drift")

	now, most := 0, 0
	for line := range strings.Lines(out) {
		switch {
		case strings.HasSuffix(line, ": creating...\n"):
			now++
		case strings.Contains(line, ": created ("):
			now--
		}
		most = max(most, now)
	}
	if most < 2 || most > 16 {
		t.Errorf("%d were started at once:\n%s", most, out)
	}
}

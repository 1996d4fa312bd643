package integration

import (
	"encoding/json"
	"strings"
	"testing"
)

const lively = `hostctl {
  name = "life"
}

variable "conf" {
  type    = string
  default = "good one"
}

container "noted" {
  rootfs  = "/srv/probe"
  command = ["/bin/sh", "-c", <<-EOT
    await() { until [ -e /tmp/$1 ]; do sleep 0.05; done; }
    exec > /dev/null
    probe notify READY=1 STATUS=serving
    await reload; probe notify RELOADING=1 STATUS=reading
    await ready; probe notify READY=1 STATUS=again
    await stop; probe notify STOPPING=1 STATUS=bye
    await end
  EOT
  ]
  notify  = true
  restart = "no"
}

container "told" {
  rootfs  = "/srv/probe"
  command = ["/bin/sh", "-c", "while :; do sleep 1000 & wait; done"]

  file "/etc/x.conf" {
    content   = "$${var.conf}\n"
    on_change = "reload"
  }

  reload {
    exec = ["sh", "-c", "cat /etc/x.conf >> /tmp/told; grep -q good /etc/x.conf || { echo not so >&2; exit 4; }"]
  }
}

container "plain" {
  rootfs       = "/srv/probe"
  command      = ["/bin/sh", "-c", "trap 'echo line' USR1; while :; do sleep 1000 & wait; done"]
  system_calls = ["ptrace"]
}
`

// What a container is told, tells and is told of, on a real systemd.
func TestLife(t *testing.T) {
	h := boot(t)
	h.probe()
	h.write("main.hcl", strings.ReplaceAll(lively, "$${", "${"))
	// A disk of the host's that is there when containers start.
	h.sh("mkdir -p /mnt/disk /mnt/late && mount -t tmpfs disk /mnt/disk")
	h.apply()

	t.Run("reloading and stopping", func(t *testing.T) {
		h := h.in(t)
		const unit = "hostctl-noted.service"
		state := func(want string) {
			t.Helper()
			h.await(`test "$(systemctl show -P ActiveState ` + unit + `) $(systemctl show -P StatusText ` + unit + `)" = "` + want + `"`)
		}
		state("active serving")
		invocation := h.property(unit, "InvocationID")
		h.hostctl(0, "exec", "noted", "touch", "/tmp/reload")
		state("reloading reading")
		// To hostctl it runs: nothing is to be done, and everything works that works with one that runs, but what systemd refuses.
		h.clean()
		contains(t, h.hostctl(0, "status").stdout, "running, pid")
		equal(t, h.sh("hostctl exec noted echo inside"), "inside")
		contains(t, h.sh("hostctl ps noted; hostctl audit noted"), "hostctl-init", "noted")
		contains(t, h.hostctl(1, "pause", "noted").stderr, "freeze "+unit+": it is reloading", "none but an active unit")
		h.hostctl(0, "exec", "noted", "touch", "/tmp/ready")
		state("active again")
		h.hostctl(0, "pause", "noted")
		h.hostctl(0, "resume", "noted")
		h.hostctl(0, "exec", "noted", "touch", "/tmp/stop")
		state("deactivating bye")
		contains(t, h.hostctl(0, "status").stdout, "stopping")
		equal(t, h.property(unit, "InvocationID"), invocation)
		h.hostctl(0, "exec", "plain", "true")
		pid := h.pid("noted")
		h.sh("touch /proc/" + pid + "/root/tmp/end")
		h.await("test $(systemctl show -P ActiveState " + unit + ") = inactive")
		equal(t, h.property(unit, "Result"), "success")
	})

	t.Run("reload by a command", func(t *testing.T) {
		h := h.in(t)
		told := func(want string) {
			t.Helper()
			equal(t, h.sh("hostctl exec told cat /tmp/told 2> /dev/null || true"), want)
		}
		invocation := h.property("hostctl-told.service", "InvocationID")
		told("")
		h.apply("-target", "container.told", "-var", "conf=good two")
		told("good two")
		// One that refuses fails the apply with what it said, is told what it had, and is asked again until it takes it.
		for range 2 {
			r := h.hostctl(6, "apply", "-auto-approve", "-target", "container.told", "-var", "conf=bad")
			contains(t, r.stderr, "reload by", "exit status 4", "not so")
		}
		told("good two\nbad\ngood two\nbad\ngood two")
		h.hostctl(2, "plan", "-detailed-exitcode", "-target", "container.told", "-var", "conf=bad")
		h.apply("-target", "container.told", "-var", "conf=good three")
		told("good two\nbad\ngood two\nbad\ngood two\ngood three")
		h.clean("-target", "container.told", "-var", "conf=good three")
		equal(t, h.property("hostctl-told.service", "InvocationID"), invocation)
	})

	t.Run("a followed log", func(t *testing.T) {
		h := h.in(t)
		h.sh("hostctl logs -f -n 0 plain > /tmp/log 2>&1 & echo $! > /tmp/follower")
		lines := func(n string) { // each signal is a line; one that comes before the follower is not followed
			t.Helper()
			h.await("systemctl kill -s USR1 --kill-who=main hostctl-plain.service; sleep 0.2; test $(grep -c 'line' /tmp/log) -ge " + n)
		}
		lines("2")
		h.sh("systemctl restart hostctl-plain.service; kill -0 $(cat /tmp/follower)")
		lines("4")
		h.sh("kill $(cat /tmp/follower)")
		missing(t, h.sh("cat /tmp/log"), "noted", "told")
	})

	t.Run("mounts of the host", func(t *testing.T) {
		h := h.in(t)
		// Nothing of the host's is in sight, so that its disks are not kept busy, and what is mounted later does not come in.
		h.sh("mount -t tmpfs late /mnt/late; umount /mnt/disk")
		for _, name := range []string{"plain", "told"} {
			equal(t, h.sh("grep -c ' /mnt\\| - tmpfs late\\| - tmpfs disk' /proc/"+h.pid(name)+"/mountinfo || true"), "0")
		}
		h.sh("umount /mnt/late")
	})

	t.Run("the cgroup", func(t *testing.T) {
		h := h.in(t)
		equal(t, h.sh("hostctl exec plain grep -h ^0:: /proc/self/cgroup /proc/1/cgroup"), "0::/\n0::/")
		for _, script := range []string{
			"mkdir /sys/fs/cgroup/x", "echo $$ > /sys/fs/cgroup/cgroup.procs", "echo max > /sys/fs/cgroup/memory.max", "echo 1 > /sys/fs/cgroup/cgroup.freeze",
			"echo $$ > /sys/fs/cgroup/../cgroup.procs", "mount -t cgroup2 none /tmp", "mount -t cgroup -o rdma none /tmp",
		} {
			r := h.run("hostctl", "exec", "plain", "sh", "-c", script)
			if said := r.all(); r.exit == 0 || !strings.Contains(said, "Read-only file system") && !strings.Contains(said, "ermission denied") && !strings.Contains(said, "not permitted") {
				t.Errorf("%s: %s", script, said)
			}
		}
		equal(t, h.property("hostctl-plain.service", "Delegate"), "no")
	})

	// An administrator's terminal is not the payload's: neither of an apply nor of an exec, whether that has a terminal of its own or pipes (CVE-2017-5226).
	t.Run("the administrator's terminal", func(t *testing.T) {
		h := h.in(t)
		h.write("again/main.hcl", strings.ReplaceAll(strings.ReplaceAll(lively, "$${", "${"), `echo line`, `probe > /tmp/seen 2>&1`))
		h.sh("script -qec 'hostctl -chdir=again apply -auto-approve -target container.plain' /tmp/typescript < /dev/null")
		h.sh("systemctl kill -s USR1 --kill-who=main hostctl-plain.service")
		h.await("hostctl exec plain sh -c 'tail -c 2 /tmp/seen | grep -q }'")
		h.sh(`cat > /tmp/entries <<'X'
hostctl exec plain sh -c 'probe > /tmp/seen-t; tty'
hostctl exec -T plain sh -c 'probe > /tmp/seen-p < /dev/null; tty < /dev/tty'
X
script -qec "sh /tmp/entries" /tmp/typescript < /dev/null || true`)
		type seen struct {
			Calls, FDs map[string]string
		}
		for _, file := range []string{"seen", "seen-t", "seen-p"} {
			var s seen
			if err := json.Unmarshal([]byte(h.sh("hostctl exec plain cat /tmp/"+file)), &s); err != nil {
				t.Fatal(file, err)
			}
			for _, call := range []string{"ioctl TIOCSTI", "ioctl TIOCSTI wide", "ioctl TIOCLINUX"} {
				equal(t, file+": "+s.Calls[call], file+": operation not permitted")
			}
			for fd, to := range s.FDs {
				// A terminal inside is of the container's own devpts, whose first is 0. With -T an exec has what it was given, which is no
				// terminal of its session's: nothing can be typed into it.
				if strings.HasPrefix(to, "/dev/pts/") && file != "seen-p" && (file != "seen-t" || to != "/dev/pts/0") {
					t.Errorf("%s: descriptor %s is %s", file, fd, to)
				}
			}
		}
		contains(t, h.sh("cat /tmp/typescript"), "/dev/pts/0", "can't open /dev/tty")
		equal(t, h.sh("hostctl exec plain sh -c 'for p in /proc/[0-9]*; do cut -d\" \" -f7 $p/stat; done' | sort -u"), "0") // tty_nr of all that stays
	})
	h.hostctl(0, "destroy", "-auto-approve")

	// hostctl needs the one hierarchy that cannot be written to by whom it is not delegated.
	t.Run("cgroup v1", func(t *testing.T) {
		h := h.in(t)
		h.sh("umount -l /sys/fs/cgroup && mount -t tmpfs none /sys/fs/cgroup")
		for _, args := range [][]string{{"plan"}, {"apply", "-auto-approve"}} {
			contains(t, h.hostctl(1, args...).stderr, "/sys/fs/cgroup is not the unified hierarchy (cgroup version 2)", "systemd.unified_cgroup_hierarchy=1")
		}
		h.sh("umount /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup")
	})
}

package integration

import (
	"strings"
	"testing"
)

const failing = `hostctl {
  name = "failing"
}

container "loop" {
  rootfs        = "/srv/loop"
  command       = ["/bin/sleep", "2147483647"]
  masked_paths  = ["/etc/x"]
  restart_delay = "1h"
}

container "crash" {
  rootfs        = "` + busybox + `"
  command       = ["/bin/sh", "-c", "echo alas; sleep 2; exit 3"]
  restart_delay = "1h"
}
`

// A container that the launcher cannot set up is no container that runs, however often systemd tries: the plan starts it, apply says why it
// fails, and neither is said to be well. One whose program crashed is left to systemd, and said to fail.
func TestFailing(t *testing.T) {
	h := boot(t)
	h.sh("cp -a " + busybox + " /srv/loop && touch /srv/loop/etc/x")
	h.write("main.hcl", failing)
	h.apply()
	waits := func(name string) {
		t.Helper()
		h.await("test $(systemctl show -P SubState hostctl-" + name + ") = auto-restart")
	}
	waits("crash")
	h.sh("rm /srv/loop/etc/x; systemctl kill -s KILL hostctl-loop.service")
	waits("loop")
	h.sh("! systemctl restart hostctl-loop.service")
	waits("loop")

	r := h.hostctl(2, "plan", "-detailed-exitcode")
	contains(t, r.stdout, "container.loop", "pending", "1 to change")
	contains(t, r.stderr, "Warning: container.loop cannot be started", "exit status 226", "/etc/x", "the last run ended at 20",
		"Warning: container.crash keeps failing", "exit status 3", "alas")
	missing(t, r.stdout, "container.crash", "No changes")
	status := h.hostctl(0, "status").stdout
	contains(t, status, "restarting, exit status 226", "restarting, exit status 3", " restarts, the last run ended at 20")
	crashed := h.property("hostctl-crash.service", "InvocationID")
	for range 2 { // nothing of it is taken for done
		r = h.hostctl(1, "apply", "-auto-approve", "-settle=0s", "-no-rollback")
		contains(t, r.stderr, "/etc/x", "Apply incomplete")
		waits("loop")
	}
	equal(t, h.property("hostctl-crash.service", "InvocationID"), crashed)

	// One that is to be stopped is stopped, whatever it comes to.
	h.hostctl(0, "stop", "loop")
	equal(t, h.property("hostctl-loop.service", "ActiveState"), "inactive")
	h.sh("touch /srv/loop/etc/x")
	h.hostctl(0, "start", "loop")
	h.clean()
	missing(t, h.hostctl(0, "plan").stderr, "container.loop")
	h.hostctl(0, "destroy", "-auto-approve")
}

const policies = `hostctl {
  name = "policies"
}

locals {
  rootfs = "/srv/probe"
  stays  = ["/bin/sh", "-c", "trap 'exit 3' USR1; while :; do sleep 1000 & wait; done"]
}

container "limited" {
  rootfs        = local.rootfs
  command       = ["/bin/sh", "-c", "exit 3"]
  restart       = "always"
  restart_delay = "100ms"

  start_limit {
    burst    = 3
    interval = "10m"
  }
}

container "policy" {
  for_each      = { on-abnormal = true, on-abort = true, on-failure = true, bare = false }
  rootfs        = local.rootfs
  command       = local.stays
  init          = each.value
  restart       = each.key == "bare" ? "on-abnormal" : each.key
  restart_delay = "100ms"
}

container "watched" {
  rootfs        = local.rootfs
  command       = ["/bin/sh", "-c", "trap 'exit 3' USR1; probe notify READY=1; exec > /dev/null; while [ ! -e /tmp/silent ]; do probe notify WATCHDOG=1; sleep 0.1; done; while :; do sleep 1; done"]
  notify        = true
  watchdog      = "2s"
  restart       = "on-watchdog"
  restart_delay = "100ms"
}
`

// A program that ends is started again as its policy says, whether the tiny init stands before it or not, and no more often than its limit.
func TestRestartPolicies(t *testing.T) {
	h := boot(t)
	h.probe()
	h.write("main.hcl", policies)
	h.run("hostctl", "apply", "-auto-approve", "-settle=0s") // limited may be at its end already
	const limited = "hostctl-limited.service"
	h.await("test $(systemctl show -P ActiveState " + limited + ") = failed")
	equal(t, h.sh("journalctl --sync; journalctl -q --no-pager -o cat -u "+limited+" | grep -c 'Start request repeated too quickly'"), "1")
	equal(t, h.property(limited, "NRestarts"), "3")
	contains(t, h.hostctl(0, "status").stdout, "failed, exit status 3")
	contains(t, h.hostctl(2, "plan", "-detailed-exitcode").stdout, "container.limited")

	// again says whether systemd starts a container whose program is sent a signal.
	again := func(name, signal string, want bool) {
		t.Helper()
		unit := "hostctl-" + name + ".service"
		h.await("systemctl is-active -q " + unit + " || systemctl start " + unit)
		before := h.property(unit, "InvocationID")
		pid := h.property(unit, "MainPID")
		if !strings.HasSuffix(name, "bare") {
			pid = h.payload(name)
		}
		h.sh("kill -s " + signal + " " + pid)
		if want {
			h.await(`test "$(systemctl show -P InvocationID ` + unit + `)" != ` + before + ` && systemctl is-active -q ` + unit)
		} else {
			h.await(`systemctl show -P ActiveState ` + unit + ` | grep -qx 'failed\|inactive'`)
		}
	}
	for _, c := range []struct {
		name   string
		exits  bool // started again after exit status 3
		killed bool // after SIGSEGV
	}{
		{"policy-on-failure", true, true}, {"policy-on-abnormal", false, true}, {"policy-on-abort", false, true}, {"policy-bare", false, true}, {"watched", false, false},
	} {
		signal := "SEGV"
		if c.name == "policy-bare" {
			signal = "KILL" // which alone ends a process 1
		}
		again(c.name, signal, c.killed)
		again(c.name, "USR1", c.exits)
	}
	// Falling silent is what on-watchdog is for.
	const watched = "hostctl-watched.service"
	h.sh("systemctl start " + watched)
	before := h.property(watched, "InvocationID")
	h.sh("hostctl exec watched touch /tmp/silent")
	h.await(`test "$(systemctl show -P InvocationID ` + watched + `)" != ` + before + ` && systemctl is-active -q ` + watched)
	h.hostctl(0, "destroy", "-auto-approve")
}

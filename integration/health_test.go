package integration

import (
	"strconv"
	"strings"
	"testing"
)

const healthy = `hostctl {
  name = "healthy"
}

variable "db" {
  type    = string
  default = "echo up > /tmp/up"
}

variable "app" {
  type    = string
  default = "1"
}

container "migrate" {
  rootfs  = "/srv/probe"
  command = ["/bin/true"]
  job     = true
}

container "db" {
  rootfs  = "/srv/probe"
  command = ["/bin/sh", "-c", "${var.db}; trap 'exit 0' TERM; while :; do sleep 0.05; done"]
  health {
    exec     = ["cat", "/tmp/up"]
    interval = "100ms"
    retries  = 2
  }
  start_timeout = "3s"
  stop_timeout  = "2s"
  restart       = "on-failure"
  depends_on    = [completed(container.migrate)]
}

container "app" {
  rootfs      = "/srv/probe"
  command     = ["probe", "serve", "127.0.0.1:8080", "200"]
  environment = { N = var.app }
  health {
    http     = "http://127.0.0.1:8080/healthz"
    interval = "100ms"
    retries  = 2
  }
  start_timeout = "5s"
  depends_on    = [healthy(container.db)]
}

container "web" {
  rootfs      = "/srv/probe"
  command     = ["probe", "serve", "127.0.0.1:8080", "200"]
  environment = { N = var.app }
  health {
    tcp      = "127.0.0.1:8080"
    interval = "100ms"
  }
  start_timeout = "5s"
  depends_on    = [healthy(container.app)]
}

container "other" {
  rootfs      = "/srv/probe"
  command     = ["/bin/sleep", "1000"]
  environment = { N = var.app }
}
`

// A start waits until what it depends on is well, in a chain of each kind of probe; status shows it, and what falls ill.
func TestHealth(t *testing.T) {
	h := boot(t)
	h.probe()
	h.write("main.hcl", healthy)
	h.apply()
	h.clean()
	status := h.hostctl(0, "status").stdout
	equal(t, strconv.Itoa(strings.Count(status, ", healthy")), "3")
	equal(t, h.property("hostctl-web.service", "StatusText"), "healthy")
	equal(t, strconv.Itoa(strings.Count(h.ordinary("status").stdout, ", healthy")), "3")

	h.hostctl(0, "exec", "db", "rm", "/tmp/up")
	h.sh(`for i in $(seq 500); do systemctl show -P StatusText hostctl-db.service | grep -q ^unhealthy && exit; sleep 0.01; done; exit 1`)
	contains(t, h.ordinary("status").stdout, "unhealthy: exit status 1")
	contains(t, h.hostctl(0, "status").stdout, "unhealthy: exit status 1: cat: can't open '/tmp/up'")
	contains(t, h.sh("journalctl --sync; journalctl -q --no-pager -u hostctl-db.service"), "hostctl-init: unhealthy: exit status 1")
	// What depends on it is not begun meanwhile, and stays as it was.
	app := h.pid("app")
	contains(t, h.hostctl(6, "apply", "-auto-approve", "-var", "app=2").all(), "it depends on healthy(container.db), which is not: unhealthy")
	equal(t, h.pid("app"), app)
	h.hostctl(0, "exec", "db", "touch", "/tmp/up")
	h.sh(`for i in $(seq 500); do [ "$(systemctl show -P StatusText hostctl-db.service)" = healthy ] && exit; sleep 0.01; done; exit 1`)
	h.hostctl(0, "apply", "-auto-approve", "-var", "app=2")

	// One that is to be started again is.
	h.write("main.hcl", strings.Replace(healthy, "retries  = 2", "retries  = 2\n    restart  = true", 1))
	h.apply()
	before := h.pid("db")
	h.hostctl(0, "exec", "db", "rm", "/tmp/up")
	h.sh(`for i in $(seq 1000); do pid=$(systemctl show -P MainPID hostctl-db.service); [ $pid != 0 ] && [ $pid != ` + before + ` ] && exit; sleep 0.01; done; exit 1`)
}

// A bad change undoes itself, and what depends on it; the rest stays applied, and the ledger is right.
func TestRollback(t *testing.T) {
	h := boot(t)
	h.probe()
	h.write("main.hcl", healthy)
	bad := []string{"apply", "-auto-approve", "-var", "db=echo bad news", "-var", "app=2"}

	// What was not there before is not there after.
	out := h.hostctl(6, bad...).all()
	contains(t, out, "container.db: removed again", "container.app: removed again", "container.web: removed again", "bad news", "Rolled back")
	equal(t, h.sh("systemctl list-units -q --no-legend 'hostctl-db*' 'hostctl-app*' 'hostctl-web*' | grep -c service || true"), "0")
	equal(t, h.sh("systemctl is-active hostctl-other.service"), "active")

	h.apply()
	db, app, other := h.pid("db"), h.pid("app"), h.pid("other")
	res := h.hostctl(6, append(bad, "-json")...).stdout
	contains(t, res, `"rolled_back"`, `"restored"`, `"container.db"`, `bad news`)
	if h.pid("db") == db || h.pid("app") != app || h.pid("other") == other {
		t.Errorf("db %s, %s; app %s, %s; other %s, %s", db, h.pid("db"), app, h.pid("app"), other, h.pid("other"))
	}
	equal(t, h.property("hostctl-db.service", "StatusText"), "healthy")
	// The others are at the new configuration, those at the old: a plan for each says so.
	contains(t, h.hostctl(0, "plan", "-var", "app=2").stdout, "container.app", "container.web")
	if got := h.hostctl(0, "plan", "-var", "app=2").stdout; strings.Contains(got, "container.other") || strings.Contains(got, "container.db ") {
		t.Errorf("%s", got)
	}
	h.apply()
	h.clean()

	// One that ends after its start is found when it settles.
	out = h.hostctl(6, "apply", "-auto-approve", "-var", "db=echo > /tmp/up; (sleep 0.4; rm /tmp/up) & true").all()
	contains(t, out, "runs, and is unhealthy", "container.db: as it was last applied")
	h.clean()

	// Who wants to look at it leaves it.
	contains(t, h.hostctl(1, append(bad, "-no-rollback")...).all(), "container.db", "What is done stays done")
	if got := h.sh("systemctl is-active hostctl-db.service || true"); got == "active" {
		t.Error("db is active")
	}
	h.apply()
	h.clean()
}

const hooked = `hostctl {
  name = "hooked"
}

variable "warm" {
  type    = string
  default = "echo warm > /tmp/warm"
}

container "web" {
  rootfs  = "/srv/probe"
  command = ["/bin/sh", "-c", "trap 'cat /tmp/drained; exit 0' TERM; while :; do sleep 0.05; done"]
  health {
    exec         = ["cat", "/tmp/warm"]
    interval     = "100ms"
    retries      = 1
    start_period = "1h"
  }
  post_start {
    exec = ["sh", "-c", var.warm]
  }
  pre_stop {
    exec = ["sh", "-c", "echo it is drained > /tmp/drained"]
  }
  start_timeout = "10s"
}

container "said" {
  rootfs  = "/srv/probe"
  command = ["/bin/sh", "-c", "sleep 0.2; probe notify READY=1 STATUS=serving; trap 'exit 0' TERM; while :; do sleep 0.05; done"]
  notify  = true
  health {
    notify = true
  }
}
`

// Hooks run before the program is ready and before it is told to stop; a program's own word is health too, and events tell of it.
func TestHooks(t *testing.T) {
	h := boot(t)
	h.probe()
	h.write("main.hcl", hooked)
	h.sh("hostctl events -json > /run/events 2>&1 & echo $! > /run/listener")
	h.apply()
	h.clean()
	equal(t, h.property("hostctl-web.service", "StatusText"), "healthy")
	h.sh(`for i in $(seq 500); do [ "$(systemctl show -P StatusText hostctl-said.service)" = "healthy; serving" ] && exit; sleep 0.01; done; exit 1`)
	contains(t, h.hostctl(0, "status").stdout, "healthy; serving")
	h.sh(`for i in $(seq 500); do grep -q '"health":"healthy"' /run/events && exit; sleep 0.01; done; cat /run/events; exit 1`)
	h.sh("kill $(cat /run/listener)")

	// The start period is over for one that has been well.
	h.hostctl(0, "exec", "web", "rm", "/tmp/warm")
	h.sh(`for i in $(seq 500); do systemctl show -P StatusText hostctl-web.service | grep -q "^unhealthy: exit status 1: cat: can't open" && exit; sleep 0.01; done; exit 1`)

	h.sh("systemctl stop hostctl-web.service")
	contains(t, h.sh("journalctl --sync; journalctl -q --no-pager -o cat -u hostctl-web.service"), "it is drained")
	h.apply()
	// A hook that fails fails the start, and the change is undone.
	out := h.hostctl(6, "apply", "-auto-approve", "-var", "warm=echo cold >&2; exit 7").all()
	contains(t, out, "post_start sh: exit status 7: cold", "container.web: as it was last applied")
	h.clean()
}

package integration

import (
	"strings"
	"testing"
)

const operated = `hostctl {
  name = "ops"
}

user "app" {}

container "web" {
  rootfs      = "` + busybox + `"
  command     = ["/bin/sh", "-c", "trap 'echo told' USR1; while :; do sleep 1000 & wait $!; done"]
  run_as      = user.app
  environment = { GREETING = "hello" }
}

container "single" {
  rootfs  = "` + busybox + `"
  command = ["/bin/sleep", "2147483647"]
  init    = false
}
`

// What an administrator does with containers that run.
func TestOperate(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", operated)
	h.apply()

	t.Run("exec", func(t *testing.T) {
		h := h.in(t)
		for _, name := range []string{"web", "single"} {
			equal(t, h.sh("hostctl exec "+name+" sh -c 'exit 7' || echo $?"), "7")
			equal(t, h.sh("hostctl exec container."+name+" sh -c 'kill -9 $$' || echo $?"), "137")
			equal(t, h.sh("echo in | hostctl exec "+name+" cat"), "in")
			equal(t, h.sh("hostctl exec -u 0 -w /tmp -e A=1 -e A=2 "+name+` sh -c 'pwd; id -u; echo $A'`), "/tmp\n0\n2")
			// In the unit's cgroup, so that systemd ends it with the container.
			contains(t, h.sh(`hostctl exec `+name+` sleep 2147483646 & for i in $(seq 500); do pgrep -f "^sleep 2147483646" && break; sleep 0.01; done > /dev/null
				cat /proc/$(pgrep -f "^sleep 2147483646")/cgroup; pkill -f "^sleep 2147483646"; wait || true`), "0::/hostctl.slice/hostctl-"+name+".service")
		}
		equal(t, h.sh("hostctl exec web sh -c 'echo $GREETING'"), "hello")
		equal(t, h.sh("hostctl exec web id -u"), h.sh("id -u app"))
		for script, want := range map[string]string{
			"hostctl exec web nothing":            `command "nothing"`,
			"hostctl exec nobody true":            "no such container runs",
			"hostctl exec -w /proc/1/root web sh": "/proc/1/root",
			"hostctl exec -u 70000 web sh":        "is not mapped",
		} {
			r := h.run("/bin/sh", "-c", script)
			if r.exit != 125 || !strings.Contains(r.stderr, want) {
				t.Errorf("%s: %s", script, r.all())
			}
		}
		// A terminal of the container's own: the caller's is not there, and the exit status comes back.
		out := h.sh(`printf 'tty\nexit 3\n' | script -qec "hostctl shell web" /dev/null || echo "status $?"`)
		contains(t, out, "/dev/pts/0", "status 3")
	})

	// A payload that looks into whatever enters sees nothing (CVE-2016-9962).
	t.Run("spied", func(t *testing.T) {
		h := h.in(t)
		spy := `hits=0; while :; do for p in /proc/[0-9]*; do n=${p#/proc/}; [ $n = 1 ] || [ $n = $$ ] || { : < $p/mem; } 2> /dev/null && [ "$(readlink $p/exe 2> /dev/null)" != /bin/busybox ] && { readlink $p/exe || :; } && ls -l $p/fd 2> /dev/null; done; done`
		h.sh(`hostctl exec -T web sh -c '` + spy + `' > /tmp/seen 2>&1 & echo $! > /tmp/spy`)
		equal(t, h.sh("for i in $(seq 100); do hostctl exec web true || echo failed; done"), "")
		h.sh("pkill -f '[h]its=0' || true")
		missing(t, h.sh("cat /tmp/seen"), "hostctl", "/usr/", "/var/", "/work")
	})

	t.Run("ps and audit", func(t *testing.T) {
		h := h.in(t)
		contains(t, h.sh("hostctl ps web"), "CONTAINER", "hostctl-init", "sleep 1000")
		var ps struct {
			Processes []struct {
				Container string `json:"container"`
				Inside    int    `json:"pid_inside"`
			} `json:"processes"`
		}
		decode(t, h.hostctl(0, "ps", "-json", "single").stdout, &ps)
		if len(ps.Processes) != 1 || ps.Processes[0].Inside != 1 || ps.Processes[0].Container != "single" {
			t.Errorf("%+v", ps)
		}
		var audit struct {
			Containers []struct {
				Capabilities   []string `json:"capabilities"`
				NoNewPrivs     bool     `json:"no_new_privs"`
				SeccompFilters int      `json:"seccomp_filters"`
				Shared         []string `json:"shared_namespaces"`
				Writable       []string `json:"writable"`
				Loosened       []string `json:"loosened"`
			} `json:"containers"`
		}
		decode(t, h.hostctl(0, "audit", "-json").stdout, &audit)
		if len(audit.Containers) != 2 {
			t.Fatalf("%+v", audit)
		}
		for _, c := range audit.Containers {
			if len(c.Capabilities)+len(c.Shared)+len(c.Writable)+len(c.Loosened) > 0 || !c.NoNewPrivs || c.SeccompFilters != 1 {
				t.Errorf("%+v", c)
			}
		}
	})

	t.Run("kill, pause, resume, events", func(t *testing.T) {
		h := h.in(t)
		// Any user hears what happens.
		h.sh("setpriv --reuid=nobody --regid=nogroup --clear-groups hostctl events -json single > /tmp/events 2>&1 & echo $! > /tmp/listener")
		await := func(what string) {
			t.Helper()
			h.sh(`for i in $(seq 1000); do grep -q '` + what + `' /tmp/events && exit; sleep 0.01; done; cat /tmp/events; exit 1`)
		}
		await(`"event":"running"`)
		h.hostctl(0, "kill", "-s", "KILL", "single")
		await(`"signal":9`)
		h.sh("systemctl start hostctl-single.service")
		h.sh("kill $(cat /tmp/listener)")
		h.hostctl(0, "kill", "-s", "usr1", "web")
		h.sh("for i in $(seq 1000); do journalctl -q -u hostctl-web.service --no-pager | grep -q told && exit; sleep 0.01; done; exit 1")
		h.hostctl(0, "pause", "web")
		equal(t, h.sh("cat /sys/fs/cgroup/hostctl.slice/hostctl-web.service/cgroup.freeze"), "1")
		h.hostctl(0, "resume", "web")
		equal(t, h.sh("cat /sys/fs/cgroup/hostctl.slice/hostctl-web.service/cgroup.freeze"), "0")
		contains(t, h.hostctl(1, "kill", "-s", "TREM", "web").stderr, `did you mean "TERM"?`)
		contains(t, h.hostctl(1, "pause", "nobody").stderr, "no such container runs")
	})
}

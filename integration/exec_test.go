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
		equal(t, h.sh("for i in $(seq 500); do hostctl exec web true || echo failed; done"), "")
		h.sh("pkill -f '[h]its=0' || true")
		missing(t, h.sh("cat /tmp/seen"), "hostctl", "/usr/", "/var/", "/work")
	})

	// Files go in and out with the payload's rights, and no link of the container's leads out of it (CVE-2018-15664, CVE-2019-14271).
	t.Run("cp", func(t *testing.T) {
		h := h.in(t)
		h.sh("mkdir -p /root/in/deep && echo one > /root/in/a && ln -s /etc/passwd /root/in/link && echo two > /root/in/deep/b && chmod 4755 /root/in/deep/b && mkfifo /root/in/pipe")
		contains(t, h.hostctl(0, "cp", "/root/in", "web:/tmp").all(), "Copied 3 files", "Left out, for it is no file: in/pipe")
		equal(t, h.sh("hostctl exec web sh -c 'cd /tmp/in; cat a deep/b; readlink link; stat -c %a deep/b; stat -c %u a'"), "one\ntwo\n/etc/passwd\n755\n"+h.sh("id -u app"))
		h.hostctl(0, "cp", "web:/tmp/in", "/root/out")
		equal(t, h.sh("cd /root/out; cat a deep/b; readlink link; stat -c '%a %u' deep/b; echo $(ls)"), "one\ntwo\n/etc/passwd\n755 0\na deep link")
		// A file over a file, below a directory, with another's rights.
		h.sh("echo three > /root/in/a")
		h.hostctl(0, "cp", "/root/in/a", "web:/tmp/in/a")
		equal(t, h.sh("hostctl exec web cat /tmp/in/a"), "three")
		h.hostctl(0, "cp", "-u", "0", "/root/in/a", "web:/tmp/root")
		equal(t, h.sh("hostctl exec web stat -c %u /tmp/root"), "0")
		h.hostctl(0, "cp", "-json", "web:/etc/passwd", "/root/passwd")
		for _, script := range []string{
			"hostctl cp /root/in/a web:/bin/a",     // a root that cannot be written to
			"hostctl cp /root/in/a web:/proc/x",    // nothing is made there
			"hostctl cp web:/tmp/none /root/none",  // not there
			"hostctl cp web:/proc/1/root /root/x",  // no magic link is followed
			"hostctl cp /root/in/a /root/b",        // nothing of a container's
			"hostctl cp web:relative /root/b",      // not absolute
			"hostctl cp nobody:/tmp /root/b",       // not there
			"hostctl cp -u 70000 web:/tmp /root/b", // nobody inside
			"hostctl cp web:/tmp/mine /root/b",     // the payload's user may not read it
		} {
			h.sh("hostctl exec -u 0 web sh -c 'umask 077; echo secret > /tmp/mine'")
			if r := h.run("/bin/sh", "-c", script); r.exit == 0 || r.stderr == "" {
				t.Errorf("%s: %s", script, r.all())
			}
		}
		// Links that lead out of it, and directories that turn into links while they are copied.
		h.sh(`echo canary > /root/canary; mkdir /victim; hostctl exec web sh -c 'cd /tmp; ln -s /root/canary c; ln -s ../../../../../../root up; ln -s /victim v; mkdir -p race/d; echo x > race/d/canary'`)
		for _, script := range []string{"hostctl cp web:/tmp/c /root/got", "hostctl cp web:/tmp/up/canary /root/got", "hostctl cp /root/in/a web:/tmp/v/a", "hostctl cp /root/in/a web:/tmp/up/a"} {
			if r := h.run("/bin/sh", "-c", script); r.exit == 0 {
				t.Errorf("%s: %s", script, r.all())
			}
		}
		h.sh(`hostctl exec -T web sh -c 'cd /tmp/race; while :; do mv d e; ln -s /root d; rm d; mv e d; done' > /dev/null 2>&1 & echo $! > /tmp/racer
			for i in $(seq 300); do
				hostctl cp web:/tmp/race /root/raced > /dev/null 2>&1 || :
				hostctl cp /root/in/a web:/tmp/race/d/canary > /dev/null 2>&1 || :
			done
			kill $(cat /tmp/racer)`)
		equal(t, h.sh("cat /root/canary; ls /victim; grep -rl '^canary' /root/raced || true"), "canary")
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
				Container      string   `json:"container"`
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
			want := ""
			if c.Container == "web" {
				want = h.sh("echo is uid $(id -u app) and gid $(id -g app) of the host")
			}
			if len(c.Capabilities)+len(c.Shared)+len(c.Writable) > 0 || strings.Join(c.Loosened, "; ") != want || !c.NoNewPrivs || c.SeccompFilters != 1 {
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

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const updating = `hostctl {
  name = "updating"
}

variable "answer" {
  type    = string
  default = "1"
}

variable "update" {
  type    = string
  default = "start-first"
}

variable "fault" {
  type    = string
  default = ""
}

variable "stop" {
  type    = string
  default = "20s"
}

volume "gate" {
  path     = "/srv/gate"
  external = true
}

container "web" {
  rootfs  = "/srv/server"
  command = ["server", "serve", var.answer, var.fault]
  notify  = true
  update  = var.update
  health {
    exec     = ["server", "well", var.fault]
    interval = "100ms"
    retries  = 2
  }
  start_timeout = "5m"
  stop_timeout  = var.stop

  mount "/gate" {
    volume    = volume.gate
    read_only = true
  }

  listen "http" {
    stream = "127.0.0.1:8080"
  }
}
`

// sharing is updating by a server that binds its address itself, two of which share it.
var sharing = strings.Replace(updating, `  listen "http" {
    stream = "127.0.0.1:8080"
  }
`, "  host_network = true\n", 1)

// server makes /srv/server, a rootfs with the server of testdata in it, which also asks others.
func (h *host) server() {
	h.t.Helper()
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(h.work, "server"), "./testdata/server")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		h.t.Fatalf("%v\n%s", err, out)
	}
	h.sh("cp -a " + busybox + " /srv/server && cp " + work + "/server /srv/server/bin/server; mkdir -m 0755 /srv/gate /srv/server/gate; mkfifo -m 0644 /srv/gate/fifo")
}

// pass lets one server that waits at the gate go on.
func (h *host) pass() { h.t.Helper(); h.sh("echo > /srv/gate/fifo") }

// state waits until a unit is in a state, for as long as a command runs in the background.
func (h *host) state(unit, state string) {
	h.t.Helper()
	h.sh(fmt.Sprintf(`until [ "$(systemctl show -P ActiveState %s)" = %s ]; do kill -0 $(cat /tmp/background); sleep 0.01; done`, unit, state))
}

// background begins an apply that one server after the other waits at the gate in.
func (h *host) background(answer int, args ...string) {
	h.t.Helper()
	h.sh(fmt.Sprintf("hostctl apply -auto-approve -settle=0s -var fault=gate -var answer=%d %s > /tmp/apply 2>&1 & echo $! > /tmp/background", answer, strings.Join(args, " ")))
}

// waited waits until the apply in the background has ended.
func (h *host) waited() {
	h.t.Helper()
	h.sh("while kill -0 $(cat /tmp/background) 2> /dev/null; do sleep 0.05; done; cat /tmp/apply")
}

// alone fails the test where something of a helper is left.
func (h *host) alone() {
	h.t.Helper()
	equal(h.t, h.sh(`
		systemctl list-units --all --plain --no-legend 'hostctl-*--next*'
		ls -d /run/systemd/system/hostctl-*.d /run/systemd/transient/hostctl-*--next* /run/hostctl/containers/*--next /sys/fs/cgroup/hostctl.slice/*--next* 2> /dev/null || true`), "")
}

// A new program is started beside the old one, with its sockets, and the container's own unit restarted only when it is well.
func TestStartFirst(t *testing.T) {
	h := boot(t)
	h.server()
	h.write("main.hcl", updating)
	h.apply()
	h.clean()
	h.alone()
	before := h.pid("web")
	contains(t, h.hostctl(0, "plan", "-var", "answer=2").stdout, "container.web will be started beside the old one, then restarted: command", "0 to replace")
	h.apply("-var", "answer=2")
	h.clean("-var", "answer=2")
	h.alone()
	if h.pid("web") == before {
		t.Error("it was not restarted")
	}
	equal(t, h.sh("/srv/server/bin/server ask 127.0.0.1:8080"), "2")
	contains(t, h.sh("journalctl -q --no-pager -o cat -u hostctl-web--next.service"), "serves 2", "Deactivated successfully")
	equal(t, h.property("hostctl-web.service", "NonBlocking"), "yes") // one process must not make the other's accept(2) wait
	contains(t, h.hostctl(0, "logs", "web").stdout, "web: serves 2")

	// By hand it is the same.
	h.hostctl(0, "restart", "web")
	h.clean("-var", "answer=2")
	h.alone()
	equal(t, h.sh("journalctl -q --no-pager -o cat -u hostctl-web--next.service | grep -c 'serves 2'"), "2")

	// One that does not get well is removed, and the old one has not noticed.
	for fault, why := range map[string]string{
		"ends":      "exit status 3): it has no idea how to serve",
		"unhealthy": "timeout",
		"dies":      "ended soon after it was started",
	} {
		t.Run(fault, func(t *testing.T) {
			h := h.in(t)
			h.write("main.hcl", strings.Replace(updating, `"5m"`, `"3s"`, 1))
			h.apply("-var", "answer=2")
			before := h.pid("web")
			r := h.hostctl(6, "apply", "-auto-approve", "-var", "answer=2", "-var", "fault="+fault)
			contains(t, r.all(), "hostctl-web--next.service", why, "container.web: as it was last applied")
			equal(t, h.pid("web"), before)
			h.clean("-var", "answer=2")
			h.alone()
		})
	}

	// While it is updated, it is one container.
	h.write("main.hcl", updating)
	h.apply("-var", "answer=2")
	h.sh("hostctl events -json > /run/events 2>&1 & echo $! > /run/listener")
	h.until(`grep -q '"container":"web"' /run/events`)
	h.background(3)
	h.state("hostctl-web--next.service", "activating")
	equal(t, h.sh("/srv/server/bin/server ask 127.0.0.1:8080"), "2")
	contains(t, h.hostctl(0, "status", "-var", "answer=2").stdout, "being updated: hostctl-web--next.service is beside it")
	equal(t, h.sh(`hostctl ps -json | grep -o '"container": *"[^"]*"' | sort -u | tr -d ' '`), `"container":"web"`)
	contains(t, h.sh("systemctl status --no-pager hostctl-web--next.service || true"), "Container web, beside itself while it is updated, of updating")
	contains(t, h.hostctl(0, "ls").stdout, "1 container", "1 running")
	h.hostctl(0, "audit")
	h.hostctl(0, "exec", "web", "true")
	h.pass()
	h.state("hostctl-web.service", "activating")
	equal(t, h.sh("/srv/server/bin/server ask 127.0.0.1:8080"), "3") // the container itself waits at the gate
	h.pass()
	h.waited()
	h.clean("-var", "answer=3", "-var", "fault=gate")
	if out := h.sh("journalctl -q --no-pager -o cat _PID=1 | grep 'stop-sigterm. timed out' || true"); out != "" {
		t.Errorf("a process did not end when it was told: %s", out)
	}
	// States that follow each other fast may be told as one; the last is told.
	h.until(`grep -q "\"event\":\"running\".*$(systemctl show -P InvocationID hostctl-web.service)" /run/events`)
	h.sh("kill $(cat /run/listener); ! grep -e --next /run/events")
	h.alone()
	h.hostctl(0, "destroy", "-auto-approve")
	h.alone()
	equal(t, h.sh("ls -A /run/hostctl/containers /run/hostctl/specs"), "/run/hostctl/containers:\n\n/run/hostctl/specs:")
}

// What only a new unit can have is given to the container while the helper serves. A unit that another refers to cannot be made anew so.
func TestStartFirstNewUnit(t *testing.T) {
	h := boot(t)
	h.server()
	h.write("main.hcl", sharing)
	h.apply()
	const bound = "/srv/server/bin/server ask 127.0.0.1:8080"
	contains(t, h.hostctl(0, "plan", "-var", "stop=21s").stdout, "container.web will be started beside the old one, then restarted", "stop_timeout = ", "1 to change, 0 to replace")
	h.background(2, "-var stop=21s")
	h.state("hostctl-web--next.service", "activating")
	equal(t, h.sh(bound), "1")
	h.pass()
	h.state("hostctl-web.service", "activating")
	equal(t, h.sh(bound), "2") // the container itself waits at the gate
	equal(t, h.property("hostctl-web.service", "TimeoutStopUSec"), "21s")
	h.pass()
	h.waited()
	equal(t, h.sh(bound), "2")
	now := []string{"-var", "answer=2", "-var", "fault=gate", "-var", "stop=21s"}
	h.clean(now...)
	h.alone()
	h.sh("systemctl is-active hostctl-keep-web.slice")

	// One that does not get well is removed, and the old unit has not noticed.
	before := h.pid("web")
	contains(t, h.hostctl(6, "apply", "-auto-approve", "-var", "answer=2", "-var", "fault=ends", "-var", "stop=22s").all(),
		"hostctl-web--next.service", "it has no idea how to serve", "container.web: as it was last applied")
	equal(t, h.pid("web"), before)
	equal(t, h.property("hostctl-web.service", "TimeoutStopUSec"), "21s")
	h.clean(now...)
	h.alone()

	// So has it where somebody's unit keeps its own from being made anew.
	h.sh("systemd-run -q --unit=others -p After=hostctl-web.service sleep infinity")
	contains(t, flat(h.hostctl(6, "apply", "-auto-approve", "-var", "answer=2", "-var", "stop=22s").all()), "unit hostctl-web.service is to be made anew", "others.service")
	equal(t, h.pid("web"), before)
	h.sh("systemctl stop others.service")
	h.clean(now...)

	// With others that depend on it, and with sockets, it is replaced.
	h.write("main.hcl", sharing+"\ncontainer \"asker\" {\n  rootfs = \"/srv/server\"\n  command = [\"sleep\", \"1000000\"]\n  depends_on = [container.web]\n}\n")
	h.apply("-var", "answer=2", "-var", "stop=21s")
	contains(t, h.hostctl(0, "plan", "-var", "answer=2", "-var", "stop=22s").stdout, "container.web must be replaced: stop_timeout", "2 to replace")
	h.apply("-var", "answer=2", "-var", "stop=22s")
	h.clean("-var", "answer=2", "-var", "stop=22s")
	h.write("main.hcl", updating)
	h.apply()
	contains(t, h.hostctl(0, "plan", "-var", "stop=21s").stdout, "container.web must be replaced: stop_timeout", "1 to replace")
	h.apply("-var", "stop=21s")
	h.clean("-var", "stop=21s")
	h.alone()
}

const wordless = `hostctl {
  name = "ways"
}

variable "n" {
  type    = string
  default = "1"
}

container "binds" {
  rootfs       = "/srv/rootfs/busybox"
  command      = ["httpd", "-f", "-p", "127.0.0.1:8090"]
  environment  = { N = var.n }
  host_network = true
  update       = "start-first"
}

container "worker" {
  rootfs       = "/srv/rootfs/busybox"
  command      = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"]
  environment  = { N = var.n }
  update       = "start-first"
}
`

// Of a program that does not say when it is ready it counts that it stays. One that binds an address itself finds it taken.
func TestStartFirstWithoutAWord(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", wordless)
	h.apply()
	binds, worker := h.pid("binds"), h.pid("worker")
	contains(t, h.hostctl(6, "apply", "-auto-approve", "-var", "n=2").all(),
		"hostctl-binds--next.service ended soon after it was started (exit status 1)", "Address already in use", "container.binds: as it was last applied")
	equal(t, h.pid("binds"), binds)
	if h.pid("worker") == worker {
		t.Error("the worker was not updated")
	}
	h.alone()
	h.clean("-target", "container.worker", "-var", "n=2")
	// By the time that nothing runs, there is nothing to start beside.
	h.sh("systemctl stop hostctl-binds.service")
	h.apply("-var", "n=2")
	h.clean("-var", "n=2")
	h.alone()
}

// However an update is cut off, somebody answers, and what it left is a line of the next plan and gone with the next change.
func TestStartFirstKilled(t *testing.T) {
	h := boot(t)
	h.server()
	h.write("main.hcl", updating)
	h.apply("-settle=0s")
	answer, found, kills := 1, 0, 0
	args := func() []string { return []string{"-var", fmt.Sprint("answer=", answer)} }
	ask := func() string { h.t.Helper(); return h.sh("/srv/server/bin/server ask 127.0.0.1:8080") }
	after := []func(){
		func() {},
		func() { answer-- }, // the change is given up
		func() {
			h.hostctl(0, "stop", "web")
			h.alone()
			// What was stopped may be what waits at the gate.
			h.sh("(echo > /srv/gate/fifo) & gate=$!; hostctl start web; kill $gate 2> /dev/null || true")
		},
		func() {
			h.hostctl(0, "destroy", "-auto-approve")
			h.alone()
			equal(t, h.sh("ls -A /run/hostctl/containers"), "")
		},
		func() {
			h.hostctl(0, "replay")
			h.alone()
		},
	}
	goOn := func() {
		t.Helper()
		kills++
		if r := ask(); r != fmt.Sprint(answer) && r != fmt.Sprint(answer-1) {
			t.Errorf("the answer is %s", r)
		}
		if h.run("test", "-L", "/run/hostctl/containers/web--next").exit == 0 {
			contains(t, h.hostctl(2, append([]string{"plan", "-detailed-exitcode"}, args()...)...).stdout, "hostctl-web--next.service")
			found++
			after[found%len(after)]()
		}
		h.apply(append(args(), "-settle=0s")...)
		h.clean(args()...)
		h.alone()
		equal(t, ask(), fmt.Sprint(answer))
	}
	// What is changed on the host, call by call. Counters are per thread.
	for _, c := range []struct {
		calls string
		every int
	}{{"symlinkat", 1}, {"rename,renameat,renameat2", 1}, {"utimensat", 1}, {"unlinkat", 1}, {"mkdirat", 3}, {"write", 5}} {
		for n := 1; ; n += c.every {
			answer++
			r := h.run(append([]string{"timeout", "-s", "KILL", "60", "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + c.calls,
				"-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", c.calls, n), "hostctl", "apply", "-auto-approve", "-settle=0s"}, args()...)...)
			if r.exit == 0 {
				break
			}
			goOn()
		}
	}
	// Where it waits for systemd, and systemd goes on without it.
	for _, at := range []struct{ unit, state string }{
		{"hostctl-web--next.service", "activating"}, {"hostctl-web--next.service", "active"}, {"hostctl-web.service", "activating"},
	} {
		for range 2 {
			answer++
			h.background(answer)
			h.state("hostctl-web--next.service", "activating")
			if at.state == "active" || at.unit == "hostctl-web.service" {
				h.pass()
			}
			h.state(at.unit, at.state)
			h.sh("kill -KILL $(cat /tmp/background)")
			goOn()
		}
	}
	t.Logf("killed %d times, found a helper %d times", kills, found)
	if kills < 20 || found < 10 {
		t.Errorf("killed %d times, found a helper %d times", kills, found)
	}
}

// Of 50,000 requests none fails while a server is updated ten times, in either way; and none while its unit is made anew each time, where
// the kernel hands what waits for the one that ends to the other.
func TestUpdatesLoseNothing(t *testing.T) {
	h := boot(t)
	h.server()
	h.sh("echo 1 > /proc/sys/net/ipv4/tcp_migrate_req")
	for _, test := range []struct{ name, config, way string }{
		{"stop-first", updating, "stop-first"}, {"start-first", updating, "start-first"}, {"a new unit", sharing, "start-first"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := h.in(t)
			h.write("main.hcl", test.config)
			args := func(answer int) []string {
				a := []string{"-settle=0s", "-var", "update=" + test.way, "-var", fmt.Sprint("answer=", answer)}
				if test.config == sharing {
					a = append(a, "-var", fmt.Sprintf("stop=%ds", 20+answer))
				}
				return a
			}
			h.apply(args(0)...)
			h.sh("rm -f /tmp/enough*; /srv/server/bin/server load 127.0.0.1:8080 50000 /tmp/enough > /tmp/load 2>&1 & echo $! > /tmp/loading")
			for i := range 10 {
				h.sh(fmt.Sprintf("while [ ! -e /tmp/enough.%d ]; do kill -0 $(cat /tmp/loading); sleep 0.01; done", i))
				h.apply(args(i + 1)...)
			}
			out := h.sh("touch /tmp/enough; while kill -0 $(cat /tmp/loading) 2> /dev/null; do sleep 0.05; done; cat /tmp/load")
			t.Log(out)
			contains(t, out, "failed 0\n", "answers of 11 kinds")
			h.clean(args(10)[1:]...)
			h.alone()
		})
	}
}

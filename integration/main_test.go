package integration

import (
	"fmt"
	"strings"
	"testing"
)

// shop applies testdata/shop.hcl on a new host.
func shop(t *testing.T) *host {
	t.Helper()
	h := boot(t)
	h.write("main.hcl", fixture(t, "shop.hcl"))
	h.apply()
	return h
}

// await repeats a script on the host until it succeeds.
func (h *host) await(script string) {
	h.t.Helper()
	r := h.run("timeout", "30", "/bin/bash", "-c", "until ( "+script+" ); do sleep 0.05; done")
	if r.exit != 0 {
		h.t.Fatalf("%s: does not come true: %s\n%s", script, r.all(), h.run("journalctl", "--no-pager", "-n", "50").stdout)
	}
}

// payload is the process id of the program behind a container's tiny init.
func (h *host) payload(container string) string {
	h.t.Helper()
	return h.sh("pgrep -P " + h.pid(container))
}

// TestMainJob is the life of a configuration: planned, applied, used, changed, stopped, destroyed.
func TestMainJob(t *testing.T) {
	h := boot(t)
	before := h.snap()
	h.write("main.hcl", fixture(t, "shop.hcl"))
	h.hostctl(0, "validate")
	h.sh("hostctl fmt - < main.hcl | cmp - main.hcl")
	r := h.hostctl(2, "plan", "-detailed-exitcode")
	contains(t, r.stdout, "user.shop", "volume.site", "network.lan", "netns.front", "container.web", `container.batch["a"]`, "8 to add")
	if after := h.snap(); after != before {
		t.Fatalf("plan changed the host:\n%s", diff(before, after))
	}
	contains(t, h.apply().stdout, "8 added", `address = "http://10.77.0.10/"`)

	t.Run("served", func(t *testing.T) {
		h := h.in(t)
		h.sh("echo from the volume > /srv/shop/site/index.html")
		h.await("busybox wget -q -O - http://10.77.0.10/ | grep -qx 'from the volume'")
		h.await("busybox wget -q -O - 'http://[fd77::10]/' | grep -qx 'from the volume'")
		h.await("grep -qx 'from the volume' /srv/shop/site/got")
		equal(t, h.sh("stat -c '%U:%G %u %a' /srv/shop/site"), "shop:shop 2100 750")
		equal(t, h.sh("stat -c %U /srv/shop/site/got"), "shop")
		equal(t, h.sh("id -u shop; getent passwd shop | cut -d: -f6,7"), "2100\n/srv/shop:/usr/sbin/nologin")
	})
	t.Run("network", func(t *testing.T) {
		h := h.in(t)
		contains(t, h.sh("ip netns list"), "front")
		contains(t, h.sh("ip -n front -o addr"), "inet 127.0.0.1/8", "inet 10.77.0.10/24", "inet6 fd77::10/64")
		contains(t, h.sh("ip -n front route"), "default via 10.77.0.1")
		contains(t, h.sh("ip -o addr"), "inet 10.77.0.1/24", "inet6 fd77::1/64")
		contains(t, h.sh("ip -d link show type bridge"), "alias hostctl:shop:network.lan")
		equal(t, h.sh("ip netns exec front cat /proc/sys/net/ipv4/ip_unprivileged_port_start"), "0")
		for _, c := range []string{"web", "client"} {
			equal(t, h.sh("stat -L -c %i /proc/"+h.pid(c)+"/ns/net"), h.sh("stat -L -c %i /run/netns/front"))
		}
	})
	t.Run("confined", func(t *testing.T) { testConfined(t, h.in(t)) })
	t.Run("systemd", func(t *testing.T) { testSystemd(t, h.in(t)) })
	t.Run("nothing to do", func(t *testing.T) {
		h := h.in(t)
		ids := h.invocations()
		if m := h.mutations("apply", "-auto-approve"); len(m) > 0 {
			t.Errorf("a second apply changes the host:\n%s", strings.Join(m, "\n"))
		}
		if m := h.mutations("plan"); len(m) > 0 {
			t.Errorf("a plan changes the host:\n%s", strings.Join(m, "\n"))
		}
		equal(t, h.invocations(), ids)
	})
	t.Run("changed in place", func(t *testing.T) {
		h := h.in(t)
		ids := h.invocations()
		contains(t, h.apply("-var", "memory=96M").stdout, "1 changed")
		equal(t, h.property("hostctl-web.service", "MemoryMax"), fmt.Sprint(96<<20))
		equal(t, h.invocations(), ids)
	})
	t.Run("restarted", func(t *testing.T) {
		h := h.in(t)
		old := h.invocations()
		h.apply("-var", "memory=96M", "-var", "greeting=bye")
		now := h.invocations()
		if d := diff(old, now); !strings.Contains(d, "hostctl-web.service") || strings.Contains(d, "batch") {
			t.Errorf("web alone was to be restarted; invocations before and after:\n%s\n%s", old, now)
		}
		contains(t, h.sh("tr '\\0' '\\n' < /proc/"+h.payload("web")+"/environ"), "GREETING=bye")
		h.apply() // back to the defaults
	})
	t.Run("stopped and started", func(t *testing.T) { testStopStart(t, h.in(t)) })
	t.Run("removed", func(t *testing.T) {
		h := h.in(t)
		text := fixture(t, "shop.hcl")
		from := strings.Index(text, `container "client"`)
		to := strings.Index(text, `container "batch"`)
		h.write("main.hcl", text[:from]+text[to:])
		contains(t, h.apply().stdout, "1 destroyed")
		equal(t, h.property("hostctl-client.service", "LoadState"), "not-found")
		h.clean()
	})
	t.Run("destroyed", func(t *testing.T) {
		h := h.in(t)
		h.hostctl(0, "destroy", "-auto-approve")
		equal(t, h.sh("cat /srv/shop/site/index.html"), "from the volume") // data stays
		equal(t, h.sh("find /run/hostctl ! -type d ! -name lock ! -name try ! -name policy.json"), "")
		h.sh("rm -r /srv/shop")
		if after := h.snap(); after != before {
			t.Errorf("destroy leaves behind:\n%s", diff(before, after))
		}
		h.hostctl(0, "destroy", "-auto-approve")
	})
}

// in is the same host in a subtest.
func (h *host) in(t *testing.T) *host { return &host{t, h.h, h.work} }

// invocations lists each container's unit with the id of its present run.
func (h *host) invocations() string {
	h.t.Helper()
	return h.sh(`for u in $(systemctl list-units --all --plain --no-legend 'hostctl-*.service' | awk '{print $1}' | sort); do
		echo $u $(systemctl show -P InvocationID $u) $(systemctl show -P MainPID $u); done`)
}

func equal(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// testConfined looks at the payload from the host.
func testConfined(t *testing.T, h *host) {
	for _, c := range []string{"web", "batch-a"} {
		pid := h.payload(c)
		status := h.sh("cat /proc/" + pid + "/status")
		for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
			contains(t, status, set+":\t0000000000000000\n")
		}
		contains(t, status, "NoNewPrivs:\t1\n")
		// Host root is nobody inside.
		equal(t, h.sh("awk '$2 == 0' /proc/"+pid+"/uid_map /proc/"+pid+"/gid_map"), "")
		for _, ns := range []string{"user", "mnt", "pid", "ipc", "uts", "cgroup", "net"} {
			if h.sh("readlink /proc/"+pid+"/ns/"+ns) == h.sh("readlink /proc/1/ns/"+ns) {
				t.Errorf("container %s is in the host's %s namespace", c, ns)
			}
		}
		equal(t, h.sh("nsenter -t "+pid+" -m -r -- /bin/sh -c 'echo x > /x' 2>&1 | grep -o 'Read-only file system'"), "Read-only file system")
	}
	equal(t, h.sh("ls /proc/"+h.payload("batch-a")+"/fd | tr '\\n' ' '"), "0 1 2 ")
	// A range of its own each, registered.
	a, b := h.sh("awk '{print $2; exit}' /proc/"+h.payload("batch-a")+"/uid_map"), h.sh("awk '{print $2; exit}' /proc/"+h.payload("batch-b")+"/uid_map")
	if a == b {
		t.Errorf("two containers have the ids from %s", a)
	}
	contains(t, h.sh("cat /etc/subuid"), ":"+a+":65536", ":"+b+":65536")
	equal(t, h.sh("awk '/^Uid/ {print $2}' /proc/"+h.payload("web")+"/status"), "2100")
	for _, mount := range []string{"/site", "/scratch"} {
		contains(t, h.sh("awk '$5 == \""+mount+"\" {print $6}' /proc/"+h.payload("web")+"/mountinfo"), "nosuid", "nodev")
	}
	contains(t, h.sh("awk '$5 == \"/site\" {print $6}' /proc/"+h.payload("web")+"/mountinfo"), "ro,")
	contains(t, h.sh("tr '\\0' '\\n' < /proc/"+h.payload("web")+"/environ"), "GREETING=hello\n", "LINES=one\ntwo\tthree\n")
	// No free text of the configuration in what everybody may read.
	equal(t, h.sh("grep -rl -e GREETING -e httpd /run/systemd/transient || true"), "")
}

// testSystemd treats a container as any service of the host's.
func testSystemd(t *testing.T, h *host) {
	const unit = "hostctl-batch-a.service"
	contains(t, h.run("systemctl", "status", "--no-pager", unit).stdout, "active (running)")
	equal(t, h.property(unit, "Slice"), "hostctl.slice")
	first := h.pid("batch-a")
	h.sh("systemctl restart " + unit)
	if second := h.pid("batch-a"); second == first {
		t.Errorf("systemctl restart kept process %s", first)
	}
	h.sh("systemctl stop " + unit)
	equal(t, h.property(unit, "Result"), "success")
	equal(t, h.property(unit, "LoadState"), "loaded")
	contains(t, h.hostctl(2, "plan", "-detailed-exitcode").stdout, `container.batch["a"]`)
	h.sh("systemctl start " + unit)
	h.sh("systemctl daemon-reload")
	h.sh("systemctl stop " + unit + " && systemctl daemon-reload && systemctl start " + unit)
	h.sh("kill -9 " + h.pid("batch-a"))
	h.await("systemctl is-active --quiet " + unit + " && [ $(systemctl show -P NRestarts " + unit + ") = 1 ]")
	h.clean()
}

// testStopStart: what hostctl stops stays stopped, what systemctl stops is drift.
func testStopStart(t *testing.T, h *host) {
	h.hostctl(0, "stop", "container.web")
	equal(t, h.property("hostctl-web.service", "ActiveState"), "inactive")
	h.apply()
	equal(t, h.property("hostctl-web.service", "ActiveState"), "inactive")
	contains(t, h.hostctl(0, "status").stdout, "stopped")
	h.hostctl(0, "start", "container.web")
	equal(t, h.property("hostctl-web.service", "ActiveState"), "active")
	h.sh("systemctl stop hostctl-web.service")
	h.hostctl(2, "plan", "-detailed-exitcode")
	h.apply()
	equal(t, h.property("hostctl-web.service", "ActiveState"), "active")
	contains(t, h.hostctl(0, "logs", "container.web").all(), "")
	h.clean()
}

package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ordinary runs hostctl as the user nobody.
func (h *host) ordinary(args ...string) result {
	h.t.Helper()
	return h.run(append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "timeout", "20", "hostctl"}, args...)...)
}

// What is otherwise each time.
var (
	passingTime = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`)
	passingPID  = regexp.MustCompile(`pid \d+`)
	columnGap   = regexp.MustCompile(`([^ \n]) {2,}`)
)

// golden compares a text with a file of testdata, or writes it anew with -update.
func golden(t *testing.T, name, text string) {
	t.Helper()
	text = passingPID.ReplaceAllString(passingTime.ReplaceAllString(text, "TIME"), "pid N")
	text = columnGap.ReplaceAllString(text, "$1  ") // tables are as wide as their cells
	file := filepath.Join("testdata", "ordinary", name)
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != text {
		t.Errorf("%s is otherwise (-update writes it anew):\n%s", file, diff(string(want), text))
	}
}

// An ordinary user sees what the host lets him see, is told what he does not, and changes nothing.
func TestOrdinaryUser(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", fixture(t, "shop.hcl"))
	t.Run("empty host", func(t *testing.T) {
		h := h.in(t)
		h.sh("chmod 0755 /var/lib/hostctl") // a throwaway host has it from the beginning
		defer h.sh("chmod 0700 /var/lib/hostctl")
		r := h.ordinary("plan", "-detailed-exitcode")
		if r.exit != 2 {
			t.Error(r.all())
		}
		contains(t, r.stdout, "8 to add", "Whether the host would take changes uid 65534 cannot tell.")
		missing(t, r.stdout, "Not compared")
	})
	h.apply()
	h.sh("usermod -s /bin/sh shop; ip link set $(ip -o link show type bridge | cut -d: -f2) down; systemctl stop hostctl-batch-a.service")
	// Addresses that the kernel is not sure of yet change by themselves.
	settled := func() string {
		h.await("! ip -o -6 addr | grep -q tentative")
		return h.snap()
	}
	before := settled()

	t.Run("sees", func(t *testing.T) {
		h := h.in(t)
		for name, args := range map[string][]string{
			"plan.txt": {"plan"}, "plan.json": {"plan", "-json"}, "status.txt": {"status"}, "status.json": {"status", "-json"},
			"show.txt": {"show"}, "show.json": {"show", "-json"}, "show-one.txt": {"show", "container.web"}, "show-live.txt": {"show", "-live"},
			"show-name.txt": {"show", "-name", "shop"}, "ls.txt": {"ls"}, "ls.json": {"ls", "-json"},
		} {
			r := h.ordinary(args...)
			if r.exit != 0 {
				t.Errorf("%v: %s", args, r.all())
			}
			golden(t, name, r.stderr+r.stdout)
		}
		for _, args := range [][]string{{"validate"}, {"graph"}, {"console", "1+1"}, {"fmt", "-check"}, {"ps"}, {"ps", "-json"}, {"__complete", "--", "show", "container."}} {
			if r := h.ordinary(args...); r.exit != 0 || r.stderr != "" || r.stdout == "" && args[0] != "fmt" {
				t.Errorf("%v: %s", args, r.all())
			}
		}
		r := h.run("/bin/bash", "-c", "setpriv --reuid=65534 --regid=65534 --clear-groups timeout 2 hostctl events container.web")
		contains(t, r.stdout, "web: running, pid ")
	})
	t.Run("cannot tell", func(t *testing.T) {
		h := h.in(t)
		h.apply("-target=network.lan", "-target=user.shop")
		r := h.ordinary("plan", "-detailed-exitcode")
		contains(t, r.all(), "exit status 1", "nobody knows whether there are changes", "No changes in what could be read.")
		missing(t, r.stdout, "The host is as the configuration says")
		h.sh("usermod -s /bin/sh shop; ip link set $(ip -o link show type bridge | cut -d: -f2) down")
	})
	t.Run("needs root", func(t *testing.T) {
		h := h.in(t)
		for _, command := range []string{
			"apply", "apply -auto-approve", "apply /tmp/x.plan", "destroy -auto-approve", "start container.web", "stop container.web", "plan -out=/tmp/x.plan",
			"exec container.web true", "shell container.web", "cp container.web:/etc/passwd /tmp/x", "cp /etc/passwd container.web:/tmp/x", "kill container.web",
			"pause container.web", "resume container.web", "audit", "audit container.web", "logs", "logs container.web", "logs -f", "logs -json",
		} {
			if command == "apply /tmp/x.plan" {
				h.hostctl(0, "plan", "-out=/tmp/x.plan")
				h.sh("chmod 0644 /tmp/x.plan")
			}
			r := h.ordinary(strings.Fields(command)...)
			if r.exit == 0 || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "not root (uid 65534): only root ") {
				t.Errorf("hostctl %s: not one clear line: %s", command, r.all())
			}
		}
		if after := settled(); after != before {
			t.Errorf("an ordinary user changed the host:\n%s", diff(before, after))
		}
	})
	t.Run("no bus", func(t *testing.T) {
		h := h.in(t)
		h.sh("systemctl stop dbus.socket dbus.service && rm -f /run/dbus/system_bus_socket")
		for _, command := range []string{"plan", "status", "show", "ls", "events"} {
			r := h.ordinary(command)
			contains(t, r.all(), "exit status 1", "/run/dbus/system_bus_socket", "install dbus", "or run as root")
		}
		h.hostctl(0, "plan")
	})
}

// Nothing of hostctl's listens, is setuid or has a name on a bus: not while containers run, and not afterwards.
func TestNothingToTalkTo(t *testing.T) {
	h := boot(t)
	doors := func() string {
		return h.sh(`find / -xdev -perm /6000 -type f | sort
			ss -xlH | awk '{ print $5 }' | grep -v -e ^@ -e '^\*$' | sort
			ss -tulnH | awk '{ print $1, $5 }' | sort
			busctl list --no-pager --no-legend --acquired | awk '{ print $1, $3 }' | grep -v ^: | sort
			ls /usr/share/polkit-1/actions /usr/share/dbus-1/system-services /etc/dbus-1/system.d 2> /dev/null || true`)
	}
	before := doors()
	h.write("main.hcl", fixture(t, "shop.hcl"))
	h.apply()
	h.sh("hostctl events &> /dev/null & echo $! > /run/events; hostctl logs -f &> /dev/null & echo $! > /run/logs; until busctl list --no-pager | grep -q hostctl; do sleep 0.02; done")
	if now := doors(); now != before {
		t.Errorf("while containers run there is to talk to:\n%s", diff(before, now))
	}
	h.sh("kill $(cat /run/events /run/logs)")
	equal(t, h.sh("ss -xtulpnH | grep -c hostctl || true"), "0")
	h.hostctl(0, "destroy", "-auto-approve")
	if now := doors(); now != before {
		t.Errorf("afterwards there is to talk to:\n%s", diff(before, now))
	}
	equal(t, h.sh("pgrep -c hostctl || true"), "0")
}

package integration

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// hostile is an environment in which everything that some program looks at leads below /hostile, or spoils what is printed.
var hostile = []string{
	"DBUS_SYSTEM_BUS_ADDRESS=unix:path=/hostile/bus", "DBUS_SESSION_BUS_ADDRESS=unix:path=/hostile/bus",
	"DBUS_STARTER_ADDRESS=unix:path=/hostile/bus", "DBUS_STARTER_BUS_TYPE=system",
	"TMPDIR=/hostile/tmp", "TEMP=/hostile/tmp", "HOME=/hostile/home",
	"XDG_RUNTIME_DIR=/hostile/xdg", "XDG_CONFIG_HOME=/hostile/xdg", "XDG_CACHE_HOME=/hostile/xdg", "XDG_DATA_DIRS=/hostile/xdg",
	"PATH=/hostile/bin:/usr/local/bin:/usr/bin:/bin", "LD_PRELOAD=/hostile/lib/evil.so", "LD_LIBRARY_PATH=/hostile/lib", "LD_AUDIT=/hostile/lib/evil.so",
	"NOTIFY_SOCKET=/hostile/notify", "LISTEN_FDS=3", "LISTEN_PID=1", "LISTEN_FDNAMES=x", "INVOCATION_ID=00000000000000000000000000000000",
	"JOURNAL_STREAM=1:1", "WATCHDOG_USEC=1", "WATCHDOG_PID=1", "MAINPID=1", "CREDENTIALS_DIRECTORY=/hostile/cred",
	"TZ=:/hostile/zone", "TZDIR=/hostile/zones", "ZONEINFO=/hostile/zone.zip", "LANG=xx_XX.evil", "LC_ALL=xx_XX.evil", "LANGUAGE=xx", "LOCPATH=/hostile/locale",
	"NLSPATH=/hostile/nls/%N", "GCONV_PATH=/hostile/gconv", "PAGER=/hostile/bin/pager", "SYSTEMD_PAGER=/hostile/bin/pager", "SYSTEMD_LOG_LEVEL=debug",
	"SYSTEMD_COLORS=1", "LESSOPEN=|/hostile/bin/pager %s", "EDITOR=/hostile/bin/pager", "COLUMNS=-7", "TERM=\x1b[2J", "CLICOLOR_FORCE=1",
	"HTTP_PROXY=http://127.0.0.1:9/", "HTTPS_PROXY=http://127.0.0.1:9/", "RES_OPTIONS=debug", "LOCALDOMAIN=evil", "HOSTALIASES=/hostile/aliases",
	"GODEBUG=inittrace=1,execerrdot=0,netdns=cgo+2", "GOGC=1", "GOMEMLIMIT=1", "GOTRACEBACK=crash", "GOMAXPROCS=1", "GOCOVERDIR=/hostile/cover",
	"GCONV=x", "MALLOC_TRACE=/hostile/malloc", "CONTAINER_HOST=unix:///hostile/bus", "HCL_DEBUG=1", "container=evil",
}

// Nothing of the environment of who calls it steers a hostctl of root's: it prints the same, opens nothing
// that is named there, starts nothing from there, and hands nothing of it to what it makes.
func TestHostileEnvironment(t *testing.T) {
	h := shop(t)
	h.hostctl(0, "stop", "container.client") // which does something else each second
	h.write("more/main.hcl", "hostctl {\n  name = \"more\"\n}\n\nuser \"extra\" {}\n")
	// The traps: who opens something is seen, and who runs a program leaves a mark.
	h.sh(`mkdir -p /hostile/{bin,lib,tmp,home,xdg,cover} && cp /usr/share/zoneinfo/Etc/GMT+7 /hostile/zone || printf 'TZif' > /hostile/zone
		for p in journalctl getent systemctl pager sh mount ip hostctl-launch hostctl-import; do
			printf '#!/bin/sh\ntouch /hostile/trapped\n' > /hostile/bin/$p; chmod +x /hostile/bin/$p
		done
		sed -i 's/^passwd:.*/passwd: files hostile/' /etc/nsswitch.conf`) // so that getent(1) is asked
	clean := []string{"/usr/bin/env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin"}
	moment := regexp.MustCompile(` in [0-9.]+m?s|\([0-9.]+m?s\)|"seconds": [0-9.e-]+|"rss": \d+|[0-9.]+M |Goes down|_pid": \d+`)
	for _, command := range []string{
		"plan", "plan -json", "plan -chdir=more", "plan -var greeting=x", "status", "status -json", "show", "show -live -json", "ls", "ls -json", "validate",
		"console local.rootfs", "graph", "fmt -check", "ps", "ps -json", "audit", "logs -n 3", "logs -json -n 3", "schema user", "version", "plan -nosuchflag",
		"apply -auto-approve", "show container.none", "exec -T container.web env",
	} {
		t.Run(command, func(t *testing.T) {
			h := h.in(t)
			want := h.run(append(clean, "/bin/bash", "-c", "hostctl "+command)...)
			trace := []string{"timeout", "20", "/usr/bin/strace", "-f", "-qq", "-s", "512", "-e", "signal=none", "-e", "trace=%file,connect,bind", "-o", "/run/trace"}
			for _, e := range hostile {
				trace = append(trace, "-E", e)
			}
			got := h.run(append(append(trace, "/usr/local/bin/hostctl"), strings.Fields(command)...)...)
			got.stderr = withoutRuntime(got.stderr)
			if a, b := moment.ReplaceAllString(want.all(), ""), moment.ReplaceAllString(got.all(), ""); a != b {
				t.Errorf("hostctl %s prints otherwise in a hostile environment:\n%s", command, diff(a, b))
			}
			for l := range strings.Lines(h.sh(`grep /hostile /run/trace || true`)) {
				t.Errorf("hostctl %s: %s", command, l)
			}
		})
	}
	h.apply() // what of it is started anew below has hostctl started in that environment
	r := h.run(append(append([]string{"/usr/bin/env"}, hostile...), "/usr/local/bin/hostctl", "apply", "-auto-approve", "-var", "greeting=bye")...)
	if r.exit != 0 {
		t.Fatal(r.all())
	}
	equal(t, h.sh("cat /proc/"+h.pid("web")+"/environ /proc/"+h.payload("web")+"/environ | tr '\\0' '\\n' | grep -ic -e hostile -e evil || true"), "0")
	equal(t, h.sh("systemctl show-environment | grep -ic hostile || true"), "0")
	h.sh("! test -e /hostile/trapped")
	equal(t, h.sh("find /hostile/tmp /hostile/home /hostile/xdg /hostile/cover ! -type d"), "")
}

// withoutRuntime drops what Go's runtime has printed before main could start the program again without its variables.
func withoutRuntime(stderr string) string {
	var b strings.Builder
	for l := range strings.Lines(stderr) {
		if !strings.HasPrefix(l, "init ") {
			b.WriteString(l)
		}
	}
	return b.String()
}

// Other things that a process gets from who starts it.
func TestHostileCaller(t *testing.T) {
	var h *host
	var modes []string
	for _, mask := range []string{"0022", "0777", "0000"} {
		h = boot(t)
		h.write("main.hcl", fixture(t, "shop.hcl"))
		h.sh("umask " + mask + "; hostctl apply -auto-approve")
		modes = append(modes, h.sh("cd /; stat -c '%A %n' run/hostctl run/hostctl/* run/netns var/lib/hostctl/* srv/shop srv/shop/site run/hostctl/*/* | sed -E 's/[0-9a-f]{32,}/SUM/' | sort"))
	}
	contains(t, modes[0], "drwxr-xr-x run/hostctl\n", "-rw------- var/lib/hostctl/ledger.json")
	equal(t, modes[1], modes[0])
	equal(t, modes[2], modes[0])
	h.clean()

	change := 64
	for name, script := range map[string]string{
		"limit of a file's size":      "ulimit -f 0; %s",
		"limit of open files":         "ulimit -n 12; %s",
		"limit of memory":             "ulimit -v 4000000; %s",
		"limit of data":               "ulimit -d 100000; %s",
		"ignored signals":             "trap '' INT TERM HUP PIPE CHLD USR1 USR2 XFSZ URG ALRM; %s",
		"no standard descriptors":     "%s <&- >&- 2>&-",
		"closed standard input":       "%s <&-",
		"a directory that is removed": "mkdir /tmp/gone; cd /tmp/gone; rmdir /tmp/gone; %s",
	} {
		t.Run(name, func(t *testing.T) {
			h := h.in(t)
			change++
			memory := fmt.Sprintf("memory=%dM", change)
			r := h.run("/bin/bash", "-c", strings.ReplaceAll(script, "%s", "hostctl apply -auto-approve -chdir=/work -var "+memory))
			if r.exit != 0 && strings.HasPrefix(name, "limit") { // root of this host cannot raise them: it is said, and nothing is left half done
				contains(t, r.stderr, "Error: ")
				missing(t, r.stderr, "goroutine ")
				h.apply("-var", memory)
			} else if r.exit != 0 {
				t.Error(r.all())
			}
			h.clean("-var", memory)
		})
	}
	// Too little to begin with: then nothing has begun.
	before := h.snap()
	if r := h.run("/bin/bash", "-c", "ulimit -v 20000; hostctl apply -auto-approve"); r.exit == 0 {
		t.Errorf("in 20 MB of address space: %s", r.all())
	}
	equal(t, h.snap(), before)
	// A directory that is not there any more has no configuration.
	r := h.run("/bin/bash", "-c", "mkdir /tmp/gone; cd /tmp/gone; rmdir /tmp/gone; hostctl plan")
	if r.exit != 1 || !strings.Contains(r.stderr, "Error: ") {
		t.Errorf("where there is no directory: %s", r.all())
	}
	// What is started gets none of the caller's descriptors.
	h.sh(`echo x > /tmp/mine; exec 7< /tmp/mine
		hostctl logs -f > /dev/null & trap "kill $!" EXIT
		until child=$(pgrep -P $! journalctl); do sleep 0.02; done
		test -e /proc/$!/fd/7
		! ls -l /proc/$child/fd | grep /tmp/mine`)
}

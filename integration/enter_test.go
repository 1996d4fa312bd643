package integration

import (
	"os/exec"
	"strings"
	"testing"
)

// A hostile container gets nothing of who enters it: neither the terminal nor the time.
func TestHostileToWhoEnters(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", operated)
	h.apply()

	// Whichever of the three files is a terminal, the command has a pipe there: nobody inside reads what is typed when the command has ended,
	// or writes where the caller's shell does. The rest is as it was.
	t.Run("terminal", func(t *testing.T) {
		h := h.in(t)
		h.write("look.sh", "for i in 0 1 2; do [ -t $i ] && echo $i is a terminal >> /tmp/seen; file=$(readlink /proc/$$/fd/$i); echo $file >> /tmp/seen; done")
		h.hostctl(0, "cp", "look.sh", "web:/tmp/look.sh")
		for redirect, files := range map[string]string{
			"| cat": "pipe: pipe: pipe:", "< /dev/null": "/dev/null pipe: pipe:", "2> /dev/null < /dev/null": "/dev/null pipe: /dev/null", "-T": "pipe: pipe: pipe:",
		} {
			line := "hostctl exec web sh /tmp/look.sh " + redirect
			if redirect == "-T" {
				line = "hostctl exec -T web sh /tmp/look.sh"
			}
			h.sh(`script -qec "` + line + `" /dev/null < /dev/null`)
			seen := strings.Fields(h.sh("hostctl exec web sh -c 'cat /tmp/seen; rm /tmp/seen'"))
			want := strings.Fields(files)
			for i := range want {
				if len(seen) != len(want) || !strings.HasPrefix(seen[i], want[i]) {
					t.Errorf("%s: %q", line, seen)
				}
			}
		}
		// What is typed comes in, its end too, the exit status out, and what is left running holds nobody up.
		out := h.sh(`printf 'typed\n\004' | script -qec "hostctl exec -T web sh -c 'cat; sleep 2147483645 & echo left >&2; exit 3'" /dev/null || echo "status $?"; pkill -f '^sleep 2147483645'`)
		contains(t, out, "typed", "left", "status 3")
		equal(t, h.sh(`script -qec "hostctl exec -T web seq 100000" /dev/null < /dev/null | tail -n 1 | tr -d '\r'`), "100000")
	})

	// The payload stops what enters (kill(-1, SIGSTOP)), and whoever waits for it interrupts that.
	t.Run("stopped", func(t *testing.T) {
		if _, err := exec.LookPath("strace"); err != nil {
			need(t, "strace")
		}
		h := h.in(t)
		out := h.sh(`strace -f -qq -o /tmp/trace -e trace=setresuid -e inject=setresuid:signal=STOP hostctl exec web echo ran > /tmp/out 2>&1 &
			until grep -q 'stopped by SIGSTOP' /tmp/trace 2> /dev/null; do sleep 0.01; done
			pkill -INT -x hostctl
			wait $! || echo "status $?"; cat /tmp/out`)
		contains(t, out, "status 125", "held the command up on its way in")
		missing(t, out, "ran")
		// One that hears no signal ends when it is insisted on.
		out = h.sh(`hostctl exec -T web sh -c 'trap "" INT TERM; echo up; while :; do sleep 1; done' > /tmp/out 2>&1 &
			until grep -q up /tmp/out; do sleep 0.01; done
			kill -INT $!; sleep 0.2; kill -TERM $!; sleep 0.2; kill -INT $!
			wait $! || echo "status $?"`)
		contains(t, out, "status 137")
	})

	t.Run("paused", func(t *testing.T) {
		h := h.in(t)
		h.hostctl(0, "pause", "web")
		for _, command := range [][]string{{"exec", "web", "true"}, {"shell", "web"}} {
			contains(t, h.hostctl(125, command...).stderr, "the container is paused", "hostctl resume web")
		}
		h.hostctl(0, "resume", "web")
		h.hostctl(0, "exec", "web", "true")
	})

	// A file of a terabyte of nothing is one on the host too, and what is too much is not begun.
	t.Run("sparse", func(t *testing.T) {
		h := h.in(t)
		h.sh(`hostctl exec web sh -c 'truncate -s 1099511627776 /tmp/hole && head -c 1000000 /dev/zero > /tmp/much'; mkdir -p /root/small; mount -t tmpfs -o size=256k none /root/small`)
		h.hostctl(0, "cp", "web:/tmp/hole", "/root/small/hole")
		equal(t, h.sh("stat -c '%s %b' /root/small/hole"), "1099511627776 0")
		contains(t, h.hostctl(1, "cp", "web:/tmp/much", "/root/small/much").stderr, "it has 1000000 bytes", "are free there")
		equal(t, h.sh("ls -A /root/small; umount /root/small"), "hole")
	})
}

const setuid = `hostctl {
  name = "ops"
}

user "app" {}

volume "data" {
  path  = "/srv/plain/data"
  owner = user.app
}

container "sys" {
  rootfs       = "` + busybox + `"
  boot         = true
  root         = "ephemeral"
  host_network = true
  stop_timeout = "200ms"
  command      = ["/bin/sh", "-c", "while :; do sleep 1000 & wait $!; done"]

  mount "/srv" {
    volume = volume.data
  }
}
`

// A whole system makes setuid programs, and none of them is one for the host's users: neither in a plan, before the volume is there
// and after, nor at a start, when the host has changed.
func TestSystemsSetuid(t *testing.T) {
	h := boot(t)
	h.sh("mkdir /srv/plain && mount -t tmpfs none /srv/plain && chmod 755 /srv/plain")
	h.write("main.hcl", setuid)
	const said = "users of the host reach /srv/plain/data, where a whole system could make setuid programs"
	contains(t, h.hostctl(1, "apply", "-auto-approve").stderr, said, "main.hcl line 21", "mount the filesystem at /srv/plain nosuid")
	h.sh("mount -o remount,nosuid /srv/plain")
	h.apply()
	h.clean()
	h.sh("hostctl exec sys sh -c 'cp /bin/busybox /srv/id && chmod 4755 /srv/id'; test -u /srv/plain/data/id")
	equal(t, h.sh("setpriv --reuid 65534 --regid 65534 --clear-groups /srv/plain/data/id -u"), "65534")
	h.sh("mount -o remount,suid /srv/plain; systemctl restart hostctl-sys.service && exit 1 || true")
	contains(t, h.sh("journalctl --sync; journalctl -q --no-pager -u hostctl-sys.service"), "mount the filesystem at /srv/plain nosuid")
	h.sh("chmod 0700 /srv/plain; systemctl reset-failed hostctl-sys.service; systemctl start hostctl-sys.service")
	h.hostctl(0, "destroy", "-auto-approve")
}

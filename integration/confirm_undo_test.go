package integration

import (
	"fmt"
	"testing"
)

// holdUp starts an apply that is to be confirmed within a second and whose end the container slow holds up, with the lock, and what has the lock
// next, until goOn. The undo waits meanwhile.
func (h *host) holdUp(args string) {
	h.t.Helper()
	h.sh("setsid hostctl apply -auto-approve -confirm=1s " + args + " > /root/out 2>&1 < /dev/null &")
	h.await("systemctl is-active hostctl-slow.service | grep -qx activating")
	h.await("systemctl is-active " + cutUndo + " | grep -qx activating")
}

// getUp lets the container slow be ready, and end.
func (h *host) getUp() {
	h.t.Helper()
	h.sh("p=/proc/$(systemctl show -P MainPID hostctl-slow.service)/root/tmp; touch $p/end $p/up")
}

// TestConfirmedInTime: a confirmation that was given in time counts, whoever has the lock first, also where who gave it is gone.
func TestConfirmedInTime(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", cut)
	h.apply()
	h.write("slow.hcl", slow)
	n := h.next()
	h.holdUp("-var=greeting=bye")
	h.sh("setsid hostctl confirm > /dev/null 2>&1 < /dev/null & echo $! > /root/pid")
	note := fmt.Sprintf("/run/hostctl/confirmed-cut.%d", n)
	h.await("[ -L " + note + " ]")
	contains(t, h.hostctl(5, "confirm", "-lock-timeout=0s").stderr, "holds the lock", "is noted, and counts")
	h.sh("kill -9 $(pgrep -fx 'hostctl confirm')")
	h.getUp()
	h.unarmed()
	missing(t, h.sh("cat "+ledger), `"pending"`)
	contains(t, h.sh("journalctl -q --no-pager -o cat -u "+cutUndo), fmt.Sprintf(`Generation %d of configuration "cut" is confirmed, and stays.`, n))
	h.sh("[ ! -L " + note + " ]")
	h.clean("-var=greeting=bye")

	// One that was given for another generation counts for nothing.
	h.sh(fmt.Sprintf("ln -s \"$(cat /proc/sys/kernel/random/boot_id)+1\" /run/hostctl/confirmed-cut.%d", n))
	n = h.next()
	h.apply("-confirm=1s", "-var=greeting=third")
	h.undone(n)
	h.clean("-var=greeting=bye")
}

// TestUndoOfWhatWasChanged: an undo goes around what stands in its way, and leaves what the change did nothing to as it is by then.
func TestUndoOfWhatWasChanged(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", cut)
	const (
		other = "container \"other\" {\n  rootfs  = \"/srv/rootfs/busybox\"\n  command = [\"sleep\", \"1000000\"]\n}\nvolume \"mine\" {\n  path = \"/srv/mine\"\n}\n"
		extra = "volume \"extra\" {\n  path       = \"/mnt/extra\"\n  mountpoint = \"/mnt\"\n}\n"
	)
	env := func() string { return h.sh("tr '\\0' '\\n' < /proc/" + h.payload("web") + "/environ | grep GREETING") }
	h.write("other.hcl", other)
	h.write("extra.hcl", extra)
	h.sh("mount -t tmpfs none /mnt")
	h.apply()
	h.sh("umount /mnt")
	h.remove("extra.hcl")
	h.write("slow.hcl", slow)
	n := h.next()
	h.holdUp("-var=greeting=bye")
	h.sh("setsid flock /run/hostctl/lock sh -c 'touch /root/locked; until [ -e /root/go ]; do sleep 0.05; done' > /dev/null 2>&1 < /dev/null &")
	h.getUp()
	h.await("[ -e /root/locked ]")
	equal(t, env(), "GREETING=bye")
	h.sh("systemctl stop hostctl-other.service; chmod 0711 /srv/mine; touch /root/go")
	h.await(fmt.Sprintf(`hostctl generations -name=cut 2> /dev/null | tail -1 | grep -q 'undo of %d .*applied$'`, n))
	h.sh("systemctl stop " + cutUndo) // which tries again
	equal(t, env(), "GREETING=hello")
	equal(t, h.property("hostctl-slow.service", "LoadState"), "not-found")
	contains(t, h.sh("journalctl -q --no-pager -o cat -u "+cutUndo), "volume.extra", "nothing is mounted at /mnt")
	contains(t, h.sh("cat "+ledger), `"pending"`)
	contains(t, h.hostctl(1, "rollback", "-auto-approve").stderr, "volume.extra")
	h.sh("mount -t tmpfs none /mnt")
	contains(t, h.hostctl(0, "rollback", "-auto-approve").stdout, fmt.Sprintf("Generation %d is undone.", n))
	h.sh("[ -d /mnt/extra ]")
	h.unarmed()
	missing(t, h.sh("cat "+ledger), `"pending"`)
	equal(t, h.property("hostctl-other.service", "ActiveState"), "inactive")
	equal(t, h.sh("stat -c %a /srv/mine"), "711")
	h.remove("slow.hcl")
	h.write("extra.hcl", extra)
	h.apply()
	h.clean()
	h.hostctl(0, "destroy", "-auto-approve")
	h.sh("umount /mnt")
}

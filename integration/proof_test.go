package integration

import (
	"strings"
	"testing"
)

const lonely = `
hostctl { name = "lonely" }
container "web" {
  rootfs        = "/srv/rootfs/busybox"
  command       = ["/bin/sh", "-c", "PROGRAM"]
  restart       = "always"
  restart_delay = "1h"
}
`

// lone is a host with one container, which runs program.
func lone(t *testing.T, program string) *host {
	t.Helper()
	h := boot(t)
	h.write("main.hcl", strings.Replace(lonely, "PROGRAM", program, 1))
	return h
}

// What systemd is about to start again is stopped like what runs.
func TestStopWhileRestarting(t *testing.T) {
	h := lone(t, "sleep 2; exit 3")
	h.apply()
	h.sh("until systemctl show -P SubState hostctl-web | grep -q auto-restart; do sleep 0.1; done")
	contains(t, h.hostctl(0, "status").stdout, "restarting")
	h.hostctl(0, "stop", "container.web")
	equal(t, h.property("hostctl-web.service", "ActiveState"), "inactive")
	h.hostctl(0, "destroy", "-auto-approve")
}

// A slice of the keeper's name and what runs in it are somebody else's; so are services in the keeper itself.
func TestForeignKeeper(t *testing.T) {
	h := lone(t, "sleep 1000000")
	h.sh("systemd-run -q --unit=admin --slice=hostctl-keep-web.slice sleep 1000000")
	pid := h.property("admin.service", "MainPID")
	contains(t, h.hostctl(1, "apply", "-auto-approve").stderr, "a slice hostctl-keep-web.slice is there that is not this configuration's")
	h.hostctl(0, "destroy", "-auto-approve")
	equal(t, h.property("admin.service", "MainPID"), pid)
	h.sh("systemctl stop admin.service hostctl-keep-web.slice")
	h.apply()
	h.sh("systemd-run -q --unit=guest --slice=hostctl-keep-web.slice sleep 1000000")
	contains(t, h.hostctl(1, "destroy", "-auto-approve").stderr, "holds guest.service")
	equal(t, h.property("guest.service", "ActiveState"), "active")
	h.sh("systemctl stop guest.service")
	h.hostctl(0, "destroy", "-auto-approve")
	equal(t, h.invocations(), "")
}

// Whatever hides whose a container is, it is not said to be removed while it runs.
func TestHiddenOwner(t *testing.T) {
	h := lone(t, "sleep 1000000")
	h.apply()
	h.sh(`mkdir -p /etc/systemd/system/hostctl-web.service.d
		printf '[Unit]\nDescription=Mine\n[Service]\nLogExtraFields=\n' > /etc/systemd/system/hostctl-web.service.d/x.conf
		systemctl daemon-reload`)
	contains(t, h.hostctl(1, "destroy", "-auto-approve").stderr, "/etc/systemd/system/hostctl-web.service.d/x.conf")
	equal(t, h.property("hostctl-web.service", "ActiveState"), "active")
	h.hostctl(0, "plan", "-detailed-exitcode")
	h.sh("rm -r /etc/systemd/system/hostctl-web.service.d; systemctl daemon-reload")
	h.hostctl(0, "destroy", "-auto-approve")
	equal(t, h.invocations(), "")
}

// A masked unit is not started.
func TestMaskedUnit(t *testing.T) {
	h := lone(t, "sleep 1000000")
	h.apply()
	h.sh("systemctl mask hostctl-web.service; systemctl stop hostctl-web.service")
	for _, args := range [][]string{{"plan"}, {"apply", "-auto-approve"}} {
		contains(t, h.hostctl(1, args...).stderr, "unit hostctl-web.service is masked", "systemctl unmask hostctl-web.service")
	}
	equal(t, h.property("hostctl-web.service", "ActiveState"), "inactive")
	h.sh("systemctl unmask hostctl-web.service")
	h.apply()
	equal(t, h.property("hostctl-web.service", "ActiveState"), "active")
	h.hostctl(0, "destroy", "-auto-approve")
}

// A volume whose disk is away keeps its data and its place in the ledger.
func TestDiskThatIsAway(t *testing.T) {
	h := boot(t)
	h.sh("mkdir -p /mnt/disk /mnt/aside; mount -t tmpfs disk /mnt/disk; mount --make-private /mnt/disk")
	h.write("main.hcl", `
hostctl { name = "disk" }
volume "data" {
  path       = "/mnt/disk/data"
  mountpoint = "/mnt/disk"
  on_destroy = "delete"
}
`)
	h.apply()
	h.sh("echo precious > /mnt/disk/data/file; mount --bind /mnt/disk /mnt/aside; umount /mnt/disk")
	contains(t, h.hostctl(1, "destroy", "-auto-approve").stderr, "nothing is mounted at /mnt/disk", "mount the filesystem")
	equal(t, h.sh("cat /mnt/aside/data/file"), "precious")
	h.sh("mount --bind /mnt/aside /mnt/disk")
	h.hostctl(0, "plan", "-detailed-exitcode")
	h.hostctl(0, "destroy", "-auto-approve")
	equal(t, h.sh("ls /mnt/aside"), "")
}

// A plan is saved in files, and in nothing else; one that another user wrote is not applied.
func TestPlanFiles(t *testing.T) {
	h := lone(t, "sleep 1000000")
	contains(t, h.hostctl(1, "plan", "-out", "/dev/null").stderr, "/dev/null is no regular file")
	h.sh("test -c /dev/null")
	h.hostctl(0, "plan", "-out", "/tmp/lone.plan")
	h.sh("chown 1234 /tmp/lone.plan")
	contains(t, h.hostctl(1, "apply", "/tmp/lone.plan").stderr, "belongs to uid 1234")
	h.sh("chown 0 /tmp/lone.plan")
	h.hostctl(0, "apply", "/tmp/lone.plan")
	h.hostctl(0, "destroy", "-auto-approve")
}

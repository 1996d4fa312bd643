package integration

import (
	"fmt"
	"strings"
	"testing"

	"hostctl/host/try"
)

// powerOff leaves of the host what a power cut leaves: disks. What is in memory goes: processes, units, namespaces, links, /run.
func (h *host) powerOff() {
	h.t.Helper()
	h.sh(`
		systemctl stop hostctl.service 2> /dev/null || true
		units=$(systemctl list-units --all --plain --no-legend 'hostctl-*' | awk '$1 != "hostctl-keep.slice" {print $1}')
		for unit in $units; do
			systemctl kill --kill-whom=all -s KILL $unit 2> /dev/null || true
		done
		[ -z "$units" ] || systemctl stop $units
		systemctl reset-failed 'hostctl-*' hostctl.service 2> /dev/null || true
		for ns in $(ip netns list | awk '{print $1}'); do ip netns delete $ns; done
		for link in $(ip -o link show type bridge | awk -F': ' '{print $2}'); do ip link delete $link; done
		find /run/hostctl -mindepth 1 ! -name try -delete # that is the throwaway host's own mark
	`)
	equal(h.t, h.sh("systemctl list-units --all --plain --no-legend 'hostctl-*.service'; ip netns list; ip -o link show type bridge"), "")
}

// TestReplay: what was applied is back after a boot as it was, without the repository, and nothing else is touched.
func TestReplay(t *testing.T) {
	h := boot(t)
	h.hostctl(0, "replay") // nothing was applied here
	before := h.snap()
	h.hostctl(0, "install")
	h.hostctl(0, "install")
	equal(t, h.sh("systemctl is-enabled hostctl.service; stat -c '%a %U' /etc/systemd/system/hostctl.service; readlink /etc/systemd/system/multi-user.target.wants/hostctl.service"),
		"enabled\n644 root\n/etc/systemd/system/hostctl.service")
	equal(t, h.sh("systemd-analyze verify hostctl.service 2>&1 | grep hostctl | grep -v -e man -e Documentation || true"), "")
	for _, other := range []string{"local-fs.target", "remote-fs.target", "network.target", "dbus.socket", "basic.target"} {
		contains(t, h.property("hostctl.service", "After"), other)
	}

	h.write("shop/main.hcl", fixture(t, "shop.hcl"))
	h.write("other/main.hcl", strings.NewReplacer("shop", "other", `"web"`, `"front"`).Replace(remembered))
	h.apply("-chdir=shop")
	h.apply("-chdir=other", "-var=token=hunter2")
	h.hostctl(0, "stop", "container.client")
	h.sh("echo precious > /srv/other/data/file; echo page > /srv/shop/site/index.html")
	ids := func() string {
		return h.sh(`for c in web batch-a front; do awk '{print $2}' /proc/$(systemctl show -P MainPID hostctl-$c.service)/uid_map; done; id -u shop; id -u other; stat -c '%u %a' /srv/shop/site; grep -v container.bad /etc/subuid`)
	}
	was, generations := ids(), h.outcomes("-name=shop")
	back := func() {
		t.Helper()
		equal(t, ids(), was)
		equal(t, h.property("hostctl-client.service", "ActiveState"), "inactive")
		equal(t, h.sh("cat /srv/other/data/file; tr '\\0' '\\n' < /proc/"+h.payload("front")+"/environ | grep TOKEN"), "precious\nTOKEN=hunter2")
		h.await("busybox wget -q -O - http://10.77.0.10/ | grep -qx page")
		h.clean("-chdir=shop")
		h.clean("-chdir=other", "-var=token=hunter2")
		equal(t, h.outcomes("-name=shop"), generations)
	}

	h.powerOff()
	if r := h.run("systemctl", "start", "hostctl.service"); r.exit != 0 {
		t.Fatal(h.sh("journalctl --sync; journalctl -q --no-pager -o cat -u hostctl.service -u 'hostctl-*'"))
	}
	back()
	log := h.sh("journalctl --sync; journalctl -q --no-pager -o cat -u hostctl.service")
	contains(t, log, `Configuration "shop": 6 resources put back`, `Configuration "other": 1 resource put back`, "container.web: created")
	missing(t, log, "hunter2")

	// On a host that runs it changes nothing, but for what was changed since.
	same := h.invocations()
	h.hostctl(0, "replay")
	equal(t, h.invocations(), same)
	h.sh("systemctl stop hostctl-web.service; systemctl restart hostctl.service")
	equal(t, h.property("hostctl-web.service", "ActiveState"), "active")

	// What is held and still there stays as it is; what the end of the power took is put back.
	h.hostctl(0, "hold", "container.web", "-for", "1h")
	h.sh("systemctl stop hostctl-web.service; systemctl restart hostctl.service; ! systemctl is-active hostctl-web.service")
	h.powerOff()
	h.sh("systemctl start hostctl.service; systemctl is-active hostctl-web.service")
	h.hostctl(0, "release", "container.web")
	back()

	// A change that was cut off by the end of the power, and one that failed: what ran before is back.
	h.write("shop/bad.hcl", "container \"bad\" {\n  rootfs  = \"/srv/rootfs/busybox\"\n  command = [\"/bin/false\"]\n  job     = true\n}\n")
	h.hostctl(1, "apply", "-chdir=shop", "-auto-approve", "-no-rollback")
	h.cutOff("-chdir=shop", "-chdir=shop", "-var=greeting=cut")
	h.powerOff()
	h.sh("systemctl start hostctl.service")
	h.sh("systemctl is-active hostctl-web.service hostctl-batch-a.service hostctl-front.service")
	h.write("shop/bad.hcl", "")
	h.apply("-chdir=shop")
	generations = h.outcomes("-name=shop")
	back()

	// What is in the way of one resource is not in the way of those that do not need it.
	h.powerOff()
	h.sh("mv /srv/shop/site /srv/shop/away && touch /srv/shop/site")
	h.sh("! systemctl start hostctl.service")
	h.sh("systemctl is-active hostctl-batch-a.service hostctl-batch-b.service hostctl-front.service; ! systemctl is-active hostctl-web.service")
	contains(t, h.sh("journalctl --sync; journalctl -q --no-pager -o cat -u hostctl.service"), "volume.site")
	h.sh("rm /srv/shop/site && mv /srv/shop/away /srv/shop/site; systemctl start hostctl.service")
	back()

	// What is not allowed any more is not started at boot either.
	h.powerOff()
	h.policy(strings.Replace(generous, `writable  = ["/srv", `, `writable  = ["/srv/shop", `, 1))
	equal(t, fmt.Sprint(h.run("hostctl", "replay").exit), "3")
	h.sh("systemctl is-active hostctl-web.service; ! systemctl is-active hostctl-front.service")
	h.policy(generous + "configuration \"other\" {\n  directories = [\"/srv/git/other\"]\n}\n")
	h.hostctl(3, "replay")
	h.sh("! systemctl is-active hostctl-front.service")
	h.policy(generous)
	h.hostctl(0, "replay")
	back()

	// Without the ledger nobody knows whose ids were whose.
	h.powerOff()
	h.sh("mv /var/lib/hostctl/ledger.json /tmp/ledger.json")
	contains(t, h.hostctl(1, "replay").stderr, "ledger.json is missing", "nothing is put back")
	h.sh("mv /tmp/ledger.json /var/lib/hostctl/ledger.json")
	h.hostctl(0, "replay")
	back()

	h.hostctl(0, "destroy", "-chdir=shop", "-auto-approve")
	h.hostctl(0, "destroy", "-chdir=other", "-auto-approve", "-var=token=hunter2")
	h.powerOff()
	h.sh("systemctl start hostctl.service")
	equal(t, h.invocations(), "")

	h.hostctl(0, "uninstall")
	contains(t, h.hostctl(0, "uninstall").stdout, "nothing is installed")
	h.sh("rm -r /srv/shop /srv/other")
	if after := h.snap(); after != before {
		t.Errorf("uninstall leaves behind:\n%s", diff(before, after))
	}
}

// TestReplayOfASystem: a distribution's own init is back after a boot with its root, its ids and what it was set up to run.
func TestReplayOfASystem(t *testing.T) {
	needRoot(t)
	rootfs, err := system()
	if err != nil {
		t.Fatal(err)
	}
	h := bootWith(t, []try.Bind{{Source: rootfs, Target: "/srv/rootfs/system"}})
	h.write("main.hcl", `
hostctl { name = "systems" }
container "debian" {
  rootfs       = "/srv/rootfs/system"
  boot         = true
  root         = "persistent"
  stop_timeout = "60s"
  restart      = "no"
}
`)
	h.apply()
	h.until(up)
	h.sh(`hostctl exec debian sh -c 'printf "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c \"echo started >> /var/log/order\"\n[Install]\nWantedBy=multi-user.target\n" > /etc/systemd/system/order.service &&
		systemctl -q enable --now order.service'; hostctl install > /dev/null`)
	ids := func() string { return h.sh("hostctl exec debian cat /etc/machine-id /proc/self/uid_map") }
	was := ids()
	h.powerOff()
	h.sh("systemctl start hostctl.service")
	h.until(up)
	equal(t, ids(), was)
	equal(t, h.sh("hostctl exec debian cat /var/log/order"), "started\nstarted")
	contains(t, h.sh("journalctl --sync; journalctl -q --no-pager -o cat -u hostctl.service"), `Configuration "systems": 1 resource put back`)
	h.hostctl(0, "drift")
	h.clean()
	h.hostctl(0, "uninstall")
	h.hostctl(0, "destroy", "-auto-approve")
}

// TestInstallLeavesOthersAlone: a unit of that name that somebody else wrote stays, and a program that others can change is not run at boot.
func TestInstallLeavesOthersAlone(t *testing.T) {
	h := boot(t)
	h.sh("printf '[Service]\\nExecStart=/bin/true\\n' > /etc/systemd/system/hostctl.service")
	for _, command := range []string{"install", "uninstall"} {
		contains(t, h.hostctl(1, command).stderr, "hostctl did not write it")
	}
	equal(t, h.sh("cat /etc/systemd/system/hostctl.service"), "[Service]\nExecStart=/bin/true")
	h.sh("rm /etc/systemd/system/hostctl.service; systemctl daemon-reload; systemctl mask hostctl.service 2> /dev/null")
	contains(t, h.hostctl(1, "install").stderr, "systemctl unmask hostctl.service")
	h.sh("systemctl unmask hostctl.service 2> /dev/null; mkdir -m 0777 /srv/open; cp /usr/local/bin/hostctl* /srv/open")
	contains(t, h.sh("/srv/open/hostctl install 2>&1 || true"), "systemd would run as root what others can change", "/srv/open")
	h.sh("chmod 0755 /srv/open; touch /srv/open/go.mod; test ! -e /etc/systemd/system/hostctl.service")
	contains(t, h.sh("/srv/open/hostctl install 2>&1"), "build directory")
	contains(t, h.sh("cat /etc/systemd/system/hostctl.service"), "ExecStart=/srv/open/hostctl replay")
	h.hostctl(0, "install") // from where it belongs
	contains(t, h.sh("cat /etc/systemd/system/hostctl.service"), "ExecStart=/usr/local/bin/hostctl replay")
	h.hostctl(0, "uninstall")
}

// TestReplayWaitsForMounts: a volume on a disk that comes late is neither made without it nor given up.
func TestReplayWaitsForMounts(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", `
hostctl { name = "late" }
user "late" {}
volume "data" {
  path       = "/mnt/data"
  mountpoint = "/mnt"
  owner      = user.late
}
container "late" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
  run_as  = user.late
  mount "/data" {
    volume = volume.data
  }
}
container "early" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
}
`)
	h.sh("mkdir /srv/disk; mount --bind /srv/disk /mnt")
	h.apply()
	h.sh("echo precious > /mnt/data/file")
	h.powerOff()
	h.sh("umount /mnt; hostctl install > /dev/null; systemctl start --no-block hostctl.service")
	h.await("systemctl is-active hostctl.service | grep -qx activating")
	h.sh("test ! -e /mnt/data; mount --bind /srv/disk /mnt")
	h.await("systemctl is-active -q hostctl.service")
	equal(t, h.sh("cat /proc/"+h.payload("late")+"/root/data/file"), "precious")
	h.clean()

	// One that does not come is given up, with what needs it and nothing else.
	h.powerOff()
	h.sh("umount /mnt")
	contains(t, h.hostctl(1, "replay", "-mount-timeout=1s").stderr, "volume.data", "/mnt")
	h.sh("test ! -e /mnt/data; systemctl is-active hostctl-early.service; ! systemctl is-active hostctl-late.service")
	h.sh("mount --bind /srv/disk /mnt")
	h.hostctl(0, "replay")
	h.clean()
	h.hostctl(0, "destroy", "-auto-approve")
	h.sh("umount /mnt")
}

// TestShutdownOrder: what depends on others is stopped before them, as systemd does it when the host goes down: in one transaction.
func TestShutdownOrder(t *testing.T) {
	h := boot(t)
	text := "hostctl { name = \"chain\" }\nvolume \"log\" {\n  path = \"/srv/log\"\n  owner = user.log\n}\nuser \"log\" {}\n"
	after := ""
	for _, name := range []string{"database", "server", "proxy"} {
		text += fmt.Sprintf(`container "%s" {
  rootfs     = "/srv/rootfs/busybox"
  command    = ["sh", "-c", "trap 'sleep 0.3; echo %s >> /data/order; exit' TERM; while :; do sleep 0.05; done"]
  run_as     = user.log
  depends_on = [%s]
  mount "/data" {
    volume = volume.log
  }
}
`, name, name, after)
		after = "container." + name
	}
	h.write("main.hcl", text)
	h.apply()
	h.sh(`printf '[Unit]\nConflicts=hostctl-database.service hostctl-server.service hostctl-proxy.service\n' > /run/systemd/system/down.target
		systemctl daemon-reload; systemctl start down.target`)
	h.await("[ $(wc -l < /srv/log/order) = 3 ]")
	equal(t, h.sh("cat /srv/log/order"), "proxy\nserver\ndatabase")
	h.sh("rm /run/systemd/system/down.target; systemctl daemon-reload")
}

// TestShutdownKeepsTheHost: the network, and what is mounted where a volume says so, are there until the container has ended.
func TestShutdownKeepsTheHost(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", `
hostctl { name = "late" }
user "late" {}
volume "data" {
  path       = "/mnt/big-disk/data"
  mountpoint = "/mnt/big-disk"
  owner      = user.late
}
container "late" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sh", "-c", "trap 'sleep 0.5; exit' TERM; while :; do sleep 0.05; done"]
  run_as  = user.late
  mount "/data" {
    volume = volume.data
  }
}
`)
	const mount = `mnt-big\x2ddisk.mount`
	h.sh(`mkdir -p /srv/disk /mnt/big-disk; cd /run/systemd/system
cat > '` + mount + `' << 'END'
[Unit]
DefaultDependencies=no
[Mount]
What=/srv/disk
Where=/mnt/big-disk
Type=none
Options=bind
END
cat > lan.service << 'END'
[Unit]
DefaultDependencies=no
Wants=network.target
Before=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
END
cat > down.target << 'END'
[Unit]
DefaultDependencies=no
Conflicts=hostctl-late.service lan.service ` + mount + ` network.target hostctl.service
END
systemctl daemon-reload; systemctl start '` + mount + `' lan.service`)
	h.await("systemctl is-active -q network.target")
	h.apply()
	h.hostctl(0, "install")
	h.sh("systemctl start hostctl.service; systemctl start down.target")
	h.await("[ \"$(systemctl is-active lan.service '" + mount + "' hostctl-late.service | sort -u)\" = inactive ]")
	equal(t, h.sh(`ended=$(systemctl show -P InactiveEnterTimestampMonotonic hostctl-late.service)
		for unit in lan.service '`+mount+`'; do
			began=$(systemctl show -P ActiveExitTimestampMonotonic "$unit"); [ $ended != 0 ] && [ $began -ge $ended ] || echo "$unit at $began, the container at $ended"
		done`), "")
	h.hostctl(0, "uninstall")
	h.hostctl(0, "destroy", "-auto-approve")
	h.sh(`rm /run/systemd/system/down.target /run/systemd/system/lan.service '/run/systemd/system/` + mount + `'; systemctl daemon-reload`)
}

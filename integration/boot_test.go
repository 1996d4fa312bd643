package integration

import (
	"strings"
	"testing"

	"hostctl/host/try"
)

const booted = `hostctl {
  name = "systems"
}

volume "shared" {
  path = "/srv/shared"
}

container "debian" {
  rootfs       = "/srv/rootfs/system"
  boot         = true
  root         = "persistent"
  stop_timeout = "60s"
  restart      = "no"

  mount "/srv" {
    volume    = volume.shared
    read_only = true
  }
  secret "tls.key" {
    credential = "tls-key"
  }
}
`

// until repeats a command on the host until it succeeds.
func (h *host) until(script string) {
	h.t.Helper()
	h.sh(`for i in $(seq 3000); do if ` + script + ` > /tmp/until 2>&1; then exit; fi; sleep 0.01; done; cat /tmp/until; systemctl status hostctl-debian --no-pager || true; exit 1`)
}

const up = `test "$(hostctl exec debian systemctl is-system-running)" = running`

// A distribution's own init boots, is confined to what is its container's, and is shut down in order.
func TestBoot(t *testing.T) {
	needRoot(t)
	rootfs, err := system()
	if err != nil {
		t.Fatal(err)
	}
	h := bootWith(t, []try.Bind{{Source: rootfs, Target: "/srv/rootfs/system"}})
	h.sh("echo 0123456789abcdef0123456789abcdef > /etc/machine-id; mkdir -p /srv/shared; echo host > /srv/shared/file; rm -r /srv/shared")
	h.policy(given("/etc/hostctl/credentials/tls-key", "debian"))
	h.sh("mkdir -m 0700 /etc/hostctl/credentials; printf S3CR3T > /etc/hostctl/credentials/tls-key; chmod 0600 /etc/hostctl/credentials/tls-key")
	h.write("main.hcl", booted)
	plan := h.hostctl(0, "plan").stdout
	contains(t, spaced(strings.ReplaceAll(plan, "\n  # ", " ")), "a whole system has root's capabilities", "setuid programs", "namespaces and mounts of its own", "no Landlock",
		"boot = true", "init = false", `stop_signal = "RTMIN+3"`, `command = ["/sbin/init"]`)
	h.apply()
	h.until(up)
	h.clean()
	equal(t, h.sh("hostctl exec debian systemctl is-active multi-user.target systemd-journald dbus"), "active\nactive\nactive")
	equal(t, h.sh("hostctl exec debian systemctl --failed --no-legend --plain"), "")
	// A secret is a credential of the system's too, which it gives on to its own services (systemd's CONTAINER_INTERFACE).
	equal(t, h.sh("hostctl exec debian cat /run/secrets/tls.key"), "S3CR3T")
	equal(t, h.sh("hostctl exec debian systemd-creds --system cat tls.key"), "S3CR3T")
	equal(t, h.sh("hostctl exec debian systemd-run -q --wait --pipe -p LoadCredential=tls.key sh -c 'cat $CREDENTIALS_DIRECTORY/tls.key'"), "S3CR3T")
	h.sh("! hostctl exec debian umount /run/secrets; ! hostctl exec debian mount -o remount,rw /run/secrets")
	contains(t, h.sh("hostctl exec debian cat /proc/self/uid_map"), " 524288 ", " 65536")
	id := h.sh("hostctl exec debian cat /etc/machine-id")
	if len(id) != 32 || id == h.sh("cat /etc/machine-id") {
		t.Errorf("machine-id %q", id)
	}
	equal(t, h.sh("hostctl exec debian systemd-detect-virt --container || true"), "container-other")
	contains(t, h.sh("hostctl exec debian journalctl -q --no-pager"), "multi-user.target")
	contains(t, h.sh("hostctl ps debian"), "systemd-journald", "/sbin/init")
	contains(t, h.sh("hostctl audit debian"), "sys_admin", "may gain privileges by exec", "the root is writable", "a whole system, with the powers of its own root", "no Landlock")
	// What systemd's container interface asks for: the id of the machine, also where nothing is kept.
	uuid := "hostctl exec debian sh -c \"tr '\\\\0' '\\\\n' < /proc/1/environ | sed -n 's/^container_uuid=//p' | tr -d -\""
	equal(t, h.sh(uuid), id)

	t.Run("confined", func(t *testing.T) {
		h := h.in(t)
		h.sh("touch /srv/shared/canary")
		mounts := h.sh("findmnt -rno TARGET,SOURCE,FSTYPE")
		for script, want := range map[string]string{
			"mount -o remount,bind,rw /srv":                           "",
			"umount /srv":                                             "",
			"umount -l /srv":                                          "",
			"umount /proc/kcore":                                      "",
			"mount -o remount,bind,rw /proc/sys":                      "",
			"umount /proc/sys":                                        "",
			"mount -o remount,bind,suid /":                            "",
			"mount -o remount,bind,dev /":                             "",
			"mount --bind / /mnt && mount -o remount,bind,suid /mnt":  "",
			"umount /sys/fs/cgroup":                                   "",
			"mount -t proc proc /mnt":                                 "",
			"mount -t sysfs sysfs /mnt":                               "",
			"mount -t ext4 /dev/sda1 /mnt":                            "",
			"mknod /root/sda b 8 0":                                   "",
			"mknod /root/mem c 1 1":                                   "",
			"echo x > /proc/sys/kernel/core_pattern":                  "",
			"echo x > /proc/sysrq-trigger":                            "",
			"echo 1 > /sys/fs/cgroup/../cgroup.procs":                 "",
			"echo max > /sys/fs/cgroup/memory.max":                    "",
			"cat /proc/keys":                                          "",
			"mount --bind /proc/1/root/proc/sys /mnt && touch /mnt/x": "",
			"date -s 2001-01-01":                                      "",
			"nsenter -t 1 -m touch /srv/x":                            "",
		} {
			if r := h.run("hostctl", "exec", "debian", "sh", "-c", script); r.exit == 0 || !strings.Contains(r.all(), want) {
				t.Errorf("%s: %s", script, r.all())
			}
		}
		// What a system does with what is its own.
		equal(t, h.sh("hostctl exec debian sh -c 'mount -t tmpfs none /mnt && touch /mnt/x && umount /mnt && unshare -m true && systemd-run -q --wait -p PrivateTmp=yes true && hostname inside && chmod 4755 /root && echo ok'"), "ok")
		h.sh("hostctl exec debian sh -c 'mount -t tmpfs none /mnt && mount -t tmpfs none /srv'")
		h.hostctl(0, "drift")
		if after := h.sh("findmnt -rno TARGET,SOURCE,FSTYPE"); after != mounts {
			t.Errorf("the host's mounts are others:\n%s", diff(mounts, after))
		}
	})

	t.Run("life", func(t *testing.T) {
		h := h.in(t)
		// A service of the system's is stopped in order when the unit is.
		h.sh(`hostctl exec debian sh -c 'printf "[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\nExecStop=/bin/sh -c \"echo stopped >> /var/log/order\"\\n[Install]\\nWantedBy=multi-user.target\\n" > /etc/systemd/system/order.service && systemctl -q enable --now order.service'`)
		h.sh("systemctl stop hostctl-debian.service")
		equal(t, h.property("hostctl-debian.service", "Result"), "success")
		equal(t, h.sh("cat /var/lib/hostctl/roots/debian/upper/var/log/order"), "stopped")
		equal(t, h.sh("find /sys/fs/cgroup/hostctl.slice/hostctl-debian.service -type d 2> /dev/null | wc -l"), "0")
		h.sh("systemctl start hostctl-debian.service")
		h.until(up)
		equal(t, h.sh("hostctl exec debian cat /etc/machine-id"), id)
		h.sh("systemctl daemon-reload")

		before := h.pid("debian")
		h.sh("hostctl exec debian systemctl reboot")
		h.until(`test "$(systemctl show -P MainPID hostctl-debian.service)" != ` + before + ` && ` + up)
		h.sh("hostctl exec debian systemctl poweroff")
		h.until("! systemctl -q is-active hostctl-debian.service && test $(systemctl show -P SubState hostctl-debian.service) = dead")
		equal(t, h.property("hostctl-debian.service", "Result"), "success")
		equal(t, h.sh("wc -l < /var/lib/hostctl/roots/debian/upper/var/log/order"), "3")
		h.apply()
		h.until(up)
		// The exit status that it is told to end with is the unit's.
		h.sh("hostctl exec debian systemctl exit 7")
		h.until("test $(systemctl show -P ActiveState hostctl-debian.service) = failed")
		equal(t, h.property("hostctl-debian.service", "ExecMainStatus"), "7")
		contains(t, h.hostctl(0, "status").stdout, "failed, exit status 7")
		// With a root in memory it is the same machine all the same, each time.
		h.write("main.hcl", strings.Replace(booted, `"persistent"`, `"ephemeral"`, 1))
		for range 2 {
			h.apply("-replace", "container.debian")
			h.until(up)
			equal(t, h.sh("hostctl exec debian cat /etc/machine-id"), id)
			equal(t, h.sh(uuid), id)
		}
	})
	h.hostctl(0, "destroy", "-auto-approve")
}

package integration

import (
	"strings"
	"testing"
)

const worded = `hostctl {
  name = "words"
}

variable "groups" {
  type    = list(string)
  default = ["10"]
}

volume "keys" {
  path = "/srv/keys"
}

container "loose" {
  rootfs           = "` + busybox + `"
  command          = ["/bin/sh", "-c", "echo begun; exec sleep 2147483647"]
  init             = false
  root             = "ephemeral"
  root_size        = "8M"
  shm_size         = "1M"
  capabilities     = ["chown", "net_admin"]
  groups           = var.groups
  system_calls     = ["ptrace"]
  masked_paths     = ["/proc/cpuinfo"]
  rlimits          = { core = "0", memlock = "8K:16K" }
  stop_timeout     = "1s"
  oom_score_adjust = 500
  slice            = "batch"
  journal_fields   = { TEAM = "shop" }
  restart          = "on-abnormal"

  start_limit {
    burst    = 3
    interval = "1m"
  }
}

container "hosted" {
  rootfs       = "/srv/hosted"
  command      = ["/bin/sleep", "2147483647"]
  host_network = true
  timezone     = "UTC"
  sysctls      = { "kernel.shmmax" = "65536" }
  extra_hosts  = { db = "10.9.8.7" }

  device "/dev/z/zero" {
    source = "/dev/zero"
  }
}

container "kept" {
  rootfs  = "` + busybox + `"
  command = ["/bin/sh", "-c", "echo start >> /etc/log; exec sleep 2147483647"]
  root    = "persistent"
  restart = "no"

  mount "/etc/tls.key" {
    volume    = volume.keys
    path      = "tls/site.key"
    read_only = true
  }
}
`

// Each word reaches the payload, stands in the plan, and is named by audit.
func TestWords(t *testing.T) {
	h := boot(t)
	h.sh("touch " + busybox + "/etc/tls.key 2>/dev/null || true")
	h.write("main.hcl", worded)
	h.sh("cp -a " + busybox + " /srv/hosted && touch /srv/hosted/etc/hosts")
	h.sh("mkdir -p /srv/keys/tls && echo secret > /srv/keys/tls/site.key && rm -r /srv/keys")
	plan := h.hostctl(0, "plan").stdout
	contains(t, plan, `capabilities     = ["chown", "net_admin"]`, `root             = "ephemeral"`, `oom_score_adjust = 500`)
	// The volume's file is not there when the container starts: it does not.
	r := h.hostctl(1, "apply", "-auto-approve")
	contains(t, r.all(), "tls/site.key")
	h.sh("mkdir -p /srv/keys/tls && echo secret > /srv/keys/tls/site.key && chmod -R a+rX /srv/keys")
	h.apply()
	h.clean()

	status := h.sh("hostctl exec loose cat /proc/self/status")
	contains(t, status, "CapEff:\t0000000000001001", "Groups:\t10")
	contains(t, h.sh("hostctl exec loose cat /proc/self/oom_score_adj /proc/1/oom_score_adj"), "500\n500")
	equal(t, h.sh("hostctl exec loose cat /proc/cpuinfo 2>&1 || true"), "cat: can't open '/proc/cpuinfo': Permission denied")
	contains(t, h.sh("hostctl exec loose sh -c 'echo x > /etc/x && cat /etc/x; df -k / /dev/shm'"), "x\n", " 8192 ", " 1024 ")
	h.sh("hostctl exec loose ip addr add 10.1.2.3/32 dev lo")
	if strings.Contains(h.sh("ip addr"), "10.1.2.3") {
		t.Error("the host has the container's address")
	}
	contains(t, h.sh("hostctl audit loose"), "capabilities chown, net_admin", "the root is writable", "supplementary groups")
	h.hostctl(0, "apply", "-auto-approve", `-var=groups=["10", "11"]`)
	contains(t, h.sh("hostctl exec loose cat /proc/1/status"), "Groups:\t10 11")
	equal(t, h.sh("hostctl exec loose cat /etc/x 2>/dev/null || echo gone"), "gone")

	equal(t, h.sh("hostctl exec hosted sh -c 'echo $TZ; cat /proc/sys/kernel/shmmax; grep db /etc/hosts'"), "UTC\n65536\n10.9.8.7 db")
	equal(t, h.sh("hostctl exec hosted readlink /proc/self/ns/net"), h.sh("readlink /proc/1/ns/net"))
	contains(t, h.sh("hostctl audit hosted"), "the host's own net namespace")
	equal(t, h.sh("hostctl exec hosted sh -c 'head -c 3 /dev/z/zero | wc -c'"), "3")
	contains(t, h.property("hostctl-hosted.service", "DeviceAllow"), "/dev/char/1:5 rw")
	equal(t, h.property("hostctl-hosted.service", "DevicePolicy"), "closed")
	const unit = "hostctl-loose.service"
	equal(t, h.property(unit, "ControlGroup"), "/hostctl.slice/hostctl-batch.slice/"+unit)
	equal(t, h.property(unit, "Restart"), "on-abnormal")
	equal(t, h.property(unit, "StartLimitBurst"), "3")
	equal(t, h.property(unit, "StartLimitIntervalUSec"), "1min")
	contains(t, h.sh("journalctl -q --no-pager -o verbose TEAM=shop"), "_SYSTEMD_UNIT="+unit)
	// What reached the unit's file is what was declared, also after systemd has read it again.
	h.sh("systemctl daemon-reload")
	equal(t, h.sh("grep -c '^Exec' /run/systemd/transient/"+unit), h.sh("grep -c '^Exec' /run/systemd/transient/hostctl-kept.service"))
	contains(t, h.sh("hostctl ps loose"), "sleep")
	h.hostctl(0, "plan", "-detailed-exitcode", `-var=groups=["10", "11"]`)

	equal(t, h.sh("hostctl exec kept cat /etc/log /etc/tls.key"), "start\nsecret")
	h.sh("systemctl restart hostctl-kept.service")
	equal(t, h.sh("hostctl exec kept cat /etc/log"), "start\nstart")
	// A link in the place of the file that is mounted stops the next start.
	h.sh("mv /srv/keys/tls /srv/keys/other && ln -s other /srv/keys/tls")
	h.sh("! systemctl restart hostctl-kept.service")
	contains(t, h.sh("journalctl -q -u hostctl-kept.service --no-pager"), "ELOOP")
	h.sh("rm /srv/keys/tls && mv /srv/keys/other /srv/keys/tls && systemctl restart hostctl-kept.service")
	h.hostctl(0, "destroy", "-auto-approve")
	equal(t, h.sh("cat /var/lib/hostctl/roots/kept/upper/etc/log"), "start\nstart\nstart")
}

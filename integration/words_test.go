package integration

import (
	"regexp"
	"slices"
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

user "app" {}

volume "data" {
  path  = "/srv/data"
  owner = user.app
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
  system_calls     = ["ptrace", "keyctl"]
  masked_paths     = ["/proc/cpuinfo"]
  rlimits          = { core = "1M", memlock = "8K:16K", nproc = "500" }
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

container "owned" {
  rootfs           = "/srv/closed/rootfs"
  command          = ["/bin/sleep", "2147483647"]
  root             = "writable"
  run_as           = user.app
  oom_score_adjust = 5
}

container "kept" {
  rootfs  = "` + busybox + `"
  command = ["/bin/sh", "-c", "echo start >> /etc/log; exec sleep 2147483647"]
  root    = "persistent"
  restart = "no"

  mount "/srv" {
    volume = volume.data
  }

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
	h.sh("cp -a " + busybox + " /srv/hosted && touch /srv/hosted/etc/hosts && mkdir -m 700 /srv/closed && cp -a /srv/hosted /srv/closed/rootfs && chmod -R a+rX /srv/closed/rootfs")
	h.sh("mkdir -p /srv/keys/tls && echo secret > /srv/keys/tls/site.key && rm -r /srv/keys")
	plan := h.hostctl(0, "plan").stdout
	for container, words := range map[string][]string{
		"loose": {`capabilities = ["chown", "net_admin"]`, `root = "ephemeral"`, `root_size = "8M"`, `shm_size = "1M"`, `groups = ["10"]`,
			`system_calls = ["keyctl", "ptrace"]`, `masked_paths = ["/proc/cpuinfo"]`, `"core" = "1M"`, `"memlock" = "8K:16K"`, `oom_score_adjust = 500`,
			`slice = "batch"`, `"TEAM" = "shop"`, `restart = "on-abnormal"`, `init = false`, `burst = 3`},
		"hosted": {`host_network = true`, `timezone = "UTC"`, `"kernel.shmmax" = "65536"`, `"db" = "10.9.8.7"`, `device "/dev/z/zero"`, `source = "/dev/zero"`, `permissions = "rw"`},
		"owned":  {`root = "writable"`, `run_as = user.app`, `oom_score_adjust = 5`},
		"kept":   {`root = "persistent"`, `mount "/etc/tls.key"`, `path = "tls/site.key"`, `read_only = true`, `mount "/srv"`, `read_only = false`},
	} {
		contains(t, spaced(planned(plan, "container."+container)), words...)
	}
	// The volume's file is not there when the container starts: it does not.
	r := h.hostctl(6, "apply", "-auto-approve")
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
	audited(t, h, "loose", "capabilities chown, net_admin", "the root is writable", "supplementary groups ", "system calls keyctl, ptrace", "raised rlimits core")
	audited(t, h, "hosted", "the host's own net namespace", "the host's /dev/zero")
	audited(t, h, "owned", "the root is writable", "is uid ")
	audited(t, h, "kept", "the root is writable", "writable volumes /srv")
	h.hostctl(0, "apply", "-auto-approve", `-var=groups=["10", "11"]`)
	contains(t, h.sh("hostctl exec loose cat /proc/1/status"), "Groups:\t10 11")
	equal(t, h.sh("hostctl exec loose cat /etc/x 2>/dev/null || echo gone"), "gone")

	equal(t, h.sh("hostctl exec hosted sh -c 'echo $TZ; cat /proc/sys/kernel/shmmax; grep db /etc/hosts'"), "UTC\n65536\n10.9.8.7 db")
	equal(t, h.sh("hostctl exec hosted readlink /proc/self/ns/net"), h.sh("readlink /proc/1/ns/net"))
	equal(t, h.sh("hostctl exec hosted sh -c 'head -c 3 /dev/z/zero | wc -c'"), "3")
	contains(t, h.property("hostctl-hosted.service", "DeviceAllow"), "/dev/char/1:5 rw")
	equal(t, h.property("hostctl-hosted.service", "DevicePolicy"), "closed")
	const unit = "hostctl-loose.service"
	equal(t, h.property(unit, "ControlGroup"), "/hostctl.slice/hostctl-batch.slice/"+unit)
	equal(t, h.property(unit, "Restart"), "on-abnormal")
	equal(t, h.property(unit, "StartLimitBurst"), "3")
	equal(t, h.property(unit, "StartLimitIntervalUSec"), "1min")
	contains(t, h.sh("journalctl --sync; journalctl -q --no-pager -o verbose TEAM=shop"), "_SYSTEMD_UNIT="+unit)
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
	contains(t, h.sh("journalctl --sync; journalctl -q -u hostctl-kept.service --no-pager"), "ELOOP")
	h.sh("rm /srv/keys/tls && mv /srv/keys/other /srv/keys/tls && systemctl restart hostctl-kept.service")
	h.hostctl(0, "destroy", "-auto-approve")
	equal(t, h.sh("cat /var/lib/hostctl/roots/kept/upper/etc/log"), "start\nstart\nstart")
}

// planned is the part of a plan's text that is of one resource.
func planned(plan, address string) string {
	_, part, _ := strings.Cut(plan, "# "+address+" ")
	part, _, _ = strings.Cut(part, "\n  # ")
	return part
}

var columns = regexp.MustCompile(` +`)

// spaced has one space wherever text has several, which line up a plan's columns.
func spaced(text string) string { return columns.ReplaceAllString(text, " ") }

// audited checks what audit says that a container has more than others: this, each by how it begins, and nothing else.
func audited(t *testing.T, h *host, name string, want ...string) {
	t.Helper()
	var audit struct {
		Containers []struct {
			Loosened []string `json:"loosened"`
		} `json:"containers"`
	}
	decode(t, h.hostctl(0, "audit", "-json", name).stdout, &audit)
	got := audit.Containers[0].Loosened
	for _, w := range want {
		if !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, w) }) {
			t.Errorf("audit of %s: no %q in %q", name, w, got)
		}
	}
	if len(got) != len(want) {
		t.Errorf("audit of %s: %q, want %q", name, got, want)
	}
}

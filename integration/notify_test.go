package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const notifying = `hostctl {
  name = "notifying"
}

variable "ready" {
  type    = string
  default = "READY=1"
}

container "web" {
  rootfs  = "/srv/probe"
  command = ["/bin/sh", "-c", <<-EOT
    probe notify "${var.ready}" "STATUS=serving"
    touch /tmp/alive
    trap 'rm -f /tmp/alive' USR1
    while :; do
      [ -e /tmp/alive ] && probe notify WATCHDOG=1
      sleep 0.1 &
      wait $!
    done
  EOT
  ]
  notify        = true
  watchdog      = "2s"
  start_timeout = "5s"
  restart       = "always"
}
`

// probe makes /srv/probe, a rootfs with the launcher's probe in it.
func (h *host) probe() {
	h.t.Helper()
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(h.work, "probe"), "../runtime/testdata/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		h.t.Fatalf("%v\n%s", err, out)
	}
	h.sh("cp -a " + busybox + " /srv/probe && cp " + work + "/probe /srv/probe/bin/probe")
}

// What the program says of itself is what systemd knows of it, and one that falls silent is started again.
func TestNotify(t *testing.T) {
	h := boot(t)
	h.probe()
	h.write("main.hcl", notifying)
	h.apply()
	const unit = "hostctl-web.service"
	h.sh(`for i in $(seq 500); do [ "$(systemctl show -P StatusText ` + unit + `)" = serving ] && exit; sleep 0.01; done; systemctl status ` + unit + `; exit 1`)
	equal(t, h.property(unit, "NotifyAccess"), "main")
	equal(t, h.property(unit, "WatchdogUSec"), "2s")
	h.clean()
	before := h.pid("web")
	h.hostctl(0, "kill", "-s", "USR1", "web")
	h.sh(`for i in $(seq 1000); do pid=$(systemctl show -P MainPID ` + unit + `); [ $pid != 0 ] && [ $pid != ` + before + ` ] && exit; sleep 0.01; done; exit 1`)
	contains(t, h.sh("journalctl --sync; journalctl -q --no-pager -u "+unit), "Watchdog timeout")
	// One that is never ready fails the apply, with the cause.
	contains(t, h.hostctl(6, "apply", "-auto-approve", "-var", "ready=RELOADING=0").all(), "container.web", "timeout")
}

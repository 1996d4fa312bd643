package integration

import (
	"strings"
	"testing"
)

// programs puts copies of the programs into a directory of the host, and returns hostctl's path there.
func (h *host) programs(dir string) string {
	h.t.Helper()
	h.sh("mkdir -p " + dir + "; cp /usr/local/bin/hostctl /usr/local/bin/hostctl-launch " + dir)
	return dir + "/hostctl"
}

// Programs that lie elsewhere now break nothing unseen: what runs runs on, and what could not be started again is a difference.
func TestProgramsMoved(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", `
		hostctl { name = "moved" }
		container "web" {
		  rootfs  = "`+busybox+`"
		  command = ["sleep", "1000000"]
		}
		container "night" {
		  rootfs  = "`+busybox+`"
		  command = ["true"]
		  job     = true
		  schedule { calendar = "daily" }
		}
		container "once" {
		  rootfs  = "`+busybox+`"
		  command = ["true"]
		  job     = true
		}
	`)
	one, two := h.programs("/opt/h1"), h.programs("/opt/h2")
	h.sh(one + " apply -auto-approve")
	pid := h.pid("web")
	for _, hostctl := range []string{one, two} {
		h.sh(hostctl + " plan -detailed-exitcode && " + hostctl + " drift")
	}
	h.sh("rm -r /opt/h1")
	equal(t, h.pid("web"), pid)
	for _, args := range [][]string{{"plan", "-detailed-exitcode"}, {"drift"}} {
		if r := h.run(append([]string{two}, args...)...); r.exit != 2 || strings.Count(r.stdout, `+ pending = "launcher"`) != 3 {
			t.Errorf("%v: %s", args, r.all())
		}
	}
	h.sh(two + " apply -auto-approve")
	h.sh(two + " plan -detailed-exitcode; " + two + " drift; systemctl restart hostctl-web; systemctl start hostctl-night; systemctl show -P Result hostctl-night | grep -q success")
	equal(t, h.sh("journalctl -q -o cat -u hostctl-once | grep -c 'Finished'"), "1") // what has run is not run again
	h.sh(two + " destroy -auto-approve")
}

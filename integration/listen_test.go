package integration

import (
	"strings"
	"testing"
)

const listening = `hostctl {
  name = "listening"
}

variable "start" {
  type    = string
  default = "1"
}

variable "init" {
  type    = bool
  default = true
}

network "front" {
  subnet = "10.77.0.0/24"
}

netns "front" {
  interface "eth0" {
    network   = network.front
    addresses = ["10.77.0.10/24"]
  }
}

container "web" {
  rootfs  = "/srv/probe"
  command = ["probe", "listen", var.start]
  init    = var.init

  stop_timeout = "1s"

  listen "b-web" {
    stream = "127.0.0.1:8080"
  }
  listen "a-names" {
    datagram = ":5353"
  }
  listen "c-local" {
    stream = "unix"
    mode   = "0666"
  }
}

container "inside" {
  rootfs  = "/srv/probe"
  command = ["probe", "listen", "1"]
  netns   = netns.front

  listen "web" {
    stream = ":8080"
  }
}
`

// Systemd listens for a container, also while it is started again: no connection is refused, and none is lost.
func TestListen(t *testing.T) {
	h := boot(t)
	h.probe()
	h.write("main.hcl", listening)
	h.apply()
	h.clean()
	ask := func(command, want string) {
		t.Helper()
		h.sh(`for i in $(seq 200); do [ "$(` + command + `)" = "` + want + `" ] && exit; sleep 0.02; done; ` + command + `; journalctl -q --no-pager -n 30; exit 1`)
	}
	ask("/srv/probe/bin/probe ask tcp 127.0.0.1:8080", "b-web of web, start 1")
	ask("/srv/probe/bin/probe ask udp 127.0.0.1:5353", "a-names of web, start 1")
	ask("/srv/probe/bin/probe ask unix /run/hostctl/listen/web.c-local", "c-local of web, start 1")
	ask("ip netns exec front /srv/probe/bin/probe ask tcp 10.77.0.10:8080", "web of inside, start 1")
	equal(t, h.property("hostctl-web.socket", "ActiveState"), "active")
	contains(t, h.hostctl(0, "audit").stdout, "sockets of the host's network")

	// Connections for as long as restarts go on, of which there are several.
	h.sh(`(while [ ! -e /tmp/enough ]; do /srv/probe/bin/probe ask tcp 127.0.0.1:8080; done) > /tmp/answers 2>&1 & echo $! > /tmp/asking`)
	for _, args := range [][]string{{"-var", "start=2"}, {"-var", "start=3"}} {
		h.hostctl(0, append([]string{"apply", "-auto-approve"}, args...)...)
	}
	h.sh("systemctl restart hostctl-web.service; systemctl kill -s KILL hostctl-web.service; sleep 2.5")
	ask("/srv/probe/bin/probe ask tcp 127.0.0.1:8080", "b-web of web, start 3")
	answers := h.sh(`touch /tmp/enough; while kill -0 $(cat /tmp/asking) 2> /dev/null; do sleep 0.05; done; sort /tmp/answers | uniq -c`)
	for line := range strings.Lines(answers) {
		if !strings.Contains(line, "b-web of web, start ") {
			t.Errorf("while it was started again: %s", line)
		}
	}
	contains(t, answers, "start 1", "start 2", "start 3")

	// Without the init the program is process 1.
	h.hostctl(0, "apply", "-auto-approve", "-var", "init=false")
	ask("/srv/probe/bin/probe ask tcp 127.0.0.1:8080", "b-web of web, start 1")

	// One that is stopped does not come back with the next connection, and nobody listens for it.
	h.hostctl(0, "stop", "web")
	h.sh("! /srv/probe/bin/probe ask tcp 127.0.0.1:8080; ! test -e /run/hostctl/listen/web.c-local")
	h.sh("! systemctl -q is-active hostctl-web.service hostctl-web.socket")
	h.hostctl(0, "start", "web")
	ask("/srv/probe/bin/probe ask tcp 127.0.0.1:8080", "b-web of web, start 1")

	// Without its socket it is not as it was declared, and made anew.
	h.sh("systemctl stop hostctl-web.socket")
	contains(t, h.hostctl(2, "plan", "-detailed-exitcode", "-var", "init=false").stdout, "container.web")
	h.hostctl(0, "apply", "-auto-approve", "-var", "init=false")
	ask("/srv/probe/bin/probe ask tcp 127.0.0.1:8080", "b-web of web, start 1")

	// An address that is taken.
	h.sh("systemd-run -q --unit=taken busybox httpd -f -p 127.0.0.1:9090; for i in $(seq 100); do busybox netstat -ltn | grep -q :9090 && exit; sleep 0.02; done; exit 1")
	h.write("main.hcl", strings.Replace(listening, "127.0.0.1:8080", "127.0.0.1:9090", 1))
	contains(t, h.hostctl(6, "apply", "-auto-approve").all(), "hostctl-web.socket", "127.0.0.1:9090", "Address already in use")
	h.sh("systemctl stop taken.service")
	h.apply()
	ask("/srv/probe/bin/probe ask tcp 127.0.0.1:9090", "b-web of web, start 1")
	h.clean()

	// Two of one network on one port are refused before anything is done.
	h.write("main.hcl", strings.Replace(listening, `datagram = ":5353"`, "datagram = \":5353\"\n  }\n  listen \"d\" {\n    stream = \"10.0.0.1:80\"", 1)+`
container "other" {
  rootfs  = "/srv/probe"
  command = ["probe", "listen", "1"]
  listen "x" {
    stream = ":80"
  }
}
`)
	contains(t, h.hostctl(1, "plan").all(), "listens there too", "give one of them another port")

	// Nothing is left of it.
	h.write("main.hcl", "hostctl {\n  name = \"listening\"\n}\n")
	h.apply()
	equal(t, h.sh("systemctl list-units --all --plain --no-legend 'hostctl-*' | grep -v hostctl-log || true; ls /run/hostctl/listen"), "")
}

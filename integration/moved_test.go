package integration

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// moving is one configuration under one of two sets of addresses.
func moving(names [5]string, blocks string) string {
	user, volume, network, netns, own := names[0], names[1], names[2], names[3], names[4]
	return fmt.Sprintf(`
hostctl { name = "moving" }
user "%[1]s" {
  uid = 2100
}
volume "%[2]s" {
  path  = "/srv/site"
  owner = user.%[1]s
}
network "%[3]s" {
  subnet = "10.78.0.0/24"
  ipv6   = "fd78::/64"
}
netns "%[4]s" {
  interface "eth0" {
    network   = network.%[3]s
    addresses = ["10.78.0.10/24", "fd78::10/64"]
  }
}
container "web" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
  run_as  = user.%[1]s
  netns   = netns.%[4]s
  mount "/site" {
    volume = volume.%[2]s
  }
}
container "%[5]s" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
}
`, user, volume, network, netns, own) + blocks
}

var (
	firstNames  = [5]string{"shop", "site", "lan", "front", "own"}
	secondNames = [5]string{"store", "pages", "wan", "back", "keep"}
)

func movedBlocks(from, to [5]string) string {
	var b strings.Builder
	for i, kind := range []string{"user", "volume", "network", "netns", "container"} {
		fmt.Fprintf(&b, "moved {\n  from = %[1]s.%[2]s\n  to   = %[1]s.%[3]s\n}\n", kind, from[i], to[i])
	}
	return b.String()
}

// ids are what stays the same when everything takes another address.
func (h *host) ids(names [5]string) string {
	h.t.Helper()
	return h.sh(fmt.Sprintf(`
		id -u %[1]s; id -g %[1]s
		stat -c '%%u %%g %%a' /srv/site
		stat -L -c %%i /run/netns/%[4]s
		cat /sys/class/net/$(ip -o link show type bridge | awk -F': ' '{print $2}')/ifindex
		awk '{print $2; exit}' /proc/$(systemctl show -P MainPID hostctl-%[5]s.service)/uid_map`, names[0], names[1], names[2], names[3], names[4]))
}

// marked says that each object carries its mark, and that nothing is called by the old names.
func (h *host) marked(names, old [5]string) {
	h.t.Helper()
	equal(h.t, h.sh("getent passwd "+names[0]+" | cut -d: -f5"), "hostctl/moving/user."+names[0])
	equal(h.t, h.sh("getfattr -h --only-values -n trusted.hostctl.owner /srv/site"), "moving/volume."+names[1])
	contains(h.t, h.sh("ip -d link show type bridge"), "alias hostctl:moving:network."+names[2])
	contains(h.t, h.sh("ip -n "+names[3]+" link show lo"), "alias hostctl:moving:netns."+names[3])
	contains(h.t, h.sh("cat /etc/subuid"), "moving/container."+names[4]+":")
	equal(h.t, h.sh(fmt.Sprintf("grep -e ^%[1]s: /etc/passwd /etc/group /etc/shadow /etc/gshadow || true; ls /run/netns | grep -x %[4]s || true; "+
		"ip -o link | grep -e 'network.%[3]s' -e 'netns.%[4]s' || true; systemctl list-units --all --plain --no-legend 'hostctl-%[5]s.service'; "+
		"grep 'container.%[5]s:' /etc/subuid || true", old[0], old[1], old[2], old[3], old[4])), "")
}

// TestMoved gives every resource another address. All go on; a container starts anew with the ids it had.
func TestMoved(t *testing.T) {
	h := boot(t)
	before := h.snap()
	h.write("main.hcl", moving(firstNames, ""))
	h.apply()
	ids, web := h.ids(firstNames), h.pid("web")
	h.write("main.hcl", moving(secondNames, movedBlocks(firstNames, secondNames)))
	r := h.hostctl(2, "plan", "-detailed-exitcode")
	contains(t, r.stdout, "user.store (until now user.shop) will be moved in place", "netns.back (until now netns.front) will be moved",
		"container.keep (until now container.own) will be moved: it ends, and starts", "container.web will be updated in place (live)",
		"5 to move", "Goes down: container.keep (1)")
	contains(t, h.apply().stdout, "5 moved")
	equal(t, h.ids(secondNames), ids)
	equal(t, h.pid("web"), web)
	h.marked(secondNames, firstNames)
	h.clean()
	if m := h.mutations("apply", "-auto-approve"); len(m) > 0 {
		t.Errorf("a second apply changes the host:\n%s", strings.Join(m, "\n"))
	}
	// The blocks are done: without them the plan is the same, also when the ledger was lost.
	h.write("main.hcl", moving(secondNames, ""))
	h.clean()
	equal(t, h.pid("web"), web)
	h.sh("busybox ping -c 1 -w 5 10.78.0.10 > /dev/null")
	h.sh("systemctl restart hostctl-web.service") // it finds the namespace by its new name
	h.clean()
	h.sh("rm " + ledger)
	h.apply()
	h.clean()
	h.hostctl(0, "destroy", "-auto-approve")
	h.sh("rm -r /srv/site")
	if after := h.snap(); after != before {
		t.Errorf("destroy leaves behind:\n%s", diff(before, after))
	}
}

// TestMovedKilled kills a move at its system calls that change the host: one further apply ends it, and
// nothing was lost on the way.
func TestMovedKilled(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", moving(firstNames, ""))
	h.apply("-settle=0s")
	ids, web := h.ids(firstNames), h.pid("web")
	names, other := firstNames, secondNames
	every := 4 // each fourth call
	if s := os.Getenv("HOSTCTL_TEST_KILL_EVERY"); s != "" {
		var err error
		if every, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	kills := 0
	for _, call := range []string{"rename,renameat,renameat2", "sendto,sendmsg", "write", "mount", "umount2", "fsetxattr,setxattr", "unlinkat,unlink"} {
		for n := 1; ; n += every {
			h.write("main.hcl", moving(other, movedBlocks(names, other)))
			r := h.run("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n),
				"hostctl", "apply", "-auto-approve", "-settle=0s")
			again := h.apply("-settle=0s")
			h.clean()
			h.marked(other, names)
			names, other = other, names
			if got := h.ids(names); got != ids {
				t.Fatalf("with %s killed at %d: got\n%s\nwant\n%s", call, n, got, ids)
			}
			if h.pid("web") != web {
				t.Fatalf("with %s killed at %d: web was started anew; then\n%s\nbefore\n%s", call, n, again.stdout, r.stdout)
			}
			if r.exit == 137 {
				kills++
			} else if r.exit != 0 {
				t.Errorf("with %s killed at %d: %s", call, n, r.all())
			}
			if r.exit == 0 || t.Failed() {
				break
			}
		}
	}
	t.Logf("%d runs were killed", kills)
	if kills < 8 {
		t.Errorf("only %d runs were killed", kills)
	}
}

// TestForgottenAndImported lets everything go, which goes on, and takes back what can be taken.
func TestForgottenAndImported(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", moving(firstNames, ""))
	h.apply()
	ids, web := h.ids(firstNames), h.pid("web")
	var removed strings.Builder
	for _, address := range []string{"user.shop", "volume.site", "network.lan", "netns.front", "container.web", "container.own"} {
		fmt.Fprintf(&removed, "removed {\n  from = %s\n}\n", address)
	}
	h.write("main.hcl", "hostctl { name = \"moving\" }\n"+removed.String())
	contains(t, h.hostctl(2, "plan", "-detailed-exitcode").stdout, "container.web will be forgotten", "6 to forget")
	contains(t, h.apply().stdout, "6 forgotten")
	h.clean()
	equal(t, h.ids(firstNames), ids)
	equal(t, h.pid("web"), web)
	h.sh("systemctl restart hostctl-web.service") // it is whole, as nobody's
	equal(t, h.sh("getent passwd shop | cut -d: -f5"), "")
	equal(t, h.sh("getfattr -h --only-values -n trusted.hostctl.owner /srv/site 2> /dev/null || true"), "")
	h.hostctl(0, "destroy", "-auto-approve")
	equal(t, h.ids(firstNames), ids)

	// Declared again it is a conflict, for it is nobody's; imported it is ours.
	h.write("main.hcl", moving(firstNames, ""))
	contains(t, h.hostctl(1, "plan").stderr, "hostctl did not make it", "a container that was let go has the name web", "is not this block's")
	// The containers and the bridge cannot be imported, and end by their own tools.
	h.sh("systemctl stop hostctl-keep-web.slice hostctl-web.service hostctl-keep-own.slice hostctl-own.service; rm /run/hostctl/containers/web /run/hostctl/containers/own; " +
		"ip link delete $(ip -o link show type bridge | awk -F': ' '{print $2}'); ip -n front link delete eth0; chmod 0700 /srv/site")
	h.write("main.hcl", moving(firstNames, `
import {
  to = user.shop
  id = "shop"
}
import {
  to = volume.site
  id = "/srv/site"
}
import {
  to = netns.front
  id = "front"
}
`))
	r := h.hostctl(2, "plan", "-detailed-exitcode")
	contains(t, r.stdout, `volume.site will be imported from "/srv/site" and updated in place (live)`, `= "0700" -> "0755"`, "3 to import")
	contains(t, h.apply().stdout, "3 imported")
	h.clean()
	equal(t, strings.Join(strings.Split(h.ids(firstNames), "\n")[:4], "\n"), strings.Join(strings.Split(ids, "\n")[:4], "\n"))
	h.write("main.hcl", moving(firstNames, ""))
	h.clean()
}

// TestDirected is what stands beside the configuration: -target, -replace, lifecycle, sensitive values.
func TestDirected(t *testing.T) {
	h := boot(t)
	text := moving(firstNames, `
variable "password" {
  type      = string
  sensitive = true
}
container "secretive" {
  rootfs      = "/srv/rootfs/busybox"
  command     = ["sleep", "1000000"]
  environment = { PASSWORD = var.password }
}
`)
	text = strings.Replace(text, "\nuser \"shop\" {\n", "\nuser \"shop\" {\n  lifecycle { prevent_destroy = true }\n", 1)
	h.write("main.hcl", text)
	secret := "-var=password=hunter2"
	r := h.hostctl(0, "plan", secret, "-target=container.web", "-out", "/tmp/partial.plan")
	contains(t, r.stdout, "This plan is partial", "Left out: 2 other", "container.web will be created", "user.shop will be created")
	h.hostctl(0, "apply", secret, "/tmp/partial.plan")
	equal(t, h.property("hostctl-own.service", "LoadState"), "not-found")
	h.hostctl(0, "plan", secret, "-out", "/tmp/rest.plan")
	if leak := h.sh("grep -c hunter2 /tmp/rest.plan || true"); leak != "0" {
		t.Error("the plan file holds the password")
	}
	contains(t, h.hostctl(1, "apply", "/tmp/rest.plan").stderr, "sensitive")
	contains(t, h.hostctl(4, "apply", "-var=password=other", "/tmp/rest.plan").stderr, "is not the one that was planned with")
	h.hostctl(0, "apply", secret, "/tmp/rest.plan")
	contains(t, h.sh("tr '\\0' '\\n' < /proc/"+h.payload("secretive")+"/environ"), "PASSWORD=hunter2")
	r = h.hostctl(0, "plan", "-var=password=other")
	contains(t, r.stdout, "(sensitive value) -> (sensitive value)")
	if strings.Contains(r.all(), "hunter2") {
		t.Error("the plan shows the password")
	}

	contains(t, h.hostctl(1, "destroy", "-auto-approve", secret).stderr, "user.shop will be destroyed", "its lifecycle forbids that", "main.hcl")
	own, web := h.pid("own"), h.pid("web")
	h.apply(secret, "-replace=container.own", "-parallelism=1")
	if h.pid("own") == own || h.pid("web") != web {
		t.Error("-replace made anew what it was not asked for, or not what it was")
	}
	contains(t, h.hostctl(1, "plan", secret, "-target=container.wbe").stderr, "names nothing", "container.web")
	h.hostctl(0, "destroy", "-auto-approve", secret, "-target=container.own")
	equal(t, h.property("hostctl-own.service", "LoadState"), "not-found")
	equal(t, h.pid("web"), web)
}

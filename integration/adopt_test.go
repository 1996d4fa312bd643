package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// called is a configuration of every kind under that name.
func called(name string) string {
	return strings.Replace(moving(firstNames, ""), `"moving"`, `"`+name+`"`, 1) + `
container "once" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["/bin/sh", "-c", "echo ran"]
  job     = true
}
container "nightly" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["/bin/true"]
  job     = true
  schedule {
    calendar = "*-*-* 03:00:00"
  }
}
container "door" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
  listen "web" {
    stream = "127.0.0.1:8080"
  }
}
container "idle" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
}
`
}

// flat is a text without its line breaks.
func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

// owned says that every object carries the mark of one configuration, and none of the other.
func (h *host) owned(name, former string) {
	h.t.Helper()
	equal(h.t, h.sh("getent passwd shop | cut -d: -f5"), "hostctl/"+name+"/user.shop")
	equal(h.t, h.sh("getfattr -h --only-values -n trusted.hostctl.owner /srv/site"), name+"/volume.site")
	contains(h.t, h.sh("ip -d link show type bridge"), "alias hostctl:"+name+":network.lan")
	contains(h.t, h.sh("ip -d link show type veth"), "alias hostctl:"+name+":netns.front:eth0")
	contains(h.t, h.sh("ip -n front link show lo"), "alias hostctl:"+name+":netns.front")
	for _, unit := range []string{"hostctl-web.service", "hostctl-own.service", "hostctl-idle.service", "hostctl-nightly.timer", "hostctl-door.socket"} {
		if d := h.property(unit, "Description"); !strings.HasSuffix(d, " of "+name) {
			h.t.Errorf("%s: %s", unit, d)
		}
	}
	equal(h.t, h.sh(fmt.Sprintf("grep -e ^%[1]s/ /etc/subuid /etc/subgid || true; grep -l '\"owner\":\"%[1]s\"' /run/hostctl/containers/* /var/lib/hostctl/jobs/* || true; "+
		"ip -d link | grep hostctl:%[1]s: || true; ls /var/lib/hostctl/generations | grep -x %[1]s || true", former)), "")
}

// A configuration is given another name: all that it has goes on under that, and nothing is made anew.
func TestAdopt(t *testing.T) {
	h := boot(t)
	before := h.snap()
	h.write("main.hcl", called("old"))
	h.apply()
	h.hostctl(0, "stop", "-why", "disk is full", "container.idle")
	h.hostctl(0, "hold", "-for", "1h", "-why", "looked at", "container.own")
	ids, runs := h.ids(firstNames), h.invocations()
	h.owned("old", "new")
	h.apply("-confirm=10m", "-replace=container.door")
	for _, args := range [][]string{{"adopt", "-name=new", "old", "-auto-approve"}, {"forget", "container.idle", "-auto-approve"}} {
		contains(t, h.hostctl(1, args...).stderr, "hostctl confirm -name old")
	}
	h.hostctl(0, "confirm")
	runs = h.invocations()

	// Without it there are conflicts, and each says what to do.
	h.write("main.hcl", called("new"))
	r := h.hostctl(1, "apply", "-auto-approve")
	contains(t, flat(r.stderr), `Configuration "old" was applied from this directory`, "hostctl adopt old", "2100 is given to user.shop")
	h.write("main.hcl", strings.Replace(called("new"), "uid = 2100", "", 1))
	for _, conflict := range []string{`container.own of configuration "old" has this name`, `it is user.shop of configuration "old"`, `"netns.front" of configuration "old"`,
		`overlaps what the host has`, `it is volume.site of configuration "old"`} {
		contains(t, flat(h.hostctl(1, "plan").stderr), conflict)
	}
	if hints := strings.Count(flat(h.hostctl(1, "plan").stderr), "hostctl adopt old"); hints < 12 {
		t.Errorf("%d conflicts say what to do", hints)
	}
	h.write("main.hcl", called("new"))
	equal(t, h.invocations(), runs)

	contains(t, h.hostctl(1, "adopt", "odl", "-auto-approve").stderr, `nothing of a configuration "odl", did you mean "old"?`)
	contains(t, h.hostctl(1, "adopt", "new", "-auto-approve").stderr, "has that name still")
	contains(t, h.hostctl(1, "adopt", "old").stderr, "nobody to ask")
	contains(t, flat(h.hostctl(1, "adopt", "old", "-auto-approve", "netns.front").stderr), "netns.front refers to network.lan, and network.lan would stay", "container.web refers to netns.front", "adopt container.web too")
	h.owned("old", "new")
	// The policy has to allow the new name what it takes.
	h.policy(strings.Replace(generous, `["/srv", "/opt/data", "/mnt"]`, `["/mnt"]`, 1))
	contains(t, flat(h.hostctl(3, "adopt", "old", "-auto-approve").stderr), "volume.site", "/srv/site")
	h.policy(generous)
	h.owned("old", "new")

	r = h.hostctl(0, "adopt", "old", "-auto-approve")
	contains(t, r.stdout, `hostctl will make what configuration "old" has on this host that of "new":`, "container.web will be adopted: it goes on as it is",
		"container.web: adopted", "Complete: 10 adopted")
	h.owned("new", "old")
	h.clean()
	equal(t, h.ids(firstNames), ids)
	equal(t, h.invocations(), runs)
	contains(t, h.hostctl(0, "status").all(), "stopped", "disk is full", "looked at")
	contains(t, h.hostctl(0, "generations").stdout, "adopt", "apply")
	contains(t, h.hostctl(0, "history", "container.web").stdout, "adopt")
	contains(t, h.ordinary("status").stdout, "web", "running")
	equal(t, h.sh("hostctl ls | grep -c -w old || true"), "0")
	if m := h.mutations("apply", "-auto-approve"); len(m) > 0 {
		t.Errorf("a second apply changes the host:\n%s", strings.Join(m, "\n"))
	}

	// It is the new name's as it was the old one's: also for systemd, after a reload, without the ledger, and when it is changed.
	h.hostctl(0, "release", "container.own")
	h.hostctl(0, "start", "container.idle")
	h.sh("systemctl daemon-reload")
	h.clean()
	h.sh("rm " + ledger)
	contains(t, h.apply().stdout, "1 added, 0 changed, 0 replaced, 0 destroyed") // a volume is found when it is wanted
	h.sh("systemctl restart hostctl-web.service; busybox ping -c 1 -w 5 10.78.0.10 > /dev/null; systemctl stop hostctl-door.service; systemctl start hostctl-door.service")
	h.clean()
	h.write("main.hcl", strings.ReplaceAll(called("new"), `"sleep", "1000000"`, `"sleep", "2000000"`))
	h.apply()
	h.clean()
	h.owned("new", "old")
	h.hostctl(0, "rollback", "-auto-approve")
	h.write("main.hcl", called("new"))
	h.clean()
	h.hostctl(0, "destroy", "-auto-approve")
	h.sh("rm -r /srv/site")
	if after := h.snap(); after != before {
		t.Errorf("destroy leaves behind:\n%s", diff(before, after))
	}
}

// Some resources alone go from one configuration to another.
func TestAdoptSome(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", called("old"))
	h.apply()
	runs := h.invocations()
	h.write("some/main.hcl", "hostctl { name = \"other\" }\n"+`container "own" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
}
`)
	contains(t, h.hostctl(0, "adopt", "-chdir=some", "old", "container.own", "-auto-approve").stdout, "Complete: 1 adopted")
	h.hostctl(0, "plan", "-chdir=some", "-detailed-exitcode")
	equal(t, h.property("hostctl-own.service", "Description"), "Container own of other")
	contains(t, flat(h.hostctl(1, "plan").stderr), `container.own of configuration "other" has this name`)
	equal(t, h.invocations(), runs)
	contains(t, h.hostctl(0, "adopt", "-name=old", "other", "-json", "-auto-approve").stdout, `"former": "other"`)
	h.clean()
	equal(t, h.invocations(), runs)
}

// The mark of an adopted unit that somebody takes back is told, and set again while the program runs; a drop-in that would take it
// back again is named.
func TestAdoptedMarkTakenBack(t *testing.T) {
	h := boot(t)
	config := func(name string) string {
		return "hostctl { name = \"" + name + "\" }\n" + `container "own" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
}
container "door" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
  listen "web" {
    stream = "127.0.0.1:8080"
  }
}
`
	}
	h.write("main.hcl", config("old"))
	h.apply()
	h.write("main.hcl", config("new"))
	h.hostctl(0, "adopt", "old", "-auto-approve")
	h.clean()
	runs := h.invocations()
	h.sh("systemctl revert hostctl-own.service hostctl-door.service hostctl-door.socket; systemctl daemon-reload")
	equal(t, h.property("hostctl-own.service", "Description"), "Container own of old")
	contains(t, flat(h.hostctl(2, "plan", "-detailed-exitcode").stdout), "container.own", "container.door", "hostctl-own.service says that it is configuration old's")
	contains(t, h.apply().stdout, "0 added, 2 changed, 0 replaced, 0 destroyed")
	for _, unit := range []string{"hostctl-own.service", "hostctl-door.service", "hostctl-door.socket"} {
		if d := h.property(unit, "Description"); !strings.HasSuffix(d, " of new") {
			t.Errorf("%s: %s", unit, d)
		}
	}
	h.clean()
	h.sh("systemctl daemon-reload")
	h.clean()
	equal(t, h.invocations(), runs)

	const dropIn = "/etc/systemd/system/hostctl-own.service.d/title.conf"
	h.sh("mkdir " + filepath.Dir(dropIn) + "; printf '[Unit]\\nDescription=Mine\\n' > " + dropIn + "; systemctl daemon-reload")
	contains(t, flat(h.hostctl(1, "plan").stderr), "container \"own\"", dropIn)
	contains(t, flat(h.hostctl(2, "drift").stdout), "container.own", "says that it is configuration old's")
	h.sh("rm -r " + filepath.Dir(dropIn) + "; systemctl daemon-reload")
	h.apply()
	h.clean()
	equal(t, h.invocations(), runs)
}

// Killed at its system calls that change the host, an adoption is ended by the same command, or by a replay; no program notices.
func TestAdoptKilled(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", called("old"))
	h.apply("-settle=0s")
	ids, runs := h.ids(firstNames), h.invocations()
	name, other := "new", "old"
	kills, begun := 0, 0
	for _, call := range []string{"rename,renameat,renameat2", "sendto,sendmsg", "fsetxattr,setxattr", "pwrite64"} {
		for n := 1; ; n += 2 {
			h.write("main.hcl", called(name))
			r := h.run("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n),
				"hostctl", "adopt", other, "-auto-approve")
			if r.exit == 137 {
				kills++
				// Nobody changes what is half handed over.
				if h.sh("grep -c '\"adopting\":{' "+ledger+" || true") != "0" {
					for _, args := range [][]string{{"apply", "-auto-approve"}, {"plan"}, {"stop", "container.web"}} {
						contains(t, h.hostctl(1, args...).stderr, "hostctl adopt -name "+name+" "+other)
					}
					if begun++; begun%2 == 0 { // as at boot, where the command need not be given again
						contains(t, h.hostctl(0, "replay").stdout, "was taking over what")
						equal(t, h.sh("grep -c '\"adopting\":{' "+ledger+" || true"), "0")
					}
				}
				equal(t, h.invocations(), runs)
				if again := h.run("hostctl", "adopt", other, "-auto-approve"); again.exit != 0 && !strings.Contains(again.stderr, "nothing of a configuration") {
					t.Fatalf("with %s killed at %d: %s", call, n, again.all())
				}
			} else if r.exit != 0 {
				t.Fatalf("with %s killed at %d: %s", call, n, r.all())
			}
			h.clean()
			h.owned(name, other)
			equal(t, h.ids(firstNames), ids)
			equal(t, h.invocations(), runs)
			name, other = other, name
			if r.exit == 0 || t.Failed() {
				break
			}
		}
	}
	t.Logf("%d runs were killed", kills)
	if kills < 8 || begun == 0 {
		t.Errorf("only %d runs were killed, %d after they had begun", kills, begun)
	}
}

// Forgotten, resources go on as nobody's; who declares them still is told what can be done.
func TestForget(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", moving(firstNames, ""))
	h.apply()
	ids, runs := h.ids(firstNames), h.invocations()
	contains(t, h.hostctl(1, "forget", "netns.front").stderr, "container.web refers to netns.front, which would be nobody's", "let container.web go too")
	contains(t, h.hostctl(1, "forget", "container.web").stderr, "nobody to ask")
	contains(t, h.hostctl(1, "forget", "container.wbe").stderr, `did you mean "container.web"?`)
	h.clean()
	r := h.hostctl(0, "forget", "-auto-approve", "-name=moving", "container.web", "container.own", "netns.front", "volume.site", "user.shop")
	contains(t, r.stdout, "container.web will be forgotten: it goes on, and is nobody's from then on", "volume.site: let go", "Complete:", "5 forgotten")
	equal(t, h.ids(firstNames), ids)
	equal(t, h.invocations(), runs)
	equal(t, h.sh("getfattr -h --only-values -n trusted.hostctl.owner /srv/site 2> /dev/null || true; getent passwd shop | cut -d: -f5"), "")
	contains(t, flat(h.hostctl(1, "plan").stderr), "a container that was let go has the name web", "hand the account over", `import it (import { to = netns.front, id = "front" })`, "hand the directory over")
	contains(t, h.hostctl(0, "generations", "-name=moving").stdout, "forget", "5 forgotten")
	contains(t, h.hostctl(0, "forget", "-json", "-auto-approve", "network.lan").stdout, `"forget": 1`)
	equal(t, h.sh("hostctl ls | grep -c moving || true"), "0")
	equal(t, h.ids(firstNames), ids)
	equal(t, h.invocations(), runs)
}

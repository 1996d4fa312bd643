package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// faulty is a host on which testdata/faults.hcl was applied, in the state "a".
func faulty(t *testing.T) *host {
	t.Helper()
	h := boot(t)
	h.write("main.hcl", fixture(t, "faults.hcl"))
	h.apply("-var=to=a")
	return h
}

// still says which run of the container that nothing touches is going on.
func (h *host) still() string {
	h.t.Helper()
	return h.sh("systemctl show -p InvocationID,MainPID,NRestarts hostctl-still.service")
}

// TestSystemdStorm has systemd read its units again, or re-execute itself, every 50 ms during applies, and so rarely that an apply is met
// once. Each does all, or says what it did not and is finished by one more; nothing is started twice, and what the change does not touch
// runs on.
func TestSystemdStorm(t *testing.T) {
	for _, storm := range []struct{ verb, pause string }{{"daemon-reload", "0.05"}, {"daemon-reexec", "0.05"}, {"daemon-reexec", "0.2"}} {
		t.Run(storm.verb+" "+storm.pause, func(t *testing.T) {
			h := faulty(t)
			still, done := h.still(), 0
			for i := range 8 {
				to := "-var=to=" + string("ba"[i%2])
				h.sh(`
					touch /run/storm
					(while [ -e /run/storm ]; do systemctl ` + storm.verb + `; sleep ` + storm.pause + `; done; touch /run/calm) < /dev/null > /dev/null 2>&1 &
					journalctl --sync; journalctl -q --cursor-file=/run/cursor > /dev/null`)
				r := h.run("timeout", "-s", "KILL", "120", "hostctl", "apply", "-auto-approve", "-settle=0s", to)
				h.sh("rm /run/storm; until [ -e /run/calm ]; do sleep 0.01; done; rm /run/calm")
				if r.exit == 0 {
					done++
					equal(t, h.sh("journalctl --sync; journalctl -q -o cat --cursor-file=/run/cursor -u hostctl-web.service | grep -c ^Started"), "1")
					h.clean(to)
				} else if t.Log(r.stderr); r.exit != 1 && r.exit != 6 || !strings.Contains(r.stderr, "systemd") {
					t.Errorf("not said why: %s", r.all())
				}
				if r.exit == 6 {
					h.hostctl(0, "drift")
				}
				h.await("! systemctl list-jobs --no-legend | grep -q .")
				h.apply("-settle=0s", to)
				h.clean(to)
				equal(t, h.still(), still)
			}
			t.Logf("%d of 8 applies did all", done)
			// What is restarted after that is as it was.
			pid := h.pid("client")
			h.sh("kill -KILL " + pid)
			h.await("[ $(systemctl show -P MainPID hostctl-client.service) != " + pid + " ] && systemctl -q is-active hostctl-client.service")
			h.clean("-var=to=a")
		})
	}
}

// TestTwentyApplies runs 20 applies of one configuration at once, with those of another, its destruction, and plans, which wait for nobody.
// One at a time writes; who does not wait for the lock says so, and what was done last is what is there.
func TestTwentyApplies(t *testing.T) {
	h := faulty(t)
	still := h.still()
	h.write("other/main.hcl", `
hostctl { name = "other" }
volume "other" {
  path = "/srv/other"
}
container "other" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
}
`)
	h.sh(`
		mkdir /run/at-once
		go() { # NAME COMMAND...: leaves the output and the exit status
			local name=$1
			shift
			(set +e; timeout -s KILL 300 hostctl "$@" > /run/at-once/$name 2>&1 < /dev/null; echo "exit $?" >> /run/at-once/$name) &
		}
		for i in $(seq 10); do
			[ $((i % 2)) = 0 ] && to=a || to=b
			go waits-$i apply -auto-approve -settle=0s -var=to=$to -lock-timeout=250s
			go not-$i apply -auto-approve -settle=0s -var=to=$to
			go plan-$i plan -detailed-exitcode -var=to=$to
			go other-$i apply -auto-approve -settle=0s -chdir=other -lock-timeout=250s
			go gone-$i destroy -auto-approve -settle=0s -chdir=other -lock-timeout=250s
		done
		wait`)
	changed := map[string]int{}
	for _, name := range strings.Fields(h.sh("ls /run/at-once")) {
		out := h.sh("cat /run/at-once/" + name)
		i := strings.LastIndex(out, "exit ")
		kind, _, _ := strings.Cut(name, "-")
		exit := out[i+len("exit "):]
		switch {
		case kind == "plan" && (exit == "0" || exit == "2"):
		case kind == "not" && exit == "5" && strings.Contains(out, "another hostctl holds the lock"):
		case kind != "plan" && exit == "0":
			if !strings.Contains(out, "No changes") {
				changed[kind]++
			}
		default:
			t.Errorf("%s: %s", name, out)
		}
	}
	t.Logf("changed something: %v", changed)

	// One generation for each that changed something, and no two at one time.
	type run struct{ begun, ended time.Time }
	var runs []run
	last := 0
	for _, owner := range []string{"faults", "other"} {
		for _, n := range slices.Sorted(maps.Keys(h.generationFiles(owner))) {
			lines := strings.Split(strings.TrimSpace(h.generationFiles(owner)[n]), "\n")
			var head struct{ Begun time.Time }
			var ending struct {
				Ended   time.Time
				Outcome string
			}
			if len(lines) != 3 {
				t.Fatalf("generation %d of %s has not ended", n, owner)
			}
			decode(t, lines[0], &head)
			decode(t, lines[2], &ending)
			equal(t, ending.Outcome, "applied")
			runs = append(runs, run{head.Begun, ending.Ended})
			if owner == "faults" {
				last = n
			}
		}
	}
	equal(t, fmt.Sprint(len(runs)), fmt.Sprint(1+changed["waits"]+changed["not"]+changed["other"]+changed["gone"]))
	slices.SortFunc(runs, func(a, b run) int { return a.begun.Compare(b.begun) })
	for i := range runs[1:] {
		if runs[i+1].begun.Before(runs[i].ended) {
			t.Errorf("two changed the host at once: %v and %v", runs[i], runs[i+1])
		}
	}
	// The last one wins.
	to := "a"
	if strings.Contains(h.sh(`tr '\0' '\n' < /proc/`+h.payload("web")+"/environ"), "TO=b") {
		to = "b"
	}
	h.clean("-var=to=" + to)
	var body struct {
		Want map[string]json.RawMessage
	}
	decode(t, strings.Split(h.generationFiles("faults")[last], "\n")[1], &body)
	contains(t, string(body.Want["container.web"]), `"TO":"`+to+`"`)
	equal(t, h.still(), still)
	h.apply("-chdir=other")
	h.clean("-chdir=other")
}

// generationFiles are the texts of a configuration's generations.
func (h *host) generationFiles(owner string) map[int]string {
	h.t.Helper()
	files := map[int]string{}
	dir := "/var/lib/hostctl/generations/" + owner + "/"
	for _, name := range strings.Fields(h.sh("ls " + dir)) {
		n, err := strconv.Atoi(strings.TrimSuffix(name, ".json"))
		if err != nil {
			h.t.Fatal(err)
		}
		files[n] = h.sh("cat " + dir + name)
	}
	return files
}

// TestFullHost: where there is no room an apply says so, what ran before runs on, and there is nothing in the way once there is room.
func TestFullHost(t *testing.T) {
	for dir, site := range map[string]string{
		"/var/lib/hostctl": "750", // where nothing can be remembered nothing is done
		"/run/hostctl":     "700", // what needs no room there is
	} {
		t.Run(dir, func(t *testing.T) {
			h := boot(t)
			h.write("main.hcl", fixture(t, "faults.hcl"))
			h.sh("mkdir -p " + dir + "; cp -a " + dir + " /root/was; mount -t tmpfs -o size=256k,mode=0755 small " + dir + "; cp -a /root/was/. " + dir)
			h.apply("-var=to=a")
			ids := h.invocations()
			h.sh("cat /dev/zero > " + dir + "/filler 2> /dev/null || true")
			for range 2 {
				r := h.run("timeout", "120", "hostctl", "apply", "-auto-approve", "-var=to=b")
				if r.exit != 1 && r.exit != 6 {
					t.Errorf("on a full host: %s", r.all())
				}
				contains(t, r.stderr, dir, "no space left on device")
				equal(t, h.sh("stat -c %a /srv/faults/site"), site)
				equal(t, h.invocations(), ids)
				h.hostctl(2, "plan", "-detailed-exitcode", "-var=to=b")
			}
			h.sh("rm " + dir + "/filler")
			h.apply("-var=to=b")
			h.clean("-var=to=b")
			h.hostctl(0, "destroy", "-auto-approve", "-var=to=b")
		})
	}
}

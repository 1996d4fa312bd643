package integration

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// A second apply does nothing, whatever the containers are: with sockets, health, jobs, a schedule, a persistent root, and none.
func TestSecondApplyOfAllSorts(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", `
		hostctl { name = "sorts" }
		container "listens" {
		  rootfs  = "`+busybox+`"
		  command = ["sleep", "1000000"]
		  listen "web" { stream = "127.0.0.1:8123" }
		}
		container "healthy" {
		  rootfs  = "`+busybox+`"
		  command = ["sleep", "1000000"]
		  health { exec = ["true"] }
		  post_start { exec = ["true"] }
		}
		container "once" {
		  rootfs  = "`+busybox+`"
		  command = ["true"]
		  job     = true
		}
		container "daily" {
		  rootfs  = "`+busybox+`"
		  command = ["true"]
		  job     = true
		  schedule { calendar = "daily" }
		}
		container "keeps" {
		  rootfs  = "`+busybox+`"
		  command = ["sleep", "1000000"]
		  root    = "persistent"
		}
		container "off" {
		  rootfs  = "`+busybox+`"
		  command = ["sleep", "1000000"]
		  enabled = false
		}
	`)
	h.apply()
	for _, args := range [][]string{{"apply", "-auto-approve"}, {"plan"}, {"drift"}, {"status"}} {
		if m := h.mutations(args...); len(m) > 0 {
			t.Errorf("%v: %s", args, strings.Join(m, "\n"))
		}
	}
}

// install puts a text in the place of a file of root's.
func (h *host) install(path, text string) {
	h.t.Helper()
	h.write("installed", text)
	h.sh("install -o 0 -g 0 -m 0600 " + work + "/installed " + path)
}

// ledger puts a ledger's body in the place of the ledger, with its checksum.
func (h *host) ledger(body string) {
	h.t.Helper()
	h.install("/var/lib/hostctl/ledger.json", fmt.Sprintf("%x\n%s", sha256.Sum256([]byte(body)), body))
}

// spec puts a text in the place of a container's spec, and returns the sum that names it.
func (h *host) spec(container, text string) string {
	h.t.Helper()
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
	h.sh("rm $(readlink -f /run/hostctl/containers/" + container + "); ln -sfn ../specs/" + sum + ".json /run/hostctl/containers/" + container)
	h.install("/run/hostctl/specs/"+sum+".json", text)
	return sum
}

// TestUpgrade has this hostctl find what an older one left: each directory testdata/release-N holds a configuration, and the ledger, the
// specs, the record and the generation of it as that release wrote them, but for what is a run's own. They are never written anew;
// with a layout that is another a directory is added.
func TestUpgrade(t *testing.T) {
	const dir = "release-1/"
	h := boot(t)
	h.write("main.hcl", fixture(t, dir+"main.hcl"))
	h.apply()
	ids, old := h.invocations(), h.sh("cat /run/hostctl/running/*")
	match := func(pattern, in string) string {
		t.Helper()
		found := regexp.MustCompile(pattern).FindStringSubmatch(in)
		if found == nil {
			t.Fatalf("no %s in %s", pattern, in)
		}
		return found[1]
	}
	sum := h.spec("web", fixture(t, dir+"spec-web.json"))
	h.spec("daily", fixture(t, dir+"spec-daily.json"))
	h.install("$(ls -d /run/hostctl/running/*)", strings.NewReplacer("SPEC", sum, "PID", match(`"pid":(\d+)`, old),
		"START_TIME", match(`"start_time":(\d+)`, old), "FACTS", match(`"facts":(\{.*\})\}`, old)).Replace(fixture(t, dir+"record-web.json")))
	h.ledger(strings.Replace(fixture(t, dir+"ledger.json"), "HOST_ID", match(`"host_id":"(\w+)"`, h.sh("cat /var/lib/hostctl/ledger.json")), 1))
	h.install("/var/lib/hostctl/generations/release/1.json", fixture(t, dir+"generation.json"))

	// It is as it was left, and stays so.
	h.hostctl(0, "drift")
	h.clean()
	h.apply()
	equal(t, h.invocations(), ids)
	contains(t, h.hostctl(0, "status").stdout, "running, pid ")
	contains(t, h.hostctl(0, "show", "container.web").stdout, "web.example")
	contains(t, h.hostctl(0, "show", "-generation=1", "container.web").stdout, "hello")
	equal(t, h.outcomes("-name=release"), "applied")
	h.sh("hostctl exec web true")

	// It is started again, changed, brought back and taken away as what this one made.
	h.sh("systemctl restart hostctl-web.service")
	h.clean()
	greeting := func() string {
		return h.sh("tr '\\0' '\\n' < /proc/" + h.payload("web") + "/environ | sed -n s/^GREETING=//p")
	}
	equal(t, greeting(), "hello")
	h.apply("-var=greeting=bye")
	equal(t, greeting(), "bye")
	h.hostctl(0, "rollback", "-auto-approve", "1")
	equal(t, greeting(), "hello")
	h.clean()
	h.powerOff()
	h.hostctl(0, "replay")
	equal(t, greeting(), "hello")
	h.clean()
	h.hostctl(0, "destroy", "-auto-approve")
	equal(t, h.invocations(), "")
}

// TestDowngrade: what a newer release wrote in a layout that this one does not know stops it, with a word of what to do, and nothing is
// touched by it.
func TestDowngrade(t *testing.T) {
	h := boot(t)
	const text = `
		hostctl { name = "ahead" }
		container "web" {
		  rootfs  = "` + busybox + `"
		  command = ["sleep", "1000000"]
		}
	`
	h.write("main.hcl", text)
	h.apply()
	ids := h.invocations()
	files := func() string {
		return h.sh("find /run/hostctl /var/lib/hostctl -not -type d -not -name lock -not -path '*/try' -printf '%p %i %l\\n' | sort; sha256sum /var/lib/hostctl/ledger.json")
	}
	// refused insists that each command fails with these words and leaves all as it is.
	refused := func(commands [][]string, words ...string) {
		t.Helper()
		before := files()
		for _, args := range commands {
			r := h.run(append([]string{"hostctl"}, args...)...)
			if r.exit == 0 {
				t.Errorf("%v: %s", args, r.all())
			}
			contains(t, flat(r.all()), words...)
			equal(t, h.invocations(), ids)
			if after := files(); after != before {
				t.Errorf("%v:\n%s", args, diff(before, after))
			}
		}
	}

	body := h.sh("tail -n +2 /var/lib/hostctl/ledger.json")
	h.ledger(strings.Replace(body, `"version":1`, `"version":99,"later":{}`, 1))
	refused([][]string{{"plan"}, {"apply", "-auto-approve"}, {"drift"}, {"stop", "container.web"}, {"restart", "container.web"}, {"rollback", "-auto-approve"},
		{"replay"}, {"destroy", "-auto-approve"}}, "format 99", "use the release that wrote it")
	h.ledger(body)
	h.clean()

	record := h.sh("echo /run/hostctl/running/*")
	was, spec := h.sh("cat "+record), h.sh("cat /run/hostctl/containers/web")+"\n"
	newer := h.spec("web", strings.Replace(spec, `"version":1`, `"version":99,"later":{}`, 1))
	h.install(record, regexp.MustCompile(`"spec":"\w+"`).ReplaceAllString(was, `"spec":"`+newer+`"`)+"\n")
	h.write("main.hcl", strings.Replace(text, "1000000", "2000000", 1))
	refused([][]string{{"plan"}, {"apply", "-auto-approve"}}, "container.web", "was started by a newer hostctl", "spec version 99", "hostctl apply -replace container.web")
	h.hostctl(2, "drift")
	h.write("main.hcl", text)
	h.apply("-replace", "container.web")
	h.clean()
	ids = h.invocations()

	generation := "/var/lib/hostctl/generations/ahead/1.json"
	h.sh(`sed -i '1s/"format_version":1/"format_version":99/' ` + generation)
	refused([][]string{{"rollback", "-auto-approve", "1"}, {"show", "-generation=1"}, {"generations", "diff", "1", "2"}}, generation, "format 99", "use the release that wrote it")
	h.clean()
	h.hostctl(0, "destroy", "-auto-approve")
}

// With an older copy of the ledger the host converges, and what has numbers keeps them: they stand on the host as well.
func TestOlderLedger(t *testing.T) {
	h := boot(t)
	const one = `
		hostctl { name = "back" }
		user "first" {}
		container "web" {
		  rootfs  = "` + busybox + `"
		  command = ["sleep", "1000000"]
		}
	`
	const two = one + `
		user "second" {}
		container "db" {
		  rootfs  = "` + busybox + `"
		  command = ["sleep", "1000000"]
		  run_as  = user.second
		}
	`
	h.write("main.hcl", one)
	h.apply()
	h.sh("cp -a /var/lib/hostctl/ledger.json /root/older.json")
	h.write("main.hcl", two)
	h.apply()
	ids := func() string { return h.sh("id -u first; id -u second; sort /etc/subuid") }
	before, pid := ids(), h.pid("db")
	h.hostctl(0, "stop", "container.web")
	h.sh("cp -a /root/older.json /var/lib/hostctl/ledger.json")
	h.apply()
	h.clean()
	equal(t, ids(), before)
	equal(t, h.pid("db"), pid)
	h.pid("web") // that it was stopped, the older ledger does not say
	h.hostctl(0, "drift")
}

// What a newer release remembers of one configuration stops that one alone, also at boot.
func TestLedgerOfNewerRelease(t *testing.T) {
	h := boot(t)
	for _, name := range []string{"one", "two"} {
		h.write(name+"/main.hcl", `
			hostctl { name = "`+name+`" }
			container "`+name+`" {
			  rootfs  = "`+busybox+`"
			  command = ["sleep", "1000000"]
			}
		`)
		h.apply("-chdir", name)
	}
	h.sh(`
		cd /var/lib/hostctl; tail -n +2 ledger.json > /root/body
		sed -i 's/"container.two":{/"container.two":{"later":1,/' /root/body
		{ sha256sum /root/body | cut -d' ' -f1; cat /root/body; } > /root/ledger; cat /root/ledger > ledger.json
	`)
	const says = `configuration "two": container.two: json: unknown field "later"; another release of hostctl wrote that`
	contains(t, flat(h.hostctl(1, "plan", "-chdir", "two").stderr), says)
	contains(t, flat(h.hostctl(1, "drift").stderr), says)
	contains(t, flat(h.hostctl(0, "ls").all()), says, "one")
	contains(t, flat(h.hostctl(1, "stop", "container.two").stderr), says)
	h.clean("-chdir", "one")
	h.hostctl(0, "stop", "container.one")
	h.hostctl(0, "start", "container.one")
	h.powerOff()
	contains(t, flat(h.hostctl(1, "replay").all()), says, `"one": 1 resource put back`)
	h.pid("one")
	h.sh(`grep -q '"container.two":{"later":1' /var/lib/hostctl/ledger.json`)
}

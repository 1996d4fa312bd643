package integration

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hostctl/resource"
	"hostctl/resource/all"
)

// injected is a text that ends a line of a unit file, and begins a command of root's.
const injected = "x\n[Service]\nExecStopPost=/bin/touch /tmp/pwned\nExecStartPre=/bin/touch /tmp/pwned\n"

// strung is a place of a configuration where a text stands: the kind, the blocks above it with their labels, and the attribute.
type strung struct {
	kind string
	path []string
	attr resource.Attr
	key  bool // the text is a map's key, or a block's label
}

// stringsOf are all places of a schema where a text can stand.
func stringsOf(kind string, s *resource.Schema, path []string) (out []strung) {
	for _, a := range s.Attrs {
		if a.Internal {
			continue
		}
		at := append(append([]string{}, path...), a.Name)
		switch a.Form {
		case resource.Block:
			out = append(out, stringsOf(kind, a.Nested, at)...)
		case resource.Labelled:
			out = append(out, strung{kind, at, a, true})
			out = append(out, stringsOf(kind, a.Nested, append(at, "/x"))...)
		case resource.Map:
			out = append(out, strung{kind, at, a, true}, strung{kind, at, a, false})
		default:
			if a.Form == resource.List || a.Type.Kind() == reflect.String {
				out = append(out, strung{kind, at, a, false})
			}
		}
	}
	return out
}

// document is a configuration in the JSON form with the text in that place.
func (p strung) document(text string) string {
	base := map[string]map[string]any{
		"container": {"rootfs": "/srv/rootfs/busybox", "command": []string{"/bin/sleep", "1000000"}},
		"volume":    {"path": "/srv/v"}, "user": {}, "netns": {}, "network": {"subnet": "10.99.0.0/24"},
	}[p.kind]
	at := base
	for i, name := range p.path[:len(p.path)-1] {
		next, _ := at[name].(map[string]any)
		if next == nil {
			next = map[string]any{}
			at[name] = next
		}
		_ = i
		at = next
	}
	last := p.path[len(p.path)-1]
	switch {
	case p.attr.Form == resource.Labelled:
		at[last] = map[string]any{text: map[string]any{}}
	case p.attr.Form == resource.Map && p.key:
		at[last] = map[string]any{text: "x"}
	case p.attr.Form == resource.Map:
		at[last] = map[string]any{"X": text}
	case p.attr.Form == resource.List:
		at[last] = []string{"/bin/echo", text}
	default:
		at[last] = text
	}
	doc, err := json.Marshal(map[string]any{"hostctl": map[string]any{"name": "injected"}, p.kind: map[string]any{"x": base}})
	if err != nil {
		panic(err)
	}
	return string(doc)
}

// No text of a configuration, in whatever place, becomes a line of a unit, also after systemd has read its files again.
func TestInjection(t *testing.T) {
	h := boot(t)
	applied, places := 0, 0
	for _, kind := range all.Kinds() {
		for _, p := range stringsOf(kind.Name, resource.SchemaOf(kind.New()), nil) {
			places++
			h.write("main.hcl.json", p.document(injected))
			r := h.run("hostctl", "apply", "-auto-approve")
			if r.exit != 0 && !strings.Contains(r.stderr, "Error: ") {
				t.Errorf("%s %v: %s", p.kind, p.path, r.all())
			}
			if r.exit != 0 {
				continue
			}
			applied++
			h.sh("systemctl daemon-reload; systemctl stop 'hostctl-x.service' || true")
			equal(t, h.sh("grep -rl pwned /run/systemd/transient /run/systemd/system || true"), "")
		}
	}
	h.sh("! test -e /tmp/pwned")
	t.Logf("%d places, %d of them take such a text", places, applied)
	if places < 50 || applied < 3 {
		t.Errorf("%d places, %d applied", places, applied)
	}
	h.write("main.hcl.json", `{"hostctl": {"name": "injected"}}`)
	h.apply()
	// The other way in: names that are no names.
	for _, name := range []string{"../x", "a/b", "-", "x@y", "web.service", "Web", "wéb", strings.Repeat("n", 300), "x\ny", "", "a--b", "%n"} {
		doc, _ := json.Marshal(map[string]any{"hostctl": map[string]any{"name": "injected"}, "container": map[string]any{
			name: map[string]any{"rootfs": "/srv/rootfs/busybox", "command": []string{"/bin/true"}}}})
		h.write("main.hcl.json", string(doc))
		if r := h.run("hostctl", "plan"); r.exit != 1 || !strings.Contains(r.stderr, "Error: ") {
			t.Errorf("a container %q: %s", name, r.all())
		}
	}
}

const exact = `hostctl {
  name = "exact"
}

variable "password" {
  type      = string
  sensitive = true
  default   = "S3CR3T-canary"
}

container "args" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["/bin/sh", "-c", "while :; do sleep 1000 & wait $!; done", "%n", "$HOME", "$${PATH}", "$$", ";", "\"", "\\n", "a b", "", "%%", "\\x41", "|", "é\t\n"]
  restart = "always"
  environment = {
    SECRET = var.password
    ODD    = "%n $HOME \" \\ \n x"
  }
}

container "loud" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["/bin/sh", "-c", "printf '<0>panic\\n\\033]0;x\\a evil\\rgood\\n\\342\\200\\256bidi\\n'; head -c 1000000 /dev/zero | tr '\\0' A; echo; sleep 1000000"]
}

container "flood" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["/bin/sh", "-c", "yes '0123456789012345678901234567890123456789' & sleep 1000000"]
}
`

// What reaches systemd, the journal and other users of the host.
func TestThreats(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", exact)
	before := h.sh("find / -xdev -perm /6000 2> /dev/null | sort")
	untouched := h.snap()
	h.apply()

	t.Run("arguments", func(t *testing.T) {
		h := h.in(t)
		check := func() {
			t.Helper()
			cmdline, err := hex.DecodeString(h.sh("od -An -tx1 -v /proc/" + h.payload("args") + "/cmdline | tr -d ' \\n'"))
			want := []string{"%n", "$HOME", "${PATH}", "$$", ";", `"`, `\n`, "a b", "", "%%", `\x41`, "|", "é\t\n", ""}
			if got := strings.Split(string(cmdline), "\x00"); err != nil || len(got) != 3+len(want) || !slices.Equal(got[3:], want) {
				t.Errorf("%q, want %q", got, want)
			}
			contains(t, h.sh("tr '\\0' '\\n' < /proc/"+h.payload("args")+"/environ"), "ODD=%n $HOME \" \\ \n x\n")
		}
		check()
		h.sh("systemctl daemon-reload && systemctl restart hostctl-args.service")
		check()
		h.sh("systemctl daemon-reexec && systemctl restart hostctl-args.service")
		check()
		h.clean()
	})

	t.Run("secrets", func(t *testing.T) {
		h := h.in(t)
		h.hostctl(0, "plan", "-out=/tmp/saved.plan", "-var", "password=S3CR3T-other")
		for _, where := range []string{
			"grep -rl S3CR3T /run/systemd /etc /var/log 2> /dev/null",
			"systemctl show --all hostctl-args.service | grep S3CR3T",
			"ps -ef | grep '[S]3CR3T'",
			"journalctl -q --no-pager -o verbose --grep S3CR3T",
			"hostctl plan -json -var password=S3CR3T-other | grep S3CR3T",
			"hostctl plan -var password=S3CR3T-other 2>&1 | grep S3CR3T",
			"grep S3CR3T /tmp/saved.plan",
			"hostctl status 2>&1 | grep S3CR3T",
			"hostctl show container.args 2>&1 | grep S3CR3T",
			"setpriv --reuid=nobody --regid=nogroup --clear-groups sh -c 'grep -rl [S]3CR3T /run /var/lib /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2> /dev/null'",
			"busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1/unit/hostctl_2dargs_2eservice org.freedesktop.DBus.Properties GetAll s '' | grep S3CR3T",
		} {
			if out := h.sh(where + " || true"); out != "" {
				t.Errorf("%s: %s", where, out)
			}
		}
		h.sh("tr '\\0' '\\n' < /proc/" + h.payload("args") + "/environ | grep -q S3CR3T-canary") // where it belongs
	})

	t.Run("log", func(t *testing.T) {
		h := h.in(t)
		h.await("journalctl -q --no-pager -o cat -u hostctl-loud.service | grep -q AAAA")
		equal(t, h.sh(`journalctl -q --no-pager -o json -u hostctl-loud.service _TRANSPORT=stdout | grep -c '"PRIORITY":"0"' || true`), "0")
		out := h.hostctl(0, "logs", "loud").stdout
		contains(t, out, "<0>panic", "evil")
		missing(t, out, "\x1b", "\x07", "\r", "\u202e")
		// One that floods leaves the others' lines, and its own are cut: journald takes up to six times the burst where the disk has room.
		h.await("journalctl -q --no-pager -u hostctl-flood.service | grep -q 'Suppressed\\|0123456789' && test $(journalctl -q --no-pager -o cat -u hostctl-flood.service | wc -l) -ge 10000")
		h.sh("sleep 2")
		h.sh("test $(journalctl -q --no-pager -o cat -u hostctl-flood.service _TRANSPORT=stdout | wc -l) -le 121000")
		contains(t, h.hostctl(0, "logs", "loud").stdout, "<0>panic")
	})

	t.Run("nothing of hostctl is there for others", func(t *testing.T) {
		h := h.in(t)
		equal(t, h.sh("find / -xdev -perm /6000 2> /dev/null | sort"), before)
		equal(t, h.sh("cat /proc/net/unix /proc/net/tcp /proc/net/udp | grep -i hostctl || true"), "")
		equal(t, h.sh("busctl list --no-pager | grep -i hostctl | grep -v 'hostctl-.*\\.service\\|hostctl-try\\|^:' || true"), "")
		equal(t, h.sh("pgrep -x hostctl || true"), "")
		equal(t, h.sh("stat -c %a /var/lib/hostctl /run/hostctl/containers /run/hostctl/specs /run/hostctl/running | sort -u"), "700")
		for _, args := range []string{"plan", "apply -auto-approve", "destroy -auto-approve", "status", "show", "stop args", "exec args true", "cp args:/etc/passwd /tmp/x", "kill args", "pause args", "logs args"} {
			r := h.run("/bin/sh", "-c", "cp main.hcl /tmp/main.hcl; cd /tmp; exec setpriv --reuid=nobody --regid=nogroup --clear-groups hostctl "+args)
			if looks := args == "plan" || args == "status" || args == "show"; looks != (r.exit == 0) {
				t.Errorf("hostctl %s for nobody: %s", args, r.all())
			}
			missing(t, r.all(), "S3CR3T", "panic")
		}
		h.sh("! setpriv --reuid=nobody --regid=nogroup --clear-groups systemctl --no-ask-password stop hostctl-args.service")
	})

	t.Run("a lying environment", func(t *testing.T) {
		h := h.in(t)
		h.sh("DBUS_SYSTEM_BUS_ADDRESS=unix:path=/tmp/none SYSTEMD_UNIT_PATH=/tmp NOTIFY_SOCKET=/tmp/n LISTEN_FDS=3 LISTEN_PID=1 LD_PRELOAD=/tmp/x.so GODEBUG=x PATH=/tmp HOSTCTL_TRY= /usr/local/bin/hostctl plan -detailed-exitcode")
	})

	t.Run("drop-ins", func(t *testing.T) {
		h := h.in(t)
		const all, one = "/etc/systemd/system/hostctl-.service.d/admin.conf", "/run/systemd/system/hostctl-args.service.d/nice.conf"
		h.sh("mkdir -p $(dirname " + all + ") $(dirname " + one + ") && printf '[Service]\nEnvironment=ADMIN=1\n' > " + all + " && printf '[Service]\nNice=7\n' > " + one)
		r := h.hostctl(0, "plan")
		contains(t, flat(r.stdout), "admin drop-in "+all+" changes the unit from the next daemon-reload on") // systemd has not read them
		missing(t, r.stderr, "drop-in")
		h.sh("systemctl daemon-reload")
		for _, args := range [][]string{{"plan", "-detailed-exitcode"}, {"status"}, {"apply", "-auto-approve"}} {
			r := h.hostctl(0, args...)
			contains(t, flat(r.stdout), "! container.args and 2 more: admin drop-in "+all+" changes the unit (",
				"! container.args: admin drop-in "+one+" changes the unit (", "systemctl cat hostctl-args.service")
			if strings.Count(r.all(), all) != 1 || strings.Count(r.all(), one) != 1 {
				t.Errorf("%v: not each is said once:\n%s", args, r.all())
			}
		}
		// The unit runs with them, and what is the payload's comes from elsewhere.
		h.sh("systemctl restart hostctl-args.service")
		equal(t, h.sh("ps -o ni= -p "+h.payload("args")+" | tr -d ' '"), "7")
		missing(t, h.sh("tr '\\0' '\\n' < /proc/"+h.payload("args")+"/environ"), "ADMIN")
		h.clean()
		h.sh("test -e " + all + " && test -e " + one)
		// What systemd itself writes for a limit that is set by hand is drift, and no drop-in of an administrator's.
		h.sh("rm -r $(dirname " + all + ") $(dirname " + one + "); systemctl daemon-reload; systemctl restart hostctl-args.service; systemctl set-property --runtime hostctl-args.service TasksMax=70")
		missing(t, h.hostctl(0, "plan").all(), "drop-in")
		// All else in the same place is, and so is what changes the slices.
		const transient = "/run/systemd/transient/hostctl-args.service.d/"
		for _, c := range []struct{ set, file string }{
			{"systemctl set-property --runtime hostctl-args.service CPUWeight=70", transient + "50-CPUWeight.conf"},
			{"systemctl set-property --runtime hostctl-args.service DevicePolicy=auto", transient + "50-DevicePolicy.conf"},
			{"printf '[Service]\nExecStopPost=/bin/true\n' > " + transient + "evil.conf", transient + "evil.conf"},
			{"mkdir -p /etc/systemd/system/hostctl.slice.d; printf '[Slice]\nTasksMax=3000\n' > /etc/systemd/system/hostctl.slice.d/x.conf", "/etc/systemd/system/hostctl.slice.d/x.conf"},
			{"mkdir -p /etc/systemd/system/hostctl-keep-args.slice.d; printf '[Unit]\nCollectMode=inactive\n' > /etc/systemd/system/hostctl-keep-args.slice.d/x.conf", "/etc/systemd/system/hostctl-keep-args.slice.d/x.conf"},
		} {
			h.sh(c.set + "; systemctl daemon-reload")
			contains(t, flat(h.hostctl(2, "drift").stdout), "admin drop-in "+c.file+" changes the unit (")
			h.sh("rm " + c.file + "; rmdir --ignore-fail-on-non-empty $(dirname " + c.file + "); systemctl daemon-reload")
			missing(t, h.hostctl(0, "plan").all(), "drop-in")
		}
	})

	t.Run("the unit", func(t *testing.T) {
		h := h.in(t)
		for name, want := range map[string]string{
			"DevicePolicy": "closed", "KeyringMode": "private", "NotifyAccess": "main", "Delegate": "no", "NoNewPrivileges": "yes",
			"SyslogLevelPrefix": "no", "LogRateLimitBurst": "10000", "CollectMode": "inactive-or-failed", "UMask": "0077",
		} {
			equal(t, name+"="+h.property("hostctl-args.service", name), name+"="+want)
		}
		missing(t, h.property("hostctl-args.service", "CapabilityBoundingSet"), "cap_sys_module", "cap_sys_rawio", "cap_sys_boot", "cap_sys_time", "cap_bpf", "cap_syslog", "cap_net_raw", "cap_linux_immutable")
	})

	t.Run("nothing is left", func(t *testing.T) {
		h := h.in(t)
		h.hostctl(0, "destroy", "-auto-approve")
		h.sh("systemctl stop polkit.service 2> /dev/null || true") // which nobody's systemctl has begun
		if after := h.snap(); after != untouched {
			t.Errorf("hostile payloads have changed the host:\n%s", diff(untouched, after))
		}
	})
}

// The launchers' and inits' text lies in memory once: each process maps the same file, privately and unwritten.
func TestInitIsShared(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", `hostctl {
  name = "many"
}

container "one" {
  count   = 8
  rootfs  = "/srv/rootfs/busybox"
  command = ["/bin/sleep", "1000000"]
}
`)
	h.apply()
	seen := map[string]bool{}
	for i := range 8 {
		pid := h.pid(fmt.Sprintf("one-%d", i))
		seen[h.sh("stat -L -c %d:%i /proc/"+pid+"/exe")] = true
		// Of its text, pages of its own it has none.
		equal(t, h.sh(`awk '/^[0-9a-f]+-[0-9a-f]+ r-xp .*hostctl-launch/ {text=1} /^[0-9a-f]+-[0-9a-f]+ / && !/r-xp .*hostctl-launch/ {text=0} text && /^Private_Dirty:/ {d+=$2} text && /^Rss:/ {r+=$2} END {print d+0, (r>0)}' /proc/`+pid+`/smaps`), "0 1")
	}
	if len(seen) != 1 {
		t.Errorf("8 inits are %d files: %v", len(seen), seen)
	}
}

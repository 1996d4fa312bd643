package integration

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"hostctl/resource"
)

// canary is text that a terminal would obey, or that reads otherwise than it is: a title, a cleared screen, a line written
// over, backspaces, overrides of direction, what has no shape, CSI as one character. raw has bytes besides that are no UTF-8.
const (
	canary = "CANARY\x1b]0;x\x07\x1b[2J\rover\b\b\u202eover\u2066\u200b\ufeff\u009b2J\u2028\u00ad\x7fend"
	raw    = canary + "\xff\xc0\x9b"
)

// obeyed returns the first thing in an output that is not to be there.
func obeyed(output string) string {
	for i, r := range output {
		_, size := utf8.DecodeRuneInString(output[i:])
		if r == '\n' || r == '\t' || r == utf8.RuneError && size == 3 || resource.Visible(r) {
			continue
		}
		return fmt.Sprintf("%q at ...%q", output[i:i+size], output[max(0, i-60):i])
	}
	return ""
}

// shellWord makes text a word of bash's.
func shellWord(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, `\x%s`, hex.EncodeToString([]byte{c}))
	}
	return "$'" + b.String() + "'"
}

// spoken is a host with a canary, and whether it was seen to sing.
type spoken struct {
	*host
	t    *testing.T
	sung int
}

// says runs hostctl, with "%s" in a script standing for raw text, and looks at what it prints. A canary that
// does not come through at all proves nothing: seen says that it must be in there, as an escape.
func (s *spoken) says(seen bool, script string) result {
	s.t.Helper()
	r := s.run("/bin/bash", "-c", strings.ReplaceAll(script, "%s", shellWord(raw)))
	both := r.stdout + r.stderr
	if bad := obeyed(both); bad != "" {
		s.t.Errorf("%s prints %s", script, bad)
	}
	if sings := strings.Contains(both, "CANARY"); seen && !sings {
		s.t.Errorf("%s: the canary does not come through: %s", script, r.all())
	} else if sings {
		s.sung++
	}
	return r
}

// both is says for text and for JSON.
func (s *spoken) both(seen bool, script string) {
	s.t.Helper()
	s.says(seen, script)
	if r := s.says(seen, script+" -json"); !json.Valid([]byte(r.stdout)) && r.stdout != "" {
		for l := range strings.Lines(r.stdout) {
			if !json.Valid([]byte(l)) {
				s.t.Errorf("%s -json: no JSON: %s", script, r.all())
				return
			}
		}
	}
}

// Nothing that comes out of a configuration, a file, a payload or the host itself speaks to the reader's terminal, in any command.
func TestCanary(t *testing.T) {
	h := boot(t)
	s := &spoken{host: h, t: t}
	document := func(change func(doc, web map[string]any)) {
		web := map[string]any{"rootfs": busybox, "command": []string{"/bin/sh", "-c",
			`echo "$X"; printf 'CANARY\377\033[2J\r\b\n'; exec sh -c 'while sleep 1000; do :; done' "$(printf 'CANARY\377\033[2J')" "$X"`, canary},
			"environment": map[string]any{"X": canary}, "file": map[string]any{"/etc/x": map[string]any{"content": canary}},
			"tmpfs": map[string]any{"/scratch": map[string]any{}}}
		doc := map[string]any{"hostctl": map[string]any{"name": "bird"}, "container": map[string]any{"web": web},
			"output": map[string]any{"o": map[string]any{"value": canary}}, "locals": map[string]any{"l": canary}}
		if change != nil {
			change(doc, web)
		}
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		h.write("main.hcl.json", string(text))
	}
	set := func(name string, value any) { document(func(_, web map[string]any) { web[name] = value }) }

	// A configuration that is right.
	document(nil)
	h.write("ignored-"+canary+".txt", "")
	s.both(true, "hostctl validate")
	s.both(true, "hostctl plan")
	s.both(true, "hostctl console local.l")
	s.both(false, `hostctl console '"'%s'"'`)
	s.both(false, "hostctl graph")
	s.says(false, "hostctl graph -svg")
	s.both(true, "hostctl apply -auto-approve")
	s.both(false, "hostctl plan")
	s.both(false, "hostctl status")
	s.both(true, "hostctl show")
	s.both(true, "hostctl show -live")
	s.both(false, "hostctl ls")
	s.both(false, "hostctl audit")
	h.await("journalctl -q --no-pager -o cat -u hostctl-web.service | grep -q CANARY && pgrep -f 'while sleep'")
	s.both(true, "hostctl ps")
	s.both(true, "hostctl logs")
	s.both(true, "timeout 3 hostctl logs -f")
	s.both(false, "timeout 1 hostctl events")
	s.says(true, "hostctl show -json -name bird")
	s.says(false, "hostctl __complete -- show container.")
	s.says(false, "hostctl __complete -- -chdir=%s show container.")
	// Drift.
	pid := h.pid("web")
	h.sh("nsenter -t " + pid + " -m -r -- /bin/sh -c 'echo x > /scratch/x'; true")
	set("environment", map[string]any{"X": canary + canary})
	s.both(true, "hostctl plan")
	h.sh("hostctl plan -out=/tmp/p.plan &> /dev/null")
	s.both(true, "hostctl show /tmp/p.plan")
	for _, edit := range []string{"dir", "hostctl_version", "owner", "address", "path", "summary"} {
		h.sh(`python3 - <<'E' 2> /dev/null || true
import re
d = open('/tmp/p.plan', errors='surrogateescape').read()
open('/tmp/q.plan', 'w').write(re.sub(r'"` + edit + `":\s*"[^"]*"', r'"` + edit + `": "CANARY\\u001b[2J\\u202e"', d))
E`)
		s.both(false, "hostctl show /tmp/q.plan")
		s.both(false, "hostctl apply /tmp/q.plan")
	}
	// In the container: files, pipes, users.
	pid = h.pid("web")
	h.sh("chmod 1777 /tmp; nsenter -t " + pid + " -m -r -- /bin/sh -c " + "'mkdir -p /scratch/d && cd /scratch/d && mkfifo \"$(printf \"CANARY\\033[2J\\377p\")\" && echo > \"$(printf \"CANARY\\033[2J\\377f\")\"'")
	s.both(true, "rm -rf /tmp/out; hostctl cp web:/scratch /tmp/out")
	s.both(true, "hostctl cp web:/scratch/%s /tmp/out")
	s.both(true, "hostctl cp %s web:/scratch")
	s.says(true, "hostctl exec -T -u %s web true")
	s.says(true, "hostctl exec -T -w /%s web true")
	s.says(true, "hostctl exec -T web %s")
	s.says(true, "hostctl exec -T web /bin/%s")
	// Operands and flags.
	for _, command := range []string{
		"%s", "plan -%s", "plan %s", "plan -target=%s", "plan -replace=%s", "plan -var=%s", "plan -var=x=%s", "plan -var-file=%s", "plan -chdir=%s", "plan -root=/%s", "validate -chdir=/%s",
		"show %s", "show ./%s", "show container.%s", "show -name=%s", "ls %s", "logs %s", "logs -n %s", "logs -since %s", "events %s", "ps %s", "audit %s", "kill -s %s web", "kill %s", "pause %s",
		"start %s", "stop %s", "stop -name %s web", "exec %s true", "shell %s", "cp %s /x", "fmt %s", "fmt -chdir=/%s", "graph -chdir=/%s", "schema %s", "help %s", "completion %s",
		"import %s x", "import compose %s", "import -name %s compose x", "import run %s", "init -chdir=%s", "init -name %s", "apply %s", "apply -settle=%s", "try %s", "man -out /proc/%s", "-chdir=/%s plan", "version %s",
	} {
		s.says(false, "hostctl "+command)
	}
	// What the launcher and a failing payload say.
	set("command", []string{"/bin/sh", "-c", `printf 'CANARY\377\033[2J\r\b\342\200\256\n' >&2; exit 3`})
	s.both(true, "hostctl apply -auto-approve")
	s.both(false, "hostctl status")
	s.both(true, "hostctl logs -n 20")
	set("command", []string{"/bin/" + canary})
	s.both(true, "hostctl apply -auto-approve")
	// Configurations that are wrong, in the JSON form in every place for text, and in the native one.
	for _, attribute := range []string{"rootfs", "user", "workdir", "hostname", "restart", "run_as", "netns", "stop_signal", "timezone", "apparmor", "restart_delay", canary} {
		set(attribute, canary)
		s.both(true, "hostctl validate")
	}
	set("command", []string{"x" + canary + "\x00"})
	s.both(true, "hostctl validate")
	for _, block := range []string{"mount", "tmpfs", "file", "device", "environment", "sysctls", "rlimits"} {
		set(block, map[string]any{"/" + canary: map[string]any{canary: canary}})
		s.both(true, "hostctl validate")
	}
	for _, kind := range []string{"user", "volume", "network", "netns", "container", canary, "variable", "module", "check", "moved"} {
		document(func(doc, _ map[string]any) {
			doc[kind] = map[string]any{canary: map[string]any{"path": canary, "subnet": canary, "source": canary}}
		})
		s.both(true, "hostctl validate")
		s.says(false, "hostctl plan -compact-warnings")
		s.says(false, "hostctl __complete -- show ''")
	}
	os.Remove(filepath.Join(h.work, "main.hcl.json"))
	for _, text := range []string{
		"# " + raw + "\nhostctl {\n name = \"x\"\n}\nlocals {\n  x = y # " + raw + "\n}\n",
		"hostctl {\n  name = \"" + raw + "\"\n}\n", raw, "x = \"" + canary + "${" + canary + "}\"\n", "hostctl {\n  name = \"x\"\n}\nuser \"" + raw + "\" {}\n",
		"hostctl {\n  name = \"x\"\n}\noutput \"o\" {\n  value = file(\"" + canary + "\")\n}\n", "/* " + raw, "hostctl {\n  name = <<" + canary + "\n",
	} {
		h.write("a.hcl", text)
		s.both(false, "hostctl validate")
		s.both(false, "hostctl plan")
		s.says(false, "hostctl fmt -check")
	}
	h.write("a.hcl", "hostctl {\nname = \"bird\"\n}\n")
	h.write("b"+canary+".hcl", "locals {\n  x = y\n}\n")
	s.both(true, "hostctl validate")
	h.write("b"+canary+".hcl", "locals {\nx = 1\n}\n")
	s.says(true, "hostctl fmt -check -diff -recursive .")
	os.Remove(filepath.Join(h.work, "b"+canary+".hcl"))

	// What others have on the host under the names that are wanted.
	h.write("a.hcl", `hostctl {
  name = "bird"
}
user "tit" {}
volume "nest" {
  path = "/srv/nest"
}
network "air" {
  subnet = "10.98.0.0/24"
}
netns "tree" {}
container "egg" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["/bin/sleep", "1000000"]
}
container "web" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["/bin/sleep", "1000000"]
}
`)
	link := h.sh("hostctl plan | sed -n 's/.*+ link *= \"\\(hc-air[^\"]*\\)\".*/\\1/p'")
	for _, foreign := range []struct{ make, undo string }{
		{"ip link add " + link + " type bridge; ip link set " + link + " alias %s", "ip link delete " + link},
		{"ip link add " + link + " type bridge; ip link set " + link + " alias hostctl:%s:network.air", "ip link delete " + link},
		{"mkdir -p /run/netns; echo -n %s > /run/netns/tree", "rm /run/netns/tree"},
		{"mkdir /srv/nest; setfattr -n trusted.hostctl.owner -v other/%s /srv/nest", "rmdir /srv/nest"},
		{"mkdir /srv/nest; setfattr -n trusted.hostctl.owner -v %s/volume.nest /srv/nest", "rmdir /srv/nest"},
	} {
		h.sh(strings.ReplaceAll(foreign.make, "%s", shellWord(raw)))
		s.both(strings.Contains(foreign.make, "/srv/nest"), "hostctl plan") // the other marks are no names, and not shown
		h.sh(foreign.undo)
	}
	h.sh(strings.ReplaceAll(`echo tit:x:7777:7777:hostctl/other/%s:/:/bin/sh >> /etc/passwd
		systemd-run -q --unit=hostctl-egg --description=$'CANARY\xe2\x80\xae\xc2\x9b2J' sleep 1000`, "%s", shellWord(canary)))
	s.both(false, "hostctl plan")
	h.sh("sed -i '/^tit:/d' /etc/passwd; systemctl stop hostctl-egg.service")
	h.sh("echo -n " + shellWord(raw) + " > /run/hostctl/lock")
	s.both(true, "flock /run/hostctl/lock hostctl apply -auto-approve")
	s.says(true, "SUDO_USER=%s hostctl stop web && hostctl status")
	s.both(false, "hostctl generations")
	s.both(false, "hostctl generations diff 1 2")
	s.both(true, "hostctl history container.web")
	s.both(true, "hostctl show -generation 1")
	s.both(true, "hostctl generations -name=%s")
	s.both(false, "hostctl rollback -auto-approve 1")
	s.says(false, "hostctl replay")
	// A file's own text goes as it is to who keeps it, and to a terminal as everything else.
	h.write("a.hcl", "hostctl {\nname = \"bird\" # "+strings.ReplaceAll(canary, "\r", "")+"\n}\n")
	for _, command := range []string{"hostctl fmt -check -diff", "hostctl fmt - < a.hcl"} {
		s.says(true, "set -o pipefail; NO_COLOR=1 script -qec '"+command+"' /dev/null | sed 's/\\r$//'")
	}
	contains(t, h.sh("hostctl fmt - < a.hcl"), "\u202e")
	s.says(false, "cd /srv && mkdir %s && cd %s && hostctl plan; hostctl validate -json; hostctl init; hostctl plan -out=%s; hostctl ls")
	if s.sung < 100 {
		t.Errorf("the canary came through %d times", s.sung)
	}
	t.Logf("the canary came through %d times", s.sung)
}

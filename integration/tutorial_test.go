package integration

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"hostctl/host/try"
)

var update = flag.Bool("update", false, "write the answers that the tutorial shows anew, where they differ")

// TestTutorial does what docs/tutorial.md says, and compares the answers. A block of
// console has commands behind "$ " and their answers below; in an answer a line of three dots stands
// for any lines. A block whose first line names a file behind its language is that file.
//
// Not compared are times, process ids and numbers of four digits and more (ids that the host chose), spaces at
// the end of a line, and how wide a table's columns are. A web server is asked until it answers so,
// since it may not listen yet when its process has begun.
func TestTutorial(t *testing.T) {
	const file = "../docs/tutorial.md"
	text, err := os.ReadFile(filepath.FromSlash(file))
	if err != nil {
		t.Fatal(err)
	}
	h := boot(t)
	h.policy("")
	var out strings.Builder
	commands := 0
	for rest := string(text); ; {
		before, block, ok := strings.Cut(rest, "\n```")
		out.WriteString(before)
		if !ok {
			break
		}
		info, body, _ := strings.Cut(block, "\n")
		body, rest, ok = strings.Cut(body, "```\n")
		if !ok {
			t.Fatalf("a block of %s has no end", info)
		}
		language, name, isFile := strings.Cut(info, " ")
		switch {
		case isFile:
			h.write(name, body)
		case language == "console":
			for _, step := range steps(t, body) {
				commands++
				answer := h.answer(step)
				if step.fits(answer) {
					continue
				}
				if !*update {
					t.Fatalf("%s: the tutorial says\n%s\nand this is so:\n%s", step.command, step.answer, answer)
				}
				body = strings.Replace(body, "$ "+step.command+"\n"+step.answer, "$ "+step.command+"\n"+answer, 1)
			}
		}
		out.WriteString("\n```" + info + "\n" + body + "```\n")
	}
	if commands < 30 {
		t.Errorf("the tutorial has %d commands only", commands)
	}
	if *update {
		if err := os.WriteFile(filepath.FromSlash(file), []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// step is a command of the tutorial and what it answers.
type step struct{ command, answer string }

func steps(t *testing.T, body string) (list []step) {
	for line := range strings.Lines(body) {
		command, ok := strings.CutPrefix(line, "$ ")
		switch {
		case ok:
			list = append(list, step{command: strings.TrimSuffix(command, "\n")})
		case len(list) == 0:
			t.Fatalf("an answer to nothing: %s", line)
		default:
			list[len(list)-1].answer += line
		}
	}
	return list
}

// answer runs a command; one that asks the web server until it is answered as wanted, or for a while.
func (h *host) answer(s step) string {
	h.t.Helper()
	if strings.HasPrefix(s.command, "busybox wget") {
		want := strings.TrimSuffix(s.answer, "\n")
		h.run("timeout", "20", "/bin/bash", "-c", fmt.Sprintf("until [ \"$(%s 2> /dev/null)\" = %q ]; do sleep 0.05; done", s.command, want))
	}
	r := h.run("/bin/bash", "-c", "("+s.command+") 2>&1")
	return r.stdout
}

// fits reports whether an answer is the one that is shown.
func (s step) fits(answer string) bool {
	var pattern strings.Builder
	for line := range strings.Lines(s.answer) {
		if line == "...\n" {
			pattern.WriteString(`(.*\n)*?`)
		} else {
			pattern.WriteString(regexp.QuoteMeta(plainly(line)) + "\n")
		}
	}
	var plain strings.Builder
	for line := range strings.Lines(answer) {
		plain.WriteString(plainly(line) + "\n")
	}
	return regexp.MustCompile("^" + pattern.String() + "$").MatchString(plain.String())
}

var (
	times   = regexp.MustCompile(`\b[0-9.]+(ms|s)\b`)
	numbers = regexp.MustCompile(`\bpid [0-9]+\b|\b[0-9]{4,}\b`)
	spaces  = regexp.MustCompile(`  +`)
)

// plainly is a line without what differs from run to run.
func plainly(line string) string {
	line = times.ReplaceAllString(strings.TrimRight(line, " \n"), "TIME")
	indent := len(line) - len(strings.TrimLeft(line, " "))
	return line[:indent] + spaces.ReplaceAllString(numbers.ReplaceAllString(line[indent:], "N"), "  ")
}

// TestExamples: an empty host is planned to become what the golden plan says,
// becomes it, and is then as the configuration says.
func TestExamples(t *testing.T) {
	for name, check := range map[string]string{
		"minimal":           "",
		"web":               "busybox wget -q -O - http://10.20.0.10/ | grep -q '^hello from 20'",
		"workers":           "",
		"system":            `test "$(hostctl exec debian systemctl is-system-running)" = running`,
		"fleet/hosts/alpha": "printf 'GET /x HTTP/1.0\\r\\n\\r\\n' | busybox nc 10.30.0.11 80 | grep -q '<title>Dear diary</title>'",
		"fleet/hosts/beta":  "printf 'GET /x HTTP/1.0\\r\\n\\r\\n' | busybox nc 10.31.0.10 80 | grep -q '<title>Staging</title>'",
	} {
		t.Run(name, func(t *testing.T) {
			var binds []try.Bind
			if name == "system" {
				needRoot(t)
				rootfs, err := system()
				if err != nil {
					t.Fatal(err)
				}
				binds = []try.Bind{{Source: rootfs, Target: "/srv/rootfs/system"}}
			}
			h := bootWith(t, binds)
			example, _, _ := strings.Cut(name, "/")
			if err := os.CopyFS(filepath.Join(h.work, example), os.DirFS(filepath.Join("..", "examples", example))); err != nil {
				t.Fatal(err)
			}
			golden, err := os.ReadFile(filepath.Join(h.work, name, "plan.golden"))
			if err != nil {
				t.Fatal(err)
			}
			here := []string{"-root", example, "-chdir", name}
			contains(t, h.hostctl(0, append([]string{"plan"}, here...)...).stdout, string(golden))
			h.apply(here...)
			if check != "" {
				h.await(check)
			}
			h.hostctl(0, append([]string{"plan", "-detailed-exitcode"}, here...)...)
		})
	}
}

package importer

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"hostctl/hcl"
	"hostctl/resource"
	"hostctl/resource/container"
)

// evaluated fails for a project whose text does not validate, and returns what it comes to.
func evaluated(t *testing.T, p *Project) *hcl.Config {
	t.Helper()
	text := p.Write(kinds()).Text
	config := hcl.Evaluate(hcl.Request{Sources: hcl.Sources{Files: []hcl.File{{Name: "main.hcl", Text: text}}}}, kinds())
	if len(config.Diagnostics) > 0 {
		t.Fatalf("%s\n%s", config.Diagnostics.Error(), text)
	}
	if problems := resource.NewResolver(config.Name, nil, nil, nil).Resolve(config.State); len(problems) > 0 {
		t.Fatalf("%v\n%s", problems, text)
	}
	return config
}

// seed adds the text of test data.
func seed(f *testing.F, pattern string) {
	paths, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds in %s: %v", pattern, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
}

func FuzzQuadlet(f *testing.F) {
	seed(f, "quadlet/*/*.container")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Quadlet([]File{{Name: "a.container", Text: []byte(text)}, {Name: "b.volume"}, {Name: "c.network"}}, nil)
		if err == nil {
			evaluated(t, p)
		}
	})
}

func FuzzNspawn(f *testing.F) {
	seed(f, "nspawn/*.nspawn")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := Nspawn([]File{{Name: "a.nspawn", Text: []byte(text)}}); err == nil {
			evaluated(t, p)
		}
	})
}

func FuzzRun(f *testing.F) {
	seed(f, "run/*.sh")
	f.Fuzz(func(t *testing.T, line string) {
		if p, err := Run(line, nil); err == nil {
			evaluated(t, p)
		}
	})
}

func FuzzCompose(f *testing.F) {
	seed(f, "compose/*.yaml")
	dir := f.TempDir()
	path := filepath.Join(dir, "compose.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if p, err := Compose(context.Background(), ComposeInput{Path: path}); err == nil {
			evaluated(t, p)
		}
	})
}

// FuzzWords holds that quoted words come back as they were.
func FuzzWords(f *testing.F) {
	f.Add("a b\x00it's\x00\x00\"$x\"\x00new\nline")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = splitWords(text)
		_, _ = unitWords(text)
		words := strings.Split(text, "\x00")
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
		}
		if back, err := splitWords(strings.Join(quoted, " ")); err != nil || !slices.Equal(back, words) {
			t.Errorf("%q came back as %q, %v", words, back, err)
		}
	})
}

// FuzzWriter puts a text everywhere in a project. What is written must validate,
// and what is a string there must be the text.
func FuzzWriter(f *testing.F) {
	for _, s := range []string{
		"", "web", "${x}", "$${x}", "$$${x}", "%{if}", "%%{", "$", "a\"\n}\ncontainer \"x\" {", "\\", "\\u0041", "\x00", "\xff", "\u202e",
		"/etc", "/", "/srv/a", "./a", "a/b", "#", "*/", "<<EOT", "\r\n", "null", "1e9", markOpen + "V" + markClose, "$" + markOpen + "V" + markClose, "-c",
	} {
		f.Add(s, 7)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		if s == "plain" || s == "v" || s == "w" {
			return // a project's names are its own
		}
		u := uint64(n)
		d := time.Duration(n)
		note := notes{Notes: []Note{{What: s, Why: s}, {Lost: true, What: s}}}
		p := &Project{
			Name: s, From: s, Variables: []string{"V"}, Notes: note.Notes,
			Services: []*Service{
				{Name: "plain", Rootfs: "/srv/r", Entrypoint: []string{"/bin/echo", s}, Environment: map[string]string{"X": s}},
				{
					notes: note, Name: s, Image: s, Description: s, Entrypoint: []string{s}, Args: []string{s, s}, Environment: map[string]string{s: s},
					Workdir: s, User: s, RunAs: s, Netns: s, Hostname: s, Mounts: []Mount{{Volume: s, Target: s, What: s}, {Volume: "v", Target: s}},
					Tmpfs: []Tmpfs{{Target: s, Size: u, Mode: s}}, Files: []Content{{Target: s, Source: s, Text: s, Known: true, What: s}},
					Limits: Limits{Memory: u, CPU: float64(n), Tasks: u, Files: u}, Restart: s, RestartDelay: d, StopSignal: s, StopTimeout: &d,
					DependsOn: []Dependency{{Service: s}, {Service: "plain", Condition: s}}, NoInit: true, Disabled: true, Boot: true,
					Health: &Health{Exec: []string{s}, Interval: d, Retries: u}, Capabilities: []string{s}, Devices: []string{s},
					Sysctls: map[string]string{s: s}, Secrets: []Secret{{Name: s, Target: s}},
				},
			},
			Volumes:    []*Volume{{notes: note, Name: s, Path: s, From: s, Owner: s}, {Name: "v"}, {Name: "w", Path: "/srv/w" + s}},
			Networks:   []*Network{{notes: note, Name: s, Subnets: []string{s}, Gateway: []string{s}}},
			Namespaces: []*Namespace{{notes: note, Name: s, Networks: []Attachment{{Network: s, Addresses: []string{s}, Aliases: []string{s}}}, Ports: []Port{{HostIP: s, Host: s, To: s, Protocol: s}}, Sysctls: map[string]string{s: s, "net.a." + s: s}, DNS: []string{s}}},
			Users:      []*User{{notes: note, Name: s, UID: uint32(n)}},
		}
		config := evaluated(t, p)
		c, ok := config.State[resource.Addr{Kind: "container", Name: "plain"}].(*container.Container)
		if !ok {
			t.Fatal("the plain container is not there")
		}
		if ascii(s) && (c.Command[len(c.Command)-1] != s && !strings.Contains(s, "\x00") || c.Environment["X"] != s && !strings.Contains(s, "\x00")) {
			t.Errorf("%q became %q and %q", s, c.Command, c.Environment)
		}
	})
}

// ascii reports whether no part of s is normalised or escaped on its way: the language makes NFC of text.
func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf || r == utf8.RuneError })
}

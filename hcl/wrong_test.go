package hcl

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// wrongConfigs are the configurations of testdata/wrong.txtar by name.
func wrongConfigs(t testing.TB) map[string][]File {
	archive, err := txtar.ParseFile("testdata/wrong.txtar")
	if err != nil {
		t.Fatal(err)
	}
	configs := map[string][]File{}
	for _, f := range archive.Files {
		name, rest, group := strings.Cut(f.Name, "/")
		if !group {
			name, rest = strings.TrimSuffix(f.Name, ".hcl"), f.Name
		}
		text := bytes.ReplaceAll(f.Data, []byte("@NUL@"), []byte("a\x00b # ERROR: Text has a NUL byte"))
		configs[name] = append(configs[name], File{rest, text})
	}
	for name := range configs {
		if !strings.HasPrefix(name, "settings") {
			configs[name] = append(configs[name], File{"zz-settings.hcl", []byte("hostctl {\n  name = \"test\"\n}\n")})
		}
	}
	return configs
}

// sourcesOf are files as they are read: those in a directory below are the
// repository's, and its directories with configuration are modules.
func sourcesOf(files []File) Sources {
	var s Sources
	dirs := map[string]bool{}
	for _, f := range files {
		dir, _ := path.Split(f.Name)
		switch {
		case dir == "" && strings.HasSuffix(f.Name, autoSuffix):
			s.AutoFiles = append(s.AutoFiles, f)
		case dir == "" && isConfiguration(f.Name):
			s.Files = append(s.Files, f)
		default:
			s.Tree = append(s.Tree, f)
		}
		if dir != "" && isConfiguration(path.Base(f.Name)) && !dirs[dir] {
			dirs[dir] = true
			s.Tree = append(s.Tree, File{Name: dir})
		}
	}
	slices.SortFunc(s.Tree, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return s
}

// wanted is what the comments of a file ask for: "main.hcl:3: summary" and a part of the detail.
func wantedOf(f File) (lines []string, details []string) {
	for i, line := range strings.Split(string(f.Text), "\n") {
		_, comment, ok := strings.Cut(line, "# ERROR: ")
		if !ok {
			continue
		}
		for _, one := range strings.Split(comment, " && ") {
			summary, detail, _ := strings.Cut(one, " | ")
			lines = append(lines, fmt.Sprintf("%s:%d: %s", f.Name, i+1, summary))
			details = append(details, detail)
		}
	}
	return lines, details
}

// TestWrong: each mistake has its diagnostic on its line, and there is no other.
func TestWrong(t *testing.T) {
	configs := wrongConfigs(t)
	if len(configs) < 100 {
		t.Fatalf("only %d configurations", len(configs))
	}
	for name, files := range configs {
		t.Run(name, func(t *testing.T) {
			c := Evaluate(Request{Sources: sourcesOf(files), Version: "0.1.0"}, testKinds)
			var want, details []string
			for _, f := range files {
				lines, parts := wantedOf(f)
				want, details = append(want, lines...), append(details, parts...)
			}
			if name == "settings-none" {
				want, details = []string{":0: The configuration has no name"}, []string{`name = "shop"`}
			}
			if !c.Diagnostics.HasErrors() {
				t.Fatal("no error")
			}
			var text bytes.Buffer
			if err := c.Diagnostics.Text(&text, 80, false); err != nil || strings.Contains(text.String(), "hunter2") {
				t.Errorf("a sensitive value is shown: %s", text.String())
			}
			for _, d := range c.Diagnostics {
				got := fmt.Sprintf("%s:%d: %s", d.File, d.Start.Line, d.Summary)
				i := slices.IndexFunc(want, func(w string) bool {
					open, isOpen := strings.CutSuffix(w, ": ")
					return w == got || isOpen && strings.HasPrefix(got, open)
				})
				switch {
				case i < 0:
					t.Errorf("not wanted: %s | %s", got, d.Detail)
				case !strings.Contains(d.Detail, details[i]):
					t.Errorf("%s: detail %q lacks %q", got, d.Detail, details[i])
				}
				if i >= 0 && !strings.HasSuffix(want[i], ": ") {
					want, details = slices.Delete(want, i, i+1), slices.Delete(details, i, i+1)
				} else if i >= 0 {
					want[i] += " " // may come again, need not
				}
			}
			for _, w := range want {
				if !strings.HasSuffix(w, " ") || strings.HasSuffix(w, ": ") {
					t.Errorf("missing: %s", w)
				}
			}
		})
	}
}

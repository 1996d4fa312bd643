package hcl

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hostctl/resource"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with testdata/NAME, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; -update writes it anew. Got:\n%s", name, got)
	}
}

// textCases are what is hard to print.
var textCases = []struct{ name, text string }{
	{"plain", "container \"web\" {\n  rootfs = \"/r\"\n  comand = [\"/x\"]\n}\n"},
	{"tabs", "container \"web\" {\n\trootfs\t= \"/r\"\n\t\tcomand\t= [\"/x\"]\n}\n"},
	{"wide", "container \"web\" {\n  rootfs = \"/r\"\n  /* 日本語 é */ comand = 1\n}\n"},
	{"crlf", "container \"web\" {\r\n  rootfs = \"/r\"\r\n  comand = 1\r\n}\r\n"},
	{"several-lines", "container \"web\" {\n  rootfs = [\n    1,\n  ]\n}\n"},
	{"long-line", "container \"web\" {\n  rootfs = \"/r\"\n  command = [\"" + strings.Repeat("aaaa bbbb ", 200) + "\", var.nothing, \"" + strings.Repeat("cccc ", 300) + "\"]\n}\n"},
	{"escapes", "container \"web\" {\n  rootfs = \"\x1b]0;evil\x07\u202egnp\" # \x1b[31m\n  \"q\u2028\" = 1\n}\n"},
	{"detail-escapes", "user \"a\" {\n  for_each = toset([\"\\u001b[31m\"])\n}\n"},
	{"end-of-file", "container \"web\" {\n  rootfs = \"/r\""},
	{"cycle", "locals {\n  a = local.b\n  b = local.a\n}\n"},
	{"no-file", ""},
}

func TestText(t *testing.T) {
	for _, width := range []int{0, 60} {
		var out bytes.Buffer
		for _, c := range textCases {
			files := []File{{"main.hcl", []byte(c.text)}, {"settings.hcl", []byte("hostctl {\n  name = \"x\"\n}\n")}}
			if c.text == "" {
				files = nil
			}
			config := Evaluate(Request{Sources: Sources{Files: files}}, testKinds)
			out.WriteString("--- " + c.name + "\n")
			if err := config.Diagnostics.Text(&out, width, false); err != nil {
				t.Fatal(err)
			}
		}
		if i := bytes.IndexFunc(out.Bytes(), func(r rune) bool { return r != '\n' && !resource.Visible(r) }); i >= 0 {
			t.Errorf("harmful output at byte %d", i)
		}
		name := "text.golden"
		if width > 0 {
			name = "text-60.golden"
		}
		golden(t, name, out.Bytes())
	}
}

// TestJSON holds the JSON form of a diagnostic.
func TestJSON(t *testing.T) {
	c := Evaluate(Request{Sources: Sources{Files: []File{{"main.hcl", []byte("hostctl {\n  name = \"x\"\n}\nuser \"é\" {\n  grups = []\n}\nuser \"a\" {\n  /* é */ grups = []\n}\n")}}}}, testKinds)
	out, err := json.MarshalIndent(c.Diagnostics, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "diagnostics.json.golden", append(out, '\n'))
}

func TestColor(t *testing.T) {
	var out bytes.Buffer
	d := Diagnostics{{Severity: Warning, Summary: "Careful", File: "a.hcl", Start: Position{1, 1, 0}, End: Position{1, 3, 2}, Snippet: "ab"}}
	if err := d.Text(&out, 80, true); err != nil {
		t.Fatal(err)
	}
	want := "\x1b[1;33mWarning: \x1b[0m\x1b[1mCareful\x1b[0m\n  on a.hcl line 1:\n  1 | ab\n    | \x1b[1;33m^^\x1b[0m\n"
	if out.String() != want {
		t.Errorf("got %q", out.String())
	}
}

func TestDidYouMean(t *testing.T) {
	if got := DidYouMean("contaner", []string{"container", "user"}); got != `, did you mean "container"?` {
		t.Error(got)
	}
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		version, constraint string
		want                bool
	}{
		{"0.1.0", ">= 0.1", true}, {"0.1.0", "> 0.1", false}, {"1.2.3", ">= 0.1, < 2", true}, {"2.0.0", ">= 0.1, < 2", false},
		{"v1.2.3-rc1", "1.2.3", true}, {"1.2.3", "!= 1.2.3", false}, {"1.2.3", "<= 1.2.3", true}, {"devel", ">= 99", true}, {"1.10.0", "> 1.9", true},
	} {
		if got, err := satisfies(c.version, c.constraint); err != nil || got != c.want {
			t.Errorf("%s %s: %v %v", c.version, c.constraint, got, err)
		}
	}
	for _, bad := range []string{"", "~> 1", "1.x", ">= 1,", "=> 1", "1.2.3.4"} {
		if _, err := satisfies("1.0.0", bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestManuals has every page read by the two programs that render such pages, and neither complains.
func TestManuals(t *testing.T) {
	dir := t.TempDir()
	if err := writeManuals(dir); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.8"))
	if err != nil || len(pages) < 15 {
		t.Fatalf("%d pages: %v", len(pages), err)
	}
	for _, tool := range [][]string{{"mandoc", "-Tlint", "-Wwarning"}, {"man", "--warnings", "-l"}} {
		t.Run(tool[0], func(t *testing.T) {
			need(t, tool[0])
			for _, page := range pages {
				cmd := exec.Command(tool[0], append(tool[1:], page)...)
				cmd.Env = append(os.Environ(), "MANWIDTH=80", "LC_ALL=C.UTF-8")
				var errs strings.Builder
				cmd.Stderr = &errs
				out, err := cmd.Output()
				if tool[0] == "mandoc" {
					errs.Write(out) // a lint's findings are its output
				} else if !strings.Contains(string(out), "EXIT STATUS") {
					t.Errorf("%s renders to:\n%s", filepath.Base(page), out)
				}
				if err != nil || errs.Len() > 0 {
					t.Errorf("%s: %v\n%s", filepath.Base(page), err, errs.String())
				}
			}
		})
	}
}

// Text of the help cannot become a request of roff.
func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		".so /etc/shadow": `\&.so /etc/shadow`,
		`'br`:             `\[aq]br`,
		`a\nb -x`:         `a\enb \-x`,
	} {
		if got := roff(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// need skips a test that another program is missing for; where no skip is allowed it fails.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("HOSTCTL_TEST_NO_SKIP") == "1" {
		t.Fatalf("%s is not installed", program)
	}
	t.Skipf("%s is not installed", program)
}

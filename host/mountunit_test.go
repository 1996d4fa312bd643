package host

import (
	"os/exec"
	"strings"
	"testing"
)

func TestMountUnit(t *testing.T) {
	for path, want := range map[string]string{
		"/":              "-.mount",
		"/mnt":           "mnt.mount",
		"/mnt/data":      "mnt-data.mount",
		"/mnt/a-b_c.d:e": `mnt-a\x2db_c.d:e.mount`,
		"/.hidden/.too":  `\x2ehidden-.too.mount`,
		"/a b\nc%d\\e":   `a\x20b\x0ac\x25d\x5ce.mount`,
		"/mnt/\u00e4":    `mnt-\xc3\xa4.mount`,
	} {
		if got := MountUnit(path); got != want {
			t.Errorf("%q is %s, want %s", path, got, want)
		}
		escape, err := exec.LookPath("systemd-escape")
		if err != nil {
			continue
		}
		if out, err := exec.Command(escape, "--path", "--suffix=mount", path).Output(); err != nil || strings.TrimSuffix(string(out), "\n") != want {
			t.Errorf("systemd-escape has %s for %q: %v", out, path, err)
		}
	}
}

package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReadTrusted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	// Not below /tmp, which everybody can write.
	base, err := os.MkdirTemp("/run", "hostctl-trusted")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	file := base + "/dir/policy.hcl"
	for name, c := range map[string]struct {
		spoil func() error
		want  string // "" is read
	}{
		"good":              {nil, ""},
		"missing":           {func() error { return os.Remove(file) }, "no such file"},
		"no directory":      {func() error { return os.RemoveAll(base + "/dir") }, "no such file"},
		"another's":         {func() error { return os.Chown(file, 1000, 0) }, "belongs to uid 1000"},
		"for all":           {func() error { return os.Chmod(file, 0o666) }, "can be written by others"},
		"for the group":     {func() error { return os.Chmod(file, 0o664) }, "can be written by others"},
		"a link":            {func() error { return errors.Join(os.Rename(file, file+"x"), os.Symlink(file+"x", file)) }, "symbolic link"},
		"a dangling link":   {func() error { return errors.Join(os.Remove(file), os.Symlink("/nowhere", file)) }, "symbolic link"},
		"a directory":       {func() error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o755)) }, "no regular file"},
		"a pipe":            {func() error { return errors.Join(os.Remove(file), unix.Mkfifo(file, 0o644)) }, "no regular file"},
		"directory for all": {func() error { return os.Chmod(base+"/dir", 0o777) }, "dir can be written by others"},
		"sticky directory":  {func() error { return os.Chmod(base+"/dir", 0o777|fs.ModeSticky) }, "dir can be written by others"},
		"another's above":   {func() error { return os.Chown(base, 1000, 1000) }, "belongs to uid 1000"},
		"missing, in another's": {func() error { return errors.Join(os.Remove(file), os.Chown(base+"/dir", 1000, 0)) },
			"dir belongs to uid 1000"},
		"linked directory": {func() error {
			return errors.Join(os.Rename(base+"/dir", base+"/real"), os.Symlink("real", base+"/dir"))
		}, "symbolic link"},
		"too long": {func() error { return os.WriteFile(file, make([]byte, MaxTrusted+1), 0o644) }, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, dir := range []string{"dir", "real"} {
				os.RemoveAll(filepath.Join(base, dir))
			}
			if err := errors.Join(os.Chown(base, 0, 0), os.Chmod(base, 0o755), os.Mkdir(base+"/dir", 0o755), os.WriteFile(file, []byte("x"), 0o644)); err != nil {
				t.Fatal(err)
			}
			if c.spoil != nil {
				if err := c.spoil(); err != nil {
					t.Fatal(err)
				}
			}
			data, err := ReadTrusted(file)
			switch {
			case c.want == "" && (err != nil || string(data) != "x"):
				t.Errorf("%q, %v", data, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, want %q", err, c.want)
			case errors.Is(err, fs.ErrNotExist) != strings.HasPrefix(c.want, "no such"):
				t.Errorf("%v is taken for a missing file", err)
			}
		})
	}
	for _, path := range []string{"etc/x", "/etc/../etc/passwd", "", "/etc//passwd"} {
		if _, err := ReadTrusted(path); err == nil {
			t.Errorf("%q is read", path)
		}
	}
}

// A way of links is as trustworthy as the least of what lies on it.
func TestCheckTrustedWay(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("root is missing")
	}
	dir, err := os.MkdirTemp("/run", "hostctl-trusted")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	must(os.MkdirAll(at("v1/bin"), 0o755))
	must(os.Mkdir(at("open"), 0o755))
	must(os.Chmod(at("open"), 0o777))
	must(os.WriteFile(at("v1/bin/program"), nil, 0o755))
	must(os.WriteFile(at("open/program"), nil, 0o755))
	for name, to := range map[string]string{
		"now": "v1", "program": "now/bin/program", "up": "now/bin/../../v1/bin/program", "absolute": at("now/bin/program"), "theirs": "v1",
		"open/now": "../v1", "round": "round", "into": "open/program", "nowhere": "v2", "self": "/proc/self/exe",
	} {
		must(os.Symlink(to, at(name)))
	}
	must(os.Lchown(at("theirs"), 65534, 65534))
	for name, says := range map[string]string{
		"v1/bin/program": "", "now/bin/program": "", "program": "", "up": "", "absolute": "",
		"theirs/bin/program": "belongs to uid 65534", "open/now/bin/program": "written by others", "into": "written by others",
		"round": "too many levels", "nowhere/program": "no such file", "self": "/proc", "now/bin": "no regular file",
	} {
		err := CheckTrustedWay(at(name))
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", name, err, says)
		}
	}
	if CheckTrustedWay("now/bin/program") == nil {
		t.Error("a relative path is trusted")
	}
}

package host

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func TestCheckCredential(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("root is missing")
	}
	// Not in /tmp, where everybody can exchange what lies there.
	dir, err := os.MkdirTemp("/root", "credential")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := dir + "/tls.key"
	for _, c := range []struct {
		name  string
		spoil func() error
		want  string
	}{
		{"as it should be", func() error { return nil }, ""},
		{"read by a group", func() error { return os.Chmod(file, 0o640) }, "chmod 0600 " + file},
		{"read by others", func() error { return os.Chmod(file, 0o604) }, "chmod 0600 " + file},
		{"another's", func() error { return os.Chown(file, 65534, 0) }, "belongs to uid 65534"},
		{"missing", func() error { return os.Remove(file) }, "install -m 0600"},
		{"a link", func() error { return errors.Join(os.Rename(file, file+".x"), os.Symlink(file+".x", file)) }, "symbolic link"},
		{"a pipe", func() error { return errors.Join(os.Remove(file), syscall.Mkfifo(file, 0o600)) }, "no regular file"},
		{"a directory", func() error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o700)) }, "no regular file"},
		{"too large", func() error { return os.Truncate(file, maxCredential+1) }, "at most 1048576"},
		{"in an open directory", func() error { return os.Chmod(dir, 0o777) }, "written by others"},
	} {
		if err := errors.Join(os.RemoveAll(file), os.RemoveAll(file+".x"), os.Chmod(dir, 0o700), os.WriteFile(file, []byte("S3CR3T"), 0o600)); err != nil {
			t.Fatal(err)
		}
		if err := c.spoil(); err != nil {
			t.Fatal(err)
		}
		size, err := CheckCredential("tls-key", file, false)
		switch {
		case c.want == "" && (err != nil || size != 6):
			t.Errorf("%s: %d, %v", c.name, size, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "S3CR3T")):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := exec.LookPath(SystemdCreds); err != nil {
		t.Skip(SystemdCreds, " is missing")
	}
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700), os.WriteFile(file, []byte("S3CR3T"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := CheckCredential("tls-key", file, true); err == nil || !strings.Contains(err.Error(), "systemd-creds encrypt --name=tls-key") || strings.Contains(err.Error(), "S3CR3T") {
		t.Errorf("what is not encrypted: %v", err)
	}
}

package hcl

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestReadDir: regular *.hcl files of the directory, and nothing else.
func TestReadDir(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "b.hcl", "b")
	write(t, dir, "a.hcl", "a")
	write(t, dir, ".hidden.hcl", "hidden")
	write(t, dir, LockFile, "lock")
	write(t, dir, "README.md", "readme")
	prod := write(t, dir, "prod.hclvars", "x = 1\n")
	write(t, dir, "test.hclvars", "x = 2\n")
	if err := os.Mkdir(filepath.Join(dir, "sub.hcl"), 0o755); err != nil {
		t.Fatal(err)
	}
	s, diags := ReadDir(dir, "", []string{prod})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	if len(s.Files) != 2 || s.Files[0].Name != "a.hcl" || string(s.Files[1].Text) != "b" {
		t.Errorf("files %v", s.Files)
	}
	if want := []string{"README.md", "sub.hcl", "test.hclvars"}; !slices.Equal(s.Ignored, want) {
		t.Errorf("ignored %v, want %v", s.Ignored, want)
	}
	before := s.Digest()
	s.Files[0].Text = []byte("c")
	if s.Digest() == before {
		t.Error("the digest does not see a text")
	}
	s.Files[0] = File{"ab.hcl", []byte("a")}
	if s.Digest() == before {
		t.Error("the digest does not see a name")
	}
}

// TestReadDirRefuses: what is no regular file is named, and waited for by nobody.
func TestReadDirRefuses(t *testing.T) {
	dir := t.TempDir()
	outside := write(t, t.TempDir(), "x", "secret")
	if err := os.Symlink(outside, filepath.Join(dir, "link.hcl")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo.hcl"), 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "long.hcl", strings.Repeat("#", MaxFileBytes+1))
	_, diags := ReadDir(dir, "", []string{filepath.Join(dir, "nothing.hclvars")})
	text := diags.Error()
	for _, want := range []string{"link.hcl: File cannot be read: It is a symbolic link", "fifo.hcl: File cannot be read: It is no regular file", "long.hcl: File cannot be read: It is too long", "nothing.hclvars: File cannot be read: No such file"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "secret") {
		t.Error("a text is shown")
	}
	if _, diags := ReadDir(t.TempDir(), "", nil); !strings.Contains(diags.Error(), "hostctl init") {
		t.Error(diags)
	}
	if _, diags := ReadDir(filepath.Join(dir, "no"), "", nil); !diags.HasErrors() {
		t.Error("a missing directory is no error")
	}
}

// Where a configuration was is where what was read of it lay, whatever its name leads to.
func TestPlace(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "real"), 0o755), os.Symlink("real", filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "real", "main.hcl"), []byte("# nothing\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"real", "link"} {
		s, diags := ReadDir(filepath.Join(dir, name), "", nil)
		if diags.HasErrors() || s.Place != filepath.Join(dir, "real") || len(s.Files) != 1 {
			t.Errorf("%s: %q, %v", name, s.Place, diags)
		}
	}
}

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Whoever formats a file, it stays its owner's, with its mode.
func TestRewriteKeepsTheOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "main.hcl")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 1234, 2345); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := rewrite(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	after, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	was, is := before.Sys().(*syscall.Stat_t), after.Sys().(*syscall.Stat_t)
	if is.Ino == was.Ino || is.Uid != was.Uid || is.Gid != was.Gid || is.Mode != was.Mode {
		t.Errorf("%d:%d %o, was %d:%d %o", is.Uid, is.Gid, is.Mode, was.Uid, was.Gid, was.Mode)
	}
}

package runtime

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// skip skips for want of something, or fails where nothing may be skipped.
func skip(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("HOSTCTL_TEST_NO_SKIP") == "1" {
		t.Fatal("needs " + what)
	}
	t.Skip("needs " + what)
}

func mkfifo(path string) error { return unix.Mkfifo(path, 0o600) }

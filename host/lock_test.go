package host

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "lock")
	first, err := TakeLock(t.Context(), path, 0)
	must(t, err)
	if _, err := TakeLock(t.Context(), path, 0); !errors.Is(err, ErrLocked) {
		t.Errorf("taken twice: %v", err)
	}
	must(t, first.Release())
	second, err := TakeLock(t.Context(), path, 0)
	must(t, err)
	must(t, second.Release())
	for name, put := range map[string]func() error{
		"fifo": func() error { return unix.Mkfifo(path, 0o600) },
		"link": func() error { return os.Symlink("/etc/passwd", path) },
		"dir":  func() error { return os.Mkdir(path, 0o700) },
	} {
		must(t, os.Remove(path))
		must(t, put())
		if _, err := TakeLock(t.Context(), path, 0); err == nil {
			t.Errorf("%s: locked", name)
		}
	}
}

// However often holders remove the file as they go, only one has the lock that is at
// path: what was opened before and locked after the removal is none.
func TestLockThatIsRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var holders atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				l, err := TakeLock(t.Context(), path, time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d hold the lock", n)
				}
				holders.Add(-1)
				if err := os.Remove(path); err != nil {
					t.Error(err)
				}
				l.Release()
			}
		})
	}
	all.Wait()
}

package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLocked is returned by TakeLock while another process holds the lock.
var ErrLocked = errors.New("another hostctl holds the lock")

// Lock is the right to change this host, held by one process at a time. The
// kernel frees it when its holder dies, however that happens (flock(2)).
type Lock struct{ f *os.File }

// TakeLock takes the lock at path, waiting for it at most wait; 0 does not wait.
// The error is ErrLocked, with the holder's words about itself, or ctx's. The lock is on the
// file that is at path when it is taken: removing it there lets another one in.
func TakeLock(ctx context.Context, path string, wait time.Duration) (*Lock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	deadline := time.Now().Add(wait)
	for {
		f, err := tryLock(path)
		if err == nil {
			// For the one who is refused; the lock does not depend on it.
			_ = f.Truncate(0)
			_, _ = f.WriteAt(fmt.Appendf(nil, "pid %d, since %s\n", os.Getpid(), time.Now().Format(time.RFC3339)), 0)
			return &Lock{f}, nil
		}
		if !errors.Is(err, ErrLocked) || !time.Now().Before(deadline) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// tryLock opens and locks the file at path, without waiting. One that is replaced or removed
// between the two is no lock: who looks at path does not meet it.
func tryLock(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock: %w", err)
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		mine, statErr := f.Stat()
		switch there, pathErr := os.Lstat(path); {
		case err == unix.EWOULDBLOCK:
			holder := make([]byte, 256)
			n, _ := f.ReadAt(holder, 0)
			err = fmt.Errorf("%w (%s): %s", ErrLocked, path, strings.TrimSpace(string(holder[:n])))
		case err != nil:
			err = fmt.Errorf("lock %s: flock: %w", path, err)
		case statErr != nil:
			err = fmt.Errorf("lock: %w", statErr)
		case !mine.Mode().IsRegular():
			err = fmt.Errorf("lock %s: is no regular file; remove it", path)
		case pathErr == nil && os.SameFile(mine, there):
			return f, nil
		case pathErr != nil && !errors.Is(pathErr, os.ErrNotExist):
			err = fmt.Errorf("lock: %w", pathErr)
		}
		f.Close()
		if err != nil {
			return nil, err
		}
	}
}

// Release gives the lock back.
func (l *Lock) Release() error { return l.f.Close() }

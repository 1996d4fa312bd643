package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lockWait is how long another editor of the account files is waited for, as lckpwdf(3) does.
const lockWait = 15 * time.Second

// lockRetry is how often a lock that somebody has is tried again: neither
// protocol can wake who waits and give up in time too.
const lockRetry = 20 * time.Millisecond

// locked runs do while nobody else edits the files. It takes .pwd.lock as
// lckpwdf(3) does, which glibc, systemd and the shadow tools honour, and then
// NAME.lock for each file, for tools that look at those alone.
func (p Passwd) locked(ctx context.Context, files []string, do func(*etc) error) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lockWait, errors.New("another program is editing the accounts"))
	defer cancel()
	dir, err := p.open()
	if err != nil {
		return err
	}
	defer dir.close()
	const name = ".pwd.lock"
	fd, err := unix.Openat(dir.fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return dir.fail("open", name, err)
	}
	// A lock of the open file, not of the process: it holds between two
	// goroutines too, and against the process locks of everybody else (fcntl(2)).
	defer unix.Close(fd)
	whole := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	err = retry(ctx, func() (bool, error) {
		err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &whole)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EINTR) {
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return dir.fail("lock", name, err)
	}
	for _, file := range files {
		if err := retry(ctx, func() (bool, error) { return dir.lockFile(file) }); err != nil {
			return dir.fail("lock", file, err)
		}
		defer unix.Unlinkat(dir.fd, file+".lock", 0)
	}
	return do(dir)
}

// retry calls try until it is done or ctx ends.
func retry(ctx context.Context, try func() (done bool, err error)) error {
	for {
		if done, err := try(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lockRetry):
		}
	}
}

// lockFile takes NAME.lock as the shadow tools do: a file that holds the pid is
// linked to that name. The lock of a process that is gone is removed. That file's name is always the
// same, for .pwd.lock is held: what a crash left is overwritten by the next edit.
func (d *etc) lockFile(name string) (bool, error) {
	lock := name + ".lock"
	own := beside(lock)
	unix.Unlinkat(d.fd, own, 0)
	fd, err := unix.Openat(d.fd, own, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return false, err
	}
	defer unix.Unlinkat(d.fd, own, 0)
	_, err = unix.Write(fd, append(strconv.AppendInt(nil, int64(os.Getpid()), 10), 0))
	unix.Close(fd)
	if err != nil {
		return false, err
	}
	switch err := unix.Linkat(d.fd, own, d.fd, lock, 0); {
	case err == nil:
		return true, nil
	case !errors.Is(err, unix.EEXIST):
		return false, err
	}
	held, err := d.readLock(lock)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	// Ours would be of an earlier process with this pid: .pwd.lock is held.
	if held == os.Getpid() || errors.Is(unix.Kill(held, 0), unix.ESRCH) {
		if err := unix.Unlinkat(d.fd, lock, 0); err != nil && !errors.Is(err, unix.ENOENT) {
			return false, err
		}
	}
	return false, nil
}

func (d *etc) readLock(name string) (int, error) {
	f, _, err := d.openFile(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimRight(string(data), "\x00\n"))
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("%s/%s names no process; remove it when no program is editing the accounts", d.path, name)
	}
	return pid, nil
}

package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// MaxTrusted is the most bytes of a file that ReadTrusted reads.
const MaxTrusted = 1 << 20

// ReadTrusted reads a file that decides what others may: it and every directory above it belong to root, nobody else can write
// to them, and none is a symbolic link. The error is fs.ErrNotExist where there is no such file,
// and the directories that are there can be trusted with that.
func ReadTrusted(path string) ([]byte, error) {
	f, err := openTrusted(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxTrusted+1))
	if err == nil && len(data) > MaxTrusted {
		err = fmt.Errorf("%s has more than %d bytes", path, MaxTrusted)
	}
	return data, err
}

// CheckTrusted fails unless a file is one that ReadTrusted would read, whatever its size: a program that root is to run.
func CheckTrusted(path string) error {
	f, err := openTrusted(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// openTrusted opens a regular file to be read that root alone could have written, or put there.
func openTrusted(path string) (*os.File, error) {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path {
		return nil, fmt.Errorf("%q is no absolute path", path)
	}
	at := unix.AT_FDCWD
	name := "/"
	rest := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i := -1; i < len(rest); i++ {
		flags := unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK
		part := "/"
		if i >= 0 {
			part = rest[i]
			name = filepath.Join(name, part)
		}
		last := i == len(rest)-1
		if !last {
			flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC | unix.O_NOFOLLOW
		}
		fd, err := unix.Openat(at, part, flags, 0)
		if at != unix.AT_FDCWD {
			unix.Close(at)
		}
		switch {
		case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR) && isLink(name):
			return nil, fmt.Errorf("%s is a symbolic link", name)
		case err != nil:
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		at = fd
		if err := onlyRoots(fd, name, last); err != nil {
			unix.Close(fd)
			return nil, err
		}
	}
	return os.NewFile(uintptr(at), path), nil
}

// isLink is asked for the words of an error alone.
func isLink(name string) bool {
	st, err := os.Lstat(name)
	return err == nil && st.Mode()&fs.ModeSymlink != 0
}

// onlyRoots fails unless an open file or directory is root's, and writable by nobody else.
func onlyRoots(fd int, name string, file bool) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("fstat %s: %w", name, err)
	}
	kind, want := st.Mode&unix.S_IFMT, uint32(unix.S_IFDIR)
	if file {
		want = unix.S_IFREG
	}
	switch {
	case kind != want && file:
		return fmt.Errorf("%s is no regular file", name)
	case kind != want:
		return fmt.Errorf("%s is no directory", name)
	case st.Uid != 0:
		return fmt.Errorf("%s belongs to uid %d, not to root", name, st.Uid)
	case st.Mode&0o022 != 0:
		// An access control list that lets others write shows in the group's bits, acl(5).
		return fmt.Errorf("%s can be written by others than root (mode %04o)", name, st.Mode&0o7777)
	}
	return nil
}

// maxLinks is how many symbolic links the kernel follows in one path, path_resolution(7).
const maxLinks = 40

// CheckTrustedWay is [CheckTrusted] for a path with symbolic links on it: each is root's, and lies in a directory that root alone can
// write to. So where the path leads root alone can change. One through /proc leads each process elsewhere, and is refused.
func CheckTrustedWay(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%q is no absolute path", path)
	}
	at, rest, links := "/", strings.Split(path, "/"), 0
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		next := filepath.Join(at, part) // at has no links: a ".." is the directory above
		st, err := os.Lstat(next)
		switch {
		case err != nil:
			return err
		case next == "/proc":
			return fmt.Errorf("%s leads through /proc", path)
		case st.Sys().(*syscall.Stat_t).Uid != 0:
			return fmt.Errorf("%s belongs to uid %d, not to root", next, st.Sys().(*syscall.Stat_t).Uid)
		case st.IsDir() && st.Mode().Perm()&0o022 != 0:
			return fmt.Errorf("%s can be written by others than root (mode %04o)", next, st.Mode().Perm())
		case st.Mode()&fs.ModeSymlink == 0:
			at = next
			continue
		}
		if links++; links > maxLinks {
			return &fs.PathError{Op: "open", Path: path, Err: unix.ELOOP}
		}
		to, err := os.Readlink(next)
		if err != nil {
			return err
		}
		if filepath.IsAbs(to) {
			at = "/"
		}
		rest = append(strings.Split(to, "/"), rest...)
	}
	return CheckTrusted(at)
}

package host

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// making lets one at a time make directories, or sweep what is left of making them: two that lie below one that is missing would each
// take the other's beginnings of that for a crash's. Other processes are kept out by the host's lock.
var making sync.Mutex

// CreateDir makes the directory p as want says: UID, GID, Mode and Mark. Those
// above it that are missing are made root:root 0755. It is put in place by rename when it has its owner, mode and
// mark, so that it is never there without them; on a filesystem that keeps no
// such attributes it has no mark. The error is fs.ErrExist when p is there already.
func (d Dirs) CreateDir(p string, want Dir) error {
	making.Lock()
	defer making.Unlock()
	err := d.with(p, func(root int) error {
		parent, err := makeParents(root, path.Dir(p))
		if err != nil {
			return err
		}
		defer unix.Close(parent)
		return makeDir(parent, path.Base(p), want)
	})
	if err != nil {
		return fmt.Errorf("create directory %s: %w", p, err)
	}
	return nil
}

// SweepDir removes what a [Dirs.CreateDir] of p that was killed has left, if it has;
// a directory at p, and those above it, stay.
func (d Dirs) SweepDir(p string) error {
	making.Lock()
	defer making.Unlock()
	err := d.with(p, func(root int) error {
		at, err := openBelow(root, ".", unix.O_RDONLY)
		if err != nil {
			return err
		}
		defer func() { unix.Close(at) }()
		seen := ""
		for name := range strings.SplitSeq(relative(p), "/") {
			seen += "/" + name
			if err := clearStage(at, beginning(name)); err != nil {
				return fmt.Errorf("%s: %w", path.Join(path.Dir(seen), beginning(name)), err)
			}
			next, err := openBelow(at, name, unix.O_RDONLY)
			if errors.Is(err, unix.ENOENT) {
				return nil
			}
			if err != nil {
				return blame(root, seen, err)
			}
			unix.Close(at)
			at = next
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("sweep directory %s: %w", p, err)
	}
	return nil
}

// SetDir gives the directory p, which must carry want.Mark, the owner and the permission
// bits of want; set-id and sticky bits go. Where the filesystem
// keeps no marks, any directory will do.
func (d Dirs) SetDir(p string, want Dir) error {
	err := d.owned(p, want.Mark, func(_, fd int) error {
		if err := unix.Fchown(fd, int(want.UID), int(want.GID)); err != nil {
			return fmt.Errorf("chown: %w", err)
		}
		if err := unix.Fchmod(fd, want.Mode&0o777); err != nil {
			return fmt.Errorf("chmod: %w", err)
		}
		return unix.Fsync(fd)
	})
	if err != nil {
		return fmt.Errorf("change directory %s: %w", p, err)
	}
	return nil
}

// MarkDir gives the directory p, whose mark must be old, another mark; "" is
// none, of either. nil also where it has that one already. The error is [ErrNotOwned] where it has
// any other mark. Where the filesystem keeps no marks, it changes nothing.
func (d Dirs) MarkDir(p, old, want string) error {
	err := d.with(p, func(root int) error {
		fd, err := walk(root, p, unix.O_RDONLY)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		is, none, err := mark(fd)
		switch {
		case err != nil || none || is == want:
			return err
		case is != old:
			return ErrNotOwned
		case want == "":
			err = unix.Fremovexattr(fd, MarkXattr)
		default:
			err = unix.Fsetxattr(fd, MarkXattr, []byte(want), 0)
		}
		if err != nil {
			return fmt.Errorf("attribute %s: %w", MarkXattr, err)
		}
		return unix.Fsync(fd)
	})
	if err != nil {
		return fmt.Errorf("mark directory %s: %w", p, err)
	}
	return nil
}

func (d Dirs) with(p string, do func(root int) error) error {
	if p == "/" || !path.IsAbs(p) || path.Clean(p) != p {
		return errors.New("is no clean absolute path below /")
	}
	root, err := d.root()
	if err != nil {
		return err
	}
	defer unix.Close(root)
	return do(root)
}

// owned opens p and the directory above it, and checks the mark on p before do runs.
func (d Dirs) owned(p, want string, do func(parent, fd int) error) error {
	return d.with(p, func(root int) error {
		parent, err := walk(root, path.Dir(p), unix.O_RDONLY)
		if err != nil {
			return err
		}
		defer unix.Close(parent)
		fd, err := openBelow(parent, path.Base(p), unix.O_RDONLY)
		if err != nil {
			return blame(root, p, err)
		}
		defer unix.Close(fd)
		is, none, err := mark(fd)
		if err != nil {
			return err
		}
		if !none && (want == "" || is != want) {
			return ErrNotOwned
		}
		return do(parent, fd)
	})
}

// makeParents opens p and makes what is missing of it, one level at a time.
func makeParents(root int, p string) (int, error) {
	at, err := openBelow(root, ".", unix.O_RDONLY)
	if err != nil || p == "/" {
		return at, err
	}
	seen := ""
	for name := range strings.SplitSeq(relative(p), "/") {
		seen += "/" + name
		next, err := openBelow(at, name, unix.O_RDONLY)
		if errors.Is(err, unix.ENOENT) {
			next, err = makeParent(at, name)
		}
		unix.Close(at)
		if err != nil {
			return -1, blame(root, seen, err)
		}
		at = next
	}
	return at, nil
}

// makeParent makes one directory root:root 0755, whatever the umask and the set-id bits
// above say. One that somebody else made meanwhile is left as it is.
func makeParent(at int, name string) (int, error) {
	if err := makeDir(at, name, Dir{Mode: 0o755}); err != nil && !errors.Is(err, fs.ErrExist) {
		return -1, err
	}
	return openBelow(at, name, unix.O_RDONLY)
}

// makeDir makes the directory name in parent, which may be somebody else's: who owns it can
// exchange what is in it at any time, with a directory of root's too. So the new one
// is made in a directory where only root can come, and is given away only there.
func makeDir(parent int, name string, want Dir) error {
	stage := beginning(name)
	if err := clearStage(parent, stage); err != nil {
		return fmt.Errorf("remove %s: %w", stage, err)
	}
	if err := unix.Mkdirat(parent, stage, 0o700); err != nil {
		return err
	}
	defer unix.Unlinkat(parent, stage, unix.AT_REMOVEDIR)
	at, err := openStage(parent, stage)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	if err := unix.Mkdirat(at, staged, 0o700); err != nil {
		return err
	}
	err = furnish(at, want)
	if err == nil {
		err = renameNew(at, staged, parent, name)
	}
	if err != nil {
		unix.Unlinkat(at, staged, unix.AT_REMOVEDIR)
		return err
	}
	return unix.Fsync(parent)
}

// beginning is the name of the directory in which one is made that is to have this name.
func beginning(name string) string {
	sum := sha256.Sum256([]byte(name))
	return ".hostctl-" + hex.EncodeToString(sum[:8])
}

// staged is the name that a directory has in there until it is complete.
const staged = "new"

// openStage opens the directory that was just made, or what took its place: it must
// be one that nobody but root can put anything into, and empty.
func openStage(parent int, stage string) (int, error) {
	fd, err := openBelow(parent, stage, unix.O_RDONLY)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if err == nil && (int(st.Uid) != unix.Geteuid() || st.Mode&0o777 != 0o700) {
		err = fmt.Errorf("%s is another's now: %w", stage, ErrNotOwned)
	}
	if err == nil {
		var n int
		if n, err = entries(fd); err == nil && n > 0 {
			err = fmt.Errorf("%s is another's now: %w", stage, ErrNotOwned)
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// entries counts what is in a directory, to 2.
func entries(fd int) (int, error) {
	own, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	f := os.NewFile(uintptr(own), ".")
	defer f.Close()
	names, err := f.Readdirnames(2)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return len(names), err
}

// clearStage removes what a crash left, which is empty: a directory is filled only in its place.
func clearStage(parent int, stage string) error {
	fd, err := openBelow(parent, stage, unix.O_RDONLY)
	if err == nil {
		err = unix.Unlinkat(fd, staged, unix.AT_REMOVEDIR)
		unix.Close(fd)
	}
	if err == nil || errors.Is(err, unix.ENOENT) {
		err = unix.Unlinkat(parent, stage, unix.AT_REMOVEDIR)
	}
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

func furnish(at int, want Dir) error {
	fd, err := openBelow(at, staged, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if want.Mark != "" {
		if err := unix.Fsetxattr(fd, MarkXattr, []byte(want.Mark), 0); err != nil && !errors.Is(err, unix.ENOTSUP) {
			return fmt.Errorf("attribute %s: %w", MarkXattr, err)
		}
	}
	if err := unix.Fchown(fd, int(want.UID), int(want.GID)); err != nil {
		return fmt.Errorf("chown: %w", err)
	}
	if err := unix.Fchmod(fd, want.Mode&0o777); err != nil {
		return fmt.Errorf("chmod: %w", err)
	}
	return unix.Fsync(fd)
}

// renameNew renames without replacing. Filesystems that cannot promise so
// (EINVAL of renameat2(2)) replace at most an empty directory.
func renameNew(at int, from string, parent int, to string) error {
	err := unix.Renameat2(at, from, parent, to, unix.RENAME_NOREPLACE)
	if !errors.Is(err, unix.EINVAL) {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstatat(parent, to, &st, unix.AT_SYMLINK_NOFOLLOW); !errors.Is(err, unix.ENOENT) {
		return errors.Join(fs.ErrExist, err)
	}
	return unix.Renameat(at, from, parent, to)
}

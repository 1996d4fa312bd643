package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// MarkXattr is the extended attribute that says whose a directory is. Only root
// sees and sets attributes of this class (xattr(7)); ext4, xfs, btrfs, tmpfs and overlay keep them.
const MarkXattr = "trusted.hostctl.owner"

// Dir is a directory as it is found, or as it is to be.
type Dir struct {
	UID  uint32
	GID  uint32
	Mode uint32 // permission, set-id and sticky bits, 0 to 07777
	// Mark is the value of [MarkXattr], "" without one.
	Mark string
	// NoMarks says that Mark could not be read: the filesystem keeps no such
	// attributes, or the caller is not root. Never set on what is to be.
	NoMarks bool
	// MountRoot says that something is mounted exactly here.
	MountRoot bool
	// Empty says that nothing is in it; false also when it could not be read.
	Empty bool
	// Above is the mark of the nearest directory above that has one, "" for none.
	Above string
}

// Dirs is the door to directories. Every path is absolute and clean, and is
// walked by descriptors without following any link: a link or a file anywhere
// in it is an error that names the component.
type Dirs struct {
	// Root is the directory that stands for /; "" is / itself.
	Root string
}

// StatDir looks at a directory. An automount that it stands for is triggered.
// The error is fs.ErrNotExist when it or one above is missing.
func (d Dirs) StatDir(p string) (Dir, error) {
	root, err := d.root()
	if err != nil {
		return Dir{}, fmt.Errorf("directory %s: %w", p, err)
	}
	defer unix.Close(root)
	dir, err := stat(root, p)
	if err != nil {
		return Dir{}, fmt.Errorf("directory %s: %w", p, err)
	}
	if !dir.NoMarks {
		for up := path.Dir(p); up != "/" && dir.Above == ""; up = path.Dir(up) {
			if above, err := stat(root, up); err == nil {
				dir.Above = above.Mark
			}
		}
	}
	return dir, nil
}

func stat(root int, p string) (Dir, error) {
	fd, err := walk(root, p, unix.O_PATH)
	if err != nil {
		return Dir{}, err
	}
	defer unix.Close(fd)
	var st unix.Statx_t
	mask := unix.STATX_UID | unix.STATX_GID | unix.STATX_MODE
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, mask, &st); err != nil {
		return Dir{}, err
	}
	dir := Dir{UID: st.Uid, GID: st.Gid, Mode: uint32(st.Mode) & 0o7777, NoMarks: true,
		MountRoot: st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0}
	full, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EACCES) {
		return dir, nil
	}
	if err != nil {
		return Dir{}, err
	}
	f := os.NewFile(uintptr(full), p)
	defer f.Close()
	if os.Geteuid() == 0 {
		dir.Mark, dir.NoMarks, err = mark(full)
		if err != nil {
			return Dir{}, err
		}
	}
	names, _ := f.Readdirnames(1)
	dir.Empty = len(names) == 0
	return dir, nil
}

// mark reads the mark of an open directory.
func mark(fd int) (value string, none bool, err error) {
	text, err := readXattr(func(buf []byte) (int, error) { return unix.Fgetxattr(fd, MarkXattr, buf) })
	switch {
	case errors.Is(err, unix.ENODATA):
		return "", false, nil
	case errors.Is(err, unix.ENOTSUP):
		return "", true, nil
	case err != nil:
		return "", false, fmt.Errorf("attribute %s: %w", MarkXattr, err)
	}
	return string(text), false, nil
}

func (d Dirs) root() (int, error) {
	p := path.Join("/", d.Root)
	fd, err := unix.Open(p, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: p, Err: err}
	}
	return fd, nil
}

// walk opens the directory p below root and follows no link. flags is O_PATH or O_RDONLY.
func walk(root int, p string, flags int) (int, error) {
	if !path.IsAbs(p) || path.Clean(p) != p {
		return -1, errors.New("is no clean absolute path")
	}
	fd, err := openBelow(root, relative(p), flags)
	if err != nil {
		return -1, blame(root, p, err)
	}
	return fd, nil
}

func relative(p string) string {
	if p == "/" {
		return "."
	}
	return p[1:]
}

// openBelow opens a directory by openat2(2), which refuses links in every component.
func openBelow(at int, name string, flags int) (int, error) {
	how := &unix.OpenHow{
		Flags:   uint64(flags | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	for {
		fd, err := unix.Openat2(at, name, how)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// blame finds the component of p for which it could not be opened.
func blame(root int, p string, cause error) error {
	at, err := unix.Dup(root)
	if err != nil {
		return cause
	}
	defer func() { unix.Close(at) }()
	unix.CloseOnExec(at)
	seen := ""
	for name := range strings.SplitSeq(relative(p), "/") {
		seen += "/" + name
		fd, err := unix.Openat(at, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("%s: %w", seen, cause)
		}
		unix.Close(at)
		at = fd
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return fmt.Errorf("%s: %w", seen, err)
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
		case unix.S_IFLNK:
			return fmt.Errorf("%s is a symbolic link; write the path that it leads to", seen)
		default:
			return fmt.Errorf("%s is not a directory", seen)
		}
	}
	return fmt.Errorf("%s: %w", p, cause)
}

package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxTable bounds what is read of one account file, in bytes: some hundred thousand entries.
const maxTable = 32 << 20

// etc is an open /etc. All names are looked up in the descriptor.
type etc struct {
	fd   int
	path string
}

func (p Passwd) open() (*etc, error) {
	path := filepath.Join("/", p.Root, "etc")
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return &etc{fd, path}, nil
}

func (d *etc) close() { unix.Close(d.fd) }

func (d *etc) fail(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: d.path + "/" + name, Err: err}
}

// openFile opens an existing regular file. A link is refused: replacing it would
// break what somebody arranged.
func (d *etc) openFile(name string) (*os.File, unix.Stat_t, error) {
	var st unix.Stat_t
	fd, err := unix.Openat(d.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ELOOP) {
		err = errors.New("is a symbolic link; hostctl edits accounts in plain files only")
	}
	if err != nil {
		return nil, st, d.fail("open", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	if err := unix.Fstat(fd, &st); err != nil {
		f.Close()
		return nil, st, d.fail("stat", name, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		f.Close()
		return nil, st, d.fail("open", name, errors.New("is not a regular file"))
	}
	return f, st, nil
}

func (d *etc) read(name string) ([]byte, error) {
	f, _, err := d.openFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxTable+1))
	if err == nil && len(data) > maxTable {
		err = fmt.Errorf("has more than %d MiB", maxTable>>20)
	}
	if err != nil {
		return nil, d.fail("read", name, err)
	}
	return data, nil
}

// replace writes the tables that changed, in the given order. All of them are
// written and synced beside the old files first, so that a full disk or a
// failing one changes nothing; then each takes the place of the old one by rename.
func (d *etc) replace(order []string, content func(string) *table) error {
	var staged []string
	defer func() {
		for _, name := range staged {
			unix.Unlinkat(d.fd, beside(name), 0)
		}
	}()
	for _, name := range order {
		if t := content(name); t != nil && t.dirty {
			staged = append(staged, name)
			if err := d.stage(name, t.bytes()); err != nil {
				return err
			}
		}
	}
	for len(staged) > 0 {
		name := staged[0]
		if err := unix.Renameat(d.fd, beside(name), d.fd, name); err != nil {
			return d.fail("rename", name, err)
		}
		staged = staged[1:]
		if err := unix.Fsync(d.fd); err != nil {
			return d.fail("sync", ".", err)
		}
	}
	return nil
}

// beside is where the new content of a file stands until the rename. The name
// is always the same, so that what a crash left is overwritten by the next edit.
func beside(name string) string { return "." + name + ".hostctl" }

func (d *etc) stage(name string, data []byte) error {
	old, st, err := d.openFile(name)
	isNew := errors.Is(err, fs.ErrNotExist)
	if err != nil && !isNew {
		return err
	}
	if isNew {
		st.Mode = 0o644
	} else {
		defer old.Close()
	}
	tmp := beside(name)
	if err := unix.Unlinkat(d.fd, tmp, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return d.fail("remove", tmp, err)
	}
	fd, err := unix.Openat(d.fd, tmp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return d.fail("create", tmp, err)
	}
	f := os.NewFile(uintptr(fd), tmp)
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return d.fail("write", tmp, err)
	}
	// The owner before the mode: until both are set nobody but root reads the new file.
	if !isNew {
		if err := unix.Fchown(fd, int(st.Uid), int(st.Gid)); err != nil {
			return d.fail("chown", tmp, err)
		}
		if err := copyXattrs(int(old.Fd()), fd); err != nil {
			return d.fail("copy attributes to", tmp, err)
		}
	}
	if err := unix.Fchmod(fd, st.Mode&0o7777); err != nil {
		return d.fail("chmod", tmp, err)
	}
	if err := f.Sync(); err != nil {
		return d.fail("sync", tmp, err)
	}
	return nil
}

// copyXattrs copies the extended attributes: the security label and access lists among them.
func copyXattrs(from, to int) error {
	names, err := readXattr(func(buf []byte) (int, error) { return unix.Flistxattr(from, buf) })
	if errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(string(names), "\x00") {
		if name == "" {
			continue
		}
		value, err := readXattr(func(buf []byte) (int, error) { return unix.Fgetxattr(from, name, buf) })
		if err == nil {
			err = unix.Fsetxattr(to, name, value, 0)
		}
		if err != nil && !errors.Is(err, unix.ENODATA) {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// readXattr calls get with a buffer that is great enough for any attribute, XATTR_SIZE_MAX and XATTR_LIST_MAX.
func readXattr(get func([]byte) (int, error)) ([]byte, error) {
	buf := make([]byte, 64<<10)
	n, err := get(buf)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

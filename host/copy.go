package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Place is a path in a tree of files, and who acts there.
type Place struct {
	// Root is the tree's top, O_PATH. Whatever lies in the tree, no link of it leads out of it, and of a process nothing is followed.
	Root int
	// Path is absolute in it.
	Path string
	// UID and GID are whose rights are used there, and who owns what is made. 0 is root of the host.
	UID, GID uint32
}

// HostPlace is an absolute path of the host's own, with root's rights.
func HostPlace(path string) (Place, error) {
	root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return Place{}, &os.PathError{Op: "open", Path: "/", Err: err}
	}
	return Place{Root: root, Path: path}, nil
}

// Close closes the place's root.
func (p Place) Close() error { return unix.Close(p.Root) }

// Copied is what a copy has done.
type Copied struct {
	Files, Bytes int64
	// Skipped are the paths of what was no file, directory or symbolic link.
	Skipped []string
}

// maxCopyDepth bounds the open descriptors of a copy.
const maxCopyDepth = 200

// CopyTree copies a file or a directory with all in it to a path, or below it where that is a directory. Either tree may be changed
// by others meanwhile, to any end: each name is opened in a directory that is open already and never followed, a file is
// written beside its place and renamed, and what has grown is cut at the size that it began with. Holes stay holes, and a file whose
// data would not fit into what the target's filesystem has free is not begun. Links are copied as links. Permission
// bits are kept but for setuid and setgid. Filesystems of the kernel's own (proc, sysfs, cgroup2) below the top are left out.
func CopyTree(from, to Place) (done Copied, err error) {
	result := make(chan error)
	go func() {
		// Rights are a thread's. It ends with the goroutine, which never unlocks it.
		runtime.LockOSThread()
		c := &copying{from: from, to: to, done: &done}
		result <- c.run()
	}()
	err = <-result
	return done, err
}

type copying struct {
	from, to Place
	done     *Copied
}

// as takes the rights of a place. Without fsuid 0 the thread has no capability over files.
func (p Place) as() error {
	unix.Setfsgid(int(p.GID))
	unix.Setfsuid(int(p.UID))
	// The calls have no errors: asked again with what cannot be, they answer with what is.
	if gid, _ := unix.SetfsgidRetGid(-1); gid != int(p.GID) {
		return fmt.Errorf("setfsgid(%d): it stays %d", p.GID, gid)
	}
	if uid, _ := unix.SetfsuidRetUid(-1); uid != int(p.UID) {
		return fmt.Errorf("setfsuid(%d): it stays %d", p.UID, uid)
	}
	return nil
}

func (c *copying) run() error {
	// The caller's groups are nobody's there; setgroups(2) of package syscall would be for all threads.
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
		return os.NewSyscallError("setgroups", errno)
	}
	source, err := c.from.open(c.from.Path)
	if err != nil {
		return err
	}
	defer unix.Close(source)
	dir, name, err := c.to.target(path.Base(c.from.Path))
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	return c.one(source, path.Base(c.from.Path), dir, name, 0)
}

// open looks a path up, following links inside the tree.
func (p Place) open(name string) (int, error) {
	if err := p.as(); err != nil {
		return -1, err
	}
	fd, err := unix.Openat2(p.Root, name, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return fd, nil
}

// target finds the directory that something is made in, and its name there.
func (p Place) target(base string) (dir int, name string, err error) {
	if fd, err := p.open(p.Path); err == nil {
		if isDir(fd) {
			if base == "/" || base == "." {
				return -1, "", errors.New("the copy of a root directory needs a name of its own: a path that is not there yet")
			}
			return fd, base, nil
		}
		unix.Close(fd)
	} else if !errors.Is(err, os.ErrNotExist) {
		return -1, "", err
	}
	if dir, err = p.open(path.Dir(p.Path)); err != nil {
		return -1, "", err
	}
	if !isDir(dir) {
		unix.Close(dir)
		return -1, "", &os.PathError{Op: "open", Path: path.Dir(p.Path), Err: unix.ENOTDIR}
	}
	return dir, path.Base(p.Path), nil
}

func isDir(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// one copies what is open, O_PATH, to dir/name. at is its path, for people.
func (c *copying) one(source int, at string, dir int, name string, depth int) error {
	var st unix.Stat_t
	if err := unix.Fstat(source, &st); err != nil {
		return &os.PathError{Op: "stat", Path: at, Err: err}
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return c.file(source, at, &st, dir, name)
	case unix.S_IFDIR:
		if depth == maxCopyDepth {
			return fmt.Errorf("%s: directories are nested more than %d deep", at, maxCopyDepth)
		}
		return c.dir(source, at, &st, dir, name, depth)
	case unix.S_IFLNK:
		return c.link(source, at, dir, name)
	}
	c.done.Skipped = append(c.done.Skipped, at)
	return nil
}

// reopen opens for reading what is open O_PATH and known to be no pipe and no device.
func (c *copying) reopen(source int, at string, flags int) (*os.File, error) {
	if err := c.from.as(); err != nil {
		return nil, err
	}
	fd, err := unix.Open("/proc/self/fd/"+strconv.Itoa(source), flags|unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: at, Err: err}
	}
	return os.NewFile(uintptr(fd), at), nil
}

func (c *copying) file(source int, at string, st *unix.Stat_t, dir int, name string) error {
	in, err := c.reopen(source, at, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := c.to.as(); err != nil {
		return err
	}
	staged := stagedName(name)
	fd, err := unix.Openat(dir, staged, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return &os.PathError{Op: "create", Path: name, Err: err}
	}
	out := os.NewFile(uintptr(fd), name)
	n, err := copyData(out, in, st.Size)
	if err == nil {
		err = unix.Fchmod(fd, st.Mode&0o777)
	}
	if err == nil {
		err = unix.UtimesNanoAt(fd, "", []unix.Timespec{st.Mtim, st.Mtim}, unix.AT_EMPTY_PATH)
	}
	err = errors.Join(err, out.Close())
	if err == nil {
		err = unix.Renameat(dir, staged, dir, name)
	}
	if err != nil {
		unix.Unlinkat(dir, staged, 0)
		return &os.PathError{Op: "write", Path: name, Err: err}
	}
	c.done.Files++
	c.done.Bytes += n
	return nil
}

// stagedName is what a file is called until it is whole.
func stagedName(name string) string {
	if len(name) > 200 {
		name = name[:200]
	}
	return ".hostctl-" + strconv.Itoa(os.Getpid()) + "-" + name
}

func (c *copying) link(source int, at string, dir int, name string) error {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(source, "", buf)
	if err != nil {
		return &os.PathError{Op: "readlink", Path: at, Err: err}
	}
	if err := c.to.as(); err != nil {
		return err
	}
	staged := stagedName(name)
	if err = unix.Symlinkat(string(buf[:n]), dir, staged); err == nil {
		if err = unix.Renameat(dir, staged, dir, name); err != nil {
			unix.Unlinkat(dir, staged, 0)
		}
	}
	if err != nil {
		return &os.PathError{Op: "symlink", Path: name, Err: err}
	}
	c.done.Files++
	return nil
}

func (c *copying) dir(source int, at string, st *unix.Stat_t, dir int, name string, depth int) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(source, &fs); err != nil {
		return &os.PathError{Op: "statfs", Path: at, Err: err}
	}
	switch int64(fs.Type) {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP2_SUPER_MAGIC:
		if depth > 0 {
			c.done.Skipped = append(c.done.Skipped, at)
			return nil
		}
	}
	in, err := c.reopen(source, at, unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := c.to.as(); err != nil {
		return err
	}
	made := unix.Mkdirat(dir, name, 0o700)
	if err := made; err != nil && err != unix.EEXIST {
		return &os.PathError{Op: "mkdir", Path: name, Err: err}
	}
	out, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(out)
	for {
		entries, err := in.ReadDir(256)
		for _, e := range entries {
			if err := c.entry(in, at, e.Name(), out, depth); err != nil {
				return err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if made != nil {
		return nil // one that was there stays as it is
	}
	if err := c.to.as(); err != nil {
		return err
	}
	if err := unix.Fchmod(out, st.Mode&0o777); err != nil {
		return &os.PathError{Op: "chmod", Path: name, Err: err}
	}
	return nil
}

func (c *copying) entry(in *os.File, at, name string, out, depth int) error {
	if err := c.from.as(); err != nil {
		return err
	}
	fd, err := unix.Openat(int(in.Fd()), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return nil // gone meanwhile
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: at + "/" + name, Err: err}
	}
	defer unix.Close(fd)
	return c.one(fd, at+"/"+name, out, name, depth+1)
}

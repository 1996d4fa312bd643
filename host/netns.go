package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// NamedNamespace is an entry of /run/netns.
type NamedNamespace struct {
	Namespace
	// Mounted says that a network namespace is mounted there; the Inode is 0 otherwise.
	Mounted bool
	// Mark is the alias of the namespace's loopback link; of an entry that is
	// a plain file, what the file holds. It may be anybody's text.
	Mark string
}

// markMax is more than the kernel takes as alias (IFALIASZ).
const markMax = 256

// Namespaces returns the entries of /run/netns, by name. Entries that are
// neither a network namespace nor a plain file are returned without a mark.
func (n *Netlink) Namespaces() ([]NamedNamespace, error) {
	entries, err := os.ReadDir(n.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("network namespaces: %w", err)
	}
	var found []NamedNamespace
	for _, e := range entries {
		named, ok, err := n.Namespace(e.Name())
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, named)
		}
	}
	return found, nil
}

// Namespace returns the entry of that name in /run/netns, and whether there is one.
func (n *Netlink) Namespace(name string) (NamedNamespace, bool, error) {
	none := NamedNamespace{Namespace: Namespace{Name: name}}
	f, inode, err := n.openEntry(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return none, false, nil
	case errors.Is(err, errNoNamespace):
		none.Mark, err = n.fileMark(name)
		return none, true, err
	case err != nil:
		return none, false, err
	}
	defer f.Close()
	mark, err := loopbackMark(f)
	if err != nil {
		return none, false, fmt.Errorf("network namespace %s: %w", name, err)
	}
	return NamedNamespace{Namespace: Namespace{Name: name, Inode: inode}, Mounted: true, Mark: mark}, true, nil
}

func loopbackMark(f *os.File) (mark string, err error) {
	err = handleAt(f, func(h *netlink.Handle) error {
		l, err := h.LinkByIndex(loopbackIndex)
		if err == nil {
			mark = l.Attrs().Alias
		}
		return err
	})
	return mark, err
}

// loopbackIndex is LOOPBACK_IFINDEX: the loopback link is the first of every namespace.
const loopbackIndex = 1

// errNoNamespace: an entry of /run/netns is no network namespace.
var errNoNamespace = errors.New("not a network namespace")

// openEntry opens the namespace that is mounted at an entry. An entry that is
// anything else, a symbolic link or FIFO too, is errNoNamespace and is not opened.
func (n *Netlink) openEntry(name string) (*os.File, uint64, error) {
	path := filepath.Join(n.dir, name)
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, 0, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return nil, 0, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	if st.Type != unix.NSFS_MAGIC {
		return nil, 0, errNoNamespace
	}
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return nil, 0, err
	}
	var stat unix.Stat_t
	kind, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_NSTYPE)
	if err == nil {
		err = unix.Fstat(int(f.Fd()), &stat)
	}
	if err == nil && kind != unix.CLONE_NEWNET {
		err = errNoNamespace
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, stat.Ino, nil
}

// open opens ns, which is not the host's, and fails if another one is in its place.
func (n *Netlink) open(ns Namespace) (*os.File, error) {
	f, inode, err := n.openEntry(ns.Name)
	if err != nil {
		return nil, fmt.Errorf("network namespace %s: %w", ns.Name, err)
	}
	if inode != ns.Inode {
		f.Close()
		return nil, fmt.Errorf("network namespace %s: another namespace took its place", ns.Name)
	}
	return f, nil
}

// fileMark reads the mark in an entry that is a plain file.
func (n *Netlink) fileMark(name string) (string, error) {
	path := filepath.Join(n.dir, name)
	if fi, err := os.Lstat(path); err != nil || !fi.Mode().IsRegular() || fi.Size() > markMax {
		return "", unlessNotExist(err)
	}
	text, err := os.ReadFile(path)
	return string(text), unlessNotExist(err)
}

func unlessNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// inside calls do on a thread that is in the network namespace f, or, where f is
// nil, in a new one. The thread ends with the call: it is never given back to
// the Go runtime, which would run other goroutines in the wrong namespace.
func inside(f *os.File, do func() error) error {
	done := make(chan error, 1)
	var enter func()
	enter = func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The process's first thread cannot end, and stands for the whole
			// process in /proc. Hold it, so that another one does the work.
			defer runtime.UnlockOSThread()
			other := make(chan struct{})
			go func() { defer close(other); enter() }()
			<-other
			return
		}
		var err error
		if f == nil {
			err = os.NewSyscallError("unshare CLONE_NEWNET", unix.Unshare(unix.CLONE_NEWNET))
		} else {
			err = os.NewSyscallError("setns CLONE_NEWNET", unix.Setns(int(f.Fd()), unix.CLONE_NEWNET))
		}
		if err == nil {
			err = do()
		}
		done <- err
	}
	go enter()
	return <-done
}

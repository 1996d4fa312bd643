package host

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

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

// Stack is what is inside a network namespace.
type Stack struct {
	Links     []Link
	Routes    []Route
	Overrides []Override
	Sysctls   map[string]string
}

// Surveyed is an entry of /run/netns with what is inside it, if that was asked for.
type Surveyed struct {
	NamedNamespace
	Inside *Stack
}

// surveyors is how many namespaces are read at one time.
const surveyors = 4

// Survey returns the entries of /run/netns, by name, each visited once. Where
// one is a network namespace and look is true of its mark, it is returned with what is
// inside, of the sysctls those that look names. Entries that are neither a
// network namespace nor a plain file have no mark. look is called from several goroutines.
func (n *Netlink) Survey(look func(mark string) (sysctls []string, ok bool)) ([]Surveyed, error) {
	entries, err := os.ReadDir(n.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("network namespaces: %w", err)
	}
	var (
		found = make([]Surveyed, len(entries))
		errs  = make([]error, len(entries))
		next  atomic.Int64
		wg    sync.WaitGroup
	)
	for range min(surveyors, len(entries)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(entries)); i = next.Add(1) - 1 {
				found[i], _, errs[i] = n.survey(entries[i].Name(), look)
			}
		})
	}
	wg.Wait()
	found = slices.DeleteFunc(found, func(s Surveyed) bool { return s.Name == "" }) // went away meanwhile
	return found, cmp.Or(errs...)
}

// Namespaces returns the entries of /run/netns, by name, as [Netlink.Survey] does.
func (n *Netlink) Namespaces() ([]NamedNamespace, error) {
	surveyed, err := n.Survey(func(string) ([]string, bool) { return nil, false })
	var found []NamedNamespace
	for _, s := range surveyed {
		found = append(found, s.NamedNamespace)
	}
	return found, err
}

// Namespace returns the entry of that name in /run/netns, and whether there is one.
func (n *Netlink) Namespace(name string) (NamedNamespace, bool, error) {
	s, ok, err := n.survey(name, func(string) ([]string, bool) { return nil, false })
	s.Name = name
	return s.NamedNamespace, ok, err
}

// survey visits one entry; without one it returns a Surveyed without a name.
func (n *Netlink) survey(name string, look func(mark string) ([]string, bool)) (s Surveyed, ok bool, err error) {
	f, inode, err := n.openEntry(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, false, nil
	case errors.Is(err, errNoNamespace):
		s.Name, s.Mark = name, n.fileMark(name)
		return s, true, nil
	case err != nil:
		return s, false, err
	}
	defer f.Close()
	s.Namespace, s.Mounted = Namespace{Name: name, Inode: inode}, true
	err = inside(f, func() error {
		h, err := newHandle()
		if err != nil {
			return err
		}
		defer h.Close()
		lo, err := h.LinkByIndex(loopbackIndex)
		if err != nil {
			return fmt.Errorf("loopback: %w", err)
		}
		s.Mark = lo.Attrs().Alias
		if sysctls, ok := look(s.Mark); ok {
			s.Inside, err = readStack(h, sysctls)
		}
		return err
	})
	switch {
	case errors.Is(err, unix.EPERM):
		err = fmt.Errorf("network namespace %s: only root can look inside: %w", name, err)
	case err != nil:
		err = fmt.Errorf("network namespace %s: %w", name, err)
	}
	return s, true, err
}

// readStack reads the namespace of the calling thread, which h is of.
func readStack(h *netlink.Handle, sysctls []string) (*Stack, error) {
	links, err := listLinks(h)
	if err != nil {
		return nil, err
	}
	routes, refusing, err := listRoutes(h)
	if err != nil {
		return nil, err
	}
	rules, err := listRules()
	if err != nil {
		return nil, err
	}
	values, err := readSysctls(sysctls)
	return &Stack{Links: links, Routes: routes, Overrides: overrides(slices.Concat(rules, refusing)), Sysctls: values}, err
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

// fileMark reads the mark in an entry that is a plain file. An entry of another
// sort, or one that does not let itself be read, has none: it is nobody's, and
// in nobody's way who does not want its name.
func (n *Netlink) fileMark(name string) string {
	fd, err := unix.Open(filepath.Join(n.dir, name), unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	// Not opened before it is known for a plain file: opening a device does things, and a FIFO waits.
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return ""
	}
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return ""
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, markMax+1))
	if err != nil || len(text) > markMax {
		return ""
	}
	return string(text)
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

package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// MoveNamespace makes the namespace that stands as name in /run/netns, with
// this mark, stand as newName with newMark; where the names are equal it changes the mark
// alone. What is in the namespace, processes and all, is not touched. nil also
// where that was so before. A namespace of another mark, and another one at newName, are errors.
//
// It is a second name, then the mark, then the end of the first name, so that the namespace is never
// without one; cut off anywhere, the same call goes on. The second name is an empty file at first: with
// the new mark it would be taken for a namespace that went away.
func (n *Netlink) MoveNamespace(name, mark, newName, newMark string) error {
	fail := func(err error) error {
		if err != nil {
			err = fmt.Errorf("move network namespace %s: %w", name, err)
		}
		return err
	}
	old, there, err := n.Namespace(name)
	if err != nil {
		return fail(err)
	}
	to, taken, err := n.Namespace(newName)
	if err != nil {
		return fail(err)
	}
	switch {
	case to.Mounted && to.Inode != old.Inode && to.Mark == newMark && (!there || !old.Mounted && old.Mark == mark):
		return fail(n.removeEntry(name, there)) // but for the first name's file
	case !old.Mounted:
		return fail(fs.ErrNotExist)
	case old.Mark != mark && old.Mark != newMark:
		return fail(ErrNotOwned)
	case to.Mounted && to.Inode != old.Inode, taken && !to.Mounted && to.Mark != "":
		return fail(fmt.Errorf("%s: %w", newName, fs.ErrExist))
	}
	f, err := n.open(old.Namespace)
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	if !to.Mounted {
		err = n.secondName(f, newName, newMark, taken)
	} else if name == newName {
		err = n.markBelow(name, mark, newMark)
	}
	if err != nil {
		return fail(err)
	}
	err = handleAt(f, func(h *netlink.Handle) error {
		return h.LinkSetAlias(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: loopbackIndex}}, newMark)
	})
	if err != nil {
		return fail(fmt.Errorf("set alias of loopback: %w", err))
	}
	if name == newName {
		return nil
	}
	path := filepath.Join(n.dir, name)
	if err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
		return fail(&fs.PathError{Op: "umount2 MNT_DETACH", Path: path, Err: err})
	}
	below, _, err := n.Namespace(name)
	switch {
	case err != nil:
		return fail(err)
	case below.Mounted || below.Mark != mark && below.Mark != "":
		return fail(errors.New("something else stands below it"))
	}
	return fail(n.removeEntry(name, true))
}

// secondName mounts an open namespace in another place. The mark is in the file
// below as soon as nobody sees it.
func (n *Netlink) secondName(ns *os.File, name, mark string, empty bool) error {
	path := filepath.Join(n.dir, name)
	if empty { // a cut-off call left the file, which is put in again to have it open
		if fi, err := os.Lstat(path); err != nil || !fi.Mode().IsRegular() || fi.Size() > 0 {
			return errors.Join(err, &fs.PathError{Op: "mount", Path: path, Err: fs.ErrExist})
		}
		if err := n.removeEntry(name, true); err != nil {
			return err
		}
	}
	below, err := n.linkEntry(name, "")
	if err != nil {
		return err
	}
	defer below.Close()
	if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", ns.Fd()), path, "none", unix.MS_BIND, ""); err != nil {
		return &fs.PathError{Op: "mount MS_BIND", Path: path, Err: err}
	}
	_, err = below.WriteString(mark)
	return err
}

// markBelow gives the file that a namespace is mounted on another mark where it has the first one, which it has not where the
// namespace was attached by hand. It is reached in a copy of the directory's mount, in which nothing is mounted.
func (n *Netlink) markBelow(name, mark, newMark string) error {
	dir, err := unix.OpenTree(unix.AT_FDCWD, n.dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return &fs.PathError{Op: "open_tree OPEN_TREE_CLONE", Path: n.dir, Err: err}
	}
	defer unix.Close(dir)
	path := filepath.Join(n.dir, name)
	fd, err := unix.Openat(dir, name, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	below := os.NewFile(uintptr(fd), path)
	defer below.Close()
	is := make([]byte, len(mark)+1)
	if size, err := below.ReadAt(is, 0); !errors.Is(err, io.EOF) || string(is[:size]) != mark {
		return nil
	}
	if err := below.Truncate(0); err != nil {
		return err
	}
	_, err = below.WriteAt([]byte(newMark), 0)
	return err
}

// removeEntry removes the file of an entry that nothing is mounted on.
func (n *Netlink) removeEntry(name string, there bool) error {
	if !there {
		return nil
	}
	return unlessNotExist(os.Remove(filepath.Join(n.dir, name)))
}

// HostOwns says whether the namespace belongs to the user namespace of the
// caller: capabilities in any other have no force on it.
func (n *Netlink) HostOwns(ns Namespace) (bool, error) {
	f, err := n.open(ns)
	if err != nil {
		return false, err
	}
	defer f.Close()
	fd, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_USERNS)
	if errors.Is(err, unix.EPERM) {
		return false, nil // it is outside of the caller's
	}
	if err != nil {
		return false, fmt.Errorf("network namespace %s: owner: %w", ns.Name, err)
	}
	defer unix.Close(fd)
	var owner, own unix.Stat_t
	if err := errors.Join(unix.Fstat(fd, &owner), unix.Stat("/proc/self/ns/user", &own)); err != nil {
		return false, fmt.Errorf("network namespace %s: owner: %w", ns.Name, err)
	}
	return owner.Dev == own.Dev && owner.Ino == own.Ino, nil
}

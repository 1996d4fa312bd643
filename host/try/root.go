package try

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"hostctl/host"
)

// stageDir is where the new root is put together. It exists on every machine that systemd runs on,
// and what is mounted on it here is mounted for this namespace alone.
const stageDir = "/run"

// buildRoot leaves the calling process with the throwaway host's mount tree as its root.
func buildRoot(c config) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	mounts, err := host.Mounts()
	if err != nil {
		return err
	}
	var lowers []lower
	for _, m := range visible(mounts) {
		l, err := openLower(m)
		if err != nil {
			return err
		}
		lowers = append(lowers, l)
	}
	var binds []bindFD
	for _, b := range c.Binds {
		f, err := cloneTree(b)
		if err != nil {
			return err
		}
		binds = append(binds, f)
	}
	if err := unix.Mount("hostctl-try", stageDir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0700"); err != nil {
		return fmt.Errorf("mount tmpfs on %s: %w", stageDir, err)
	}
	root := stageDir + "/root"
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	for i, l := range lowers {
		if err := l.mount(root, fmt.Sprint(stageDir, "/", i)); err != nil {
			return err
		}
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("umount old root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := mountKernel(); err != nil {
		return err
	}
	if err := placeAll(c.Fresh, binds); err != nil {
		return err
	}
	// As systemd has it where the kernel starts it: the credentials of a service are mounted by a process with a namespace of its own,
	// from which the mount has to come over.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("make / shared: %w", err)
	}
	return nil
}

// visible leaves of the machine's mounts those that are copied and not hidden by another, parents first.
func visible(all []host.Mount) []host.Mount {
	var ms []host.Mount
	for _, m := range all {
		var st unix.Statx_t
		if copied(m) && unix.Statx(unix.AT_FDCWD, m.Point, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_MNT_ID, &st) == nil && int(st.Mnt_id) == m.ID {
			ms = append(ms, m)
		}
	}
	slices.SortStableFunc(ms, func(a, b host.Mount) int { return len(a.Point) - len(b.Point) })
	return ms
}

// lower is one of the machine's mounts, to be the lower layer of an overlay or to be bound.
type lower struct {
	of  host.Mount
	fd  int // O_PATH
	dir bool
}

func openLower(m host.Mount) (lower, error) {
	fd, err := unix.Open(m.Point, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return lower{}, fmt.Errorf("open %s: %w", m.Point, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return lower{}, fmt.Errorf("stat %s: %w", m.Point, err)
	}
	return lower{m, fd, st.Mode&unix.S_IFMT == unix.S_IFDIR}, nil
}

// mount puts the overlay of l at its place below root, with its upper layer in the directory scratch. A mount that is
// a file, or of a file system that cannot be a lower layer, is bound read-only.
func (l lower) mount(root, scratch string) error {
	target := filepath.Join(root, l.of.Point)
	source := fmt.Sprintf("/proc/self/fd/%d", l.fd)
	if l.dir {
		for _, d := range []string{"", "/upper", "/work"} {
			if err := os.Mkdir(scratch+d, 0o755); err != nil {
				return err
			}
		}
		if err := copyOwner(l.fd, scratch+"/upper"); err != nil {
			return err
		}
		err := unix.Mount("hostctl-try", target, "overlay", 0, "lowerdir="+source+",upperdir="+scratch+"/upper,workdir="+scratch+"/work")
		if err == nil {
			return nil
		}
		if l.of.Point == "/" {
			return fmt.Errorf("mount overlay of %s (%s): %w", l.of.Point, l.of.Type, err)
		}
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s: %w", l.of.Point, err)
	}
	if err := unix.MountSetattr(unix.AT_FDCWD, target, 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return fmt.Errorf("make %s read-only: %w", l.of.Point, err)
	}
	return nil
}

// copyOwner gives the upper layer's root the owner and mode of the lower's: an overlay shows the upper's.
func copyOwner(fd int, upper string) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if err := unix.Chown(upper, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	return unix.Chmod(upper, st.Mode&0o7777)
}

// bindFD is a detached, read-only copy of one of the machine's mount trees.
type bindFD struct {
	target string
	fd     int
	dir    bool
}

func cloneTree(b Bind) (bindFD, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, b.Source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return bindFD{}, fmt.Errorf("open_tree %s: %w", b.Source, err)
	}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return bindFD{}, fmt.Errorf("mount_setattr %s MOUNT_ATTR_RDONLY: %w", b.Source, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return bindFD{}, fmt.Errorf("stat %s: %w", b.Source, err)
	}
	return bindFD{b.Target, fd, st.Mode&unix.S_IFMT == unix.S_IFDIR}, nil
}

// placeAll mounts the fresh directories and the binds, outer ones first.
func placeAll(fresh []string, binds []bindFD) error {
	type place struct {
		path string
		do   func() error
	}
	var all []place
	for _, p := range append([]string{"/root", "/home", stateDir}, fresh...) {
		all = append(all, place{p, func() error { return mountFresh(p) }})
	}
	for _, b := range binds {
		all = append(all, place{b.target, b.mount})
	}
	slices.SortStableFunc(all, func(a, b place) int { return strings.Count(a.path, "/") - strings.Count(b.path, "/") })
	for _, p := range all {
		if err := p.do(); err != nil {
			return err
		}
	}
	return nil
}

// stateDir is where hostctl keeps its ledger: the machine's own is not shown.
const stateDir = "/var/lib/hostctl"

// mountFresh mounts a tmpfs with the mode that the machine's directory has. Where it has none the mode
// is 0755, and 0700 for stateDir.
func mountFresh(path string) error {
	mode := fs.FileMode(0o755)
	if path == stateDir {
		mode = 0o700
	}
	if st, err := os.Stat(path); err == nil {
		mode = st.Mode().Perm()
	} else if err := os.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("fresh directory %s: %w", path, err)
	}
	if err := unix.Mount("tmpfs", path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("mode=%#o", mode)); err != nil {
		return fmt.Errorf("mount tmpfs on %s: %w", path, err)
	}
	return nil
}

func (b bindFD) mount() error {
	if b.dir {
		if err := os.MkdirAll(b.target, 0o755); err != nil {
			return fmt.Errorf("bind: %w", err)
		}
	} else if _, err := os.Stat(b.target); errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(b.target), 0o755); err != nil {
			return fmt.Errorf("bind: %w", err)
		}
		if err := os.WriteFile(b.target, nil, 0o644); err != nil {
			return fmt.Errorf("bind: %w", err)
		}
	}
	target, err := unix.Open(b.target, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("bind: open %s: %w", b.target, err)
	}
	defer unix.Close(target)
	if err := unix.MoveMount(b.fd, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return fmt.Errorf("move_mount %s: %w", b.target, err)
	}
	return nil
}

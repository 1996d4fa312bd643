package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// MountsBelow returns the mount points at p and below it, as this process sees them.
func (d Dirs) MountsBelow(p string) ([]string, error) {
	mounts, err := Mounts()
	if err != nil {
		return nil, err
	}
	full := path.Join("/", d.Root, p)
	var out []string
	for _, m := range mounts {
		if m.Point == full || strings.HasPrefix(m.Point, full+"/") {
			out = append(out, m.Point)
		}
	}
	return out, nil
}

// RemoveDir removes the directory p, which must carry the mark, with all that is in
// it. Nothing is removed while something is mounted at p or below; no mount is
// ever entered and no link followed. The mark goes last: cut short, the removal can be repeated.
func (d Dirs) RemoveDir(ctx context.Context, p, mark string) error {
	err := d.owned(p, mark, func(parent, fd int) error {
		mounts, err := d.MountsBelow(p)
		if err != nil {
			return err
		}
		if len(mounts) > 0 {
			return fmt.Errorf("%s is mounted there: %w", strings.Join(mounts, ", "), unix.EBUSY)
		}
		if err := empty(ctx, fd); err != nil {
			return err
		}
		if err := unix.Unlinkat(parent, path.Base(p), unix.AT_REMOVEDIR); err != nil {
			return err
		}
		return unix.Fsync(parent)
	})
	if err != nil {
		return fmt.Errorf("remove directory %s: %w", p, err)
	}
	return nil
}

// empty removes all that is in the directory top. Directories that are found in
// a directory in top are moved up into top before their turn comes: however deep a
// payload nested them, two descriptors and no stack are enough.
func empty(ctx context.Context, top int) error {
	moved := 0
	return each(ctx, top, func(name string) error {
		sub, err := removeEntry(top, name)
		if err != nil || sub < 0 {
			return err
		}
		defer unix.Close(sub)
		err = each(ctx, sub, func(inner string) error {
			dir, err := removeEntry(sub, inner)
			if err != nil || dir < 0 {
				return err
			}
			unix.Close(dir)
			for {
				err := unix.Renameat2(sub, inner, top, ".hostctl-"+strconv.Itoa(moved), unix.RENAME_NOREPLACE)
				moved++
				if !errors.Is(err, unix.EEXIST) {
					return wrapEntry(inner, err)
				}
			}
		})
		if err != nil {
			return err
		}
		return wrapEntry(name, unix.Unlinkat(top, name, unix.AT_REMOVEDIR))
	})
}

// removeEntry removes what is no directory, and empty directories. It opens any other
// directory and returns its descriptor, -1 when there is nothing left of it.
func removeEntry(at int, name string) (int, error) {
	err := unix.Unlinkat(at, name, 0)
	if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM) {
		// EPERM is what POSIX has for a directory; an immutable file stays EPERM below.
		if e := unix.Unlinkat(at, name, unix.AT_REMOVEDIR); !errors.Is(e, unix.ENOTDIR) {
			err = e
		}
	}
	switch {
	case err == nil, errors.Is(err, unix.ENOENT):
		return -1, nil
	case !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EEXIST):
		return -1, wrapEntry(name, err)
	}
	how := &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	}
	fd, err := unix.Openat2(at, name, how)
	return fd, wrapEntry(name, err)
}

// each calls do with every name in the directory until there is none left. do
// must remove or move away what it is given.
func each(ctx context.Context, fd int, do func(name string) error) error {
	own, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(own), ".")
	defer f.Close()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		// From the start again: what a directory lists after entries were removed is unspecified.
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		names, err := f.Readdirnames(512)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := do(name); err != nil {
				return err
			}
		}
	}
}

func wrapEntry(name string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: "remove", Path: name, Err: err}
}

package host

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// AddNamespace makes a network namespace and mounts it in /run/netns as
// ip-netns(8) does. Its loopback link carries mark before anybody can see it.
// What stands there already is an error, save the plain file with this very
// mark that an interrupted call leaves: the file is linked into place with the
// mark in it, so that it never stands there as nobody's.
func (n *Netlink) AddNamespace(name, mark string) (Namespace, error) {
	fail := func(err error) (Namespace, error) {
		return Namespace{}, fmt.Errorf("make network namespace %s: %w", name, err)
	}
	if err := n.prepareDir(); err != nil {
		return fail(err)
	}
	found, ok, err := n.Namespace(name)
	switch {
	case err != nil:
		return fail(err)
	case !ok:
		err = n.addEntry(name, mark)
	case found.Mounted || found.Mark != mark:
		err = fs.ErrExist
	}
	if err != nil {
		return fail(err)
	}
	path := filepath.Join(n.dir, name)
	err = inside(nil, func() error {
		h, err := newHandle()
		if err != nil {
			return err
		}
		defer h.Close()
		lo := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: loopbackIndex}}
		if err := h.LinkSetAlias(lo, mark); err != nil {
			return fmt.Errorf("set alias of loopback: %w", err)
		}
		if err := unix.Mount("/proc/thread-self/ns/net", path, "none", unix.MS_BIND, ""); err != nil {
			return &fs.PathError{Op: "mount MS_BIND", Path: path, Err: err}
		}
		return nil
	})
	if err != nil {
		return fail(err)
	}
	found, _, err = n.Namespace(name)
	if err != nil {
		return fail(err)
	}
	return found.Namespace, nil
}

// prepareDir makes /run/netns the shared mount that it has to be for a
// namespace to come and go in every mount namespace. The directory is not
// locked as ip(8) does: every user could hold that lock for ever.
func (n *Netlink) prepareDir() error {
	n.mounting.Lock()
	defer n.mounting.Unlock()
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return err
	}
	err := unix.Mount("", n.dir, "none", unix.MS_SHARED|unix.MS_REC, "")
	if err == unix.EINVAL { // it is no mount yet
		if err := unix.Mount(n.dir, n.dir, "none", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return &fs.PathError{Op: "mount MS_BIND|MS_REC", Path: n.dir, Err: err}
		}
		err = unix.Mount("", n.dir, "none", unix.MS_SHARED|unix.MS_REC, "")
	}
	if err != nil {
		return &fs.PathError{Op: "mount MS_SHARED|MS_REC", Path: n.dir, Err: err}
	}
	return nil
}

// addEntry makes the file that a namespace is mounted on, with the mark in it.
func (n *Netlink) addEntry(name, mark string) error {
	f, err := n.linkEntry(name, mark)
	if err != nil {
		return err
	}
	return f.Close()
}

// linkEntry makes such a file with a text in it from the first moment, and leaves it open.
func (n *Netlink) linkEntry(name, text string) (*os.File, error) {
	fd, err := unix.Open(n.dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o444)
	if err != nil {
		return nil, &fs.PathError{Op: "open O_TMPFILE", Path: n.dir, Err: err}
	}
	f := os.NewFile(uintptr(fd), n.dir)
	path := filepath.Join(n.dir, name)
	if _, err = f.WriteString(text); err == nil {
		err = unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
		if err != nil {
			err = &fs.PathError{Op: "link", Path: path, Err: err}
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// DeleteNamespace takes the namespace out of /run/netns; the kernel ends it
// with the last process in it. It fails where the namespace, or a plain file
// that stands there, does not carry mark.
func (n *Netlink) DeleteNamespace(name, mark string) error {
	fail := func(err error) error { return fmt.Errorf("delete network namespace %s: %w", name, err) }
	found, ok, err := n.Namespace(name)
	if err != nil || !ok {
		return err
	}
	if found.Mark != mark {
		return fail(errors.New("it does not carry our mark"))
	}
	path := filepath.Join(n.dir, name)
	if found.Mounted {
		if err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			return fail(&fs.PathError{Op: "umount2 MNT_DETACH", Path: path, Err: err})
		}
		found, ok, err = n.Namespace(name)
		if err != nil || !ok {
			return err
		}
		// The file below is empty where the namespace was attached by hand.
		if found.Mounted || found.Mark != mark && found.Mark != "" {
			return fail(errors.New("something else stands below it"))
		}
	}
	if err := os.Remove(path); unlessNotExist(err) != nil {
		return fail(err)
	}
	return nil
}

// Sysctls returns the values of kernel parameters below net. in ns, white space
// within a value as single spaces. What the kernel does not have is left out.
func (n *Netlink) Sysctls(ns Namespace, keys []string) (values map[string]string, err error) {
	err = n.onThread(ns, func() error { values, err = readSysctls(keys); return err })
	return values, err
}

// NewSysctls returns the values that kernel parameters have in a new namespace,
// as [Netlink.Sysctls] does.
func (n *Netlink) NewSysctls(keys []string) (values map[string]string, err error) {
	err = inside(nil, func() error { values, err = readSysctls(keys); return err })
	return values, err
}

// ChangedSysctls returns the kernel parameters below net. in ns that can be written and have another value than in a new namespace, but
// for those of single links other than loopback; values are as those of [Netlink.Sysctls].
func (n *Netlink) ChangedSysctls(ns Namespace) (map[string]string, error) {
	var keys []string
	var values, initial map[string]string
	err := n.onThread(ns, func() (err error) {
		keys, err = allSysctls()
		if err == nil {
			values, err = readSysctls(keys)
		}
		return err
	})
	if err == nil {
		initial, err = n.NewSysctls(keys)
	}
	maps.DeleteFunc(values, func(key, value string) bool { was, ok := initial[key]; return !ok || was == value })
	return values, err
}

// allSysctls are the parameters of the thread's namespace that can be read and written.
func allSysctls() (keys []string, err error) {
	const root = "/proc/sys/"
	err = filepath.WalkDir(root+"net", func(path string, d fs.DirEntry, err error) error {
		key := strings.ReplaceAll(strings.TrimPrefix(path, root), "/", ".")
		if err != nil {
			return unlessNotExist(err)
		}
		if d.IsDir() {
			// net.ipv4.conf.eth0, and what a link's name with a dot would be taken for
			if parts := strings.Split(key, "."); len(parts) > 3 && (parts[2] == "conf" || parts[2] == "neigh") && !slices.Contains([]string{"all", "default", "lo"}, parts[3]) {
				return fs.SkipDir
			}
			return nil
		}
		if info, err := d.Info(); err == nil && info.Mode().Perm()&0o600 == 0o600 {
			if _, err := os.ReadFile(path); err == nil { // a secret that nobody has set is EIO
				keys = append(keys, key)
			}
		}
		return nil
	})
	return keys, err
}

// SetSysctl writes a kernel parameter below net. in ns. A kernel that takes the value
// and then shows another one is an error.
func (n *Netlink) SetSysctl(ns Namespace, key, value string) error {
	path, err := sysctlPath(key)
	if err != nil {
		return err
	}
	return n.onThread(ns, func() error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return fmt.Errorf("sysctl %s: %w", key, errors.Unwrap(err))
		}
		_, err = f.WriteString(value)
		f.Close()
		if err != nil {
			return fmt.Errorf("sysctl %s: set %q: %w", key, value, errors.Unwrap(err))
		}
		now, err := readSysctls([]string{key})
		if err == nil && now[key] != strings.Join(strings.Fields(value), " ") {
			err = fmt.Errorf("sysctl %s: set %q, and the kernel made it %q", key, value, now[key])
		}
		return err
	})
}

// onThread calls do on a thread in ns: /proc/sys/net shows each thread its own.
func (n *Netlink) onThread(ns Namespace, do func() error) error {
	if ns == (Namespace{}) {
		return do()
	}
	f, err := n.open(ns)
	if err != nil {
		return err
	}
	defer f.Close()
	return inside(f, do)
}

func readSysctls(keys []string) (map[string]string, error) {
	values := make(map[string]string, len(keys))
	for _, key := range keys {
		path, err := sysctlPath(key)
		if err != nil {
			return nil, err
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("sysctl %s: %w", key, errors.Unwrap(err))
		}
		values[key] = strings.Join(strings.Fields(string(text)), " ")
	}
	return values, nil
}

// sysctlPath refuses every key that could lead anywhere but below /proc/sys/net.
func sysctlPath(key string) (string, error) {
	path := strings.ReplaceAll(key, ".", "/")
	if !strings.HasPrefix(key, "net.") || strings.ContainsAny(key, "/\x00") || filepath.Clean(path) != path {
		return "", fmt.Errorf("sysctl %q: not a parameter of a network namespace", key)
	}
	return "/proc/sys/" + path, nil
}

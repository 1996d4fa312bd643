package try

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mountKernel mounts what a host gets from the kernel. Of /proc/sys only net can be written, /sys and
// sysrq-trigger not at all: the rest of them is the machine's.
//
// A second procfs stands in a directory of root's own. Kernels before 6.17 let a user namespace mount
// procfs only where a mount of it is fully visible (mount_too_revealing), and /proc is not, because of
// the mounts below it.
func mountKernel() error {
	const nsd, nsdx = unix.MS_NOSUID | unix.MS_NODEV, unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	for _, m := range []struct {
		fstype, target string
		flags          uintptr
		data           string
		mkdir          os.FileMode
	}{
		{"proc", "/proc", nsdx, "", 0},
		{"sysfs", "/sys", nsdx | unix.MS_RDONLY, "", 0},
		{"cgroup2", "/sys/fs/cgroup", nsdx, "", 0},
		{"tmpfs", "/dev", unix.MS_NOSUID, "mode=0755", 0},
		{"devpts", "/dev/pts", unix.MS_NOSUID | unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5", 0o755},
		{"tmpfs", "/dev/shm", nsd, "mode=1777", 0o1777},
		{"mqueue", "/dev/mqueue", nsdx, "", 0o755},
		{"tmpfs", "/run", nsd, "mode=0755", 0},
		{"tmpfs", "/tmp", nsd, "mode=1777", 0},
		{"proc", "/run/host/proc", nsdx, "", 0o700},
	} {
		if m.mkdir != 0 {
			if err := os.MkdirAll(m.target, m.mkdir); err != nil {
				return err
			}
		}
		if err := unix.Mount(m.fstype, m.target, m.fstype, m.flags, m.data); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.fstype, m.target, err)
		}
	}
	if err := os.Chmod("/run/host", 0o700); err != nil {
		return err
	}
	if err := readOnlyProc(); err != nil {
		return err
	}
	return makeDevices()
}

func readOnlyProc() error {
	for _, p := range []struct {
		source, target string
		attr           uint64
	}{
		{"/proc/sys", "/proc/sys", unix.MOUNT_ATTR_RDONLY},
		{"/run/host/proc/sys/net", "/proc/sys/net", 0},
		{"/proc/sysrq-trigger", "/proc/sysrq-trigger", unix.MOUNT_ATTR_RDONLY},
	} {
		if _, err := os.Stat(p.source); os.IsNotExist(err) {
			continue // a kernel without it
		}
		if err := unix.Mount(p.source, p.target, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s: %w", p.target, err)
		}
		if err := unix.MountSetattr(unix.AT_FDCWD, p.target, 0, &unix.MountAttr{Attr_set: p.attr}); err != nil {
			return fmt.Errorf("make %s read-only: %w", p.target, err)
		}
	}
	return nil
}

func makeDevices() error {
	old := unix.Umask(0)
	defer unix.Umask(old)
	for _, d := range []struct {
		name         string
		major, minor uint32
	}{{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}} {
		if err := unix.Mknod("/dev/"+d.name, unix.S_IFCHR|0o666, int(unix.Mkdev(d.major, d.minor))); err != nil {
			return fmt.Errorf("mknod /dev/%s: %w", d.name, err)
		}
	}
	for link, target := range map[string]string{
		"/dev/ptmx":   "pts/ptmx",
		"/dev/fd":     "/proc/self/fd",
		"/dev/stdin":  "/proc/self/fd/0",
		"/dev/stdout": "/proc/self/fd/1",
		"/dev/stderr": "/proc/self/fd/2",
	} {
		if err := os.Symlink(target, link); err != nil {
			return err
		}
	}
	return nil
}

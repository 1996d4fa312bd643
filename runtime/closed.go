package runtime

import (
	"errors"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// What a container writes on the host's filesystems other users of the host may reach, and start: as whose programs?

// closedOp makes sure that no user of the host reaches a root directory in which a payload writes as the files' owners.
type closedOp struct{ rootfs string }

func (o closedOp) String() string {
	return "see that " + o.rootfs + " is closed to other users of the host"
}

func (o closedOp) do(*launch) error { return step("rootfs "+o.rootfs, checkClosed(o.rootfs)) }

// checkClosed fails unless the directory is closed.
func checkClosed(dir string) error {
	if closed, err := isClosed(dir); closed || err != nil {
		return err
	}
	return errors.New("root = \"writable\" lets the container make programs in it that other users of the host could start; " +
		"close it to them (chmod 0700 " + path.Dir(dir) + "), or use \"persistent\"")
}

// isClosed says whether the directory, or one above it, is root's and lets nobody else in.
func isClosed(dir string) (bool, error) {
	for at := dir; at != "/"; at = path.Dir(at) {
		fd, err := openDir(at)
		if err != nil {
			return false, err
		}
		var st unix.Stat_t
		err = unix.Fstat(fd, &st)
		unix.Close(fd)
		if err != nil {
			return false, call("fstat("+at+")", err)
		}
		if st.Uid == 0 && st.Mode&0o077 == 0 {
			return true, nil
		}
	}
	return false, nil
}

// setuidOp makes sure that what a whole system makes setuid on a volume is that for nobody of the host's.
type setuidOp struct{ source string }

func (o setuidOp) String() string {
	return "see that " + o.source + " is nosuid, or closed to other users of the host"
}

func (o setuidOp) do(*launch) error { return step("volume "+o.source, CheckSetuid(o.source)) }

// makesSetuid says whether a payload with this spec can make setuid programs on a volume: seccomp lets nobody else than a whole system.
func (s Spec) makesSetuid(m Mount) bool { return s.Boot && !m.ReadOnly }

// CheckSetuid fails where a setuid program below a directory would be one for users of the host: where they reach it, and its
// filesystem or one mounted below it is not mounted nosuid.
func CheckSetuid(dir string) error {
	closed, err := isClosed(dir)
	if closed || err != nil {
		return err
	}
	suid, err := suidMount(dir)
	if suid == "" || err != nil {
		return err
	}
	return errors.New("a whole system can make setuid programs in it, which other users of the host could start; mount the filesystem at " +
		suid + " nosuid, put the volume below a directory that is root's alone (chmod 0700), or mount it read_only")
}

// suidMount is the mount point of the filesystem that a directory is on, or of one mounted below it, that has setuid programs; "" is none.
func suidMount(dir string) (string, error) {
	fd, err := openDir(dir)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return "", call("fstatfs("+dir+")", err)
	}
	if fs.Flags&unix.ST_NOSUID == 0 {
		return mountOf(dir).path, nil
	}
	mounts, err := mountsBelow(dir)
	for _, m := range mounts {
		if m.suid {
			return m.path, nil
		}
	}
	return "", err
}

// hasSuid reads the mount options of mountinfo.
func hasSuid(options string) bool { return !strings.Contains(","+options+",", ",nosuid,") }

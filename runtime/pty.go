package runtime

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// refuseTerminal fails for a descriptor that is a terminal, or may be one: what has the caller's own can read what is typed there after the
// command's end, and write there as if it were the caller's shell.
func refuseTerminal(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return call("fstat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR {
		return nil
	}
	// Every terminal knows its line discipline. One that was hung up says EIO; a device that is none, ENOTTY or EINVAL.
	var discipline int32
	switch _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGETD, uintptr(unsafe.Pointer(&discipline))); errno {
	case unix.ENOTTY, unix.EINVAL:
		return nil
	case 0:
		return errors.New("is a terminal, which does not go into a container: a pipe does, or a terminal of the container's own")
	default:
		return call("ioctl(TIOCGETD)", errno)
	}
}

// openPTY makes a terminal in the container's own devpts. Both sides are opened without following a link, and
// through nothing that is no devpts.
func openPTY(root int, id identity) (master, slave int, err error) {
	const path = "dev/pts/ptmx"
	master, err = unix.Openat2(root, path, &unix.OpenHow{
		Flags:   unix.O_RDWR | unix.O_NOCTTY | unix.O_NONBLOCK | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return -1, -1, call("openat2("+path+", RESOLVE_IN_ROOT|RESOLVE_NO_SYMLINKS)", err)
	}
	slave, err = peer(master, id)
	if err != nil {
		unix.Close(master)
		return -1, -1, err
	}
	return master, slave, nil
}

func peer(master int, id identity) (int, error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(master, &fs); err != nil {
		return -1, call("fstatfs(ptmx)", err)
	}
	if fs.Type != unix.DEVPTS_SUPER_MAGIC {
		return -1, errors.New("/dev/pts/ptmx of the container lies on no devpts")
	}
	unlock := int32(0)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCSPTLCK, uintptr(unsafe.Pointer(&unlock))); errno != 0 {
		return -1, call("ioctl(TIOCSPTLCK)", errno)
	}
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return -1, call("ioctl(TIOCGPTPEER)", errno)
	}
	if err := unix.Fchown(int(fd), int(id.HostUID), int(id.HostGID)); err != nil {
		unix.Close(int(fd))
		return -1, call("fchown(terminal)", err)
	}
	return int(fd), nil
}

// Package landlock is what runtime and host both know of Landlock: which versions there are, and what each can refuse
// (Documentation/userspace-api/landlock.rst).
package landlock

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Attr is struct landlock_ruleset_attr: what a ruleset refuses where no rule of it allows it.
type Attr struct {
	FS     uint64 // LANDLOCK_ACCESS_FS_*
	Net    uint64 // LANDLOCK_ACCESS_NET_*
	Scoped uint64 // LANDLOCK_SCOPE_*
}

// All is all that a version can refuse. abi is one of the kernel's, from 1.
func All(abi int) (all Attr) {
	all.FS = 1<<13 - 1
	for _, right := range []struct {
		since int
		of    *uint64
		bits  uint64
	}{
		{2, &all.FS, unix.LANDLOCK_ACCESS_FS_REFER},
		{3, &all.FS, unix.LANDLOCK_ACCESS_FS_TRUNCATE},
		{4, &all.Net, unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP},
		{5, &all.FS, unix.LANDLOCK_ACCESS_FS_IOCTL_DEV},
		{6, &all.Scoped, unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL},
	} {
		if abi >= right.since {
			*right.of |= right.bits
		}
	}
	return all
}

// ABI is the version of Landlock that the kernel has; 0 where it has none (ENOSYS) or was booted without it (EOPNOTSUPP).
// Whatever else comes of the question is an error: no wall is left out because somebody stands before it.
func ABI() (int, unix.Errno) {
	abi, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch errno {
	case 0:
		return int(abi), 0
	case unix.ENOSYS, unix.EOPNOTSUPP:
		return 0, 0
	}
	return 0, errno
}

// Create makes a ruleset without a rule and returns its descriptor, which is closed on exec. attr is a part of All of the same abi:
// an older kernel knows a shorter struct, and refuses a longer one.
func Create(attr Attr, abi int) (int, unix.Errno) {
	size := unsafe.Sizeof(attr)
	switch {
	case abi < 4:
		size = unsafe.Offsetof(attr.Net)
	case abi < 6:
		size = unsafe.Offsetof(attr.Scoped)
	}
	fd, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	return int(fd), errno
}

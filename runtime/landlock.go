package runtime

import (
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Landlock is the second wall behind the mounts: should a mount be writable that ought not to be, or be
// changed, a file below it still cannot be written (Documentation/userspace-api/landlock.rst). The launcher makes the
// ruleset, the child puts itself under it.

// landlockMin is the least version that is used. Before it (kernel 5.19) a confined program can link or rename no
// file into another directory, which breaks more than the second wall is worth.
const landlockMin = 2

// The rights of a ruleset, LANDLOCK_ACCESS_FS_*: what the payload has everywhere, what it may do besides in /proc, and
// what the init needs of its own program, which lies outside of the tree.
const (
	landlockRun   = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE
	landlockRead  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	landlockWrite = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
)

// landlockAttr is struct landlock_ruleset_attr; an older kernel knows less of it and is given less.
type landlockAttr struct{ fs, net, scoped uint64 }

// landlockAll is all that a version can refuse.
func landlockAll(abi int) (attr landlockAttr, size uintptr) {
	attr.fs, size = 1<<13-1, unsafe.Sizeof(attr.fs)
	for _, right := range []struct {
		since int
		bit   uint64
	}{{2, unix.LANDLOCK_ACCESS_FS_REFER}, {3, unix.LANDLOCK_ACCESS_FS_TRUNCATE}, {5, unix.LANDLOCK_ACCESS_FS_IOCTL_DEV}} {
		if abi >= right.since {
			attr.fs |= right.bit
		}
	}
	if abi >= 6 {
		// Abstract names belong to a network namespace, which containers share with each other where they say so: one's
		// sockets are not the other's (CVE-2020-15257), and neither are its processes.
		attr.scoped, size = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET|unix.LANDLOCK_SCOPE_SIGNAL, unsafe.Sizeof(attr)
	}
	return attr, size
}

// landlockABI is the version of Landlock that the kernel has; 0 where there is none.
func landlockABI() int {
	abi, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(abi)
}

// landlockOp makes the ruleset, without a rule yet.
type landlockOp struct{ abi int }

func (o landlockOp) String() string { return "landlock ABI " + strconv.Itoa(o.abi) }

func (o landlockOp) do(l *launch) error {
	attr, size := landlockAll(o.abi)
	fd, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return call("landlock_create_ruleset", errno)
	}
	l.slots["landlock"] = int(fd)
	return nil
}

// allowOp gives the payload rights below what lies in a slot.
type allowOp struct {
	slot   string
	access uint64
	abi    int
}

func (o allowOp) String() string {
	how := "all"
	switch o.access {
	case landlockRun:
		how = "run"
	case landlockRead:
		how = "read"
	case landlockRead | landlockWrite:
		how = "read, write files"
	}
	return "landlock " + o.slot + ": " + how
}

func (o allowOp) do(l *launch) error {
	all, _ := landlockAll(o.abi)
	// The descriptors are those of the mounts' roots, which the mounts kept when they were attached.
	rule := unix.LandlockPathBeneathAttr{Allowed_access: o.access & all.fs, Parent_fd: int32(l.slots[o.slot])}
	_, _, errno := unix.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(l.slots["landlock"]), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return call("landlock_add_rule("+o.slot+")", errno)
	}
	return nil
}

package runtime

import (
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"hostctl/internal/landlock"
)

// Landlock is the second wall behind the mounts: should a mount be writable that ought not to be, or be
// changed, a file below it still cannot be written (Documentation/userspace-api/landlock.rst). The launcher makes the
// ruleset, the child puts itself under it.

const (
	// LandlockFiles is the least version that is used. Before it (kernel 5.19) a confined program can link or rename no
	// file into another directory, which breaks more than the second wall is worth.
	LandlockFiles = 2
	// LandlockSockets is the first version that keeps abstract sockets apart (kernel 6.12).
	LandlockSockets = 6
)

// The rights of a ruleset, LANDLOCK_ACCESS_FS_*: what the payload has everywhere, what it may do besides in /proc, and
// what the init needs of its own program, which lies outside of the tree.
const (
	landlockRun   = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE
	landlockRead  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	landlockFile  = landlockRun | landlockWrite | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV // all that a file can have
	landlockWrite = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
)

// Abstract names belong to a network namespace, which containers share with each other where they say so: one's sockets are not
// the other's (CVE-2020-15257). Signals need no scope: a pid namespace is one.
const landlockScope = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET

// landlockAll is all of a version that a payload is refused: not TCP, which is its network's matter.
func landlockAll(abi int) landlock.Attr {
	all := landlock.All(abi)
	return landlock.Attr{FS: all.FS, Scoped: all.Scoped & landlockScope}
}

// LandlockABI is the version of Landlock that the kernel has; 0 where it has none (ENOSYS) or was booted without it (EOPNOTSUPP).
// Whatever else comes of the question is an error: no wall is left out because somebody stands before it.
func LandlockABI() (int, error) {
	abi, errno := landlock.ABI()
	if errno != 0 {
		return 0, call("landlock_create_ruleset(LANDLOCK_CREATE_RULESET_VERSION)", errno)
	}
	return abi, nil
}

// landlockRight is what the payload may do below a path, which the launcher has in a slot.
type landlockRight struct {
	path, slot string
	access     uint64
}

// landlockRights are all that a payload with these mounts has.
func landlockRights(s Spec, entries []entry) []landlockRight {
	rights := []landlockRight{
		{"/", "root", landlockRead},
		{"/proc", "proc", landlockRead | landlockWrite},
		{"/dev", "dev", ^uint64(0)},
	}
	if s.Root != RootReadOnly {
		rights[0].access = ^uint64(0)
	}
	for _, e := range entries {
		if !e.ro {
			rights = append(rights, landlockRight{e.target, e.slot, ^uint64(0)})
		}
	}
	return rights
}

// newRuleset makes a ruleset without a rule, which refuses all that it can.
func newRuleset(abi int) (int, error) {
	return createRuleset(landlockAll(abi), abi)
}

// newScope makes a ruleset that refuses others' abstract sockets and nothing else, of LandlockSockets: whoever is under one that knows of
// files can mount nothing, which a whole system does.
func newScope() (int, error) {
	return createRuleset(landlock.Attr{Scoped: landlockScope}, LandlockSockets)
}

func createRuleset(attr landlock.Attr, abi int) (int, error) {
	fd, errno := landlock.Create(attr, abi)
	if errno != 0 {
		return -1, call("landlock_create_ruleset", errno)
	}
	return fd, nil
}

// allow adds a rule: rights below a directory, or on a file.
func allow(ruleset, fd int, name string, access uint64, abi int) error {
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access & landlockAll(abi).FS, Parent_fd: int32(fd)}
	_, _, errno := unix.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return call("landlock_add_rule("+name+")", errno)
	}
	return nil
}

// landlocked says whether a process with these privileges is put under a ruleset of a kernel with this version.
func (p privileges) landlocked(abi int) bool {
	return p.Landlock && abi >= LandlockFiles || p.Scope && abi >= LandlockSockets
}

// scopeOp makes the ruleset of a whole system.
type scopeOp struct{}

func (scopeOp) String() string { return "landlock: no abstract sockets of others" }

func (scopeOp) do(l *launch) error {
	fd, err := newScope()
	if err == nil {
		l.slots["landlock"] = fd
	}
	return err
}

// landlockOp makes the ruleset, without a rule yet.
type landlockOp struct{ abi int }

func (o landlockOp) String() string { return "landlock ABI " + strconv.Itoa(o.abi) }

func (o landlockOp) do(l *launch) error {
	fd, err := newRuleset(o.abi)
	if err == nil {
		l.slots["landlock"] = fd
	}
	return err
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

// The descriptors are those of the mounts' roots, which the mounts kept when they were attached.
func (o allowOp) do(l *launch) error {
	if l.files[o.slot] {
		o.access &= landlockFile
	}
	return allow(l.slots["landlock"], l.slots[o.slot], o.slot, o.access, o.abi)
}

package runtime

import (
	"errors"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// answer is what asking the kernel for an ability gives.
type answer int

const (
	unknown answer = iota // refused for another reason; the start will tell
	has
	hasNot
)

// abilities is everything that a start needs of the kernel, the only such table. Sorted by version.
var abilities = []struct {
	name  string
	since string // first mainline version
	probe func() answer
}{
	{"session keyrings (CONFIG_KEYS)", "2.6.10", func() answer {
		_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_PROCESS_KEYRING, false)
		return answered(err)
	}},
	{"user namespaces (CONFIG_USER_NS)", "3.8", func() answer { return exists("/proc/self/ns/user") }},
	{"cgroup namespaces and cgroup2", "4.6", func() answer { return exists("/proc/self/ns/cgroup") }},
	{"seccomp filters that kill a process (CONFIG_SECCOMP_FILTER)", "4.14", func() answer {
		const getActionAvail, killProcess = 2, 0x80000000
		action := uint32(killProcess)
		_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, getActionAvail, 0, uintptr(unsafe.Pointer(&action)))
		if errno == unix.EINVAL || errno == unix.EOPNOTSUPP {
			return hasNot
		}
		return answered(errnoOrNil(errno))
	}},
	{"the new mount API (fsopen, open_tree, move_mount)", "5.2", func() answer {
		return asked(unix.SYS_OPEN_TREE, ^uintptr(0), 0, ^uintptr(0))
	}},
	{"clone3 with CLONE_CLEAR_SIGHAND", "5.5", func() answer { return asked(unix.SYS_CLONE3, 0, 0, 0) }},
	{"openat2", "5.6", func() answer { return asked(unix.SYS_OPENAT2, ^uintptr(0), 0, 0) }},
	{"close_range with CLOSE_RANGE_CLOEXEC", "5.11", func() answer {
		// An empty range: first above last is EINVAL, and so is an unknown flag; a range of no open descriptor is not.
		const none = 1<<31 - 2
		_, _, errno := unix.RawSyscall(unix.SYS_CLOSE_RANGE, none, none, unix.CLOSE_RANGE_CLOEXEC)
		if errno == unix.EINVAL {
			return hasNot
		}
		return answered(errnoOrNil(errno))
	}},
	{"mount_setattr and idmapped mounts", "5.12", func() answer { return asked(unix.SYS_MOUNT_SETATTR, ^uintptr(0), 0, ^uintptr(0)) }},
}

// overlaySince is the first version whose overlay filesystem takes layers that are mounted with mapped ids, as a root directory is.
const overlaySince = "5.19"

// canOverlay says whether the kernel has the overlay filesystem, and loads its module where there is one. Whether it takes layers with
// mapped ids only such a mount could tell, which nobody but a start makes: the version stands for it.
func canOverlay(idmapped bool) error {
	fd, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return call("fsopen(overlay)", err)
	}
	unix.Close(fd)
	if release := kernelRelease(); idmapped && older(release, overlaySince) {
		return errors.New("Linux " + release + " takes no layer with mapped ids, which needs Linux " + overlaySince)
	}
	return nil
}

// older says whether a release such as "5.10.0-30-amd64" is before a version such as "5.19". What is no release is not.
func older(release, version string) bool {
	number := func(s string) (n [2]int) {
		for i, part := range strings.SplitN(s, ".", 3)[:min(2, strings.Count(s, ".")+1)] {
			for _, c := range []byte(part) {
				if c < '0' || c > '9' {
					break
				}
				n[i] = n[i]*10 + int(c-'0')
			}
		}
		return n
	}
	have, want := number(release), number(version)
	return have[0] != 0 && (have[0] < want[0] || have[0] == want[0] && have[1] < want[1])
}

// kernelRelease is the kernel's version as uname(2) has it; "" where it does not say.
func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// asked makes a system call with arguments that no kernel accepts.
func asked(trap, a1, a2, a3 uintptr) answer {
	_, _, errno := unix.RawSyscall6(trap, a1, a2, a3, 0, 0, 0)
	return answered(errnoOrNil(errno))
}

func errnoOrNil(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

func answered(err error) answer {
	switch {
	case errors.Is(err, unix.ENOSYS):
		return hasNot
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return unknown
	}
	return has
}

func exists(path string) answer {
	switch err := unix.Access(path, unix.F_OK); {
	case err == nil:
		return has
	case errors.Is(err, unix.ENOENT):
		return hasNot
	}
	return unknown
}

// Ability is something that containers use of the kernel.
type Ability struct {
	Name  string
	Since string // the first version of Linux that has it
	// Without is what is done where the kernel has it not; "" where no container starts then.
	Without string
}

// Abilities are all that containers use of the kernel, for the manual: what they need, and what is used where it is there.
func Abilities() []Ability {
	var all []Ability
	for _, a := range abilities {
		all = append(all, Ability{Name: a.name, Since: a.since})
	}
	return append(all,
		Ability{"an overlay filesystem that takes layers with mapped ids", overlaySince, "A container whose root is ephemeral or persistent is refused, unless rootfs has the container's own ids already."},
		Ability{"Landlock ABI 2", "5.19", "The mounts are the only wall against writing."},
		Ability{"idmapped mounts of tmpfs", "6.3", "A volume there is refused, with `run_as` as the remedy, whose account is mapped to itself."},
		Ability{"Landlock ABI 6", "6.12", "Containers that share a network namespace reach each other's abstract sockets."},
		Ability{"proc for another pid namespace", "6.17", "A process that enters the container's namespaces for that alone mounts it, which the kernel allows where nothing lies over the host's."},
	)
}

// Probe says which abilities of the kernel, if any, containers need and this one surely lacks.
func Probe() error {
	var missing []string
	for _, a := range abilities {
		if a.probe() == hasNot {
			missing = append(missing, a.name+" (Linux "+a.since+")")
		}
	}
	if missing == nil {
		return nil
	}
	release := "this kernel"
	if r := kernelRelease(); r != "" {
		release = "Linux " + r
	}
	return errors.New(release + " lacks what containers need: " + strings.Join(missing, ", "))
}

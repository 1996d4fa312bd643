package host

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"hostctl/internal/landlock"
	"hostctl/internal/seccomp"
)

// ConfineSelf takes from this process, for ever, all that computing does not need: from now on it can read and write the
// descriptors that are open, use memory and threads, and end. Any other system call kills it. It is for a child
// of [Confined] to call before it reads a byte, and when it has set its limits: what makes the exec
// possible need not be allowed then, and the kernel puts every thread under the filter at once. Whatever the kernel has and
// does not grant is an error, after which the process must end; only Landlock may be missing.
func ConfineSelf() error {
	// Nobody looks into its memory, also no other process of nobody's; no core is dumped.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl(PR_SET_DUMPABLE): %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl(PR_SET_NO_NEW_PRIVS): %w", err)
	}
	abi, errno := landlock.ABI()
	if errno != 0 {
		return fmt.Errorf("landlock_create_ruleset(LANDLOCK_CREATE_RULESET_VERSION): %w", errno)
	}
	if abi > 0 {
		if err := landlockSelf(abi); err != nil {
			return err
		}
	}
	program := seccomp.Compute(seccomp.Native, os.Getpid())
	filter := &unix.SockFprog{Len: uint16(len(program)), Filter: (*unix.SockFilter)(unsafe.Pointer(&program[0]))} // struct sock_filter, both
	other, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(filter)))
	if errno != 0 {
		return fmt.Errorf("seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC): %w", errno)
	}
	if other != 0 {
		return fmt.Errorf("seccomp(SECCOMP_FILTER_FLAG_TSYNC): thread %d has another filter", other)
	}
	return nil
}

// landlockSelf is the second wall behind the filter: no name of a file leads anywhere, no TCP port and no abstract socket is
// there, no signal leaves the process. Landlock confines a thread (only ABI 8 knows of others), so each is made to ask for it,
// which the runtime can where it has made them all.
func landlockSelf(abi int) error {
	ruleset, errno := landlock.Create(landlock.All(abi), abi)
	if errno != 0 {
		return fmt.Errorf("landlock_create_ruleset: %w", errno)
	}
	defer unix.Close(ruleset)
	_, _, errno = syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0)
	switch {
	case errno == syscall.ENOTSUP:
		return errors.New("a program that was built with cgo has threads that Landlock does not reach: build it with CGO_ENABLED=0, as make does")
	case errno != 0:
		return fmt.Errorf("landlock_restrict_self: %w", errno)
	}
	return nil
}

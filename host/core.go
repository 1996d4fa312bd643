package host

import "golang.org/x/sys/unix"

// NoCore keeps the kernel from ever writing this process's memory to a core (core(5)), to a pipe of core_pattern's neither; programs that it
// executes are as before.
func NoCore() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

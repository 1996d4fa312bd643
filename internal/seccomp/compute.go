package seccomp

import "strings"

// computing are the system calls of a Go program that only computes, with one timer: what its runtime (1.26) makes of
// itself while it runs, grows, collects garbage and dies, and reading and writing what is open. clone makes threads
// alone, tgkill reaches the process alone. Nothing here takes a name, and the only new descriptors are the poller's own.
// Not here, because the environment keeps the runtime from them: prctl (which names mappings), pread64 and
// sched_getaffinity (which follow the cgroup's limit).
const computing = `
clock_gettime clone epoll_create1 epoll_ctl epoll_pwait eventfd2 exit exit_group futex getpid getrandom getrusage gettid
madvise mmap munmap nanosleep read restart_syscall rt_sigaction rt_sigprocmask rt_sigreturn sched_yield sigaltstack tgkill write
`

// Compute returns the program for a process that only computes. Every other system call kills the process. pid is
// the process's own number, in its own namespace.
func Compute(a Arch, pid int) []Instruction {
	var rules [most]Rule
	end := 0
	for i := range rules {
		rules[i] = kill
	}
	for _, r := range table {
		end = max(end, a.number(r)+1)
	}
	for _, name := range strings.Fields(computing) {
		r, ok := find(name)
		if !ok {
			panic("bug: there is no system call " + name)
		}
		n := a.number(r)
		if n < 0 {
			continue
		}
		switch name {
		case "clone":
			rules[n] = thread
		case "tgkill":
			rules[n] = self
		default:
			rules[n] = Allow
		}
	}
	return compiler{uint32(pid)}.program(a, rules[:end], kill)
}

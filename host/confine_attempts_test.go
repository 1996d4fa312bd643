package host

import (
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attempt is a system call that a child must not get through with.
type attempt struct {
	name string
	nr   uintptr
	args [6]uintptr
}

// attempts are made of numbers alone, but for the names of files.
func attempts() []attempt {
	here := ^uintptr(0) - 99 // AT_FDCWD
	name := func(s string) uintptr {
		b, _ := unix.BytePtrFromString(s)
		kept = append(kept, b)
		return uintptr(unsafe.Pointer(b))
	}
	passwd, new, parent := name("/etc/passwd"), name("/tmp/hostctl-confined"), uintptr(os.Getppid())
	room := name(strings.Repeat("x", 512))
	list := []attempt{
		{"open a file", unix.SYS_OPENAT, [6]uintptr{here, passwd, 0}},
		{"make a file", unix.SYS_OPENAT, [6]uintptr{here, new, unix.O_CREAT | unix.O_WRONLY, 0o600}},
		{"open a file by openat2", unix.SYS_OPENAT2, [6]uintptr{here, passwd, room, 24}},
		{"open another's environment", unix.SYS_OPENAT, [6]uintptr{here, name("/proc/1/environ"), 0}},
		{"open its own memory", unix.SYS_OPENAT, [6]uintptr{here, name("/proc/self/mem"), unix.O_RDWR}},
		{"open a file by its handle", unix.SYS_OPEN_BY_HANDLE_AT, [6]uintptr{here, room, 0}},
		{"statx", unix.SYS_STATX, [6]uintptr{here, passwd, 0, 0, room}},
		{"readlinkat", unix.SYS_READLINKAT, [6]uintptr{here, name("/proc/self/exe"), room, 100}},
		{"faccessat", unix.SYS_FACCESSAT, [6]uintptr{here, passwd, 0}},
		{"unlinkat", unix.SYS_UNLINKAT, [6]uintptr{here, new, 0}},
		{"mkdirat", unix.SYS_MKDIRAT, [6]uintptr{here, new, 0o700}},
		{"renameat2", unix.SYS_RENAMEAT2, [6]uintptr{here, new, here, new, 0}},
		{"symlinkat", unix.SYS_SYMLINKAT, [6]uintptr{passwd, here, new}},
		{"linkat", unix.SYS_LINKAT, [6]uintptr{here, passwd, here, new, 0}},
		{"mknodat", unix.SYS_MKNODAT, [6]uintptr{here, new, unix.S_IFIFO | 0o600, 0}},
		{"fchmodat", unix.SYS_FCHMODAT, [6]uintptr{here, new, 0o777}},
		{"fchownat", unix.SYS_FCHOWNAT, [6]uintptr{here, new, 0, 0}},
		{"truncate", unix.SYS_TRUNCATE, [6]uintptr{new, 0}},
		{"chdir", unix.SYS_CHDIR, [6]uintptr{name("/tmp")}},
		{"chroot", unix.SYS_CHROOT, [6]uintptr{name("/tmp")}},
		{"mount", unix.SYS_MOUNT, [6]uintptr{room, new, name("tmpfs"), 0, 0}},
		{"umount2", unix.SYS_UMOUNT2, [6]uintptr{name("/proc"), unix.MNT_DETACH}},
		{"fsopen", unix.SYS_FSOPEN, [6]uintptr{name("tmpfs"), 0}},
		{"open_tree", unix.SYS_OPEN_TREE, [6]uintptr{here, name("/"), unix.OPEN_TREE_CLONE}},
		{"pivot_root", unix.SYS_PIVOT_ROOT, [6]uintptr{name("/tmp"), name("/tmp")}},
		{"execve", unix.SYS_EXECVE, [6]uintptr{name("/bin/true"), 0, 0}},
		{"execveat", unix.SYS_EXECVEAT, [6]uintptr{here, name("/bin/true"), 0, 0, 0}},
		{"fork", unix.SYS_CLONE, [6]uintptr{uintptr(unix.SIGCHLD)}},
		{"clone a user namespace", unix.SYS_CLONE, [6]uintptr{unix.CLONE_NEWUSER | uintptr(unix.SIGCHLD)}},
		{"clone3", unix.SYS_CLONE3, [6]uintptr{room, 64}},
		{"unshare", unix.SYS_UNSHARE, [6]uintptr{unix.CLONE_NEWUSER}},
		{"setns", unix.SYS_SETNS, [6]uintptr{0, 0}},
		{"kill the parent", unix.SYS_KILL, [6]uintptr{parent, uintptr(unix.SIGKILL)}},
		{"kill everything", unix.SYS_KILL, [6]uintptr{^uintptr(0), 0}},
		{"kill a thread of the parent", unix.SYS_TGKILL, [6]uintptr{parent, parent, 0}},
		{"pidfd_open", unix.SYS_PIDFD_OPEN, [6]uintptr{parent, 0}},
		{"ptrace", unix.SYS_PTRACE, [6]uintptr{unix.PTRACE_ATTACH, parent}},
		{"process_vm_readv", unix.SYS_PROCESS_VM_READV, [6]uintptr{parent, room, 1, room, 1, 0}},
		{"prlimit the parent", unix.SYS_PRLIMIT64, [6]uintptr{parent, unix.RLIMIT_NOFILE, 0, room}},
		{"prlimit itself", unix.SYS_PRLIMIT64, [6]uintptr{0, unix.RLIMIT_DATA, room, 0}},
		{"sched_setaffinity", unix.SYS_SCHED_SETAFFINITY, [6]uintptr{parent, 8, room}},
		{"io_uring_setup", unix.SYS_IO_URING_SETUP, [6]uintptr{1, room}},
		{"bpf", unix.SYS_BPF, [6]uintptr{0, room, 64}},
		{"perf_event_open", unix.SYS_PERF_EVENT_OPEN, [6]uintptr{room, 0, ^uintptr(0), ^uintptr(0), 0}},
		{"userfaultfd", unix.SYS_USERFAULTFD, [6]uintptr{0}},
		{"keyctl", unix.SYS_KEYCTL, [6]uintptr{0, 0}},
		{"add_key", unix.SYS_ADD_KEY, [6]uintptr{name("user"), name("x"), room, 1, ^uintptr(0) - 3}},
		{"memfd_create", unix.SYS_MEMFD_CREATE, [6]uintptr{new, 0}},
		{"inotify_init1", unix.SYS_INOTIFY_INIT1, [6]uintptr{0}},
		{"shmget", unix.SYS_SHMGET, [6]uintptr{0, 4096, 0o600}},
		{"msgget", unix.SYS_MSGGET, [6]uintptr{0, 0o600}},
		{"mq_open", unix.SYS_MQ_OPEN, [6]uintptr{name("x"), unix.O_CREAT, 0o600, 0}},
		{"prctl", unix.SYS_PRCTL, [6]uintptr{unix.PR_SET_DUMPABLE, 1}},
		{"seccomp", unix.SYS_SECCOMP, [6]uintptr{unix.SECCOMP_GET_ACTION_AVAIL, 0, room}},
		{"setuid", unix.SYS_SETUID, [6]uintptr{0}},
		{"setgroups", unix.SYS_SETGROUPS, [6]uintptr{0, 0}},
		{"capset", unix.SYS_CAPSET, [6]uintptr{room, room}},
		{"personality", unix.SYS_PERSONALITY, [6]uintptr{0x0400000}},
		{"mprotect", unix.SYS_MPROTECT, [6]uintptr{0, 0, unix.PROT_EXEC}},
		{"fcntl", unix.SYS_FCNTL, [6]uintptr{0, unix.F_DUPFD, 3}},
		{"ioctl", unix.SYS_IOCTL, [6]uintptr{0, unix.TIOCSTI, room}},
		{"pipe2", unix.SYS_PIPE2, [6]uintptr{room, 0}},
		{"socketpair", unix.SYS_SOCKETPAIR, [6]uintptr{unix.AF_UNIX, unix.SOCK_STREAM, 0, room}},
		{"connect", unix.SYS_CONNECT, [6]uintptr{0, room, 16}},
		{"sendmsg", unix.SYS_SENDMSG, [6]uintptr{1, room, 0}},
		{"sethostname", unix.SYS_SETHOSTNAME, [6]uintptr{room, 1}},
		{"init_module", unix.SYS_INIT_MODULE, [6]uintptr{room, 1, room}},
		{"kexec_load", unix.SYS_KEXEC_LOAD, [6]uintptr{0, 0, 0, 0}},
		{"reboot", unix.SYS_REBOOT, [6]uintptr{0, 0, 0, 0}},
		{"clock_settime", unix.SYS_CLOCK_SETTIME, [6]uintptr{0, room}},
		{"a number that is not there", 511, [6]uintptr{}},
	}
	for family, name := range map[uintptr]string{unix.AF_UNIX: "UNIX", unix.AF_INET: "INET", unix.AF_INET6: "INET6", unix.AF_NETLINK: "NETLINK", unix.AF_PACKET: "PACKET", unix.AF_ALG: "ALG", unix.AF_VSOCK: "VSOCK"} {
		list = append(list, attempt{"socket " + name, unix.SYS_SOCKET, [6]uintptr{family, unix.SOCK_DGRAM, 0}})
	}
	if runtime.GOARCH == "amd64" {
		list = append(list, attempt{"getpid of x32", 0x40000000 | unix.SYS_GETPID, [6]uintptr{}})
	}
	return list
}

var kept []*byte // what numbers point to

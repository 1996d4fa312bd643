package seccomp

// Rule is what happens to a system call. The zero Rule denies it.
type Rule uint8

// The rules. What is not allowed fails with EPERM, as it does for want of a capability; a number that is newer than
// the table fails with ENOSYS, so that programs fall back as they do on an older kernel.
const (
	Deny        Rule = iota
	Allow            // whatever its arguments
	Missing          // ENOSYS: callers have a fallback that can be judged, clone for clone3
	Clone            // threads and processes, not namespaces
	Socket           // the families of families
	IOCtl            // every request but TIOCSTI and TIOCLINUX
	Personality      // the harmless ones: PER_LINUX, PER_LINUX32, UNAME26 with either, and asking
	Mode1            // a file mode in the second argument, without S_ISUID and S_ISGID
	Mode2            // the same in the third
	Open             // the same in the third, where the flags in the second make a file
	OpenAt           // the same in the fourth, where the flags in the third do
)

// Allowed are the system calls that every payload may make. The list is the intersection of what programs use and
// what Docker's default profile allows without any capability; it leaves out of the latter ptrace, process_vm_readv
// and process_vm_writev, which one process of a container needs only to look into another.
//
// Not here, and not by oversight: the mount and namespace calls (a payload without capabilities has no use for
// them, and most escapes go through them), bpf, perf_event_open, userfaultfd, io_uring (the kernel's most attacked parts), keyctl and its like (keys
// are not namespaced), open_by_handle_at (reaches any inode of a filesystem), kexec, modules, swap, reboot, clock and
// host settings, quotactl, lookup_dcookie, acct, nfsservctl, ioperm and iopl.
const allowed = `
accept accept4 access adjtimex alarm arch_prctl bind brk cachestat capget capset chdir chown clock_adjtime
clock_getres clock_gettime clock_nanosleep close close_range connect copy_file_range dup dup2 dup3 epoll_create
epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve
execveat exit exit_group faccessat faccessat2 fadvise64 fallocate fanotify_mark fchdir fchown fchownat fcntl
fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstatfs fsync ftruncate futex futex_requeue
futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid
geteuid getgid getgroups getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid
getresuid getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getxattr getxattrat
inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents
io_setup io_submit ioprio_get ioprio_set kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown
lgetxattr link linkat listen listmount listxattr listxattrat llistxattr lremovexattr lseek lsetxattr lstat madvise
map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mlock mlock2 mlockall mmap modify_ldt
mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink mremap mseal msgctl msgget msgrcv
msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat pause pidfd_open pidfd_send_signal pipe
pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6
pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recvfrom recvmmsg recvmsg remap_file_pages
removexattr removexattrat rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending
rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max
sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop
semtimedop sendfile sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address setfsgid setfsuid setgid
setgroups setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setsockopt setuid
setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 socketpair splice stat statfs
statmount statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete
timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill truncate
umask uname unlink unlinkat uretprobe utime utimensat utimes vfork vmsplice wait4 waitid write writev
`

// conditional are the system calls whose arguments are looked at, or that are said to be missing. A setuid or setgid file that a payload makes
// on a volume would be one for the host's users: nosuid holds inside. The mode of openat2 lies behind a pointer, which no filter can follow.
var conditional = map[string]Rule{
	"clone": Clone, "clone3": Missing, "socket": Socket, "ioctl": IOCtl, "personality": Personality,
	"chmod": Mode1, "fchmod": Mode1, "creat": Mode1, "mknod": Mode1, "fchmodat": Mode2, "fchmodat2": Mode2, "mknodat": Mode2,
	"open": Open, "openat": OpenAt, "openat2": Missing,
}

const afPacket = 17

// families are the address families whose sockets every payload may make, a bit for each number: those of Docker's default profile
// but AF_PACKET, which comes with a capability. Not among them are the kernel's least looked after protocols (AF_AX25, AF_IPX,
// AF_APPLETALK, AF_NETROM, AF_ROSE, AF_DECnet, AF_ECONET, AF_ATMSVC, AF_IRDA, AF_WANPIPE, AF_ISDN, AF_CAIF), AF_ALG, which gives every
// user the kernel's ciphers, AF_VSOCK, whose addresses no namespace holds, and whatever is newer.
const families uint64 = 1<<0 | 1<<1 | 1<<2 | // AF_UNSPEC, AF_UNIX, AF_INET
	1<<7 | 1<<8 | 1<<9 | 1<<10 | // AF_BRIDGE, AF_ATMPVC, AF_X25, AF_INET6
	1<<13 | 1<<14 | 1<<15 | 1<<16 | 1<<18 | // AF_NETBEUI, AF_SECURITY, AF_KEY, AF_NETLINK, AF_ASH
	1<<21 | 1<<22 | 1<<24 | 1<<26 | 1<<27 | 1<<28 | // AF_RDS, AF_SNA, AF_PPPOX, AF_LLC, AF_IB, AF_MPLS
	1<<29 | 1<<30 | 1<<31 | 1<<32 | 1<<33 | 1<<35 | // AF_CAN, AF_TIPC, AF_BLUETOOTH, AF_IUCV, AF_RXRPC, AF_PHONET
	1<<36 | 1<<39 | 1<<41 | 1<<42 | 1<<43 | 1<<44 | 1<<45 // AF_IEEE802154, AF_NFC, AF_KCM, AF_QIPCRTR, AF_SMC, AF_XDP, AF_MCTP

// Package raw clones a process and lets it do a prepared list of system calls.
//
// Everything a cloned child does is data, made before the clone by ordinary Go:
// the child itself runs a dozen machine instructions in a loop, touches no stack,
// takes no lock and never enters the Go runtime. That makes it safe to share the
// launcher's memory (CLONE_VM), which is what makes it fast, and it leaves nothing
// to copy. The package imports nothing but unsafe, so that it is initialised before
// package syscall: see NoFile.
package raw

import "unsafe"

// Any as Call.Want accepts every result that is not an error number.
const Any = ^uintptr(0)

// Call is one system call of a child. The assembly knows this layout.
type Call struct {
	Trap uintptr
	Args [6]uintptr
	// Want is the result without which the list is abandoned; Any is every success.
	Want uintptr
	// Out receives the result where it is set; it may point into later Calls.
	Out [2]*uintptr
}

// Report is where a failed child says which call it was, and how it ends. The assembly knows this layout. Index
// and Result are written to FD, a pipe, as 16 bytes of the machine's own order; then the child waits until nobody
// has the pipe's other end open any more, or for ReportWait seconds, and exits with Exit. Made by NewReport.
type Report struct {
	Index  int64 // of the failed call; -1 before
	Result int64
	FD     uintptr
	Exit   uintptr
	wait   struct { // struct pollfd: no event is asked for, so that POLLERR ends the wait
		fd              int32
		events, revents int16
	}
	timeout [2]int64 // struct timespec
}

// ReportWait is how many seconds a failed child waits at most for its failure to be read.
const ReportWait = 5

// NewReport makes a Report to the write end of a pipe. With fd -1 it is told to nobody, and the child does not wait.
func NewReport(fd int, exit int) *Report {
	r := &Report{Index: -1, FD: uintptr(fd), Exit: uintptr(exit)}
	r.wait.fd, r.timeout[0] = int32(fd), ReportWait
	if fd < 0 {
		r.wait.fd = 1<<31 - 1 // ppoll passes over negative descriptors, and says POLLNVAL at once to this one
	}
	return r
}

// ReportSize is the number of bytes that a failed child writes.
const ReportSize = 16

// CloneArgs is struct clone_args of clone3(2).
type CloneArgs struct {
	Flags      uint64
	PidFD      uint64
	ChildTID   uint64
	ParentTID  uint64
	ExitSignal uint64
	Stack      uint64
	StackSize  uint64
	TLS        uint64
	SetTID     uint64
	SetTIDSize uint64
	Cgroup     uint64
}

// Clone makes the process and returns its pid, or minus the error number. The child does
// calls in order and, where the last one returns or one fails, reports and exits. With
// CLONE_VFORK it returns when the child has exec'ed or is gone. The caller has all signals
// blocked (a Go handler must not run in the child), passes CLONE_CLEAR_SIGHAND, and
// keeps args, calls and report alive and unmoved until the child is done with them.
func Clone(args *CloneArgs, calls []Call, report *Report) int {
	const sysClone3 = 435
	return int(clone(sysClone3, uintptr(unsafe.Pointer(args)), unsafe.Sizeof(*args), &calls[0], uintptr(len(calls)), report))
}

// CloneBlocked is Clone by clone(2), whose flags a seccomp filter can judge. The child has this process's signal handlers: calls
// must reset them before they unblock a signal. All signals of the calling thread are blocked meanwhile, and restored then: no
// goroutine is moved to another thread in here, so that none has to be locked to its own, for which Go would start a further thread
// and keep it.
//
//go:nosplit
func CloneBlocked(flags uintptr, calls []Call, report *Report) int {
	const setMask = 2
	var old uint64
	if r := int(syscall4(sysRtSigprocmask, setMask, uintptr(unsafe.Pointer(&everySignal)), uintptr(unsafe.Pointer(&old)), 8)); r < 0 {
		return r
	}
	pid := int(clone(sysClone, flags, 0, &calls[0], uintptr(len(calls)), report))
	syscall4(sysRtSigprocmask, setMask, uintptr(unsafe.Pointer(&old)), 0, 8)
	return pid
}

var everySignal = ^uint64(0)

//go:uintptrescapes
func clone(trap, a1, a2 uintptr, calls *Call, n uintptr, report *Report) uintptr

func syscall4(trap, a1, a2, a3, a4 uintptr) uintptr

// Rlimit is struct rlimit64.
type Rlimit struct{ Cur, Max uint64 }

// NoFile is RLIMIT_NOFILE as this process was started with it. Package syscall raises the
// soft limit when it is initialised and would hand the raised one to what is exec'ed;
// this package comes first, because packages are initialised in the order of their paths
// once what they import is. NoFileError is minus the error number where it could not be read, or 0.
var NoFile, NoFileError = startLimit()

func startLimit() (Rlimit, int) {
	r := new(Rlimit)
	result := int(syscall4(sysPrlimit64, 0, rlimitNoFile, 0, uintptr(unsafe.Pointer(r))))
	return *r, min(result, 0)
}

const rlimitNoFile = 7

// forwardTo is the process that onSignal sends to, tellTo the eventfd that onStop adds one to.
var (
	forwardTo, tellTo int32
	one               uint64 = 1
)

// Forward hands every signal of set (bit n-1 for signal n) that this process gets from now on to pid. The handler
// is one kill(2), on whatever thread of Go's the signal finds: Go insists on having some signals unblocked on its
// threads, so that waiting for them on one thread (sigtimedwait, signalfd) would lose those that another gets.
// It returns minus the error number of the first signal that could not be set, or 0.
func Forward(pid int, set uint64) int {
	forwardTo = int32(pid)
	onSignal, _, restore := handlers()
	for sig := uintptr(1); sig <= 64; sig++ {
		if set&(1<<(sig-1)) == 0 {
			continue
		}
		if r := handle(sig, onSignal, restore); r < 0 {
			return r
		}
	}
	return 0
}

// Tell adds one to an eventfd for each signal sig that this process gets from now on. It returns minus the error number, or 0.
func Tell(eventfd int, sig uintptr) int {
	tellTo = int32(eventfd)
	_, onStop, restore := handlers()
	return handle(sig, onStop, restore)
}

func handle(sig, handler, restore uintptr) int {
	action := &sigaction{handler: handler, flags: saRestart | saOnStack, mask: ^uint64(0)}
	if restore != 0 {
		action.flags |= saRestorer
		action.restorer = restore
	}
	return int(syscall4(sysRtSigaction, sig, uintptr(unsafe.Pointer(action)), 0, 8))
}

func handlers() (onSignal, onStop, restore uintptr)

// sigaction is the kernel's struct sigaction.
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

const (
	saRestart  = 0x10000000
	saOnStack  = 0x08000000 // a goroutine's own stack is too small
	saRestorer = 0x04000000
)

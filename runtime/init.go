package runtime

import (
	"encoding/binary"
	goruntime "runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"hostctl/runtime/internal/raw"
)

// InitName is argv[0] of the launcher's second role, the container's process 1. Its arguments are descriptors with colons between
// them: the status pipe, with systemd's socket behind it where the init tells when the payload is ready, and the payload's own where that says
// it; and behind them [initListens] where the payload has sockets of systemd's. Then come the file that the
// payload's label is written to, and the label, both empty without one; the [Duties] as JSON, empty without any; the path of the payload's
// program, and the payload's own arguments.
const InitName = "hostctl-init"

const initListens = "listen"

// initEnv are settings of Go's for the init itself: it allocates next to nothing, so it collects no garbage before there is more of it than
// a payload of many words, or of ever failing probes, makes in weeks, and needs one processor. They stand first in its environment, where they win over the payload's.
var initEnv = []string{"GOGC=off", "GOMEMLIMIT=16MiB", "GOMAXPROCS=1", "GODEBUG="}

// What the init says through the status pipe: an index of initNames from initStage on, or initStarted.
const (
	initStage   = 1 << 32
	initStarted = 1 << 33
)

// Indices of initNames.
const (
	initClone = iota
	initPID
	initForward
	initSession
	initLimit
	initMask
	initOpen
	initLabel
	initExec
	initFcntl
	initEnviron
	initOutput
	initClose
	initLookUp
	initEventfd
)

// initNames are the calls by which the payload, and what the init runs beside it, is started.
var initNames = [...]string{
	"clone(CLONE_VM|CLONE_VFORK)", "getpid", "rt_sigaction", "setsid", "prlimit64(RLIMIT_NOFILE)", "rt_sigprocmask(SIG_SETMASK, [])",
	"openat(label, O_WRONLY)", "write(label)", "execve", "fcntl(status)", "read(/proc/self/environ)",
	"dup3(output)", "close_range(3)", "faccessat(the program of health, post_start or pre_stop, X_OK)",
	"eventfd2",
}

// Init is process 1 of a container. It starts the payload as the user that it is itself, tells the
// launcher through the status pipe once the payload's exec has succeeded, reaps whatever dies, hands every
// signal that it can receive on to the payload, and exits as the payload did: with its status, or 128+n where
// signal n killed it. All of the container dies with it.
//
// Signals go to the payload's process, not to a group: what a program does about its own children on
// a SIGTERM is its own matter (a database that shuts down gently would find its workers killed), as with tini
// and with no init at all. The payload leads a session of its own.
//
// It was exec'ed with every signal blocked. Those that come before the payload is there stay pending, but for the few
// that Go unblocks on other threads of its own: they end the init, and with it a container that had not started.
func Init(args []string) int {
	if len(args) < 7 || unix.Getpid() != 1 {
		return ExitConfig
	}
	var fds []int
	list, listens := strings.CutSuffix(args[1], ":"+initListens)
	for _, word := range strings.Split(list, ":") {
		fd, err := strconv.Atoi(word)
		if err != nil || fd < 3 {
			return ExitConfig
		}
		fds = append(fds, fd)
	}
	duties, err := decodeDuties(args[4])
	if len(fds) > 3 || err != nil {
		return ExitConfig
	}
	status, socket, words := fds[0], -1, -1
	if len(fds) > 1 {
		socket = fds[1]
	}
	if len(fds) > 2 {
		words = fds[2]
	}
	if raw.NoFileError != 0 {
		return initFailed(status, initStage+initLimit, int64(raw.NoFileError))
	}
	env, err := ownEnviron()
	if err != nil {
		return initFailed(status, initStage+initEnviron, errnoOf(err))
	}
	var pins goruntime.Pinner
	defer pins.Unpin()
	unix.Prctl(unix.PR_SET_NAME, pin(&pins, cstr(InitName)), 0, 0, 0)
	// The payload has the same user id; it has no business in here.
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	for _, fd := range fds {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
			return initFailed(status, initStage+initFcntl, errnoOf(err))
		}
	}
	s := &supervisor{words: words, socket: socket, one: one}
	if index, err := s.prepare(duties, args[2:4], env); err != nil {
		return initFailed(status, initStage+index, errnoOf(err))
	}
	start := startPayload
	if listens {
		start = startListening
	}
	pid, report := start(args[2:4], args[5], args[6:], env)
	switch {
	case pid < 0:
		return initFailed(status, initStage+initClone, int64(pid))
	case report.Index >= 0:
		return initFailed(status, initStage+report.Index, report.Result)
	}
	forward := forwardable()
	if duties.PreStop != nil {
		forward &^= 1 << (duties.StopSignal - 1)
	}
	if r := raw.Forward(pid, forward); r < 0 {
		return initFailed(status, initStage+initForward, int64(r))
	}
	s.payload = pid
	if duties.PreStop != nil {
		if r := raw.Tell(s.asked, uintptr(duties.StopSignal)); r < 0 {
			return initFailed(status, initStage+initForward, int64(r))
		}
	}
	unix.PthreadSigmask(unix.SIG_SETMASK, &unix.Sigset_t{}, nil) // what is pending goes to the payload now
	initReport(status, initStarted, 0)
	if socket >= 0 || duties.PreStop != nil {
		go s.supervise()
	}
	code := s.reap()
	// READY=1 comes from this process: one that ended before would be a service that never was ready.
	awaitLauncher(status)
	return code
}

// ownEnviron is the environment that this process was started with, less the init's own. Package syscall's drops
// the second of two equal keys, which is the payload's.
func ownEnviron() ([]string, error) {
	fd, err := unix.Open("/proc/self/environ", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	data, err := readAll(fd, 4096)
	if err != nil {
		return nil, err
	}
	env := strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
	if len(env) < len(initEnv) {
		return nil, unix.EINVAL
	}
	return env[len(initEnv):], nil
}

// initFailed tells the launcher what failed, and waits, but not for ever, until it has said so to the journal: with
// this process the unit's main process ends, and systemd kills what is left.
func initFailed(fd int, index, result int64) int {
	initReport(fd, index, result)
	awaitLauncher(fd)
	return ExitExec
}

// errnoOf is minus the number of an error of package unix.
func errnoOf(err error) int64 {
	if errno, ok := err.(unix.Errno); ok {
		return -int64(errno)
	}
	return -int64(unix.EIO)
}

// awaitLauncher waits, but not for ever, until the launcher has closed its end of the status pipe.
func awaitLauncher(status int) {
	for {
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(status)}}, raw.ReportWait*1000); err != unix.EINTR {
			return
		}
	}
}

// one is what is written to an eventfd.
var one = func() (b [8]byte) { binary.NativeEndian.PutUint64(b[:], 1); return b }()

func initReport(fd int, index, result int64) {
	var b [raw.ReportSize]byte
	binary.NativeEndian.PutUint64(b[:], uint64(index))
	binary.NativeEndian.PutUint64(b[8:], uint64(result))
	unix.Write(fd, b[:])
}

// forwardable is every signal but those that cannot be caught, that tell of the init's own faults, and that
// are the business of its own: its children's (reap waits for them) and Go's preemption.
func forwardable() (set uint64) {
	for sig := unix.Signal(1); sig <= 64; sig++ {
		switch sig {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD, unix.SIGURG,
			unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGTRAP, unix.SIGSYS:
		default:
			set |= 1 << (sig - 1)
		}
	}
	return set
}

// IsInit says whether a program of these arguments is the init.
func IsInit(args []string) bool { return len(args) > 0 && args[0] == InitName }

package runtime

import (
	"encoding/binary"
	goruntime "runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"hostctl/runtime/internal/raw"
)

// InitName is argv[0] of the launcher's second role, the container's process 1. Its arguments are a descriptor, or
// three with colons between them, and behind them [initListens] where the payload has sockets of systemd's; the file that the
// payload's label is written to, and the label, both empty without one; the path of the payload's program, and the payload's own arguments.
const InitName = "hostctl-init"

const initListens = "listen"

// initEnv are settings of Go's for the init itself: it allocates next to nothing, so it collects no garbage and
// needs one processor. They stand first in its environment, where they win over the payload's.
var initEnv = []string{"GOGC=off", "GOMAXPROCS=1", "GODEBUG="}

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
)

// initNames are the calls by which the payload is started.
var initNames = [...]string{
	"clone(CLONE_VM|CLONE_VFORK)", "getpid", "rt_sigaction", "setsid", "prlimit64(RLIMIT_NOFILE)", "rt_sigprocmask(SIG_SETMASK, [])",
	"openat(label, O_WRONLY)", "write(label)", "execve", "fcntl(status)", "read(/proc/self/environ)",
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
	if len(args) < 6 || unix.Getpid() != 1 {
		return ExitConfig
	}
	var fds []int
	words, listens := strings.CutSuffix(args[1], ":"+initListens)
	for _, word := range strings.Split(words, ":") {
		fd, err := strconv.Atoi(word)
		if err != nil || fd < 3 {
			return ExitConfig
		}
		fds = append(fds, fd)
	}
	if len(fds) != 1 && len(fds) != 3 {
		return ExitConfig
	}
	status := fds[0]
	if raw.NoFileError != 0 {
		return initFailed(status, initStage+initLimit, int64(raw.NoFileError))
	}
	env, err := ownEnviron()
	if err != nil {
		return initFailed(status, initStage+initEnviron, errnoOf(err))
	}
	var pins goruntime.Pinner
	unix.Prctl(unix.PR_SET_NAME, pin(&pins, cstr(InitName)), 0, 0, 0)
	// The payload has the same user id; it has no business in here.
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	for _, fd := range fds {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
			return initFailed(status, initStage+initFcntl, errnoOf(err))
		}
	}
	start := startPayload
	if listens {
		start = startListening
	}
	pid, report := start(args[2:4], args[4], args[5:], env, 0)
	switch {
	case pid < 0:
		return initFailed(status, initStage+initClone, int64(pid))
	case report.Index >= 0:
		return initFailed(status, initStage+report.Index, report.Result)
	}
	if r := raw.Forward(pid, forwardable()); r < 0 {
		return initFailed(status, initStage+initForward, int64(r))
	}
	unix.PthreadSigmask(unix.SIG_SETMASK, &unix.Sigset_t{}, nil) // what is pending goes to the payload now
	initReport(status, initStarted, 0)
	if len(fds) == 3 {
		go relayNotify(fds[1], fds[2])
	}
	code := reap(pid)
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

func initReport(fd int, index, result int64) {
	var b [raw.ReportSize]byte
	binary.NativeEndian.PutUint64(b[:], uint64(index))
	binary.NativeEndian.PutUint64(b[8:], uint64(result))
	unix.Write(fd, b[:])
}

// startListening is startPayload for one that is told its own pid by LISTEN_PID (sd_listen_fds(3)). Nobody knows that before the
// clone, after which nothing can be changed: a child that is not the one that was expected ends, and says which it was.
func startListening(label []string, program string, args, env []string, expected int) (pid int, report *raw.Report) {
	const tries = 100 // Go may start a thread meanwhile, which takes a number, but not for ever
	expected = 2
	for range tries {
		for i, e := range env {
			if strings.HasPrefix(e, "LISTEN_PID=") {
				env[i] = "LISTEN_PID=" + strconv.Itoa(expected)
			}
		}
		pid, report = startPayload(label, program, args, env, expected)
		if pid < 0 || report.Index != initPID {
			break
		}
		expected = int(report.Result) + 1
	}
	return pid, report
}

// startPayload clones and execs the payload. It returns once that is decided: report.Index
// is that of initNames that failed, or -1. A payload whose pid is not the expected one does not go on; 0 expects none.
func startPayload(label []string, program string, args, env []string, expected int) (pid int, report *raw.Report) {
	report = raw.NewReport(-1, ExitExec)
	var pins goruntime.Pinner
	defer pins.Unpin()
	argv, envp := vector(args), vector(env)
	calls, names := make([]raw.Call, 0, 80), make([]int64, 0, 80)
	add := func(name int64, c raw.Call) *raw.Call {
		calls, names = append(calls, c), append(names, name)
		return &calls[len(calls)-1]
	}
	if expected != 0 {
		add(initPID, raw.Call{Trap: unix.SYS_GETPID, Want: uintptr(expected)})
	}
	// Go's handlers must not run in the child. clone3 would clear them, but is no call that a filter can judge.
	for sig := uintptr(1); sig <= 64; sig++ {
		if sig != uintptr(unix.SIGKILL) && sig != uintptr(unix.SIGSTOP) {
			add(initForward, raw.Call{Trap: unix.SYS_RT_SIGACTION, Args: [6]uintptr{sig, pin(&pins, &zeroAction), 0, sigsetSize}})
		}
	}
	add(initSession, raw.Call{Trap: unix.SYS_SETSID, Want: raw.Any})
	add(initLimit, raw.Call{Trap: unix.SYS_PRLIMIT64, Args: [6]uintptr{0, unix.RLIMIT_NOFILE, pin(&pins, &raw.NoFile)}}) // Go has raised this process's own
	add(initMask, raw.Call{Trap: unix.SYS_RT_SIGPROCMASK, Args: [6]uintptr{unix.SIG_SETMASK, pin(&pins, &zeroMask), 0, sigsetSize}})
	if label[0] != "" {
		open := add(initOpen, raw.Call{Trap: unix.SYS_OPENAT, Args: [6]uintptr{at, pin(&pins, cstr(label[0])), unix.O_WRONLY | unix.O_CLOEXEC}, Want: raw.Any})
		size := uintptr(len(label[1]))
		open.Out[0] = &add(initLabel, raw.Call{Trap: unix.SYS_WRITE, Args: [6]uintptr{0, pin(&pins, cstr(label[1])), size}, Want: size}).Args[0]
	}
	add(initExec, raw.Call{Trap: unix.SYS_EXECVE, Args: [6]uintptr{pin(&pins, cstr(program)), pin(&pins, &argv[0]), pin(&pins, &envp[0])}, Want: raw.Any})
	pid = raw.CloneFlags(unix.CLONE_VM|unix.CLONE_VFORK|uintptr(unix.SIGCHLD), calls, report)
	if report.Index >= 0 {
		report.Index = names[report.Index]
	}
	return pid, report
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

// reap waits for everything that dies and returns with the payload's exit status.
func reap(pid int) int {
	for {
		var status unix.WaitStatus
		dead, err := unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case err == unix.EINTR:
		case err == unix.ECHILD:
			return ExitExec // cannot be: the payload is a child until it is reaped here
		case dead != pid:
		case status.Signaled():
			return 128 + int(status.Signal())
		default:
			return status.ExitStatus()
		}
	}
}

// IsInit says whether a program of these arguments is the init.
func IsInit(args []string) bool { return len(args) > 0 && args[0] == InitName }

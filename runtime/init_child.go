package runtime

import (
	goruntime "runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"hostctl/runtime/internal/raw"
)

// child is how the init starts programs of one environment, one at a time: the calls up to the exec, made once for all of them. An init
// has few pages of its own, and each child's calls are two of them.
type child struct {
	calls  []raw.Call
	names  []uint8
	report *raw.Report
	pins   goruntime.Pinner
	output [2]*uintptr // where the descriptor goes that becomes its standard output and error
	exec   *[6]uintptr
}

// program is what a child is told to exec: its path and its argument vector, which the child keeps.
type program struct{ path, argv uintptr }

// childWith is what a child has that others have not. The zero value is the payload's.
type childWith struct {
	pid    int  // without which it does not go on; 0 is any
	output bool // of its own, and no descriptor but the standard ones
}

func newChild(label, env []string, with childWith) *child {
	c := &child{calls: make([]raw.Call, 0, 72), names: make([]uint8, 0, 72), report: raw.NewReport(-1, ExitExec)}
	envp := vector(env)
	add := func(name uint8, call raw.Call) *raw.Call {
		if len(c.calls) == cap(c.calls) {
			panic("bug: the init's child has too many calls")
		}
		c.calls, c.names = append(c.calls, call), append(c.names, name)
		return &c.calls[len(c.calls)-1]
	}
	if with.pid != 0 {
		add(initPID, raw.Call{Trap: unix.SYS_GETPID, Want: uintptr(with.pid)})
	}
	// Go's handlers must not run in the child. clone3 would clear them, but is no call that a filter can judge.
	for sig := uintptr(1); sig <= 64; sig++ {
		if sig != uintptr(unix.SIGKILL) && sig != uintptr(unix.SIGSTOP) {
			add(initForward, raw.Call{Trap: unix.SYS_RT_SIGACTION, Args: [6]uintptr{sig, pin(&c.pins, &zeroAction), 0, sigsetSize}})
		}
	}
	add(initSession, raw.Call{Trap: unix.SYS_SETSID, Want: raw.Any})
	if with.output {
		for i := range c.output {
			c.output[i] = &add(initOutput, raw.Call{Trap: unix.SYS_DUP3, Args: [6]uintptr{0, uintptr(1 + i)}, Want: uintptr(1 + i)}).Args[0]
		}
		add(initClose, raw.Call{Trap: unix.SYS_CLOSE_RANGE, Args: [6]uintptr{3, ^uintptr(0) >> 32, unix.CLOSE_RANGE_CLOEXEC}})
	}
	add(initLimit, raw.Call{Trap: unix.SYS_PRLIMIT64, Args: [6]uintptr{0, unix.RLIMIT_NOFILE, pin(&c.pins, &raw.NoFile)}}) // Go has raised this process's own
	add(initMask, raw.Call{Trap: unix.SYS_RT_SIGPROCMASK, Args: [6]uintptr{unix.SIG_SETMASK, pin(&c.pins, &zeroMask), 0, sigsetSize}})
	if label[0] != "" {
		open := add(initOpen, raw.Call{Trap: unix.SYS_OPENAT, Args: [6]uintptr{at, pin(&c.pins, cstr(label[0])), unix.O_WRONLY | unix.O_CLOEXEC}, Want: raw.Any})
		size := uintptr(len(label[1]))
		open.Out[0] = &add(initLabel, raw.Call{Trap: unix.SYS_WRITE, Args: [6]uintptr{0, pin(&c.pins, cstr(label[1])), size}, Want: size}).Args[0]
	}
	c.exec = &add(initExec, raw.Call{Trap: unix.SYS_EXECVE, Args: [6]uintptr{2: pin(&c.pins, &envp[0])}, Want: raw.Any}).Args
	return c
}

func (c *child) program(path string, args []string) program {
	argv := vector(args)
	return program{pin(&c.pins, cstr(path)), pin(&c.pins, &argv[0])}
}

// start clones a child that execs p and returns once the exec is decided: c.report.Index
// is then the index in initNames of the call that failed, or -1. pid is minus the error number where there is no child.
func (c *child) start(p program) (pid int) {
	c.report.Index, c.exec[0], c.exec[1] = -1, p.path, p.argv
	pid = raw.CloneBlocked(unix.CLONE_VM|unix.CLONE_VFORK|uintptr(unix.SIGCHLD), c.calls, c.report)
	if c.report.Index >= 0 {
		c.report.Index = int64(c.names[c.report.Index])
	}
	return pid
}

func startPayload(label []string, program string, args, env []string) (pid int, report *raw.Report) {
	c := newChild(label, env, childWith{})
	defer c.pins.Unpin()
	return c.start(c.program(program, args)), c.report
}

// startListening is startPayload for one that is told its own pid by LISTEN_PID (sd_listen_fds(3)). Nobody knows that before the
// clone, after which nothing can be changed: a child that is not the one that was expected ends, and says which it was.
func startListening(label []string, program string, args, env []string) (pid int, report *raw.Report) {
	const tries = 100 // Go may start a thread meanwhile, which takes a number, but not for ever
	expected := 2
	for range tries {
		for i, e := range env {
			if strings.HasPrefix(e, "LISTEN_PID=") {
				env[i] = "LISTEN_PID=" + strconv.Itoa(expected)
			}
		}
		c := newChild(label, env, childWith{pid: expected})
		pid, report = c.start(c.program(program, args)), c.report
		c.pins.Unpin()
		if pid < 0 || report.Index != initPID {
			break
		}
		expected = int(report.Result) + 1
	}
	return pid, report
}

package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// nobody is the user and group of a confined child that root starts.
const nobody = 65534

// Confined is one run of this program as a process that can do little but
// compute. Its parent gives it: no new privileges, no environment but what Go's
// runtime is to do without, no descriptor but its standard three, and namespaces of its own
// where the kernel permits it: without network, processes or IPC to see. Where root starts it, it is user nobody; of an
// ordinary user it has the id, but in a user namespace in which that is nobody's. It
// dies with its parent. The rest it does itself, before it reads a byte, see
// [ConfineSelf]; its memory and its CPU time it limits itself too, with setrlimit(2):
// for prlimit(2) on another user's process even root may lack the capability.
type Confined struct {
	Args      []string // argv, with the program's name first
	Stdin     []byte
	MaxOutput int // bytes of standard output
}

// Run starts the child, waits for it, and returns its standard output, also with an error: what it wrote until
// then. A child that does not exit with 0 is an error that says which limit it hit, where it
// hit one; what it wrote to standard error is never in it.
func (c Confined) Run(ctx context.Context) ([]byte, error) {
	type result struct {
		out []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		// The thread keeps no_new_privs for ever, so it is not given back: it
		// ends with this goroutine. It must not end sooner, because the
		// child's parent-death signal is tied to it.
		runtime.LockOSThread()
		out, err := c.run(ctx)
		done <- result{out, err}
	}()
	r := <-done
	return r.out, r.err
}

func (c Confined) run(ctx context.Context) ([]byte, error) {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("prctl(PR_SET_NO_NEW_PRIVS): %w", err)
	}
	if err := KeepDescriptors(); err != nil {
		return nil, err
	}
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}
	attr.Cloneflags = syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWCGROUP
	if os.Geteuid() == 0 {
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	} else {
		// Without a map of ids: the process has none of those that files or processes belong to. Its
		// capabilities over the namespaces are gone with the exec.
		attr.Cloneflags |= syscall.CLONE_NEWUSER
	}
	out, err := c.start(ctx, attr)
	if errors.Is(err, errStart) && slices.ContainsFunc(notPermitted, func(no error) bool { return errors.Is(err, no) }) {
		// They are the outer wall: what they would hide the filter of system calls refuses to ask for.
		attr.Cloneflags = 0
		out, err = c.start(ctx, attr)
	}
	return out, err
}

// KeepDescriptors keeps from every program that is started the descriptors that this process
// was itself given without close-on-exec; the standard three apart.
func KeepDescriptors() error {
	if err := unix.CloseRange(3, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close_range(CLOSE_RANGE_CLOEXEC): %w", err)
	}
	return nil
}

var errStart = errors.New("start")

// notPermitted is how clone(2) says that there are no namespaces to be had: no capability, or user namespaces kept from ordinary
// users; a kernel that was built without one of them; the limits of /proc/sys/user.
var notPermitted = []error{syscall.EPERM, syscall.EINVAL, syscall.ENOSPC, syscall.EUSERS}

// environment is a child's. The runtime is to open, follow and name nothing: it has the parent's number of processors,
// and does without the cgroup's files and names of mappings; the local time zone is read from a file, so there is none.
func environment() []string {
	return []string{
		"GOTRACEBACK=none", "GOMEMLIMIT=208MiB", "GOGC=400", "TZ=UTC",
		"GOMAXPROCS=" + strconv.Itoa(runtime.GOMAXPROCS(0)),
		"GODEBUG=containermaxprocs=0,decoratemappings=0,updatemaxprocs=0",
	}
}

func (c Confined) start(ctx context.Context, attr *syscall.SysProcAttr) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = c.Args
	cmd.Dir = "/"
	cmd.Env = environment()
	cmd.SysProcAttr = attr
	cmd.WaitDelay = time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out := &capped{limit: c.MaxOutput, over: cancel}
	errs := &capped{limit: 4096}
	cmd.Stdout, cmd.Stderr = out, errs
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w %s: %w", errStart, c.Args[0], err)
	}
	// A child that dies does not read to the end; Wait tells why.
	io.Copy(stdin, bytes.NewReader(c.Stdin))
	stdin.Close()
	err = cmd.Wait()
	switch {
	case out.exceeded:
		return nil, fmt.Errorf("its answer is longer than %d MiB", c.MaxOutput>>20)
	case err == nil:
		return out.buf.Bytes(), nil
	default:
		return out.buf.Bytes(), death(err, cmd.ProcessState, errs.buf.String(), context.Cause(ctx))
	}
}

// death says in words why the child gave no answer.
func death(err error, state *os.ProcessState, stderr string, cause error) error {
	if cause != nil {
		return cause
	}
	status, _ := state.Sys().(syscall.WaitStatus)
	cpu := state.UserTime() + state.SystemTime()
	switch {
	case strings.Contains(stderr, "out of memory"), strings.Contains(stderr, "cannot allocate memory"):
		return errors.New("it needed more memory than it may have")
	case strings.HasPrefix(stderr, "SIGSEGV") && maxRSS(state) > 128<<20:
		// How Go's runtime now and then meets an mmap(2) that failed.
		return errors.New("it needed more memory than it may have")
	case strings.Contains(stderr, "stack overflow"), strings.Contains(stderr, "stack exceeds"):
		return errors.New("it nests too deeply")
	case status.Signaled() && (status.Signal() == syscall.SIGXCPU || status.Signal() == syscall.SIGKILL):
		return fmt.Errorf("it was ended after %v of CPU time", cpu.Round(10*time.Millisecond))
	case status.Signaled() && status.Signal() == syscall.SIGSYS:
		return errors.New("it asked the kernel for something that it may not have")
	case status.Signaled():
		return fmt.Errorf("it was ended by the signal %s", unix.SignalName(status.Signal()))
	case strings.HasPrefix(stderr, "panic:"), strings.HasPrefix(stderr, "fatal error:"):
		line, _, _ := strings.Cut(stderr, "\n")
		return fmt.Errorf("this is a bug in hostctl: %q", line)
	}
	if line, _, _ := strings.Cut(stderr, "\n"); line != "" {
		return fmt.Errorf("%w: %q", err, line)
	}
	return err
}

// maxRSS is the most memory that a process had, in bytes.
func maxRSS(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return usage.Maxrss << 10 // KiB, getrusage(2)
}

// capped keeps the first bytes that are written to it.
type capped struct {
	buf      bytes.Buffer
	limit    int
	over     func() // called when there is more; nil drops the rest
	exceeded bool
}

func (w *capped) Write(p []byte) (int, error) {
	room := w.limit - w.buf.Len()
	if len(p) > room {
		w.exceeded = true
		if w.over != nil {
			w.over()
			return 0, io.ErrShortWrite
		}
		w.buf.Write(p[:room])
		return len(p), nil
	}
	return w.buf.Write(p)
}

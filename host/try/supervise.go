package try

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bootTimeout is how long the host's systemd may take. It takes under a second on an idle machine.
const bootTimeout = 60 * time.Second

// supervise is the supervisor: it makes the host, reports, waits until the caller or the host is gone,
// and cleans up. Its exit status is 0 when nothing stayed behind.
func supervise() int {
	runtime.LockOSThread() // pid 1 dies with the thread that made it
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE)
	line, err := lineConn()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hostctl: supervisor:", err)
		return 1
	}
	say := json.NewEncoder(line)
	in := bufio.NewReader(line)
	b, err := in.ReadBytes('\n')
	if err != nil {
		return 0 // the caller is gone already
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	go func() {
		io.Copy(io.Discard, in) // ends with the caller
		cancel()
	}()
	s := supervisor{}
	err = s.boot(ctx, b)
	if err == nil {
		say.Encode(report{Pid: s.init.Process.Pid})
		select {
		case <-ctx.Done():
		case <-s.dead:
		}
	} else {
		say.Encode(report{Error: err.Error()})
	}
	if s.dead != nil {
		s.init.Process.Kill()
		<-s.dead
		// Not before the caller is gone or has closed: until then the pid is taken and cannot be mistaken.
		<-ctx.Done()
		s.init.Wait()
	}
	if err := s.removeCgroup(); err != nil {
		say.Encode(report{Error: err.Error()})
		return 1
	}
	return 0
}

type supervisor struct {
	init   *exec.Cmd     // the host's pid 1
	dead   chan struct{} // closed when pid 1 has died; nil before it was started
	cg     *cgroupRoot
	cgroup string // of the host; empty: none yet
	owned  bool   // the cgroup is ours to remove, not the machine's systemd's
	scope  string // the unit that systemd has for it; empty where there is none
	tail   console
}

func (s *supervisor) boot(ctx context.Context, conf []byte) error {
	var err error
	if s.cg, err = openCgroupRoot(); err != nil {
		return err
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socketpair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "init"), os.NewFile(uintptr(fds[1]), "supervisor")
	s.init = stage(initRole, theirs)
	s.init.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Pdeathsig:  syscall.SIGKILL,
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET,
	}
	err = s.init.Start()
	theirs.Close()
	if err != nil {
		ours.Close()
		return fmt.Errorf("start pid 1: %w", err)
	}
	s.dead = make(chan struct{})
	go func() {
		for unix.Waitid(unix.P_PID, s.init.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
		close(s.dead)
	}()
	c, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		return fmt.Errorf("socket of pid 1: %w", err)
	}
	defer c.Close()
	if err := s.enterCgroup(ctx); err != nil {
		return err
	}
	if _, err := c.Write(conf); err != nil { // pid 1 waits for this
		return fmt.Errorf("write to pid 1: %w", err)
	}
	return s.awaitReady(ctx, c.(*net.UnixConn))
}

// enterCgroup puts pid 1 into a cgroup of its own: a delegated scope where the machine's systemd
// owns the tree, else a directory below the supervisor's own cgroup.
func (s *supervisor) enterCgroup(ctx context.Context) error {
	pid := s.init.Process.Pid
	name := fmt.Sprint(cgroupPrefix, os.Getpid())
	if st, err := os.Stat("/run/systemd/system"); err == nil && st.IsDir() {
		if err := startScope(ctx, name+".scope", pid); err != nil {
			return fmt.Errorf("start %s.scope: %w", name, err)
		}
		s.scope = name + ".scope"
		var err error
		s.cgroup, err = cgroupOf(fmt.Sprint(pid))
		return err
	}
	parent, err := cgroupOf("self")
	if err != nil {
		return err
	}
	s.cg.sweep(parent)
	s.cgroup, s.owned = path.Join(parent, name), true
	if err := s.cg.Mkdir(s.cgroup, 0o755); err != nil {
		s.cgroup = ""
		return fmt.Errorf("cgroup v2: %w", err)
	}
	if err := s.cg.enter(s.cgroup, pid); err != nil {
		return fmt.Errorf("cgroup v2: %w", err)
	}
	return nil
}

func (s *supervisor) removeCgroup() error {
	if s.scope != "" {
		defer stopScope(s.scope) // systemd would notice by itself, but later than the caller looks
	}
	if s.cgroup == "" {
		return nil
	}
	if err := s.cg.remove(s.cgroup); err != nil && s.owned {
		return err
	}
	return nil
}

// awaitReady waits for what pid 1 says while it builds the host and for systemd's READY=1.
//
//	pid 1 -> supervisor   {notify socket, console's pty} as SCM_RIGHTS with the text "fds", or the text of an error
//	end-of-file           pid 1 has become systemd
//	notify socket         READY=1 (systemd.service(5), nspawn's --notify-ready=yes)
func (s *supervisor) awaitReady(ctx context.Context, c *net.UnixConn) error {
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	var notify *os.File
	buf, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(8))
	for {
		n, on, _, _, err := c.ReadMsgUnix(buf, oob)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read from pid 1: %w", err)
		}
		if n == 0 {
			break
		}
		if string(buf[:n]) != "fds" {
			return errors.New(string(buf[:n]))
		}
		fds, err := rights(oob[:on])
		if err != nil || len(fds) != 2 {
			return fmt.Errorf("descriptors of pid 1: %w", err)
		}
		notify = os.NewFile(uintptr(fds[0]), "notify")
		go io.Copy(&s.tail, os.NewFile(uintptr(fds[1]), "console"))
	}
	if notify == nil {
		return errors.New("pid 1 died before it became systemd")
	}
	ready := make(chan struct{})
	go readNotify(notify, ready)
	select {
	case <-ready:
		return nil
	case <-s.dead:
		return fmt.Errorf("systemd ended while it started%s", s.tail.String())
	case <-ctx.Done():
		return fmt.Errorf("systemd did not finish starting: %w%s", ctx.Err(), s.tail.String())
	}
}

// readNotify closes ready at READY=1. It reads on for as long as the supervisor lives: systemd would
// wait for room in the socket's queue.
func readNotify(notify *os.File, ready chan struct{}) {
	buf := make([]byte, 4096)
	for {
		n, err := notify.Read(buf)
		if err != nil {
			return
		}
		for l := range bytes.Lines(buf[:n]) {
			if ready != nil && string(bytes.TrimSpace(l)) == "READY=1" {
				close(ready)
				ready = nil
			}
		}
	}
}

func rights(oob []byte) ([]int, error) {
	ms, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(ms) != 1 {
		return nil, fmt.Errorf("control message: %w", err)
	}
	fds, err := unix.ParseUnixRights(&ms[0])
	for _, fd := range fds {
		unix.CloseOnExec(fd)
	}
	return fds, err
}

// console keeps the end of what the host's systemd writes to /dev/console.
type console struct {
	mu sync.Mutex
	b  []byte
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.b = append(c.b, p...)
	if n := len(c.b) - 2048; n > 0 {
		c.b = c.b[n:]
	}
	return len(p), nil
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.b) == 0 {
		return ""
	}
	return "; its console said:\n" + strings.ReplaceAll(string(c.b), "\r", "")
}

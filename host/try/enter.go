package try

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Command is a program to run on a throwaway host, as its root.
type Command struct {
	Args   []string // the program, looked up in the host's PATH, and its arguments
	Env    []string // beside PATH, HOME, container and the caller's TERM, LANG, NO_COLOR, COLORTERM
	Dir    string   // empty: /root
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// Run runs a command on the host and returns its exit status: 128+n where signal n killed it. The error
// is about the command not having been run, or ctx having ended; the command is killed then.
// Its processes stay in the host's init.scope.
func (h *Host) Run(ctx context.Context, c Command) (int, error) {
	if len(c.Args) == 0 {
		return -1, errors.New("throwaway host: no command")
	}
	done := make(chan outcome)
	go h.runOnThread(c, c.exec(ctx), done)
	o := <-done
	if o.err != nil {
		o.err = fmt.Errorf("throwaway host: %s: %w", c.Args[0], o.err)
	}
	if ctx.Err() != nil {
		o.err = ctx.Err()
	}
	return o.exit, o.err
}

type outcome struct {
	exit int
	err  error
}

// runOnThread calls run on a thread that ends with it, because it never leaves the host again. That
// cannot be the process's first thread: that one would stay, and it is what /proc/self speaks of.
func (h *Host) runOnThread(c Command, cmd *exec.Cmd, done chan<- outcome) {
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		defer runtime.UnlockOSThread()
		other := make(chan outcome)
		go h.runOnThread(c, cmd, other) // while this one holds the first thread
		done <- <-other
		return
	}
	exit, err := h.run(cmd, c)
	done <- outcome{exit, err}
}

// run starts cmd from a thread that has joined the host's namespaces, and waits for it.
func (h *Host) run(cmd *exec.Cmd, c Command) (int, error) {
	cg, err := h.cgroup()
	if err != nil {
		return -1, err
	}
	defer cg.Close()
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return -1, fmt.Errorf("unshare CLONE_FS: %w", err)
	}
	const all = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP
	if err := unix.Setns(h.pidfd, all); err != nil {
		if errors.Is(err, unix.ESRCH) {
			return -1, errors.New("the host is not running any more")
		}
		return -1, fmt.Errorf("setns: %w", err)
	}
	if err := dropCapabilities(); err != nil {
		return -1, err
	}
	cmd.Path = cmd.Args[0]
	if !strings.Contains(cmd.Path, "/") {
		if cmd.Path, err = lookPath(cmd.Args[0]); err != nil {
			return -1, err
		}
	}
	cmd.SysProcAttr.UseCgroupFD = true
	cmd.SysProcAttr.CgroupFD = int(cg.Fd())
	if in, out, ok := c.callersTerminal(); ok {
		relay, err := openPTY(cmd, in, out)
		if err != nil {
			return -1, err
		}
		defer relay.Stop()
		if err := cmd.Start(); err != nil {
			return -1, err
		}
		cmd.Stdin.(*os.File).Close() // the slave, which the command has by now
		if err := relay.Start(); err != nil {
			cmd.Process.Kill()
			cmd.Wait()
			return -1, fmt.Errorf("terminal: %w", err)
		}
	} else if err := cmd.Start(); err != nil {
		return -1, err
	}
	err = cmd.Wait()
	var ee *exec.ExitError
	if errors.As(err, &ee) {
		if ws := ee.Sys().(syscall.WaitStatus); ws.Signaled() {
			return 128 + int(ws.Signal()), nil
		}
		return ee.ExitCode(), nil
	}
	if err != nil {
		return -1, err
	}
	return 0, nil
}

// cgroup opens init.scope of the host, whose processes systemd never stops.
func (h *Host) cgroup() (*os.File, error) {
	path, err := cgroupOf(fmt.Sprint(h.pid))
	if err != nil {
		return nil, err
	}
	root, err := openCgroupRoot()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	defer root.dir.Close()
	return root.Open(path)
}

func lookPath(name string) (string, error) {
	for dir := range strings.SplitSeq(hostPath, ":") {
		p := dir + "/" + name
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return p, nil
		}
	}
	return "", exec.ErrNotFound
}

// exec prepares the command. What exec.CommandContext looks up is the machine's: run looks again.
func (c Command) exec(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Err = nil
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, c.Stdout, c.Stderr
	cmd.Dir = c.Dir
	if cmd.Dir == "" {
		cmd.Dir = "/root"
	}
	cmd.Env = []string{"PATH=" + hostPath, "HOME=/root", "USER=root", "LOGNAME=root", "container=hostctl"}
	for _, k := range []string{"TERM", "LANG", "NO_COLOR", "COLORTERM"} {
		if v, ok := os.LookupEnv(k); ok {
			cmd.Env = append(cmd.Env, k+"="+v)
		}
	}
	cmd.Env = append(cmd.Env, c.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	return cmd
}

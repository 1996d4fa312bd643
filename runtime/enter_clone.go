package runtime

import (
	"context"
	"encoding/binary"
	"errors"
	goruntime "runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"hostctl/runtime/internal/raw"
)

// clone makes the child, which enters by itself, and returns when its exec has succeeded.
func (en *entering) clone(ctx context.Context, s *script) (*Entered, error) {
	defer s.pins.Unpin()
	if err := unix.Setns(en.pidfd, unix.CLONE_NEWPID); err != nil {
		return nil, call("setns(container, CLONE_NEWPID)", err)
	}
	// As the child's memory is from its first moment on, in sight of the payload.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, call("prctl(PR_SET_DUMPABLE, 0)", err)
	}
	pid, pidfd, status, err := en.fork(s)
	if err != nil {
		return nil, err
	}
	err = outcomeOf(ctx, pidfd, status, s.names)
	unix.Close(status) // lets a failed child go
	if err == nil {
		return &Entered{PID: pid, PidFD: pidfd}, nil
	}
	unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0) // neither a stop nor a freezer outlasts it
	for {
		if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
			break
		}
	}
	unix.Close(pidfd)
	return nil, err
}

// fork makes the child, and a pipe that comes to its end with the child's exec, or says which call failed.
func (en *entering) fork(s *script) (pid, pidfd, status int, err error) {
	// Nobody else's child gets a copy of the pipe's end, so that none can hold it open, stopped on its own way in.
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return 0, -1, -1, call("pipe2", err)
	}
	defer unix.Close(pipe[1])
	*s.fds.statusRead = uintptr(pipe[0])
	old, err := blockSignals()
	if err != nil {
		unix.Close(pipe[0])
		return 0, -1, -1, err
	}
	defer restoreSignals(old)
	report, fd := raw.NewReport(pipe[1], ExitExec), new(int32)
	const intoCgroup = 0x200000000 // CLONE_INTO_CGROUP
	pid = raw.Clone(&raw.CloneArgs{
		Flags:      unix.CLONE_CLEAR_SIGHAND | unix.CLONE_PIDFD | intoCgroup,
		PidFD:      uint64(pin(&s.pins, fd)),
		ExitSignal: uint64(unix.SIGCHLD),
		Cgroup:     uint64(en.cgroup),
	}, s.calls, report)
	goruntime.KeepAlive(s)
	if pid < 0 {
		unix.Close(pipe[0])
		return 0, -1, -1, call("clone3(CLONE_PIDFD|CLONE_INTO_CGROUP)", unix.Errno(-pid))
	}
	return pid, int(*fd), pipe[0], nil
}

// outcomeOf waits for the end of a child's list of calls, its death, or that of ctx; nil is a child that runs its command.
func outcomeOf(ctx context.Context, pidfd, status int, names []string) error {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return call("eventfd2", err)
	}
	defer unix.Close(wake)
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		unix.Write(wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		close(woken)
	})
	defer func() {
		if !stop() {
			<-woken
		}
	}()
	for {
		fds := []unix.PollFd{{Fd: int32(status), Events: unix.POLLIN}, {Fd: int32(wake), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err == unix.EINTR {
			continue
		} else if err != nil {
			return call("poll", err)
		}
		if fds[0].Revents != 0 {
			return readOutcome(status, names)
		}
		return errors.New("the container held the command up on its way in, and it was killed: " + context.Cause(ctx).Error())
	}
}

// readOutcome reads what a child's pipe says.
func readOutcome(status int, names []string) error {
	data := make([]byte, raw.ReportSize)
	n, err := unix.Read(status, data)
	for err == unix.EINTR {
		n, err = unix.Read(status, data)
	}
	if err != nil {
		return call("read(status)", err)
	}
	if n < raw.ReportSize {
		return nil
	}
	index, result := int64(binary.NativeEndian.Uint64(data)), int64(binary.NativeEndian.Uint64(data[8:]))
	return failedCall(names, index, result)
}

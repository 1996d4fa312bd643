package runtime

import (
	"context"
	"errors"
	goruntime "runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// maxRunOutput is how much of a command's output Run returns: the end of it, in bytes.
const maxRunOutput = 4096

// RunInside runs a command in the container of a record as Enter does, with the payload's own user, an empty standard input and both
// outputs in one, and waits for its end. Within the time or not at all: then it is killed, and that is the error. Status is the exit
// status, or 128+n where signal n killed it.
func (p Paths) RunInside(r Record, args []string, within time.Duration) (output []byte, status int, err error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), within, errors.New("it did not end within "+within.String()))
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		goruntime.LockOSThread() // for good: Enter has used the thread up, and it ends with the goroutine
		output, status, err = p.runInside(ctx, r, args)
	}()
	<-done
	return output, status, err
}

func (p Paths) runInside(ctx context.Context, r Record, args []string) ([]byte, int, error) {
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, 0, call("open(/dev/null)", err)
	}
	defer unix.Close(null)
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, 0, call("pipe2", err)
	}
	defer unix.Close(pipe[0])
	entered, err := p.Enter(ctx, r, Entry{Args: args, Files: [3]int{null, pipe[1], pipe[1]}})
	unix.Close(pipe[1])
	if err != nil {
		return nil, 0, err
	}
	defer unix.Close(entered.PidFD)
	// The child is reaped whatever happens.
	ended := func() (ws unix.WaitStatus) {
		for {
			if _, err := unix.Wait4(entered.PID, &ws, 0, nil); err != unix.EINTR {
				return ws
			}
		}
	}
	var output []byte
	deadline, _ := ctx.Deadline()
	buf, open := make([]byte, maxRunOutput), true
	for {
		fds := []unix.PollFd{{Fd: int32(entered.PidFD), Events: unix.POLLIN}, {Fd: int32(pipe[0]), Events: unix.POLLIN}}
		if !open {
			fds = fds[:1]
		}
		n, err := unix.Poll(fds, int(max(time.Until(deadline).Milliseconds(), 0)))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			entered.Signal(unix.SIGKILL)
			ended()
			if err != nil {
				return output, 0, call("poll", err)
			}
			<-ctx.Done()
			return output, 0, context.Cause(ctx)
		}
		// What it left running may hold the pipe for ever; what it has written itself is there.
		for open {
			n, err := unix.Read(pipe[0], buf)
			if err == unix.EINTR {
				continue
			}
			if open = n > 0 || err == unix.EAGAIN; n <= 0 {
				break
			}
			output = append(output, buf[:n]...)
			output = output[max(len(output)-maxRunOutput, 0):]
			if time.Now().After(deadline) {
				break
			}
		}
		if fds[0].Revents != 0 {
			ws := ended()
			if ws.Signaled() {
				return output, 128 + int(ws.Signal()), nil
			}
			return output, ws.ExitStatus(), nil
		}
	}
}

// StatusText says how a command ended: "exit status 1", or "signal 9".
func StatusText(status int) string {
	if status > 128 {
		return "signal " + strconv.Itoa(status-128)
	}
	return "exit status " + strconv.Itoa(status)
}

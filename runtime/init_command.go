package runtime

import (
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxWhy is how much is said of a failure, in bytes.
const maxWhy = 160

// run runs a command to its end, which is killed with its process group at its time, and with the word to stop. why is "" where its
// status was 0. What it leaves in its process group dies with it; what it writes is read and forgotten, but for the last line.
func (s *supervisor) run(c *command) (why string) {
	s.mu.Lock()
	running := s.running
	s.mu.Unlock()
	if running != 0 {
		return "the one before was killed, and does not end"
	}
	unix.Read(s.ended, s.buffer) // one that ended late
	pipe := &s.pipe
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return "pipe2: " + err.Error()
	}
	defer unix.Close(pipe[0])
	unix.SetNonblock(pipe[0], true)
	why = s.clone(c, pipe[1])
	unix.Close(pipe[1])
	if why != "" {
		return why
	}
	deadline, killed, tail := monotonic()+c.timeout, "", lastLine{}
	s.polled[ofCaller] = unix.PollFd{Fd: int32(s.ended), Events: unix.POLLIN}
	s.polled[ofCaller+1] = unix.PollFd{Fd: int32(pipe[0]), Events: unix.POLLIN}
	for {
		switch got := s.wait(deadline, 2); {
		case got == 1:
			if !tail.read(pipe[0], s.buffer) {
				s.polled[ofCaller+1].Fd = -1
			}
			continue
		case got == 0:
			for range 64 { // what it has left running may write for ever
				if !tail.read(pipe[0], s.buffer) {
					break
				}
			}
			return s.ending(killed, &tail)
		case killed != "": // and does not die: it is the kernel's
			return killed
		case got == stop:
			killed = "it is stopped"
		default:
			killed = "it takes longer than " + c.timeout.String()
		}
		s.kill()
		deadline = monotonic() + time.Second
	}
}

// clone starts a command.
func (s *supervisor) clone(c *command, output int) (why string) {
	for _, fd := range s.child.output {
		*fd = uintptr(output)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch pid := s.child.start(c.program); {
	case pid < 0:
		return "clone: " + unix.Errno(-pid).Error()
	case s.child.report.Index >= 0:
		return initNames[s.child.report.Index] + ": " + unix.Errno(-s.child.report.Result).Error()
	default:
		s.running = pid
	}
	return ""
}

// kill kills the command that runs, and its process group.
func (s *supervisor) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != 0 {
		unix.Kill(-s.running, unix.SIGKILL)
		unix.Kill(s.running, unix.SIGKILL)
	}
}

// ending says how a command ended badly.
func (s *supervisor) ending(killed string, tail *lastLine) (why string) {
	s.mu.Lock()
	result := s.result
	s.mu.Unlock()
	switch {
	case killed != "":
		why = killed
	case result.Signaled():
		why = "signal " + strconv.Itoa(int(result.Signal()))
	case result.ExitStatus() != 0:
		why = "exit status " + strconv.Itoa(result.ExitStatus())
	default:
		return ""
	}
	if line := tail.String(); line != "" {
		why += ": " + line
	}
	return why
}

// lastLine keeps the end of what is written.
type lastLine struct {
	text [maxWhy]byte
	n    int
}

// read reads once, and says whether there may be more.
func (l *lastLine) read(fd int, buffer []byte) bool {
	n, err := unix.Read(fd, buffer)
	if n <= 0 {
		return err == unix.EINTR
	}
	data := buffer[:n]
	if len(data) >= len(l.text) {
		l.n = copy(l.text[:], data[len(data)-len(l.text):])
		return true
	}
	keep := min(l.n, len(l.text)-len(data))
	copy(l.text[:], l.text[l.n-keep:l.n])
	l.n = keep + copy(l.text[keep:], data)
	return true
}

// String is the last line that is not empty, of visible characters.
func (l *lastLine) String() string {
	text := strings.TrimSpace(strings.ToValidUTF8(string(l.text[:l.n]), "?"))
	return strings.Map(visible, oneLine(strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])))
}

// reap waits for everything that dies and returns with the exit status of the payload, or that with which a duty ended it.
func (s *supervisor) reap() int {
	const offsetPID = 16 // of struct siginfo, as waitid(2) fills it in
	var info unix.Siginfo
	for {
		// It stays a zombie until the lock is held: until then its number is nobody else's.
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOWAIT|unix.WALL, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return ExitExec // cannot be: the payload is a child until it is reaped here
		}
		dead := int(*(*int32)(unsafe.Add(unsafe.Pointer(&info), offsetPID)))
		if status, ended := s.bury(dead); ended {
			return status
		}
	}
}

// bury reaps one that is dead, and says how the init ends where that was the payload.
func (s *supervisor) bury(dead int) (status int, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	command := dead == s.running
	if command {
		unix.Kill(-dead, unix.SIGKILL) // what it left in its process group
	}
	var ws unix.WaitStatus
	for {
		if _, err := unix.Wait4(dead, &ws, unix.WALL, nil); err != unix.EINTR {
			break
		}
	}
	switch {
	case command:
		s.running, s.result = 0, ws
		unix.Write(s.ended, s.one[:])
		return 0, false
	case dead != s.payload:
		return 0, false
	case s.code != 0:
		return s.code, true
	case ws.Signaled():
		return 128 + int(ws.Signal()), true
	}
	return ws.ExitStatus(), true
}

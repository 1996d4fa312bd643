package runtime

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The words that a unit's STATUS begins with where its container declares its health. Behind them stands ": " and why, and "; " and what the
// program says of itself.
const (
	Starting  = "starting"
	Healthy   = "healthy"
	Unhealthy = "unhealthy"
)

// HealthWord is which of these words a StatusText begins with; "" is none. No program comes to say one: of one that tries the init says
// that it was the program.
func HealthWord(text string) string {
	for _, word := range []string{Starting, Healthy, Unhealthy} {
		if rest, ok := strings.CutPrefix(text, word); ok && (rest == "" || rest[0] == ':' || rest[0] == ';') {
			return word
		}
	}
	return ""
}

// pulse is what is known of a payload's health. It is pure: what it says hangs on the results that it is given and their times alone.
type pulse struct {
	health  *Health
	begun   time.Duration // of the monotonic clock, as all times here
	failing time.Duration // the first failure that counts since the last success; 0 is none
	pace    time.Duration // between two probes while the payload has not been well yet
	well    bool          // it has been well once
	state   string
}

func newPulse(h *Health, now time.Duration) *pulse {
	return &pulse{health: h, begun: now, pace: firstPace, state: Starting}
}

// A payload that starts is asked soon, and then ever more seldom.
const (
	firstPace = 100 * time.Millisecond
	lastPace  = time.Second
)

// took takes the result of a probe that ended now: ok, or a failure. Unhealthy is who fails for as long as Retries probes in a row take.
func (p *pulse) took(ok bool, now time.Duration) (state string) {
	switch interval := micros(p.health.Interval); {
	case ok:
		p.failing, p.well, p.state = 0, true, Healthy
	case !p.well && now-p.begun < micros(p.health.StartPeriod):
	default:
		if p.failing == 0 {
			p.failing = now
		}
		if uint64((now-p.failing)/interval)+1 >= p.health.Retries {
			p.state = Unhealthy
		}
	}
	return p.state
}

// next is how long to wait before the next probe.
func (p *pulse) next() time.Duration {
	interval := micros(p.health.Interval)
	if p.well {
		return interval
	}
	pace := p.pace
	p.pace = min(2*pace, lastPace)
	return min(pace, interval)
}

func micros(usec uint64) time.Duration { return time.Duration(usec) * time.Microsecond }

// probe asks the payload once. why is "" where it is well.
func (s *supervisor) probe() (why string) {
	h := s.duties.Health
	if len(h.Exec) > 0 {
		return s.run(s.check)
	}
	deadline := monotonic() + micros(h.Timeout)
	fd, err := unix.Socket(s.family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return "socket: " + err.Error()
	}
	defer unix.Close(fd)
	if err = unix.Connect(fd, s.address); err == unix.EINPROGRESS {
		if why := s.await(deadline, fd, unix.POLLOUT); why != "" {
			return "connect: " + why
		}
		if n, e := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); e != nil || n != 0 {
			if err = unix.Errno(n); e != nil {
				err = e
			}
		} else {
			err = nil
		}
	}
	switch {
	case err != nil:
		return "connect: " + err.Error()
	case len(s.request) == 0:
		return ""
	}
	return s.get(fd, deadline)
}

// get asks for the URL through a connection, and reads no more of the answer than its status.
func (s *supervisor) get(fd int, deadline time.Duration) (why string) {
	for sent := 0; sent < len(s.request); {
		n, err := unix.SendmsgN(fd, s.request[sent:], nil, nil, unix.MSG_NOSIGNAL)
		switch {
		case err == unix.EAGAIN:
			if why := s.await(deadline, fd, unix.POLLOUT); why != "" {
				return "write: " + why
			}
		case err != nil && err != unix.EINTR:
			return "write: " + err.Error()
		case err == nil:
			sent += n
		}
	}
	const enough = len("HTTP/1.1 200")
	for got := 0; ; {
		n, err := unix.Read(fd, s.buffer[got:enough])
		switch {
		case err == unix.EAGAIN:
			if why := s.await(deadline, fd, unix.POLLIN); why != "" {
				return "no answer: " + why
			}
		case err != nil && err != unix.EINTR:
			return "read: " + err.Error()
		case err == nil && n == 0:
			return "the answer is no HTTP"
		case err == nil:
			if got += n; got == enough {
				return judge(string(s.buffer[:enough]))
			}
		}
	}
}

// judge says what is wrong with an answer by its first line's begin, as long as "HTTP/1.1 200"; "" for nothing.
func judge(line string) (why string) {
	status, err := strconv.ParseUint(line[9:], 10, 16)
	switch {
	case line[:7] != "HTTP/1." || line[8] != ' ' || err != nil:
		return "the answer is no HTTP"
	case status < 200 || status > 399:
		return "HTTP status " + line[9:]
	}
	return ""
}

// await waits until a descriptor is ready, and says why it is not.
func (s *supervisor) await(deadline time.Duration, fd int, events int16) (why string) {
	s.polled[ofCaller] = unix.PollFd{Fd: int32(fd), Events: events}
	switch s.wait(deadline, 1) {
	case 0:
		return ""
	case stop:
		return "it is stopped"
	}
	return "it takes longer than " + micros(s.duties.Health.Timeout).String()
}

package runtime

import (
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// supervisor is the init beside its reaping: it passes on what the payload says to systemd, asks after its health and runs what goes before
// and after it. All of that is done by one goroutine, a thing at a time: what can take long is a descriptor, and wait is the only
// place where it waits. It allocates nothing that it does not keep, but for the text of failures.
type supervisor struct {
	payload int
	socket  int // systemd's; -1 where the launcher says that the payload is ready
	words   int // the payload's own; -1 without Spec.Notify
	duties  Duties

	child                *child   // of all commands
	check, before, after *command // of Health.Exec, PostStart and PreStop; nil without
	family               int      // and where Health connects to, and what it asks there
	address              unix.Sockaddr
	request              []byte

	pulse    *pulse // nil without Health
	ready    bool   // systemd was told so
	said     bool   // the payload says that it is ready
	why      string // it is not well
	text     string // what the payload says of itself
	told     [3]string
	stopping bool // the payload is to end
	asked    int  // an eventfd, for that; -1 without PreStop
	ended    int  // an eventfd: the command that runs has ended
	pipe     [2]int

	buffer, oob []byte
	polled      [ofCaller + 2]unix.PollFd

	mu      sync.Mutex // held over the clone of a command too, so that its end is not missed
	running int        // the command that runs; 0 is none
	one     [8]byte    // what is written to ended
	result  unix.WaitStatus
	code    int // with which the init ends although the payload ended otherwise; 0 is the payload's own
}

// Indices of polled.
const (
	ofWords = iota
	ofStop
	ofCaller
)

// What wait returns beside an index of the caller's.
const (
	late = -1 // the deadline has passed
	stop = -2 // the payload is to end; said once
)

const forever = time.Duration(1<<63 - 1)

// command is a program that the init runs beside the payload.
type command struct {
	program
	timeout time.Duration
}

// prepare makes all that the duties need. Where it fails it says by which call of initNames.
func (s *supervisor) prepare(d Duties, label, env []string) (index int64, err error) {
	s.duties, s.asked, s.ended = d, -1, -1
	if s.words >= 0 {
		s.buffer, s.oob = make([]byte, maxNotify+1), make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	}
	if d == (Duties{}) {
		return 0, nil
	}
	if s.buffer == nil {
		s.buffer = make([]byte, 1024)
	}
	own := make([]string, 0, len(env)) // what is the payload's alone stays out
	for _, e := range env {
		if !strings.HasPrefix(e, "LISTEN_") {
			own = append(own, e)
		}
	}
	make := func(args []string, timeout uint64) (*command, error) {
		path, err := lookUp(args[0], envValue(own, "PATH"))
		if err != nil {
			return nil, err
		}
		if s.child == nil {
			s.child = newChild(label, own, childWith{output: true})
		}
		return &command{s.child.program(path, args), micros(timeout)}, nil
	}
	if h := d.Health; h != nil && len(h.Exec) > 0 {
		if s.check, err = make(h.Exec, h.Timeout); err != nil {
			return initLookUp, err
		}
	} else if h != nil && h.Address != "" {
		ip, port := h.target()
		if s.family, s.address = unix.AF_INET6, nil; len(ip) == 4 {
			s.family, s.address = unix.AF_INET, &unix.SockaddrInet4{Port: port, Addr: [4]byte(ip)}
		} else {
			s.address = &unix.SockaddrInet6{Port: port, Addr: [16]byte(ip)}
		}
		s.request = []byte(h.request())
	}
	if d.PostStart != nil {
		if s.before, err = make(d.PostStart.Exec, d.PostStart.Timeout); err != nil {
			return initLookUp, err
		}
	}
	if d.PreStop != nil {
		if s.after, err = make(d.PreStop.Exec, d.PreStop.Timeout); err != nil {
			return initLookUp, err
		}
		if s.asked, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
			return initEventfd, err
		}
	}
	if s.ended, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return initEventfd, err
	}
	return 0, nil
}

// lookUp finds a program by its absolute path or in PATH.
func lookUp(name, path string) (string, error) {
	if name[0] == '/' {
		return name, unix.Access(name, unix.X_OK)
	}
	for dir := range strings.SplitSeq(path, ":") {
		if strings.HasPrefix(dir, "/") && unix.Access(dir+"/"+name, unix.X_OK) == nil {
			return dir + "/" + name, nil
		}
	}
	return "", unix.ENOENT
}

func monotonic() time.Duration {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return time.Duration(ts.Nano())
}

// supervise does the duties for as long as the init lives.
func (s *supervisor) supervise() {
	if h := s.duties.Health; h != nil {
		s.pulse = newPulse(h, monotonic())
		s.send(s.statusLine())
	}
	if s.before != nil {
		if why := s.run(s.before); why != "" && !s.stopping {
			s.log("post_start " + s.duties.PostStart.Exec[0] + ": " + why)
			s.end(1)
		}
		s.before = nil
		s.send(s.readyLine() + s.statusLine())
	}
	for !s.stopping && s.pulse != nil && !s.duties.Health.Notify {
		if why := s.probe(); !s.stopping {
			s.took(why)
			s.wait(monotonic()+s.pulse.next(), 0)
		}
	}
	for !s.stopping {
		s.wait(forever, 0)
	}
	if why := s.run(s.after); why != "" {
		s.log("pre_stop " + s.duties.PreStop.Exec[0] + ": " + why)
	}
	unix.Kill(s.payload, syscall.Signal(s.duties.StopSignal))
	for {
		s.wait(forever, 0)
	}
}

// took takes the result of a probe.
func (s *supervisor) took(why string) {
	before := s.pulse.state
	state := s.pulse.took(why == "", monotonic())
	s.why = why
	s.send(s.readyLine() + s.statusLine())
	switch {
	case state == Unhealthy && s.duties.Health.Restart:
		s.log("unhealthy: " + why + "; killed")
		s.end(0)
	case state == Unhealthy && before != Unhealthy:
		s.log("unhealthy: " + why)
	case state == Healthy && before == Unhealthy:
		s.log("healthy again")
	}
}

// end kills the payload, and with it the container. Of a code other than 0 the init dies itself.
func (s *supervisor) end(code int) {
	s.mu.Lock()
	s.code = code
	s.mu.Unlock()
	unix.Kill(s.payload, unix.SIGKILL)
	for {
		s.wait(forever, 0)
	}
}

// readyLine is the word that the payload is ready, once, and when it is; "" else.
func (s *supervisor) readyLine() string {
	if s.ready || s.socket < 0 || s.before != nil || s.words >= 0 && !s.said || s.pulse != nil && s.pulse.state != Healthy {
		return ""
	}
	s.ready = true
	return "READY=1\n"
}

// statusLine is the word of the payload's health where that is another one than was said last; "" else.
func (s *supervisor) statusLine() string {
	if s.pulse == nil {
		return ""
	}
	now := [3]string{s.pulse.state, s.why, s.text}
	if s.pulse.state == Healthy {
		now[1] = ""
	}
	if now == s.told {
		return ""
	}
	s.told = now
	line := "STATUS=" + now[0]
	if now[1] != "" {
		line += ": " + now[1]
	}
	if now[2] != "" {
		line += "; " + now[2]
	}
	return line + "\n"
}

// relay passes on what the payload says. That it is ready may have to wait, and its STATUS comes behind that of its health.
func (s *supervisor) relay() {
	// There is room for the sender and no more: descriptors that come along the kernel closes, so that a barrier
	// (sd_notify_barrier(3)) ends at once.
	n, noob, flags, _, err := unix.Recvmsg(s.words, s.buffer, s.oob, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	if err != nil || flags&unix.MSG_TRUNC != 0 || n > maxNotify || !ofContainer(s.oob[:noob]) {
		return
	}
	out := ""
	for line := range strings.Lines(filterNotify(s.buffer[:n])) {
		text, isStatus := strings.CutPrefix(line, "STATUS=")
		switch {
		case line == "READY=1\n" && !s.ready:
			if s.said = true; s.pulse != nil && s.duties.Health.Notify {
				s.pulse.state = Healthy
			}
			out += s.readyLine()
		case isStatus && s.pulse != nil:
			s.text = strings.TrimSuffix(text, "\n")
		case isStatus && HealthWord(strings.TrimSuffix(text, "\n")) != "":
			out += "STATUS=it says " + text
		default:
			out += line
		}
	}
	if s.send(out + s.statusLine()) {
		// One at a time and not too many: a payload that sends more waits for room in the socket's buffer.
		unix.Nanosleep(&unix.Timespec{Nsec: 5e6}, nil)
	}
}

func (s *supervisor) send(text string) bool {
	if text == "" || s.socket < 0 {
		return false
	}
	unix.Sendto(s.socket, []byte(text), unix.MSG_NOSIGNAL, nil)
	return true
}

// log writes a line to the container's journal.
func (s *supervisor) log(line string) { unix.Write(2, []byte(InitName+": "+line+"\n")) }

// wait waits until one of the n descriptors is ready that the caller has put into polled, and returns its index; late after the
// deadline, and stop. Meanwhile it relays.
func (s *supervisor) wait(deadline time.Duration, n int) int {
	for {
		timeout := -1
		if deadline != forever {
			left := deadline - monotonic()
			if left <= 0 {
				return late
			}
			timeout = int(min((left+time.Millisecond-1)/time.Millisecond, 1<<30))
		}
		s.polled[ofWords] = unix.PollFd{Fd: int32(s.words), Events: unix.POLLIN}
		s.polled[ofStop] = unix.PollFd{Fd: int32(s.asked), Events: unix.POLLIN}
		if _, err := unix.Poll(s.polled[:ofCaller+n], timeout); err != nil {
			continue // EINTR
		}
		if s.polled[ofWords].Revents != 0 {
			s.relay()
		}
		if s.polled[ofStop].Revents != 0 {
			unix.Read(s.asked, s.buffer)
			if !s.stopping {
				s.stopping = true
				return stop
			}
			unix.Kill(s.payload, syscall.Signal(s.duties.StopSignal)) // who asks again does not want to wait
		}
		for i := range n {
			if s.polled[ofCaller+i].Revents != 0 {
				return i
			}
		}
	}
}

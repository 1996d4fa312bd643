package host

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// Failure is how a service's last run ended.
type Failure struct {
	// Result is systemd's word for it: "success", "exit-code", "signal", "core-dump", "timeout",
	// "oom-kill", "start-limit-hit", "protocol", "resources", ...
	Result string
	// Code says what ExecStatus is: "exited", "killed" or "dumped"; "" when no process ran.
	Code string
	// Status is the exit status, or the number of the signal.
	Status int
	// LastLine is the last line of the run's journal; "" where there is none.
	LastLine string
}

// waitid(2) codes, as ExecMainCode has them.
var exitCodes = map[int32]string{1: "exited", 2: "killed", 3: "dumped"}

// Failure reads how a run of the unit ended, the last line of its journal included. An
// invocation of "" is the unit's last run; of an earlier one only the journal knows.
func (s *Systemd) Failure(ctx context.Context, unit, invocation string) (*Failure, error) {
	if strings.HasSuffix(unit, ".socket") {
		return s.socketFailure(ctx, unit)
	}
	p, err := s.Properties(ctx, unit, "Service.Result", "Service.ExecMainCode", "Service.ExecMainStatus", "Unit.InvocationID", "Unit.InactiveExitTimestamp")
	if err != nil {
		return nil, err
	}
	f := &Failure{}
	last, _ := p["Unit.InvocationID"].([]byte)
	current := hex.EncodeToString(last)
	if invocation == "" || invocation == current {
		invocation = current
		f.Result, _ = p["Service.Result"].(string)
		code, _ := p["Service.ExecMainCode"].(int32)
		status, _ := p["Service.ExecMainStatus"].(int32)
		f.Code, f.Status = exitCodes[code], int(status)
	}
	var began time.Time
	if len(invocation) == 32 {
		began = f.fromJournal(ctx, JournalQuery{Units: []string{unit}, Invocation: invocation, Lines: 20})
	}
	if us, _ := p["Unit.InactiveExitTimestamp"].(uint64); invocation == current && us != 0 {
		began = time.UnixMicro(int64(us))
	}
	// journald asks who wrote a line when it reads it: of a process that is gone by then it knows the unit, and no run or the next one.
	if f.LastLine == "" && !began.IsZero() {
		f.fromJournal(ctx, JournalQuery{Units: []string{unit}, Since: began, Lines: 20})
	}
	return f, nil
}

// socketFailure is how a socket unit ended. What went wrong systemd has said, first in the process that it binds with.
func (s *Systemd) socketFailure(ctx context.Context, unit string) (*Failure, error) {
	p, err := s.Properties(ctx, unit, "Socket.Result", "Unit.StateChangeTimestamp")
	if err != nil {
		return nil, err
	}
	f := &Failure{}
	f.Result, _ = p["Socket.Result"].(string)
	changed, _ := p["Unit.StateChangeTimestamp"].(uint64)
	if changed == 0 {
		return f, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lastLineTimeout)
	defer cancel()
	_ = journalctl(ctx, "--sync").Run()
	// It says it before it changes the unit's state, on a busy host a good while before. What binds is a process of its own: that it
	// ended, and that the unit failed, is said besides and says nothing.
	var besides string
	_ = Journal(ctx, JournalQuery{About: unit, Since: time.UnixMicro(int64(changed)).Add(-10 * time.Second), Lines: 20}, func(e Entry) bool {
		line := strings.TrimPrefix(printable(string(e.Message)), unit+": ")
		switch {
		case e.Priority > 4:
		case strings.HasPrefix(line, "Failed to receive listening socket"), strings.HasPrefix(line, "Failed with result"):
			besides = cmp.Or(besides, line)
		default:
			f.LastLine = cmp.Or(f.LastLine, line)
		}
		return true
	})
	f.LastLine = cmp.Or(f.LastLine, besides)
	return f, nil
}

// String says it in words: "exit status 7", "killed by SIGKILL", "timeout".
func (f *Failure) String() string {
	switch {
	case f.Result == "oom-kill":
		return "out of memory: killed at its memory limit"
	case f.Result == "timeout" || f.Result == "watchdog" || f.Result == "start-limit-hit" || f.Result == "resources" || f.Result == "protocol":
		return f.Result
	case f.Code == "exited":
		return fmt.Sprintf("exit status %d", f.Status)
	case f.Code == "killed":
		return "killed by " + signalName(f.Status)
	case f.Code == "dumped":
		return "killed by " + signalName(f.Status) + ", core dumped"
	default:
		return f.Result
	}
}

func (f *Failure) suffix() string {
	s := " (" + f.String() + ")"
	if f.LastLine != "" {
		s += ": " + f.LastLine
	}
	return s
}

var signalNames = map[syscall.Signal]string{
	syscall.SIGHUP: "SIGHUP", syscall.SIGINT: "SIGINT", syscall.SIGQUIT: "SIGQUIT", syscall.SIGILL: "SIGILL",
	syscall.SIGTRAP: "SIGTRAP", syscall.SIGABRT: "SIGABRT", syscall.SIGBUS: "SIGBUS", syscall.SIGFPE: "SIGFPE",
	syscall.SIGKILL: "SIGKILL", syscall.SIGUSR1: "SIGUSR1", syscall.SIGSEGV: "SIGSEGV", syscall.SIGUSR2: "SIGUSR2",
	syscall.SIGPIPE: "SIGPIPE", syscall.SIGALRM: "SIGALRM", syscall.SIGTERM: "SIGTERM", syscall.SIGXCPU: "SIGXCPU",
	syscall.SIGXFSZ: "SIGXFSZ", syscall.SIGSYS: "SIGSYS",
}

func signalName(n int) string {
	if name, ok := signalNames[syscall.Signal(n)]; ok {
		return name
	}
	return fmt.Sprintf("signal %d", n)
}

// printable makes one line of a payload's output fit to stand in an error: at most
// 300 bytes, without what a terminal would obey.
func printable(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < 0x20 || 0x7f <= r && r < 0xa0 || r == 0x2028 || r == 0x2029 ||
			0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069:
			return '\uFFFD'
		}
		return r
	}, strings.TrimSpace(s))
	const most = 300
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

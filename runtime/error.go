package runtime

import (
	"errors"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// StepError says what was being done: "mount volume /srv/db at /data: <cause>".
type StepError struct {
	Step string
	Err  error
}

func (e *StepError) Error() string { return e.Step + ": " + e.Err.Error() }
func (e *StepError) Unwrap() error { return e.Err }

// VersionError says that a spec is of a newer release, and was read no further.
type VersionError struct{ Version int }

func (e *VersionError) Error() string {
	return "spec version " + strconv.Itoa(e.Version) + " is newer than this launcher's " + strconv.Itoa(SpecVersion)
}

// CallError is a failed system call, written as the call: `open_tree("/srv/db", OPEN_TREE_CLONE)`,
// with flags by name and without descriptor numbers.
type CallError struct {
	Call  string
	Errno syscall.Errno
}

func (e *CallError) Error() string {
	name := unix.ErrnoName(e.Errno)
	if name == "" {
		return e.Call + ": " + e.Errno.Error()
	}
	return e.Call + ": " + name + " (" + e.Errno.Error() + ")"
}
func (e *CallError) Unwrap() error { return e.Errno }

// call gives a failed system call as an error; err is what package unix or os returned.
func call(name string, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return &CallError{name, errno}
	}
	return &StepError{name, err}
}

// configError is what a restart cannot heal: see [ExitConfig].
type configError struct{ error }

func (e configError) Unwrap() error { return e.error }

// Passing reports whether an error says nothing of what was to be read, but of the reader or the moment: what is there may be as it was.
func Passing(err error) bool {
	for _, errno := range []syscall.Errno{unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.EINTR, unix.EIO} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

func step(what string, err error) error {
	if err == nil {
		return nil
	}
	return &StepError{what, err}
}

// oneLine makes any text fit for one line of the journal.
func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n':
			return ';'
		case c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029':
			return '?'
		}
		return c
	}, s)
}

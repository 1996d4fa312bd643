package runtime

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// DoneFlag makes the launcher note that the unit that it is called in has run its container to the end, for [Paths.Done].
const DoneFlag = "-done"

func (p Paths) jobs() string           { return p.State + "/jobs" }
func (p Paths) job(name string) string { return p.jobs() + "/" + name + ".json" }

// Finish notes, below State, with which spec the run of that invocation was.
func (p Paths) Finish(name, invocation string) error {
	if !validInvocation(invocation) {
		return errors.New("is started by systemd: INVOCATION_ID is missing")
	}
	r, err := p.ReadRecord(invocation)
	if err != nil {
		return err
	}
	if r.Name != name {
		return errors.New("this run is that of container " + r.Name)
	}
	return p.done(name, r.Spec)
}

// CarryDone notes that what name starts with needs not be run any more: of a job that was, where nothing has changed that it runs with.
func (p Paths) CarryDone(name string) error {
	sum, err := p.Linked(name)
	if err != nil {
		return err
	}
	return p.done(name, sum)
}

func (p Paths) done(name, sum string) error {
	if err := ValidName(name); err != nil {
		return err
	}
	data, fd, err := p.read(sum)
	if err != nil {
		return err
	}
	unix.Close(fd)
	if err := os.MkdirAll(p.jobs(), 0o700); err != nil {
		return err
	}
	return writeFile(p.jobs(), name+".json", data)
}

// Done reads the spec with which a job was run to its end last, and its sha256; also one from before a reboot. The error is
// os.ErrNotExist where there is none.
func (p Paths) Done(name string) (s Spec, sum string, err error) {
	if err := ValidName(name); err != nil {
		return Spec{}, "", err
	}
	data, err := os.ReadFile(p.job(name))
	if err != nil {
		return Spec{}, "", err
	}
	if s, err = Decode(data); err != nil {
		return Spec{}, "", err
	}
	return s, Sum(data), nil
}

// DoneAt is when that was noted.
func (p Paths) DoneAt(name string) (time.Time, error) {
	st, err := os.Lstat(p.job(name))
	if err != nil {
		return time.Time{}, err
	}
	return st.ModTime(), nil
}

// DoneNames are the jobs that were run to their ends.
func (p Paths) DoneNames() ([]string, error) {
	files, err := names(p.jobs())
	var out []string
	for _, f := range files {
		if n := len(f) - len(".json"); n > 0 && f[n:] == ".json" && ValidName(f[:n]) == nil {
			out = append(out, f[:n])
		}
	}
	return out, err
}

// GiveDone makes the note of a job that configuration from ran one that configuration to did; when it was run stays. A note
// that is not from's, and none at all, is left as it is.
func (p Paths) GiveDone(name, from, to string) error {
	s, _, err := p.Done(name)
	if errors.Is(err, os.ErrNotExist) || err == nil && s.Owner != from {
		return nil
	}
	at, atErr := p.DoneAt(name)
	if err := errors.Join(err, atErr); err != nil {
		return err
	}
	s.Owner = to
	data, _, err := Encode(s)
	if err != nil {
		return err
	}
	if err := writeFile(p.jobs(), name+".json", data); err != nil {
		return err
	}
	return os.Chtimes(p.job(name), at, at)
}

// ForgetDone makes as if the job had never been run.
func (p Paths) ForgetDone(name string) error {
	if err := ValidName(name); err != nil {
		return err
	}
	if err := os.Remove(p.job(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

package host

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Journalctl is the program that reads the journal. The journal's file format has
// no other reader that does without cgo.
const Journalctl = "/usr/bin/journalctl"

// lastLineTimeout bounds what an error message waits for its last part, and mostly its reason: where journald is busy, for seconds.
const lastLineTimeout = 10 * time.Second

// Entry is one entry of the journal.
type Entry struct {
	Time time.Time
	Unit string
	// Invocation is the run of the unit that wrote it, as 32 hexadecimal digits.
	Invocation string
	// Priority is that of syslog(3), 0 to 7.
	Priority int
	// Message is the bytes that were written, nothing escaped: whoever prints them does.
	Message []byte
	// Cursor names the entry, to go on after it.
	Cursor string
	// Manager says that systemd wrote it about the unit, not the unit's own processes.
	Manager bool

	exitCode, exitStatus string // of a process that systemd saw end, systemd.journal-fields(7)
}

// JournalQuery chooses entries of the journal, oldest first.
type JournalQuery struct {
	// Units are whose entries: those of their processes, and what systemd says about them.
	Units []string
	// About, when set, is the one unit of which what systemd says is taken, by whatever process of root's: also one that was gone
	// before journald asked whose it was.
	About string
	// Invocation, when set, takes one run's entries only.
	Invocation string
	// Lines is how many of the last entries to begin with; below 0 is all.
	Lines int
	// Since leaves out what is older; the zero time leaves out nothing.
	Since time.Time
	// Follow goes on with new entries until the context ends.
	Follow bool
}

func (q JournalQuery) args() []string {
	args := []string{"--output=json", "--all", "--no-pager", "--quiet", "--system"}
	if q.Lines >= 0 {
		args = append(args, "--lines="+strconv.Itoa(q.Lines))
	} else {
		args = append(args, "--no-tail")
	}
	if !q.Since.IsZero() {
		args = append(args, fmt.Sprintf("--since=@%d.%06d", q.Since.Unix(), q.Since.Nanosecond()/1000))
	}
	if q.Follow {
		args = append(args, "--follow")
	}
	if q.Invocation != "" {
		return append(args, "_SYSTEMD_INVOCATION_ID="+q.Invocation, "+", "INVOCATION_ID="+q.Invocation, "_PID=1")
	}
	if q.About != "" {
		return append(args, "UNIT="+q.About, "_UID=0")
	}
	for _, unit := range q.Units {
		args = append(args, "--unit="+unit)
	}
	return args
}

// Journal gives each chosen entry to yield, until there are no more, yield says
// false, or the context ends, which is no error.
func Journal(ctx context.Context, q JournalQuery, yield func(Entry) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := journalctl(ctx, q.args()...)
	var stderr strings.Builder
	cmd.Stderr = &limitedWriter{w: &stderr, left: 4096}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	stopped := false
	err = readEntries(out, func(e Entry) bool {
		stopped = !yield(e)
		return !stopped
	})
	cancelled := ctx.Err() != nil
	if stopped || err != nil {
		cancel()
	}
	werr := cmd.Wait()
	switch {
	case stopped || cancelled || ctx.Err() != nil && err == nil:
		return nil
	case err != nil:
		return fmt.Errorf("journal: %w", err)
	case werr != nil:
		return fmt.Errorf("journal: %w: %s", werr, printable(stderr.String()))
	}
	return nil
}

func journalctl(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, Journalctl, args...)
	cmd.Env = []string{"LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin", "TZ=UTC"}
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second
	return cmd
}

// readEntries reads journalctl's lines of JSON, as systemd.journal-fields(7) names the fields.
func readEntries(r io.Reader, yield func(Entry) bool) error {
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		e, err := parseEntry(line)
		if err != nil {
			return err
		}
		if !yield(e) {
			return nil
		}
	}
}

func parseEntry(line []byte) (Entry, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return Entry{}, fmt.Errorf("entry: %w", err)
	}
	first := func(names ...string) string {
		for _, name := range names {
			if b := fieldBytes(fields[name]); b != nil {
				return string(b)
			}
		}
		return ""
	}
	e := Entry{
		Unit:       first("UNIT", "_SYSTEMD_UNIT"),
		Invocation: first("INVOCATION_ID", "_SYSTEMD_INVOCATION_ID"),
		Priority:   6,
		Message:    fieldBytes(fields["MESSAGE"]),
		Cursor:     first("__CURSOR"),
		Manager:    first("_PID") == "1",
		exitCode:   first("EXIT_CODE"),
		exitStatus: first("EXIT_STATUS"),
	}
	if us, err := strconv.ParseInt(first("__REALTIME_TIMESTAMP"), 10, 64); err == nil {
		e.Time = time.UnixMicro(us)
	}
	if n, err := strconv.Atoi(first("PRIORITY")); err == nil && 0 <= n && n <= 7 {
		e.Priority = n
	}
	return e, nil
}

// fieldBytes is a field's value: a string, an array of byte values where it is not
// printable, or the first of an array of those where the field occurs more than once.
func fieldBytes(raw json.RawMessage) []byte {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return []byte(text)
	}
	var numbers []uint8OfJSON
	if json.Unmarshal(raw, &numbers) == nil {
		b := make([]byte, len(numbers))
		for i, n := range numbers {
			b[i] = byte(n)
		}
		return b
	}
	var several []json.RawMessage
	if json.Unmarshal(raw, &several) == nil && len(several) > 0 {
		return fieldBytes(several[0])
	}
	return nil
}

// uint8OfJSON keeps encoding/json from reading an array of numbers as base64.
type uint8OfJSON uint16

// fromJournal fills in the last thing that a run wrote itself, and where it is not known how that one
// ended what systemd wrote about it. What cannot be had stays unset. It returns when the first of the entries was written.
func (f *Failure) fromJournal(ctx context.Context, q JournalQuery) (first time.Time) {
	ctx, cancel := context.WithTimeout(ctx, lastLineTimeout)
	defer cancel()
	// What the process wrote before it died may still lie in journald's socket.
	_ = journalctl(ctx, "--sync").Run()
	_ = Journal(ctx, q, func(e Entry) bool {
		if first.IsZero() {
			first = e.Time
		}
		if !e.Manager {
			if line := printable(string(e.Message)); line != "" {
				f.LastLine = line
			}
		} else if e.exitCode != "" && f.Code == "" && q.Invocation != "" {
			f.Code = e.exitCode
			f.Status = exitNumber(e.exitStatus)
		}
		return true
	})
	return first
}

// exitNumber reads an exit status, or the name of a signal without SIG.
func exitNumber(s string) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	for number, name := range signalNames {
		if name == "SIG"+s {
			return int(number)
		}
	}
	return 0
}

// limitedWriter keeps the first bytes and drops the rest.
type limitedWriter struct {
	w    io.Writer
	left int
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	if _, err := l.w.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}

package host

import (
	"bufio"
	"errors"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]int{"252": 252, "252.39-1~deb12u2": 252, "v258~rc1": 258, "": 0, "unknown": 0} {
		got, err := parseVersion(text)
		if got != want || (err != nil) != (want == 0) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

func jobRemoved(sender string, id uint32, path dbus.ObjectPath, result string) *dbus.Signal {
	return &dbus.Signal{Sender: sender, Body: []any{id, path, "x.service", result}}
}

// A job's end reaches who waits for it, whether it is signalled before the answer that names the job or after.
func TestSignals(t *testing.T) {
	g := newSignals()
	g.trust(":1.1")
	deliver := func(path dbus.ObjectPath, result string) {
		g.DeliverSignal(systemdManager, "JobRemoved", jobRemoved(":1.1", 1, path, result))
	}
	deliver("/job/1", "lost") // nobody waits for any
	g.expect()
	g.expect()
	deliver("/job/1", "done")
	g.DeliverSignal(systemdManager, "JobRemoved", jobRemoved(":1.9", 2, "/job/2", "forged"))
	one := g.job("/job/1", true)
	two := g.job("/job/2", true)
	if len(one) != 1 || <-one != "done" {
		t.Error("a job that ended before its answer")
	}
	if len(two) != 0 {
		t.Error("a signal that is not systemd's was taken")
	}
	g.expect()
	again := g.job("/job/2", true) // a second caller of the same job
	deliver("/job/2", "failed")
	if <-two != "failed" || <-again != "failed" {
		t.Error("a job that ended after its answer")
	}
	g.expect()
	g.job("", false)
	if len(g.early)+len(g.jobs) != 0 {
		t.Errorf("kept: %v, %v", g.early, g.jobs)
	}

	gone, _, forget := g.unit("a.service")
	defer forget()
	g.DeliverSignal(systemdManager, "UnitRemoved", &dbus.Signal{Sender: ":1.1", Body: []any{"a.service", dbus.ObjectPath("/u")}})
	<-gone
	g.DeliverSignal(systemdManager, "JobRemoved", &dbus.Signal{Sender: ":1.1", Body: []any{"odd"}}) // is ignored
	owner := func(sender, before, after string) {
		g.DeliverSignal("org.freedesktop.DBus", "NameOwnerChanged", &dbus.Signal{Sender: sender, Body: []any{systemdName, before, after}})
	}
	lost := g.expect()
	waits := g.job("/job/7", true)
	owner("org.freedesktop.DBus", "", ":1.1")
	owner(":1.9", ":1.1", "")
	select {
	case <-lost:
		t.Error("lost by the news that it came, or by a forged one")
	default:
	}
	owner("org.freedesktop.DBus", ":1.1", "")
	<-lost
	// What is asked of the one that comes then is told by that one.
	owner("org.freedesktop.DBus", "", ":1.2")
	lost = g.expect()
	anew := g.job("/job/7", true)
	deliver("/job/7", "lost") // the old one's
	g.DeliverSignal(systemdManager, "JobRemoved", jobRemoved(":1.2", 7, "/job/7", "done"))
	if result := <-anew; result != "done" {
		t.Errorf("the new one's job ended as %q", result)
	}
	select {
	case <-lost:
		t.Error("the new one is lost too")
	case <-waits:
		t.Error("the old one's job has an end")
	default:
	}
}

// A bus that is killed while it writes is lost, and no more than that: the socket is reset where it had not read all.
func TestResetInAMessage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		served <- func() error {
			c, err := l.AcceptUnix()
			if err != nil {
				return err
			}
			defer c.Close()
			in := bufio.NewReader(c)
			for said := ""; said != "BEGIN"; {
				line, err := in.ReadString('\n')
				if err != nil {
					return err
				}
				said = strings.TrimSpace(strings.Trim(line, "\x00"))
				answer := map[string]string{
					"AUTH": "REJECTED EXTERNAL\r\n", "NEGOTIATE_UNIX_FD": "AGREE_UNIX_FD\r\n",
					"BEGIN": "l\x02\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x38\x00\x00\x00\x05", // of a message that goes on
				}[said]
				if answer == "" {
					answer = "OK 0\r\n"
				}
				if _, err := c.Write([]byte(answer)); err != nil {
					return err
				}
			}
			_, err = in.ReadByte() // the first question has come; the next ones are not read
			if err == nil {
				_, err = in.Discard(in.Buffered())
			}
			for more := 0; err == nil && more == 0; time.Sleep(time.Millisecond) {
				raw, _ := c.SyscallConn()
				raw.Control(func(fd uintptr) { more, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
			}
			return err
		}()
	}()
	_, err = dialSystemd(t.Context(), path, false)
	if !errors.Is(err, ErrSystemdLost) {
		t.Errorf("error %v", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestFailureText(t *testing.T) {
	for want, f := range map[string]Failure{
		"exit status 7":                             {Result: "exit-code", Code: "exited", Status: 7},
		"killed by SIGKILL":                         {Result: "signal", Code: "killed", Status: 9},
		"killed by signal 37":                       {Result: "signal", Code: "killed", Status: 37},
		"killed by SIGSEGV, core dumped":            {Result: "core-dump", Code: "dumped", Status: 11},
		"timeout":                                   {Result: "timeout", Code: "killed", Status: 15},
		"out of memory: killed at its memory limit": {Result: "oom-kill", Code: "killed", Status: 9},
		"": {},
	} {
		if got := f.String(); got != want {
			t.Errorf("%+v: %q, want %q", f, got, want)
		}
	}
	e := JobError{Verb: "start", Unit: "x.service", Result: "failed", Failure: &Failure{Code: "exited", Status: 203, LastLine: "no such file"}}
	if got := e.Error(); got != "start unit x.service: failed (exit status 203): no such file" {
		t.Error(got)
	}
}

func TestPrintable(t *testing.T) {
	got := printable("  a\x1b]0;x\a\u202eb\xff\tc\r\n")
	if got != "a\uFFFD]0;x\uFFFD\uFFFDb\uFFFD c" {
		t.Errorf("%q", got)
	}
	if got := printable(strings.Repeat("é", 300)); len(got) > 310 || !strings.HasSuffix(got, "...") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func TestParseEntry(t *testing.T) {
	e, err := parseEntry([]byte(`{"MESSAGE":[27,98,105,110],"_SYSTEMD_UNIT":"a.service","_PID":["1","2"],"PRIORITY":"3","__REALTIME_TIMESTAMP":"1700000000000000","EXIT_CODE":"killed","EXIT_STATUS":"KILL"}`))
	if err != nil || string(e.Message) != "\x1bbin" || e.Unit != "a.service" || !e.Manager || e.Priority != 3 || e.Time.Unix() != 1700000000 || exitNumber(e.exitStatus) != 9 {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err := parseEntry([]byte(`{"MESSAGE":null,"PRIORITY":"99"}`)); err != nil || e.Priority != 6 || e.Message != nil {
		t.Errorf("%+v, %v", e, err)
	}
}

func FuzzParseEntry(f *testing.F) {
	f.Add([]byte(`{"MESSAGE":[1,2,300],"_PID":{},"UNIT":[["a"]]}`))
	f.Add([]byte(`{"MESSAGE":"x"`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if e, err := parseEntry(line); err == nil && (e.Priority < 0 || e.Priority > 7) {
			t.Errorf("%+v", e)
		}
	})
}

func TestCgroupLimits(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := ReadCgroupLimits(dir)
	if err != nil || l.Memory != nil || l.CPU != nil || l.Tasks != nil {
		t.Errorf("a group without controllers: %+v, %v", l, err)
	}
	put("memory.max", "max\n")
	put("pids.max", "0\n")
	put("cpu.max", "150000 100000\n")
	if l, err = ReadCgroupLimits(dir); err != nil || *l.Memory != NoLimit || *l.Tasks != 0 || *l.CPU != 1.5 {
		t.Errorf("%+v, %v", l, err)
	}
	put("cpu.max", "max 100000\n")
	if l, _ = ReadCgroupLimits(dir); !math.IsInf(*l.CPU, 1) {
		t.Errorf("cpu.max of max is %v", *l.CPU)
	}
	put("cpu.max", "1 0\n")
	put("memory.max", "-1\n")
	if _, err = ReadCgroupLimits(dir); err == nil || !strings.Contains(err.Error(), "cpu.max") || !strings.Contains(err.Error(), "memory.max") {
		t.Errorf("nonsense: %v", err)
	}
	put("cgroup.controllers", "cpu memory\n")
	if have, err := Controllers(dir); err != nil || !have["cpu"] || have["pids"] {
		t.Errorf("controllers %v, %v", have, err)
	}
	if err := CheckCgroup2(dir); err == nil || !strings.Contains(err.Error(), "unified") {
		t.Errorf("a directory that is no cgroup hierarchy: %v", err)
	}
}

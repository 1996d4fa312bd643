package runtime

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestEnterHelper is no test: it enters as a program of its own does, whose thread is used up by it.
func TestEnterHelper(t *testing.T) {
	arg := os.Getenv("HOSTCTL_TEST_ENTER")
	if arg == "" {
		return
	}
	var in struct {
		Paths Paths
		Entry Entry
	}
	if err := json.Unmarshal([]byte(arg), &in); err != nil {
		panic(err)
	}
	r, err := in.Paths.ReadRecord(invocation)
	if err == nil {
		var e *Entered
		if e, err = in.Paths.Enter(r, in.Entry); err == nil {
			if e.Terminal >= 0 {
				io.Copy(os.Stdout, os.NewFile(uintptr(e.Terminal), "terminal"))
			}
			var ws unix.WaitStatus
			unix.Wait4(e.PID, &ws, 0, nil)
			if ws.Signaled() {
				os.Exit(128 + int(ws.Signal()))
			}
			os.Exit(ws.ExitStatus())
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(99)
}

// enter runs an Entry in a started container, with descriptors of this process's that must not get there.
func (b *bed) enter(e Entry) (out, errs string, code int) {
	b.t.Helper()
	return b.enterUnder(nil, e)
}

// enterUnder is enter with what goes before the helper's own command line.
func (b *bed) enterUnder(wrap []string, e Entry) (out, errs string, code int) {
	b.t.Helper()
	e.Files = [3]int{0, 1, 2}
	arg, err := json.Marshal(map[string]any{"Paths": b.paths, "Entry": e})
	b.must(err)
	line := append(wrap, os.Args[0], "-test.run=^TestEnterHelper$")
	c := exec.Command(line[0], line[1:]...)
	c.Env = append(os.Environ(), "HOSTCTL_TEST_ENTER="+string(arg))
	var o, er strings.Builder
	c.Stdout, c.Stderr = &o, &er
	for range 5 {
		f, err := os.Open("/etc")
		b.must(err)
		defer f.Close()
		c.ExtraFiles = append(c.ExtraFiles, f)
	}
	err = c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !asExit(err, &exit) {
		b.t.Fatal(err)
	}
	return o.String(), er.String(), c.ProcessState.ExitCode()
}

func asExit(err error, to **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError)
	*to = e
	return ok
}

// What enters a container is confined as its payload is, in every respect that can be seen from inside.
func TestEnter(t *testing.T) {
	for _, init := range []bool{false, true} {
		b := newBed(t)
		spec := func(s *Spec) {
			s.Init, s.User, s.Dir = init, "www", "/tmp"
			s.Env = []string{"A=1", "B=2"}
		}
		payload := b.probe(b.spec(spec))
		st := b.launch(b.spec(func(s *Spec) { spec(s); s.Args = []string{"probe", "wait"} }), nil, nil)
		readLine(t, st.out, "ready\n")
		out, errs, code := b.enter(Entry{Args: []string{"/bin/probe"}, Env: []string{"B=4", "B=3"}})
		var got report
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
			t.Fatalf("init %v: exit %d, %v: %s %s", init, code, err, out, errs)
		}
		same := func(what string, got, want any) {
			t.Helper()
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("init %v: %s is %v, the payload's is %v", init, what, got, want)
			}
		}
		same("uid", []int{got.UID, got.GID}, []int{payload.UID, payload.GID})
		same("groups", got.Groups, payload.Groups)
		same("hostname", got.Hostname, payload.Hostname)
		same("cwd", got.Cwd, payload.Cwd)
		same("maps", got.UIDMap+got.GIDMap, payload.UIDMap+payload.GIDMap)
		same("cgroup", got.Cgroup, payload.Cgroup)
		same("/dev", got.Dev, payload.Dev)
		same("tries", got.Try, payload.Try)
		same("calls", got.Calls, payload.Calls)
		same("foreign", got.Foreign, payload.Foreign)
		for _, key := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "Umask", "SigBlk", "SigIgn"} {
			same(key, got.Status[key], payload.Status[key])
		}
		slices.Sort(got.Env)
		slices.Sort(payload.Env)
		same("environment", got.Env, strings.Split(strings.ReplaceAll(strings.Join(payload.Env, "\n"), "B=2", "B=3"), "\n"))
		for fd, to := range got.FDs {
			if strings.Contains(to, "/etc") || fd > "2" && strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "/proc/") {
				t.Errorf("init %v: descriptor %s is %s", init, fd, to)
			}
		}
		for _, ns := range []string{"user", "mnt", "pid", "ipc", "uts", "net", "cgroup"} {
			out, errs, _ := b.enter(Entry{Args: []string{"sh", "-c", "ls -l /proc/self/ns/" + ns}})
			want, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", st.pid(), ns))
			b.must(err)
			if !strings.Contains(out, want) {
				t.Errorf("init %v: %s namespace: %s %s, want %s", init, ns, out, errs, want)
			}
		}
		for _, c := range []struct {
			entry Entry
			code  int
			out   string
		}{
			{Entry{Args: []string{"sh", "-c", "exit 7"}}, 7, ""},
			{Entry{Args: []string{"sh", "-c", "kill -9 $$"}}, 128 + 9, ""},
			{Entry{Args: []string{"sh", "-c", "pwd; echo $HOME"}, Dir: "/data", User: "0"}, 0, "/data\n/root\n"},
			{Entry{Args: []string{"sh", "-c", "tty; : > /dev/tty && echo controls"}, TTY: true}, 0, "/dev/pts/0\r\ncontrols\r\n"},
			{Entry{Args: []string{"nothing"}}, 99, `command "nothing"`},
			{Entry{Args: []string{"sh"}, User: "nobody-here"}, 99, "is not in the rootfs's /etc/passwd"},
			{Entry{Args: []string{"sh"}, User: "70000"}, 99, "is not mapped in the container"},
			{Entry{Args: []string{"sh"}, Dir: "/proc/1/root/etc"}, 99, "openat2(/proc/1/root/etc"},
			{Entry{Args: []string{"sh"}, Dir: "/proc/self/fd/3"}, 99, "openat2(/proc/self/fd/3"},
			{Entry{}, 99, "no command"},
		} {
			out, errs, code := b.enter(c.entry)
			if text := out + errs; code != c.code || !strings.Contains(text, c.out) {
				t.Errorf("init %v: %+v: exit %d, %q; want %d, %q", init, c.entry, code, text, c.code, c.out)
			}
		}
		b.must(unix.Kill(st.pid(), unix.SIGTERM))
		st.end()
		if _, errs, code := b.enter(Entry{Args: []string{"true"}}); code != 99 {
			t.Errorf("init %v: entered what has ended: %s", init, errs)
		}
	}
}

// A command that is run to its end gives its status and the last of what it wrote, is confined as all that enters, and has no longer than
// it is given, whatever it leaves running.
func TestRunInside(t *testing.T) {
	b := newBed(t)
	st := b.launch(b.spec(func(s *Spec) { s.Init, s.User, s.Args = true, "www", []string{"probe", "wait"} }), nil, nil)
	readLine(t, st.out, "ready\n")
	r, err := b.paths.ReadRecord(invocation)
	b.must(err)
	for _, c := range []struct {
		script, out string
		status      int
	}{
		{"id -u; exit 3", "33\n", 3},
		{"kill -9 $$", "", 128 + 9},
		{"cat; echo err >&2; busybox seq 10000", "9999\n10000\n", 0},
		{"sleep 1000 & echo left", "left\n", 0},
	} {
		out, status, err := b.paths.RunInside(r, []string{"/bin/busybox", "sh", "-c", strings.ReplaceAll(c.script, "id", "busybox id")}, time.Minute)
		if err != nil || status != c.status || !strings.HasSuffix(string(out), c.out) || len(out) > maxRunOutput {
			t.Errorf("%s: status %d, %v: %q", c.script, status, err, out)
		}
	}
	if out, _, err := b.paths.RunInside(r, []string{"sh", "-c", "echo begun; exec sleep 1000"}, 300*time.Millisecond); err == nil || string(out) != "begun\n" {
		t.Errorf("%v: %q", err, out)
	}
	if _, _, err := b.paths.RunInside(r, []string{"nothing"}, time.Minute); err == nil || !strings.Contains(err.Error(), `command "nothing"`) {
		t.Error(err)
	}
	b.must(unix.Kill(st.pid(), unix.SIGTERM))
	st.end()
}

package runtime

import (
	"context"
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
		Paths  Paths
		Entry  Entry
		Within time.Duration
	}
	if err := json.Unmarshal([]byte(arg), &in); err != nil {
		panic(err)
	}
	r, err := in.Paths.ReadRecord(invocation)
	if err == nil {
		var e *Entered
		ctx := context.Background()
		if in.Within != 0 {
			var cancel func()
			ctx, cancel = context.WithTimeout(ctx, in.Within)
			defer cancel()
		}
		if e, err = in.Paths.Enter(ctx, r, in.Entry); err == nil {
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
	c := b.entering(wrap, e, 0)
	var o, er strings.Builder
	c.Stdout, c.Stderr = &o, &er
	for range 5 {
		f, err := os.Open("/etc")
		b.must(err)
		defer f.Close()
		c.ExtraFiles = append(c.ExtraFiles, f)
	}
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !asExit(err, &exit) {
		b.t.Fatal(err)
	}
	return o.String(), er.String(), c.ProcessState.ExitCode()
}

// entering is the helper's command, which gives up after a time; 0 is never.
func (b *bed) entering(wrap []string, e Entry, within time.Duration) *exec.Cmd {
	e.Files = [3]int{0, 1, 2}
	arg, err := json.Marshal(map[string]any{"Paths": b.paths, "Entry": e, "Within": within})
	b.must(err)
	line := append(wrap, os.Args[0], "-test.run=^TestEnterHelper$")
	c := exec.Command(line[0], line[1:]...)
	c.Env = append(os.Environ(), "HOSTCTL_TEST_ENTER="+string(arg))
	return c
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

// A payload that stops who enters on the way in holds nobody up, and what it could have killed for want of memory is the child alone: it
// shares no memory with the caller.
func TestEnterStopped(t *testing.T) {
	b := newBed(t)
	if _, err := exec.LookPath("strace"); err != nil {
		skip(t, "strace")
	}
	st := b.launch(b.spec(func(s *Spec) { s.Init, s.User, s.Args = true, "www", []string{"probe", "wait"} }), nil, nil)
	readLine(t, st.out, "ready\n")
	trace := b.dir + "/trace"
	entry := Entry{Args: []string{"sh", "-c", "echo the command ran"}}
	c := b.entering([]string{"strace", "-f", "-qq", "-o", trace, "-e", "trace=setresuid", "-e", "inject=setresuid:signal=STOP"}, entry, 5*time.Second)
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	b.must(c.Start())
	var pid, parent int
	for pid == 0 {
		text, _ := os.ReadFile(trace)
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "--- stopped by SIGSTOP ---") {
				fmt.Sscan(line, &pid)
			}
		}
		time.Sleep(time.Millisecond)
	}
	status, err := os.ReadFile(procPath(pid, "status"))
	b.must(err)
	_, rest, _ := strings.Cut(string(status), "PPid:")
	fmt.Sscan(rest, &parent)
	const vm = 1 // KCMP_VM, kcmp(2)
	if same, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(parent), uintptr(pid), vm, 0, 0, 0); errno != 0 || same == 0 {
		t.Errorf("kcmp(%d, %d, KCMP_VM): %d, %v", parent, pid, same, errno)
	}
	c.Wait()
	if c.ProcessState.ExitCode() != 99 || out.Len() > 0 || !strings.Contains(errs.String(), "held the command up on its way in") {
		t.Errorf("exit %d: %s%s", c.ProcessState.ExitCode(), out.String(), errs.String())
	}
	if err := unix.Kill(pid, 0); err != unix.ESRCH {
		t.Errorf("the stopped child is left: %v", err)
	}
	b.must(unix.Kill(st.pid(), unix.SIGTERM))
	st.end()
}

// No descriptor that is a terminal goes in, whichever of the three it is.
func TestEnterTerminal(t *testing.T) {
	b := newBed(t)
	st := b.launch(b.spec(func(s *Spec) { s.Args = []string{"probe", "wait"} }), nil, nil)
	readLine(t, st.out, "ready\n")
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	b.must(err)
	defer master.Close()
	b.must(unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	b.must(err)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	b.must(err)
	defer slave.Close()
	for i, name := range fileNames {
		for what, tty := range map[string]*os.File{"slave": slave, "master": master} {
			c := b.entering(nil, Entry{Args: []string{"sh", "-c", "echo the command ran"}}, 0)
			var out, errs strings.Builder
			c.Stdout, c.Stderr = &out, &errs
			switch i {
			case 0:
				c.Stdin = tty
			case 1:
				c.Stdout = tty
			case 2:
				c.Stderr = tty
			}
			c.Run()
			if c.ProcessState.ExitCode() != 99 || strings.Contains(out.String(), "ran") || i != 2 && !strings.Contains(errs.String(), name+": is a terminal") {
				t.Errorf("%s, %s: exit %d: %s%s", name, what, c.ProcessState.ExitCode(), out.String(), errs.String())
			}
		}
	}
	for _, path := range []string{"/dev/null", "/dev/zero", "/dev/urandom", "/etc"} {
		f, err := os.Open(path)
		b.must(err)
		if err := refuseTerminal(int(f.Fd())); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		f.Close()
	}
	b.must(master.Close())
	if err := refuseTerminal(int(slave.Fd())); err == nil {
		t.Error("a terminal that was hung up goes in")
	}
	b.must(unix.Kill(st.pid(), unix.SIGKILL))
	st.end()
}

func TestUnifiedCgroup(t *testing.T) {
	for text, want := range map[string]string{
		"0::/a\n":                              "/a",
		"12:memory:/x\n0::/a:b/c\n":            "/a:b/c",
		"1:name=systemd:/0::/y\n0::/\n":        "/",
		"10::/z\n0::/hostctl.slice/0::/deep\n": "/hostctl.slice/0::/deep",
	} {
		if got, ok := unifiedCgroup(text); !ok || got != want {
			t.Errorf("%q: %q, %v, want %q", text, got, ok, want)
		}
	}
	if got, ok := unifiedCgroup("3:pids:/x\n"); ok {
		t.Errorf("version 1 alone: %q", got)
	}
}

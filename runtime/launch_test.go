package runtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	goruntime "runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"hostctl/policy/rule"
)

// The tests below start real containers with the real program, as root, without systemd: the test is the parent, so
// a payload cloned with CLONE_PARENT is its own child, and it holds the notify socket.

var programs struct {
	once            sync.Once
	dir             string
	launcher, probe string
	err             error
}

func TestMain(m *testing.M) {
	if denied := os.Getenv("HOSTCTL_TEST_DENY"); denied != "" {
		execDenied(denied, os.Args[1:])
	}
	if os.Getenv("HOSTCTL_TEST_PROBE") == "1" {
		fmt.Println(Probe())
		os.Exit(0)
	}
	code := m.Run()
	if programs.dir != "" {
		os.RemoveAll(programs.dir)
	}
	os.Exit(code)
}

// build makes the two programs once.
func build(t *testing.T) (launcher, probe string) {
	t.Helper()
	p := &programs
	p.once.Do(func() {
		p.dir, p.err = os.MkdirTemp("", "hostctl-launch")
		p.launcher, p.probe = p.dir+"/hostctl-launch", p.dir+"/probe"
		for out, pkg := range map[string]string{p.launcher: "../cmd/hostctl-launch", p.probe: "./testdata/probe"} {
			cmd := exec.Command("go", "build", "-trimpath", "-o", out, pkg)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
			if text, err := cmd.CombinedOutput(); err != nil {
				p.err = errors.Join(p.err, fmt.Errorf("%v: %s", err, text))
			}
		}
		p.err = errors.Join(p.err, os.Chmod(p.dir, 0o755))
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p.launcher, p.probe
}

// bed is one test's machine: a root directory with busybox and the probe, a Run directory, a notify socket.
type bed struct {
	t        *testing.T
	launcher string
	paths    Paths
	dir      string
	rootfs   string
	notify   *net.UnixConn
	barrier  func(last string) // called before a barrier is answered, with what was said last; nil is nothing to do
	base     uint32
	before   string // what snap said of the host, for residue to compare with; "" is nothing to compare
}

const invocation = "0123456789abcdef0123456789abcdef"

func newBed(t *testing.T) *bed {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "root")
	}
	if err := Probe(); err != nil {
		skip(t, err.Error())
	}
	launcher, probe := build(t)
	dir := t.TempDir()
	for d := dir; d != "/tmp" && d != "/"; d = filepath.Dir(d) {
		os.Chmod(d, 0o755) // the payload's ids pass through
	}
	b := &bed{t: t, launcher: launcher, paths: Paths{Run: dir + "/run"}, dir: dir, rootfs: dir + "/rootfs", base: 1000000}
	for _, d := range []string{"bin", "dev", "proc", "sys", "run", "tmp", "etc", "data", "data2"} {
		b.must(os.MkdirAll(b.rootfs+"/"+d, 0o755))
	}
	b.copy(probe, b.rootfs+"/bin/probe")
	if box, err := exec.LookPath("busybox"); err == nil {
		b.copy(box, b.rootfs+"/bin/busybox")
		for _, name := range []string{"sh", "cat", "true", "sleep", "kill", "ls", "head", "rm"} {
			b.must(os.Symlink("busybox", b.rootfs+"/bin/"+name))
		}
	} else {
		skip(t, "busybox-static")
	}
	b.must(os.WriteFile(b.rootfs+"/etc/passwd", []byte(passwd), 0o644))
	b.must(os.WriteFile(b.rootfs+"/etc/group", []byte(group), 0o644))
	if err := CanIDMap(b.rootfs); err != nil {
		skip(t, err.Error())
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dir + "/notify", Net: "unixgram"})
	b.must(err)
	t.Cleanup(func() { conn.Close() })
	raw, err := conn.SyscallConn()
	b.must(err)
	b.must(raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
	}))
	b.must(err)
	b.notify = conn
	b.allow(rule.Grants{Writable: []string{dir}, ReadOnly: []string{dir + "/readonly"}, Rootfs: []string{dir}})
	return b
}

// allow makes the paths those of the host's policy, which allows everything else.
func (b *bed) allow(p rule.Grants) {
	b.t.Helper()
	p.Privileges = rule.Privileges{
		HostNetwork: []string{"*"}, Boot: []string{"*"}, Root: []string{RootEphemeral, RootPersistent, RootWritable}, Capabilities: CapabilityNames(),
		SystemCalls: SystemCallNames(), Devices: []string{"/dev/*"}, Sysctls: []string{"*"}, Rlimits: rule.Raised, OOMScoreAdjust: -1000,
	}
	b.must(b.paths.WriteRules(rule.Rules{Default: p}))
}

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) copy(from, to string) {
	data, err := os.ReadFile(from)
	b.must(err)
	b.must(os.WriteFile(to, data, 0o755))
}

func (b *bed) spec(change func(*Spec)) Spec {
	s := Spec{Version: 1, Name: "web", Owner: "test", Address: "container.web", Rootfs: b.rootfs,
		Args: []string{"/bin/probe"}, IDs: IDRange{b.base, 65536}}
	if change != nil {
		change(&s)
	}
	return s
}

// outcome is what became of one start.
type outcome struct {
	code     int    // the launcher's exit status
	line     string // its standard error and the payload's
	out      string // the payload's standard output, to its end
	messages []message
	record   *Record
	payload  *unix.WaitStatus // nil where systemd was told of none
}

type message struct {
	text string
	pid  int
}

// started is a container that runs.
type started struct {
	*bed
	cmd      *exec.Cmd
	out      io.ReadCloser
	stderr   bytes.Buffer
	messages []message
	code     int
}

// launch starts the container; wrap goes before the launcher's own command line, env over its environment.
func (b *bed) launch(s Spec, wrap []string, attr func(*exec.Cmd)) *started {
	b.t.Helper()
	sum, err := b.paths.WriteSpec(s)
	b.must(err)
	b.must(b.paths.Link(s.Name, sum))
	return b.launchLinked(s.Name, wrap, attr)
}

func (b *bed) launchLinked(name string, wrap []string, attr func(*exec.Cmd)) *started {
	b.t.Helper()
	args := append(wrap[:len(wrap):len(wrap)], b.launcher, "-run", b.paths.Run, name)
	st := &started{bed: b, cmd: exec.Command(args[0], args[1:]...)}
	st.cmd.Env = []string{"INVOCATION_ID=" + invocation, "NOTIFY_SOCKET=" + b.dir + "/notify", "SECRET=x", "PATH=" + os.Getenv("PATH")}
	r, w, err := os.Pipe()
	b.must(err)
	st.out, st.cmd.Stdout = r, w
	ew, err := os.CreateTemp(b.dir, "stderr") // a file: the payload holds it after the launcher's end
	b.must(err)
	st.cmd.Stderr = ew
	if attr != nil {
		attr(st.cmd)
	}
	b.must(st.cmd.Start())
	w.Close()
	heard := make(chan []message)
	go func() { heard <- b.hear() }()
	err = st.cmd.Wait()
	b.must(b.notify.SetReadDeadline(time.Unix(1, 0)))
	st.messages = <-heard
	b.must(b.notify.SetReadDeadline(time.Time{}))
	st.code = st.cmd.ProcessState.ExitCode()
	text, _ := os.ReadFile(ew.Name())
	st.stderr.Write(text)
	ew.Close()
	st.messages = append(st.messages, b.drain()...)
	return st
}

// hear does as systemd does with its notify socket until the socket's deadline passes: it reads each message as it
// comes, and answers a barrier.
func (b *bed) hear() (out []message) {
	for {
		buf, oob := make([]byte, 4096), make([]byte, 256)
		n, m, _, _, err := b.notify.ReadMsgUnix(buf, oob)
		if err != nil {
			return out
		}
		if string(buf[:n]) == "BARRIER=1" && b.barrier != nil && len(out) > 0 {
			b.barrier(out[len(out)-1].text)
		}
		out = appendMessage(out, buf[:n], oob[:m])
	}
}

// drain reads what is left in the notify socket; the launcher has ended, so nothing more comes.
func (b *bed) drain() (out []message) {
	raw, err := b.notify.SyscallConn()
	b.must(err)
	raw.Control(func(fd uintptr) {
		for {
			buf, oob := make([]byte, 4096), make([]byte, 256)
			n, m, _, _, err := unix.Recvmsg(int(fd), buf, oob, unix.MSG_DONTWAIT)
			if err != nil {
				return
			}
			out = appendMessage(out, buf[:n], oob[:m])
		}
	})
	return out
}

func appendMessage(out []message, data, oob []byte) []message {
	msg := message{text: strings.TrimSpace(string(data))}
	list, _ := unix.ParseSocketControlMessage(oob)
	for _, c := range list {
		if cred, err := unix.ParseUnixCredentials(&c); err == nil {
			msg.pid = int(cred.Pid)
		}
		if fds, err := unix.ParseUnixRights(&c); err == nil {
			for _, fd := range fds {
				unix.Close(fd)
			}
		}
	}
	if msg.text == "BARRIER=1" {
		return out
	}
	return append(out, msg)
}

func (st *started) pid() int {
	for _, m := range st.messages {
		if n := 0; strings.HasPrefix(m.text, "MAINPID=") {
			fmt.Sscanf(m.text, "MAINPID=%d", &n)
			return n
		}
	}
	return 0
}

// end waits for the payload.
func (st *started) end() outcome {
	st.t.Helper()
	out, err := io.ReadAll(st.out)
	st.must(err)
	o := outcome{code: st.code, line: st.stderr.String(), out: string(out), messages: st.messages}
	if pid := st.pid(); pid != 0 {
		var ws unix.WaitStatus
		for {
			if _, err = unix.Wait4(pid, &ws, 0, nil); err != unix.EINTR {
				break
			}
		}
		st.must(err)
		o.payload = &ws
	}
	st.gone()
	if r, err := st.paths.ReadRecord(invocation); err == nil {
		o.record = &r
		st.must(st.paths.RemoveRecord(invocation))
	}
	return o
}

// gone waits for a child that was cloned and never announced, which is the test's too. One that does not die hangs
// the test until its deadline.
func (st *started) gone() {
	for {
		if _, err := unix.Wait4(-1, nil, 0, nil); err == unix.ECHILD {
			return
		}
	}
}

func (b *bed) run(s Spec) outcome { b.t.Helper(); return b.launch(s, nil, nil).end() }

// report is what the probe prints.
type report struct {
	UID, GID, PID     int
	Args, Env, Dev    []string
	Groups            []int
	Hostname, Cwd     string
	Status, FDs, Try  map[string]string
	UIDMap            string `json:"uid_map"`
	GIDMap            string `json:"gid_map"`
	Mountinfo, Cgroup string
	MaxUserNamespaces string            `json:"max_user_namespaces"`
	Calls, Foreign    map[string]string // what denied system calls said; how a process of another architecture ended
	Namespaces        map[string]string
	Readable          []string // files of /proc, /sys and /dev that open, where args[1] is "powers"
	Writable          []string
	Keys              string
}

func (b *bed) probe(s Spec) report {
	b.t.Helper()
	o := b.run(s)
	var r report
	if err := json.Unmarshal([]byte(o.out), &r); err != nil || o.code != 0 {
		b.t.Fatalf("launcher exit %d, %v\n%s\n%s", o.code, err, o.line, o.out)
	}
	return r
}

func TestLaunchDefaults(t *testing.T) {
	for _, init := range []bool{false, true} {
		b := newBed(t)
		s := b.spec(func(s *Spec) {
			s.Init = init
			s.Args = []string{"probe", "/x", "/data/x", "/run/x", "/tmp/x", "/dev/shm/x"}
			s.Env = []string{"A=b\nc", "GOGC=50", "GODEBUG=x=y"}
		})
		r := b.probe(s)
		check := func(what string, got, want any) {
			t.Helper()
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("init %v: %s is %v, want %v", init, what, got, want)
			}
		}
		check("uid, gid", []int{r.UID, r.GID}, []int{0, 0})
		check("groups", r.Groups, []int{})
		if !init {
			check("pid", r.PID, 1)
		}
		check("hostname", r.Hostname, "web")
		check("cwd", r.Cwd, "/")
		check("args", r.Args, s.Args)
		check("env", fmt.Sprintf("%q", r.Env), fmt.Sprintf("%q", append(s.Env, "PATH="+DefaultPath, "HOME=/root", "container=hostctl")))
		check("uid_map", strings.Fields(r.UIDMap), "[0 1000000 65536]")
		check("gid_map", strings.Fields(r.GIDMap), "[0 1000000 65536]")
		for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "SigBlk", "SigIgn"} {
			check(set, r.Status[set], "0000000000000000")
		}
		check("NoNewPrivs", r.Status["NoNewPrivs"], 1)
		check("Seccomp", r.Status["Seccomp"], 2)
		check("Seccomp_filters", r.Status["Seccomp_filters"], 1)
		check("max_user_namespaces", r.MaxUserNamespaces, 0)
		check("umask", r.Status["Umask"], "0022")
		if len(r.Calls) < 50 {
			t.Errorf("init %v: %d system calls were tried", init, len(r.Calls))
		}
		for name, got := range r.Calls {
			want := "operation not permitted"
			if name == "clone3" || name == "unknown" {
				want = "function not implemented"
			}
			check(name, got, want)
		}
		for how, got := range r.Foreign {
			check(how, got, "signal: bad system call")
		}
		for fd := range r.FDs {
			if fd > "2" && !strings.HasPrefix(r.FDs[fd], "anon_inode:") && r.FDs[fd] != "" && r.FDs[fd] != "/proc/1/fd" && !regexp.MustCompile(`^/proc/\d+/fd$`).MatchString(r.FDs[fd]) {
				t.Errorf("init %v: descriptor %s is %s", init, fd, r.FDs[fd])
			}
		}
		check("dev", r.Dev, []string{"/dev", "/dev/fd", "/dev/full", "/dev/null", "/dev/ptmx", "/dev/pts", "/dev/pts/ptmx",
			"/dev/random", "/dev/shm", "/dev/stderr", "/dev/stdin", "/dev/stdout", "/dev/tty", "/dev/urandom", "/dev/zero"})
		for what, want := range map[string]string{
			"write /x": "read-only", "write /data/x": "read-only", "write /run/x": "ok", "write /tmp/x": "ok", "write /dev/shm/x": "ok",
			"write /proc/sys/kernel/hostname": "read-only", "write /proc/sys/kernel/core_pattern": "read-only",
			"write /proc/irq/default_smp_affinity": "read-only",
			"read /proc/keys":                      "permission denied", "read /proc/timer_list": "permission denied", "read /sys/firmware": "permission denied",
			"setuid chmod": "not permitted", "setgid fchmodat": "not permitted", "setuid open": "not permitted",
			"setuid unnamed": "not permitted", "setuid mknod": "not permitted",
			"mknod": "not permitted", "new user namespace": "not permitted", "mount": "not permitted", "sethostname": "not permitted",
		} {
			if got, ok := r.Try[what]; ok && !strings.Contains(got, want) {
				t.Errorf("init %v: %s: %s, want %s", init, what, got, want)
			}
		}
		for _, m := range parseMounts(r.Mountinfo) {
			opts := "," + m.opts + ","
			if !strings.Contains(opts, ",nosuid,") || m.path != "/dev" && m.path != "/dev/pts" && !strings.Contains(opts, ",nodev,") {
				t.Errorf("init %v: %s is mounted %s", init, m.path, m.opts)
			}
			if m.propagation != "" {
				t.Errorf("init %v: %s propagates: %s", init, m.path, m.propagation)
			}
			if strings.Contains(m.path, b.dir) {
				t.Errorf("init %v: a mount of the host: %s", init, m.path)
			}
		}
	}
}

type insideMount struct{ path, opts, propagation, fstype string }

func parseMounts(text string) (out []insideMount) {
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		left, right, _ := strings.Cut(line, " - ")
		f := strings.Fields(left)
		out = append(out, insideMount{f[4], f[5], strings.Join(f[6:], " "), strings.Fields(right)[0]})
	}
	return out
}

func TestLaunchHandOver(t *testing.T) {
	b := newBed(t)
	for _, init := range []bool{false, true} {
		o := b.run(b.spec(func(s *Spec) { s.Init, s.Args = init, []string{"sh", "-c", "echo out; exit 7"} }))
		if o.code != 0 || o.payload == nil || o.payload.ExitStatus() != 7 || o.out != "out\n" || o.line != "" {
			t.Errorf("init %v: %+v", init, o)
		}
		if len(o.messages) == 0 || !strings.HasPrefix(o.messages[0].text, "MAINPID=") {
			t.Fatalf("init %v: messages %v", init, o.messages)
		}
		if len(o.messages) == 2 && (o.messages[1].text != "READY=1" || "MAINPID="+fmt.Sprint(o.messages[1].pid) != o.messages[0].text) {
			t.Errorf("init %v: messages %v", init, o.messages)
		}
		if o.record == nil || "MAINPID="+fmt.Sprint(o.record.PID) != o.messages[0].text || o.record.Alive() {
			t.Errorf("init %v: record %+v", init, o.record)
		}

		// A payload that stays: READY comes from it, the record names it, and a signal ends it as it should.
		st := b.launch(b.spec(func(s *Spec) { s.Init, s.Args = init, []string{"probe", "wait"} }), nil, nil)
		if len(st.messages) != 2 || st.messages[1] != (message{"READY=1", st.pid()}) {
			t.Errorf("init %v: messages %v", init, st.messages)
		}
		if r, err := b.paths.ReadRecord(invocation); err != nil || !r.Alive() || r.PID != st.pid() {
			t.Errorf("init %v: record %+v, %v", init, r, err)
		}
		readLine(t, st.out, "ready\n")
		b.must(unix.Kill(st.pid(), unix.SIGUSR1))
		readLine(t, st.out, "user defined signal 1\n")
		b.must(unix.Kill(st.pid(), unix.SIGTERM))
		if o := st.end(); o.out != "terminated\n" || o.payload.ExitStatus() != 42 {
			t.Errorf("init %v: %v %v %v %+v", init, o.payload.Exited(), o.payload.ExitStatus(), o.payload.Signal(), o)
		}

		// Killed by a signal: the payload itself, or the init with 128 + its number.
		o = b.run(b.spec(func(s *Spec) { s.Init, s.Args = init, []string{"sh", "-c", "kill -9 $$"} }))
		if init && (o.payload == nil || o.payload.ExitStatus() != 128+9) {
			t.Errorf("killed under init: %v, %+v", *o.payload, o)
		}
	}
}

// readLine reads exactly the text that must come next.
func readLine(t *testing.T, r io.Reader, want string) {
	t.Helper()
	buf := make([]byte, len(want))
	if _, err := io.ReadFull(r, buf); err != nil || string(buf) != want {
		t.Fatalf("read %q, %v, want %q", buf, err, want)
	}
}

// Ten thousand processes that their parents left are reaped while they come, and the init stays as small as it is.
func TestInitReapsAndIsSmall(t *testing.T) {
	b := newBed(t)
	st := b.launch(b.spec(func(s *Spec) {
		s.Init = true
		s.Args = []string{"sh", "-c", "i=0; while [ $i -lt 10000 ]; do ( (:) & ); i=$((i+1)); done; echo done; read x"}
	}), nil, func(c *exec.Cmd) {
		r, w, err := os.Pipe()
		b.must(err)
		c.Stdin = r
		t.Cleanup(func() { w.Close() })
	})
	readLine(t, st.out, "done\n")
	// The last of them may be ending still: what counts is that they do not stay.
	zombies := 0
	for range 100 {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", st.pid(), st.pid()))
		b.must(err)
		zombies = 0
		for _, pid := range strings.Fields(string(children)) {
			if stat, _ := os.ReadFile("/proc/" + pid + "/stat"); strings.Contains(string(stat), ") Z ") {
				zombies++
			}
		}
		if zombies <= 5 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if zombies > 5 {
		t.Errorf("%d zombies of 10,000 are left", zombies)
	}
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", st.pid()))
	b.must(err)
	var kib int
	fmt.Sscanf(regexp.MustCompile(`Anonymous: +\d+`).FindString(string(rollup)), "Anonymous: %d", &kib)
	t.Logf("the init has %d KiB of anonymous memory", kib)
	if kib == 0 || kib > 614 {
		t.Errorf("the init has %d KiB of anonymous memory, at most 614 are wanted", kib)
	}
	b.must(unix.Kill(st.pid(), unix.SIGKILL))
	if o := st.end(); o.payload == nil || !o.payload.Signaled() {
		t.Errorf("%+v", o)
	}
}

func TestLaunchUserAndVolumes(t *testing.T) {
	b := newBed(t)
	db := b.dir + "/db"
	b.must(os.MkdirAll(db+"/sub", 0o755))
	b.must(os.Chown(db, 999, 998))
	b.must(os.Chown(db+"/sub", 999, 998))
	b.must(unix.Mount("tmpfs", db+"/sub", "tmpfs", 0, "mode=0755,uid=999,gid=998"))
	t.Cleanup(func() { unix.Unmount(db+"/sub", unix.MNT_DETACH) })
	ro := b.dir + "/ro"
	b.must(os.MkdirAll(ro+"/sub", 0o777))
	b.must(unix.Mount("tmpfs", ro+"/sub", "tmpfs", 0, "mode=0777"))
	t.Cleanup(func() { unix.Unmount(ro+"/sub", unix.MNT_DETACH) })

	r := b.probe(b.spec(func(s *Spec) {
		s.User, s.Dir = "www", "/data"
		s.Mounts = []Mount{{Target: "/data", Source: db, Owner: &Account{999, 998}}, {Target: "/run/deep/ro", Source: ro, ReadOnly: true}}
		s.Tmpfs = []Tmpfs{{Target: "/data2", Size: 1 << 20, Mode: 0o700}}
		s.Args = []string{"probe", "/data/file", "/data/sub/x", "/run/deep/ro/x", "/run/deep/ro/sub/x", "/data2/x"}
		s.Hostname, s.NoFile = "db.example", 777
	}))
	if r.UID != 33 || r.GID != 34 || r.Cwd != "/data" || r.Hostname != "db.example" {
		t.Errorf("%+v", r)
	}
	for what, want := range map[string]string{
		"write /data/file": "ok", "write /run/deep/ro/x": "read-only", "write /run/deep/ro/sub/x": "read-only", "write /data2/x": "ok",
		"write /data/sub/x": "ok", // the submount is mapped as well
	} {
		if got := r.Try[what]; !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(db+"/file", &st); err != nil || st.Uid != 999 || st.Gid != 998 {
		t.Errorf("the file on the volume belongs to %d:%d, %v", st.Uid, st.Gid, err)
	}
	for _, m := range parseMounts(r.Mountinfo) {
		if strings.HasPrefix(m.path, "/data") || strings.HasPrefix(m.path, "/run/deep") {
			if !strings.Contains(m.opts, "nosuid,nodev") || strings.HasPrefix(m.path, "/run/deep") && !strings.HasPrefix(m.opts, "ro,") || m.propagation != "" {
				t.Errorf("%+v", m)
			}
		}
	}

	// run_as: the host's account by number, on a filesystem that is not mapped.
	b.must(os.Remove(db + "/file"))
	b.must(os.Chown(db, 2100, 2101))
	r = b.probe(b.spec(func(s *Spec) {
		s.RunAs = &Account{2100, 2101}
		s.Mounts = []Mount{{Target: "/data", Source: db}}
		s.Args = []string{"probe", "/data/file"}
	}))
	if err := unix.Stat(db+"/file", &st); err != nil || st.Uid != 2100 || st.Gid != 2101 || r.UID != 2100 {
		t.Errorf("uid %d, the file on the volume belongs to %d:%d, %v", r.UID, st.Uid, st.Gid, err)
	}
	if got := strings.Fields(r.UIDMap); fmt.Sprint(got) != "[0 1000000 2100 2100 2100 1 2101 1002101 63435]" {
		t.Errorf("uid_map %v", got)
	}
}

func TestLaunchLimits(t *testing.T) {
	b := newBed(t)
	soft, hard := uint64(1024), uint64(4096)
	for _, init := range []bool{false, true} {
		for _, n := range []uint64{0, 777} {
			b.must(unix.Prlimit(0, unix.RLIMIT_CORE, nil, &unix.Rlimit{}))
			o := b.launch(b.spec(func(s *Spec) {
				s.Init, s.NoFile, s.Args = init, n, []string{"sh", "-c", "ulimit -Sn; ulimit -Hn"}
			}), []string{"prlimit", fmt.Sprintf("--nofile=%d:%d", soft, hard)}, nil).end()
			want := "1024\n4096\n"
			if n != 0 {
				want = "777\n777\n"
			}
			if o.out != want {
				t.Errorf("init %v, nofile %d: %q, want %q; %s", init, n, o.out, want, o.line)
			}
		}
	}
}

// TestLaunchInherited: what the launcher was started with does not reach the payload.
// TestLaunchHeldUntilKnown is about a payload that ends at once: systemd refuses a main process that is a zombie by the
// time that it reads of it, so nothing of the payload may run before.
func TestLaunchHeldUntilKnown(t *testing.T) {
	b := newBed(t)
	for _, init := range []bool{false, true} {
		asked := 0
		b.barrier = func(text string) {
			asked++
			exe, err := os.Readlink("/proc/" + strings.TrimPrefix(text, "MAINPID=") + "/exe")
			comm, _ := os.ReadFile("/proc/" + strings.TrimPrefix(text, "MAINPID=") + "/cmdline")
			if err != nil || exe != b.launcher || strings.Contains(string(comm), InitName) {
				t.Errorf("init %v: %s is %q, %q, %v before systemd knows of it", init, text, exe, comm, err)
			}
		}
		o := b.run(b.spec(func(s *Spec) { s.Init, s.Args = init, []string{"true"} }))
		if asked != 1 || o.payload == nil || o.payload.ExitStatus() != 0 {
			t.Errorf("init %v: %d barriers, %+v", init, asked, o)
		}
	}
}

// TestLaunchCollectsNoGarbage starts a container of which so much is allocated while the first thread is stopped in
// clone3 that the collector would run then, and never come to its end.
func TestLaunchCollectsNoGarbage(t *testing.T) {
	b := newBed(t)
	s := b.spec(func(s *Spec) {
		s.Args = []string{"true"}
		for i := range 300 {
			s.Mounts = append(s.Mounts, Mount{Target: fmt.Sprintf("/run/%d/a/b", i), Source: b.rootfs + "/data"})
		}
	})
	var cmd *exec.Cmd
	stuck := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	st := b.launch(s, nil, func(c *exec.Cmd) { cmd, c.Env = c, append(c.Env, "GOGC=1") })
	if st.code != 0 {
		t.Fatalf("the launcher ended with %d\n%s", st.code, st.stderr.String())
	}
	if o := st.end(); o.payload == nil || o.payload.ExitStatus() != 0 {
		t.Errorf("%+v", o)
	}
}

func TestLaunchInherited(t *testing.T) {
	b := newBed(t)
	etc, err := os.Open("/etc")
	b.must(err)
	defer etc.Close()
	var r report
	o := b.launch(b.spec(nil), nil, func(c *exec.Cmd) {
		for range 40 {
			c.ExtraFiles = append(c.ExtraFiles, etc)
		}
		c.Dir = "/etc"
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Groups: []uint32{4, 27}}}
	}).end()
	b.must(json.Unmarshal([]byte(o.out), &r))
	for fd, to := range r.FDs {
		if strings.Contains(to, "etc") {
			t.Errorf("descriptor %s is %s", fd, to)
		}
	}
	if len(r.Groups) != 0 || r.Cwd != "/" || slicesContain(r.Env, "SECRET=x") {
		t.Errorf("groups %v, cwd %s, env %q", r.Groups, r.Cwd, r.Env)
	}
}

func slicesContain(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// execDenied execs args under a seccomp filter that denies a system call: its number, the index and the value of an argument, of which
// index -1 is none, and the error number.
func execDenied(denied string, args []string) {
	goruntime.LockOSThread()
	var nr, value, errno uint32
	var arg int
	if _, err := fmt.Sscan(denied, &nr, &arg, &value, &errno); err != nil {
		panic(err)
	}
	const load, jumpEqual, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{
		{Code: load, K: 0}, // seccomp_data.nr
		{Code: jumpEqual, K: nr, Jf: 3},
		{Code: load, K: uint32(16 + 8*max(arg, 0))}, // the low half of the argument, on a little-endian machine
		{Code: jumpEqual, K: value, Jf: 1},
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | errno},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
	}
	if arg < 0 {
		filter[2], filter[3] = filter[4], filter[4]
	}
	prog := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(prog)), 0, 0); err != nil {
		panic(err)
	}
	os.Unsetenv("HOSTCTL_TEST_DENY")
	if nr != unix.SYS_EXECVE {
		panic(unix.Exec(args[0], args, os.Environ()))
	}
	argv, envp := vector(args), vector(os.Environ())
	_, _, err := unix.RawSyscall6(unix.SYS_EXECVEAT, ^uintptr(99), uintptr(unsafe.Pointer(argv[0])), uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envp[0])), 0, 0)
	panic(err)
}

// The kernel before 6.17, whose proc knows no parameter that is a descriptor.
func TestLaunchOldProc(t *testing.T) {
	b := newBed(t)
	for _, init := range []bool{false, true} {
		var r report
		o := b.launch(b.spec(func(s *Spec) { s.Init = init }), []string{"/proc/self/exe"}, func(c *exec.Cmd) {
			c.Env = append(c.Env, fmt.Sprintf("HOSTCTL_TEST_DENY=%d 1 %d %d", unix.SYS_FSCONFIG, unix.FSCONFIG_SET_FD, unix.EINVAL))
		}).end()
		if err := json.Unmarshal([]byte(o.out), &r); err != nil || o.code != 0 {
			t.Fatalf("%v, %+v", err, o)
		}
		if !strings.Contains(r.Mountinfo, " /proc/sys ro,") || r.Try["read /proc/keys"] == "ok" || r.Status["CapEff"] != "0000000000000000" {
			t.Errorf("init %v: %+v", init, r)
		}
		if r.Status["Seccomp"] != "2" {
			t.Error("the filter that hides the pidns parameter was not there")
		}
	}
}

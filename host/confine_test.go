package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hostctl/internal/landlock"
)

// TestMain is also the confined child: "confined MODE NAME [TOKEN]".
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "confined" {
		os.Exit(confinedChild(os.Args[2], os.Args[3]))
	}
	os.Exit(m.Run())
}

// confinedChild does what a test asks for, after what the mode says: "self" is ConfineSelf, "landlock" its Landlock alone, "bare" none of it.
func confinedChild(mode, name string) int {
	err := error(nil)
	switch mode {
	case "self":
		err = ConfineSelf()
	case "landlock":
		return landlockThreads()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	switch name {
	case "sleep":
		time.Sleep(time.Hour)
	case "compute":
		compute()
	case "show":
		show()
	default:
		for _, a := range attempts() {
			if a.name == name {
				_, _, errno := unix.RawSyscall6(a.nr, a.args[0], a.args[1], a.args[2], a.args[3], a.args[4], a.args[5])
				fmt.Println(errno)
				return 0
			}
		}
		return 2
	}
	return 0
}

// run is one confined child; token is in its command line.
func run(ctx context.Context, mode, name, token string) (string, error) {
	out, err := Confined{Args: []string{"host.test", "confined", mode, name, token}, Stdin: []byte("hello"), MaxOutput: 1 << 16}.Run(ctx)
	return string(out), err
}

// TestConfinedAttempts: every attempt of a child ends it at once, whoever starts it, and is said as what it is.
func TestConfinedAttempts(t *testing.T) {
	needsNoCgo(t)
	os.Remove("/tmp/hostctl-confined") // of a run that failed
	for _, a := range attempts() {
		out, err := run(t.Context(), "self", a.name, "")
		if err == nil || !strings.Contains(err.Error(), "asked the kernel for something that it may not have") {
			t.Errorf("%s: %q, %v", a.name, out, err)
		}
	}
	if _, err := os.Lstat("/tmp/hostctl-confined"); err == nil {
		t.Error("a file was made")
	}
	asOthers(t)
}

// TestConfinedComputes: what a Go program needs to compute it still has: a heap that grows and is collected, threads, timers, metrics, panics.
func TestConfinedComputes(t *testing.T) {
	needsNoCgo(t)
	if out, err := run(t.Context(), "self", "compute", ""); err != nil || out != "hello recovered" {
		t.Errorf("%q, %v", out, err)
	}
	asOthers(t)
}

func compute() {
	in, _ := io.ReadAll(os.Stdin)
	done := make(chan int)
	for range 16 {
		go func() {
			runtime.LockOSThread() // a thread for each
			var held [][]byte
			for i := range 200 {
				held = append(held, bytes.Repeat([]byte{byte(i)}, 64<<10))
				if i%50 == 0 {
					held = nil
					runtime.GC()
				}
			}
			<-time.After(time.Millisecond)
			done <- len(held)
		}()
	}
	for range 16 {
		<-done
	}
	defer func() {
		recover()
		fmt.Printf("%s recovered", in)
	}()
	var nothing *attempt
	nothing.nr++
}

// TestConfinedLandlock: the second wall by itself, on threads that were there before it.
func TestConfinedLandlock(t *testing.T) {
	needsNoCgo(t)
	if landlockABI(t) == 0 {
		lacks(t, "Landlock", unix.ENOSYS)
	}
	os.Remove("/tmp/hostctl-confined")
	out, err := run(t.Context(), "landlock", "", "")
	if err != nil {
		t.Fatal(err)
	}
	want := "open permission denied\nmkdir permission denied\nexec permission denied\n"
	if landlockABI(t) >= 4 {
		want += "bind permission denied\n"
	}
	if out != strings.Repeat(want, 8) {
		t.Errorf("got:\n%s", out)
	}
	asOthers(t)
}

func landlockThreads() int {
	start, said := make(chan bool), make(chan string)
	for range 8 {
		ready := make(chan bool)
		go func() {
			runtime.LockOSThread()
			close(ready)
			<-start
			_, open := unix.Open("/etc/passwd", unix.O_RDONLY, 0)
			text := fmt.Sprintln("open", open) + fmt.Sprintln("mkdir", unix.Mkdir("/tmp/hostctl-confined", 0o700)) + fmt.Sprintln("exec", unix.Exec("/proc/self/exe", []string{"host.test", "confined", "bare", "nothing"}, nil))
			if abi() >= 4 {
				fd, _ := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
				text += fmt.Sprintln("bind", unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
			}
			said <- text
		}()
		<-ready
	}
	if err := landlockSelf(abi()); err != nil {
		fmt.Println(err)
	}
	close(start)
	for range 8 {
		fmt.Print(<-said)
	}
	return 0
}

// TestConfined: what a child has not that its parent has, while nothing of it is its own doing yet.
func TestConfined(t *testing.T) {
	t.Setenv("SECRET", "canary")
	leak, err := os.Open("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	defer leak.Close()
	if _, err := unix.FcntlInt(leak.Fd(), unix.F_SETFD, 0); err != nil {
		t.Fatal(err)
	}
	got, err := run(t.Context(), "bare", "show", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []string{"cwd /\n", "stdin hello"} {
		if !strings.Contains(got, w) {
			t.Errorf("%q is missing in:\n%s", w, got)
		}
	}
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	// Without the capability it goes on without namespaces.
	if strings.Contains(got, own) != (os.Getenv("HOSTCTL_TEST_AGAIN") != "") {
		t.Errorf("the network is %s, and of the child:\n%s", own, got)
	}
	for _, never := range []string{"/etc/passwd", "SECRET", "env HOME", "env PATH"} {
		if strings.Contains(got, never) {
			t.Errorf("%q is in:\n%s", never, got)
		}
	}
	asOthers(t)
}

func show() {
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range fds {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil {
			fmt.Println("fd", target)
		}
	}
	dir, _ := os.Getwd()
	fmt.Println("cwd", dir)
	ns, _ := os.Readlink("/proc/self/ns/net")
	fmt.Println("network", ns)
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		fmt.Println("env", name)
	}
	in, _ := io.ReadAll(os.Stdin)
	fmt.Printf("stdin %s\n", in)
}

// TestConfinedStatus looks at a child from outside: in every thread the filter, no capability, namespaces of its own, three descriptors.
func TestConfinedStatus(t *testing.T) {
	needsNoCgo(t)
	if os.Geteuid() != 0 {
		lacks(t, "root", unix.EPERM)
	}
	for _, c := range []struct {
		name, uid string
		start     func(ctx context.Context, token string) error
	}{
		{"root", "65534", func(ctx context.Context, token string) error {
			_, err := run(ctx, "self", "sleep", token)
			return err
		}},
		{"ordinary user", "65533", func(ctx context.Context, token string) error {
			return ordinary(exec.CommandContext(ctx, "/proc/self/exe", "-test.run=^TestConfinedSleeps$"), "HOSTCTL_TEST_TOKEN="+token).Run()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			token := "token-" + strconv.Itoa(os.Getpid()) + c.uid
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- c.start(ctx, token) }()
			defer func() {
				cancel()
				<-ended
			}()
			dir := ""
			for dir == "" {
				select {
				case err := <-ended:
					ended <- err
					t.Fatalf("the child is gone: %v", err)
				case <-time.After(5 * time.Millisecond):
					dir = confinedProcess(token)
				}
			}
			tasks, _ := filepath.Glob(dir + "/task/*/status")
			if len(tasks) < 2 {
				t.Errorf("%d threads", len(tasks))
			}
			for _, task := range tasks {
				got := statusOf(task)
				want := map[string]string{"Seccomp": "2", "Seccomp_filters": filters(), "NoNewPrivs": "1"}
				for _, id := range []string{"Uid", "Gid"} {
					want[id] = strings.Join(slices.Repeat([]string{c.uid}, 4), " ")
				}
				for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
					want[set] = "0000000000000000"
				}
				want["Groups"] = ""
				for name, value := range want {
					if got[name] != value {
						t.Errorf("%s: %s is %q, want %q", task, name, got[name], value)
					}
				}
			}
			fds, err := os.ReadDir(dir + "/fd")
			if err != nil {
				t.Fatal(err)
			}
			for _, fd := range fds {
				target, _ := os.Readlink(dir + "/fd/" + fd.Name())
				poller := strings.HasPrefix(target, "anon_inode:[event") // the runtime's own, of its timers
				if n, _ := strconv.Atoi(fd.Name()); n > 2 && !poller || n <= 2 && !strings.HasPrefix(target, "pipe:") {
					t.Errorf("descriptor %s is %s", fd.Name(), target)
				}
			}
			for _, ns := range []string{"net", "ipc", "uts", "pid", "mnt", "cgroup", "user"} {
				own, _ := os.Readlink("/proc/self/ns/" + ns)
				its, err := os.Readlink(dir + "/ns/" + ns)
				if err != nil {
					t.Error(err)
				}
				if (own == its) != (ns == "user" && c.name == "root") {
					t.Errorf("namespace %s: %s, and of the test %s", ns, its, own)
				}
			}
			if links, _ := os.ReadFile(dir + "/net/dev"); bytes.Count(links, []byte(":")) != 1 {
				t.Errorf("links:\n%s", links)
			}
		})
	}
}

// TestConfinedSleeps is what TestConfinedStatus runs as an ordinary user.
func TestConfinedSleeps(t *testing.T) {
	if token := os.Getenv("HOSTCTL_TEST_TOKEN"); token != "" {
		run(t.Context(), "self", "sleep", token)
	}
}

// confinedProcess is the /proc directory of the child with this token once it is confined; "" before.
func confinedProcess(token string) string {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if line, _ := os.ReadFile(dir + "/cmdline"); bytes.HasSuffix(line, []byte("\x00"+token+"\x00")) && statusOf(dir + "/status")["Seccomp_filters"] == filters() {
			return dir
		}
	}
	return ""
}

// filters is the number that a confined child is under: its own, and what this process is under already.
func filters() string {
	n, _ := strconv.Atoi(statusOf("/proc/self/status")["Seccomp_filters"])
	return strconv.Itoa(n + 1)
}

func statusOf(file string) map[string]string {
	of := map[string]string{}
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		of[name] = strings.Join(strings.Fields(value), " ")
	}
	return of
}

// TestConfinedEnds: too much output, and a caller that has had enough, end the child.
func TestConfinedEnds(t *testing.T) {
	if _, err := (Confined{Args: []string{"host.test", "confined", "bare", "show"}, MaxOutput: 10}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "longer") {
		t.Errorf("output: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := run(ctx, "bare", "show", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// asOthers runs the test once more as an ordinary user, and as a root that may make no namespaces, where root runs it.
func asOthers(t *testing.T) {
	if os.Geteuid() != 0 || os.Getenv("HOSTCTL_TEST_AGAIN") != "" {
		return
	}
	t.Run("without CAP_SYS_ADMIN", func(t *testing.T) {
		name, _, _ := strings.Cut(t.Name(), "/")
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("setpriv", "--bounding-set=-sys_admin", self, "-test.v", "-test.run=^"+name+"$")
		cmd.Env = append(os.Environ(), "HOSTCTL_TEST_AGAIN=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS: "+name)) {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("ordinary user", func(t *testing.T) {
		name, _, _ := strings.Cut(t.Name(), "/")
		out, err := ordinary(exec.Command("/proc/self/exe", "-test.v", "-test.run=^"+name+"$")).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS: "+name)) {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// ordinary makes a command one of a user that is nobody in particular.
func ordinary(cmd *exec.Cmd, env ...string) *exec.Cmd {
	cmd.Dir = "/"
	cmd.Env = append(env, "PATH=/usr/bin:/bin")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65533, Gid: 65533}}
	return cmd
}

// needsNoCgo skips what a program with threads of C's cannot do.
func needsNoCgo(t *testing.T) {
	if landlockABI(t) == 0 {
		return
	}
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_GETPID, 0, 0, 0); errno == syscall.ENOTSUP {
		lacks(t, "CGO_ENABLED=0", errno)
	}
}

// landlockABI is the kernel's version of Landlock.
func landlockABI(t *testing.T) int {
	t.Helper()
	if _, errno := landlock.ABI(); errno != 0 {
		t.Fatal(errno)
	}
	return abi()
}

// abi is landlockABI in a process that is no test, whose parent has asked already.
func abi() int {
	abi, _ := landlock.ABI()
	return abi
}

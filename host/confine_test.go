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
	"unsafe"

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

// attempt is a system call that a child must not get through with.
type attempt struct {
	name string
	nr   uintptr
	args [6]uintptr
}

// attempts are made of numbers alone, but for the names of files.
func attempts() []attempt {
	here := ^uintptr(0) - 99 // AT_FDCWD
	name := func(s string) uintptr {
		b, _ := unix.BytePtrFromString(s)
		kept = append(kept, b)
		return uintptr(unsafe.Pointer(b))
	}
	passwd, new, parent := name("/etc/passwd"), name("/tmp/hostctl-confined"), uintptr(os.Getppid())
	room := name(strings.Repeat("x", 512))
	list := []attempt{
		{"open a file", unix.SYS_OPENAT, [6]uintptr{here, passwd, 0}},
		{"make a file", unix.SYS_OPENAT, [6]uintptr{here, new, unix.O_CREAT | unix.O_WRONLY, 0o600}},
		{"open a file by openat2", unix.SYS_OPENAT2, [6]uintptr{here, passwd, room, 24}},
		{"open another's environment", unix.SYS_OPENAT, [6]uintptr{here, name("/proc/1/environ"), 0}},
		{"open its own memory", unix.SYS_OPENAT, [6]uintptr{here, name("/proc/self/mem"), unix.O_RDWR}},
		{"open a file by its handle", unix.SYS_OPEN_BY_HANDLE_AT, [6]uintptr{here, room, 0}},
		{"statx", unix.SYS_STATX, [6]uintptr{here, passwd, 0, 0, room}},
		{"readlinkat", unix.SYS_READLINKAT, [6]uintptr{here, name("/proc/self/exe"), room, 100}},
		{"faccessat", unix.SYS_FACCESSAT, [6]uintptr{here, passwd, 0}},
		{"unlinkat", unix.SYS_UNLINKAT, [6]uintptr{here, new, 0}},
		{"mkdirat", unix.SYS_MKDIRAT, [6]uintptr{here, new, 0o700}},
		{"renameat2", unix.SYS_RENAMEAT2, [6]uintptr{here, new, here, new, 0}},
		{"symlinkat", unix.SYS_SYMLINKAT, [6]uintptr{passwd, here, new}},
		{"linkat", unix.SYS_LINKAT, [6]uintptr{here, passwd, here, new, 0}},
		{"mknodat", unix.SYS_MKNODAT, [6]uintptr{here, new, unix.S_IFIFO | 0o600, 0}},
		{"fchmodat", unix.SYS_FCHMODAT, [6]uintptr{here, new, 0o777}},
		{"fchownat", unix.SYS_FCHOWNAT, [6]uintptr{here, new, 0, 0}},
		{"truncate", unix.SYS_TRUNCATE, [6]uintptr{new, 0}},
		{"chdir", unix.SYS_CHDIR, [6]uintptr{name("/tmp")}},
		{"chroot", unix.SYS_CHROOT, [6]uintptr{name("/tmp")}},
		{"mount", unix.SYS_MOUNT, [6]uintptr{room, new, name("tmpfs"), 0, 0}},
		{"umount2", unix.SYS_UMOUNT2, [6]uintptr{name("/proc"), unix.MNT_DETACH}},
		{"fsopen", unix.SYS_FSOPEN, [6]uintptr{name("tmpfs"), 0}},
		{"open_tree", unix.SYS_OPEN_TREE, [6]uintptr{here, name("/"), unix.OPEN_TREE_CLONE}},
		{"pivot_root", unix.SYS_PIVOT_ROOT, [6]uintptr{name("/tmp"), name("/tmp")}},
		{"execve", unix.SYS_EXECVE, [6]uintptr{name("/bin/true"), 0, 0}},
		{"execveat", unix.SYS_EXECVEAT, [6]uintptr{here, name("/bin/true"), 0, 0, 0}},
		{"fork", unix.SYS_CLONE, [6]uintptr{uintptr(unix.SIGCHLD)}},
		{"clone a user namespace", unix.SYS_CLONE, [6]uintptr{unix.CLONE_NEWUSER | uintptr(unix.SIGCHLD)}},
		{"clone3", unix.SYS_CLONE3, [6]uintptr{room, 64}},
		{"unshare", unix.SYS_UNSHARE, [6]uintptr{unix.CLONE_NEWUSER}},
		{"setns", unix.SYS_SETNS, [6]uintptr{0, 0}},
		{"kill the parent", unix.SYS_KILL, [6]uintptr{parent, uintptr(unix.SIGKILL)}},
		{"kill everything", unix.SYS_KILL, [6]uintptr{^uintptr(0), 0}},
		{"kill a thread of the parent", unix.SYS_TGKILL, [6]uintptr{parent, parent, 0}},
		{"pidfd_open", unix.SYS_PIDFD_OPEN, [6]uintptr{parent, 0}},
		{"ptrace", unix.SYS_PTRACE, [6]uintptr{unix.PTRACE_ATTACH, parent}},
		{"process_vm_readv", unix.SYS_PROCESS_VM_READV, [6]uintptr{parent, room, 1, room, 1, 0}},
		{"prlimit the parent", unix.SYS_PRLIMIT64, [6]uintptr{parent, unix.RLIMIT_NOFILE, 0, room}},
		{"prlimit itself", unix.SYS_PRLIMIT64, [6]uintptr{0, unix.RLIMIT_DATA, room, 0}},
		{"sched_setaffinity", unix.SYS_SCHED_SETAFFINITY, [6]uintptr{parent, 8, room}},
		{"io_uring_setup", unix.SYS_IO_URING_SETUP, [6]uintptr{1, room}},
		{"bpf", unix.SYS_BPF, [6]uintptr{0, room, 64}},
		{"perf_event_open", unix.SYS_PERF_EVENT_OPEN, [6]uintptr{room, 0, ^uintptr(0), ^uintptr(0), 0}},
		{"userfaultfd", unix.SYS_USERFAULTFD, [6]uintptr{0}},
		{"keyctl", unix.SYS_KEYCTL, [6]uintptr{0, 0}},
		{"add_key", unix.SYS_ADD_KEY, [6]uintptr{name("user"), name("x"), room, 1, ^uintptr(0) - 3}},
		{"memfd_create", unix.SYS_MEMFD_CREATE, [6]uintptr{new, 0}},
		{"inotify_init1", unix.SYS_INOTIFY_INIT1, [6]uintptr{0}},
		{"shmget", unix.SYS_SHMGET, [6]uintptr{0, 4096, 0o600}},
		{"msgget", unix.SYS_MSGGET, [6]uintptr{0, 0o600}},
		{"mq_open", unix.SYS_MQ_OPEN, [6]uintptr{name("x"), unix.O_CREAT, 0o600, 0}},
		{"prctl", unix.SYS_PRCTL, [6]uintptr{unix.PR_SET_DUMPABLE, 1}},
		{"seccomp", unix.SYS_SECCOMP, [6]uintptr{unix.SECCOMP_GET_ACTION_AVAIL, 0, room}},
		{"setuid", unix.SYS_SETUID, [6]uintptr{0}},
		{"setgroups", unix.SYS_SETGROUPS, [6]uintptr{0, 0}},
		{"capset", unix.SYS_CAPSET, [6]uintptr{room, room}},
		{"personality", unix.SYS_PERSONALITY, [6]uintptr{0x0400000}},
		{"mprotect", unix.SYS_MPROTECT, [6]uintptr{0, 0, unix.PROT_EXEC}},
		{"fcntl", unix.SYS_FCNTL, [6]uintptr{0, unix.F_DUPFD, 3}},
		{"ioctl", unix.SYS_IOCTL, [6]uintptr{0, unix.TIOCSTI, room}},
		{"pipe2", unix.SYS_PIPE2, [6]uintptr{room, 0}},
		{"socketpair", unix.SYS_SOCKETPAIR, [6]uintptr{unix.AF_UNIX, unix.SOCK_STREAM, 0, room}},
		{"connect", unix.SYS_CONNECT, [6]uintptr{0, room, 16}},
		{"sendmsg", unix.SYS_SENDMSG, [6]uintptr{1, room, 0}},
		{"sethostname", unix.SYS_SETHOSTNAME, [6]uintptr{room, 1}},
		{"init_module", unix.SYS_INIT_MODULE, [6]uintptr{room, 1, room}},
		{"kexec_load", unix.SYS_KEXEC_LOAD, [6]uintptr{0, 0, 0, 0}},
		{"reboot", unix.SYS_REBOOT, [6]uintptr{0, 0, 0, 0}},
		{"clock_settime", unix.SYS_CLOCK_SETTIME, [6]uintptr{0, room}},
		{"a number that is not there", 511, [6]uintptr{}},
	}
	for family, name := range map[uintptr]string{unix.AF_UNIX: "UNIX", unix.AF_INET: "INET", unix.AF_INET6: "INET6", unix.AF_NETLINK: "NETLINK", unix.AF_PACKET: "PACKET", unix.AF_ALG: "ALG", unix.AF_VSOCK: "VSOCK"} {
		list = append(list, attempt{"socket " + name, unix.SYS_SOCKET, [6]uintptr{family, unix.SOCK_DGRAM, 0}})
	}
	if runtime.GOARCH == "amd64" {
		list = append(list, attempt{"getpid of x32", 0x40000000 | unix.SYS_GETPID, [6]uintptr{}})
	}
	return list
}

var kept []*byte // what numbers point to

// TestConfinedAttempts: every attempt of a child ends it at once, whoever starts it, and is said as what it is.
func TestConfinedAttempts(t *testing.T) {
	needsNoCgo(t)
	for _, a := range attempts() {
		out, err := run(t.Context(), "self", a.name, "")
		if err == nil || !strings.Contains(err.Error(), "asked the kernel for something that it may not have") {
			t.Errorf("%s: %q, %v", a.name, out, err)
		}
	}
	if _, err := os.Lstat("/tmp/hostctl-confined"); err == nil {
		t.Error("a file was made")
	}
	asOrdinaryUser(t)
}

// TestConfinedComputes: what a Go program needs to compute it still has: a heap that grows and is collected, threads, timers, metrics, panics.
func TestConfinedComputes(t *testing.T) {
	needsNoCgo(t)
	if out, err := run(t.Context(), "self", "compute", ""); err != nil || out != "hello recovered" {
		t.Errorf("%q, %v", out, err)
	}
	asOrdinaryUser(t)
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
	if landlock.ABI() == 0 {
		lacks(t, "Landlock", unix.ENOSYS)
	}
	out, err := run(t.Context(), "landlock", "", "")
	if err != nil {
		t.Fatal(err)
	}
	want := "open permission denied\nmkdir permission denied\nexec permission denied\n"
	if landlock.ABI() >= 4 {
		want += "bind permission denied\n"
	}
	if out != strings.Repeat(want, 8) {
		t.Errorf("got:\n%s", out)
	}
	asOrdinaryUser(t)
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
			text := fmt.Sprintln("open", open) + fmt.Sprintln("mkdir", unix.Mkdir("/tmp/hostctl-confined", 0o700)) + fmt.Sprintln("exec", unix.Exec("/proc/self/exe", []string{"x"}, nil))
			if landlock.ABI() >= 4 {
				fd, _ := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
				text += fmt.Sprintln("bind", unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
			}
			said <- text
		}()
		<-ready
	}
	if err := landlockSelf(landlock.ABI()); err != nil {
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
	for _, never := range []string{"/etc/passwd", "SECRET", "env HOME", "env PATH"} {
		if strings.Contains(got, never) {
			t.Errorf("%q is in:\n%s", never, got)
		}
	}
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
				want := map[string]string{"Seccomp": "2", "Seccomp_filters": "1", "NoNewPrivs": "1"}
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
		if line, _ := os.ReadFile(dir + "/cmdline"); bytes.HasSuffix(line, []byte("\x00"+token+"\x00")) && statusOf(dir + "/status")["Seccomp"] == "2" {
			return dir
		}
	}
	return ""
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

// asOrdinaryUser runs the test once more, where root runs it.
func asOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
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
	if landlock.ABI() == 0 {
		return
	}
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_GETPID, 0, 0, 0); errno == syscall.ENOTSUP {
		lacks(t, "CGO_ENABLED=0", errno)
	}
}

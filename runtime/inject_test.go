package runtime

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// injected are the set-up's system calls; when says at which of its calls each fails (strace counts per
// thread). Left out are those whose failure changes nothing for the payload: closing, and looking for
// children.
var injected = map[string][]string{
	"chdir": {"1"}, "unshare": {"1"}, "socket": {"1", "2"}, "connect": {"1"}, "ioctl": {"1"},
	"fsopen": {"1", "2", "3", "5", "8"}, "fsconfig": {"1", "2", "4", "9", "20"}, "fsmount": {"1", "2", "4", "6", "7"},
	"open_tree": {"1", "2", "3", "5"}, "mount_setattr": {"1", "2", "3", "4"}, "move_mount": {"1", "2", "3", "5", "8", "12"},
	"openat2": {"1", "2", "3", "5", "7", "9"}, "mknodat": {"1", "6"}, "symlinkat": {"1"}, "mkdirat": {"1", "2"}, "fchownat": {"1"},
	"pipe2": {"1", "2"}, "clone3": {"1"}, "setns": {"1"}, "mount": {"1"}, "fchdir": {"1"}, "pivot_root": {"1"}, "umount2": {"1"},
	"statx": {"1"}, "fstat": {"1", "2", "3"}, "renameat": {"1"}, "fsync": {"1"}, "sendmsg": {"1", "2"},
	"setsid": {"1"}, "sethostname": {"1"}, "keyctl": {"1"}, "prctl": {"1", "2", "20", "43", "44", "45"},
	"setgroups": {"1"}, "setresgid": {"1"}, "setresuid": {"1"}, "capset": {"1"}, "close_range": {"1"}, "seccomp": {"1"}, "landlock_create_ruleset": {"1", "2"}, "landlock_add_rule": {"1", "4"}, "landlock_restrict_self": {"1"},
	"prlimit64": {"1"},
}

// injectedFiles are those of a container with files that come beyond the ones above.
var injectedFiles = map[string][]string{
	"openat2": {"5", "6"}, "getdents64": {"1"}, "move_mount": {"6", "7", "8"}, "fchown": {"1"}, "fchmod": {"1"}, "newfstatat": {"1", "2", "3"},
}

// injectedWords are those of a container that uses every word, and injectedBoot of a whole system, beyond the ones above.
var (
	injectedWords = map[string][]string{
		"mkdirat": {"1", "2", "3", "4"}, "fchownat": {"1", "2"}, "write": {"1", "2"}, "fsync": {"1"}, "renameat": {"1"},
		"bind": {"1"}, "setsockopt": {"1"}, "fchmodat": {"1"}, "mknodat": {"7"}, "setns": {"1", "2"}, "move_mount": {"1", "2", "3"},
		"fsopen": {"4"}, "fsconfig": {"30"}, "capset": {"1", "2"}, "prctl": {"40", "41", "42"}, "setresuid": {"1", "2"},
		"setgroups": {"1"}, "prlimit64": {"1"}, "seccomp": {"1"},
	}
	injectedBoot = map[string][]string{
		"unshare": {"1"}, "setns": {"1", "2"}, "fchownat": {"8"}, "mkdirat": {"3", "4"}, "move_mount": {"2", "9"}, "capset": {"1"},
		"prctl": {"2", "15"}, "setgroups": {"1"}, "close_range": {"1"}, "seccomp": {"1"},
		"landlock_create_ruleset": {"2"}, "landlock_restrict_self": {"1"},
	}
)

// words gives a spec every word, and booted makes it a whole system's.
func (b *bed) words(s *Spec) {
	s.Init, s.Notify, s.User, s.Groups, s.Capabilities = true, true, "www", []string{"web"}, []string{"net_admin", "chown"}
	s.Root, s.Upper, s.Hosts = RootPersistent, b.dir+"/state/roots/web", "127.0.0.1 localhost\n"
	s.Devices, s.Sysctls = []Device{{"/dev/z", "/dev/zero"}}, []Sysctl{{"kernel.shmmax", "65536"}, {"net.core.somaxconn", "64"}}
	s.Masked, s.Limits, s.SystemCalls = []string{"/etc/passwd"}, []Limit{{"core", 0, 0}}, []string{"ptrace"}
}

func booted(s *Spec) { s.Boot, s.Root = true, RootEphemeral }

// TestLaunchFailsClosed lets each call of the set-up fail, one at a time, in three ways: the payload's code never runs,
// the launcher says so, and nothing stays behind.
func TestLaunchFailsClosed(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	b := newBed(t)
	if _, err := exec.LookPath("strace"); err != nil {
		skip(t, "strace")
	}
	b.furnish()
	runs := 0
	b.must(os.Mkdir(b.dir+"/state", 0o755))
	b.must(os.WriteFile(b.rootfs+"/etc/hosts", nil, 0o644))
	b.before = b.snap(b.rootfs)
	for i, calls := range []map[string][]string{injected, injectedFiles, injectedWords, injectedBoot} {
		for name, whens := range calls {
			for _, when := range whens {
				for _, errno := range []string{"EPERM", "EINVAL", "ENOSYS"} {
					if absent(name, when, errno) {
						continue
					}
					b.inject([]string{"", "files", "words", "boot"}[i], name, errno, when)
					runs++
				}
			}
		}
	}
	t.Logf("%d starts failed as they should", runs)
}

// inject starts a container, plain or with files, words or boot, while one call of the launcher's fails.
func (b *bed) inject(kind, name, errno, when string) {
	b.t.Helper()
	s := b.spec(func(s *Spec) {
		s.Args = []string{"sh", "-c", "echo the payload ran"}
		s.Mounts = []Mount{{Target: "/data2", Source: b.rootfs + "/data", ReadOnly: kind == "boot", Owner: &Account{0, 0}}}
		s.Init = kind == "" && (name == "execveat" || name == "fcntl")
	})
	switch kind {
	case "words":
		os.RemoveAll(b.dir + "/state/roots")
		b.words(&s)
	case "boot":
		booted(&s)
		s.HostNetwork = strings.HasPrefix(name, "landlock") // a system of its own network has none
	case "files":
		b.put(&s, map[string]string{"/etc/conf.d/x.conf": "x"}, nil)
	}
	what := kind + " " + fmt.Sprintf("%s:error=%s:when=%s", name, errno, when)
	o := b.under(s, strings.TrimPrefix(what, kind+" "))
	if strings.Contains(o.out, "the payload ran") {
		b.t.Errorf("%s: the payload ran; launcher exit %d: %s", what, o.code, o.line)
	}
	if o.code == 0 {
		b.t.Errorf("%s: the launcher says that all is well", what)
	}
	b.names(what, o.line, name, errno)
	b.residue(what)
}

// under starts a container while strace injects a failure.
func (b *bed) under(s Spec, injection string) outcome {
	b.t.Helper()
	st := b.launch(s, []string{"strace", "-f", "-qq", "-o", b.dir + "/trace", "-e", "inject=" + injection}, nil)
	buf := make([]byte, 4096)
	n, _ := st.out.Read(buf)
	trace, err := os.ReadFile(b.dir + "/trace")
	b.must(err)
	if !strings.Contains(string(trace), "INJECTED") {
		b.t.Errorf("%s: there is no such call", injection)
	}
	st.out.Close()
	st.gone()
	b.paths.RemoveRecord(invocation)
	return outcome{code: st.code, line: st.stderr.String(), out: string(buf[:n])}
}

// TestLaunchFailsClosedLate lets the last steps fail: those of the init, and the exec. strace, which follows execs itself, would make
// another failure of them; a filter that the launcher inherits makes the very error.
func TestLaunchFailsClosedLate(t *testing.T) {
	b := newBed(t)
	b.before = b.snap(b.rootfs)
	for _, c := range []struct {
		name       string
		nr         int
		arg, value int // which argument has to have which value; -1 for any
		init       bool
	}{
		{"execve", unix.SYS_EXECVE, -1, 0, false}, {"execve", unix.SYS_EXECVE, -1, 0, true},
		{"execveat", unix.SYS_EXECVEAT, -1, 0, true}, {"fcntl", unix.SYS_FCNTL, 1, unix.F_SETFD, true},
		{"clone", unix.SYS_CLONE, 0, unix.CLONE_VM | unix.CLONE_VFORK | int(unix.SIGCHLD), true},
	} {
		for errno, number := range map[string]unix.Errno{"EPERM": unix.EPERM, "EINVAL": unix.EINVAL, "ENOSYS": unix.ENOSYS} {
			s := b.spec(func(s *Spec) { s.Init, s.Args = c.init, []string{"sh", "-c", "echo the payload ran"} })
			b.fails(fmt.Sprintf("%s %s, init %v", c.name, errno, c.init), c.name, errno, b.launch(s, []string{"/proc/self/exe"}, func(cmd *exec.Cmd) {
				cmd.Env = append(cmd.Env, fmt.Sprintf("HOSTCTL_TEST_DENY=%d %d %d %d", c.nr, c.arg, c.value, number))
			}))
		}
	}
	// And as the kernel makes it: a filesystem that nothing is run from.
	noexec := b.dir + "/noexec"
	b.must(os.Mkdir(noexec, 0o755))
	b.must(unix.Mount("tmpfs", noexec, "tmpfs", unix.MS_NOEXEC, "mode=0755"))
	t.Cleanup(func() { unix.Unmount(noexec, unix.MNT_DETACH) })
	b.copy(b.rootfs+"/bin/busybox", noexec+"/echo")
	b.before = b.snap(b.rootfs)
	for _, init := range []bool{false, true} {
		s := b.spec(func(s *Spec) {
			s.Init, s.Args, s.Mounts = init, []string{"/data/echo", "the payload ran"}, []Mount{{Target: "/data", Source: noexec}}
		})
		b.fails(fmt.Sprintf("noexec, init %v", init), "execve", "EACCES", b.launch(s, nil, nil))
	}
}

// fails checks that a start came to nothing: nothing ran, one line says why, and the host is as before.
func (b *bed) fails(what, name, errno string, st *started) {
	b.t.Helper()
	o := st.end()
	if o.code != ExitExec || o.out != "" {
		b.t.Errorf("%s: exit %d: %q %s", what, o.code, o.out, o.line)
	}
	b.names(what, o.line, name, errno)
	b.paths.RemoveRecord(invocation)
	b.residue(what)
}

// A kernel that says that it has no Landlock is taken at its word: the container runs without. Nothing else is such a word.
func TestLandlockQuery(t *testing.T) {
	b := newBed(t)
	for errno, ran := range map[string]bool{"ENOSYS": true, "EOPNOTSUPP": true, "EPERM": false, "EACCES": false, "EINVAL": false, "ENOMEM": false} {
		s := b.spec(func(s *Spec) { s.Args = []string{"sh", "-c", "echo the payload ran"} })
		o := b.under(s, "landlock_create_ruleset:error="+errno+":when=1")
		if got := strings.Contains(o.out, "the payload ran"); got != ran || (o.code == 0) != ran {
			t.Errorf("%s: exit %d: %q %s", errno, o.code, o.out, o.line)
		}
		if !ran {
			b.names(errno, o.line, "landlock_create_ruleset", errno)
		}
	}
}

// absent says that the failure is the kernel's way to say that it has no Landlock, which is no failure: see TestLandlockQuery.
func absent(name, when, errno string) bool {
	return name == "landlock_create_ruleset" && when == "1" && errno == "ENOSYS"
}

// called are what the errors name in the place of a system call that strace names: the call of the C library by which it is known.
var called = map[string]string{"newfstatat": "fstatat"}

// names checks that a failure is one line of the journal's, with the call that failed and the error's name.
func (b *bed) names(what, line, name, errno string) {
	b.t.Helper()
	if alias := called[name]; alias != "" {
		name = alias
	}
	if !strings.Contains(line, name+"(") && !strings.Contains(line, name+":") || !strings.Contains(line, errno) || strings.Count(line, "\n") != 1 {
		b.t.Errorf("%s: no %s and %s in one line: %q", what, name, errno, line)
	}
}

// injectedEnter are the calls of who enters.
var injectedEnter = map[string][]string{
	"pidfd_open": {"1"}, "pipe2": {"1"}, "eventfd2": {"1"}, "openat2": {"1", "2"}, "setns": {"1"}, "prlimit64": {"1", "2", "16"}, "dup3": {"1", "2", "3"},
	"setsid": {"1"}, "keyctl": {"1"}, "prctl": {"1", "2", "20", "43", "44", "45"}, "setgroups": {"1"}, "setresgid": {"1"}, "setresuid": {"1"},
	"capset": {"1"}, "fchdir": {"1"}, "landlock_create_ruleset": {"1", "2"}, "landlock_add_rule": {"1", "2"}, "landlock_restrict_self": {"1"},
	"close_range": {"1"}, "seccomp": {"1"},
}

// TestEnterFailsClosed does the same to those who enter: the command does not run.
func TestEnterFailsClosed(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	b := newBed(t)
	if _, err := exec.LookPath("strace"); err != nil {
		skip(t, "strace")
	}
	st := b.launch(b.spec(func(s *Spec) { s.Args = []string{"probe", "wait"} }), nil, nil)
	readLine(t, st.out, "ready\n")
	entry := Entry{Args: []string{"sh", "-c", "echo the command ran"}}
	if out, errs, code := b.enterUnder([]string{"strace", "-f", "-qq", "-o", b.dir + "/trace"}, entry); code != 0 || !strings.Contains(out, "ran") {
		t.Fatalf("exit %d: %s %s", code, out, errs)
	}
	runs := 0
	for name, whens := range injectedEnter {
		for _, when := range whens {
			for _, errno := range []string{"EPERM", "EINVAL", "ENOSYS"} {
				if absent(name, when, errno) {
					continue
				}
				what := fmt.Sprintf("%s:error=%s:when=%s", name, errno, when)
				out, errs, code := b.enterUnder([]string{"strace", "-f", "-qq", "-o", b.dir + "/trace", "-e", "inject=" + what}, entry)
				trace, err := os.ReadFile(b.dir + "/trace")
				b.must(err)
				if !strings.Contains(string(trace), "INJECTED") {
					t.Errorf("%s: there is no such call", what)
				}
				b.names(what, errs, name, errno)
				if code == 0 || strings.Contains(out, "the command ran") {
					t.Errorf("%s: exit %d: %s %s", what, code, out, errs)
				}
				runs++
			}
		}
	}
	t.Logf("%d entries failed as they should", runs)
	b.must(unix.Kill(st.pid(), unix.SIGTERM))
	st.end()
}

package runtime

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A payload that may trace, and tries to with every process that comes, sees nothing of those who enter, which carry the host's memory
// and descriptors until their exec (CVE-2016-9962).
func TestSpied(t *testing.T) {
	const entries = 300
	if _, err := exec.LookPath("strace"); err != nil {
		skip(t, "strace")
	}
	for _, user := range []string{"0", "www"} {
		b := newBed(t)
		// Once without Landlock, which would keep a payload from tracing whoever is not under it yet.
		wrap, attr := []string{"/proc/self/exe"}, func(c *exec.Cmd) {
			c.Env = append(c.Env, fmt.Sprintf("HOSTCTL_TEST_DENY=%d -1 0 %d", unix.SYS_LANDLOCK_CREATE_RULESET, unix.ENOSYS))
		}
		if user != "0" {
			wrap, attr = nil, nil
		}
		st := b.launch(b.spec(func(s *Spec) {
			s.User, s.Args = user, []string{"probe", "spy"}
			s.Capabilities, s.SystemCalls = []string{"sys_ptrace"}, []string{"ptrace"}
		}), wrap, attr)
		readLine(t, st.out, "ready\n")
		// A few of them are held up where they have the container's rights over them already, and the host's ids still.
		const slowly = "inject=setgroups:delay_enter=100ms"
		for range 3 {
			if out, errs, code := b.enterUnder([]string{"strace", "-f", "-qq", "-o", "/dev/null", "-e", slowly}, Entry{Args: []string{"true"}}); code != 0 {
				t.Fatalf("exit %d: %s%s", code, out, errs)
			}
		}
		for range entries / 2 {
			if out, errs, code := b.enter(Entry{Args: []string{"true"}}); code != 0 {
				t.Fatalf("exit %d: %s%s", code, out, errs)
			}
		}
		b.must(unix.Kill(st.pid(), unix.SIGTERM))
		out, err := io.ReadAll(st.out)
		b.must(err)
		met := 0
		if fmt.Sscanf(string(out), "met %d\n", &met); met == 0 || strings.Count(string(out), "\n") != 1 {
			t.Errorf("user %s: %s", user, out)
		}
		t.Logf("user %s: %d of %d processes were met before their exec", user, met, entries/2)
		st.end()
	}
}

// The host's keys are out of reach by number and by name, also where the calls for keys are allowed: the keyring of the launcher's own
// session, which an administrator's login may have filled, stays behind.
func TestHostKeys(t *testing.T) {
	b := newBed(t)
	const name = "hostctl-test-key"
	// A session of this test's own, which it leaves to the launcher: whoever possesses a keyring may read what is in it.
	if _, err := unix.KeyctlJoinSessionKeyring("hostctl-test"); err != nil {
		skip(t, "session keyrings: "+err.Error())
	}
	id, err := unix.AddKey("user", name, []byte("S3CR3T"), unix.KEY_SPEC_SESSION_KEYRING)
	b.must(err)
	defer unix.KeyctlInt(unix.KEYCTL_REVOKE, id, 0, 0, 0)
	b.must(unix.KeyctlSetperm(id, 0x3f3f0000)) // all to whoever possesses it, and to its owner
	for _, init := range []bool{false, true} {
		s := b.spec(func(s *Spec) {
			s.Init, s.SystemCalls, s.Args = init, []string{"keyctl", "request_key", "add_key"}, []string{"probe", "key", fmt.Sprint(id), name}
		})
		if o := b.run(s); strings.Contains(o.out, "false") || strings.Count(o.out, "\n") != 7 {
			t.Errorf("init %v: %q %s", init, o.out, o.line)
		}
	}
}

package hosttest

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"hostctl/host"
)

// insideEnv tells a test's second process that it is in namespaces of its own.
const insideEnv = "HOSTCTL_TEST_INSIDE_NETNS"

// OnKernel runs a test on the kernel's own network, in a process with a network
// namespace, a mount namespace and a /run of its own, which all end with it:
// nothing of the machine is touched, and nothing is left behind. Without root it
// skips. The test must not have run in parallel before; t's name leads to it again.
func OnKernel(t *testing.T, test func(t *testing.T, door *host.Netlink)) {
	t.Helper()
	if os.Getenv(insideEnv) != "" {
		prepare(t)
		door, err := host.OpenNetlink()
		if err != nil {
			t.Fatal(err)
		}
		defer door.Close()
		test(t, door)
		return
	}
	if os.Geteuid() != 0 {
		lacks(t, "root: unshare CLONE_NEWNET|CLONE_NEWNS")
	}
	pattern := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	cmd := exec.Command("/proc/self/exe", "-test.run="+pattern, "-test.v")
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	case !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Fatalf("the test did not run again:\n%s", out)
	}
	t.Logf("in namespaces of its own:\n%s", out)
}

// NeedTools skips a test where one of the programs is missing.
func NeedTools(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			lacks(t, "the program "+name)
		}
	}
}

// lacks skips a test, or fails it where no test may be skipped.
func lacks(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("HOSTCTL_TEST_NO_SKIP") == "1" {
		t.Fatal("needs " + what)
	}
	t.Skip("needs " + what)
}

func prepare(t *testing.T) {
	t.Helper()
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal("mount MS_PRIVATE /:", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"); err != nil {
		t.Fatal("mount tmpfs /run:", err)
	}
}

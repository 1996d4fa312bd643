package host

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// NoCore cannot be undone for a test, so that a process of its own has it.
func TestNoCore(t *testing.T) {
	if os.Getenv("HOSTCTL_TEST_NO_CORE") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestNoCore$")
		cmd.Env = append(os.Environ(), "HOSTCTL_TEST_NO_CORE=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	dumpable := func() int {
		n, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if before, err := dumpable(), NoCore(); before != 1 || err != nil || dumpable() != 0 {
		t.Errorf("dumpable is %d, then %d, %v", before, dumpable(), err)
	}
}

package uml

import (
	"os"
	"strings"
	"testing"
)

// The bed itself: all controllers are there, a limit holds, the status comes back.
func TestRun(t *testing.T) {
	if m := Missing(); m != "" {
		if os.Getenv("HOSTCTL_TEST_NO_SKIP") == "1" {
			t.Fatal(m, " is missing")
		}
		t.Skip(m, " is missing")
	}
	if testing.Short() {
		t.Skip("boots a kernel")
	}
	dir := t.TempDir()
	const script = `cat /sys/fs/cgroup/cgroup.controllers
systemd-run --quiet --wait -p MemoryMax=20M -p MemorySwapMax=0 tail /dev/zero
echo tail $?
exit 3
`
	if err := os.WriteFile(dir+"/script", []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), dir)
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, r.Log, r.Console)
	}
	if want := "cpu io memory pids\ntail 1\n"; r.Log != want || r.Status != 3 {
		t.Errorf("status %d, log:\n%s\nwant 3 and:\n%s", r.Status, r.Log, want)
	}
	if !strings.Contains(r.Console, "Memory cgroup out of memory") {
		t.Errorf("the console does not speak of the OOM kill:\n%s", r.Console)
	}
}

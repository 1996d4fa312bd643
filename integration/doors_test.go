package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestDoors runs the tests of the packages whose other side is a real systemd
// (their build tag is throwaway) on a throwaway host: the contract that the systemd in memory passes too, and
// the container kind over the real door.
func TestDoors(t *testing.T) {
	for _, pkg := range []string{"./host", "./resource/container"} {
		t.Run(filepath.Base(pkg), func(t *testing.T) {
			h := boot(t)
			root, err := filepath.Abs("..")
			if err != nil {
				t.Fatal(err)
			}
			build := exec.Command("go", "test", "-tags=throwaway", "-c", "-o", filepath.Join(h.work, "doors.test"), pkg)
			build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			r := h.run("/usr/bin/env", "HOSTCTL_TEST_LAUNCHER=/usr/local/bin/hostctl-launch", "HOSTCTL_TEST_ROOTFS="+busybox,
				work+"/doors.test", "-test.v", "-test.run=Real")
			if r.exit != 0 {
				t.Fatal(r.all())
			}
			t.Logf("%s", r.stdout)
		})
	}
}

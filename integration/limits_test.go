package integration

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"hostctl/integration/uml"
)

// TestLimits runs testdata/limits.sh on User-mode Linux, whose systemd owns all controllers: what the
// limits of a container hold, and that its host goes on when they do. The kernel is 6.1, so that the
// launcher's ways for older kernels are walked too.
func TestLimits(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("there is no User-mode Linux for ", runtime.GOARCH)
	}
	need(t, uml.Missing())
	needRoot(t)
	if testing.Short() {
		t.Skip("boots a kernel")
	}
	dir := t.TempDir()
	for name, from := range map[string]string{"script": "testdata/limits.sh", "limits.hcl": "testdata/limits.hcl", "hogs.hcl": "testdata/hogs.hcl"} {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/"+name, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("cp", "-a", machine.bin+"/hostctl", machine.bin+"/hostctl-launch", machine.rootfs, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r, err := uml.Run(t.Context(), dir)
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, r.Log, r.Console)
	}
	if r.Status != 0 {
		t.Errorf("exit status %d\n%s\nconsole:\n%s", r.Status, r.Log, r.Console)
	}
	t.Log(r.Log)
}

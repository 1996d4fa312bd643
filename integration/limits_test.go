package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"hostctl/integration/uml"
)

// TestLimits runs testdata/limits.sh on User-mode Linux, whose systemd owns all controllers: what the
// limits of a container hold, and that its host goes on when they do. The kernel is 6.1, so that the
// launcher's ways for older kernels are walked too.
func TestLimits(t *testing.T) {
	onUML(t, "limits.sh", []string{"limits.hcl", "hogs.hcl"})
}

// TestAppArmor runs testdata/apparmor.sh on User-mode Linux with AppArmor as its security module: programs are confined by
// the profile that is declared, and do not start without it.
func TestAppArmor(t *testing.T) {
	onUML(t, "apparmor.sh", []string{"apparmor.hcl"}, "lsm=apparmor", "security=apparmor", "apparmor=1")
}

// TestClock runs testdata/clock.sh on User-mode Linux: the clock jumps ten years to and fro, and nothing is restarted, forgotten or done twice.
func TestClock(t *testing.T) {
	onUML(t, "clock.sh", []string{"clock.hcl"})
}

// onUML runs a script of testdata on User-mode Linux, with these files beside it and these words on the kernel's command line.
func onUML(t *testing.T, script string, files []string, kernel ...string) {
	dir := umlDir(t, script, files)
	r, err := uml.Run(t.Context(), dir, kernel...)
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, r.Log, r.Console)
	}
	if r.Status != 0 {
		t.Errorf("exit status %d\n%s\nconsole:\n%s", r.Status, r.Log, r.Console)
	}
	t.Log(r.Log)
}

// umlDir makes the directory of a script that User-mode Linux runs; the test ends where there is none.
func umlDir(t *testing.T, script string, files []string) string {
	if runtime.GOARCH != "amd64" {
		t.Skip("there is no User-mode Linux for ", runtime.GOARCH)
	}
	need(t, uml.Missing())
	needRoot(t)
	if testing.Short() {
		t.Skip("boots a kernel")
	}
	beside(t)
	dir := t.TempDir()
	put := func(from, to string) {
		b, err := os.ReadFile(filepath.Join("testdata", from))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, to), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put(script, "script")
	put("policy.hcl", "policy.hcl")
	for _, f := range files {
		put(f, f)
	}
	if out, err := exec.Command("cp", "-a", machine.bin+"/hostctl", machine.bin+"/hostctl-launch", machine.rootfs, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

package runtime

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"
)

// The launcher's file, which is the init's too, cannot be opened for writing from inside, nor be started there as a program (CVE-2019-5736).
func TestLauncherIsOutOfReach(t *testing.T) {
	b := newBed(t)
	sum := func() string {
		data, err := os.ReadFile(b.launcher)
		b.must(err)
		return fmt.Sprintf("%x", sha256.Sum256(data))
	}
	before := sum()
	b.must(os.WriteFile(b.rootfs+"/bin/script", []byte("#!/proc/self/exe\n"), 0o755))
	b.must(os.Symlink("/proc/self/exe", b.rootfs+"/bin/self"))
	const open = `for p in /proc/1/exe /proc/self/exe /proc/1/root /proc/1/fd/0; do (true > $p) 2> /dev/null && echo "opened $p"; done; busybox readlink /proc/1/exe; echo done`
	for i := range 100 {
		init := i%2 == 0
		o := b.run(b.spec(func(s *Spec) { s.Init, s.Args = init, []string{"sh", "-c", open} }))
		if o.code != 0 || strings.Contains(o.out, "opened") || !strings.HasSuffix(o.out, "done\n") || strings.Contains(o.out, "hostctl") {
			t.Fatalf("init %v: exit %d: %s %s", init, o.code, o.out, o.line)
		}
	}
	for _, args := range [][]string{{"/proc/self/exe"}, {"/proc/1/exe"}, {"/bin/self"}, {"/bin/script"}} {
		for _, init := range []bool{false, true} {
			o := b.run(b.spec(func(s *Spec) { s.Init, s.Args = init, args }))
			if o.out != "" || args[0] != "/bin/script" && o.code != ExitConfig {
				t.Errorf("init %v, %v: exit %d: %q %s", init, args, o.code, o.out, o.line)
			}
		}
	}
	if after := sum(); after != before {
		t.Error("the launcher's file is another")
	}
}

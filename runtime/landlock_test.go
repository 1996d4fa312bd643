package runtime

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// The second wall holds where the first is taken away: the host's own root makes the container's root and a read-only
// volume writable, and nothing of them can be written all the same.
func TestLandlockBehindTheMounts(t *testing.T) {
	if landlockABI(t) < LandlockFiles {
		skip(t, "Landlock ABI 2")
	}
	b := newBed(t)
	for _, dir := range []string{"", "/data", "/data2"} {
		b.must(os.Chmod(b.rootfs+dir, 0o777))
	}
	for _, init := range []bool{false, true} {
		st := b.launch(b.spec(func(s *Spec) {
			s.Init = init
			s.Mounts = []Mount{{Target: "/data", Source: b.rootfs + "/data2", ReadOnly: true}}
			s.Args = []string{"sh", "-c", `trap 'for f in /x /data/x /tmp/x /dev/shm/x; do if (: > $f) 2>/dev/null; then echo $f written; else echo $f refused; fi; done; exit' USR1
				echo ready; while :; do sleep 1000 & wait; done`}
		}), nil, nil)
		readLine(t, st.out, "ready\n")
		for _, at := range []string{"/", "/data"} {
			out, err := exec.Command("nsenter", "-t", fmt.Sprint(st.pid()), "-m", "-p", "/bin/busybox", "mount", "-o", "remount,bind,rw", at).CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v: %s", at, err, out)
			}
		}
		b.must(unix.Kill(st.pid(), unix.SIGUSR1))
		if want, o := "/x refused\n/data/x refused\n/tmp/x written\n/dev/shm/x written\n", st.end(); o.out != want {
			t.Errorf("init %v: %q, want %q; %s", init, o.out, want, o.line)
		}
	}
}

// In a network namespace that is shared, another's abstract sockets are out of reach.
func TestLandlockAbstractSockets(t *testing.T) {
	if landlockABI(t) < LandlockSockets {
		skip(t, "Landlock ABI 6")
	}
	b := newBed(t)
	ns := b.dir + "/net"
	b.must(os.WriteFile(ns, nil, 0o600))
	b.must(unix.Mount("/proc/self/ns/net", ns, "", unix.MS_BIND, ""))
	t.Cleanup(func() { unix.Unmount(ns, unix.MNT_DETACH) })
	const name = "@hostctl-test-landlock"
	l, err := net.Listen("unix", name)
	b.must(err)
	defer l.Close()
	o := b.run(b.spec(func(s *Spec) { s.Netns, s.Args = ns, []string{"probe", "connect", name} }))
	if want := "connect: operation not permitted\n"; o.out != want {
		t.Errorf("%q, want %q; %s", o.out, want, o.line)
	}
}

func landlockABI(t *testing.T) int {
	t.Helper()
	abi, err := LandlockABI()
	if err != nil {
		t.Fatal(err)
	}
	return abi
}

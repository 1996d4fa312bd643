package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMountFacts(t *testing.T) {
	const text = `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
37 36 0:21 / /a\040-\040b ro,nosuid - tmpfs  rw,size=4k
38 36 0:22 / /x rw shared:1 master:2 - proc proc rw
39 36 0:23 /../../x /sys/fs/cgroup ro - cgroup2 cgroup rw
no line at all
39 36
`
	const want = `98:0 /mnt1 /mnt2 rw,noatime ext3
0:21 / /a\040-\040b ro,nosuid tmpfs
0:22 / /x rw proc
0:23 / /sys/fs/cgroup ro cgroup2
`
	if got := mountFacts([]byte(text)); got != want {
		t.Errorf("%q", got)
	}
}

func TestReadFacts(t *testing.T) {
	f, err := ReadFacts(fmt.Sprintf("/proc/%d", os.Getpid()))
	if err != nil || len(f.Namespaces) != len(namespaces) || len(f.Mounts) == 0 || f.SeccompFilters < 0 {
		t.Errorf("%+v, %v", f, err)
	}
	for _, kind := range namespaces {
		if want, _ := os.Readlink("/proc/self/ns/" + kind); f.Namespaces[kind] != want {
			t.Errorf("%s: %q, want %q", kind, f.Namespaces[kind], want)
		}
	}
	if _, err := ReadFacts(filepath.Join(t.TempDir(), "1")); err == nil {
		t.Error("a process that is not there has facts")
	}
}

// What the launcher notes before the release is what the payload has after it, of every sort of container.
func TestFactsHold(t *testing.T) {
	for name, change := range map[string]func(*Spec){
		"plain":        func(*Spec) {},
		"no init":      func(s *Spec) { s.Init = false },
		"capabilities": func(s *Spec) { s.Capabilities = []string{"chown", "net_admin"} },
		"another user": func(s *Spec) { s.User, s.Capabilities = "www", []string{"kill"} },
		"ephemeral":    func(s *Spec) { s.Root, s.Masked = RootEphemeral, []string{"/etc/passwd"} },
		"host network": func(s *Spec) { s.HostNetwork = true },
		"a system":     func(s *Spec) { s.Boot, s.Root, s.Init, s.User = true, RootEphemeral, false, "" },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			st := b.launch(b.spec(func(s *Spec) { change(s); s.Args = []string{"/bin/probe", "wait"} }), nil, nil)
			readLine(t, st.out, "ready\n")
			r, err := b.paths.ReadRecord(invocation)
			if err != nil || r.Facts == nil {
				t.Fatalf("%+v, %v", r, err)
			}
			was := *r.Facts
			now, err := ReadFacts(procPath(r.PID, ""))
			b.must(err)
			if was.Boot {
				if now.Namespaces["mnt"] == "" || was.Namespaces["mnt"] != "" {
					t.Errorf("namespaces %v, noted %v", now.Namespaces, was.Namespaces)
				}
				delete(now.Namespaces, "mnt")
			}
			b.must(unix.Kill(r.PID, unix.SIGKILL))
			st.end()
			was.Mounts, now.Mounts = sorted(was.Mounts), sorted(now.Mounts)
			was.Boot = false
			if !reflect.DeepEqual(was, now) {
				t.Errorf("noted %+v\nare   %+v", was, now)
			}
		})
	}
}

func sorted(text string) string {
	return strings.Join(slices.Sorted(strings.Lines(text)), "")
}

package host

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// What others put into /run/netns is theirs: it has no mark, and keeps nobody from reading the rest.
func TestSurveyOfWhatOthersPutThere(t *testing.T) {
	if os.Geteuid() != 0 {
		lacks(t, "root", os.ErrPermission)
	}
	n := &Netlink{dir: t.TempDir()}
	at := func(name string) string { return filepath.Join(n.dir, name) }
	for _, name := range []string{"uts", "dev"} {
		must(t, os.WriteFile(at(name), nil, 0o644))
	}
	for name, source := range map[string]string{"uts": "/proc/self/ns/uts", "dev": "/dev/zero"} {
		if err := unix.Mount(source, at(name), "", unix.MS_BIND, ""); err != nil {
			lacks(t, "mount", err)
		}
		defer unix.Unmount(at(name), unix.MNT_DETACH)
	}
	must(t, unix.Mkfifo(at("fifo"), 0o644))
	must(t, os.Mkdir(at("dir"), 0o755))
	must(t, os.Symlink("/proc/self/ns/net", at("link")))
	must(t, os.WriteFile(at("long"), make([]byte, markMax+1), 0o644))
	must(t, os.WriteFile(at("ours"), []byte("hostctl:shop:netns.n"), 0o644))

	found, err := n.Namespaces()
	if err != nil || len(found) != 7 {
		t.Fatalf("%d entries of 7: %v", len(found), err)
	}
	for _, e := range found {
		want := ""
		if e.Name == "ours" {
			want = "hostctl:shop:netns.n"
		}
		if e.Mounted || e.Mark != want {
			t.Errorf("%s: mounted %v, mark %q", e.Name, e.Mounted, e.Mark)
		}
	}
}

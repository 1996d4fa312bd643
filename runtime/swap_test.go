package runtime

import (
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// Another container that shares a volume exchanges the directories that this one's mounts go to and come from for links, without end:
// a start is refused, or has its own and nothing of the host's.
func TestSwaps(t *testing.T) {
	const swaps, starts = 100_000, 1000
	b := newBed(t)
	for path, text := range map[string]string{
		"/shared/inner/mark": "below", "/shared/sub/mark": "sub", "/shared/whole/mark": "whole", "/other/mark": "other", "/host/mark": "CANARY",
	} {
		b.must(os.MkdirAll(b.dir+path[:strings.LastIndexByte(path, '/')], 0o755))
		b.must(os.WriteFile(b.dir+path, []byte(text+"\n"), 0o644))
	}
	b.must(os.Symlink("/", b.dir+"/shared/evil"))
	b.must(os.Symlink(b.dir+"/host", b.dir+"/shared/sublink"))
	b.must(os.Symlink(b.dir+"/host", b.dir+"/shared/wholelink"))
	s := b.spec(func(s *Spec) {
		s.Args = []string{"sh", "-c", "cat /data2/mark /run/whole/mark && cat /proc/self/mountinfo"}
		s.Mounts = []Mount{
			{Target: "/data", Source: b.dir + "/shared"},
			{Target: "/data/inner", Source: b.dir + "/other"},
			{Target: "/data2", Source: b.dir + "/shared", Path: "sub"},
			{Target: "/run/whole", Source: b.dir + "/shared/whole"},
		}
	})
	before := b.snap(b.dir + "/host/mark")

	shared, err := unix.Open(b.dir+"/shared", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	b.must(err)
	defer unix.Close(shared)
	var swapped atomic.Int64
	var stop atomic.Bool
	ended := make(chan error, 1)
	go func() {
		for !stop.Load() || swapped.Load() < swaps {
			for _, pair := range [][2]string{{"inner", "evil"}, {"sub", "sublink"}, {"whole", "wholelink"}} {
				if err := unix.Renameat2(shared, pair[0], shared, pair[1], unix.RENAME_EXCHANGE); err != nil {
					ended <- err
					return
				}
				swapped.Add(1)
			}
		}
		ended <- nil
	}()

	allowed := []string{"/rootfs", "/shared", "/other", "/shared/sub", "/shared/sublink", "/shared/whole", "/shared/wholelink"} // each goes by either name
	ran, refused := 0, 0
	for range starts {
		o := b.run(s)
		if o.code != 0 || !strings.HasPrefix(o.out, "sub\nwhole\n") {
			if o.code == 0 || o.out != "" || !strings.HasPrefix(o.line, "container web: ") || strings.Count(o.line, "\n") > 1 {
				t.Errorf("exit %d: %q %s", o.code, o.out, o.line)
			}
			refused++
			continue
		}
		ran++
		for _, line := range strings.Split(strings.TrimSpace(o.out), "\n")[2:] {
			f := strings.Fields(line)
			own := strings.Contains(line, " - tmpfs ") || strings.Contains(line, " - proc ") || strings.Contains(line, " - sysfs ") ||
				strings.Contains(line, " - devpts ") || strings.Contains(line, " - cgroup2 ") || strings.Contains(line, " - mqueue ") || strings.Contains(line, " - devtmpfs ")
			if !own && !slices.ContainsFunc(allowed, func(end string) bool { return strings.HasSuffix(f[3], end) }) {
				t.Errorf("it has a mount of the host's: %s", line)
			}
		}
		if strings.Contains(o.out, "CANARY") {
			t.Error("it has read the host's file")
		}
	}
	stop.Store(true)
	b.must(<-ended)
	if ran == 0 || refused == 0 {
		t.Errorf("%d starts ran and %d were refused: nothing was tried", ran, refused)
	}
	t.Logf("%d swaps; %d of %d starts ran, %d were refused", swapped.Load(), ran, starts, refused)
	b.unchanged(t, "after all", before, b.dir+"/host/mark")
}

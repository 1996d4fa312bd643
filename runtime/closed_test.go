package runtime

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Where a whole system could make setuid programs for users of the host, neither plan nor launcher lets it write: neither to a volume that
// they reach, nor where only what is mounted below has setuid programs, nor to its own root directory.
func TestSetuidVolumes(t *testing.T) {
	b := newBed(t)
	overlayOK(t, b)
	mount := func(dir string, flags uintptr) string {
		b.must(os.MkdirAll(dir, 0o755))
		b.must(unix.Mount("none", dir, "tmpfs", flags, "mode=755"))
		t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
		return dir
	}
	dir := func(path string, mode os.FileMode) string {
		b.must(os.MkdirAll(path, 0o755))
		b.must(os.Chmod(path, mode))
		return path
	}
	open := mount(b.dir+"/open", 0)
	nosuid := mount(b.dir+"/nosuid", unix.MS_NOSUID)
	below := mount(b.dir+"/below", unix.MS_NOSUID)
	mount(below+"/volume/sub", 0)
	closed := dir(dir(open+"/closed", 0o700)+"/volume", 0o755)
	theirs := dir(open+"/theirs", 0o700)
	b.must(os.Chown(theirs, 1000000, 1000000))
	for _, c := range []struct {
		source, refused string // refused names the mount, "" is none
		readOnly        bool
		plain           bool // no whole system
	}{
		{source: dir(open+"/volume", 0o755), refused: open},
		{source: theirs, refused: open}, // which the container can open to all
		{source: below + "/volume", refused: below + "/volume/sub"},
		{source: dir(nosuid+"/volume", 0o755)},
		{source: closed},
		{source: open + "/volume", readOnly: true},
		{source: open + "/volume", plain: true},
	} {
		s := b.spec(func(s *Spec) {
			s.Args = []string{"sh", "-c", "echo ran"}
			s.Mounts = []Mount{{Target: "/data", Source: c.source, ReadOnly: c.readOnly}}
			if !c.plain {
				booted(s)
			}
		})
		found := slices.IndexFunc(Check(s), func(p Problem) bool {
			return p.Field == "setuid" && p.Target == "/data" && strings.Contains(p.Error(), "mount the filesystem at "+c.refused+" nosuid")
		}) >= 0
		if found != (c.refused != "") {
			t.Errorf("%s: Check says %v", c.source, Check(s))
		}
		if c.refused != "" {
			b.refused(c.source, ExitSetup, s, "mount the filesystem at "+c.refused+" nosuid")
		} else if o := b.run(s); !strings.Contains(o.out, "ran") {
			t.Errorf("%s: exit %d: %s%s", c.source, o.code, o.out, o.line)
		}
	}
	// A root directory whose files are the container's own already.
	b.must(os.Chown(b.rootfs, int(b.base), int(b.base)))
	s := b.spec(func(s *Spec) { s.Boot, s.Root, s.Args = true, RootWritable, []string{"sh", "-c", "echo ran"} })
	b.refused("an open root", ExitSetup, s, "close it to them")
	if !slices.ContainsFunc(Check(s), func(p Problem) bool { return p.Field == "root" }) {
		t.Errorf("Check says %v", Check(s))
	}
}

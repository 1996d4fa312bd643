package runtime

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const writes = "echo x > /etc/new && echo y > /etc/passwd.x && rm /etc/group && mkdir /newdir && cat /etc/new && ls /newdir /etc && id -u && : > /data/f && chown 5:6 /etc/new; ls -n /etc/new; touch /proc/x /sys/x /dev/shm/ok"

func overlayOK(t *testing.T, b *bed) {
	t.Helper()
	b.must(os.Chmod(b.rootfs+"/etc", 0o755))
	b.must(os.Symlink("busybox", b.rootfs+"/bin/mkdir"))
	for _, name := range []string{"id", "touch", "chown", "echo", "mv", "stat", "mknod"} {
		b.must(os.Symlink("busybox", b.rootfs+"/bin/"+name))
	}
}

// What is written to an ephemeral root is gone with the container; the root directory never changes.
func TestEphemeralRoot(t *testing.T) {
	b := newBed(t)
	overlayOK(t, b)
	before := tree(t, b.rootfs)
	s := b.spec(func(s *Spec) {
		s.Root, s.Args = RootEphemeral, []string{"sh", "-c", "cat /etc/new 2>/dev/null; " + writes}
	})
	for _, init := range []bool{false, true} {
		s.Init = init
		for range 2 {
			o := b.run(s)
			if o.code != 0 || !strings.HasPrefix(o.out, "x\n") || strings.Contains(o.out, "group\n") || !strings.Contains(o.out, "0 ") {
				t.Fatalf("exit %d: %s%s", o.code, o.out, o.line)
			}
		}
	}
	if after := tree(t, b.rootfs); after != before {
		t.Errorf("the root directory changed:\n%s", after)
	}
	s.RootSize, s.Args = 1<<20, []string{"sh", "-c", "busybox dd if=/dev/zero of=/big bs=1k count=4096 2>&1; busybox df -k / | busybox tail -1"}
	if o := b.run(s); !strings.Contains(o.out, "No space left") {
		t.Errorf("a root of 1 MiB holds 4: %s%s", o.out, o.line)
	}
	for _, m := range parseMounts(b.probe(b.spec(func(s *Spec) { s.Root = RootEphemeral })).Mountinfo) {
		if opts := "," + m.opts + ","; !strings.Contains(opts, ",nosuid,") || m.path == "/" && (m.fstype != "overlay" || !strings.Contains(opts, ",nodev,")) {
			t.Errorf("%+v", m)
		}
	}
}

// What is written to a persistent root is there at the next start, and no host user reaches it. With other ids it is not used.
func TestPersistentRoot(t *testing.T) {
	b := newBed(t)
	overlayOK(t, b)
	b.must(os.Mkdir(b.dir+"/state", 0o755))
	upper := b.dir + "/state/roots/web"
	before := tree(t, b.rootfs)
	s := b.spec(func(s *Spec) {
		s.Root, s.Upper, s.Args = RootPersistent, upper, []string{"sh", "-c", "cat /etc/kept; echo more >> /etc/kept; rm -f /etc/group; ls /etc"}
	})
	for i, want := range []string{"", "more\n", "more\nmore\n"} {
		o := b.run(s)
		if o.code != 0 || !strings.HasPrefix(o.out, want+"kept\npasswd\n") && !strings.HasPrefix(o.out, want+"cat:") {
			t.Errorf("start %d: exit %d: %s%s", i, o.code, o.out, o.line)
		}
	}
	if after := tree(t, b.rootfs); after != before {
		t.Errorf("the root directory changed:\n%s", after)
	}
	for _, dir := range []string{b.dir + "/state/roots", upper} {
		if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", dir, st, err)
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(upper+"/upper/etc/kept", &st); err != nil || st.Uid != b.base {
		t.Errorf("%v, uid %d", err, st.Uid)
	}
	other := s
	other.IDs.Base += 65536
	b.refused("other ids", ExitSetup, other, upper, "belong to other ids")
	b.must(os.Rename(upper+"/upper", upper+"/aside"))
	b.must(os.Symlink("/etc", upper+"/upper"))
	b.refused("a link in the place of the layer", ExitSetup, s, "openat(upper")
}

// A root directory that was unpacked with the attributes of overlayfs leads nowhere: they are obeyed in no layer of it.
func TestOverlayAttributes(t *testing.T) {
	b := newBed(t)
	overlayOK(t, b)
	for _, d := range []string{"a", "b", "a/secret"} {
		b.must(os.Mkdir(b.rootfs+"/"+d, 0o755))
	}
	b.must(os.WriteFile(b.rootfs+"/a/file", []byte("of a\n"), 0o644))
	b.must(os.WriteFile(b.rootfs+"/b/meta", nil, 0o644))
	for _, prefix := range []string{"trusted.overlay.", "user.overlay."} {
		for file, attrs := range map[string]map[string]string{
			"b":      {"redirect": "/a", "opaque": "n"},
			"b/meta": {"metacopy": "", "redirect": "/a/file"},
		} {
			for name, value := range attrs {
				if err := unix.Setxattr(b.rootfs+"/"+file, prefix+name, []byte(value), 0); err != nil {
					t.Skipf("%s%s: %v", prefix, name, err)
				}
			}
		}
	}
	o := b.run(b.spec(func(s *Spec) {
		s.Root, s.Args = RootEphemeral, []string{"sh", "-c", "ls /b; cat /b/meta; mv /a/file /a/file2 && cat /a/file2"}
	}))
	if strings.Contains(o.out, "secret") || strings.Count(o.out, "of a") > 1 {
		t.Errorf("exit %d: %s%s", o.code, o.out, o.line)
	}
}

// A writable root is one that no user of the host can reach.
func TestWritableRoot(t *testing.T) {
	b := newBed(t)
	overlayOK(t, b)
	s := b.spec(func(s *Spec) {
		s.Root, s.Args = RootWritable, []string{"sh", "-c", "echo x > /etc/new && ls -n /etc/new"}
	})
	b.refused("an open root", ExitSetup, s, "close it to them")
	closed := b.dir + "/closed"
	b.must(os.Mkdir(closed, 0o700))
	b.must(os.Rename(b.rootfs, closed+"/rootfs"))
	s.Rootfs = closed + "/rootfs"
	if o := b.run(s); o.code != 0 || !strings.Contains(o.out, " 0 ") {
		t.Fatalf("exit %d: %s%s", o.code, o.out, o.line)
	}
	var st unix.Stat_t
	if err := unix.Stat(s.Rootfs+"/etc/new", &st); err != nil || st.Uid != 0 {
		t.Errorf("%v, uid %d", err, st.Uid)
	}
}

// Part of a volume is looked up through no link, at each start.
func TestMountPath(t *testing.T) {
	b := newBed(t)
	volume := b.dir + "/volume"
	b.must(os.MkdirAll(volume+"/sub/dir", 0o755))
	b.must(os.WriteFile(volume+"/sub/file", []byte("in a file\n"), 0o644))
	b.must(os.WriteFile(volume+"/sub/dir/f", []byte("in a directory\n"), 0o644))
	b.must(os.WriteFile(b.rootfs+"/etc/target", nil, 0o644))
	b.must(os.Symlink("/etc", volume+"/link"))
	b.must(mkfifo(volume + "/fifo"))
	s := b.spec(func(s *Spec) {
		s.Mounts = []Mount{{Target: "/etc/target", Source: volume, Path: "sub/file", ReadOnly: true}, {Target: "/data", Source: volume, Path: "sub/dir"},
			{Target: "/run/made/here", Source: volume, Path: "sub/file"}}
		s.Args = []string{"sh", "-c", "cat /etc/target /data/f /run/made/here; ls /data; echo no > /etc/target || echo refused"}
	})
	for _, init := range []bool{false, true} {
		s.Init = init
		o := b.run(s)
		if !strings.HasPrefix(o.out, "in a file\nin a directory\nin a file\nf\nrefused\n") {
			t.Errorf("init %v: exit %d: %s%s", init, o.code, o.out, o.line)
		}
	}
	for path, want := range map[string]string{"link/passwd": "ELOOP", "link": "ELOOP", "fifo": "neither a directory nor a regular file", "none": "ENOENT", "sub/file/x": "ENOTDIR"} {
		bad := s
		bad.Mounts = []Mount{{Target: "/data", Source: volume, Path: path}}
		b.refused(path, ExitSetup, bad, want)
	}
	bad := s
	bad.Mounts = []Mount{{Target: "/data", Source: volume, Path: "sub/file"}}
	b.refused("a file over a directory", ExitSetup, bad, "and /data is none")
}

// tree lists what is in a directory.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.Walk(dir, func(p string, st os.FileInfo, err error) error {
		if err == nil {
			out.WriteString(p + " " + st.Mode().String() + " " + st.ModTime().String() + "\n")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

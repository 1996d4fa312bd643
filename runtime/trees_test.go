package runtime

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// hostileTree is one thing that is wrong with a root directory, and what must come of a start: the words of a refusal, or "" where it runs
// and prints "fine" and nothing else.
type hostileTree struct {
	name   string
	change func(b *bed, root string)
	spec   func(s *Spec)
	want   string
}

// in puts something in a place, whatever was there.
func in(place string, put func(p string) error) func(*bed, string) {
	return func(b *bed, root string) {
		b.must(os.RemoveAll(root + place))
		b.must(os.MkdirAll(filepath.Dir(root+place), 0o755))
		b.must(put(root + place))
	}
}

func linkTo(to string) func(string) error {
	return func(p string) error { return os.Symlink(to, p) }
}

func node(kind uint32, major, minor uint32) func(string) error {
	return func(p string) error { return unix.Mknod(p, kind|0o666, int(unix.Mkdev(major, minor))) }
}

func text(s string, mode os.FileMode) func(string) error {
	return func(p string) error {
		if err := os.WriteFile(p, []byte(s), 0o644); err != nil {
			return err
		}
		return os.Chmod(p, mode)
	}
}

func socket(p string) error { return unix.Mknod(p, unix.S_IFSOCK|0o666, 0) }

func nothing(string) error { return nil }

func hostileTrees(canary string) (trees []hostileTree) {
	add := func(name string, change func(*bed, string), spec func(*Spec), want string) {
		trees = append(trees, hostileTree{name, change, spec, want})
	}
	odd := []struct {
		name string
		put  func(string) error
	}{
		{"a link to the host's root", linkTo("/")}, {"a link to the canary", linkTo(canary)}, {"a link upwards", linkTo("../../../../../../etc")},
		{"a link to itself", linkTo("self")}, {"a link to nothing", linkTo("/nothing")}, {"a magic link", linkTo("/proc/1/root")},
		{"a fifo", mkfifo}, {"a socket", socket}, {"a disk", node(unix.S_IFBLK, 8, 0)}, {"the memory", node(unix.S_IFCHR, 1, 1)},
		{"a file", text("x", 0o777)}, {"nothing", nothing},
	}
	// What the launcher lays over must be a directory, whatever else it is.
	for _, dir := range []string{"/dev", "/proc", "/sys"} {
		for _, o := range odd {
			add(o.name+" at "+dir, in(dir, o.put), nil, "rootfs")
		}
	}
	for _, dir := range []string{"/run", "/tmp"} {
		for _, o := range odd[:8] {
			add(o.name+" at "+dir, in(dir, o.put), nil, dir)
		}
	}
	// The user and group files are read through no link that leads out, and only where they are small files.
	www := func(s *Spec) { s.User = "www" }
	for _, o := range odd[:10] {
		add(o.name+" for /etc/passwd", in("/etc/passwd", o.put), www, "user")
		add(o.name+" for /etc/group", in("/etc/group", o.put), func(s *Spec) { s.Groups = []string{"web"} }, "group")
	}
	add("a huge /etc/passwd", in("/etc/passwd", func(p string) error { return os.WriteFile(p, make([]byte, maxPasswd+1), 0o644) }), www, "larger than 1 MiB")
	add("a sparse /etc/passwd", in("/etc/passwd", func(p string) error {
		if err := os.WriteFile(p, nil, 0o644); err != nil {
			return err
		}
		return os.Truncate(p, 1<<40)
	}), www, "larger than 1 MiB")
	add("a user without a number", in("/etc/passwd", text("www:x:0x0:0::/:/bin/sh\n", 0o644)), www, "user")
	add("a user beyond all numbers", in("/etc/passwd", text("www:x:4294967295:0::/:/bin/sh\n", 0o644)), www, "user")
	add("a user outside of the range", in("/etc/passwd", text("www:x:70000:0::/:/bin/sh\n", 0o644)), www, "user")
	add("a home that is no path", in("/etc/passwd", text("www:x:33:33::../../etc:/bin/sh\n", 0o644)), www, "")
	// The command.
	for _, o := range odd {
		add(o.name+" as the command", in("/bin/it", o.put), func(s *Spec) { s.Args = []string{"/bin/it"} }, "/bin/it")
		add(o.name+" in PATH", in("/bin/it", o.put), func(s *Spec) { s.Args = []string{"it"} }, `"it"`)
	}
	add("a command that is not executable", in("/bin/it", text("#!/bin/sh\n", 0o644)), func(s *Spec) { s.Args = []string{"/bin/it"} }, "is not an executable file")
	add("a command of no format", in("/bin/it", text("\x00\x01", 0o755)), func(s *Spec) { s.Args = []string{"/bin/it"} }, "execve")
	add("a setuid command of an odd owner", func(b *bed, root string) {
		b.must(os.Link(root+"/bin/busybox", root+"/bin/it"))
		b.must(os.Chown(root+"/bin/busybox", 12345, 12345))
		b.must(os.Chmod(root+"/bin/busybox", 0o4755|os.ModeSetuid))
	}, func(s *Spec) {
		s.User, s.Args = "www", []string{"sh", "-c", "busybox id -u | busybox grep -q '^33$' && echo fine"}
	}, "")
	add("a file with capabilities", func(b *bed, root string) {
		// VFS_CAP_REVISION_2 | effective, all of the first 32
		b.must(unix.Setxattr(root+"/bin/busybox", "security.capability", []byte("\x01\x00\x00\x02\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 0))
	}, func(s *Spec) {
		s.Args = []string{"sh", "-c", "busybox grep -q 'CapEff:.0000000000000000' /proc/self/status && echo fine"}
	}, "")
	// Where files of the configuration go.
	for _, o := range odd[:10] {
		add(o.name+" above a file", in("/etc/conf.d", o.put), func(s *Spec) {
			s.Files = []File{{Target: "/etc/conf.d/x", Sum: Sum([]byte("x")), Mode: 0o644}}
		}, "file")
	}
	// Mount points.
	for _, o := range odd[1:11] {
		add(o.name+" where a volume goes", in("/data", o.put), func(s *Spec) { s.Tmpfs = []Tmpfs{{Target: "/data/below", Size: 4096}} }, "/data/below")
	}
	// What is only odd.
	deep := strings.Repeat("/d", 200)
	add("a deep tree", in(deep, func(p string) error { return os.MkdirAll(p, 0o755) }), nil, "")
	add("a long name", in("/"+strings.Repeat("n", 255), text("", 0o644)), nil, "")
	add("a name with a newline", in("/a\nExecStart=/bin/x", text("", 0o644)), nil, "")
	add("a name that is no text", in("/\xff\xfe\x80", text("", 0o644)), nil, "")
	add("a canary of its own at the places of the host", in("/etc/cron.d/x", text("* * * * * root x", 0o644)), nil, "")
	add("setuid and setgid programs of root and of another", func(b *bed, root string) {
		for name, owner := range map[string]int{"root": 0, "other": 1234} {
			b.copy(root+"/bin/probe", root+"/data/"+name)
			b.must(os.Chown(root+"/data/"+name, owner, owner))
			b.must(os.Chmod(root+"/data/"+name, 0o755|os.ModeSetuid|os.ModeSetgid))
		}
	}, func(s *Spec) {
		s.User, s.Args = "www", []string{"sh", "-c", `
			for name in root other; do
				test -u /data/$name || echo $name is not setuid
				is=$(/data/$name ids)
				test "$is" = "euid 33 suid 33 egid 34 sgid 34" || echo $name: $is
			done
			echo fine`}
	}, "")
	add("devices everywhere", func(b *bed, root string) {
		for i := range uint32(20) {
			b.must(node(unix.S_IFBLK, 8, i)(fmt.Sprintf("%s/data/disk%d", root, i)))
		}
		for name, minor := range map[string]uint32{"mem": 1, "kmem": 2, "null": 3, "port": 4, "zero": 5} {
			b.must(node(unix.S_IFCHR, 1, minor)(root + "/data/" + name))
			b.must(os.Chmod(root+"/data/"+name, 0o666))
		}
	}, func(s *Spec) {
		s.Args = []string{"sh", "-c", `
			for f in /data/*; do
				test -b $f || test -c $f || echo $f is no device
				if (: < $f) 2> /dev/null; then echo $f can be read; fi
				if (: >> $f) 2> /dev/null; then echo $f can be written; fi
			done
			echo fine`}
	}, "")
	// Where other launchers put their own, the root directory has links to the host's (CVE-2025-31133, CVE-2025-52565, CVE-2026-41579).
	for _, name := range []string{"console", "null", "zero", "tty", "ptmx", "pts", "shm", "fd", "stdout"} {
		add("a link to the canary at /dev/"+name, in("/dev/"+name, linkTo(canary)), func(s *Spec) {
			s.Args = []string{"sh", "-c", "echo x > /dev/null; echo x > /dev/shm/x; test -c /dev/null && test -c /dev/zero && test -c /dev/tty && test -d /dev/pts && echo fine"}
		}, "")
	}
	add("links to the host's kernel at what is masked", func(b *bed, root string) {
		b.must(os.Symlink("/proc/sys/kernel/core_pattern", root+"/dev/null"))
		b.must(os.Symlink("/proc/sysrq-trigger", root+"/dev/console"))
	}, func(s *Spec) {
		s.Args = []string{"sh", "-c", "for f in /proc/kcore /proc/keys /dev/null; do echo evil > $f; done 2> /dev/null; cat /proc/keys 2> /dev/null; echo fine"}
	}, "")
	return trees
}

// Whatever a root directory holds, a start is refused with the words that say why or confined as every one, and the host is as before.
func TestHostileTrees(t *testing.T) {
	b := newBed(t)
	canary := b.dir + "/canary"
	b.must(os.WriteFile(canary, []byte("root:x:0:0:canary:/root:/bin/sh\nwww:x:0:0::/:/bin/sh\nweb:x:0:\n"), 0o600))
	before := b.snap(canary)
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	b.must(err)
	pristine := b.rootfs
	trees := hostileTrees(canary)
	for i, tree := range trees {
		t.Run(tree.name, func(t *testing.T) {
			root := fmt.Sprintf("%s/tree%d", b.dir, i)
			b.must(os.CopyFS(root, os.DirFS(pristine)))
			defer os.RemoveAll(root)
			tree.change(b, root)
			s := b.spec(func(s *Spec) {
				s.Rootfs, s.Args = root, []string{"sh", "-c", "echo fine"}
				if tree.spec != nil {
					tree.spec(s)
				}
			})
			if len(s.Files) > 0 {
				b.must(b.paths.WriteContent(s.Name, []byte("x")))
			}
			o := b.run(s)
			if tree.want == "" {
				if o.code != 0 || o.out != "fine\n" {
					t.Errorf("exit %d: %q %s", o.code, o.out, o.line)
				}
			} else if o.code == 0 || o.out != "" || !strings.Contains(o.line, tree.want) || strings.Count(o.line, "\n") > 1 {
				t.Errorf("exit %d, no %q in %q; it printed %q", o.code, tree.want, o.line, o.out)
			}
			if strings.Contains(o.line+o.out, "canary:") {
				t.Errorf("the host's file is told: %s%s", o.line, o.out)
			}
			b.unchanged(t, tree.name, before, canary)
		})
	}
	if after, err := os.ReadFile("/proc/sys/kernel/core_pattern"); err != nil || string(after) != string(pattern) {
		t.Errorf("core_pattern is %q, was %q: %v", after, pattern, err)
	}
	if len(trees) < 60 {
		t.Errorf("%d trees", len(trees))
	}
}

// snap is a manifest of what of the host a start could damage.
func (b *bed) snap(files ...string) string {
	b.t.Helper()
	var out strings.Builder
	for _, dir := range append([]string{"/etc", "/usr/local/bin", "/dev/shm"}, files...) {
		filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			var st unix.Stat_t
			if err != nil || unix.Lstat(p, &st) != nil {
				return nil
			}
			fmt.Fprintln(&out, p, st.Mode, st.Uid, st.Gid, st.Size, st.Mtim, st.Nlink)
			return nil
		})
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	b.must(err)
	for line := range strings.Lines(string(mounts)) {
		if !strings.Contains(line, " /tmp/Test") || strings.Contains(line, b.dir) { // those of other tests come and go
			out.WriteString(line)
		}
	}
	return out.String()
}

// unchanged fails the test where the host is no longer as snap said, with the lines that differ.
func (b *bed) unchanged(t *testing.T, what, before string, files ...string) {
	t.Helper()
	after := b.snap(files...)
	if after == before {
		return
	}
	for line := range strings.Lines(before) {
		if !strings.Contains(after, line) {
			t.Errorf("%s: the host had %s", what, line)
		}
	}
	for line := range strings.Lines(after) {
		if !strings.Contains(before, line) {
			t.Errorf("%s: the host has %s", what, line)
		}
	}
}

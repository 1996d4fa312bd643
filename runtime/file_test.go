package runtime

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// put gives the spec files, by target, with these contents, and writes them to the store.
func (b *bed) put(s *Spec, contents map[string]string, change func(*File)) {
	b.t.Helper()
	s.Files = nil
	for target, content := range contents {
		f := File{Target: target, Sum: Sum([]byte(content)), Mode: 0o644}
		if change != nil {
			change(&f)
		}
		b.must(b.paths.WriteContent(s.Name, []byte(content)))
		s.Files = append(s.Files, f)
	}
}

// furnish gives the rootfs directories with things in them.
func (b *bed) furnish() {
	b.t.Helper()
	b.must(os.MkdirAll(b.rootfs+"/etc/conf.d/sub", 0o755))
	b.must(os.Chmod(b.rootfs+"/etc/conf.d", 0o755|os.ModeSetgid))
	b.must(os.Chown(b.rootfs+"/etc/conf.d", 5, 6))
	for name, text := range map[string]string{"motd": "of the rootfs\n", "conf.d/default.conf": "default\n", "conf.d/sub/deep": "deep\n"} {
		b.must(os.WriteFile(b.rootfs+"/etc/"+name, []byte(text), 0o644))
	}
	b.must(os.Symlink("default.conf", b.rootfs+"/etc/conf.d/link.conf"))
	b.must(os.Symlink("conf.d", b.rootfs+"/etc/conf"))
	b.must(os.Symlink("/etc/motd", b.rootfs+"/etc/issue"))
}

func TestLaunchFiles(t *testing.T) {
	for _, init := range []bool{false, true} {
		b := newBed(t)
		b.furnish()
		s := b.spec(func(s *Spec) {
			s.User, s.Init = "www", init
			s.Tmpfs = []Tmpfs{{Target: "/data", Size: 1 << 20}, {Target: "/etc/conf.d/sub", Size: 1 << 20}}
			s.Args = []string{"sh", "-c", `
				cd /etc/conf.d
				busybox ls -A /etc/conf.d /etc/conf.d/sub /
				cat site.conf link.conf default.conf /etc/motd /etc/issue /run/app/x.conf /data/d/z.conf /top.conf
				for f in site.conf default.conf new /etc/motd /run/app/x.conf /top.conf; do echo x > $f; done 2>/dev/null && echo written
				busybox rm -f site.conf default.conf link.conf 2> /dev/null && echo removed
				busybox mv site.conf /etc/conf.d/other.conf 2> /dev/null && echo moved
				busybox chmod 0777 site.conf 2> /dev/null && echo changed
				busybox stat -c '%u:%g %a %F %n' . link.conf site.conf /etc /etc/motd /etc/issue /run/app /run/app/x.conf /top.conf / /etc/passwd
				while read -r id parent dev root point options rest; do
					case $point in /etc/conf.d|/etc|/run/app|/data/d|/) echo $point $options;; esac
				done < /proc/self/mountinfo | busybox sort
			`}
		})
		b.put(&s, map[string]string{"/etc/conf.d/site.conf": "site\n", "/etc/motd": "of the configuration\n", "/etc/issue": "no link\n",
			"/run/app/x.conf": "x\n", "/data/d/z.conf": "z\n", "/top.conf": "top\n"}, func(f *File) {
			if f.Target == "/etc/conf.d/site.conf" {
				f.Mode, f.Owner = 0o400, "www"
			}
		})
		if p := Check(s); len(p) != 0 {
			t.Errorf("Check says %v", p)
		}
		before, err := exec.Command("find", b.rootfs, "-printf", "%p %m %U %s %T@\n").Output()
		b.must(err)
		o := b.run(s)
		want := "/:\nbin\ndata\ndata2\ndev\netc\nproc\nrun\nsys\ntmp\ntop.conf\n\n/etc/conf.d:\ndefault.conf\nlink.conf\nsite.conf\nsub\n\n/etc/conf.d/sub:\n" +
			"site\ndefault\ndefault\nof the configuration\nno link\nx\nz\ntop\n" +
			"5:6 2755 directory .\n0:6 777 symbolic link link.conf\n33:34 400 regular file site.conf\n0:0 755 directory /etc\n" +
			"0:0 644 regular file /etc/motd\n0:0 644 regular file /etc/issue\n0:0 755 directory /run/app\n0:0 644 regular file /run/app/x.conf\n" +
			"0:0 644 regular file /top.conf\n0:0 755 directory /\n0:0 644 regular file /etc/passwd\n" +
			"/ ro,nosuid,nodev,noexec,relatime\n/data/d ro,nosuid,nodev,noexec,relatime\n/etc ro,nosuid,nodev,noexec,relatime\n/etc ro,nosuid,nodev,relatime,idmapped\n" +
			"/etc/conf.d ro,nosuid,nodev,noexec,relatime\n/etc/conf.d ro,nosuid,nodev,relatime,idmapped\n/run/app ro,nosuid,nodev,noexec,relatime\n"
		if o.code != 0 || o.out != want {
			t.Errorf("init %v: exit %d, %s\n%s\nwant\n%s", init, o.code, o.line, o.out, want)
		}
		after, err := exec.Command("find", b.rootfs, "-printf", "%p %m %U %s %T@\n").Output()
		b.must(err)
		if string(after) != string(before) {
			t.Errorf("the rootfs was changed:\n%s\n%s", before, after)
		}
	}
}

func TestLaunchRefusesFiles(t *testing.T) {
	b := newBed(t)
	b.furnish()
	b.must(os.MkdirAll(b.rootfs+"/etc/many", 0o755))
	for i := range maxRoom + 1 {
		b.must(os.WriteFile(fmt.Sprintf("%s/etc/many/%d", b.rootfs, i), nil, 0o644))
	}
	b.must(os.Symlink("/proc/self/cwd", b.rootfs+"/etc/magic"))
	b.must(os.Symlink("../../../../../../../etc", b.rootfs+"/etc/out"))
	b.must(mkfifo(b.rootfs + "/etc/fifo"))
	with := func(target string, change func(*File)) Spec {
		s := b.spec(nil)
		b.put(&s, map[string]string{target: "x"}, change)
		return s
	}
	for target, word := range map[string]string{
		"/etc/conf/site.conf": "symbolic link",
		"/etc/magic/x.conf":   "symbolic link",
		"/etc/out/x.conf":     "symbolic link",
		"/etc/conf.d/sub":     "has a directory there",
		"/etc/none/x.conf":    "mkdir -p " + b.rootfs + "/etc/none",
		"/etc/motd/x.conf":    "is not a directory",
		"/etc/fifo/x.conf":    "is not a directory",
		"/etc/many/x.conf":    "more than 1024 entries",
	} {
		s := with(target, nil)
		b.refused(target, ExitConfig, s, target, word)
		if p := Check(s); len(p) != 1 || p[0].Field != "files" || p[0].Target != target || !strings.Contains(p[0].Error(), word) {
			t.Errorf("%s: Check says %v", target, p)
		}
	}
	s := with("/etc/motd", func(f *File) { f.Owner = "nosuch" })
	b.refused("owner", ExitConfig, s, "nosuch", "/etc/passwd")
	if p := Check(s); len(p) != 1 || p[0].Field != "owner" || p[0].Target != "/etc/motd" {
		t.Errorf("Check says %v", p)
	}
	b.refused("owner outside", ExitConfig, with("/etc/motd", func(f *File) { f.Owner = "70000" }), "outside the container's")

	s = with("/etc/motd", nil)
	file := b.paths.contentPath("web", s.Files[0].Sum)
	for what, damage := range map[string]func() error{
		"changed": func() error { return os.WriteFile(file, []byte("y"), 0o600) },
		"link":    func() error { return errors.Join(os.Rename(file, file+".real"), os.Symlink(file+".real", file)) },
		"fifo":    func() error { return errors.Join(os.Remove(file), mkfifo(file)) },
		"huge":    func() error { return os.Truncate(file, MaxFile+1) },
		"gone":    func() error { return os.Remove(file) },
	} {
		b.must(damage())
		b.refused(what, ExitSetup, s, "file /etc/motd")
		b.must(os.RemoveAll(b.paths.filesOf("web")))
		b.put(&s, map[string]string{"/etc/motd": "x"}, nil)
		s.Args = []string{"true"}
		if o := b.run(s); o.code != 0 {
			t.Errorf("after %s: %+v", what, o)
		}
	}
}

// A running container's files change in place: every open finds a whole file, the old or the new one.
func TestDeliver(t *testing.T) {
	b := newBed(t)
	b.furnish()
	content := func(i int) map[string]string {
		line := fmt.Sprintf("%06d\n", i)
		return map[string]string{"/etc/conf.d/site.conf": strings.Repeat(line, 1000), "/run/app/x.conf": line, "/x.conf": line}
	}
	s := b.spec(func(s *Spec) {
		s.User, s.Init = "www", true
		s.Args = []string{"sh", "-c", `
			exec 3< /etc/conf.d/site.conf
			echo up
			while now=$(cat /run/app/x.conf 2>&1); [ "$now" != 000200 ]; do
				case "$now" in ??????) ;; *) echo "torn: $now" ;; esac
				seen=$(cat /etc/conf.d/site.conf 2>&1 | busybox uniq -c | busybox tr '\n' ' ')
				case "$seen" in *" 1000 "??????" ") ;; *) echo "torn: $seen" ;; esac
			done
			busybox uniq <&3
			busybox uniq /etc/conf.d/site.conf
			cat /x.conf
		`}
	})
	b.put(&s, content(0), nil)
	st := b.launch(s, nil, nil)
	first := make([]byte, 3)
	if n, err := st.out.Read(first); err != nil || string(first[:n]) != "up\n" {
		t.Fatalf("%q, %v, %s", first[:n], err, st.stderr.String())
	}
	r, err := b.paths.ReadRecord(invocation)
	b.must(err)
	before, err := os.Readlink("/proc/self/ns/mnt")
	b.must(err)
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", r.PID))
	b.must(err)
	for i := 1; i <= 200; i++ {
		b.put(&s, content(i), nil)
		sort.Slice(s.Files, func(i, j int) bool { return s.Files[i].Target > s.Files[j].Target }) // what ends the program comes last
		sort.SliceStable(s.Files, func(i, j int) bool {
			return s.Files[j].Target == "/run/app/x.conf" && s.Files[i].Target != s.Files[j].Target
		})
		if i == 100 {
			now, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", r.PID))
			if err != nil || string(now) != string(mounts) {
				t.Errorf("mounts before and after 99 changes: %v\n%s\n%s", err, mounts, now)
			}
		}
		b.must(b.paths.Deliver(s, r))
	}
	o := st.end()
	if o.out != "000000\n000200\n000200\n" {
		t.Errorf("the container says %q, %s", o.out, o.line)
	}
	if err := b.paths.Deliver(s, r); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("into a container that has ended: %v", err)
	}
	if after, _ := os.Readlink("/proc/self/ns/mnt"); after != before {
		t.Errorf("this process has changed from %s to %s", before, after)
	}
}

// What was done inside behind hostctl's back is put right, and what cannot be is an error.
func TestDeliverRepairs(t *testing.T) {
	b := newBed(t)
	b.furnish()
	s := b.spec(func(s *Spec) { s.Args, s.Init = []string{"sleep", "1000"}, true })
	const target = "/etc/conf.d/site.conf"
	b.put(&s, map[string]string{target: "as wanted\n"}, nil)
	st := b.launch(s, nil, nil)
	r, err := b.paths.ReadRecord(invocation)
	b.must(err)
	root := procPath(r.PID, "root")
	inside := func(script string) {
		t.Helper()
		out, err := exec.Command("nsenter", "-t", strconv.Itoa(r.PID), "-m", "/bin/busybox", "sh", "-ec", script).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v, %s", script, err, out)
		}
	}
	if _, err := exec.LookPath("nsenter"); err != nil {
		skip(t, "nsenter")
	}
	const open, shut = "busybox mount -t proc proc /proc; busybox mount -o remount,rw,bind /etc/conf.d; cd /etc/conf.d; ", "; cd /; busybox mount -o remount,ro,bind /etc/conf.d"
	for what, damage := range map[string]string{
		"nothing":     "true",
		"removed":     "busybox rm site.conf",
		"changed":     "echo changed > site.conf",
		"a link":      "busybox ln -sf /etc/motd site.conf",
		"a pipe":      "busybox rm site.conf; busybox mkfifo site.conf",
		"mode":        "busybox chmod 0777 site.conf",
		"owner":       "busybox chown 1:1 site.conf",
		"a cut write": "echo half > " + newFile,
	} {
		inside(open + damage + shut)
		b.must(b.paths.Deliver(s, r))
		f, err := ReadInside(root, target)
		if err != nil || string(f.Content) != "as wanted\n" || f.Mode != 0o644 || f.UID != b.base || f.GID != b.base {
			t.Errorf("%s: %q, %v, mode %o of %d:%d", what, f.Content, err, f.Mode, f.UID, f.GID)
		}
		if _, err := os.Lstat(root + "/etc/conf.d/" + newFile); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: a half is left: %v", what, err)
		}
	}
	inside("busybox umount -l /etc/conf.d")
	b.put(&s, map[string]string{target: "new"}, nil)
	if err := b.paths.Deliver(s, r); err == nil || !strings.Contains(err.Error(), "restart the container") {
		t.Errorf("where nothing is mounted any more: %v", err)
	}
	if left, _ := names(b.rootfs + "/etc/conf.d"); len(left) != 3 {
		t.Errorf("in the rootfs: %q", left)
	}
	b.must(unix.Kill(r.PID, unix.SIGKILL))
	st.end()
}

func TestFileStore(t *testing.T) {
	p := Paths{Run: filepath.Join(t.TempDir(), "run")}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s := minimal()
	link := func(contents ...string) {
		t.Helper()
		s.Files = nil
		for i, c := range contents {
			must(p.WriteContent(s.Name, []byte(c)))
			must(p.WriteContent(s.Name, []byte(c)))
			s.Files = append(s.Files, File{Target: fmt.Sprintf("/etc/%d", i), Sum: Sum([]byte(c)), Mode: 0o644})
		}
		sum, err := p.WriteSpec(s)
		must(err)
		must(p.Link(s.Name, sum))
	}
	count := func() int {
		left, err := names(p.filesOf(s.Name))
		must(err)
		return len(left)
	}
	link("a", "b")
	link("a", "c", "d")
	if n := count(); n != 4 {
		t.Errorf("%d files, want 4", n)
	}
	st, err := os.Stat(p.filesOf(s.Name))
	must(err)
	if st.Mode().Perm() != 0o700 {
		t.Errorf("the directory's mode is %v", st.Mode())
	}
	must(p.Prune(nil))
	if n := count(); n != 3 {
		t.Errorf("%d files are left, want 3", n)
	}
	got, err := p.ReadContent(s.Name, s.Files[1].Sum)
	if err != nil || string(got) != "c" {
		t.Errorf("%q, %v", got, err)
	}

	must(p.OweReload(s.Name, invocation))
	must(p.Prune(map[string]bool{invocation: true}))
	if !p.OwesReload(s.Name, invocation) || p.OwesReload(s.Name, strings.Repeat("f", 32)) || p.OwesReload("db", invocation) {
		t.Error("what is owed is not known")
	}
	must(p.Prune(nil))
	if p.OwesReload(s.Name, invocation) {
		t.Error("what a run is owed is left after it")
	}
	must(p.OweReload(s.Name, invocation))
	must(p.PayReload(s.Name, invocation))
	must(p.PayReload(s.Name, invocation))

	for _, bad := range []error{
		p.WriteContent("../x", nil), p.WriteContent(s.Name, make([]byte, MaxFile+1)),
		p.OweReload("../x", invocation), p.OweReload(s.Name, "../x"),
	} {
		if bad == nil {
			t.Error("what must not be was written")
		}
	}
	if _, err := p.ReadContent(s.Name, "../../containers"); err == nil {
		t.Error("a path that leads out of the store was read")
	}
	must(p.Unlink(s.Name))
	must(p.Prune(nil))
	if left, _ := names(p.files()); len(left) != 0 {
		t.Errorf("left over: %q", left)
	}
}

package runtime

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// refused starts a container that must not come to its payload and says so in one line with these words.
func (b *bed) refused(what string, code int, s Spec, words ...string) {
	b.t.Helper()
	o := b.run(s)
	b.checkRefused(what, code, o, words...)
}

func (b *bed) checkRefused(what string, code int, o outcome, words ...string) {
	b.t.Helper()
	if o.code != code || strings.Contains(o.out, "{") || strings.Count(o.line, "\n") != 1 || !strings.HasPrefix(o.line, "container "+"web: ") {
		b.t.Errorf("%s: exit %d, want %d\n%s%s", what, o.code, code, o.line, o.out)
	}
	for _, w := range words {
		if !strings.Contains(o.line, w) {
			b.t.Errorf("%s: no %q in %s", what, w, o.line)
		}
	}
	if (code == ExitSetup || code == ExitConfig) && o.record != nil && o.payload == nil {
		b.t.Errorf("%s: left a record", what)
	}
	b.residue(what)
}

// residue looks for what a failed start may have left.
func (b *bed) residue(what string) {
	b.t.Helper()
	if b.before != "" {
		b.unchanged(b.t, what, b.before, b.rootfs)
	}
	if left, _ := names(b.paths.running()); len(left) != 0 {
		b.t.Errorf("%s: left %q", what, left)
	}
	all, err := mountinfo()
	b.must(err)
	for _, m := range all {
		if strings.HasPrefix(m.path, b.rootfs) {
			b.t.Errorf("%s: left a mount at %s", what, m.path)
		}
	}
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err == nil {
		b.t.Errorf("%s: left process %d", what, pid)
	}
}

func TestLaunchRefusesRootfs(t *testing.T) {
	for _, dir := range []string{"dev", "proc", "sys", "run", "tmp"} {
		for what, make := range map[string]func(b *bed, p string) error{
			"symlink": func(b *bed, p string) error { return os.Symlink("/etc", p) },
			"file":    func(b *bed, p string) error { return os.WriteFile(p, nil, 0o644) },
			"missing": func(b *bed, p string) error { return nil },
		} {
			b := newBed(t)
			b.must(os.Remove(b.rootfs + "/" + dir))
			b.must(make(b, b.rootfs+"/"+dir))
			word := map[string]string{"symlink": "is a symbolic link", "file": "is not a directory", "missing": "mkdir -p " + b.rootfs + "/" + dir}[what]
			b.refused(dir+" "+what, ExitSetup, b.spec(nil), "/"+dir, word)
			if problems := Check(b.spec(nil)); len(problems) != 1 || !strings.Contains(problems[0].Error(), word) {
				t.Errorf("%s %s: Check says %v", dir, what, problems)
			}
		}
	}
	b := newBed(t)
	s := b.spec(nil)
	s.Rootfs += "x"
	b.refused("rootfs missing", ExitConfig, s, "does not exist")
	s.Rootfs = b.rootfs + "/etc/passwd"
	b.refused("rootfs a file", ExitConfig, s, "is not a directory")
	b.must(os.Symlink(b.rootfs, b.dir+"/link"))
	s.Rootfs = b.dir + "/link"
	b.refused("rootfs a link", ExitConfig, s, "symbolic link")
}

func TestLaunchRefusesUser(t *testing.T) {
	b := newBed(t)
	etc := b.rootfs + "/etc/"
	for _, c := range []struct {
		what string
		make func() error
		user string
		word string
	}{
		{"unknown", nil, "nobody", "is not in the rootfs's /etc/passwd"},
		{"outside", nil, "70000", "outside the container's 65536 ids"},
		{"huge in passwd", nil, "huge", "not a uid"},
		{"fifo", func() error { return mkfifo(etc + "passwd") }, "www", "not a regular file"},
		{"device", func() error { return unix.Mknod(etc+"passwd", unix.S_IFCHR|0o666, 1<<8|5) }, "www", "not a regular file"},
		{"magic link", func() error { return os.Symlink("/proc/self/environ", etc+"passwd") }, "www", "is not in the rootfs's /etc/passwd"},
		{"host's passwd", func() error { return os.Symlink("../../../../../etc/passwd", etc+"passwd") }, "daemon", "passwd"},
		{"endless", func() error {
			f, err := os.Create(etc + "passwd")
			if err == nil {
				err = f.Truncate(2 << 30)
			}
			return err
		}, "www", "larger than 1 MiB"},
	} {
		if c.make != nil {
			b.must(os.Remove(etc + "passwd"))
			b.must(c.make())
		}
		b.refused(c.what, ExitConfig, b.spec(func(s *Spec) { s.User = c.user }), "user", c.word)
	}
}

func TestLaunchRefusesMounts(t *testing.T) {
	b := newBed(t)
	vol := b.dir + "/vol"
	b.must(os.MkdirAll(vol+"/dir", 0o777))
	b.must(os.WriteFile(vol+"/file", nil, 0o644))
	b.must(os.Symlink(vol+"/dir", vol+"/link"))
	b.must(os.Symlink("/proc/self/attr", b.rootfs+"/astray"))
	mount := func(target, source string) Spec {
		return b.spec(func(s *Spec) { s.Mounts = []Mount{{Target: target, Source: source}} })
	}
	b.refused("file", ExitSetup, mount("/data", vol+"/file"), "volume "+vol+"/file", "is not a directory")
	b.refused("link", ExitSetup, mount("/data", vol+"/link"), "symbolic link")
	b.refused("below a link", ExitSetup, mount("/data", vol+"/link/x"), "symbolic link")
	b.refused("missing", ExitSetup, mount("/data", vol+"/none"), "does not exist")
	b.refused("target missing", ExitSetup, mount("/none/deep", vol+"/dir"), "/none/deep", "mkdir -p "+b.rootfs+"/none/deep")
	b.refused("target a file", ExitSetup, mount("/etc/passwd", vol+"/dir"), "is not a directory")
	b.refused("target through proc", ExitSetup, mount("/astray", vol+"/dir"), "/astray")

	b.must(os.Symlink("/../../../../../../"+vol, b.rootfs+"/out")) // stays inside, where there is no such directory
	b.refused("target out of the root", ExitSetup, mount("/out", vol+"/dir"), "/out")
	if r := b.probe(mount("/run/made/for/it", vol+"/dir")); !strings.Contains(r.Mountinfo, " /run/made/for/it ") {
		t.Error("a target below /run was not made")
	}
	b.must(os.MkdirAll(b.rootfs+"/var", 0o755))
	b.must(os.Symlink("/run", b.rootfs+"/var/run"))
	if r := b.probe(mount("/var/run/app", vol+"/dir")); !strings.Contains(r.Mountinfo, " /run/app ") {
		t.Error("a target through the rootfs's own link was not found")
	}
	for _, s := range []Spec{mount("/var/run/app", vol+"/dir"), mount("/run/a/b", vol+"/dir"), mount("/data", vol)} {
		if p := Check(s); len(p) != 0 {
			t.Errorf("Check says %v", p)
		}
	}
	for target, source := range map[string]string{"/none/deep": vol, "/data": vol + "/link"} {
		if p := Check(mount(target, source)); len(p) != 1 || p[0].Field != "mounts" || p[0].Target != target {
			t.Errorf("Check of %s on %s says %v", source, target, p)
		}
	}

	// A target inside a shared volume that leads to the container's own proc: the fresh one lies on top of it.
	b.must(os.Symlink("/proc", vol+"/dir/astray"))
	r := b.probe(b.spec(func(s *Spec) {
		s.Mounts = []Mount{{Target: "/data", Source: vol + "/dir"}, {Target: "/data/astray", Source: vol}}
	}))
	if r.Status["NoNewPrivs"] != "1" || !strings.Contains(r.UIDMap, "1000000") {
		t.Errorf("proc was covered: %+v", r.Status)
	}
}

func TestLaunchRefusesCommand(t *testing.T) {
	b := newBed(t)
	b.must(os.WriteFile(b.rootfs+"/bin/plain", []byte("x"), 0o644))
	b.must(os.WriteFile(b.rootfs+"/bin/garbage", []byte("x"), 0o755))
	b.must(os.WriteFile(b.rootfs+"/bin/secret", []byte("#!/bin/sh\n"), 0o711))
	b.must(os.Symlink("/proc/self/exe", b.rootfs+"/bin/self"))
	cmd := func(init bool, args ...string) Spec {
		return b.spec(func(s *Spec) { s.Args, s.Init = args, init })
	}
	b.refused("missing", ExitConfig, cmd(false, "/bin/none"), "/bin/none", "is not in the rootfs")
	b.refused("no socket", ExitConfig, b.spec(func(s *Spec) { s.Listen = []string{"web"} }), "needs 1 sockets", "the unit's socket does not listen")
	b.refused("not in PATH", ExitConfig, cmd(true, "none"), `"none"`, "/usr/bin")
	b.refused("not executable", ExitConfig, cmd(false, "/bin/plain"), "not an executable file")
	b.refused("directory", ExitConfig, cmd(false, "/bin"), "not an executable file")
	b.refused("the launcher itself", ExitConfig, cmd(false, "/bin/self"), "/bin/self")
	b.refused("fd", ExitConfig, cmd(false, "/proc/self/fd/3"), "/proc/self/fd/3")
	for _, init := range []bool{false, true} {
		o := b.run(cmd(init, "/bin/garbage"))
		b.checkRefused("garbage", ExitExec, o, "execve", "ENOEXEC")
		if o.payload == nil || o.payload.ExitStatus() != ExitExec || len(o.messages) != 1 {
			t.Errorf("init %v: %+v", init, o)
		}
	}
	for n := 3; n < 30; n++ {
		s := b.spec(func(s *Spec) { s.Dir = fmt.Sprintf("/proc/self/fd/%d", n) })
		if o := b.run(s); o.code != ExitExec || o.out != "" {
			t.Errorf("workdir %s: %+v", s.Dir, o)
		}
	}
	b.must(os.Mkdir(b.rootfs+"/closed", 0o700))
	b.must(os.Mkdir(b.rootfs+"/closed/in", 0o755))
	b.refused("workdir", ExitExec, b.spec(func(s *Spec) { s.User, s.Dir = "www", "/closed/in" }), "/closed/in", "EACCES")
}

func TestLaunchRefusesTheBareDisk(t *testing.T) {
	b := newBed(t)
	disk := b.dir + "/disk"
	b.must(os.MkdirAll(disk+"/db", 0o755))
	s := b.spec(func(s *Spec) {
		s.Mounts = []Mount{{Target: "/data", Source: disk + "/db", Mountpoint: disk}}
		s.Args = []string{"true"}
	})
	b.refused("nothing mounted", ExitSetup, s, "nothing is mounted on "+disk)
	b.must(unix.Mount("tmpfs", disk, "tmpfs", 0, "size=1M"))
	t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
	b.must(os.Mkdir(disk+"/db", 0o755))
	if o := b.run(s); o.code != 0 {
		t.Errorf("with the disk: %+v", o)
	}
	s.Mounts[0].Mountpoint = "/elsewhere"
	if err := s.Validate(); err == nil || !strings.Contains(err.Error(), "is not above") {
		t.Errorf("a mountpoint elsewhere: %v", err)
	}
}

func TestLaunchRefusesItsCaller(t *testing.T) {
	b := newBed(t)
	_, err := b.paths.WriteSpec(b.spec(nil))
	b.must(err)
	b.checkRefused("no link", ExitConfig, b.launchLinked("web", nil, nil).end())
	for _, env := range [][]string{{}, {"INVOCATION_ID=" + invocation}, {"INVOCATION_ID=../x", "NOTIFY_SOCKET=/x"},
		{"INVOCATION_ID=" + invocation, "NOTIFY_SOCKET=relative"}, {"INVOCATION_ID=" + invocation, "NOTIFY_SOCKET=/none"}} {
		o := b.launch(b.spec(nil), nil, func(c *exec.Cmd) { c.Env = env }).end()
		b.checkRefused(fmt.Sprint(env), ExitConfig, o)
	}
}

func TestLaunchIDMapRefused(t *testing.T) {
	b := newBed(t)
	over := b.dir + "/over"
	for _, d := range []string{over, b.dir + "/upper", b.dir + "/work"} {
		b.must(os.Mkdir(d, 0o755))
	}
	if err := unix.Mount("overlay", over, "overlay", 0, "lowerdir="+b.rootfs+",upperdir="+b.dir+"/upper,workdir="+b.dir+"/work"); err != nil {
		skip(t, "overlay: "+err.Error())
	}
	t.Cleanup(func() { unix.Unmount(over, unix.MNT_DETACH) })
	s := b.spec(func(s *Spec) { s.Rootfs = over })
	b.refused("overlay rootfs", ExitSetup, s, "rootfs "+over, "filesystem overlay at "+over, "MOUNT_ATTR_IDMAP", "EINVAL")
	if p := Check(s); len(p) != 1 || p[0].Field != "rootfs" || !strings.Contains(p[0].Error(), "overlay") {
		t.Errorf("Check says %v", p)
	}
	s = b.spec(func(s *Spec) { s.Mounts = []Mount{{Target: "/data", Source: over, Owner: &Account{1, 1}}} })
	b.refused("overlay volume", ExitSetup, s, "volume "+over, "overlay", "run_as")

	// The files of a shifted copy belong to the container's range: no idmap is needed, so overlay will do.
	for _, p := range []string{"", "/bin", "/dev", "/proc", "/sys", "/run", "/tmp", "/etc"} {
		b.must(os.Chown(over+p, 1000000, 1000000))
	}
	if r := b.probe(b.spec(func(s *Spec) { s.Rootfs = over })); r.UID != 0 {
		t.Errorf("%+v", r)
	}

	// A leftover mount of the admin's that cannot be mapped, where the launcher's own covers it, is no obstacle; one
	// that can be mapped is kept.
	b.must(unix.Mount("proc", b.rootfs+"/proc", "proc", 0, ""))
	b.must(unix.Mount("tmpfs", b.rootfs+"/data", "tmpfs", 0, "mode=0755"))
	b.must(os.WriteFile(b.rootfs+"/data/here", nil, 0o644))
	o := b.run(b.spec(func(s *Spec) {
		s.Args = []string{"sh", "-c", "ls /data; grep ' /data ' /proc/self/mountinfo >/dev/null; cat /proc/1/uid_map"}
	}))
	if !strings.Contains(o.out, "here") || !strings.Contains(o.out, "1000000") {
		t.Errorf("%+v", o)
	}
	b.must(unix.Mount("proc", b.rootfs+"/data2", "proc", 0, ""))
	o = b.run(b.spec(nil))
	for _, d := range []string{"/proc", "/data", "/data2"} {
		unix.Unmount(b.rootfs+d, unix.MNT_DETACH)
	}
	b.checkRefused("proc in the rootfs", ExitSetup, o, "filesystem proc at "+b.rootfs+"/data2")
}

func TestLaunchNetns(t *testing.T) {
	b := newBed(t)
	ns := b.dir + "/net"
	b.must(os.WriteFile(ns, nil, 0o600))
	s := b.spec(func(s *Spec) {
		s.Netns, s.Args = ns, []string{"sh", "-c", "ls /sys/class/net; cat /proc/sys/net/ipv4/ip_unprivileged_port_start"}
	})
	b.refused("a plain file", ExitSetup, s, "not a mounted network namespace")
	bind := func(from string) {
		b.must(unix.Mount(from, ns, "", unix.MS_BIND, ""))
		t.Cleanup(func() { unix.Unmount(ns, unix.MNT_DETACH) })
	}
	bind("/proc/self/ns/uts")
	b.refused("another kind", ExitSetup, s, "not of the network")
	b.must(unix.Unmount(ns, unix.MNT_DETACH))
	b.refused("a magic link", ExitSetup, b.spec(func(s *Spec) { s.Netns = "/proc/1/ns/net" }), "ELOOP")

	if out, err := exec.Command("unshare", "--net="+ns, "sh", "-c", "ip link add probe0 type bridge && ip link set lo up").CombinedOutput(); err != nil {
		skip(t, "ip and a bridge: "+string(out))
	}
	t.Cleanup(func() { unix.Unmount(ns, unix.MNT_DETACH) })
	if o := b.run(s); !strings.Contains(o.out, "lo\nprobe0\n") {
		t.Errorf("%+v", o)
	}
	s.Netns = ""
	if o := b.run(s); o.out != "lo\n0\n" {
		t.Errorf("own network namespace: %+v", o)
	}
	out, err := exec.Command("unshare", "--user", "--map-root-user", "--net="+ns, "true").CombinedOutput()
	if err == nil {
		s.Netns = ns
		b.refused("another user namespace's", ExitSetup, s, "belongs to another user namespace")
	} else {
		t.Logf("unshare: %s", out)
	}
}

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// files applies testdata/files.hcl on a new host.
func files(t *testing.T) *host {
	t.Helper()
	h := boot(t)
	h.write("main.hcl", fixture(t, "files.hcl"))
	h.write("reload.tpl", "template ${reload}\n")
	h.write("bytes", "\x00\xff")
	h.apply()
	h.clean()
	return h
}

// inside is what the container's program finds at a path.
func (h *host) inside(path string) string {
	h.t.Helper()
	return h.sh("cat /proc/" + h.pid("web") + "/root" + path)
}

func TestFiles(t *testing.T) {
	h := boot(t)
	before := h.snap()
	h.write("main.hcl", fixture(t, "files.hcl"))
	h.write("reload.tpl", "template ${reload}\n")
	h.write("bytes", "\x00\xff")
	contains(t, h.hostctl(0, "plan").stdout, "/etc/none.conf", "none 1")
	h.apply()
	h.clean()
	ids := h.invocations()
	h.await("test -s /proc/" + h.pid("web") + "/root/tmp/begun")
	equal(t, h.inside("/tmp/begun"), "none 1\ntemplate 1\nreload 1\nrestart 1")
	equal(t, h.sh("od -An -tx1 /proc/"+h.pid("web")+"/root/etc/bytes"), " 00 ff")

	t.Run("confined", func(t *testing.T) {
		h := h.in(t)
		base := h.sh("awk '{print $2; exit}' /proc/" + h.pid("web") + "/uid_map")
		n, err := strconv.Atoi(base)
		if err != nil {
			t.Fatal(err)
		}
		root := "/proc/" + h.pid("web") + "/root"
		equal(t, h.sh("stat -c '%u:%g %a' "+root+"/etc/none.conf "+root+"/restart.conf"), fmt.Sprintf("%d:%d 600\n%d:%d 644", n+1000, n+1000, n, n))
		for _, dir := range []string{"/", "/etc", "/run/app"} {
			contains(t, h.sh("awk '$5 == \""+dir+"\" {print $6}' /proc/"+h.pid("web")+"/mountinfo"), "ro,nosuid,nodev,noexec")
		}
		equal(t, h.sh("ls "+root+"/etc"), "bytes\ngroup\nnone.conf\npasswd\nreload.tpl")
		equal(t, h.sh("stat -c '%U %a' /run/hostctl/files /run/hostctl/files/web"), "root 700\nroot 700")
		equal(t, h.sh("grep -rl -e 'none 1' /run/systemd/transient || true"), "")
	})
	t.Run("none", func(t *testing.T) {
		h := h.in(t)
		contains(t, h.apply("-var", "none=2").stdout, "1 changed")
		equal(t, h.inside("/etc/none.conf"), "none 2")
		equal(t, h.invocations(), ids)
		equal(t, h.sh("test ! -e /proc/"+h.pid("web")+"/root/tmp/told && echo not told"), "not told")
		// A start reads the new one as well.
		h.sh("systemctl restart hostctl-web.service")
		h.await("test -s /proc/" + h.pid("web") + "/root/tmp/begun")
		contains(t, h.inside("/tmp/begun"), "none 2\n")
		h.hostctl(0, "plan", "-detailed-exitcode", "-var", "none=2")
	})
	t.Run("reload", func(t *testing.T) {
		h := h.in(t)
		ids := h.invocations()
		r := h.hostctl(2, "plan", "-detailed-exitcode", "-var", "none=2", "-var", "reload=2")
		contains(t, r.stdout, "will be reloaded")
		h.apply("-var", "none=2", "-var", "reload=2")
		equal(t, h.inside("/etc/reload.tpl"), "template 2")
		h.await("test -s /proc/" + h.pid("web") + "/root/tmp/told")
		h.apply("-var", "none=2", "-var", "reload=3")
		h.await("grep -q 3 /proc/" + h.pid("web") + "/root/tmp/told")
		if m := h.mutations("apply", "-auto-approve", "-var", "none=2", "-var", "reload=3"); len(m) > 0 {
			t.Errorf("a second apply changes the host:\n%s", strings.Join(m, "\n"))
		}
		equal(t, h.inside("/tmp/told"), "told of 2\ntold of 3")
		equal(t, h.invocations(), ids)
	})
	t.Run("restart", func(t *testing.T) {
		h := h.in(t)
		old := h.invocations()
		r := h.apply("-var", "none=2", "-var", "reload=3", "-var", "restart=2")
		contains(t, r.stdout, "1 changed")
		if d := diff(old, h.invocations()); !strings.Contains(d, "hostctl-web") || strings.Contains(d, "hostctl-other") {
			t.Errorf("web alone was to be restarted:\n%s", d)
		}
		equal(t, h.inside("/restart.conf"), "restart 2")
		h.apply()
		h.clean()
	})
	t.Run("a file more and one less", func(t *testing.T) {
		h := h.in(t)
		old := h.invocations()
		text := fixture(t, "files.hcl")
		h.write("main.hcl", strings.Replace(text, `file "/etc/bytes"`, `file "/etc/more"`, 1))
		h.apply()
		h.clean()
		equal(t, h.sh("ls /proc/"+h.pid("web")+"/root/etc"), "group\nmore\nnone.conf\npasswd\nreload.tpl")
		if h.invocations() == old {
			t.Error("web was to be restarted")
		}
		h.write("main.hcl", text)
		h.apply()
	})
	t.Run("destroyed", func(t *testing.T) {
		h := h.in(t)
		h.hostctl(0, "destroy", "-auto-approve")
		equal(t, h.sh("find /run/hostctl ! -type d ! -name lock ! -name try ! -name policy.json; find /run/hostctl/files -mindepth 1"), "")
		if after := h.snap(); after != before {
			t.Errorf("destroy leaves behind:\n%s", diff(before, after))
		}
	})
}

// What somebody does to a file, inside or in the store, is seen and put right as its on_change says.
func TestFileDrift(t *testing.T) {
	h := files(t)
	other := h.property("hostctl-other.service", "InvocationID")
	// The program's own view is unwritable; these do what only the host's root can.
	enter := func(script string) string {
		return "nsenter -t $(systemctl show -P MainPID hostctl-web.service) -m -- /bin/busybox sh -ec '" + script + "'"
	}
	write := func(dir, script string) string {
		return enter("mount -t proc proc /proc; mount -o remount,rw,bind " + dir + "; " + script + "; mount -o remount,ro,bind " + dir + "; umount /proc")
	}
	for _, c := range []struct {
		name, change, mention string
		restarts              bool
	}{
		{"changed inside", write("/etc", "echo x > /etc/none.conf"), `file "/etc/none.conf"`, false},
		{"removed inside", write("/etc", "rm /etc/none.conf"), "none.conf", false},
		{"replaced by a link", write("/etc", "ln -sf passwd /etc/none.conf"), "none.conf", false},
		{"mode inside", write("/etc", "chmod 0666 /etc/none.conf"), "0666", false},
		{"owner inside", write("/run/app", "chown 1000 /run/app/reload.conf"), "reload.conf", false},
		{"one that restarts", write("/", "echo x > /restart.conf"), "restart.conf", true},
		{"the directory is uncovered", enter("umount -l /etc"), "none.conf", true},
		{"removed from the store", "find /run/hostctl/files/web -type f -delete", "restart.conf", true},
		{"changed in the store", "for f in /run/hostctl/files/web/*; do if grep -q none $f; then echo x > $f; fi; done", "none.conf", false},
		{"replaced in the store", "for f in /run/hostctl/files/web/*; do if grep -q none $f; then rm $f; ln -s /etc/passwd $f; fi; done", "none.conf", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := h.in(t)
			run := h.property("hostctl-web.service", "InvocationID")
			h.sh(c.change)
			contains(t, h.hostctl(2, "plan", "-detailed-exitcode").stdout, "container.web", c.mention)
			h.apply("-settle=0s")
			h.clean()
			equal(t, h.inside("/etc/none.conf"), "none 1")
			equal(t, h.inside("/restart.conf"), "restart 1")
			if restarted := h.property("hostctl-web.service", "InvocationID") != run; restarted != c.restarts {
				t.Errorf("restarted: %v, want %v", restarted, c.restarts)
			}
		})
	}
	equal(t, h.property("hostctl-other.service", "InvocationID"), other)
}

// A rootfs that leads a file astray is refused, and is not written to.
func TestFilesRefused(t *testing.T) {
	h := boot(t)
	h.sh(`
		cp -a ` + busybox + ` /srv/hostile
		mkdir /srv/hostile/etc/real /srv/out
		ln -s real /srv/hostile/etc/link
		ln -s ../../../../../../srv/out /srv/hostile/etc/out
		ln -s /proc/self/cwd /srv/hostile/etc/magic
		mkfifo /srv/hostile/etc/pipe
	`)
	before := h.snap()
	h.sh("mkdir -p " + work)
	for _, c := range []struct{ path, body, want string }{
		{"/etc/link/x", `content = "x"`, "symbolic link"},
		{"/etc/out/x", `content = "x"`, "symbolic link"},
		{"/etc/magic/x", `content = "x"`, "symbolic link"},
		{"/etc/none/x", `content = "x"`, "/srv/hostile/etc/none)"},
		{"/etc/pipe/x", `content = "x"`, "not a directory"},
		{"/etc/real", `content = "x"`, "directory"},
		{"/proc/x", `content = "x"`, "/proc"},
		{"/run/x", `content = "x"`, "/run"},
		{"/etc/x", "content = \"x\"\n    on_change = \"reload\"", `reload { signal = "HUP" }`},
		{"/etc/x", "content = \"x\"\n    owner = \"nosuch\"", "nosuch"},
		{"/etc/x", "content = \"x\"\n    mode = \"4755\"", "mode"},
		{"/etc/x", `source = "large"`, "1 MiB"},
	} {
		t.Run(c.path+" "+c.want, func(t *testing.T) {
			h := h.in(t)
			if err := os.WriteFile(filepath.Join(h.work, "large"), make([]byte, 1<<20+1), 0o644); err != nil {
				t.Fatal(err)
			}
			h.write("main.hcl", fmt.Sprintf(`
hostctl { name = "refused" }
container "c" {
  rootfs  = "/srv/hostile"
  command = ["sleep", "1000000"]
  file %q {
    %s
  }
}
`, c.path, c.body))
			contains(t, h.hostctl(1, "apply", "-auto-approve").stderr, c.want, "main.hcl")
		})
	}
	if after := h.snap(); after != before {
		t.Errorf("the host was changed:\n%s", diff(before, after))
	}
	// A pipe where the file goes is covered, and nobody waits for it.
	h.write("main.hcl", `
hostctl { name = "refused" }
container "c" {
  rootfs  = "/srv/hostile"
  command = ["sleep", "1000000"]
  file "/etc/pipe" {
    content = "x"
  }
}
`)
	h.apply()
	h.clean()
	h.hostctl(0, "destroy", "-auto-approve")
	equal(t, h.sh("stat -c %F /srv/hostile/etc/pipe; ls /srv/out"), "fifo")
}

// A change cut off anywhere is finished by the next apply: the files are the wanted ones, and the program was told of them.
func TestFilesKilled(t *testing.T) {
	h := files(t)
	run := h.property("hostctl-web.service", "InvocationID")
	want, kills := 1, 0
	for _, call := range []string{"renameat,renameat2,rename", "setns", "mount_setattr", "open_tree", "unlinkat", "fchown", "symlinkat", "sendmsg", "write"} {
		for _, n := range []int{1, 2, 3, 5} {
			want++
			vars := []string{"-var", fmt.Sprint("reload=", want), "-var", fmt.Sprint("none=", want)}
			kill := []string{"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n), "hostctl", "apply", "-auto-approve", "-settle=0s"}
			r := h.run(append(kill, vars...)...)
			if r.exit == 137 {
				kills++
			} else if r.exit != 0 {
				t.Fatalf("%s killed at %d: %s", call, n, r.all())
			}
			h.apply(append(vars, "-settle=0s")...)
			h.hostctl(0, append([]string{"plan", "-detailed-exitcode"}, vars...)...)
			equal(t, h.inside("/etc/none.conf"), fmt.Sprint("none ", want))
			equal(t, h.inside("/etc/reload.tpl"), fmt.Sprint("template ", want))
			h.await(fmt.Sprintf("grep -q 'told of %d$' /proc/%s/root/tmp/told", want, h.pid("web")))
			equal(t, h.sh("find /proc/"+h.pid("web")+"/root/etc /proc/"+h.pid("web")+"/root/run -name '.*'"), "")
		}
	}
	t.Logf("%d runs were killed", kills)
	if kills < 10 {
		t.Errorf("only %d runs were killed", kills)
	}
	equal(t, h.property("hostctl-web.service", "InvocationID"), run)
	h.hostctl(0, "destroy", "-auto-approve")
	equal(t, h.sh("find /run/hostctl ! -type d ! -name lock ! -name try ! -name policy.json; find /run/hostctl/files -mindepth 1"), "")
}

// What cannot be read of one container is said of it, and is no trouble of another configuration's, or of this one's others.
func TestDamagedSpec(t *testing.T) {
	h := files(t)
	h.write("second/main.hcl", `
hostctl { name = "second" }
container "second" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
}
`)
	h.apply("-chdir=second")
	const link = "/run/hostctl/containers/web"
	relink := func(filter string) string {
		return fmt.Sprintf(`sed '%s' %s > /tmp/spec && sum=$(sha256sum < /tmp/spec | cut -d' ' -f1) &&
			install -m 0600 /tmp/spec /run/hostctl/specs/$sum.json && ln -sfn ../specs/$sum.json %s`, filter, link, link)
	}
	for name, damage := range map[string]string{
		"garbage":           "echo x > $(readlink -f " + link + ")",
		"gone":              "rm $(readlink -f " + link + ")",
		"no link":           "rm " + link + "; echo x > " + link,
		"another version":   relink(`s/"version":1/"version":9/`),
		"nothing declared":  relink(`s/"declared":{.*},"rootfs"/"rootfs"/`),
		"another release's": relink(`s/"declared":{/&"unheard_of":1,/`),
	} {
		t.Run(name, func(t *testing.T) {
			h := h.in(t)
			others := h.property("hostctl-second.service", "InvocationID") + h.property("hostctl-other.service", "InvocationID")
			h.sh(damage)
			h.hostctl(0, "plan", "-detailed-exitcode", "-chdir=second")
			if name == "another version" { // what a newer hostctl started is made anew when somebody says so
				contains(t, h.hostctl(1, "status").stdout, "cannot be read")
				contains(t, flat(h.hostctl(1, "plan", "-detailed-exitcode").stderr), "hostctl apply -replace container.web")
				h.apply("-settle=0s", "-replace=container.web")
			} else {
				contains(t, h.hostctl(0, "status").stdout, "cannot be read")
				contains(t, h.hostctl(2, "plan", "-detailed-exitcode").stdout, "container.web")
				h.apply("-settle=0s")
			}
			h.clean()
			equal(t, h.property("hostctl-second.service", "InvocationID")+h.property("hostctl-other.service", "InvocationID"), others)
		})
	}
}

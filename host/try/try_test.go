package try

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hostctl/host"
)

func TestMain(m *testing.M) {
	Main(os.Args)
	if os.Getenv("HOSTCTL_TRY_TEST_BOOT") != "" {
		os.Exit(bootAndSleep())
	}
	if dirs := os.Getenv("HOSTCTL_TRY_TEST_IDMAP"); dirs != "" {
		os.Exit(idmapAll(strings.Split(dirs, ":")))
	}
	os.Exit(m.Run())
}

// bootAndSleep is a caller that can be killed: it boots a host, says so, and runs a command that does not end.
func bootAndSleep() int {
	h, err := Boot(context.Background(), Options{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("up")
	h.Run(context.Background(), Command{Args: []string{"sleep", "1000"}})
	return 0
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("HOSTCTL_TEST_NO_SKIP") == "1" {
		t.Fatal("root is missing")
	}
	t.Skip("root is missing")
}

func boot(t *testing.T, o Options) *Host {
	t.Helper()
	needRoot(t)
	h, err := Boot(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// sh runs a shell script on the host and returns its exit status and output.
func sh(t *testing.T, h *Host, script string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	exit, err := h.Run(t.Context(), Command{Args: []string{"/bin/sh", "-c", script}, Stdout: &out, Stderr: &out})
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return exit, out.String()
}

func TestHost(t *testing.T) {
	tree := t.TempDir()
	if err := os.WriteFile(tree+"/file", []byte("from the machine\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	fresh := "/srv/hostctl-try-test"
	h := boot(t, Options{Binds: []Bind{{Source: tree}, {Source: tree, Target: "/opt/tree"}}, Fresh: []string{fresh}})
	for _, c := range []struct {
		script, out string // out is a substring
		exit        int
	}{
		{"systemctl is-system-running", "running\n", 0},
		{"cat /proc/1/comm", "systemd\n", 0},
		{"exit 7", "", 7},
		{"kill -9 $$", "", 137},
		{"cat " + tree + "/file /opt/tree/file", "from the machine\nfrom the machine\n", 0},
		{"echo > " + tree + "/file", "Read-only file system", 2},
		{"ls -A " + fresh + " /root /home /etc/ssh /var/lib/hostctl | grep -v :$ | grep .", "", 1},
		{"echo > " + fresh + "/new && stat -f -c %T " + fresh, "tmpfs\n", 0},
		{"stat -c '%a %u' " + Marker, "600 0\n", 0},
		{"echo x > /proc/sys/kernel/core_pattern", "Read-only file system", 2},
		{"[ ! -e /proc/sysrq-trigger ] || ! (echo h > /proc/sysrq-trigger) 2> /dev/null", "", 0},
		{"echo 1 > /proc/sys/net/ipv4/ip_forward", "", 0},
		{"touch /sys/x", "Read-only file system", 1},
		{"grep CapBnd: /proc/self/status", "cfcffff\n", 0}, // bits 16 SYS_MODULE, 17 SYS_RAWIO, 25 SYS_TIME are 0
		{"grep CapBnd: /proc/1/status", "cfcffff\n", 0},
		{"grep -v '^[^:]*:!\\*:' /etc/shadow", "", 1},
		{"ls /sys/class/net", "lo\n", 0},
		{"grep ^0: /proc/self/cgroup", "0::/init.scope\n", 0},
		{"tr '\\0' '\\n' < /proc/1/environ | grep ^container", "container=hostctl\n", 0},
		{"unshare -U true && unshare -Urpf --mount-proc true", "", 0}, // pivot_root, not chroot; a visible procfs
		{"systemctl daemon-reload && systemctl list-units --failed --no-legend", "", 0},
		{"touch /etc/x /usr/x /var/x", "", 0},
	} {
		exit, out := sh(t, h, c.script)
		if exit != c.exit || !strings.Contains(out, c.out) || c.out == "" && out != "" {
			t.Errorf("%s: exit status %d, output %q; want %d, %q", c.script, exit, out, c.exit, c.out)
		}
	}
	for _, p := range []string{"/etc/x", "/usr/x", "/var/x", fresh, "/opt/tree"} {
		if _, err := os.Lstat(p); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is on the machine: %v", p, err)
		}
	}
}

// Rootfs trees and volumes are idmapped by containers: both must stand on file systems that can be.
func TestIdmap(t *testing.T) {
	tree := t.TempDir()
	fresh := "/srv/hostctl-try-test"
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := boot(t, Options{Binds: []Bind{{Source: tree}, {Source: self, Target: "/opt/test"}}, Fresh: []string{fresh}})
	var out bytes.Buffer
	exit, err := h.Run(t.Context(), Command{Args: []string{"/opt/test"}, Env: []string{"HOSTCTL_TRY_TEST_IDMAP=" + tree + ":" + fresh}, Stdout: &out})
	if err != nil || exit != 0 {
		t.Errorf("exit status %d, %v\n%s", exit, err, out.String())
	}
}

// idmapAll idmaps a copy of the mount of each directory. It runs on the host.
func idmapAll(dirs []string) int {
	ns := exec.Command("sleep", "1000")
	ns.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 100000, Size: 65536}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 100000, Size: 65536}},
	}
	if err := ns.Start(); err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { ns.Process.Kill(); ns.Wait() }()
	user, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", ns.Process.Pid))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer user.Close()
	for _, dir := range dirs {
		fd, err := unix.OpenTree(unix.AT_FDCWD, dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err == nil {
			err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(user.Fd())})
			unix.Close(fd)
		}
		if err != nil {
			fmt.Printf("idmap %s: %v\n", dir, err)
			return 1
		}
	}
	return 0
}

// checkNothingLeft looks for what the host of a supervisor could leave on the machine. Other hosts may run.
func checkNothingLeft(t *testing.T, supervisor int) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), "hostctl-try") {
		t.Errorf("mounts are left:\n%s", mounts)
	}
	root, err := openCgroupRoot()
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	defer root.dir.Close()
	own, err := cgroupOf("self")
	if err != nil {
		t.Fatal(err)
	}
	if st, err := root.Stat(fmt.Sprintf("%s/%s%d", own, cgroupPrefix, supervisor)); err == nil {
		t.Errorf("cgroup %s is left", st.Name())
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	m, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestNothingIsLeft(t *testing.T) {
	needRoot(t)
	for _, c := range []struct {
		name string
		end  func(caller *exec.Cmd, supervisor int)
	}{
		{"kill the caller", func(caller *exec.Cmd, _ int) { caller.Process.Kill() }},
		{"terminate the supervisor", func(_ *exec.Cmd, supervisor int) { syscall.Kill(supervisor, syscall.SIGTERM) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			caller := exec.Command("/proc/self/exe")
			caller.Env = append(os.Environ(), "HOSTCTL_TRY_TEST_BOOT=1")
			out, err := caller.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := caller.Start(); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 3)
			if _, err := out.Read(buf); err != nil || string(buf) != "up\n" {
				t.Fatalf("caller said %q, %v", buf, err)
			}
			supervisor := childOf(t, caller.Process.Pid, supervisorRole)
			pidfd, err := unix.PidfdOpen(supervisor, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(pidfd)
			c.end(caller, supervisor)
			caller.Process.Kill()
			caller.Wait()
			// The processes that the caller left are reaped by the machine's pid 1, whenever it does.
			awaitEnd(t, pidfd)
			checkNothingLeft(t, supervisor)
		})
	}
}

// Whatever a killed supervisor leaves is removed by the next host.
func TestSweep(t *testing.T) {
	needRoot(t)
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		t.Skip("the machine's systemd removes the scope itself")
	}
	h, err := Boot(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.supervisor.Process.Kill()
	awaitEnd(t, h.pidfd)
	if err := h.Close(); err == nil {
		t.Error("Close reports nothing though the supervisor was killed")
	}
	boot(t, Options{})
	checkNothingLeft(t, h.supervisor.Process.Pid)
}

// awaitEnd waits until a process has ended.
func awaitEnd(t *testing.T, pidfd int) {
	t.Helper()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 30_000)
		if n == 1 {
			return
		}
		if err != unix.EINTR {
			t.Fatalf("the process does not end: %v", err)
		}
	}
}

func childOf(t *testing.T, parent int, arg string) int {
	t.Helper()
	for _, p := range glob(t, "/proc/[0-9]*") {
		stat, err := os.ReadFile(p + "/status")
		cmdline, err2 := os.ReadFile(p + "/cmdline")
		if err == nil && err2 == nil && strings.Contains(string(stat), fmt.Sprintf("\nPPid:\t%d\n", parent)) && strings.Contains(string(cmdline), arg) {
			var pid int
			fmt.Sscan(filepath.Base(p), &pid)
			return pid
		}
	}
	t.Fatalf("process %d has no child %s", parent, arg)
	return 0
}

func TestRunEndsWithContext(t *testing.T) {
	h := boot(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	done := make(chan error)
	go func() {
		_, err := h.Run(ctx, Command{Args: []string{"sh", "-c", "echo; exec sleep 1000"}, Stdout: w})
		done <- err
	}()
	if _, err := r.Read(make([]byte, 1)); err != nil { // it runs
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
}

func TestPoweroffInside(t *testing.T) {
	h := boot(t, Options{})
	sh(t, h, "systemctl poweroff --force --force")
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if _, err = h.Run(t.Context(), Command{Args: []string{"true"}}); err != nil {
			return
		}
	}
	t.Error("the host runs on after its poweroff")
}

func TestBootCanceled(t *testing.T) {
	needRoot(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Boot(ctx, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Boot: %v", err)
	}
}

func TestOptions(t *testing.T) {
	needRoot(t)
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Binds: []Bind{{Source: "rel"}}}, "not absolute"},
		{Options{Binds: []Bind{{Source: "/no/such/path"}}}, "no such file"},
		{Options{Fresh: []string{"/"}}, "below /"},
		{Options{Fresh: []string{"srv"}}, "below /"},
	} {
		if _, err := Boot(t.Context(), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v; want %q", c.o, err, c.want)
		}
	}
}

func TestFreshFor(t *testing.T) {
	for path, want := range map[string]string{
		"/data":                "/data",
		"/srv/shop":            "/srv",
		"/srv/shop/db/":        "/srv/shop",
		"/var/lib/shop":        "/var/lib/shop",
		"/etc/shop":            "/etc/shop",
		"/var/lib/shop/../x/y": "/var/lib/x",
	} {
		if got := FreshFor(path); got != want {
			t.Errorf("FreshFor(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestCopied(t *testing.T) {
	for m, want := range map[[2]string]bool{
		{"/", "ext4"}:               true,
		{"/mnt/disk", "xfs"}:        true,
		{"/sys/fs/cgroup", "tmpfs"}: false,
		{"/srv/nfs", "nfs4"}:        false,
		{"/running", "tmpfs"}:       true,
		{"/run", "tmpfs"}:           false,
	} {
		if got := copied(host.Mount{Point: m[0], Type: m[1]}); got != want {
			t.Errorf("copied(%s on %s) = %v, want %v", m[1], m[0], got, want)
		}
	}
}

func TestParseCgroup(t *testing.T) {
	for text, want := range map[string]string{
		"0::/\n":                                  ".",
		"1:cpu:/x\n0::/user.slice/a.scope\n":      "user.slice/a.scope",
		"0::/../outside\n":                        "../outside",
		"9:name=systemd:/\n8:pids:/\n0::/a b/c\n": "a b/c",
	} {
		if got, err := parseCgroup(text); err != nil || got != want {
			t.Errorf("parseCgroup(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
	if _, err := parseCgroup("8:pids:/\n"); err == nil {
		t.Error("no error without cgroup v2")
	}
}

package integration

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"hostctl/host/try"
)

// Paths on the throwaway host.
const (
	busybox = "/srv/rootfs/busybox" // a root directory of one static program
	work    = "/work"               // the host's view of machine.work
)

// machine is what all tests share of this machine: built once, read by the hosts.
var machine struct {
	bin    string // the directory with hostctl and hostctl-launch
	rootfs string // the busybox tree
}

func TestMain(m *testing.M) {
	try.Main(os.Args)
	os.Exit(m.Run())
}

// prepare builds the programs and the root directory, once.
var prepare = sync.OnceValue(func() error {
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	machine.bin = filepath.Join(root, "bin")
	// On the repository's file system: the machine's /tmp may be one that cannot be idmapped.
	machine.rootfs = filepath.Join(machine.bin, "rootfs-busybox")
	for _, args := range [][]string{
		{"go", "build", "-trimpath", "-buildvcs=false", "-o", machine.bin + "/", "./cmd/hostctl", "./cmd/hostctl-launch"},
		{"scripts/rootfs", "busybox", machine.rootfs},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
})

// need skips a test whose ability is missing, or fails it where no skip is accepted.
func need(t *testing.T, missing string) {
	t.Helper()
	if missing == "" {
		return
	}
	if os.Getenv("HOSTCTL_TEST_NO_SKIP") == "1" {
		t.Fatal(missing, " is missing")
	}
	t.Skip(missing, " is missing")
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		need(t, "root")
	}
	if err := prepare(); err != nil {
		t.Fatal(err)
	}
}

// host is a throwaway host with a directory for a configuration.
type host struct {
	t    *testing.T
	h    *try.Host
	work string // the machine's side of the directory work; the host sees it read-only
}

// system makes Debian's root directory with an init, once on this machine.
var system = sync.OnceValues(func() (string, error) {
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		cache = "/var/cache"
	}
	dir := filepath.Join(cache, "hostctl", "rootfs-system")
	out, err := exec.Command("../scripts/rootfs", "system", dir).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("scripts/rootfs: %w\n%s", err, out)
	}
	return dir, nil
})

// parallel are the tests that run beside others already.
var parallel sync.Map

// beside lets a test run beside others: most of what a host does is wait. It may be called again.
func beside(t *testing.T) {
	if _, again := parallel.LoadOrStore(t, true); !again {
		t.Parallel()
	}
}

// boot starts a host that ends with the test. The test runs beside others from here on.
func boot(t *testing.T, fresh ...string) *host {
	t.Helper()
	return bootWith(t, nil, fresh...)
}

// bootWith is boot with more of this machine's directories in the host.
func bootWith(t *testing.T, binds []try.Bind, fresh ...string) *host {
	t.Helper()
	needRoot(t)
	beside(t)
	dir := t.TempDir()
	h, err := try.Boot(t.Context(), try.Options{
		Binds: append([]try.Bind{
			{Source: machine.bin + "/hostctl", Target: "/usr/local/bin/hostctl"},
			{Source: machine.bin + "/hostctl-launch", Target: "/usr/local/bin/hostctl-launch"},
			{Source: machine.rootfs, Target: busybox},
			{Source: dir, Target: work},
		}, binds...),
		Fresh: append([]string{"/srv"}, fresh...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	booted := &host{t, h, dir}
	booted.policy(generous)
	return booted
}

// generous is the policy of hosts on which the policy is not what is tested.
//
//go:embed testdata/policy.hcl
var generous string

// policy makes a text the host's policy; "" leaves it without one.
func (h *host) policy(text string) {
	h.t.Helper()
	if text == "" {
		h.sh("rm -f /etc/hostctl/policy.hcl")
		return
	}
	h.write("policy.txt", text)
	h.sh("mkdir -p /etc/hostctl; chown 0:0 /etc /etc/hostctl; install -m 0644 " + work + "/policy.txt /etc/hostctl/policy.hcl")
	if err := os.Remove(filepath.Join(h.work, "policy.txt")); err != nil {
		h.t.Fatal(err)
	}
}

// result is what a command left.
type result struct {
	exit           int
	stdout, stderr string
}

// all is both outputs, for messages.
func (r result) all() string {
	return fmt.Sprintf("exit status %d\n%s%s", r.exit, r.stdout, r.stderr)
}

// run runs a command on the host.
func (h *host) run(args ...string) result {
	h.t.Helper()
	r, err := h.runContext(h.t.Context(), args...)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func (h *host) runContext(ctx context.Context, args ...string) (result, error) {
	var stdout, stderr bytes.Buffer
	exit, err := h.h.Run(ctx, try.Command{Args: args, Dir: work, Stdout: &stdout, Stderr: &stderr})
	return result{exit, stdout.String(), stderr.String()}, err
}

// sh runs a script that must succeed and returns its standard output without the last newline.
func (h *host) sh(script string) string {
	h.t.Helper()
	r := h.run("/bin/bash", "-ec", script)
	if r.exit != 0 {
		r.stdout = r.stdout[max(0, len(r.stdout)-2000):]
		h.t.Fatalf("%s: %s", script, r.all())
	}
	return strings.TrimSuffix(r.stdout, "\n")
}

// write writes a file of the configuration.
func (h *host) write(name, text string) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(h.work, name)), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.work, name), []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

// hostctl runs hostctl in the configuration's directory and fails the test where the exit status is not
// the one that is wanted.
func (h *host) hostctl(exit int, args ...string) result {
	h.t.Helper()
	r := h.run(append([]string{"hostctl"}, args...)...)
	if r.exit != exit {
		h.t.Fatalf("hostctl %s: want exit status %d; %s", strings.Join(args, " "), exit, r.all())
	}
	if bad := "goroutine "; strings.Contains(r.stderr, bad) {
		h.t.Fatalf("hostctl %s dumped its goroutines:\n%s", strings.Join(args, " "), r.stderr)
	}
	return r
}

// apply applies a configuration that must apply.
func (h *host) apply(args ...string) result {
	h.t.Helper()
	return h.hostctl(0, append([]string{"apply", "-auto-approve"}, args...)...)
}

// clean fails the test where a plan has changes.
func (h *host) clean(args ...string) {
	h.t.Helper()
	r := h.run(append([]string{"hostctl", "plan", "-detailed-exitcode"}, args...)...)
	if r.exit != 0 {
		h.t.Errorf("the plan is not empty: %s", r.all())
	}
}

// property reads one property of a unit.
func (h *host) property(unit, name string) string {
	h.t.Helper()
	return h.sh("systemctl show -P " + name + " " + unit)
}

// pid is the process id of a container's first process on the host.
func (h *host) pid(container string) string {
	h.t.Helper()
	pid := h.property("hostctl-"+container+".service", "MainPID")
	if pid == "0" || pid == "" {
		h.t.Fatalf("container %s does not run:\n%s", container, h.run("systemctl", "status", "hostctl-"+container).all())
	}
	return pid
}

// snap is a manifest of what hostctl could leave on the host or damage: files with their owners, modes and
// contents, mounts, units, cgroups, links, addresses and routes. It leaves out what hostctl keeps by
// design: its ledger and its lock, the id ranges that are out of use for ever (/etc/subuid), and the empty
// directories, mount and slices that systemd and ip-netns(8) keep for their next use as well.
func (h *host) snap() string {
	h.t.Helper()
	return h.sh(`
		cd /
		list() {
			find etc srv run/netns run/systemd/transient run/systemd/system \
				\( -path srv/rootfs -o -path run/netns -o -path etc/subuid -o -path etc/subgid -o -path 'etc/*-' -o -path etc/.pwd.lock \
				-o -path etc/ssl -o -path run/systemd/transient \) -prune -o "$@" 2> /dev/null || true
		}
		list -printf '%y %p %u:%g %m %l\n' | sort
		list -type f -print0 | xargs -0r sha256sum | sort -k 2
		for dir in run/netns run/systemd/transient; do ls $dir 2> /dev/null || true; done
		findmnt -rn -o TARGET,SOURCE,FSTYPE,OPTIONS | grep -v -e '^/usr/local/bin/hostctl' -e '^/run/netns ' | sort
		systemctl list-units --all --plain --no-legend --no-pager | awk '{print $1, $2, $3, $4}' |
			grep -v -e '^systemd-' -e '^dbus' -e '^run-u' -e '^hostctl.slice ' -e '^hostctl-keep.slice ' -e '^run-netns.mount ' | sort
		find /sys/fs/cgroup -type d | grep -v -e '/hostctl.slice$' -e '/hostctl-keep.slice$' | sort
		ip -d -o link | sed 's/ promiscuity.*//'
		ip -o addr
		ip route show table all
		ip -6 route show table all
	`)
}

// diff shows the lines that differ.
func diff(before, after string) string {
	count := map[string]int{}
	for l := range strings.Lines(before) {
		count[l]--
	}
	for l := range strings.Lines(after) {
		count[l]++
	}
	var b strings.Builder
	for l := range strings.Lines(before) {
		if count[l] < 0 {
			b.WriteString("- " + l)
		}
	}
	for l := range strings.Lines(after) {
		if count[l] > 0 {
			b.WriteString("+ " + l)
		}
	}
	return b.String()
}

// contains fails the test for each part that text misses.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is missing in:\n%s", p, text)
		}
	}
}

//go:build throwaway

package container

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hostctl/host"
	"hostctl/host/hosttest"
	"hostctl/policy/rule"
	"hostctl/resource"
	"hostctl/runtime"
)

// realBench is the real systemd, kernel and launcher of the throwaway host that the integration tests run
// these on, built with the tag, with account files in memory.
// HOSTCTL_TEST_LAUNCHER names the built launcher and HOSTCTL_TEST_ROOTFS a root directory with /bin/sh.
func realBench(t testing.TB) (*bench, *Container) {
	t.Helper()
	launcher, rootfs := os.Getenv("HOSTCTL_TEST_LAUNCHER"), os.Getenv("HOSTCTL_TEST_ROOTFS")
	if _, err := os.Stat("/run/hostctl/try"); err != nil || launcher == "" || rootfs == "" {
		t.Fatal("not on a throwaway host with HOSTCTL_TEST_LAUNCHER and HOSTCTL_TEST_ROOTFS")
	}
	s, err := host.DialSystemd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	m := hosttest.New()
	c := fresh()
	c.Rootfs, c.IDBase = rootfs, lowRange
	c.Command = []string{"/bin/sh", "-c", "echo up; exec sleep 1000000"}
	c.StopTimeout = resource.Duration(5 * time.Second)
	if err := runtime.Host.WriteRules(rule.Rules{Default: rule.Grants{Writable: []string{"/srv", "/tmp"}, Rootfs: []string{"/"}, Privileges: rule.Privileges{HostNetwork: []string{"*"}, Root: []string{"ephemeral", "persistent"}, Capabilities: runtime.CapabilityNames(), Sysctls: []string{"*"}, Devices: []string{"/dev/*"}}}}); err != nil {
		t.Fatal(err)
	}
	return &bench{Host: NewHost(s, m.Passwd, launcher, true), t: t, machine: m}, c
}

func systemctl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("systemctl", args...).CombinedOutput()
	if err != nil && args[0] != "status" && args[0] != "is-active" {
		t.Fatalf("systemctl %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (b *bench) realNothing(t *testing.T) {
	t.Helper()
	units, err := b.Systemd.List(t.Context(), "hostctl*")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range units {
		t.Errorf("left over: %+v", u)
	}
	for _, dir := range []string{"containers", "specs", "running"} {
		if left, _ := os.ReadDir(filepath.Join(runtime.Host.Run, dir)); len(left) > 0 {
			t.Errorf("left over in %s: %v", dir, left)
		}
	}
}

func TestRealLifecycle(t *testing.T) {
	b, want := realBench(t)
	if problems := b.Check(t.Context(), []resource.Change{{Addr: web, Owner: "shop", Action: resource.Create, Want: want}}, resource.State{web: want}); len(problems) > 0 {
		t.Fatal(problems)
	}
	b.apply(web, want)
	b.same(web, want)
	t.Log(b.read(nil).Status[web])
	t.Log(systemctl(t, "status", "--no-pager", "-l", Unit(web)))

	run := b.invocation(Unit(web))
	want = with(want, func(c *Container) { c.Limits = Limits{Memory: 64 << 20, CPU: 0.5, Tasks: 50, Files: 16384} })
	b.apply(web, want)
	b.same(web, want)
	if b.invocation(Unit(web)) != run {
		t.Error("a change of limits made a new run")
	}
	if got := systemctl(t, "show", "-P", "TasksMax", Unit(web)); got != "50" {
		t.Errorf("TasksMax is %s", got)
	}
	if got := systemctl(t, "show", "-P", "NeedDaemonReload", Unit(web)); got != "no" {
		t.Error("after a change of limits systemd asks for a daemon-reload")
	}

	fragment := systemctl(t, "show", "-P", "FragmentPath", Unit(web))
	before, err := os.Stat(fragment)
	if err != nil {
		t.Fatal(err)
	}
	want = with(want, func(c *Container) { c.Environment = map[string]string{"A": "b\nc"} })
	b.apply(web, want)
	b.same(web, want)
	after, err := os.Stat(fragment)
	if err != nil || !os.SameFile(before, after) || b.invocation(Unit(web)) == run {
		t.Errorf("a change of the environment: unit file %v, same run %v", err, b.invocation(Unit(web)) == run)
	}

	systemctl(t, "stop", Unit(web))
	if diff := b.differs(web, want); diff != "enabled: false -> true\n" {
		t.Errorf("stopped by hand: %q", diff)
	}
	t.Log(b.read(nil).Status[web])
	systemctl(t, "start", Unit(web))
	b.same(web, want)
	systemctl(t, "restart", Unit(web))
	b.same(web, want)
	systemctl(t, "daemon-reload")
	systemctl(t, "restart", Unit(web))
	b.same(web, want)
	systemctl(t, "stop", Unit(web))
	b.apply(web, want)
	b.same(web, want)

	want = with(want, func(c *Container) { c.StopSignal, c.Restart = "INT", "always" })
	b.apply(web, want)
	b.same(web, want)
	if got := systemctl(t, "show", "-P", "KillSignal", Unit(web)); got != "2" {
		t.Errorf("KillSignal is %s", got)
	}
	want = with(want, func(c *Container) { c.Enabled = false })
	b.apply(web, want)
	b.same(web, want)
	t.Log(b.read(nil).Status[web])
	b.apply(web, nil)
	b.realNothing(t)
}

func TestRealDependencies(t *testing.T) {
	b, dbSpec := realBench(t)
	db := resource.Addr{Kind: Name, Name: "db"}
	b.apply(db, dbSpec)
	b.apply(web, with(dbSpec, func(c *Container) { c.IDBase, c.DependsOn = lowRange+RangeSize, []resource.Dependency{{To: db}} }))
	err := b.change(db, with(dbSpec, func(c *Container) { c.StopSignal = "INT" }))
	if err == nil || !strings.Contains(err.Error(), "hostctl-web.service; stop those first") {
		t.Errorf("replacing what another is ordered after: %v", err)
	}
	b.apply(web, nil)
	b.apply(db, nil)
	b.realNothing(t)
}

func TestRealNestedNames(t *testing.T) {
	b, spec := realBench(t)
	inner := resource.Addr{Kind: Name, Name: "web", Key: "a"}
	b.apply(web, spec)
	b.apply(inner, with(spec, func(c *Container) { c.IDBase = lowRange + RangeSize }))
	b.apply(web, nil)
	b.same(inner, with(spec, func(c *Container) { c.IDBase = lowRange + RangeSize }))
	b.apply(web, spec)
	b.apply(inner, nil)
	b.apply(web, nil)
	b.realNothing(t)
}

func TestRealFailures(t *testing.T) {
	b, spec := realBench(t)
	for name, test := range map[string]struct {
		set  func(*Container)
		want string // of the error
	}{
		"no such program": {func(c *Container) { c.Command = []string{"/bin/none"} }, "/bin/none"},
		"no such user":    {func(c *Container) { c.User = "nobody-here" }, "nobody-here"},
	} {
		t.Run(name, func(t *testing.T) {
			err := b.change(web, with(spec, test.set))
			t.Log(err)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q in it", err, test.want)
			}
			t.Log(b.read(nil).Status[web])
			change := resource.Change{Addr: web, Owner: "shop", Action: resource.Create, Want: with(spec, test.set)}
			if problems := b.Check(t.Context(), []resource.Change{change}, nil); len(problems) != 1 {
				t.Errorf("problems %v", problems)
			} else {
				t.Log(problems[0])
			}
			b.apply(web, spec)
			b.same(web, spec)
			b.apply(web, nil)
			b.realNothing(t)
		})
	}
	t.Run("ends at once", func(t *testing.T) {
		want := with(spec, func(c *Container) {
			c.Command, c.Restart = []string{"/bin/sh", "-c", "echo cannot go on; exit 5"}, "always"
			c.RestartDelay = resource.Duration(100 * time.Millisecond)
		})
		// It may end before systemd has heard that it is ready, or after: then it is looked at again once it was started again.
		err := b.change(web, want)
		if err == nil {
			for systemctl(t, "show", "-P", "NRestarts", Unit(web)) == "0" {
				time.Sleep(10 * time.Millisecond)
			}
			err = b.Settle(t.Context(), []resource.Change{{Addr: web, Owner: "shop", Action: resource.Create, Want: want}})[web]
		}
		t.Log(err)
		if err == nil || !strings.Contains(err.Error(), "cannot go on") || !strings.Contains(err.Error(), "exit status 5") {
			t.Errorf("settled: %v", err)
		}
		b.apply(web, nil)
		b.realNothing(t)
	})
}

// BenchmarkRealRead reads as many running containers as HOSTCTL_TEST_CONTAINERS says, 100 where it does not.
func BenchmarkRealRead(b *testing.B) {
	bench, spec := realBench(b)
	n, err := strconv.Atoi(cmp.Or(os.Getenv("HOSTCTL_TEST_CONTAINERS"), "100"))
	if err != nil {
		b.Fatal(err)
	}
	spec.Init = false
	spec.StopTimeout = resource.Duration(100 * time.Millisecond) // as process 1 it has no handler for the signal
	change := func(i int, action resource.Action) resource.Change {
		c := with(spec, func(c *Container) { c.IDBase = lowRange + uint32(i)*RangeSize })
		return resource.Change{Addr: resource.Addr{Kind: Name, Name: "bench", Key: strconv.Itoa(i)}, Owner: "shop", Action: action, Want: c}
	}
	all := func(action resource.Action) {
		begun := time.Now()
		gate := make(chan struct{}, 32)
		var wg sync.WaitGroup
		for i := range n {
			gate <- struct{}{}
			wg.Go(func() {
				defer func() { <-gate }()
				if err := bench.Apply(b.Context(), change(i, action)); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
		b.Logf("%s of %d: %s", action, n, time.Since(begun).Round(time.Millisecond))
	}
	all(resource.Create)
	for b.Loop() {
		r, err := bench.Read(b.Context(), "shop", nil)
		if err != nil || len(r.State) != n {
			b.Fatal(len(r.State), err)
		}
	}
	all(resource.Delete)
}

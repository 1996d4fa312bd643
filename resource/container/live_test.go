package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"hostctl/host"
	"hostctl/resource"
)

func resolved() *Container {
	c := fresh()
	c.IDBase = lowRange
	return c
}

func with(c *Container, set func(*Container)) *Container {
	d := *c
	set(&d)
	return &d
}

func TestLifecycle(t *testing.T) {
	b := newBench(t)
	want := resolved()
	b.apply(web, want)
	b.same(web, want)
	if status := b.read(nil).Status[web]; !strings.HasPrefix(status, "running, pid ") {
		t.Errorf("status %q", status)
	}
	before := b.calls()
	b.apply(web, want)
	if again := b.since(before); again != "" {
		t.Errorf("a second apply called %s", again)
	}

	steps := []struct {
		name  string
		set   func(*Container)
		calls string
		same  bool // it is still the same run
	}{
		{"a limit", func(c *Container) { c.Limits.Memory = 64 << 20 }, "set-properties hostctl-web.service", true},
		{"all limits", func(c *Container) { c.Limits = Limits{CPU: 0.333, Files: 16384} }, "set-properties hostctl-web.service", true},
		{"the command", func(c *Container) { c.Command = []string{"/bin/other"} }, "restart hostctl-web.service", false},
		{"the command and a limit", func(c *Container) { c.Command, c.Limits.Tasks = []string{"/bin/x"}, 99 },
			"set-properties hostctl-web.service, restart hostctl-web.service", false},
		{"the stop signal", func(c *Container) { c.StopSignal = "QUIT" },
			"remove hostctl-web.service, remove hostctl-keep-web.slice, remove hostctl-web.service, start-transient hostctl-web.service", false},
		{"stopped", func(c *Container) { c.Enabled = false }, "stop hostctl-web.service", false},
		{"the command while stopped", func(c *Container) { c.Command = []string{"/bin/y"} }, "", true},
		{"started", func(c *Container) { c.Enabled = true }, "start hostctl-web.service", false},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			before, run := b.calls(), b.invocation(Unit(web))
			want = with(want, step.set)
			b.apply(web, want)
			b.same(web, want)
			if got := b.since(before); got != step.calls {
				t.Errorf("calls %s, want %s", got, step.calls)
			}
			if same := b.invocation(Unit(web)) == run; same != step.same {
				t.Errorf("still the same run: %v, want %v", same, step.same)
			}
		})
	}

	b.apply(web, nil)
	b.nothing()
}

func (b *bench) nothing() {
	b.t.Helper()
	if s := b.systemd.String(); s != "" {
		b.t.Errorf("left over in systemd:\n%s", s)
	}
	_ = filepath.WalkDir(b.Specs.Run, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			b.t.Errorf("left over: %s", path)
		}
		return nil
	})
}

func TestDrift(t *testing.T) {
	b := newBench(t)
	want := resolved()
	b.apply(web, want)
	ctx := t.Context()
	for name, drift := range map[string]struct {
		make func()
		want string
	}{
		"stopped by hand": {func() { b.systemd.Stop(ctx, Unit(web)) }, "enabled: false -> true\n"},
		"ended":           {func() { b.systemd.End(Unit(web), 3) }, "enabled: false -> true\n"},
		"a limit by set-property": {func() {
			b.systemd.SetProperties(ctx, Unit(web), []host.Property{{Name: "TasksMax", Value: uint64(7)}})
		}, "limits.tasks: 7 -> 4096\n"},
		"a limit by echo": {func() {
			write(t, filepath.Join(b.Cgroups, Slice, Unit(web), "memory.max"), "max\n", 0o644)
		}, "limits.memory: \"0\" -> \"1G\"\n"},
		"no tasks at all": {func() {
			write(t, filepath.Join(b.Cgroups, Slice, Unit(web), "pids.max"), "0\n", 0o644)
		}, "limits.tasks: 1 -> 4096\n"},
		"the unit removed": {func() { b.systemd.Remove(ctx, Keeper(web), Unit(web)) }, "enabled: false -> true\n"},
		"a restart that was not made": {func() {
			spec, _ := with(want, func(c *Container) { c.Command = []string{"/bin/new"} }).launcherSpec(web, "shop")
			sum, err := b.Specs.WriteSpec(*spec)
			if err = errors.Join(err, b.Specs.Link("web", sum)); err != nil {
				t.Fatal(err)
			}
		}, "pending: "},
	} {
		t.Run(name, func(t *testing.T) {
			drift.make()
			if diff := b.differs(web, want); diff != drift.want && (drift.want != "pending: " || !strings.HasPrefix(diff, drift.want)) {
				t.Errorf("difference %q, want %q", diff, drift.want)
			}
			b.apply(web, want)
			b.same(web, want)
		})
	}
}

// A reading is whole or an error, however few files can be opened: what could not be read is no difference.
func TestReadWithoutDescriptors(t *testing.T) {
	b := newBench(t)
	want := with(resolved(), func(c *Container) { c.File = map[string]File{"/etc/app.conf": {Content: "x", Mode: 0o444}} })
	b.apply(web, want)
	b.same(web, want)
	whole := b.read(nil)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	errs := 0
	for free := range 16 {
		next, err := os.Open("/") // the lowest that is free
		if err != nil {
			t.Fatal(err)
		}
		few := syscall.Rlimit{Cur: uint64(next.Fd()) + uint64(free), Max: limit.Max}
		if err := errors.Join(next.Close(), syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few)); err != nil {
			t.Fatal(err)
		}
		got, err := b.Read(t.Context(), "shop", resource.State{web: want})
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		switch {
		case err != nil:
			errs++
		case !reflect.DeepEqual(got.State, whole.State):
			t.Errorf("with %d descriptors: %+v, want %+v", free, got.State[web], whole.State[web])
		}
	}
	if errs == 0 || errs == 16 {
		t.Errorf("%d of 16 readings failed", errs)
	}
}

func TestFacts(t *testing.T) {
	b := newBench(t)
	want := with(resolved(), func(c *Container) {
		c.RunAsUID, c.RunAsGID = 2100, 2100
		c.NetnsPath = filepath.Join(b.Proc, "netns")
		c.Mount = map[string]Mount{"/data": {Source: "/srv/db"}, "/with space": {Source: "/srv/site"}}
		c.Tmpfs = map[string]Tmpfs{"/x": {Size: 1 << 20, Mode: 0o755}}
	})
	b.apply(web, want)
	proc := filepath.Join(b.Proc, fmt.Sprint(os.Getpid()))
	const uidMap = "         0     524288       2100\n      2100       2100          1\n      2101     526389      63435\n"
	const mounts = "1 2 0:1 / / rw - ext4 x rw\n1 2 0:1 / /data rw - ext4 x rw\n1 2 0:1 / /with\\040space rw - ext4 x rw\n1 2 0:1 / /x rw - tmpfs x rw\n"
	for name, fact := range map[string]struct {
		uidMap, mounts string
		netns          bool
		want           string
	}{
		"as declared":      {uidMap, mounts, true, ""},
		"another range":    {strings.ReplaceAll(strings.ReplaceAll(uidMap, "524288", "589824"), "526389", "591925"), mounts, true, "id_base: 589824 -> 524288\n"},
		"another account":  {"0 524288 65536\n", mounts, true, "run_as_uid:  -> 2100\n"},
		"a mount is gone":  {uidMap, strings.Replace(mounts, "/data", "/other", 1), true, "mount[\"/data\"]:  -> {}\nmount[\"/data\"].read_only:  -> false\nmount[\"/data\"].source:  -> \"/srv/db\"\nmount[\"/data\"].volume:  -> \"\"\n"},
		"a tmpfs is gone":  {uidMap, strings.Replace(mounts, "/x ", "/y ", 1), true, "tmpfs[\"/x\"]:  -> {}\ntmpfs[\"/x\"].mode:  -> \"0755\"\ntmpfs[\"/x\"].size:  -> \"1M\"\n"},
		"the netns's name": {uidMap, mounts, false, "netns_path:  -> \"" + want.NetnsPath + "\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, filepath.Join(proc, "uid_map"), fact.uidMap, 0o644)
			write(t, filepath.Join(proc, "mountinfo"), fact.mounts, 0o644)
			write(t, filepath.Join(proc, "ns/net"), "", 0o644)
			os.Remove(want.NetnsPath)
			if fact.netns {
				if err := os.Link(filepath.Join(proc, "ns/net"), want.NetnsPath); err != nil {
					t.Fatal(err)
				}
			}
			got := b.differs(web, want)
			for line := range strings.Lines(fact.want) {
				if !strings.Contains(got, line) && !strings.HasSuffix(line, "\"\"\n") {
					t.Errorf("difference lacks %q", line)
				}
			}
			if (got == "") != (fact.want == "") {
				t.Errorf("difference %q, want %q", got, fact.want)
			}
		})
	}
}

// Whatever call fails, the next apply makes it as wanted.
func TestFailedAnywhere(t *testing.T) {
	failure := errors.New("made to fail")
	first := resolved()
	for _, next := range []*Container{
		first,
		with(first, func(c *Container) { c.Limits.Tasks = 99 }),
		with(first, func(c *Container) { c.Command = []string{"/bin/x"} }),
		with(first, func(c *Container) { c.StopSignal = "INT" }),
		with(first, func(c *Container) { c.Enabled = false }),
		nil,
	} {
		for _, op := range []string{
			"AddSubID shop/container.web", "start-transient hostctl-web.service", "start hostctl-web.service", "stop hostctl-web.service",
			"restart hostctl-web.service", "remove hostctl-web.service", "remove hostctl-keep-web.slice", "set-properties hostctl-web.service",
		} {
			b := newBench(t)
			if next != first {
				b.apply(web, first)
			}
			b.machine.Fail(op, failure)
			if err := b.change(web, next); err != nil && !errors.Is(err, failure) {
				t.Fatalf("%s: %v", op, err)
			}
			b.machine.Fail(op, nil)
			b.apply(web, next)
			if next != nil {
				b.same(web, next)
			} else {
				b.nothing()
			}
		}
	}
}

// withSlices is a systemd that has made the slices of containers by itself, and cannot stop them yet.
type withSlices struct {
	Systemd
	there map[string]bool
	fail  error
}

func (s *withSlices) List(ctx context.Context, patterns ...string) ([]host.Unit, error) {
	if len(patterns) == 1 && (patterns[0] == Slice || patterns[0] == keeperSlice) {
		if !s.there[patterns[0]] {
			return nil, nil
		}
		return []host.Unit{{Name: patterns[0]}}, nil
	}
	return s.Systemd.List(ctx, patterns...)
}

func (s *withSlices) Properties(ctx context.Context, unit string, names ...string) (map[string]any, error) {
	if unit == Slice || unit == keeperSlice {
		return map[string]any{}, nil
	}
	return s.Systemd.Properties(ctx, unit, names...)
}

func (s *withSlices) Stop(ctx context.Context, unit string) error {
	if unit != Slice && unit != keeperSlice {
		return s.Systemd.Stop(ctx, unit)
	}
	if s.fail == nil {
		delete(s.there, unit)
	}
	return s.fail
}

// What a removal that ends before the slices are gone leaves is still there to be removed.
func TestSlicesGoBeforeTheLastLink(t *testing.T) {
	b := newBench(t)
	s := &withSlices{b.Systemd, map[string]bool{Slice: true, keeperSlice: true}, errors.New("gone")}
	b.Systemd = s
	b.apply(web, resolved())
	if err := b.change(web, nil); !errors.Is(err, s.fail) {
		t.Fatalf("slices that stay: %v", err)
	}
	if _, there := b.read(nil).State[web]; !there {
		t.Error("the container whose removal was cut off is forgotten")
	}
	s.fail = nil
	b.apply(web, nil)
	b.nothing()
	if len(s.there) > 0 {
		t.Errorf("left over: %v", s.there)
	}
}

func TestSpecLost(t *testing.T) {
	b := newBench(t)
	want := resolved()
	b.apply(web, want)
	if err := os.RemoveAll(b.Specs.Run); err != nil {
		t.Fatal(err)
	}
	last := resource.State{web: want}
	r := b.read(last)
	live, ok := r.State[web].(*Container)
	if !ok || difference(want, live) != "id_base:  -> 524288\n" || r.Status[web] != "active, its spec is lost" {
		t.Fatalf("reading %v, status %q", r.State, r.Status[web])
	}
	err := b.Apply(t.Context(), resource.Change{Addr: web, Owner: "shop", Action: resource.Update, Class: resource.Restart,
		Paths: []string{"id_base"}, Want: want, Live: live})
	if err != nil {
		t.Fatal(err)
	}
	b.same(web, want)
}

func TestOthersAreLeftAlone(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	b.systemd.Run = nil
	foreign := host.Transient{Name: Unit(web), Properties: []host.Property{{Name: "ExecStart", Value: []host.Command{{Path: "/bin/x", Args: []string{"/bin/x"}}}}}}
	if err := b.systemd.StartTransient(ctx, foreign); err != nil {
		t.Fatal(err)
	}
	before := b.systemd.String()
	change := resource.Change{Addr: web, Owner: "shop", Action: resource.Create, Want: resolved()}
	problems := b.Check(ctx, []resource.Change{change}, nil)
	if len(problems) < 1 || !strings.Contains(problems[0].Summary, "that is not this configuration's") {
		t.Errorf("problems %v", problems)
	}
	if err := b.Apply(ctx, change); !errors.Is(err, errForeign) {
		t.Errorf("creation over a unit that is not ours: %v", err)
	}
	if err := b.Apply(ctx, resource.Change{Addr: web, Owner: "shop", Action: resource.Delete}); err != nil {
		t.Error(err)
	}
	if names, _ := b.linked(); len(names) > 0 {
		t.Errorf("specs are left: %v", names)
	}
	if after := b.systemd.String(); after != before {
		t.Errorf("the foreign unit was changed:\n%s", after)
	}
}

func TestOtherOwner(t *testing.T) {
	b := newBench(t)
	b.apply(web, resolved())
	r, err := b.Read(t.Context(), "other", nil)
	if err != nil || len(r.State) != 0 {
		t.Errorf("another owner sees %v, %v", r.State, err)
	}
	if len(r.Used[Pool]) != 1 || r.Used[Pool][0].Start != lowRange {
		t.Errorf("used %v", r.Used)
	}
	change := resource.Change{Addr: web, Owner: "other", Action: resource.Create, Want: with(resolved(), func(c *Container) { c.IDBase += RangeSize })}
	if problems := b.Check(t.Context(), []resource.Change{change}, nil); len(problems) < 2 {
		t.Errorf("problems %v", problems)
	}
	if err := b.Apply(t.Context(), change); err == nil {
		t.Error("another owner's container was taken over")
	}
	b.same(web, resolved())
}

func TestReferrersAreNamed(t *testing.T) {
	b := newBench(t)
	db := resource.Addr{Kind: Name, Name: "db"}
	dbSpec := resolved()
	b.apply(db, dbSpec)
	b.apply(web, with(resolved(), func(c *Container) {
		c.IDBase += RangeSize
		c.DependsOn = []resource.Dependency{{To: db}}
	}))
	err := b.change(db, with(dbSpec, func(c *Container) { c.StopSignal = "INT" }))
	if !errors.Is(err, host.ErrUnitHeld) || !strings.Contains(err.Error(), "hostctl-web.service; stop those first") {
		t.Errorf("replacing what another is ordered after: %v", err)
	}
}

func TestSettle(t *testing.T) {
	b := newBench(t)
	want := resolved()
	b.apply(web, want)
	changes := []resource.Change{{Addr: web, Owner: "shop", Action: resource.Create, Want: want}}
	if errs := b.Settle(t.Context(), changes); len(errs) != 0 {
		t.Errorf("settled: %v", errs)
	}
	want = with(want, func(c *Container) { c.Command = []string{"/bin/x"} })
	b.apply(web, want)
	b.systemd.End(Unit(web), 3)
	errs := b.Settle(t.Context(), changes)
	if err := errs[web]; err == nil || err.Error() != "unit hostctl-web.service ended soon after it was started (exit status 3)" {
		t.Errorf("settled: %v", errs)
	}
	b.apply(web, want)
	b.systemd.Restart(t.Context(), Unit(web)) // as systemd does by itself
	if errs := b.Settle(t.Context(), changes); errs[web] == nil || !strings.Contains(errs[web].Error(), "keeps ending") {
		t.Errorf("settled: %v", errs)
	}
}

func TestStartThatFails(t *testing.T) {
	b := newBench(t)
	b.status = 203
	err := b.change(web, resolved())
	var failed *host.JobError
	if !errors.As(err, &failed) || err.Error() != "start unit hostctl-web.service: failed (exit status 203)" {
		t.Errorf("error %v", err)
	}
	if status := b.read(nil).Status[web]; status != "failed, exit status 203" {
		t.Errorf("status %q", status)
	}
	b.status = -1
	b.apply(web, resolved())
	b.same(web, resolved())
}

func TestCheckControllersAndFiles(t *testing.T) {
	b := newBench(t)
	write(t, filepath.Join(b.Cgroups, "cgroup.controllers"), "cpuset\n", 0o644)
	os.Remove(b.Launcher)
	want := with(resolved(), func(c *Container) { c.Rootfs, c.Limits.CPU = filepath.Join(t.TempDir(), "none"), 1 })
	change := resource.Change{Addr: web, Owner: "shop", Action: resource.Create, Want: want}
	var got []string
	for _, p := range b.Check(t.Context(), []resource.Change{change}, nil) {
		got = append(got, p.Path)
		if p.Detail == "" {
			t.Errorf("%s has no remedy", p.Summary)
		}
	}
	if strings.Join(got, " ") != " limits.memory limits.cpu limits.tasks rootfs" {
		t.Errorf("problems at %q", got)
	}
	b.Try = true
	if problems := b.Check(t.Context(), []resource.Change{change}, nil); len(problems) != 2 {
		t.Errorf("on a throwaway host: %v", problems)
	}
	// What nothing holds is no drift there, and status says so.
	b.apply(web, want)
	b.same(web, want)
	if status := b.read(nil).Status[web]; !strings.Contains(status, "no limit on memory, cpu, pids") {
		t.Errorf("status %q", status)
	}
}

// The target of a volume that is yet to be made is looked at all the same.
func TestCheckTargetsOfNewVolumes(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	rootfs := filepath.Join(dir, "rootfs")
	if err := os.MkdirAll(filepath.Join(rootfs, "there"), 0o755); err != nil {
		t.Fatal(err)
	}
	volume := resource.Addr{Kind: "volume", Name: "v"}
	want := with(resolved(), func(c *Container) {
		c.Rootfs = rootfs
		c.Mount = map[string]Mount{}
		for _, target := range []string{"/there", "/nope"} {
			c.Mount[target] = Mount{Volume: volume, Source: filepath.Join(dir, "volume"), ReadOnly: true}
		}
	})
	got := map[string]bool{}
	for _, p := range b.Check(t.Context(), []resource.Change{{Addr: web, Owner: "shop", Action: resource.Create, Want: want}}, nil) {
		got[p.Path] = true
	}
	if got[mountPath("/there")] || !got[mountPath("/nope")] {
		t.Errorf("problems at %v", got)
	}
}

// asked is a systemd that answers for some units' properties, and says where unit files are, otherwise.
type asked struct {
	Systemd
	units      []host.Unit
	properties map[string]map[string]any
	path       []string
}

func (s *asked) List(ctx context.Context, patterns ...string) ([]host.Unit, error) {
	units, err := s.Systemd.List(ctx, patterns...)
	for i, u := range units {
		for _, other := range s.units {
			if u.Name == other.Name {
				units[i] = other
			}
		}
	}
	return units, err
}

func (s *asked) Properties(ctx context.Context, unit string, names ...string) (map[string]any, error) {
	p, err := s.Systemd.Properties(ctx, unit, names...)
	for _, name := range names {
		if v, ok := s.properties[unit][name]; ok && p != nil {
			p[name] = v
		}
	}
	return p, err
}

func (s *asked) UnitPath(context.Context) ([]string, error) { return s.path, nil }

// What systemd is about to start again is not stopped: it has to be told to leave that.
func TestStoppedWhileItRestarts(t *testing.T) {
	b := newBench(t)
	b.apply(web, resolved())
	b.systemd.End(Unit(web), 3)
	b.Systemd = &asked{Systemd: b.Systemd, units: []host.Unit{{Name: Unit(web), LoadState: "loaded", ActiveState: "activating", SubState: "auto-restart"}}}
	r := b.read(nil)
	if live := r.State[web].(*Container); !live.Enabled || !strings.HasPrefix(r.Status[web], "restarting") {
		t.Errorf("enabled %v, %s", live.Enabled, r.Status[web])
	}
	before := b.calls()
	b.apply(web, resolved().enabled(false))
	if got, want := b.since(before), "stop "+Unit(web); got != want {
		t.Errorf("calls %q, want %q", got, want)
	}
}

func (b *bench) problems(c resource.Change) string {
	var out strings.Builder
	for _, p := range b.Check(b.t.Context(), []resource.Change{c}, nil) {
		if p.Path == "" { // what is wrong with the rootfs and the command is not the matter here
			out.WriteString(p.Error() + "\n")
		}
	}
	return out.String()
}

// A slice of the keeper's name that somebody else made is not stopped with what is in it,
// nor is the keeper where others are in it.
func TestForeignKeeper(t *testing.T) {
	ctx := context.Background()
	foreign := host.Transient{Name: Keeper(web), Properties: []host.Property{{Name: "Description", Value: "mine"}}}
	create := resource.Change{Addr: web, Owner: "shop", Action: resource.Create, Want: resolved()}

	b := newBench(t)
	if err := b.systemd.StartTransient(ctx, foreign); err != nil {
		t.Fatal(err)
	}
	before := b.systemd.String()
	if got := b.problems(create); !strings.Contains(got, "a slice "+Keeper(web)+" is there that is not this configuration's") {
		t.Errorf("problems %s", got)
	}
	if err := b.Apply(ctx, create); !errors.Is(err, errForeign) {
		t.Errorf("creation: %v", err)
	}
	if err := b.Apply(ctx, resource.Change{Addr: web, Owner: "shop", Action: resource.Delete}); err != nil {
		t.Error(err)
	}
	if after := b.systemd.String(); after != before {
		t.Errorf("the foreign slice was changed:\n%s", after)
	}

	b = newBench(t)
	b.apply(web, resolved())
	b.Systemd = &asked{Systemd: b.Systemd, properties: map[string]map[string]any{Keeper(web): {"Unit.RequiredBy": []string{"adm.service"}}}}
	before = b.systemd.String()
	if err := b.change(web, nil); err == nil || !strings.Contains(err.Error(), "holds adm.service") {
		t.Errorf("removal of a keeper with others in it: %v", err)
	}
	if after := b.systemd.String(); after != before {
		t.Errorf("something was stopped:\n%s", after)
	}

	b = newBench(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, Keeper(web)), "[Slice]\n", 0o644)
	b.Systemd = &asked{Systemd: b.Systemd, path: []string{dir}}
	if got := b.problems(create); !strings.Contains(got, "the host has a unit file "+dir) {
		t.Errorf("a slice's file: %s", got)
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, Keeper(web))), os.Symlink("/dev/null", filepath.Join(dir, Keeper(web)))); err != nil {
		t.Fatal(err)
	}
	if got := b.problems(create); !strings.Contains(got, "unit "+Keeper(web)+" is masked") {
		t.Errorf("a masked slice: %s", got)
	}
}

// What cannot be read may be this container: it is not said to be gone.
func TestDeletionFailsClosed(t *testing.T) {
	b := newBench(t)
	b.apply(web, resolved())
	_, sum, err := b.Specs.ReadSpec("web")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(b.Specs.Run, "specs", sum+".json"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := b.systemd.String()
	gone := resource.Change{Addr: web, Owner: "shop", Action: resource.Delete}
	if err := b.Apply(t.Context(), gone); err == nil {
		t.Error("a container whose spec cannot be read is gone")
	}
	if names, _ := b.linked(); len(names) != 1 || b.systemd.String() != before {
		t.Errorf("links %v, units\n%s", names, b.systemd)
	}
}

// A drop-in that hides the proof does not make of a running container somebody else's.
func TestHiddenProof(t *testing.T) {
	b := newBench(t)
	b.apply(web, resolved())
	const dropIn = "/etc/systemd/system/hostctl-web.service.d/x.conf"
	s := &asked{Systemd: b.Systemd, properties: map[string]map[string]any{Unit(web): {"Unit.Description": "Mine", "Service.LogExtraFields": [][]byte(nil), "Unit.DropInPaths": []string{dropIn}}}}
	b.Systemd = s
	before := b.systemd.String()
	gone := resource.Change{Addr: web, Owner: "shop", Action: resource.Delete, Last: resolved()}
	if got := b.problems(gone); !strings.Contains(got, dropIn) {
		t.Errorf("the plan does not say it: %s", got)
	}
	if err := b.Apply(t.Context(), gone); err == nil || !strings.Contains(err.Error(), dropIn) {
		t.Errorf("removal: %v", err)
	}
	if names, _ := b.linked(); len(names) != 1 || b.systemd.String() != before {
		t.Errorf("links %v, units\n%s", names, b.systemd)
	}
	delete(s.properties, Unit(web))
	if got := b.problems(gone); got != "" {
		t.Error(got)
	}
	b.apply(web, nil)
	b.nothing()
}

// Who masks a unit means that nobody starts it, hostctl included.
func TestMasked(t *testing.T) {
	b := newBench(t)
	b.apply(web, resolved())
	dir := t.TempDir()
	if err := os.Symlink("/dev/null", filepath.Join(dir, Unit(web))); err != nil {
		t.Fatal(err)
	}
	b.Systemd = &asked{Systemd: b.Systemd, path: []string{"/run/systemd/transient", dir}}
	change := resource.Change{Addr: web, Owner: "shop", Action: resource.Update, Paths: []string{"enabled"}, Want: resolved(), Live: resolved().enabled(false)}
	if got := b.problems(change); !strings.Contains(got, "unit hostctl-web.service is masked") || !strings.Contains(got, "systemctl unmask hostctl-web.service") {
		t.Errorf("problems %s", got)
	}
	change.Want = resolved().enabled(false)
	if got := b.problems(change); got != "" {
		t.Errorf("not to be started: %s", got)
	}
}

// A unit is made anew where the launcher that it starts is gone; where it is only another one, with the next new process.
func TestMovedLauncher(t *testing.T) {
	b := newBench(t)
	want := resolved()
	b.apply(web, want)
	old := b.Launcher
	b.Launcher = filepath.Join(t.TempDir(), LauncherName)
	write(t, b.Launcher, "", 0o755)

	b.same(web, want)
	live := b.read(nil).State[web].(*Container)
	for tagged, class := range map[resource.Class]resource.Class{resource.Live: resource.Live, resource.Reload: resource.Reload, resource.Restart: resource.Replace} {
		if got := want.ChangeClass("command", tagged, live); got != class {
			t.Errorf("a change of class %s is one of %s", tagged, got)
		}
	}

	if err := os.Remove(old); err != nil {
		t.Fatal(err)
	}
	if diff := b.differs(web, want); !strings.Contains(diff, "launcher: ") || !strings.Contains(diff, old) {
		t.Errorf("the launcher is gone, and differs: %q", diff)
	}
	if status := b.read(nil).Status[web]; !strings.Contains(status, "is gone from "+filepath.Dir(old)) {
		t.Errorf("status %q", status)
	}
	b.apply(web, want)
	b.same(web, want)
	if live := b.read(nil).State[web].(*Container); live.Elsewhere {
		t.Error("the new unit starts another launcher")
	}
}

// A unit is stopped before what its container needs of the host.
func TestAfter(t *testing.T) {
	c := resolved()
	long := "/mnt/" + strings.Repeat("-", 80) // a name of more bytes than a unit's has
	c.Mount = map[string]Mount{"/a": {Mountpoint: "/mnt/a b"}, "/b": {}, "/c": {Mountpoint: "/mnt/a b"}, "/d": {Mountpoint: long}}
	c.DependsOn = []resource.Dependency{{To: resource.Addr{Kind: Name, Name: "db"}}}
	want := []string{"hostctl-db.service", `mnt-a\x20b.mount`, "network.target", "nss-user-lookup.target", "remote-fs.target"}
	if got := c.after(); !slices.Equal(got, want) {
		t.Errorf("after %q, want %q", got, want)
	}
}

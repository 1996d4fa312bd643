package container

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hostctl/host"
	"hostctl/host/hosttest"
	"hostctl/resource"
	"hostctl/runtime"
)

// bench is a host in memory, with the files of systemd, the kernel and the launcher in a directory.
type bench struct {
	*Host
	t       testing.TB
	machine *hosttest.Machine
	systemd *hosttest.Systemd
	// delivered counts deliveries of files; failing is what they end with.
	delivered int
	failing   error
	status    int // that every program ends with at once; below 0 it runs on
	helper    int // that every helper ends with at once; 0 is that of the others
}

func newBench(t *testing.T) *bench {
	dir := t.TempDir()
	m := hosttest.New()
	s := hosttest.NewSystemd(m.Faults)
	s.Dir = dir
	b := &bench{t: t, machine: m, systemd: s, status: -1}
	b.Host = NewHost(s, m.Passwd, filepath.Join(dir, LauncherName), false)
	b.settle = 0
	b.Proc, b.Cgroups, b.Units = filepath.Join(dir, "proc"), filepath.Join(dir, "cgroup"), filepath.Join(dir, "units")
	b.Stamps = filepath.Join(dir, "timers")
	b.Specs = runtime.Paths{Run: filepath.Join(dir, "run")}
	write(t, filepath.Join(b.Cgroups, "cgroup.controllers"), "cpu memory pids\n", 0o644)
	write(t, b.Launcher, "", 0o755)
	s.Run = b.launch
	b.Deliver = func(spec runtime.Spec, _ runtime.Record) error {
		b.delivered++
		if err := b.failing; err != nil {
			return err
		}
		return b.show(spec)
	}
	return b
}

// show puts files where the kernel shows a container's root directory.
func (b *bench) show(spec runtime.Spec) error {
	mounts := "1 2 0:1 / / rw - ext4 x rw\n"
	for _, f := range spec.Files {
		content, err := b.Specs.ReadContent(spec.Name, f.Sum)
		if err != nil {
			return err
		}
		inside := filepath.Join(b.Proc, fmt.Sprint(os.Getpid()), "root", f.Target)
		_ = os.Remove(inside)
		write(b.t, inside, string(content), os.FileMode(f.Mode))
		mounts += "3 1 0:2 / " + filepath.Dir(f.Target) + " ro - tmpfs x rw\n"
	}
	if len(spec.Files) > 0 {
		write(b.t, filepath.Join(b.Proc, fmt.Sprint(os.Getpid()), "mountinfo"), mounts, 0o644)
	}
	return nil
}

// launch does what the launcher does that others see: it leaves a record of what it started.
func (b *bench) launch(unit, invocation string) (int, bool) {
	spec, sum, err := b.Specs.ReadSpec(linkOfUnit(unit))
	if err != nil {
		return runtime.ExitConfig, true
	}
	if err := b.show(spec); err != nil {
		return runtime.ExitSetup, true
	}
	write(b.t, filepath.Join(b.Specs.Run, "running", invocation), fmt.Sprintf(
		`{"version":1,"name":%q,"spec":%q,"pid":%d,"start_time":1,"uid":0,"gid":0,"uid_map":[],"gid_map":[]}`,
		NameOfUnit(unit), sum, os.Getpid()), 0o600)
	if IsHelper(unit) && b.helper > 0 {
		return b.helper, true
	}
	return b.status, b.status >= 0
}

func write(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) read(last resource.State) resource.Reading {
	b.t.Helper()
	r, err := b.Read(b.t.Context(), "shop", last)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// differs reads the container back and tells the difference to want.
func (b *bench) differs(addr resource.Addr, want *Container) string {
	b.t.Helper()
	live, ok := b.read(nil).State[addr].(*Container)
	if !ok {
		return "not there"
	}
	return difference(want, live)
}

func (b *bench) same(addr resource.Addr, want *Container) {
	b.t.Helper()
	if diff := b.differs(addr, want); diff != "" {
		b.t.Errorf("what is live differs from what was applied:\n%s", diff)
	}
}

// change carries out what a plan makes of the difference between want and what is live.
func (b *bench) change(addr resource.Addr, want *Container) error {
	b.t.Helper()
	c := resource.Change{Addr: addr, Owner: "shop"}
	live, there := b.read(nil).State[addr].(*Container)
	switch {
	case want == nil:
		if c.Action = resource.Delete; there {
			c.Live = live
		}
		return b.Apply(b.t.Context(), c)
	case !there:
		c.Action, c.Want = resource.Create, want
		return b.Apply(b.t.Context(), c)
	}
	c.Action, c.Want, c.Live = resource.Update, want, live
	byPath := map[string]resource.Leaf{}
	for _, l := range append(resource.Leaves(live), resource.Leaves(want)...) {
		byPath[l.Path] = l
	}
	for line := range strings.Lines(difference(want, live)) {
		path, _, _ := strings.Cut(line, ": ")
		c.Paths = append(c.Paths, path)
		class := byPath[path].Attr.Class
		if i := strings.LastIndex(path, "\"]"); strings.HasPrefix(path, "file[") && live.File[path[len("file[\""):i]].Owner == "" {
			class = resource.Restart // of a block that is new, as a plan counts
		}
		c.Class = max(c.Class, want.ChangeClass(path, class, live))
	}
	if c.Class == resource.None {
		return nil
	}
	if c.Class == resource.Replace {
		gone := resource.Change{Addr: addr, Owner: "shop", Action: resource.Delete, Live: live, Replace: true}
		if err := b.Apply(b.t.Context(), gone); err != nil {
			return err
		}
		c = resource.Change{Addr: addr, Owner: "shop", Action: resource.Create, Want: want, Replace: true}
	}
	return b.Apply(b.t.Context(), c)
}

// orderOther starts other.service, a unit of somebody's that is ordered after the container's.
func (b *bench) orderOther(addr resource.Addr) {
	b.t.Helper()
	other := host.Transient{Name: "other.service", Properties: []host.Property{
		{Name: "ExecStart", Value: []host.Command{{Path: "/bin/x", Args: []string{"/bin/x"}}}}, {Name: "After", Value: []string{Unit(addr)}}}}
	b.systemd.Run = nil
	if err := b.systemd.StartTransient(b.t.Context(), other); err != nil {
		b.t.Fatal(err)
	}
	b.systemd.Run = b.launch
}

func (b *bench) apply(addr resource.Addr, want *Container) {
	b.t.Helper()
	if err := b.change(addr, want); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) calls() string {
	var out []string
	for _, c := range b.machine.Calls() {
		if !strings.HasPrefix(c, "AddSubID") {
			out = append(out, c)
		}
	}
	return strings.Join(out, ", ")
}

func (b *bench) since(before string) string {
	return strings.TrimPrefix(strings.TrimPrefix(b.calls(), before), ", ")
}

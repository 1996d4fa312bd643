package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"sync"

	"hostctl/host"
	"hostctl/resource"
	"hostctl/runtime"
)

// found is one container as it is on the host.
type found struct {
	addr     resource.Addr
	live     *Container
	status   string
	warnings []resource.Problem
	foreign  []resource.Problem // see [resource.Reading]
}

// Read implements resource.Host. What runs is described by the spec that it was
// started with, and then by what systemd and the kernel say; what does not run
// by the spec that its next start takes.
func (h *Host) Read(ctx context.Context, owner string, last resource.State) (resource.Reading, error) {
	reading := resource.Reading{State: resource.State{}, Status: map[resource.Addr]string{}, Used: map[string][]resource.Span{}}
	units, err := h.units(ctx)
	if err != nil {
		return reading, err
	}
	controllers, err := host.Controllers(h.Cgroups)
	if err != nil {
		return reading, err
	}
	names, err := h.linked()
	if err != nil {
		return reading, err
	}
	done, err := h.Specs.DoneNames()
	if err != nil {
		return reading, err
	}
	names = append(names, slices.DeleteFunc(done, func(name string) bool { return slices.Contains(names, name) })...)
	sockets, err := h.named(ctx, socketSuffix)
	if err != nil {
		return reading, err
	}
	timers, err := h.named(ctx, timerSuffix)
	if err != nil {
		return reading, err
	}
	keepers, err := h.named(ctx, keeperSuffix)
	if err != nil {
		return reading, err
	}
	r := &reader{Host: h, owner: owner, last: last, units: units, sockets: sockets, timers: timers, keepers: keepers, controllers: controllers}
	results := make([]*found, len(names))
	errs := make([]error, len(names))
	each(len(names), func(i int) { results[i], errs[i] = r.read(ctx, names[i]) })
	linked := map[string]bool{}
	for i, f := range results {
		linked[names[i]] = true
		if errs[i] != nil {
			err = errors.Join(err, fmt.Errorf("container %s: %w", names[i], errs[i]))
		} else if f != nil {
			err = errors.Join(err, r.helper(ctx, f))
			reading.State[f.addr], reading.Status[f.addr] = f.live, f.status
			reading.Warnings, reading.Foreign = append(reading.Warnings, f.warnings...), append(reading.Foreign, f.foreign...)
		}
	}
	for addr, spec := range last {
		u, loaded := units[Unit(addr)]
		if _, ok := spec.(*Container); !ok || !loaded || linked[addr.HostName()] {
			continue
		}
		f, unlinkedErr := r.unlinked(ctx, addr, spec.(*Container), u)
		err = errors.Join(err, unlinkedErr)
		if f != nil {
			reading.State[f.addr], reading.Status[f.addr] = f.live, f.status
		}
	}
	for _, spec := range reading.State {
		for _, on := range spec.(*Container).DependsOn {
			if to, ok := reading.State[on.To].(*Container); ok {
				to.Referred = true
			}
		}
	}
	beside, foreignErr := r.foreign(ctx, reading.State)
	reading.Foreign, err = append(reading.Foreign, beside...), errors.Join(err, foreignErr)
	used, subErr := h.SubIDs.SubIDs(ctx)
	h.ranges.learn(used)
	for _, s := range used {
		reading.Used[Pool] = append(reading.Used[Pool], resource.Span{Start: s.Start, Size: s.Count})
	}
	return reading, errors.Join(err, subErr)
}

// linked are the names of the containers that have a spec, of every owner.
func (h *Host) linked() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(h.Specs.Run, "containers"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if resource.CheckName(e.Name()) == nil {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func (h *Host) units(ctx context.Context) (map[string]host.Unit, error) {
	list, err := h.Systemd.List(ctx, UnitName("*"))
	if err != nil {
		return nil, err
	}
	units := make(map[string]host.Unit, len(list))
	for _, u := range list {
		if u.LoadState != "not-found" {
			units[u.Name] = u
		}
	}
	return units, nil
}

// named are the units of hostctl's names that are of another type than the containers themselves.
func (h *Host) named(ctx context.Context, suffix string) (map[string]host.Unit, error) {
	list, err := h.Systemd.List(ctx, unitPrefix+"*"+suffix)
	if err != nil {
		return nil, err
	}
	units := make(map[string]host.Unit, len(list))
	for _, u := range list {
		units[u.Name] = u
	}
	return units, nil
}

// each calls f for 0 to n-1, a few at a time: a container is some ten small files of the kernel's.
func each(n int, f func(i int)) {
	workers := min(n, 2*goruntime.GOMAXPROCS(0))
	next := make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// reader reads the containers of one owner.
type reader struct {
	*Host
	owner       string
	last        resource.State
	units       map[string]host.Unit
	sockets     map[string]host.Unit
	timers      map[string]host.Unit
	keepers     map[string]host.Unit // and other slices
	controllers map[string]bool
}

// read finds the container of that name, and whether its unit can still start it; nil where it is another owner's.
func (r *reader) read(ctx context.Context, name string) (*found, error) {
	f, err := r.describe(ctx, name)
	if err != nil || f == nil || f.live == nil {
		return f, err
	}
	if _, loaded := r.units[Unit(f.addr)]; loaded {
		err = errors.Join(r.launcher(ctx, f), r.marked(ctx, f))
	}
	return f, err
}

// launcher finds which program the unit starts the container with. Where it is this hostctl's, as nearly always, the unit's
// file says so, and systemd has not to be asked for each.
func (r *reader) launcher(ctx context.Context, f *found) error {
	unit := Unit(f.addr)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(r.Units), "transient", unit))
	if err == nil && bytes.Contains(text, []byte(`"`+r.Launcher+`"`)) {
		return nil
	}
	p, err := r.Systemd.Properties(ctx, unit, "Service.ExecStart")
	if err != nil || !startsLauncher(p["Service.ExecStart"], f.addr.HostName()) {
		return err // and if it is none of ours, others say so
	}
	path := p["Service.ExecStart"].([][]any)[0][0].(string)
	if path == r.Launcher {
		return nil
	}
	if f.live.Elsewhere = isProgram(path); !f.live.Elsewhere {
		f.live.Launcher = path
		f.status += "; the program that starts it is gone from " + filepath.Dir(path) + ", apply makes its unit anew"
	}
	return nil
}

// isProgram reports whether there is a program that systemd could start.
func isProgram(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}

// describe finds the container of that name; nil where it is another owner's. What the launcher
// holds may be damaged, or another release's: then it is described as far as is known, and
// is to be started anew. An error is one of the host's, and spoils the reading as a whole.
func (r *reader) describe(ctx context.Context, name string) (*found, error) {
	spec, sum, err := r.Specs.ReadSpec(name)
	if errors.Is(err, fs.ErrNotExist) && !r.dangling(name) {
		return r.afterReboot(name) // or removed since it was listed
	}
	if runtime.Passing(err) {
		return nil, err
	}
	if err != nil {
		return r.unreadable(ctx, name, err)
	}
	if spec.Owner != r.owner {
		return nil, nil
	}
	addr, err := resource.ParseAddr(spec.Address)
	if err != nil {
		return r.unreadable(ctx, name, err)
	}
	u, loaded := r.units[Unit(addr)]
	f := &found{addr: addr}
	if c := r.declared(spec); c.Job {
		f.live = c
		return r.job(ctx, f, spec, sum, u, loaded)
	}
	if !loaded || !running(u) {
		f.live = r.declared(spec)
		f.live.Enabled = loaded && restarting(u)
		if err := r.stored(f.live, spec); err != nil {
			return nil, err
		}
		f.status = "stopped"
		if loaded && !f.live.Enabled {
			f.status = r.stopped(ctx, u)
		}
		if !f.live.Enabled {
			return f, nil
		}
		if err := r.proven(ctx, u.Name, f); err != nil || !f.live.Enabled {
			return f, err
		}
		return f, r.again(ctx, u, f)
	}
	record, err := r.Specs.ReadRecord(r.invocation(u.Name))
	if runtime.Passing(err) {
		return nil, err
	}
	if err != nil && u.ActiveState != "activating" {
		// Our launcher did not start it.
		f.live = r.declared(spec)
		f.live.Enabled = true
		if err := r.proven(ctx, u.Name, f); err != nil || !f.live.Enabled {
			return f, err
		}
	}
	next := r.declared(spec)
	f.live = next
	f.status = "running"
	if err != nil && u.ActiveState != "activating" {
		// It is ours, and what it was started with, and as what, is noted no more.
		next.Pending = pendingUnknown
	}
	if record.Spec != "" && record.Spec != sum {
		// A live change moved the link on, or a change whose restart was not made.
		var err error
		if f.live, err = r.begun(record, spec, next, sum); err != nil {
			return nil, err
		}
	}
	f.live.Enabled = true
	switch {
	case f.live.Pending == pendingUnknown:
		f.status += "; what it was started with cannot be read, apply starts it anew"
	case next.Pending == pendingUnknown:
		f.status += "; what its next start takes cannot be read, apply writes it anew"
	}
	if u.ActiveState == "activating" {
		f.status = "starting"
		return f, errors.Join(r.stored(f.live, spec), r.health(ctx, u, f), r.again(ctx, u, f))
	}
	applied := f.live.Limits
	if f.live.Pending == "" {
		// After a live change it is the next start's spec that tells the limits.
		applied = next.Limits
	}
	if err := r.limits(ctx, addr, applied, f); err != nil {
		return nil, err
	}
	if record.PID != 0 {
		f.status = fmt.Sprintf("running, pid %d", record.PID) + f.status[len("running"):]
		if err := r.facts(record, f); err != nil {
			return nil, err
		}
	}
	if r.keepers[Keeper(addr)].ActiveState != "active" {
		f.alter(alteredKeeper, "stopped: once the container stops, systemctl start does not know it", "nothing keeps its unit")
	}
	if err := r.health(ctx, u, f); err != nil {
		return nil, err
	}
	if len(f.live.Listen) > 0 && r.sockets[SocketUnit(addr)].ActiveState != "active" {
		f.live.Listen = nil
		f.status += ", nobody listens for it"
	}
	if len(spec.Files) > 0 {
		if err := r.inside(f, spec, record); err != nil {
			return nil, err
		}
		if f.live.Pending == "" && r.Specs.OwesReload(name, r.invocation(u.Name)) {
			f.live.Pending = pendingReload
			f.status += ", has not been told that its files changed"
		}
	}
	return f, nil
}

// proven makes of a container one that is stopped where the unit of its name is not it.
func (r *reader) proven(ctx context.Context, unit string, f *found) error {
	ours, err := r.ours(ctx, unit, r.owner)
	if err == nil && !ours {
		f.live.Enabled, f.status = false, "stopped; a unit that is not hostctl's has its name"
	}
	return err
}

// unlinked describes a unit whose spec is gone from the store, by what was last
// applied to it. That it lacks its id base makes the next apply start it anew.
func (r *reader) unlinked(ctx context.Context, addr resource.Addr, last *Container, u host.Unit) (*found, error) {
	ours, err := r.ours(ctx, u.Name, r.owner)
	if err != nil || !ours {
		return nil, err
	}
	live := *last
	live.IDBase = 0
	live.Enabled = running(u) || restarting(u)
	return &found{addr: addr, live: &live, status: u.ActiveState + ", its spec is lost"}, nil
}

// running reports whether the program runs or is being started.
func running(u host.Unit) bool {
	switch u.ActiveState {
	case "active", "reloading":
		return true
	case "activating":
		return !restarting(u)
	}
	return false
}

// restarting reports whether the program ended and systemd waits to start it again:
// it does not run, but it is not stopped either.
func restarting(u host.Unit) bool {
	return u.ActiveState == "activating" && (u.SubState == "auto-restart" || u.SubState == "auto-restart-queued")
}

// stopped says why a loaded unit does not run.
func (r *reader) stopped(ctx context.Context, u host.Unit) string {
	how := ""
	if f, err := r.Systemd.Failure(ctx, u.Name, ""); err == nil && (f.Code != "" || u.ActiveState == "failed") {
		how = ", " + f.String()
	}
	switch {
	case u.ActiveState == "failed":
		return "failed" + how
	case u.ActiveState == "deactivating":
		return "stopping"
	}
	return "stopped" + how
}

// invocation is the id of the unit's current run; "" where it has none.
func (h *Host) invocation(unit string) string { return host.Invocation(h.Units, unit) }

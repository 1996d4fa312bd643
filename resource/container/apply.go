package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"hostctl/host"
	"hostctl/resource"
)

// Apply implements resource.Host. The order within it is the one in which a crash
// leaves something that the next reading sees as it is: the range is registered before
// an id of it is used, the spec is in the store before its link, the link before the start.
func (h *Host) Apply(ctx context.Context, change resource.Change) error {
	err := h.among(func() error { return h.apply(ctx, change) })
	if err != nil || change.Action == resource.Create {
		return err
	}
	if change.Action == resource.Delete {
		// The link goes last: it is what a crash before leaves to be found.
		if err = h.alone(func() error { return h.dropSlices(ctx, change.Addr.HostName()) }); err == nil {
			err = h.among(func() error { return h.unlink(change) })
		}
	}
	if err != nil {
		return err
	}
	return h.alone(func() error { return h.prune(ctx) })
}

// among calls f as one of the changes that are in hand at one time.
func (h *Host) among(f func() error) error {
	h.changing.RLock()
	defer h.changing.RUnlock()
	return f()
}

// alone calls f if no other change is in hand; else one of those ends later, and calls what is its like.
func (h *Host) alone(f func() error) error {
	if !h.changing.TryLock() {
		return nil
	}
	defer h.changing.Unlock()
	return f()
}

// prune drops what is left of runs and specs that are over, and with the last container
// the slices that systemd made for them. No other change is in hand.
func (h *Host) prune(ctx context.Context) error {
	links, err := os.ReadDir(h.Units)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	current := map[string]bool{}
	for _, l := range links {
		if unit, ok := strings.CutPrefix(l.Name(), "invocation:"+unitPrefix); ok {
			current[h.invocation(unitPrefix+unit)] = true
		}
	}
	if err := h.Specs.Prune(current); err != nil {
		return err
	}
	return h.dropSlices(ctx, "")
}

// dropSlices drops the slices that systemd made for containers if there is none but
// the one of that name, which is about to go. No other change is in hand.
func (h *Host) dropSlices(ctx context.Context, leaving string) error {
	names, err := h.linked()
	if err != nil || slices.ContainsFunc(names, func(name string) bool { return name != leaving }) {
		return err
	}
	drop := []string{}
	loaded, err := h.Systemd.List(ctx, slicePrefix+"*.slice")
	if err != nil {
		return err
	}
	for _, u := range loaded {
		if name := strings.TrimSuffix(strings.TrimPrefix(u.Name, slicePrefix), ".slice"); checkSlice(name) == nil {
			drop = append(drop, u.Name)
		}
	}
	for _, slice := range append(drop, keeperSlice, Slice) {
		if err := h.dropSlice(ctx, slice); err != nil {
			return err
		}
	}
	return nil
}

// dropSlice stops a slice that systemd made by itself and that nothing is in.
func (h *Host) dropSlice(ctx context.Context, slice string) error {
	loaded, err := h.Systemd.List(ctx, slice)
	if err != nil || len(loaded) == 0 {
		return err
	}
	p, err := h.Systemd.Properties(ctx, slice, "Unit.FragmentPath", "Unit.RequiredBy")
	if err != nil {
		return err
	}
	file, _ := p["Unit.FragmentPath"].(string)
	members, _ := p["Unit.RequiredBy"].([]string)
	if file != "" || len(members) > 0 {
		return nil
	}
	return h.Systemd.Stop(ctx, slice)
}

func (h *Host) apply(ctx context.Context, change resource.Change) error {
	h.forget(change.Addr)
	switch change.Action {
	case resource.Delete:
		return h.delete(ctx, change)
	case resource.Forget:
		return h.release(ctx, change)
	case resource.Adopt:
		return h.adopt(ctx, change)
	}
	want, ok := change.Want.(*Container)
	if !ok {
		return fmt.Errorf("bug: %T is no container", change.Want)
	}
	if err := h.nameIsFree(change); err != nil {
		return err
	}
	err := h.endHelper(ctx, change)
	if err != nil {
		return err
	}
	if want.Enabled && !want.scheduled() && (change.Action == resource.Create || change.Class >= resource.Restart) {
		if err = h.await(ctx, want); err != nil {
			return err
		}
	}
	if change.Action == resource.Create {
		err = h.create(ctx, change, want)
	} else {
		err = h.update(ctx, change, want)
	}
	if err != nil {
		return err
	}
	if want.Enabled && !want.Job {
		h.remember(change.Addr)
	}
	return nil
}

// put makes want what the next start of that link takes: the container's own, or its helper's.
func (h *Host) put(ctx context.Context, addr resource.Addr, owner, link string, want *Container) error {
	if want.IDBase == 0 {
		return errors.New("bug: no range of ids was resolved")
	}
	spec, err := want.launcherSpec(addr, owner)
	if err != nil {
		return err
	}
	if err := h.ranges.add(ctx, h.SubIDs, host.SubID{Name: mark(owner, addr), Start: uint64(want.IDBase), Count: RangeSize}); err != nil {
		return err
	}
	if err := h.putFiles(addr.HostName(), want); err != nil {
		return err
	}
	sum, err := h.Specs.WriteSpec(*spec)
	if err != nil {
		return err
	}
	return h.Specs.Link(link, sum)
}

// errAnothers says that a container's name is that of another one, of whatever configuration.
var errAnothers = errors.New("the name is another's")

// nameIsFree fails where the name's spec is that of another container, with [errAnothers]. Of one that cannot be
// read, the ledger says whose it is.
func (h *Host) nameIsFree(change resource.Change) error {
	spec, _, err := h.Specs.ReadSpec(change.Addr.HostName())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil && change.Last != nil:
		return nil
	case err != nil:
		return err
	case spec.Owner != change.Owner || spec.Address != change.Addr.String():
		return fmt.Errorf("%w: that of %s of configuration %q", errAnothers, spec.Address, spec.Owner)
	}
	return nil
}

func (h *Host) create(ctx context.Context, change resource.Change, want *Container) error {
	if err := h.inherit(ctx, change, want); err != nil {
		return err
	}
	if err := h.put(ctx, change.Addr, change.Owner, change.Addr.HostName(), want); err != nil {
		return err
	}
	if ran, err := h.hasRun(change, want); ran || err != nil {
		return errors.Join(err, h.Specs.CarryDone(change.Addr.HostName()))
	}
	var err error
	if want.Enabled {
		if err = h.start(ctx, change, want); !errors.Is(err, host.ErrUnitExists) {
			return err
		}
	}
	// A creation that was cut off, or a unit that something held when it was deleted. It may
	// have been made for another spec: only a new one is sure to be as wanted.
	if err = h.keeps(ctx, change.Addr); err == nil {
		err = h.remove(ctx, change)
	}
	switch {
	case errors.Is(err, errForeign):
		return errors.Join(err, h.Specs.Unlink(change.Addr.HostName()))
	case err != nil:
		return h.held(ctx, change.Addr, err)
	case want.Enabled:
		return h.start(ctx, change, want)
	}
	return nil
}

func (h *Host) start(ctx context.Context, change resource.Change, want *Container) error {
	unit, err := want.transient(change.Addr, change.Owner, h.Launcher)
	if err != nil {
		return err
	}
	if want.scheduled() {
		return h.Systemd.StartTransient(ctx, want.timer(change.Addr, change.Owner), unit)
	}
	others := []host.Transient{keeper(change.Addr)}
	if len(want.Listen) > 0 {
		others = append(others, want.socket(change.Addr, change.Owner))
	}
	return keyless(want, h.deaf(ctx, want, change.Addr, h.Systemd.StartTransient(ctx, unit, others...)))
}

func (h *Host) update(ctx context.Context, change resource.Change, want *Container) error {
	loaded, err := h.loaded(ctx, change)
	if err != nil {
		return err
	}
	if loaded && want.Update == startFirst && h.restarts(change, want) {
		return h.startFirst(ctx, change, want)
	}
	return h.stopFirst(ctx, change, want, loaded)
}

// restarts reports whether an update needs a new process.
func (h *Host) restarts(change resource.Change, want *Container) bool {
	return want.Enabled && (change.Class == resource.Restart || h.astray(change, want))
}

// stopFirst updates a container in its own unit, whose process ends before the new one is started where it needs one.
func (h *Host) stopFirst(ctx context.Context, change resource.Change, want *Container, loaded bool) error {
	unit := Unit(change.Addr)
	done := want.Job && h.isDone(change.Addr.HostName())
	if err := h.put(ctx, change.Addr, change.Owner, change.Addr.HostName(), want); err != nil {
		return err
	}
	switch {
	case want.Job && change.Class < resource.Replace:
		return h.updateJob(ctx, change, want, loaded, done)
	case !loaded && want.Enabled:
		return h.start(ctx, change, want)
	case !loaded:
		return nil
	case change.Class >= resource.Replace:
		return errors.New("bug: a replacement came as an update")
	}
	if slices.ContainsFunc(change.Paths, func(p string) bool { return strings.HasPrefix(p, "limits.") }) {
		if err := h.Systemd.SetProperties(ctx, unit, want.Limits.properties(change.Live.(*Container).Limits)); err != nil {
			return err
		}
	}
	if slices.Contains(change.Paths, alteredPath(alteredKeeper)) {
		if err := h.keep(ctx, change.Addr); err != nil {
			return err
		}
	}
	switch turned := slices.Contains(change.Paths, "enabled"); {
	case turned && !want.Enabled:
		if len(want.Listen) > 0 { // else the next connection starts it
			if err := h.Systemd.Stop(ctx, SocketUnit(change.Addr)); err != nil {
				return err
			}
		}
		return h.Systemd.Stop(ctx, unit)
	case h.restarts(change, want):
		return keyless(want, h.deaf(ctx, want, change.Addr, h.Systemd.Restart(ctx, unit)))
	case turned:
		return keyless(want, h.deaf(ctx, want, change.Addr, h.Systemd.Start(ctx, unit)))
	case want.Enabled:
		return h.deliver(ctx, change, want)
	}
	return nil
}

func (h *Host) delete(ctx context.Context, change resource.Change) error {
	switch err := h.nameIsFree(change); {
	case errors.Is(err, errAnothers):
		return nil // it is no more
	case err != nil:
		return err
	}
	if err := h.endHelper(ctx, change); err != nil {
		return err
	}
	switch err := h.remove(ctx, change); {
	case err == nil:
	case errors.Is(err, errForeign):
		return h.hidden(ctx, Unit(change.Addr))
	case errors.Is(err, host.ErrUnitHeld) && !change.Replace:
		// A stopped unit that somebody else refers to is nobody's trouble, unless it is to be made anew.
	default:
		return h.held(ctx, change.Addr, err)
	}
	return nil
}

func (h *Host) unlink(change resource.Change) error {
	switch err := h.nameIsFree(change); {
	case errors.Is(err, errAnothers):
		return nil
	case err != nil:
		return err
	}
	if !change.Replace { // made anew, a job that was run has been run all the same
		if err := h.forgetJob(change); err != nil {
			return err
		}
	}
	return h.Specs.Unlink(change.Addr.HostName())
}

// remove stops the unit and waits until systemd has dropped it. What could start it goes first. The keeper goes when it is stopped: the
// start of one that systemd is about to start again would start the keeper too. That it is stopped once more lets systemd drop both.
func (h *Host) remove(ctx context.Context, change resource.Change) error {
	loaded, err := h.loaded(ctx, change)
	if err != nil {
		return err
	}
	var units []string
	switch ticks, err := h.ticks(ctx, change.Addr, change.Owner); {
	case err == nil && ticks:
		units = append(units, TimerUnit(change.Addr))
	case err != nil && !errors.Is(err, errForeign):
		return err
	}
	switch listens, err := h.listens(ctx, change.Addr, change.Owner); {
	case err == nil && listens:
		units = append(units, SocketUnit(change.Addr))
	case err != nil && !errors.Is(err, errForeign):
		return err
	}
	if loaded {
		units = append(units, Unit(change.Addr))
	}
	switch err := h.keeps(ctx, change.Addr); {
	case err == nil && loaded:
		units = append(units, Keeper(change.Addr), Unit(change.Addr))
	case err == nil:
		units = append(units, Keeper(change.Addr))
	case !errors.Is(err, errForeign):
		return err
	}
	return h.Systemd.Remove(ctx, units...)
}

// keeps proves that the slice of the keeper's name, if it is there, is the container's keeper and that
// stopping it stops nothing else. The error is [errForeign] where another made it.
func (h *Host) keeps(ctx context.Context, addr resource.Addr) error {
	name := Keeper(addr)
	p, err := h.Systemd.Properties(ctx, name, "Unit.LoadState", "Unit.ActiveState", "Unit.Transient", "Unit.After", "Unit.RequiredBy")
	if err != nil {
		return err
	}
	transient, _ := p["Unit.Transient"].(bool)
	// A slice that nobody made is loaded by the question alone.
	if p["Unit.LoadState"] == "not-found" || p["Unit.ActiveState"] == "inactive" && !transient {
		return nil
	}
	after, _ := p["Unit.After"].([]string)
	if !transient || !slices.Contains(after, Unit(addr)) {
		return fmt.Errorf("slice %s: %w", name, errForeign)
	}
	// systemd has what is in a slice require it.
	if others, _ := p["Unit.RequiredBy"].([]string); len(others) > 0 {
		return fmt.Errorf("slice %s holds %s, which would end with it; stop those first, or start them elsewhere", name, strings.Join(others, ", "))
	}
	return nil
}

// keep starts the keeper of a loaded container again. systemd has it still as it was made, unless nothing refers to it.
func (h *Host) keep(ctx context.Context, addr resource.Addr) error {
	if err := h.keeps(ctx, addr); err != nil {
		return err
	}
	if err := h.Systemd.StartTransient(ctx, keeper(addr)); !errors.Is(err, host.ErrUnitExists) {
		return err
	}
	return h.Systemd.Start(ctx, Keeper(addr))
}

// loaded reports whether the container's unit is loaded. A unit of that name that
// is not proven to be this container is an error, and is left alone.
func (h *Host) loaded(ctx context.Context, change resource.Change) (bool, error) {
	unit := Unit(change.Addr)
	p, err := h.Systemd.Properties(ctx, unit, "Unit.LoadState")
	if err != nil {
		return false, err
	}
	if state, _ := p["Unit.LoadState"].(string); state == "not-found" {
		return false, nil
	}
	ours, err := h.ours(ctx, unit, change.Owner)
	if err == nil && !ours {
		err = fmt.Errorf("unit %s: %w", unit, errForeign)
	}
	return true, err
}

// errForeign says that a unit of a container's name is not that container.
var errForeign = errors.New("not made by this configuration, and left alone")

// hidden is an error where a unit that is not proven ours may be it all the same: our launcher
// left a record of what runs in it, or drop-ins of somebody's stand before the proof. Whoever
// took it for another's would leave the container running, and say that it is gone.
func (h *Host) hidden(ctx context.Context, unit string) error {
	p, err := h.Systemd.Properties(ctx, unit, "Unit.DropInPaths", "Unit.Transient", "Unit.LoadState")
	if err != nil {
		return err
	}
	files, _ := p["Unit.DropInPaths"].([]string)
	files = slices.DeleteFunc(slices.Clone(files), func(file string) bool {
		// What properties are set with, also by hostctl, cannot hide anything.
		return strings.HasPrefix(file, "/run/systemd/transient/") || strings.Contains(file, "/systemd/system.control/")
	})
	record, recordErr := h.Specs.ReadRecord(h.invocation(unit))
	runs := recordErr == nil && record.Name == NameOfUnit(unit)
	transient, _ := p["Unit.Transient"].(bool)
	switch {
	case p["Unit.LoadState"] == "masked" && runs:
		return fmt.Errorf("unit %s is masked while it runs, so that nothing proves whose it is; systemctl unmask %s, and apply again", unit, unit)
	case len(files) > 0 && (runs || transient):
		return fmt.Errorf("unit %s is left alone: drop-ins hide whose it is: %s; take them away, run systemctl daemon-reload, and apply again",
			unit, strings.Join(files, ", "))
	case runs:
		return fmt.Errorf("unit %s is left alone: hostctl's launcher started it, and nothing proves any more whose it is; end it with systemctl stop %s, and apply again", unit, unit)
	}
	return nil
}

// held adds to an error that a unit stays loaded who keeps it.
func (h *Host) held(ctx context.Context, addr resource.Addr, err error) error {
	if !errors.Is(err, host.ErrUnitHeld) {
		return err
	}
	p, perr := h.Systemd.Properties(ctx, Unit(addr), "Unit.Before", "Unit.RequiredBy", "Unit.WantedBy", "Unit.BoundBy", "Unit.TriggeredBy")
	if perr != nil {
		return err
	}
	var by []string
	for _, v := range p {
		names, _ := v.([]string)
		by = append(by, names...)
	}
	slices.Sort(by)
	by = slices.DeleteFunc(slices.Compact(by), func(u string) bool { return u == Keeper(addr) || u == "shutdown.target" })
	if len(by) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s; stop those first", err, strings.Join(by, ", "))
}

func (h *Host) remember(addr resource.Addr) {
	id := h.invocation(Unit(addr))
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.started == nil {
		h.started = map[resource.Addr]string{}
	}
	h.started[addr] = id
}

func (h *Host) forget(addr resource.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.started, addr)
}

// Settle implements resource.Settler: what was started is still the same run.
func (h *Host) Settle(ctx context.Context, changes []resource.Change) map[resource.Addr]error {
	failed := map[resource.Addr]error{}
	units, err := h.units(ctx)
	h.mu.Lock()
	started := h.started
	h.started = nil
	h.mu.Unlock()
	for _, c := range changes {
		invocation, ok := started[c.Addr]
		if !ok {
			continue
		}
		if err != nil {
			failed[c.Addr] = err
		} else if e := h.settled(ctx, units[Unit(c.Addr)], Unit(c.Addr), invocation, c.Want.(*Container)); e != nil {
			failed[c.Addr] = e
		}
	}
	return failed
}

// settled says how a unit ended that does not run, or runs anew, since it was started, and of one that runs that it is not well.
func (h *Host) settled(ctx context.Context, u host.Unit, unit, invocation string, want *Container) error {
	if running(u) && h.invocation(unit) == invocation {
		return h.well(ctx, unit, want)
	}
	f, err := h.Systemd.Failure(ctx, unit, invocation)
	if err != nil {
		return err
	}
	what := "ended soon after it was started"
	if u.ActiveState == "active" || u.ActiveState == "activating" {
		what = "keeps ending soon after it is started"
	}
	return &EndedError{Unit: unit, What: what, Failure: f}
}

// EndedError says that a container was started well and did not stay so.
type EndedError struct {
	Unit    string
	What    string
	Failure *host.Failure
}

func (e *EndedError) Error() string {
	s := "unit " + e.Unit + " " + e.What
	if how := e.Failure.String(); how != "" && how != "success" {
		s += " (" + how + ")"
	}
	if e.Failure.LastLine != "" {
		s += ": " + e.Failure.LastLine
	}
	return s
}

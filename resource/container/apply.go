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
	err := h.remark(ctx, change)
	if err == nil {
		err = h.endHelper(ctx, change)
	}
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
	ran, err := h.hasRun(change, want)
	switch {
	case err != nil:
		return err
	case ran:
		return h.Specs.CarryDone(change.Addr.HostName())
	}
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
	loaded, err := h.loaded(ctx, Unit(change.Addr), change.Owner)
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

// stopFirst updates a container in its own unit, or in a new one of that name where it needs one, whose process ends before the new one
// is started where it needs one.
func (h *Host) stopFirst(ctx context.Context, change resource.Change, want *Container, loaded bool) error {
	unit := Unit(change.Addr)
	if loaded && renews(change) { // before the link, which alone says of a unit that does not run what it has
		if err := h.remove(ctx, change); err != nil {
			return h.held(ctx, change.Addr, err)
		}
		loaded = false
	}
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

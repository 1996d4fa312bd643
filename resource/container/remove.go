package container

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hostctl/host"
	"hostctl/resource"
)

func (h *Host) delete(ctx context.Context, change resource.Change) error {
	switch err := h.nameIsFree(change); {
	case errors.Is(err, errAnothers):
		return nil // it is no more
	case err != nil:
		return err
	}
	if err := h.remark(ctx, change); err != nil {
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
	loaded, err := h.loaded(ctx, Unit(change.Addr), change.Owner)
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

// loaded reports whether a container's unit, or its helper's, is loaded. A unit of that name that
// is not proven to be the owner's is an error, and is left alone.
func (h *Host) loaded(ctx context.Context, unit, owner string) (bool, error) {
	p, err := h.Systemd.Properties(ctx, unit, "Unit.LoadState")
	if err != nil {
		return false, err
	}
	if state, _ := p["Unit.LoadState"].(string); state == "not-found" {
		return false, nil
	}
	ours, err := h.ours(ctx, unit, owner)
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
	by, byErr := h.holders(ctx, addr)
	if byErr != nil || len(by) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s; stop those first", err, strings.Join(by, ", "))
}

// holders are the units that refer to the container's, beside its keeper. One that is to come before it is not among them: systemd does not tell
// it from what the container is ordered after itself.
func (h *Host) holders(ctx context.Context, addr resource.Addr) (by []string, err error) {
	p, err := h.Systemd.Properties(ctx, Unit(addr), "Unit.Before", "Unit.RequiredBy", "Unit.WantedBy", "Unit.BoundBy", "Unit.TriggeredBy",
		"Unit.ConsistsOf", "Unit.RequisiteOf", "Unit.UpheldBy", "Unit.ConflictedBy", "Unit.OnFailureOf", "Unit.OnSuccessOf",
		"Unit.ReloadPropagatedFrom", "Unit.StopPropagatedFrom")
	for _, v := range p {
		names, _ := v.([]string)
		by = append(by, names...)
	}
	slices.Sort(by)
	return slices.DeleteFunc(slices.Compact(by), func(u string) bool { return u == Keeper(addr) || u == "shutdown.target" }), err
}

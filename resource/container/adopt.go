package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"hostctl/host"
	"hostctl/resource"
	"hostctl/runtime"
)

// adopt makes the container another configuration's: its units, its range of ids, what its next start takes, and at last the note of
// a job's run. Cut off between, neither configuration can change it: whose the unit, the spec and the note are must be one.
// The program is not touched: its namespaces know no owner. A timer may start it at any moment, with the old spec or the new one,
// which differ in the owner alone.
func (h *Host) adopt(ctx context.Context, change resource.Change) error {
	name := change.Addr.HostName()
	spec, err := h.adoptable(change)
	if err != nil {
		return err
	}
	former := change
	former.Owner = change.Former
	if err := h.endHelper(ctx, former); err != nil { // what an update that was cut off left
		return err
	}
	if err := h.adoptUnits(ctx, change); err != nil {
		return err
	}
	if want, ok := change.Want.(*Container); ok && want.IDBase != 0 {
		if err := h.SubIDs.MoveSubID(ctx, mark(change.Former, change.Addr),
			host.SubID{Name: mark(change.Owner, change.Addr), Start: uint64(want.IDBase), Count: RangeSize}); err != nil {
			return err
		}
	}
	if spec != nil && spec.Owner != change.Owner {
		spec.Owner = change.Owner
		sum, err := h.Specs.WriteSpec(*spec)
		if err != nil {
			return err
		}
		if err := h.Specs.Link(name, sum); err != nil {
			return err
		}
	}
	if err := h.notesItself(ctx, change); err != nil {
		return err
	}
	return h.Specs.GiveDone(name, change.Former, change.Owner)
}

// notesItself fails where a job runs that will note its end as the former owner's. It is asked when the link is the new owner's: no run
// that begins later does. One that a timer starts notes nothing.
func (h *Host) notesItself(ctx context.Context, change resource.Change) error {
	if c, ok := change.Want.(*Container); !ok || !c.Job || c.scheduled() {
		return nil
	}
	unit, name := Unit(change.Addr), change.Addr.HostName()
	p, err := h.Systemd.Properties(ctx, unit, "Unit.ActiveState")
	if err != nil || p["Unit.ActiveState"] != "activating" {
		return err
	}
	if ours, err := h.ours(ctx, unit, change.Owner); err != nil || !ours {
		return err
	}
	record, recordErr := h.Specs.ReadRecord(h.invocation(unit))
	next, linkErr := h.Specs.Linked(name)
	if recordErr == nil && linkErr == nil && record.Spec == next {
		return nil
	}
	return fmt.Errorf("the job runs, and will note its end as one of configuration %q; wait for it (hostctl logs -f %s) and adopt again", change.Former, name)
}

// adoptable returns what the container's next start takes, nil where there is nothing or it cannot be read; the ledger
// says then whose it is. The error is [errAnothers] where it is neither configuration's.
func (h *Host) adoptable(change resource.Change) (*runtime.Spec, error) {
	spec, _, err := h.Specs.ReadSpec(change.Addr.HostName())
	switch {
	case errors.As(err, new(*runtime.VersionError)):
		return nil, fmt.Errorf("%w; adopt with the hostctl that started it", err)
	case errors.Is(err, fs.ErrNotExist), err != nil && change.Last != nil:
		return nil, nil
	case err != nil:
		return nil, err
	case spec.Owner != change.Former && spec.Owner != change.Owner || spec.Address != change.Addr.String():
		return nil, fmt.Errorf("%w: that of %s of configuration %q", errAnothers, spec.Address, spec.Owner)
	}
	return &spec, nil
}

// adoptUnits gives those units of the container's names the new owner's description that are the old one's. Others are left alone.
func (h *Host) adoptUnits(ctx context.Context, change resource.Change) error {
	unit := Unit(change.Addr)
	p, err := h.Systemd.Properties(ctx, unit, "Unit.LoadState")
	if err != nil {
		return err
	}
	if p["Unit.LoadState"] != "not-found" {
		of, err := h.unitOwner(ctx, unit)
		if err != nil {
			return err
		}
		if ticks, err := h.ticks(ctx, change.Addr, of); err == nil && ticks && of == change.Former {
			if err := h.Systemd.SetProperties(ctx, TimerUnit(change.Addr), []host.Property{describe(timerTitle, change.Addr, change.Owner)}); err != nil {
				return err
			}
		}
		if of == change.Former {
			if err := h.Systemd.SetProperties(ctx, unit, []host.Property{describe(unitTitle, change.Addr, change.Owner)}); err != nil {
				return err
			}
		}
	}
	listens, err := h.listens(ctx, change.Addr, change.Former)
	switch {
	case errors.Is(err, errForeign):
		return nil // the new owner's already, or another's
	case err != nil || !listens:
		return err
	}
	return h.Systemd.SetProperties(ctx, SocketUnit(change.Addr), []host.Property{describe(socketTitle, change.Addr, change.Owner)})
}

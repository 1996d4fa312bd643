package container

import (
	"context"

	"hostctl/host"
	"hostctl/resource"
)

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

// remember notes the run that a change has started, for Settle.
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

package apply

import (
	"maps"
	"slices"
	"time"

	"hostctl/resource"
)

// What an administrator wants of a resource for a while, whatever is declared. The ledger remembers it.

// Stop says who stopped a resource on purpose, when and why.
type Stop struct {
	By  string    `json:"by"`
	At  time.Time `json:"at"`
	Why string    `json:"why,omitempty"`
}

// Hold says who wants a resource left exactly as it is, since when, until when and why.
type Hold struct {
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	Until time.Time `json:"until"`
	Why   string    `json:"why,omitempty"`
}

// Stopped are the resources of the configuration that an administrator stopped on purpose.
func (o *Observation) Stopped() map[resource.Addr]Stop {
	if record := o.Ledger.Owners[o.Owner]; record != nil {
		return record.Stopped
	}
	return nil
}

// Held are the holds that are in force now, and Ended those that nobody has dropped since they ended.
func (o *Observation) Held(now time.Time) (held, ended map[resource.Addr]Hold) {
	held, ended = map[resource.Addr]Hold{}, map[resource.Addr]Hold{}
	if record := o.Ledger.Owners[o.Owner]; record != nil {
		for addr, h := range record.Held {
			if now.Before(h.Until) {
				held[addr] = h
			} else {
				ended[addr] = h
			}
		}
	}
	return held, ended
}

// HeldAddrs are the addresses of what is held now, in order.
func (o *Observation) HeldAddrs(now time.Time) []resource.Addr {
	held, _ := o.Held(now)
	return slices.SortedFunc(maps.Keys(held), resource.Addr.Compare)
}

// stop returns a state with what was stopped on purpose stopped.
func stop(kinds resource.Kinds, state resource.State, stopped map[resource.Addr]Stop) resource.State {
	out := maps.Clone(state)
	for addr := range stopped {
		kind, _ := kinds.Lookup(addr.Kind)
		if spec, ok := out[addr]; ok && kind.Stopped != nil {
			out[addr] = kind.Stopped(spec)
		}
	}
	return out
}

// Applied is what was last applied, with what an administrator wants of it now: what was stopped stopped.
func (o *Observation) Applied(kinds resource.Kinds) resource.State {
	return stop(kinds, o.Last, o.Stopped())
}

// dropEnded forgets the holds that have ended, and reports whether there were any.
func (o *Owner) dropEnded(now time.Time) bool {
	before := len(o.Held)
	maps.DeleteFunc(o.Held, func(_ resource.Addr, h Hold) bool { return !now.Before(h.Until) })
	return len(o.Held) != before
}

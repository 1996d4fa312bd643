package apply

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"hostctl/resource"
)

// Machine is one host as the engine sees it: the kinds, the effects half of
// each, and where the ledger lies.
type Machine struct {
	Kinds resource.Kinds
	// Hosts holds the effects half of each kind by the kind's name.
	Hosts map[string]resource.Host
	// ID is the machine's identity (machine-id(5)).
	ID string
	// LedgerPath is the ledger's file.
	LedgerPath string
}

// Observation is all that a plan needs of the host, at one moment.
type Observation struct {
	Owner string
	// Ledger is the whole ledger, of every configuration; LedgerLost says that the
	// file is missing although the host carries objects of Owner.
	Ledger     *Ledger
	LedgerLost bool
	// Last is what the ledger holds of Owner, Live what the host does.
	Last resource.State
	Live resource.State
	// Status says how each live resource is, in a few words for people.
	Status map[resource.Addr]string
	// Used are the spans of each pool that the host has in use.
	Used map[string][]resource.Span
}

// Observe reads the ledger and, of every kind at once, the live state of owner.
func (m *Machine) Observe(ctx context.Context, owner string) (*Observation, error) {
	ledger, found, err := ReadLedger(m.LedgerPath, m.ID, m.Kinds)
	if err != nil {
		return nil, err
	}
	o := &Observation{
		Owner: owner, Ledger: ledger, Last: resource.State{}, Live: resource.State{},
		Status: map[resource.Addr]string{}, Used: map[string][]resource.Span{},
	}
	if record := ledger.Owners[owner]; record != nil {
		o.Last = maps.Clone(record.Last)
	}
	readings := make([]resource.Reading, len(m.Kinds))
	errs := make([]error, len(m.Kinds))
	var wg sync.WaitGroup
	for i, kind := range m.Kinds {
		wg.Go(func() {
			readings[i], errs[i] = m.Hosts[kind.Name].Read(ctx, owner, ofKind(o.Last, kind.Name))
		})
	}
	wg.Wait()
	for i, r := range readings {
		if errs[i] != nil {
			return nil, fmt.Errorf("read the %ss of this host: %w", m.Kinds[i].Name, errs[i])
		}
		maps.Copy(o.Live, r.State)
		maps.Copy(o.Status, r.Status)
		for pool, spans := range r.Used {
			o.Used[pool] = append(o.Used[pool], spans...)
		}
	}
	o.LedgerLost = !found && len(o.Live) > 0
	return o, nil
}

// Resolve completes the wanted specs from this observation, in place: computed
// values are taken from the ledger's grants or given out anew (the second
// result), and a resource that an administrator stopped is wanted stopped.
func (o *Observation) Resolve(kinds resource.Kinds, want resource.State) (resource.State, []resource.Grant, []resource.Problem) {
	r := resource.NewResolver(o.Owner, o.Live, o.Ledger.Grants, o.Used)
	problems := r.Resolve(want)
	for addr := range o.Stopped() {
		kind, _ := kinds.Lookup(addr.Kind)
		if spec, ok := r.Want[addr]; ok && kind.Stopped != nil {
			r.Want[addr] = kind.Stopped(spec)
		}
	}
	return r.Want, r.New, problems
}

// Stopped are the resources of the configuration that an administrator stopped on purpose.
func (o *Observation) Stopped() map[resource.Addr]Stop {
	if record := o.Ledger.Owners[o.Owner]; record != nil {
		return record.Stopped
	}
	return nil
}

// Check asks every kind what would make its changes fail, or touch what is not
// ours. It changes nothing, and reports every problem.
func (m *Machine) Check(ctx context.Context, changes []resource.Change, want resource.State) []resource.Problem {
	var problems []resource.Problem
	for _, kind := range m.Kinds {
		var of []resource.Change
		for _, c := range changes {
			if c.Addr.Kind == kind.Name {
				of = append(of, c)
			}
		}
		if len(of) > 0 {
			problems = append(problems, m.Hosts[kind.Name].Check(ctx, of, want)...)
		}
	}
	return problems
}

func ofKind(s resource.State, kind string) resource.State {
	of := resource.State{}
	for addr, spec := range s {
		if addr.Kind == kind {
			of[addr] = spec
		}
	}
	return of
}

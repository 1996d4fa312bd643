package apply

import (
	"maps"
	"slices"
	"time"

	"hostctl/plan"
	"hostctl/resource"
)

// Pending is a change of a configuration that is undone unless somebody confirms it in time. It is in the ledger before the
// change's first step, so that also one that is cut off is undone.
type Pending struct {
	// Generation is the one that waits.
	Generation uint64
	// Until is when it is undone, by the wall clock: for people.
	Until time.Time
	// Boot and Deadline say the same for hostctl, whatever becomes of that clock: the boot, and the time of monotonic clock_gettime(2) in it.
	Boot     string
	Deadline time.Duration
	// Before is the configuration's record as it was, without a Pending.
	Before *Owner
	// Touched are the addresses that the change does something to, by a step or in the ledger alone, sorted: what an undo is about. nil is all
	// there are, of an older release.
	Touched []resource.Addr
	// Moved are the ways back of what goes by another address.
	Moved []resource.Move
	// Grants are what the configuration had been granted.
	Grants []resource.Grant
}

// Pend returns what undoes the plan, for the generation that carries it out. It comes before the run, which changes the observation's ledger.
func (o *Observation) Pend(generation uint64, p *plan.Plan) *Pending {
	before := *o.Ledger.Owner(o.Owner)
	before.Last, before.Begun = maps.Clone(before.Last), maps.Clone(before.Begun)
	before.Stopped, before.Held, before.Sensitive = maps.Clone(before.Stopped), maps.Clone(before.Held), maps.Clone(before.Sensitive)
	w := &Pending{Generation: generation, Before: &before}
	w.Touch(p)
	for _, m := range p.Moves {
		w.Moved = append(w.Moved, resource.Move{From: m.To.Target(), To: m.From.Target()})
	}
	for _, g := range o.Ledger.Grants {
		if g.Owner == o.Owner {
			w.Grants = append(w.Grants, g)
		}
	}
	return w
}

// Touch adds what a plan does something to: what is referred to by an address that it takes away or gives is another then, be it
// in the ledger's word alone.
func (w *Pending) Touch(p *plan.Plan) {
	touched := map[resource.Addr]bool{}
	for _, s := range p.Steps {
		touched[s.Addr], touched[s.From] = true, true
	}
	for _, m := range p.Moves {
		touched[m.From], touched[m.To] = true, true
	}
	for _, addr := range p.Forget {
		touched[addr] = true
	}
	for _, addr := range p.Record {
		for _, e := range resource.Refs(w.Before.Last[addr]) {
			touched[addr] = touched[addr] || slices.ContainsFunc(p.Moves, func(m plan.Move) bool { return m.From == e.To })
		}
	}
	for _, addr := range w.Touched {
		touched[addr] = true
	}
	maps.DeleteFunc(touched, func(addr resource.Addr, is bool) bool { return !is || addr == resource.Addr{} })
	w.Touched = slices.SortedFunc(maps.Keys(touched), resource.Addr.Compare)
}

// Touches reports whether the change does something to a resource.
func (w *Pending) Touches(addr resource.Addr) bool {
	return w.Touched == nil || slices.Contains(w.Touched, addr)
}

// Undo is what an undo wants, and the addresses that it is about: these are as they were before the change, and all others as they were last
// applied by now. The specs are the ledger's.
func (o *Observation) Undo(w *Pending) (want resource.State, about []resource.Addr) {
	if w.Touched == nil {
		all := maps.Clone(o.Live)
		maps.Copy(all, o.Last)
		maps.Copy(all, w.Before.Last)
		return maps.Clone(w.Before.Last), all.Addrs()
	}
	want = maps.Clone(o.Last)
	for _, addr := range w.Touched {
		if delete(want, addr); w.Before.Last[addr] != nil {
			want[addr] = w.Before.Last[addr]
		}
	}
	return want, w.Touched
}

// Wait makes it be undone in that time from now on, which are what the wall clock and the boot's monotonic clock say.
func (w *Pending) Wait(window time.Duration, wall time.Time, boot string, now time.Duration) {
	w.Until, w.Boot, w.Deadline = wall.Add(window).UTC().Truncate(time.Second), boot, now+window
}

// Left is how long there is until it is to be undone; 0 or less where that is now, and always in another boot.
func (w *Pending) Left(boot string, now time.Duration) time.Duration {
	if boot != w.Boot {
		return 0
	}
	return w.Deadline - now
}

// Pending is what of the configuration waits to be confirmed; nil where nothing does.
func (o *Observation) Pending() *Pending {
	if record := o.Ledger.Owners[o.Owner]; record != nil {
		return record.Pending
	}
	return nil
}

// Recall brings back what the change that waits made the ledger forget: the numbers that were granted, unless another
// configuration has them by now, and what was stopped on purpose and is gone. The ledger is written by the run.
func (o *Observation) Recall() {
	record := o.Ledger.Owner(o.Owner)
	o.Ledger.ahead = true
	for _, g := range record.Pending.Grants {
		if !slices.ContainsFunc(o.Ledger.Grants, func(other resource.Grant) bool {
			return other.Owner != o.Owner && other.Pool == g.Pool && other.Overlaps(g.Span)
		}) {
			o.Ledger.Grant([]resource.Grant{g})
		}
	}
	for addr, stop := range record.Pending.Before.Stopped {
		if record.Last[addr] == nil {
			record.Stopped[addr] = stop
		}
	}
}

// Amend changes the record of a configuration and nothing of the host; where change fails nothing is changed. The caller holds the host's lock.
func (m *Machine) Amend(owner string, change func(*Owner) error) error {
	l, _, err := ReadLedger(m.LedgerPath, m.ID, m.Kinds)
	if err == nil {
		err = l.Unread(owner)
	}
	if err == nil {
		err = change(l.Owner(owner))
	}
	if err != nil {
		return err
	}
	return l.Write(m.LedgerPath)
}

type pendingFile struct {
	Generation uint64           `json:"generation"`
	Until      time.Time        `json:"until"`
	Boot       string           `json:"boot_id"`
	Deadline   time.Duration    `json:"deadline_ns"`
	Before     *ownerFile       `json:"before"`
	Touched    []resource.Addr  `json:"touched,omitempty"`
	Moved      []resource.Move  `json:"moved,omitempty"`
	Grants     []resource.Grant `json:"grants,omitempty"`
}

func (e encoder) pending(w *Pending) (*pendingFile, error) {
	if w == nil {
		return nil, nil
	}
	before, err := e.owner(w.Before)
	return &pendingFile{w.Generation, w.Until, w.Boot, w.Deadline, before, w.Touched, w.Moved, w.Grants}, err
}

func (f *pendingFile) decode(kinds resource.Kinds) (*Pending, error) {
	if f == nil {
		return nil, nil
	}
	before := newOwner()
	var err error
	if f.Before != nil {
		before, err = f.Before.decode(kinds)
	}
	return &Pending{f.Generation, f.Until, f.Boot, f.Deadline, before, f.Touched, f.Moved, f.Grants}, err
}

package apply

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"time"

	"hostctl/plan"
	"hostctl/resource"
)

// Return is the way back from a run: what the ledger and the host held of its resources before it. Made by [Machine.Remember].
type Return struct {
	machine *Machine
	plan    *plan.Plan
	before  resource.State // what was last applied, or is live where nobody remembers
	hidden  map[resource.Addr][]string
}

// Remember takes down what a run of the plan may have to return to. It comes before the run, which changes the observation's ledger.
func (m *Machine) Remember(p *plan.Plan, o *Observation) *Return {
	r := &Return{machine: m, plan: p, before: maps.Clone(o.Live), hidden: maps.Clone(o.Hidden())}
	maps.Copy(r.before, o.Last)
	for _, s := range p.Steps {
		if s.From != (resource.Addr{}) && r.before[s.Addr] == nil {
			r.before[s.Addr] = r.before[s.From]
		}
	}
	return r
}

// Undone is what came of a return.
type Undone struct {
	// Plan is what there was to do.
	Plan *plan.Plan
	// Back are the resources that are as they were last applied again, and Gone those that were created and are removed; sorted.
	Back, Gone []resource.Addr
	// Left are those that failed and have nothing to return to: what was wanted of them is what they were. They stay as they are.
	Left []resource.Addr
	// Errs are the errors of Plan's steps, by index.
	Errs map[int]error
}

// Failed reports whether something of the run's failures is still there.
func (u *Undone) Failed() bool { return len(u.Left) > 0 || len(u.Errs) > 0 }

// Do returns the resources of the steps that failed, as errs has them by index, and those that depend on them to what they were before the
// run; all others stay as the run left them. It is a plan and a run like any other, and the ledger is right after it. What a volume holds is
// nobody's to return: it stays.
func (r *Return) Do(ctx context.Context, errs map[int]error, opts Options) (*Undone, error) {
	u := &Undone{}
	affected := r.affected(errs, u)
	if len(affected) == 0 {
		return u, nil
	}
	o, err := r.machine.Observe(ctx, r.plan.Owner)
	if err != nil {
		return u, err
	}
	want, hidden := maps.Clone(r.plan.Want), maps.Clone(opts.Sensitive)
	if want == nil {
		want = resource.State{}
	}
	targets := []resource.Target{}
	for addr := range affected {
		r.restore(want, hidden, addr)
		targets = append(targets, resource.Target{Modules: addr.Modules(), Kind: addr.Kind, Name: addr.Name, Key: addr.Key})
	}
	u.Plan = plan.Make(want, o.Last, o.Live, plan.Options{
		Kinds: r.machine.Kinds, Owner: r.plan.Owner, Targets: targets, Hidden: r.hidden, Held: o.HeldAddrs(time.Now()),
		Directives: resource.Directives{Sensitive: hidden},
	})
	opts.Sensitive, opts.Applied, opts.Removed, opts.Pending = hidden, nil, nil, nil
	u.Errs, err = r.machine.Run(ctx, u.Plan, o, nil, u.Plan.Want, opts)
	for _, addr := range slices.SortedFunc(maps.Keys(affected), resource.Addr.Compare) {
		switch {
		case slices.ContainsFunc(slices.Collect(maps.Keys(u.Errs)), func(i int) bool { return u.Plan.Steps[i].Addr == addr }):
		case want[addr] == nil:
			u.Gone = append(u.Gone, addr)
		default:
			u.Back = append(u.Back, addr)
		}
	}
	return u, err
}

// affected are the resources to return: those of failed steps, of steps that were not begun, and of all steps whose resource refers to
// one of them.
func (r *Return) affected(errs map[int]error, u *Undone) map[resource.Addr]bool {
	affected := map[resource.Addr]bool{}
	for i, err := range errs {
		s := r.plan.Steps[i]
		want := r.plan.Want[s.Addr]
		if !errors.Is(err, errSkipped) && want != nil && reflect.DeepEqual(resource.Leaves(want), resource.Leaves(r.before[s.Addr])) {
			u.Left = append(u.Left, s.Addr)
			continue
		}
		affected[s.Addr] = true
	}
	slices.SortFunc(u.Left, resource.Addr.Compare)
	for more := true; more; {
		more = false
		for _, s := range r.plan.Steps {
			if !affected[s.Addr] && slices.ContainsFunc(resource.Refs(r.plan.Want[s.Addr]), func(e resource.Edge) bool { return affected[e.To] }) {
				affected[s.Addr], more = true, true
			}
		}
	}
	return affected
}

// restore makes want hold what a resource was, and what of that was referred to and is not wanted any more.
func (r *Return) restore(want resource.State, hidden map[resource.Addr][]string, addr resource.Addr) {
	was := r.before[addr]
	if was == nil {
		delete(want, addr)
		return
	}
	want[addr] = was
	if hidden != nil {
		delete(hidden, addr)
		if paths := r.hidden[addr]; len(paths) > 0 {
			hidden[addr] = paths
		}
	}
	for _, e := range resource.Refs(was) {
		if want[e.To] == nil && r.before[e.To] != nil {
			r.restore(want, hidden, e.To)
		}
	}
}

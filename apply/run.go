package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"hostctl/plan"
	"hostctl/resource"
)

// Phase is where a step stands.
type Phase string

// The phases of a step, in order; the last four end it.
const (
	Started   Phase = "started"
	Done      Phase = "done"
	Failed    Phase = "failed"
	Skipped   Phase = "skipped"   // something it depends on failed
	Unsettled Phase = "unsettled" // done, but it did not stay so
)

// Event tells that a step entered a phase.
type Event struct {
	Phase   Phase
	Step    int // the index in the plan's steps
	Change  resource.Change
	Elapsed time.Duration
	Err     error // for Failed, Skipped and Unsettled
}

// Options steer a run.
type Options struct {
	// Parallelism is how many steps run at once; at least 1.
	Parallelism int
	// Settle is how long to wait after the last step before looking again; 0 does not look.
	Settle time.Duration
	// Sensitive are the paths, by resource, whose values come from sensitive
	// variables, for the ledger to remember; nil leaves what it remembers.
	Sensitive map[resource.Addr][]string
	// Removed are the addresses that removed blocks name: what those were granted is free again, even
	// where nothing is left of them but that.
	Removed []resource.Target
	// Replay says that the host lost what is made again: that is done by the ledger's word alone, also of what is half adopted.
	Replay bool
	// AtBoot says that the host's clock may not be set yet, so that no hold is taken for ended.
	AtBoot bool
	// Applied is what the ledger remembers of this run where it has something to do; nil leaves what it remembers.
	Applied *Applied
	// Pending is written into the ledger before the first step; nil leaves what is there.
	Pending *Pending
	// Unwritten says that the steps are carried out also where the ledger cannot be written before them: after a boot, where nothing
	// runs without them, and what they put back is what the ledger says already; and where somebody starts or stops one program by
	// hand. That it could not be is an error still.
	Unwritten bool
	// Event is told of each event, one at a time; nil ignores them.
	Event func(Event)
}

// Run carries out the plan's steps and keeps the ledger as it goes. It goes on
// with what does not depend on a failure, and returns the error of each step
// that failed, was skipped, or did not settle, by its index. When ctx ends no
// further step begins; those in hand are carried through.
//
// The caller holds the host's lock. The ledger is written before the first step,
// so that a host that cannot remember is not changed but with Unwritten, and then as often as a
// write can end; the last write is before Run returns, and its error is Run's, beside those of the steps. A plan that is refused is
// not carried out at all.
func (m *Machine) Run(ctx context.Context, p *plan.Plan, o *Observation, grants []resource.Grant, want resource.State, opts Options) (map[int]error, error) {
	if len(p.Refused) > 0 {
		return nil, fmt.Errorf("the plan is refused: %w", p.Refused[0])
	}
	if p.Former == "" && !opts.Replay && !letsGo(p) {
		if err := o.Ledger.HalfAdopted(o.Owner); err != nil {
			return nil, err
		}
	}
	record := o.Ledger.Owner(o.Owner)
	dirty := o.Ledger.note(o.Owner, p, grants, want, opts.Sensitive)
	if p.LeftOut == 0 && o.Ledger.release(o, want, opts.Removed) {
		dirty = true
	}
	dirty = m.begin(ctx, record, p) || o.Ledger.ahead || dirty
	if !opts.Replay && !opts.AtBoot { // where the clock may not be set yet, and what it would drop is dropped for ever
		dirty = record.dropEnded(time.Now()) || dirty
	}
	dirty = o.Ledger.Readable() || dirty
	if len(p.Steps) == 0 && !dirty {
		return nil, nil
	}
	if opts.Applied != nil {
		record.Applied = opts.Applied
	}
	if opts.Pending != nil {
		record.Pending = opts.Pending
	}
	ledgerErr := o.Ledger.Write(m.LedgerPath)
	if ledgerErr != nil && (!opts.Unwritten || errors.Is(ledgerErr, ErrLedgerTaken)) {
		return nil, ledgerErr
	}
	r := &run{machine: m, steps: p.Steps, opts: opts, dirty: make(chan struct{}, 1), ended: make(chan struct{}), errs: map[int]error{}, ledgerErr: ledgerErr, ledger: o.Ledger, record: record}
	var writer sync.WaitGroup
	ctx, r.stop = context.WithCancelCause(ctx)
	defer r.stop(nil)
	writer.Go(r.keep)
	r.all(ctx)
	close(r.ended)
	close(r.dirty)
	writer.Wait()
	r.settle(context.WithoutCancel(ctx))
	return r.errs, r.ledgerErr
}

// letsGo reports whether a plan does nothing but let resources go, which also an adoption that was cut off allows, see [Machine.LetGo].
func letsGo(p *plan.Plan) bool {
	return len(p.Steps)+len(p.Forget) > 0 && len(p.Record) == 0 &&
		!slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Action != resource.Forget })
}

// note records what needs no step: the grants, what is as wanted already, what
// is gone already, and what goes by another address. It reports whether the ledger changed.
func (l *Ledger) note(owner string, p *plan.Plan, grants []resource.Grant, want resource.State, sensitive map[resource.Addr][]string) bool {
	record := l.Owner(owner)
	changed := l.move(owner, p.Moves)
	before := slices.Clone(l.Grants)
	l.Grant(grants)
	changed = changed || !slices.Equal(before, l.Grants)
	stepped := map[resource.Addr]bool{}
	for _, s := range p.Steps {
		stepped[s.Addr], stepped[s.From] = true, true
	}
	for _, m := range p.Moves {
		if last := record.Last[m.From]; last != nil && !stepped[m.From] { // the step was done, and the ledger not told
			record.Last[m.To] = last
			record.hide(m.To, record.Sensitive[m.From])
			record.set(m.From, nil)
			changed = true
		}
	}
	for _, addr := range p.Record {
		record.set(addr, want[addr])
	}
	for _, addr := range p.Forget {
		record.set(addr, nil)
	}
	if sensitive != nil && p.LeftOut == 0 {
		for addr := range record.Last {
			if !stepped[addr] && !slices.Equal(record.Sensitive[addr], sensitive[addr]) {
				record.hide(addr, sensitive[addr])
				changed = true
			}
		}
	}
	return changed || len(p.Record)+len(p.Forget) > 0
}

// begin records which creations can leave something if they are killed, and removes
// what those of before left that are not made again now: what cannot be removed is tried again by
// the next run. It reports whether the record changed.
func (m *Machine) begin(ctx context.Context, record *Owner, p *plan.Plan) bool {
	changed, now := false, map[resource.Addr]bool{}
	for _, s := range p.Steps {
		if _, ok := m.Hosts[s.Addr.Kind].(resource.Sweeper); ok && s.Action == resource.Create {
			if record.Begun == nil {
				record.Begun = resource.State{}
			}
			record.Begun[s.Addr], now[s.Addr], changed = s.Want, true, true
		}
	}
	for addr, spec := range record.Begun {
		host, ok := m.Hosts[addr.Kind].(resource.Sweeper)
		if !now[addr] && (!ok || host.Sweep(ctx, spec) == nil) {
			delete(record.Begun, addr)
			changed = true
		}
	}
	return changed
}

// release takes back what was granted to resources that removed blocks name and that
// are neither wanted nor there. It reports whether there was such.
func (l *Ledger) release(o *Observation, want resource.State, removed []resource.Target) bool {
	before := len(l.Grants)
	l.Grants = slices.DeleteFunc(l.Grants, func(g resource.Grant) bool {
		return g.Owner == o.Owner && want[g.Addr] == nil && o.Live[g.Addr] == nil &&
			slices.ContainsFunc(removed, func(t resource.Target) bool { return t.Covers(g.Addr) })
	})
	return len(l.Grants) != before
}

// set makes the record hold what was applied; nil forgets the resource.
func (o *Owner) set(addr resource.Addr, applied resource.Spec) {
	delete(o.Begun, addr)
	if applied == nil {
		delete(o.Last, addr)
		delete(o.Stopped, addr)
		delete(o.Held, addr)
		delete(o.Sensitive, addr)
		return
	}
	o.Last[addr] = applied
}

// hide makes the record hold which values of a resource are sensitive.
func (o *Owner) hide(addr resource.Addr, paths []string) {
	if len(paths) == 0 {
		delete(o.Sensitive, addr)
		return
	}
	o.Sensitive[addr] = paths
}

// run is one run in progress. mu guards what stands below it.
type run struct {
	machine   *Machine
	steps     []plan.Step
	opts      Options
	dirty     chan struct{} // holds one when the record changed since the last write began
	ended     chan struct{} // closed after the last step
	stop      func(error)   // lets no further step begin
	ledgerErr error         // of the last write, read after the writer ended

	mu     sync.Mutex
	errs   map[int]error
	ledger *Ledger
	record *Owner
}

// all runs the steps, each as soon as those it comes after have ended.
func (r *run) all(ctx context.Context) {
	waits := make([]int, len(r.steps))
	then := make([][]int, len(r.steps))
	ready := make(chan int, len(r.steps))
	for i, s := range r.steps {
		waits[i] = len(s.After)
		for _, j := range s.After {
			then[j] = append(then[j], i)
		}
		if waits[i] == 0 {
			ready <- i
		}
	}
	ended := make(chan int)
	slots := make(chan struct{}, max(1, r.opts.Parallelism))
	for left := len(r.steps); left > 0; {
		select {
		case i := <-ready:
			go func() {
				slots <- struct{}{}
				r.step(ctx, i)
				<-slots
				ended <- i
			}()
		case i := <-ended:
			left--
			for _, j := range then[i] {
				if waits[j]--; waits[j] == 0 {
					ready <- j
				}
			}
		}
	}
}

func (r *run) step(ctx context.Context, i int) {
	s := r.steps[i]
	if err := r.blocked(ctx, s); err != nil {
		r.end(i, Skipped, 0, err)
		return
	}
	r.event(Event{Phase: Started, Step: i, Change: s.Change})
	begun := time.Now()
	host := r.machine.Hosts[s.Addr.Kind]
	if err := host.Apply(context.WithoutCancel(ctx), s.Change); err != nil {
		r.end(i, Failed, time.Since(begun), fmt.Errorf("%s %s: %w", s.Addr.Kind, s.Addr.HostName(), err))
		return
	}
	r.end(i, Done, time.Since(begun), nil)
}

// errSkipped is the error of a step that was not begun.
var errSkipped = errors.New("not begun")

// blocked says why a step cannot begin; nil where it can.
func (r *run) blocked(ctx context.Context, s plan.Step) error {
	if ctx.Err() != nil {
		if why := context.Cause(ctx); why != ctx.Err() {
			return fmt.Errorf("%w: %w", errSkipped, why)
		}
		return fmt.Errorf("%w: interrupted", errSkipped)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, j := range s.After {
		if r.errs[j] != nil {
			return fmt.Errorf("%w: it comes after %s", errSkipped, r.steps[j].Addr)
		}
	}
	return nil
}

func (r *run) end(i int, phase Phase, elapsed time.Duration, err error) {
	s := r.steps[i]
	r.mu.Lock()
	if err != nil {
		r.errs[i] = err
	} else {
		r.remember(s.Change)
	}
	r.mu.Unlock()
	r.event(Event{Phase: phase, Step: i, Change: s.Change, Elapsed: elapsed, Err: err})
	if err != nil {
		return
	}
	select {
	case r.dirty <- struct{}{}:
	default: // a write that has not begun will hold this step too
	}
}

func (r *run) remember(c resource.Change) {
	if c.Action == resource.Delete && c.Replace {
		return // its creation follows, and until then it is still ours to restore
	}
	if c.Action == resource.Adopt {
		r.ledger.hand(c)
		return
	}
	r.record.set(c.Addr, c.Want)
	if c.From != (resource.Addr{}) {
		r.record.set(c.From, nil)
	}
	switch {
	case c.Action == resource.Forget:
		r.ledger.Grants = slices.DeleteFunc(r.ledger.Grants, func(g resource.Grant) bool { return g.Owner == c.Owner && g.Addr == c.Addr })
	case c.Want != nil && r.opts.Sensitive != nil:
		r.record.hide(c.Addr, r.opts.Sensitive[c.Addr])
	}
}

func (r *run) event(e Event) {
	if r.opts.Event == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opts.Event(e)
}

// writePause is how long steps that end are gathered for one write of the ledger.
const writePause = 50 * time.Millisecond

// keep writes the ledger whenever the record changed since the last write began,
// until dirty is closed. Steps do not wait for it: a step whose record is lost
// in a crash is found by its mark on the host.
func (r *run) keep() {
	for range r.dirty {
		select {
		case <-r.ended:
		case <-time.After(writePause):
		}
		r.mu.Lock()
		data, err := r.ledger.encode()
		r.mu.Unlock()
		if err != nil {
			err = fmt.Errorf("ledger: %w", err)
		} else if err = r.ledger.replace(r.machine.LedgerPath, data); errors.Is(err, ErrLedgerTaken) {
			r.stop(err) // two at once is one too many
		}
		r.ledgerErr = err // a later write holds what an earlier one did not
	}
}

// settle looks again at what was started, when it has had time to fail.
func (r *run) settle(ctx context.Context) {
	changes := map[string][]resource.Change{}
	index := map[resource.Addr]int{}
	for i, s := range r.steps {
		if _, ok := r.machine.Hosts[s.Addr.Kind].(resource.Settler); !ok || s.Want == nil || r.errs[i] != nil {
			continue
		}
		changes[s.Addr.Kind] = append(changes[s.Addr.Kind], s.Change)
		index[s.Addr] = i
	}
	if len(changes) == 0 || r.opts.Settle == 0 {
		return
	}
	time.Sleep(r.opts.Settle)
	for kind, of := range changes {
		for addr, err := range r.machine.Hosts[kind].(resource.Settler).Settle(ctx, of) {
			r.end(index[addr], Unsettled, 0, fmt.Errorf("%s %s: %w", kind, addr.HostName(), err))
		}
	}
}

package apply

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hostctl/plan"
	"hostctl/resource"
)

// A configuration that is given another name owns nothing: all that it made carries the old one. To adopt is to put one mark in
// the place of the other, object by object, and to hand over with each what the ledger holds of it. An object has one mark, so
// that never two own it, and an adoption that was cut off goes on where the marks and the ledger still say the old name.

// Adoption is what one configuration takes over of another.
type Adoption struct {
	// Plan is the work, for [Machine.Run].
	Plan *plan.Plan
	// Seen is what the new owner has; its ledger is the one to run with.
	Seen *Observation
	// Want is all that the new owner has afterwards, as it was last applied; Declared is the same with what an
	// administrator stopped as it would be had he not.
	Want, Declared resource.State
	// Grants are the numbers that were given out anew.
	Grants []resource.Grant
	// Sensitive are the paths of Want's sensitive values.
	Sensitive map[resource.Addr][]string
	// Whole says that the former owner has nothing afterwards.
	Whole bool
}

// Adoption plans that owner takes over what former has on this host: all of it, or the resources at addrs. What stands in its way
// is a list of problems. Where credentials lie the host's policy says of owner.
func (m *Machine) Adoption(ctx context.Context, former, owner string, addrs []resource.Addr, credentials resource.Credentials) (*Adoption, []resource.Problem, error) {
	from, err := m.Observe(ctx, former)
	if err != nil {
		return nil, nil, err
	}
	to, err := m.Observe(ctx, owner)
	if err != nil {
		return nil, nil, err
	}
	has := maps.Clone(from.Live)
	maps.Copy(has, from.Last)
	begun, goesOn := to.Ledger.Adopting[former]
	switch {
	case goesOn && len(begun.Only) == 0:
		addrs = nil
	case goesOn || len(addrs) > 0: // what was begun goes on with nothing but what is named now
		addrs = slices.Concat(addrs, begun.Only)
		slices.SortFunc(addrs, resource.Addr.Compare)
		addrs = slices.Compact(addrs)
	}
	taken := has
	if len(addrs) > 0 {
		taken = resource.State{}
		for _, addr := range addrs {
			if has[addr] == nil && goesOn && to.Last[addr] != nil {
				continue // it was handed over before
			}
			if has[addr] == nil {
				return nil, []resource.Problem{{Addr: addr, Summary: fmt.Sprintf("configuration %q has no %s on this host", former, addr),
					Detail: fmt.Sprintf("`hostctl show -name %s` lists what it has", former)}}, nil
			}
			taken[addr] = has[addr]
		}
	}
	problems := loose(has, taken, former)
	all := maps.Clone(to.Last)
	for _, addr := range taken.Addrs() {
		if to.Last[addr] != nil {
			problems = append(problems, resource.Problem{Addr: addr, Summary: fmt.Sprintf("configurations %q and %q both have %s", former, owner, addr),
				Detail: fmt.Sprintf("adopt the others by their addresses, or let one of the two go: hostctl forget -name %s '%s'", former, addr)})
		}
		all[addr] = taken[addr]
	}
	if len(problems) > 0 {
		return nil, problems, nil
	}
	a := &Adoption{Seen: to, Whole: len(taken) == len(has), Sensitive: map[resource.Addr][]string{}}
	for _, hidden := range []map[resource.Addr][]string{from.Hidden(), to.Hidden()} {
		for addr, paths := range hidden {
			if all[addr] != nil {
				a.Sensitive[addr] = paths
			}
		}
	}
	// With the ledger's next write it is on record, before a mark changes.
	if to.Ledger.Adopting == nil {
		to.Ledger.Adopting = map[string]Adopting{}
	}
	to.Ledger.Adopting[former] = Adopting{owner, addrs}
	if all, err = m.Kinds.CloneState(all); err != nil { // which is completed in place, and the ledger's is not ours to change
		return nil, nil, err
	}
	live := maps.Clone(from.Live)
	maps.Copy(live, to.Live)
	r := resource.NewResolver(owner, live, handGrants(to.Ledger.Grants, former, owner, func(addr resource.Addr) bool { return taken[addr] != nil }), from.Used)
	r.Credentials = credentials
	if problems := r.Resolve(all); len(problems) > 0 {
		return nil, problems, nil
	}
	a.Want, a.Grants, a.Declared = r.Want, r.New, maps.Clone(r.Want)
	for _, stopped := range []map[resource.Addr]Stop{from.Stopped(), to.Stopped()} {
		for addr := range stopped {
			if kind, _ := m.Kinds.Lookup(addr.Kind); kind.Started != nil && a.Declared[addr] != nil {
				a.Declared[addr] = kind.Started(a.Declared[addr])
			}
		}
	}
	want := resource.State{}
	for addr := range taken {
		want[addr] = r.Want[addr]
	}
	a.Plan = plan.Adopt(want, from.Last, from.Live, former, owner)
	if goesOn { // all that can, and what cannot fails by itself
		return a, nil, nil
	}
	var changes []resource.Change
	for _, s := range a.Plan.Steps {
		changes = append(changes, s.Change)
	}
	if problems := m.Check(ctx, changes, a.Want); len(problems) > 0 {
		return nil, problems, nil
	}
	return a, nil, nil
}

// loose are the references that would lead from one configuration into the other.
func loose(has, taken resource.State, former string) (problems []resource.Problem) {
	for _, addr := range has.Addrs() {
		for _, e := range resource.Refs(has[addr]) {
			stays := addr
			if taken[addr] != nil {
				stays = e.To
			}
			if has[e.To] != nil && (taken[addr] != nil) != (taken[e.To] != nil) {
				problems = append(problems, resource.Problem{Addr: addr, Path: e.Path,
					Summary: fmt.Sprintf("%s refers to %s, and %s would stay with configuration %q", addr, e.To, stays, former),
					Detail:  fmt.Sprintf("adopt %s too", stays)})
			}
		}
	}
	return problems
}

// handGrants returns the grants with those of one configuration that fit under another, before what that one was granted itself.
func handGrants(grants []resource.Grant, former, owner string, fits func(resource.Addr) bool) []resource.Grant {
	var handed, others []resource.Grant
	for _, g := range grants {
		if g.Owner != former || !fits(g.Addr) {
			others = append(others, g)
			continue
		}
		g.Owner = owner
		handed = append(handed, g)
	}
	return append(handed, others...)
}

// hand makes all that the ledger holds of an adopted resource the new owner's.
func (l *Ledger) hand(c resource.Change) {
	from, to := l.Owner(c.Former), l.Owner(c.Owner)
	to.set(c.Addr, c.Want)
	to.hide(c.Addr, from.Sensitive[c.Addr])
	if stop, ok := from.Stopped[c.Addr]; ok {
		to.Stopped[c.Addr] = stop
	}
	if hold, ok := from.Held[c.Addr]; ok {
		to.Held[c.Addr] = hold
	}
	from.set(c.Addr, nil)
	l.Grants = handGrants(l.Grants, c.Former, c.Owner, func(addr resource.Addr) bool { return addr == c.Addr })
}

// HalfAdopted is an error where an adoption from or to the configuration was begun and has not ended: what has the one mark may be
// in the other's record still, so that no plan of either can be trusted.
func (l *Ledger) HalfAdopted(configuration string) error {
	former, a, ok := l.underWay(configuration)
	if !ok {
		return nil
	}
	return fmt.Errorf("configuration %q takes over what %q had, and that was cut off; end it first: hostctl adopt -name %s %s", a.By, former, a.By, strings.Join(append([]string{former}, quoted(a.Only)...), " "))
}

// underWay is the adoption from or to a configuration that was begun and has not ended: there is one at most.
func (l *Ledger) underWay(configuration string) (former string, a Adopting, ok bool) {
	for former, a := range l.Adopting {
		if former == configuration || a.By == configuration {
			return former, a, true
		}
	}
	return "", Adopting{}, false
}

// leave takes resources out of an adoption that is about some alone; with the last of them it is over.
func (l *Ledger) leave(former string, addrs []resource.Addr) {
	a := l.Adopting[former]
	if len(a.Only) == 0 {
		return
	}
	a.Only = slices.DeleteFunc(slices.Clone(a.Only), func(addr resource.Addr) bool { return slices.Contains(addrs, addr) })
	if l.Adopting[former] = a; len(a.Only) == 0 {
		delete(l.Adopting, former)
	}
}

// LetGo prepares an observation for a run that lets resources of its configuration go, which is how an adoption is given up that
// cannot be ended: they are taken out of it. Where the ledger has not yet been told of a mark that is the new owner's already, that one's
// observation is returned in its place, with a ledger that has been told. others is what the other of the two configurations has; nil where no
// adoption is under way.
func (m *Machine) LetGo(ctx context.Context, seen *Observation, addrs []resource.Addr) (o *Observation, others resource.State, err error) {
	former, a, ok := seen.Ledger.underWay(seen.Owner)
	if !ok {
		return seen, nil, nil
	}
	name := former
	if seen.Owner == former {
		name = a.By
	}
	other, err := m.Observe(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	marked := resource.State{}
	if seen.Owner == former {
		for _, addr := range addrs {
			r, err := m.Hosts[addr.Kind].Read(ctx, a.By, resource.State{addr: seen.Last[addr]})
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", addr, err)
			}
			live := r.State[addr]
			if live != nil && seen.Live[addr] != nil { // what is let go under the one name would be left to the other to remove
				return nil, nil, fmt.Errorf("%s has marks of both configurations, %q and %q; go on with its adoption first: hostctl adopt -name %s %s", addr, former, a.By, a.By, former)
			}
			if live != nil {
				marked[addr] = live
			}
		}
	}
	switch {
	case len(marked) > 0 && len(marked) < len(addrs):
		return nil, nil, fmt.Errorf("%s has the mark of configuration %q already, and the others have not; let go those of one at a time", marked.Addrs()[0], a.By)
	case len(marked) > 0:
		for addr, live := range marked {
			other.Ledger.hand(resource.Change{Addr: addr, Owner: a.By, Former: former, Want: seen.Last[addr]})
			other.Last[addr], other.Live[addr] = seen.Last[addr], live
		}
		seen, other = other, seen
	}
	seen.Ledger.leave(former, addrs)
	return seen, other.Live, nil
}

// quoted are addresses as words for the shell.
func quoted(addrs []resource.Addr) (words []string) {
	for _, addr := range addrs {
		words = append(words, "'"+addr.String()+"'")
	}
	return words
}

// Succeed ends an adoption whose steps are done. Where it was of everything, what the ledger remembers of the former owner beside
// its resources is the new owner's too, and the former name is free.
func (m *Machine) Succeed(a *Adoption) error {
	ledger, former, owner := a.Seen.Ledger, a.Plan.Former, a.Plan.Owner
	delete(ledger.Adopting, former)
	if !a.Whole {
		return ledger.Write(m.LedgerPath)
	}
	from, to := ledger.Owner(former), ledger.Owner(owner)
	maps.Copy(to.Begun, from.Begun)
	if to.Applied == nil {
		to.Applied = from.Applied
	}
	delete(ledger.Owners, former)
	ledger.Grants = handGrants(ledger.Grants, former, owner, func(resource.Addr) bool { return true })
	return ledger.Write(m.LedgerPath)
}

// Begin writes down that the adoption is under way. It comes before all that the adoption changes.
func (m *Machine) Begin(a *Adoption) error { return a.Seen.Ledger.Write(m.LedgerPath) }

// TakeGenerations makes the generations of one configuration those of another that has none yet; where it has some, both
// keep their own. Cut off, the same call goes on.
func (m *Machine) TakeGenerations(former, owner string) error {
	from, to := m.Generations(former), m.Generations(owner)
	numbers, err := to.numbers()
	if err != nil {
		return err
	}
	if len(numbers) == 0 {
		if err := to.removeEmpty(); err != nil {
			return fmt.Errorf("generations: %w", err)
		}
		switch err := os.Rename(from.dir, to.dir); {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return fmt.Errorf("generations: %w", err)
		}
		if err := syncDir(m.generations()); err != nil {
			return fmt.Errorf("generations: %w", err)
		}
		if numbers, err = to.numbers(); err != nil {
			return err
		}
	}
	for _, n := range numbers {
		if err := to.rename(n, former); err != nil {
			return fmt.Errorf("generation %d: %w", n, err)
		}
	}
	return nil
}

// removeEmpty removes the directory of generations that are none, with what writes that were cut off left of some.
func (g Generations) removeEmpty() error {
	left, err := filepath.Glob(filepath.Join(g.dir, "[1-9]*.json.new"))
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	if err := os.Remove(g.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// rename makes a generation's file say its owner's name where it says a former one.
func (g Generations) rename(n uint64, former string) error {
	data, _, err := readRegular(g.path(n))
	if err != nil {
		return err
	}
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	h, err := decodeHead(line)
	if err != nil || h.Configuration != former {
		return nil // whoever asks for it is told what is wrong with it
	}
	h.Configuration = g.owner
	if line, err = json.Marshal(h); err != nil {
		return err
	}
	_, err = replaceFile(g.path(n), slices.Concat(line, []byte("\n"), rest))
	return err
}

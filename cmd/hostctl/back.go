package main

import (
	"maps"
	"slices"
	"time"

	"hostctl/apply"
	"hostctl/hcl"
	"hostctl/resource"
)

// wayBack is what a configuration is to be put back to: to what was last applied of it, after a boot, or to what was before a change.
type wayBack struct {
	owner, dir string
	want       resource.State // a copy, for it is completed in place, and the ledger's is not ours to change
	directives resource.Directives
	boot       bool   // all that is wanted is put back
	undoes     uint64 // the generation that is undone; 0 is none
	about      []resource.Addr
	held       []resource.Addr
	// What is sensitive in what was last applied, and what was in what was there before the change.
	sensitive, sensitiveBefore map[resource.Addr][]string
	spared                     map[resource.Addr]bool // what is left out, and as it is
}

// backToLast is the way of a replay. Nothing is removed on it.
func backToLast(c *cli, m *apply.Machine, owner string) (*wayBack, error) {
	seen, err := m.Observe(c.ctx, owner)
	if err != nil {
		return nil, err
	}
	b := &wayBack{owner: owner, boot: true, spared: map[resource.Addr]bool{}}
	if h, err := m.Generations(owner).Newest(); err == nil && h != nil {
		b.dir = h.Dir
	} else if applied := seen.Ledger.Owners[owner].Applied; applied != nil {
		b.dir = applied.Dir
	}
	b.want, err = m.Kinds.CloneState(seen.Last)
	return b, err
}

// backBefore is the way of an undo: of what the change did something to, and after a boot of all that the configuration had besides.
func backBefore(c *cli, m *apply.Machine, owner string, w *apply.Pending, boot bool) (*wayBack, error) {
	seen, err := m.Observe(c.ctx, owner)
	if err != nil {
		return nil, err
	}
	want, about := seen.Undo(w)
	b := &wayBack{
		owner: owner, dir: undoDir(w), boot: boot, undoes: w.Generation, about: about, spared: map[resource.Addr]bool{},
		held: seen.HeldAddrs(time.Now()), sensitive: seen.Hidden(), sensitiveBefore: w.Before.Sensitive,
		directives: resource.Directives{Moved: w.Moved},
	}
	b.want, err = m.Kinds.CloneState(want)
	return b, err
}

// propose plans the way, and says what stands in it.
func (b *wayBack) propose(c *cli, m *apply.Machine, pol *hostPolicy) (*proposal, []resource.Problem, error) {
	if problems := hcl.Check(b.want, m.Kinds); len(problems) > 0 { // this release may take less than the one that applied it
		return nil, problems, nil
	}
	d := b.directives
	if b.undoes != 0 {
		d.Sensitive = b.hidden()
	}
	s := scope{boot: b.boot, undoes: b.undoes, targets: b.targets(), alone: !b.boot, spared: slices.SortedFunc(maps.Keys(b.spared), resource.Addr.Compare)}
	return propose(c.ctx, m, pol, b.owner, b.dir, b.want, d, s)
}

// hidden are the sensitive paths of what is there afterwards: what stays as it is keeps its own.
func (b *wayBack) hidden() map[resource.Addr][]string {
	out := map[resource.Addr][]string{}
	maps.Copy(out, b.sensitive)
	for _, addr := range b.about {
		if b.spared[addr] || slices.Contains(b.held, addr) {
			continue
		}
		if delete(out, addr); len(b.sensitiveBefore[addr]) > 0 {
			out[addr] = b.sensitiveBefore[addr]
		}
	}
	return out
}

// targets are what the way is about.
func (b *wayBack) targets() (targets []resource.Target) {
	about := map[resource.Addr]bool{}
	for _, addr := range b.about {
		about[addr] = true
	}
	if b.boot {
		for addr := range b.want {
			about[addr] = true
		}
	}
	for _, addr := range slices.SortedFunc(maps.Keys(about), resource.Addr.Compare) {
		if !b.spared[addr] {
			targets = append(targets, addr.Target())
		}
	}
	return targets
}

// whole plans the whole way, or says what stands in it.
func (b *wayBack) whole(c *cli, m *apply.Machine, pol *hostPolicy) (*proposal, error) {
	p, problems, err := b.propose(c, m, pol)
	if err != nil {
		return nil, err
	}
	if p != nil {
		if err := c.diagnose(p.warnings()); err != nil {
			return nil, err
		}
	}
	return p, c.problems(nil, problems)
}

// most plans as much of the way as can be gone. Resources in whose way something stands are left out, with those that refer to them, and stay
// as they are: then failed is the exit status, and the proposal nil where nothing is left.
func (b *wayBack) most(c *cli, m *apply.Machine, pol *hostPolicy) (p *proposal, failed, err error) {
	for len(b.targets()) > 0 { // without targets a plan is about everything
		p, problems, err := b.propose(c, m, pol)
		if err != nil || len(problems) == 0 {
			return p, failed, err
		}
		failed = worse(failed, c.problems(nil, problems))
		if !b.spare(problems) {
			break // it is nothing of one resource's
		}
	}
	return nil, failed, nil
}

// spare leaves out what has problems, and reports whether that is more than before.
func (b *wayBack) spare(problems []resource.Problem) bool {
	before := len(b.spared)
	left := without(b.want, problems)
	for addr := range b.want {
		if left[addr] == nil {
			b.spared[addr] = true
		}
	}
	for _, p := range problems {
		if p.Addr != (resource.Addr{}) {
			b.spared[p.Addr] = true
		}
	}
	for _, addr := range b.about { // what cannot take its old address again keeps the one that it has
		for _, move := range b.directives.Moved {
			if to, ok := move.Apply(addr); ok && b.spared[to] {
				b.spared[addr] = true
			}
		}
	}
	b.want = left
	return len(b.spared) > before
}

// without is a state without the resources that have problems, and those that refer to them.
func without(want resource.State, problems []resource.Problem) resource.State {
	out := maps.Clone(want)
	for _, p := range problems {
		delete(out, p.Addr)
	}
	for left := len(out) + 1; len(out) < left; {
		left = len(out)
		for addr, spec := range out {
			if slices.ContainsFunc(resource.Refs(spec), func(e resource.Edge) bool { return out[e.To] == nil }) {
				delete(out, addr)
			}
		}
	}
	return out
}

// undoDir is where the configuration lay that an undo goes back to; "" where nothing was applied before.
func undoDir(w *apply.Pending) string {
	if w.Before.Applied == nil {
		return ""
	}
	return w.Before.Applied.Dir
}

func undoOrigin(w *apply.Pending) origin {
	return origin{command: "undo", undoes: w.Generation, dir: undoDir(w)}
}

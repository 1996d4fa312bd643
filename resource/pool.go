package resource

import (
	"cmp"
	"fmt"
	"slices"
)

// Span is a block of numbers: Start, Start+1, ..., Start+Size-1.
type Span struct {
	Start uint64 `json:"start"`
	Size  uint64 `json:"size"`
}

// Overlaps reports whether the two have a number in common.
func (s Span) Overlaps(t Span) bool { return s.Start < t.Start+t.Size && t.Start < s.Start+s.Size }

// Grant is a span of a pool given to a resource of a configuration. The ledger
// keeps grants, also those of resources that are gone while files may still
// carry the numbers.
type Grant struct {
	Pool  string `json:"pool"`
	Owner string `json:"owner"`
	Addr  Addr   `json:"address"`
	Span
}

// Resolver is what [Spec.Resolve] may ask: the resources resolved so far, the
// live state, and the pools that numbers are given out from. It is filled from
// the ledger and the live reading, decides purely, and touches nothing.
type Resolver struct {
	// Owner is the name of the configuration that is resolved.
	Owner string
	// Want holds the specs that are resolved so far.
	Want State
	// Live is what the host has of this configuration.
	Live State
	// Credentials are those that the host's owner gives to the configuration's containers.
	Credentials Credentials
	// New collects the grants that Take and Claim made, for the ledger. One that
	// overlaps an older grant of the same owner takes its place.
	New []Grant
	// Handed are the resources that gave up a number, From, to one that claims it, To:
	// what From has on the host must go or change before To can have it.
	Handed []Handover

	pools map[string]*pool
	// wanted is all that is resolved, and declared what of it claims numbers by itself; nil outside of Resolve.
	wanted   State
	declared map[Addr][]Claim
}

// Handover says that a number went from one resource to another.
type Handover struct {
	From Addr `json:"from"`
	To   Addr `json:"to"`
}

// Claim is a number, or several, that a spec gives itself.
type Claim struct {
	Pool string
	Span
}

// Claimer is implemented by a Spec whose configuration may give a number that
// otherwise comes from a pool: those are claimed before any is given out.
type Claimer interface {
	// Claims returns the numbers that stand in the spec, before [Spec.Resolve].
	Claims() []Claim
}

type holder struct {
	owner string
	addr  Addr
}

// pool is what is known of one pool: who holds what, and all that is taken, by start.
type pool struct {
	held  map[holder][]Span
	taken []Span
}

// NewResolver returns a resolver for owner over the ledger's grants, of every
// configuration, and the spans that the host has in use, by pool.
func NewResolver(owner string, live State, grants []Grant, used map[string][]Span) *Resolver {
	r := &Resolver{Owner: owner, Want: State{}, Live: live, pools: map[string]*pool{}}
	for _, g := range grants {
		p := r.pool(g.Pool)
		p.held[holder{g.Owner, g.Addr}] = append(p.held[holder{g.Owner, g.Addr}], g.Span)
		p.taken = append(p.taken, g.Span)
	}
	for name, spans := range used {
		p := r.pool(name)
		p.taken = append(p.taken, spans...)
	}
	for _, p := range r.pools {
		slices.SortFunc(p.taken, byStart)
	}
	return r
}

func byStart(a, b Span) int { return cmp.Compare(a.Start, b.Start) }

func (r *Resolver) pool(name string) *pool {
	p := r.pools[name]
	if p == nil {
		p = &pool{held: map[holder][]Span{}}
		r.pools[name] = p
	}
	return p
}

// Take returns the span of size numbers that the resource has in the pool. What
// it was once granted it keeps; else it gets the lowest block within [low, high]
// that starts at a multiple of size and that nobody has or uses.
func (r *Resolver) Take(name string, self Addr, size, low, high uint64) (Span, error) {
	p := r.pool(name)
	for _, s := range p.held[holder{r.Owner, self}] {
		if s.Size == size {
			return s, nil
		}
	}
	next := Span{Start: (low + size - 1) / size * size, Size: size}
	for _, t := range p.taken {
		if next.Overlaps(t) {
			next.Start = (t.Start + t.Size + size - 1) / size * size
		}
	}
	if next.Start+size-1 > high {
		return Span{}, fmt.Errorf("no block of %d is free in %d-%d", size, low, high)
	}
	r.grant(name, self, next)
	return next, nil
}

// Held returns a span that the resource was granted in the pool, and whether there is one.
func (r *Resolver) Held(name string, self Addr) (Span, bool) {
	held := r.pool(name).held[holder{r.Owner, self}]
	if len(held) == 0 {
		return Span{}, false
	}
	return held[0], true
}

// Claim grants the resource exactly this span, for a number that the
// configuration or the host itself gives. It fails when another resource of any
// configuration was granted a part of it, unless that one is of this configuration and has
// no more use for it; what the host uses is for the caller to judge.
func (r *Resolver) Claim(name string, self Addr, span Span) error {
	me, p := holder{r.Owner, self}, r.pool(name)
	var from []holder
	for h, spans := range p.held {
		for _, s := range spans {
			switch {
			case !s.Overlaps(span):
			case h == me && s == span:
				return nil
			case h == me:
			case h.owner != r.Owner:
				return fmt.Errorf("%d is given to %s of configuration %q, for files may belong to it even when that is gone; if none does, free it there: removed { from = %s }, and apply; %s",
					span.Start, h.addr, h.owner, h.addr, AdoptRemedy(h.owner))
			case !r.givesUp(h, name, span):
				return fmt.Errorf("%d is given to %s of configuration %q", span.Start, h.addr, h.owner)
			default:
				from = append(from, h)
			}
		}
	}
	slices.SortFunc(from, func(a, b holder) int { return a.addr.Compare(b.addr) })
	for _, h := range from {
		p.held[h] = slices.DeleteFunc(p.held[h], span.Overlaps)
		r.Handed = append(r.Handed, Handover{From: h.addr, To: self})
	}
	r.grant(name, self, span)
	return nil
}

// givesUp reports whether who holds a span has no more use for it: a resource of
// this configuration that is wanted no more, or that claims another number now.
func (r *Resolver) givesUp(h holder, pool string, span Span) bool {
	if h.owner != r.Owner || r.wanted == nil {
		return false
	}
	if r.wanted[h.addr] == nil {
		return true
	}
	other := false
	for _, c := range r.declared[h.addr] {
		if c.Pool == pool {
			if c.Overlaps(span) {
				return false
			}
			other = true
		}
	}
	return other
}

func (r *Resolver) grant(name string, self Addr, s Span) {
	p, h := r.pool(name), holder{r.Owner, self}
	p.held[h] = append([]Span{s}, p.held[h]...)
	at, _ := slices.BinarySearchFunc(p.taken, s, byStart)
	p.taken = slices.Insert(p.taken, at, s)
	r.New = append(r.New, Grant{Pool: name, Owner: r.Owner, Addr: self, Span: s})
}

// Resolve fills in the computed fields of every spec in want, each after those
// it refers to, and moves it to r.Want. Numbers that stand in a spec are claimed
// first: none of them is given out from a pool. References that name nothing, and cycles,
// have been refused when the configuration was read; what is left of such is an error here.
func (r *Resolver) Resolve(want State) []Problem {
	var problems []Problem
	const inHand = 1
	visited := map[Addr]int{}
	var visit func(Addr)
	visit = func(addr Addr) {
		spec, ok := want[addr]
		if _, seen := visited[addr]; seen || !ok {
			return
		}
		visited[addr] = inHand
		for _, edge := range Refs(spec) {
			if _, ok := want[edge.To]; !ok {
				problems = append(problems, Problem{Addr: addr, Path: edge.Path, Summary: fmt.Sprintf("there is no %s", edge.To)})
				continue
			}
			if visited[edge.To] == inHand && r.Want[edge.To] == nil {
				problems = append(problems, Problem{Addr: addr, Path: edge.Path, Summary: fmt.Sprintf("%s refers back to this resource", edge.To)})
				continue
			}
			visit(edge.To)
		}
		problems = append(problems, spec.Resolve(addr, r)...)
		r.Want[addr] = spec
	}
	addrs := want.Addrs()
	r.wanted, r.declared = want, map[Addr][]Claim{}
	for _, addr := range addrs {
		if c, ok := want[addr].(Claimer); ok {
			r.declared[addr] = c.Claims()
		}
	}
	for _, addr := range addrs {
		for _, c := range r.declared[addr] {
			_ = r.Claim(c.Pool, addr, c.Span) // the spec claims it again, and reports what is in the way
		}
	}
	for _, addr := range addrs {
		visit(addr)
	}
	return problems
}

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

func (s Span) overlaps(t Span) bool { return s.Start < t.Start+t.Size && t.Start < s.Start+s.Size }

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
	// New collects the grants that Take and Claim made, for the ledger.
	New []Grant

	pools map[string]*pool
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
		if next.overlaps(t) {
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
// configuration was granted a part of it; what the host uses is for the caller to judge.
func (r *Resolver) Claim(name string, self Addr, span Span) error {
	me := holder{r.Owner, self}
	for h, spans := range r.pool(name).held {
		for _, s := range spans {
			if !s.overlaps(span) {
				continue
			}
			if h != me {
				return fmt.Errorf("%d is given to %s of configuration %q", span.Start, h.addr, h.owner)
			}
			if s == span {
				return nil
			}
		}
	}
	r.grant(name, self, span)
	return nil
}

func (r *Resolver) grant(name string, self Addr, s Span) {
	p, h := r.pool(name), holder{r.Owner, self}
	p.held[h] = append([]Span{s}, p.held[h]...)
	at, _ := slices.BinarySearchFunc(p.taken, s, byStart)
	p.taken = slices.Insert(p.taken, at, s)
	r.New = append(r.New, Grant{Pool: name, Owner: r.Owner, Addr: self, Span: s})
}

// Resolve fills in the computed fields of every spec in want, each after those
// it refers to, and moves it to r.Want. References that name nothing, and cycles,
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
	for _, addr := range want.Addrs() {
		visit(addr)
	}
	return problems
}

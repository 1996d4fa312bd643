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

// Holder names a resource across configurations: the owner and the address.
type Holder struct {
	Owner string
	Addr  Addr
}

// Grant is a span of a pool given to a resource. The ledger keeps grants, also
// those of resources that are gone while files may still carry the numbers.
type Grant struct {
	Pool  string `json:"pool"`
	Owner string `json:"owner"`
	Addr  Addr   `json:"address"`
	Span
}

// Resolver is what [Spec.Resolve] may ask. It is filled before planning, from
// the ledger and the live reading, and touches nothing.
type Resolver struct {
	Owner string
	// Want holds the specs that are resolved so far.
	Want State
	// Live is what the host has.
	Live State
	// Granted are the ledger's grants, of every configuration on the host. Take adds to it.
	Granted []Grant
	// Used are the spans that the host has in use, by pool, whoever owns them.
	Used map[string][]Span
	// New collects the grants that Take made which Granted did not hold.
	New []Grant
}

// Take returns the span of size numbers that the resource has in the pool. What
// it was once granted it keeps; else it gets the lowest block within [low, high]
// that starts at a multiple of size and that nobody has or uses.
func (r *Resolver) Take(pool string, self Addr, size, low, high uint64) (Span, error) {
	var taken []Span
	for _, g := range r.Granted {
		if g.Pool != pool {
			continue
		}
		if g.Owner == r.Owner && g.Addr == self && g.Size == size {
			return g.Span, nil
		}
		taken = append(taken, g.Span)
	}
	taken = append(taken, r.Used[pool]...)
	slices.SortFunc(taken, func(a, b Span) int { return cmp.Compare(a.Start, b.Start) })
	next := Span{Start: (low + size - 1) / size * size, Size: size}
	for _, t := range taken {
		if next.overlaps(t) {
			next.Start = (t.Start + t.Size + size - 1) / size * size
		}
	}
	if next.Start+size-1 > high {
		return Span{}, fmt.Errorf("no block of %d is free in %d-%d", size, low, high)
	}
	r.grant(Grant{Pool: pool, Owner: r.Owner, Addr: self, Span: next})
	return next, nil
}

// Claim grants the resource exactly this span, for a number that the
// configuration or the host itself gives. It fails when another holder has any of it.
func (r *Resolver) Claim(pool string, self Addr, span Span) error {
	for _, g := range r.Granted {
		if g.Pool != pool || !g.overlaps(span) {
			continue
		}
		if g.Owner != r.Owner || g.Addr != self {
			return fmt.Errorf("%d is given to %s of configuration %q", span.Start, g.Addr, g.Owner)
		}
		if g.Span == span {
			return nil
		}
	}
	r.grant(Grant{Pool: pool, Owner: r.Owner, Addr: self, Span: span})
	return nil
}

func (r *Resolver) grant(g Grant) {
	r.Granted = append(r.Granted, g)
	r.New = append(r.New, g)
}

package resource

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func addrOf(name string) Addr { return Addr{Kind: "k", Name: name} }

func take(t *testing.T, r *Resolver, name string, size, low, high uint64) Span {
	t.Helper()
	s, err := r.Take("ids", addrOf(name), size, low, high)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

func TestTake(t *testing.T) {
	grants := []Grant{
		{"ids", "me", addrOf("old"), Span{400, 100}},
		{"ids", "other", addrOf("web"), Span{100, 100}},
		{"else", "other", addrOf("web"), Span{200, 100}},
	}
	r := NewResolver("me", nil, grants, map[string][]Span{"ids": {{350, 1}}})
	for _, c := range []struct {
		name string
		want uint64
	}{
		{"web", 200}, // 100 is another's
		{"old", 400}, // kept
		{"a", 500},   // 300 is partly in use, 400 is granted
		{"web", 200}, // again
		{"b", 600},
	} {
		if got := take(t, r, c.name, 100, 50, 1000); got != (Span{c.want, 100}) {
			t.Errorf("%s: got %v, want %d", c.name, got, c.want)
		}
	}
	if len(r.New) != 3 {
		t.Errorf("new grants %v", r.New)
	}
	if _, err := r.Take("ids", addrOf("c"), 100, 50, 798); err == nil || !strings.Contains(err.Error(), "no block of 100 is free in 50-798") {
		t.Errorf("a full pool: %v", err)
	}
	if got := take(t, r, "c", 100, 50, 799); got.Start != 700 {
		t.Errorf("the last block: %v", got)
	}
}

func TestClaim(t *testing.T) {
	r := NewResolver("me", nil, []Grant{{"ids", "other", addrOf("web"), Span{100, 10}}}, nil)
	err := r.Claim("ids", addrOf("web"), Span{109, 1})
	if err == nil || !strings.Contains(err.Error(), `109 is given to k.web of configuration "other"`) {
		t.Errorf("another's: %v", err)
	}
	for range 2 {
		if err := r.Claim("ids", addrOf("web"), Span{110, 1}); err != nil {
			t.Error(err)
		}
	}
	if len(r.New) != 1 {
		t.Errorf("new grants %v", r.New)
	}
	if err := r.Claim("ids", addrOf("b"), Span{110, 1}); err == nil {
		t.Error("claimed twice")
	}
	if s, ok := r.Held("ids", addrOf("web")); !ok || s != (Span{110, 1}) {
		t.Errorf("held %v, %v", s, ok)
	}
	if _, ok := r.Held("ids", addrOf("b")); ok {
		t.Error("held without a grant")
	}
	if got := take(t, r, "web", 1, 100, 200); got.Start != 110 {
		t.Errorf("what was claimed is taken: %v", got)
	}
}

// However grants come about, no two holders have a number in common, nobody is
// given what the host uses, and what was given once stays.
func TestGrantsNeverOverlap(t *testing.T) {
	const low, high = 10, 180
	for seed := range uint64(2000) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var used []Span
		for range rnd.IntN(5) {
			used = append(used, Span{rnd.Uint64N(200), rnd.Uint64N(20)})
		}
		var ledger []Grant
		for run := range 4 {
			owner := fmt.Sprintf("o%d", run%2)
			r := NewResolver(owner, nil, ledger, map[string][]Span{"ids": used})
			for range 12 {
				name, size := fmt.Sprintf("n%d", rnd.IntN(6)), uint64(1+rnd.IntN(12))
				if rnd.IntN(4) == 0 {
					_ = r.Claim("ids", addrOf(name), Span{rnd.Uint64N(200), size}) // it may be another's
					continue
				}
				before := len(r.New)
				s, err := r.Take("ids", addrOf(name), size, low, high)
				if err != nil {
					continue
				}
				if again, err := r.Take("ids", addrOf(name), size, low, high); err != nil || again != s {
					t.Fatalf("seed %d: first %v, then %v, %v", seed, s, again, err)
				}
				if len(r.New) == before {
					held := func(g Grant) bool { return g.Owner == owner && g.Addr == addrOf(name) && g.Span == s }
					if !slices.ContainsFunc(ledger, held) && !slices.ContainsFunc(r.New, held) {
						t.Fatalf("seed %d: %v was given and not noted", seed, s)
					}
					continue
				}
				if s.Size != size || s.Start%size != 0 || s.Start < low || s.Start+size-1 > high {
					t.Fatalf("seed %d: %v for %d within %d-%d", seed, s, size, low, high)
				}
				for _, u := range used {
					if u.Overlaps(s) {
						t.Fatalf("seed %d: %v is given, and %v in use", seed, s, u)
					}
				}
			}
			ledger = append(ledger, r.New...)
			for i, g := range ledger {
				for _, h := range ledger[:i] {
					if (g.Owner != h.Owner || g.Addr != h.Addr) && g.Overlaps(h.Span) {
						t.Fatalf("seed %d: %v and %v overlap", seed, g, h)
					}
				}
			}
		}
	}
}

// claimant declares its number, or takes one of the pool's.
type claimant struct {
	ID uint32 `json:"id" diff:"live"`
}

func (*claimant) Validate(Addr) []Problem { return nil }

func (c *claimant) Claims() []Claim {
	if c.ID == 0 {
		return nil
	}
	return []Claim{{Pool: "ids", Span: Span{uint64(c.ID), 1}}}
}

func (c *claimant) Resolve(self Addr, r *Resolver) []Problem {
	var err error
	if c.ID != 0 {
		err = r.Claim("ids", self, Span{uint64(c.ID), 1})
	} else {
		var s Span
		s, err = r.Take("ids", self, 1, 100, 200)
		c.ID = uint32(s.Start)
	}
	if err != nil {
		return []Problem{{Addr: self, Summary: err.Error()}}
	}
	return nil
}

// What is declared is had, whatever the order; a number goes from one that needs
// it no more, and from no other.
func TestDeclaredNumbers(t *testing.T) {
	for _, c := range []struct {
		name   string
		grants []Grant
		want   map[string]uint32 // declared, 0 for the pool's choice
		got    map[string]uint32
		handed []Handover
		fails  bool
	}{
		{"declared after", nil, map[string]uint32{"a": 0, "b": 100}, map[string]uint32{"a": 101, "b": 100}, nil, false},
		{"declared twice", nil, map[string]uint32{"a": 100, "b": 100}, nil, nil, true},
		{"from one that is gone", []Grant{{"ids", "me", addrOf("gone"), Span{150, 1}}}, map[string]uint32{"a": 150},
			map[string]uint32{"a": 150}, []Handover{{addrOf("gone"), addrOf("a")}}, false},
		{"from one that has another now", []Grant{{"ids", "me", addrOf("b"), Span{150, 1}}}, map[string]uint32{"a": 150, "b": 160},
			map[string]uint32{"a": 150, "b": 160}, []Handover{{addrOf("b"), addrOf("a")}}, false},
		{"from one that still has it", []Grant{{"ids", "me", addrOf("b"), Span{150, 1}}}, map[string]uint32{"a": 150, "b": 0}, nil, nil, true},
		{"from another configuration", []Grant{{"ids", "you", addrOf("gone"), Span{150, 1}}}, map[string]uint32{"a": 150}, nil, nil, true},
	} {
		r := NewResolver("me", nil, c.grants, nil)
		want := State{}
		for name, id := range c.want {
			want[addrOf(name)] = &claimant{ID: id}
		}
		problems := r.Resolve(want)
		if (len(problems) > 0) != c.fails || len(problems) > 1 {
			t.Errorf("%s: %v", c.name, problems)
		}
		if c.fails {
			continue
		}
		for name, id := range c.got {
			if got := r.Want[addrOf(name)].(*claimant).ID; got != id {
				t.Errorf("%s: %s has %d, want %d", c.name, name, got, id)
			}
		}
		if !slices.Equal(r.Handed, c.handed) {
			t.Errorf("%s: handed %v, want %v", c.name, r.Handed, c.handed)
		}
	}
}

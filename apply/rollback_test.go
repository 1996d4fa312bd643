package apply

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"hostctl/plan"
	"hostctl/resource"
)

// version is a state whose things have a value, and what they need: "b:2<a".
func version(specs ...string) resource.State {
	s := resource.State{}
	for _, spec := range specs {
		head, needs, _ := strings.Cut(spec, "<")
		name, value, _ := strings.Cut(head, ":")
		t := &thing{Value: value, On: true}
		if needs != "" {
			t.Needs = []resource.Addr{addr(needs)}
		}
		s[addr(name)] = t
	}
	return s
}

// values are what a state's things have.
func values(s resource.State) string {
	var out []string
	for _, a := range slices.SortedFunc(maps.Keys(s), resource.Addr.Compare) {
		out = append(out, a.Name+":"+s[a].(*thing).Value)
	}
	return strings.Join(out, " ")
}

// What failed, and what depends on it, is as it was; the rest is as it is wanted, and the ledger knows which is which.
func TestReturn(t *testing.T) {
	chain := []string{"a:1", "b:1<a", "c:1<b", "other:1"}
	next := []string{"a:2", "b:2<a", "c:2<b", "other:2"}
	for name, c := range map[string]struct {
		before, want []string
		fail         string // an action and a thing; or the thing that falls when it settles
		after        string
		back, gone   string
		left         string
	}{
		"in the middle":    {chain, next, "update b", "a:2 b:1 c:1 other:2", "b c", "", ""},
		"at the end":       {chain, next, "update c", "a:2 b:2 c:1 other:2", "c", "", ""},
		"at the beginning": {chain, next, "update a", "a:1 b:1 c:1 other:2", "a b c", "", ""},
		"when it settles":  {chain, next, "b", "a:2 b:1 c:1 other:2", "b c", "", ""},
		"new ones":         {nil, next, "create b", "a:2 other:2", "", "b c", ""},
		"new, and settles": {[]string{"other:1"}, next, "a", "other:2", "", "a b c", ""},
		"what it needed":   {[]string{"a:1", "b:1<a"}, []string{"b:2", "other:2"}, "b", "a:1 b:1 other:2", "b", "", ""},
		"who is unchanged": {chain, []string{"a:1", "b:2<a", "c:1<b", "other:1"}, "update b", "a:1 b:1 c:1 other:1", "b", "", ""},
		"nothing failed":   {chain, next, "", "a:2 b:2 c:2 other:2", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m, s := machine(t)
			apply(t, m, version(c.before...), Options{})
			if strings.Contains(c.fail, " ") {
				s.fail[c.fail] = true
			} else if c.fail != "" {
				s.falls = map[resource.Addr]error{addr(c.fail): errors.New("it fell")}
			}
			u := m.returning(t, s, version(c.want...))
			if got := values(s.things); got != c.after {
				t.Errorf("the host has %s, want %s", got, c.after)
			}
			if got := fmt.Sprint(namesOf(u.Back), " ", namesOf(u.Gone), " ", namesOf(u.Left)); got != c.back+" "+c.gone+" "+c.left || u.Failed() {
				t.Errorf("returned %q, want %q", got, c.back+" "+c.gone+" "+c.left)
			}
			o, err := m.Observe(t.Context(), "shop")
			if err != nil || values(o.Last) != c.after {
				t.Errorf("the ledger has %s, %v", values(o.Last), err)
			}
		})
	}
}

// A return that fails is said, and what has nothing to return to is left.
func TestReturnFails(t *testing.T) {
	m, s := machine(t)
	apply(t, m, version("a:1", "b:1"), Options{})
	s.falls = map[resource.Addr]error{addr("a"): errors.New("it fell")}
	s.during = func(c resource.Change) {
		if c.Want != nil && c.Want.(*thing).Value == "1" {
			s.mu.Lock()
			s.fail["update a"] = true
			s.mu.Unlock()
		}
	}
	if u := m.returning(t, s, version("a:2", "b:2")); len(u.Errs) != 1 || !u.Failed() || len(u.Back) != 0 {
		t.Errorf("%+v", u)
	}
	s.fail, s.falls, s.during = map[string]bool{"update b": true}, nil, nil
	s.things[addr("b")] = &thing{Value: "drifted", On: true, ID: s.things[addr("b")].(*thing).ID}
	if u := m.returning(t, s, version("a:2", "b:2")); !u.Failed() || namesOf(u.Left) != "b" || u.Plan != nil {
		t.Errorf("%+v", u)
	}
}

// What is held is left as it is by a return too, and by what is remembered of it.
func TestReturnLeavesWhatIsHeld(t *testing.T) {
	m, s := machine(t)
	apply(t, m, version("a:1", "b:1<a"), Options{})
	if err := m.Amend("shop", func(o *Owner) error {
		o.Held[addr("a")] = Hold{By: "ann", Until: time.Now().Add(time.Hour)}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	s.things[addr("a")].(*thing).Value = "by hand"
	s.falls = map[resource.Addr]error{addr("b"): errors.New("it fell")}
	if u := m.returning(t, s, version("a:1", "b:2<a")); namesOf(u.Back) != "b" || u.Failed() {
		t.Errorf("%+v", u)
	}
	o, err := m.Observe(t.Context(), "shop")
	if err != nil || values(o.Last) != "a:1 b:1" || values(s.things) != "a:by hand b:1" {
		t.Errorf("the ledger has %s, the host %s, %v", values(o.Last), values(s.things), err)
	}
}

func namesOf(addrs []resource.Addr) string {
	var names []string
	for _, a := range addrs {
		names = append(names, a.Name)
	}
	return strings.Join(names, " ")
}

// returning applies a state as the command does, and returns from what failed.
func (m *Machine) returning(t *testing.T, s *shelf, want resource.State) *Undone {
	t.Helper()
	o, err := m.Observe(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	r, problems := o.Resolve(m.Kinds, want, resource.Directives{}, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	p := plan.Make(r.Want, o.Last, o.Live, plan.Options{Kinds: m.Kinds, Owner: "shop", Held: o.HeldAddrs(time.Now())})
	back, opts := m.Remember(p, o), Options{Parallelism: 1, Settle: 1}
	errs, err := m.Run(t.Context(), p, o, r.Grants, p.Want, opts)
	if err != nil {
		t.Fatal(err)
	}
	s.falls = nil // what it was does not fall
	u, err := back.Do(t.Context(), errs, opts)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

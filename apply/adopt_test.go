package apply

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"hostctl/resource"
)

// What the ledger holds of a configuration is another one's after an adoption, all of it; while it is under way nothing else is done.
func TestAdoption(t *testing.T) {
	m, shelf := machine(t)
	apply(t, m, things("a", "b<a"), Options{})
	h := begun(t, m, "one", time.Now())
	if err := m.Generations("shop").End(h, Ending{Ended: time.Now(), Outcome: OutcomeApplied}); err != nil {
		t.Fatal(err)
	}
	seen, err := m.Observe(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	record := seen.Ledger.Owner("shop")
	record.Stopped[addr("a")], record.Held[addr("b")], record.Sensitive[addr("a")] = Stop{By: "ann"}, Hold{By: "ann", Until: time.Now().Add(time.Hour)}, []string{"value"}
	ghost := resource.Grant{Pool: "id", Owner: "shop", Addr: addr("gone"), Span: resource.Span{Start: 150, Size: 1}}
	seen.Ledger.Grants = append(seen.Ledger.Grants, ghost)
	grants := len(seen.Ledger.Grants)
	if err := seen.Ledger.Write(m.LedgerPath); err != nil {
		t.Fatal(err)
	}

	if _, problems, err := m.Adoption(t.Context(), "shop", "store", []resource.Addr{addr("a")}, nil); err != nil || len(problems) != 1 || !strings.Contains(problems[0].Error(), "adopt thing.b too") {
		t.Errorf("a part that others refer to: %v, %v", problems, err)
	}
	if _, problems, err := m.Adoption(t.Context(), "shop", "store", []resource.Addr{addr("c")}, nil); err != nil || len(problems) != 1 {
		t.Errorf("what is not there: %v, %v", problems, err)
	}
	run := func() (*Adoption, map[int]error) {
		t.Helper()
		a, problems, err := m.Adoption(t.Context(), "shop", "store", nil, nil)
		if err != nil || len(problems) > 0 {
			t.Fatal(problems, err)
		}
		errs, err := m.Run(t.Context(), a.Plan, a.Seen, a.Grants, a.Want, Options{Parallelism: 2})
		if err != nil {
			t.Fatal(err)
		}
		return a, errs
	}
	shelf.fail["adopt b"] = true
	if _, errs := run(); len(errs) != 1 {
		t.Fatalf("%v", errs)
	}
	for _, owner := range []string{"shop", "store"} {
		o, err := m.Observe(t.Context(), owner)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Ledger.HalfAdopted(owner); err == nil || !strings.Contains(err.Error(), "hostctl adopt -name store shop") {
			t.Errorf("%s is changed half-way: %v", owner, err)
		}
	}
	delete(shelf.fail, "adopt b")
	a, errs := run()
	if len(errs) > 0 || !a.Whole || len(a.Sensitive[addr("a")]) != 1 {
		t.Fatalf("%v, whole %v, sensitive %v", errs, a.Whole, a.Sensitive)
	}
	// A write that was cut off left this.
	dir := m.Generations("store").dir
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(dir+"/1.json.new", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := m.TakeGenerations("shop", "store"); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Succeed(a); err != nil {
		t.Fatal(err)
	}

	l, _, err := ReadLedger(m.LedgerPath, m.ID, m.Kinds)
	if err != nil {
		t.Fatal(err)
	}
	got := l.Owner("store")
	if l.Owners["shop"] != nil || len(got.Last) != 2 || got.Stopped[addr("a")].By != "ann" || got.Held[addr("b")].By != "ann" || len(got.Sensitive[addr("a")]) != 1 || len(l.Adopting) > 0 {
		t.Errorf("%+v", got)
	}
	for _, g := range l.Grants {
		if g.Owner != "store" {
			t.Errorf("grant %+v", g)
		}
	}
	if len(l.Grants) != grants {
		t.Errorf("%d grants, want %d", len(l.Grants), grants)
	}
	if g, err := m.Generations("store").Read(1); err != nil || g.Configuration != "store" || g.Want[addr("a")].(*thing).Value != "one" || !g.Done() {
		t.Errorf("generation: %+v, %v", g, err)
	}
	if heads, _, err := m.Generations("shop").Heads(); len(heads) > 0 || err != nil {
		t.Errorf("the former owner's: %v, %v", heads, err)
	}
}

// A part that was cut off goes on with the same words, with fewer and with none, also where some of it was handed over.
func TestAdoptionOfAPart(t *testing.T) {
	part := []resource.Addr{addr("a"), addr("b")}
	for _, again := range [][]resource.Addr{part, part[1:], nil} {
		m, shelf := machine(t)
		apply(t, m, things("a", "b", "c"), Options{})
		for _, fails := range []bool{true, false} {
			shelf.fail["adopt b"] = fails
			named := part
			if !fails {
				named = again
			}
			a, problems, err := m.Adoption(t.Context(), "shop", "store", named, nil)
			if err != nil || len(problems) > 0 || a.Whole {
				t.Fatalf("%+v, %v, %v", a, problems, err)
			}
			errs, err := m.Run(t.Context(), a.Plan, a.Seen, a.Grants, a.Want, Options{Parallelism: 1})
			if err != nil || len(errs) > 0 != fails {
				t.Fatal(errs, err)
			}
			if fails {
				o, _ := m.Observe(t.Context(), "shop")
				if err := o.Ledger.HalfAdopted("shop"); err == nil || !strings.HasSuffix(err.Error(), "adopt -name store shop 'thing.a' 'thing.b'") {
					t.Error(err)
				}
			} else if err := m.Succeed(a); err != nil {
				t.Fatal(err)
			}
		}
		l, _, err := ReadLedger(m.LedgerPath, m.ID, m.Kinds)
		if err != nil || len(l.Owner("shop").Last) != 1 || len(l.Owner("store").Last) != 2 || len(l.Adopting) > 0 {
			t.Errorf("then with %v: %+v, %v", again, l, err)
		}
	}
}

// What a kind says cannot be handed over keeps the whole from being begun; of what was begun all goes on that can.
func TestAdoptionRefused(t *testing.T) {
	m, shelf := machine(t)
	apply(t, m, things("a", "b"), Options{})
	shelf.refuses = []resource.Problem{{Addr: addr("a"), Summary: "is not there"}}
	for _, begun := range []bool{false, true} {
		a, problems, err := m.Adoption(t.Context(), "shop", "store", nil, nil)
		if err != nil || (a != nil) != begun || (len(problems) == 0) != begun {
			t.Fatalf("begun %v: %+v, %v, %v", begun, a, problems, err)
		}
		o, err := m.Observe(t.Context(), "store")
		if err != nil {
			t.Fatal(err)
		}
		o.Ledger.Adopting = map[string]Adopting{"shop": {By: "store"}}
		if err := o.Ledger.Write(m.LedgerPath); err != nil {
			t.Fatal(err)
		}
	}
}

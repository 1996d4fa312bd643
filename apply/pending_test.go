package apply

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"hostctl/plan"
	"hostctl/resource"
)

// pending applies a state as a change that waits.
func pending(t *testing.T, m *Machine, want resource.State, d resource.Directives, opts Options) map[int]error {
	t.Helper()
	o, err := m.Observe(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	r, problems := o.Resolve(m.Kinds, want, d, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	p := plan.Make(r.Want, o.Last, o.Live, plan.Options{Kinds: m.Kinds, Owner: "shop", Directives: d})
	opts.Parallelism, opts.Removed, opts.Pending = 1, d.Removed, o.Pend(7, p)
	opts.Pending.Wait(time.Minute, time.Now(), "boot", time.Hour)
	errs, err := m.Run(t.Context(), p, o, r.Grants, p.Want, opts)
	if err != nil {
		t.Fatal(err)
	}
	return errs
}

// undo does what the command does.
func undo(t *testing.T, m *Machine) map[int]error {
	t.Helper()
	o, err := m.Observe(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	w := o.Pending()
	o.Recall()
	want, about := o.Undo(w)
	if want, err = m.Kinds.CloneState(want); err != nil {
		t.Fatal(err)
	}
	var targets []resource.Target
	for _, addr := range about {
		targets = append(targets, addr.Target())
	}
	d := resource.Directives{Sensitive: w.Before.Sensitive, Moved: w.Moved}
	r, problems := o.Resolve(m.Kinds, want, d, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	p := plan.Make(r.Want, o.Last, o.Live, plan.Options{Kinds: m.Kinds, Owner: "shop", Directives: d, Undoes: w.Generation, Targets: targets, Alone: true})
	errs, err := m.Run(t.Context(), p, o, r.Grants, p.Want, Options{Parallelism: 1, Sensitive: d.Sensitive})
	if err != nil {
		t.Fatal(err)
	}
	return errs
}

// An undo takes the host and the ledger to where they were, wherever the change was cut off, and where the undo itself was.
func TestUndo(t *testing.T) {
	target := func(text string) resource.Target {
		target, err := resource.ParseTarget(text)
		if err != nil {
			t.Fatal(err)
		}
		return target
	}
	for name, c := range map[string]struct {
		before, want []string
		d            resource.Directives
		renames      bool
		stopped      string
	}{
		"the first apply":        {nil, []string{"a:1", "b:1<a"}, resource.Directives{}, false, ""},
		"changed":                {[]string{"a:1", "b:1<a"}, []string{"a:2", "b:2<a"}, resource.Directives{}, false, ""},
		"added and removed":      {[]string{"a:1", "b:1<a"}, []string{"c:1", "d:1<c"}, resource.Directives{}, false, ""},
		"all removed":            {[]string{"a:1", "b:1<a"}, nil, resource.Directives{}, false, ""},
		"stopped, and removed":   {[]string{"a:1", "b:1"}, []string{"b:2"}, resource.Directives{}, false, "a"},
		"forgotten":              {[]string{"a:1", "b:1"}, []string{"b:2"}, resource.Directives{Removed: []resource.Target{target("thing.a")}}, false, ""},
		"moved":                  {[]string{"a:1", "b:1<a"}, []string{"c:2", "b:1<c"}, renaming("a", "c"), false, ""},
		"moved, and goes on":     {[]string{"a:1", "b:1"}, []string{"c:2", "b:1"}, renaming("a", "c"), true, ""},
		"moved, and was stopped": {[]string{"a:1", "b:1"}, []string{"c:2", "b:1"}, renaming("a", "c"), true, "a"},
	} {
		for _, cut := range []string{"", "create", "update", "delete"} { // the steps that the change did not come to
			t.Run(name+", without "+cut, func(t *testing.T) {
				m, s := machine(t)
				m.Kinds[0].Renames = c.renames
				apply(t, m, version(c.before...), Options{Sensitive: map[resource.Addr][]string{addr("a"): {"value"}}})
				if c.stopped != "" {
					if err := m.Amend("shop", func(o *Owner) error { o.Stopped[addr(c.stopped)] = Stop{By: "ann"}; return nil }); err != nil {
						t.Fatal(err)
					}
					apply(t, m, version(c.before...), Options{})
				}
				was, err := m.Observe(t.Context(), "shop")
				if err != nil {
					t.Fatal(err)
				}
				cutOff := func() {
					s.fail = map[string]bool{}
					for _, name := range []string{"a", "b", "c", "d"} {
						s.fail[cut+" "+name] = cut != ""
					}
				}
				cutOff()
				pending(t, m, version(c.want...), c.d, Options{Sensitive: map[resource.Addr][]string{}})
				cutOff()
				s.diary = nil
				undo(t, m) // cut off as well
				if c.renames && cut == "" && slices.Contains(s.diary, "create a") {
					t.Errorf("what was moved is made anew: %q", s.diary)
				}
				s.fail = nil
				if errs := undo(t, m); len(errs) > 0 {
					t.Fatal(errs)
				}
				if err := m.Amend("shop", func(o *Owner) error { o.Pending = nil; return nil }); err != nil {
					t.Fatal(err)
				}
				is, err := m.Observe(t.Context(), "shop")
				if err != nil {
					t.Fatal(err)
				}
				for what, pair := range map[string][2]any{
					"the host": {was.Live, is.Live}, "last": {was.Last, is.Last}, "stopped": {len(was.Stopped()), len(is.Stopped())}, "hidden": {len(was.Hidden()), len(is.Hidden())},
				} {
					if !reflect.DeepEqual(pair[0], pair[1]) {
						t.Errorf("%s: %v, and was %v", what, pair[1], pair[0])
					}
				}
				for _, g := range was.Ledger.Grants {
					if !slices.Contains(is.Ledger.Grants, g) {
						t.Errorf("%v is granted no more", g)
					}
				}
			})
		}
	}
}

// What a change does nothing to stays as it is when that is undone, on the host and in the ledger.
func TestUndoLeavesTheRest(t *testing.T) {
	before := []string{"a:1", "b:1", "c:1<b", "d:1", "e:1<d"}
	for name, tt := range map[string]struct {
		want        []string
		diary, live string
	}{
		"changed":              {[]string{"a:2", "b:1", "c:1<b", "d:1", "e:1<d"}, "update a", "a:1 b:odd c:1 e:1"},
		"what refers to it":    {[]string{"a:1", "b:1", "c:2<b", "d:1", "e:1<d"}, "update c", "a:1 b:odd c:1 e:1"},
		"made":                 {append(before, "f:1"), "delete f", "a:1 b:odd c:1 e:1"},
		"removed":              {[]string{"b:1", "c:1<b", "d:1", "e:1<d"}, "create a", "a:1 b:odd c:1 e:1"},
		"what needs it undone": {[]string{"a:1", "b:1", "c:1<b", "d:1", "e:2<d"}, "create d, update e", "a:1 b:odd c:1 d:1 e:1"},
	} {
		t.Run(name, func(t *testing.T) {
			m, s := machine(t)
			apply(t, m, version(before...), Options{})
			pending(t, m, version(tt.want...), resource.Directives{}, Options{})
			// What an administrator does meanwhile.
			odd := *s.things[addr("b")].(*thing)
			odd.Value = "odd"
			s.things[addr("b")] = &odd
			delete(s.things, addr("d"))
			s.diary = nil
			if errs := undo(t, m); len(errs) > 0 {
				t.Fatal(errs)
			}
			if got := strings.Join(s.diary, ", "); got != tt.diary {
				t.Errorf("done: %q, want %q", got, tt.diary)
			}
			o, err := m.Observe(t.Context(), "shop")
			if err != nil {
				t.Fatal(err)
			}
			if got := values(o.Last); got != "a:1 b:1 c:1 d:1 e:1" {
				t.Errorf("last %q", got)
			}
			if got := values(o.Live); got != tt.live {
				t.Errorf("live %q, want %q", got, tt.live)
			}
		})
	}
}

// What an administrator stopped stays stopped, also where it is undone what was changed of it.
func TestUndoStartsNothing(t *testing.T) {
	m, s := machine(t)
	apply(t, m, version("a:1", "b:1"), Options{})
	pending(t, m, version("a:2", "b:1", "c:1"), resource.Directives{}, Options{})
	if err := m.Amend("shop", func(o *Owner) error {
		for _, name := range []string{"a", "b", "c"} {
			o.Stopped[addr(name)] = Stop{By: "ann"}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c"} {
		s.things[addr(name)] = m.Kinds[0].Stopped(s.things[addr(name)])
	}
	if errs := undo(t, m); len(errs) > 0 {
		t.Fatal(errs)
	}
	o, err := m.Observe(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	for addr, spec := range o.Live {
		if spec.(*thing).On {
			t.Errorf("%s was started", addr)
		}
	}
	if values(o.Live) != "a:1 b:1" || len(o.Stopped()) != 2 {
		t.Errorf("%s; stopped %v", values(o.Live), o.Stopped())
	}
}

// A rollback to another generation that is not done to its end is undone with the change that waits.
func TestTouch(t *testing.T) {
	m, _ := machine(t)
	apply(t, m, version("a:1", "b:1<a", "c:1", "d:1"), Options{})
	o, err := m.Observe(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	touched := func(want resource.State, d resource.Directives, w *Pending) string {
		p := plan.Make(want, o.Last, o.Live, plan.Options{Kinds: m.Kinds, Owner: "shop", Directives: d})
		if w == nil {
			w = o.Pend(2, p)
		} else {
			w.Touch(p)
		}
		var names []string
		for _, a := range w.Touched {
			names = append(names, a.Name)
		}
		return strings.Join(names, " ")
	}
	w := &Pending{Before: o.Ledger.Owner("shop")}
	for _, tt := range []struct {
		want    []string
		d       resource.Directives
		renames bool
		waits   *Pending
		touched string
	}{
		{[]string{"a:2", "b:1<a", "c:1"}, resource.Directives{}, false, nil, "a d"},
		{[]string{"e:1", "b:1<e", "c:1", "d:1"}, renaming("a", "e"), true, nil, "a b e"}, // b is told so in the ledger alone
		{[]string{"a:2", "b:1<a", "c:1", "d:1"}, resource.Directives{}, false, w, "a"},
		{[]string{"a:1", "b:1<a", "d:2"}, resource.Directives{}, false, w, "a c d"},
	} {
		m.Kinds[0].Renames = tt.renames
		r, problems := o.Resolve(m.Kinds, version(tt.want...), tt.d, nil)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if got := touched(r.Want, tt.d, tt.waits); got != tt.touched {
			t.Errorf("%v: %q, want %q", tt.want, got, tt.touched)
		}
	}
}

// What waits is in the ledger before the first step, in a format that an older release refuses; after it the format is the old one.
func TestPendingIsDurable(t *testing.T) {
	m, s := machine(t)
	apply(t, m, version("a:1"), Options{})
	seen := 0
	s.during = func(resource.Change) {
		l, _, err := ReadLedger(m.LedgerPath, m.ID, m.Kinds)
		if err != nil || l.Owners["shop"].Pending == nil || values(l.Owners["shop"].Pending.Before.Last) != "a:1" {
			t.Errorf("during a step: %+v, %v", l, err)
		}
		seen++
	}
	pending(t, m, version("a:2", "b:1"), resource.Directives{}, Options{})
	if data, err := os.ReadFile(m.LedgerPath); seen != 2 || err != nil || !strings.Contains(string(data), `"version":2,`) {
		t.Errorf("%d steps; %s, %v", seen, data, err)
	}
	o, err := m.Observe(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if w := o.Pending(); w.Generation != 7 || w.Left("boot", time.Hour+time.Second) != 59*time.Second || w.Left("boot", 2*time.Hour) > 0 || w.Left("another", 0) > 0 {
		t.Errorf("%+v", w)
	}
	// A change that fails changes nothing.
	before, _ := os.ReadFile(m.LedgerPath)
	if err := m.Amend("shop", func(o *Owner) error { o.Pending = nil; return errors.New("told to") }); err == nil {
		t.Error("no error")
	}
	if after, _ := os.ReadFile(m.LedgerPath); string(after) != string(before) {
		t.Error("the ledger was written")
	}
	if err := m.Amend("shop", func(o *Owner) error { o.Pending = nil; return nil }); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(m.LedgerPath); !strings.Contains(string(data), `"version":1,`) || strings.Contains(string(data), "pending") {
		t.Errorf("%s", data)
	}
}

// A number that another configuration was given meanwhile is not taken from it.
func TestRecallTakesNothing(t *testing.T) {
	m, _ := machine(t)
	apply(t, m, version("a:1"), Options{})
	o, err := m.Observe(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	o.Ledger.Owner("shop").Pending = o.Pend(2, &plan.Plan{})
	taken := resource.Grant{Pool: "id", Owner: "blog", Addr: addr("x"), Span: o.Ledger.Grants[0].Span}
	o.Ledger.Grants = []resource.Grant{taken}
	o.Recall()
	if !slices.Equal(o.Ledger.Grants, []resource.Grant{taken}) {
		t.Errorf("%v", o.Ledger.Grants)
	}
	o.Ledger.Grants = nil
	if o.Recall(); len(o.Ledger.Grants) != 1 || o.Ledger.Grants[0].Owner != "shop" {
		t.Errorf("%v", o.Ledger.Grants)
	}
}

package apply

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"hostctl/plan"
	"hostctl/resource"
)

// importing is a shelf that can take over what lies beside it.
type importing struct {
	*shelf
	beside map[string]resource.Spec
}

func (s importing) Find(_ context.Context, _ string, to resource.Addr, id string) (resource.Spec, bool, []resource.Problem) {
	spec := s.beside[id]
	if spec == nil {
		return nil, false, []resource.Problem{{Addr: to, Summary: "there is no " + id}}
	}
	return spec, false, nil
}

// directed does what the command does for a configuration with directives.
func directed(t *testing.T, m *Machine, want resource.State, d resource.Directives) (map[int]error, *plan.Plan) {
	t.Helper()
	o, err := m.Observe(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if problems := m.Import(t.Context(), o, want, d.Imports); len(problems) > 0 {
		t.Fatal(problems)
	}
	r, problems := o.Resolve(m.Kinds, want, d, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	p := plan.Make(r.Want, o.Last, o.Live, plan.Options{Kinds: m.Kinds, Owner: "shop", Directives: d, Imported: o.Imported, Handed: r.Handed, Hidden: o.Hidden()})
	sensitive := d.Sensitive
	if sensitive == nil {
		sensitive = map[resource.Addr][]string{}
	}
	errs, err := m.Run(t.Context(), p, o, r.Grants, p.Want, Options{Parallelism: 1, Sensitive: sensitive})
	if err != nil {
		t.Fatal(err)
	}
	return errs, p
}

func renaming(from, to string) resource.Directives {
	target := func(name string) resource.Target { return resource.Target{Kind: "thing", Name: name} }
	return resource.Directives{Moved: []resource.Move{{From: target(from), To: target(to)}}}
}

// What the ledger holds of a moved resource goes along: its number, and that it was stopped.
func TestMovedKeepsWhatItHas(t *testing.T) {
	for _, renames := range []bool{false, true} {
		m, s := machine(t)
		m.Kinds[0].Renames = renames
		apply(t, m, things("a", "b"), Options{})
		o, err := m.Observe(t.Context(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		o.Ledger.Owner("shop").Stopped[addr("b")] = Stop{By: "root"}
		if err := o.Ledger.Write(m.LedgerPath); err != nil {
			t.Fatal(err)
		}
		number := s.things[addr("b")].(*thing).ID
		apply(t, m, things("a", "b"), Options{})

		d := renaming("b", "c")
		s.diary = nil
		want := things("a", "c")
		want[addr("c")].(*thing).Value = "b"
		s.fail = map[string]bool{"create c": true, "update c": true}
		directed(t, m, want, d) // cut off
		s.fail = nil
		errs, _ := directed(t, m, want, d)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		if wantDiary := map[bool][]string{false: {"delete b", "create c"}, true: {"update c"}}[renames]; !reflect.DeepEqual(s.diary, wantDiary) {
			t.Errorf("renames %v: diary %q, want %q", renames, s.diary, wantDiary)
		}
		c, _ := s.things[addr("c")].(*thing)
		if c == nil || c.ID != number || c.On || s.things[addr("b")] != nil {
			t.Errorf("renames %v: %+v, want number %d, stopped", renames, s.things, number)
		}
		if _, p := directed(t, m, want, d); !p.Empty() || len(p.Moves) > 0 {
			t.Errorf("renames %v: the second apply does something:\n%s", renames, p.Text(plan.TextOptions{}))
		}
		o, err = m.Observe(t.Context(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range o.Ledger.Grants {
			if g.Addr == addr("b") {
				t.Errorf("renames %v: the old address still has %v", renames, g)
			}
		}
		if o.Last[addr("b")] != nil || o.Last[addr("c")] == nil || len(o.Stopped()) != 1 {
			t.Errorf("renames %v: ledger %v, stopped %v", renames, o.Last, o.Stopped())
		}
	}
}

// A number goes from a resource that is gone to one that declares it, and nobody else has it then.
func TestHandedGrant(t *testing.T) {
	l := &Ledger{Grants: []resource.Grant{
		{Pool: "id", Owner: "shop", Addr: addr("a"), Span: resource.Span{Start: 100, Size: 1}},
		{Pool: "id", Owner: "blog", Addr: addr("a"), Span: resource.Span{Start: 100, Size: 1}},
	}}
	l.Grant([]resource.Grant{{Pool: "id", Owner: "shop", Addr: addr("b"), Span: resource.Span{Start: 100, Size: 1}}})
	if len(l.Grants) != 2 || l.Grants[0].Owner != "blog" || l.Grants[1].Addr != addr("b") {
		t.Errorf("grants %v", l.Grants)
	}
}

func TestForgottenLeavesNothingInTheLedger(t *testing.T) {
	m, s := machine(t)
	apply(t, m, things("a", "b"), Options{})
	s.diary = nil
	d := resource.Directives{Removed: []resource.Target{{Kind: "thing", Name: "b"}}}
	directed(t, m, things("a"), d)
	if want := []string{"forget b"}; !reflect.DeepEqual(s.diary, want) {
		t.Errorf("diary %q, want %q", s.diary, want)
	}
	o, err := m.Observe(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range o.Ledger.Grants {
		if g.Addr == addr("b") {
			t.Errorf("grant %v", g)
		}
	}
	if o.Last[addr("b")] != nil {
		t.Error("b is still in the ledger")
	}
}

func TestImport(t *testing.T) {
	m, s := machine(t)
	d := resource.Directives{Imports: []resource.Import{{To: addr("a"), ID: "theirs"}}}
	o, err := m.Observe(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if problems := m.Import(t.Context(), o, things("a"), d.Imports); len(problems) != 1 || !strings.Contains(problems[0].Summary, "a thing cannot be imported") {
		t.Errorf("problems %v", problems)
	}
	m.Hosts["thing"] = importing{s, map[string]resource.Spec{"theirs": &thing{Value: "theirs", On: true}}}
	if problems := m.Import(t.Context(), o, things("a"), []resource.Import{{To: addr("a"), ID: "none"}}); len(problems) != 1 {
		t.Errorf("problems %v", problems)
	}
	_, p := directed(t, m, things("a"), d)
	if p.Summary.Import != 1 || !reflect.DeepEqual(s.diary, []string{"update a"}) {
		t.Errorf("%s %q", p.Text(plan.TextOptions{}), s.diary)
	}
	if _, p := directed(t, m, things("a"), d); !p.Empty() {
		t.Errorf("the second apply does something:\n%s", p.Text(plan.TextOptions{}))
	}
}

// What was sensitive when it was applied is hidden until it is applied as something that is not.
func TestSensitiveIsRemembered(t *testing.T) {
	m, _ := machine(t)
	d := resource.Directives{Sensitive: map[resource.Addr][]string{addr("a"): {"value"}}}
	directed(t, m, things("a"), d)
	want := things("a")
	want[addr("a")].(*thing).Value = "known"
	_, p := directed(t, m, want, resource.Directives{})
	if text := p.Text(plan.TextOptions{}); !strings.Contains(text, "value = (sensitive value) -> (sensitive value)") {
		t.Errorf("%s", text)
	}
	want = things("a")
	want[addr("a")].(*thing).Value = "known again"
	_, p = directed(t, m, want, resource.Directives{})
	if text := p.Text(plan.TextOptions{}); !strings.Contains(text, `"known" -> "known again"`) {
		t.Errorf("%s", text)
	}
	// It becomes sensitive without a change of its value.
	directed(t, m, want, d)
	o, err := m.Observe(t.Context(), "shop")
	if err != nil || !reflect.DeepEqual(o.Hidden(), d.Sensitive) {
		t.Errorf("hidden %v, %v", o.Hidden(), err)
	}
	directed(t, m, resource.State{}, resource.Directives{})
	if o, err = m.Observe(t.Context(), "shop"); err != nil || len(o.Hidden()) > 0 {
		t.Errorf("hidden %v, %v", o.Hidden(), err)
	}
}

func TestARefusedPlanIsNotRun(t *testing.T) {
	m, s := machine(t)
	apply(t, m, things("a"), Options{})
	o, err := m.Observe(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	d := resource.Directives{Lifecycle: map[resource.Addr]resource.Lifecycle{addr("a"): {PreventDestroy: true}}}
	p := plan.Make(nil, o.Last, o.Live, plan.Options{Kinds: m.Kinds, Owner: "shop", Directives: d})
	if _, err := m.Run(t.Context(), p, o, nil, p.Want, Options{Parallelism: 1}); err == nil || !strings.Contains(err.Error(), "thing.a.lifecycle.prevent_destroy") {
		t.Errorf("error %v", err)
	}
	if len(s.diary) != 1 {
		t.Errorf("diary %q", s.diary)
	}
}

func TestSealKey(t *testing.T) {
	m, _ := machine(t)
	first, err := m.SealKey()
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.SealKey()
	if err != nil || !bytes.Equal(first, again) || len(first) != keySize {
		t.Errorf("%x, then %x, %v", first, again, err)
	}
	path := filepath.Join(filepath.Dir(m.LedgerPath), "plan.key")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := m.SealKey(); err == nil {
		t.Error("a key that others can read is used")
	}
	if err := os.WriteFile(path, first[:8], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := m.SealKey(); err == nil {
		t.Error("a torn key is used")
	}
}

package resource

import (
	"reflect"
	"strings"
	"testing"
)

func TestCovered(t *testing.T) {
	for _, c := range []struct {
		path, paths string
		want        bool
	}{
		{"limits.cpu", "limits", true},
		{"limits", "limits.cpu", false},
		{"limitsx", "limits", false},
		{`env["A"]`, "env", true},
		{`env["A"]`, `env["A"]`, true},
		{`env["AB"]`, `env["A"]`, false},
		{`mount["/a"].read_only`, `mount["/a"]`, true},
		{"anything", "*", true},
		{"anything", "other on", false},
	} {
		if got := Covered(c.path, strings.Fields(c.paths)); got != c.want {
			t.Errorf("Covered(%q, %q) = %v", c.path, c.paths, got)
		}
	}
}

// What is grafted is as in the other, the rest as it was, and neither spec is touched.
func TestGraft(t *testing.T) {
	make := func() (to, from *sample) {
		to, from = newSample(), newSample()
		to.Text, from.Text = "to", "from"
		to.Env, from.Env = map[string]string{"A": "1", "B": "2"}, map[string]string{"B": "3", "C": "4"}
		to.Limits.Tasks, from.Limits.Tasks, from.Limits.CPU = 5, 6, 7
		to.Mount = map[string]sampleMount{"/a": {Volume: sampleAddr("x")}, "/b": {}}
		from.Mount = map[string]sampleMount{"/a": {Volume: sampleAddr("y"), ReadOnly: true}, "/c": {}}
		return to, from
	}
	for _, c := range []struct {
		paths string
		set   func(*sample)
	}{
		{"text", func(s *sample) { s.Text = "from" }},
		{"env", func(s *sample) { s.Env = map[string]string{"B": "3", "C": "4"} }},
		{`env["A"]`, func(s *sample) { delete(s.Env, "A") }},
		{`env["B"] env["C"]`, func(s *sample) { s.Env["B"], s.Env["C"] = "3", "4" }},
		{"limits.cpu", func(s *sample) { s.Limits.CPU = 7 }},
		{"limits", func(s *sample) { s.Limits = sampleLimits{CPU: 7, Tasks: 6} }},
		{`mount["/a"].read_only`, func(s *sample) {
			s.Mount["/a"] = sampleMount{Volume: sampleAddr("x"), ReadOnly: true}
		}},
		{`mount["/b"].read_only`, func(*sample) {}},
		{`mount["/b"] mount["/c"]`, func(s *sample) { delete(s.Mount, "/b"); s.Mount["/c"] = sampleMount{} }},
		{"", func(*sample) {}},
	} {
		to, from := make()
		got := Graft(to, from, strings.Fields(c.paths))
		want, kept := make()
		if !reflect.DeepEqual(to, want) || !reflect.DeepEqual(from, kept) {
			t.Fatalf("%s: a spec was modified", c.paths)
		}
		c.set(want)
		if !reflect.DeepEqual(got, Spec(want)) {
			t.Errorf("%s: got %+v, want %+v", c.paths, got, want)
		}
	}
	to, from := make()
	if got := Graft(to, from, []string{"*"}); !reflect.DeepEqual(got, Spec(from)) {
		t.Errorf("all: got %+v", got)
	}
}

func TestReaddress(t *testing.T) {
	s := newSample()
	s.Parent, s.Needs = sampleAddr("a"), []Addr{sampleAddr("a"), sampleAddr("b")}
	s.Mount = map[string]sampleMount{"/a": {Volume: sampleAddr("a")}, "/b": {Volume: sampleAddr("b")}}
	before := Refs(s)
	got := Readdress(s, func(a Addr) Addr {
		if a.Name == "a" {
			a.Name = "new"
		}
		return a
	})
	if !reflect.DeepEqual(Refs(s), before) {
		t.Fatal("the spec was modified")
	}
	var names []string
	for _, e := range Refs(got) {
		names = append(names, e.To.Name)
	}
	if want := []string{"new", "new", "b", "new", "b"}; !reflect.DeepEqual(names, want) {
		t.Errorf("references %q, want %q", names, want)
	}
	if Readdress(s, func(a Addr) Addr { return a }) != Spec(s) || Readdress(nil, nil) != nil {
		t.Error("what does not change is copied")
	}
}

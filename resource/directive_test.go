package resource

import "testing"

func target(t *testing.T, s string) Target {
	t.Helper()
	got, err := ParseTarget(s)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != s {
		t.Errorf("%s is printed as %s", s, got)
	}
	return got
}

func TestTargetCovers(t *testing.T) {
	for _, c := range []struct {
		target, addr string
		want         bool
	}{
		{"container.web", "container.web", true},
		{"container.web", `container.web["a"]`, true},
		{`container.web["a"]`, `container.web["b"]`, false},
		{"container.web", "module.m.container.web", false},
		{"module.m", "module.m.container.web", true},
		{"module.m", `module.m["a"].module.n.container.web`, true},
		{`module.m["a"]`, `module.m["a"].container.web`, true},
		{`module.m["a"]`, `module.m["b"].container.web`, false},
		{`module.m.module.n`, `module.m["b"].module.n.container.web`, false},
		{"module.m", "container.m", false},
		{"module.m.container.web", "module.m.container.web", true},
	} {
		addr, err := ParseAddr(c.addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := target(t, c.target).Covers(addr); got != c.want {
			t.Errorf("%s covers %s: %v", c.target, c.addr, got)
		}
	}
	for _, s := range []string{"", "module", "module.", "module.a.", "web", "module.a.web", `module.a["B"]`} {
		if got, err := ParseTarget(s); err == nil {
			t.Errorf("%q was read as %#v", s, got)
		}
	}
}

func TestMove(t *testing.T) {
	for _, c := range []struct{ from, to, addr, want string }{
		{"container.a", "container.b", "container.a", "container.b"},
		{"container.a", "container.b", `container.a["x"]`, `container.b["x"]`},
		{"container.a", `container.b["x"]`, "container.a", `container.b["x"]`},
		{`container.a["x"]`, "container.b", `container.a["x"]`, "container.b"},
		{"container.a", "module.m.container.a", "container.a", "module.m.container.a"},
		{"module.a", "module.b", "module.a.container.web", "module.b.container.web"},
		{"module.a", "module.b", `module.a["x"].module.n.container.web`, `module.b["x"].module.n.container.web`},
		{`module.a["x"]`, `module.b`, `module.a["x"].container.web`, `module.b.container.web`},
		{"module.a", `module.b["x"]`, "module.a.container.web", `module.b["x"].container.web`},
		{"container.a", "container.b", "container.c", ""},
		{"container.a", `container.b["x"]`, `container.a["y"]`, ""},
	} {
		addr, err := ParseAddr(c.addr)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := Move{target(t, c.from), target(t, c.to)}.Apply(addr)
		if ok != (c.want != "") || ok && got.String() != c.want {
			t.Errorf("%s -> %s: %s went to %s, %v", c.from, c.to, c.addr, got, ok)
		}
	}
}

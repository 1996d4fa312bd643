package resource

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParseAddr(t *testing.T) {
	for _, c := range []struct {
		text string
		want Addr
	}{
		{"container.web", Addr{Kind: "container", Name: "web"}},
		{"container.w-2", Addr{Kind: "container", Name: "w-2"}},
		{`container.worker["mail"]`, Addr{Kind: "container", Name: "worker", Key: "mail"}},
		{`container.worker[0]`, Addr{Kind: "container", Name: "worker", Key: "0"}},
		{`container.worker["007"]`, Addr{Kind: "container", Name: "worker", Key: "007"}},
		{`module.site.container.web`, Addr{Module: "module.site", Kind: "container", Name: "web"}},
		{`module.site["a"].module.db[2].container.web["x"]`, Addr{Module: `module.site["a"].module.db[2]`, Kind: "container", Name: "web", Key: "x"}},
		{"a." + strings.Repeat("x", MaxName), Addr{Kind: "a", Name: strings.Repeat("x", MaxName)}},
	} {
		got, err := ParseAddr(c.text)
		if err != nil || got != c.want {
			t.Errorf("%s: got %v, %v", c.text, got, err)
		}
		if got.String() != c.text {
			t.Errorf("%s: printed as %s", c.text, got)
		}
	}
	for _, text := range []string{
		"", ".", "web", "container.", ".web", "container.Web", "container.a.b", "container.a--b", "container.-a",
		"container.a-", "container.a_b", "container.é", "container.a\n", "container.a b", "container.a[00]", "container.a[-1]", "module.a", "module.a.", "module.a.web", "module.A.container.web", `module.a["b"]container.web`, "module.module.a",
		`container.a[""]`, `container.a["b"`, `container.a["b"]x`, `container.a["b"]["c"]`, `container.a["B"]`,
		`container.["b"]`, `container["b"]`, `container["b"].a`, "container.../a", "a." + strings.Repeat("x", MaxName+1),
		"con tainer.a", "con[tainer.a", "\x00.a", "Container.a", "é.a", `a["x.b`,
	} {
		if got, err := ParseAddr(text); err == nil {
			t.Errorf("%q was read as %#v", text, got)
		}
	}
}

func TestAddrAsJSON(t *testing.T) {
	type holder struct {
		A Addr            `json:"a,omitzero"`
		B Addr            `json:"b"`
		M map[Addr]string `json:"m"`
	}
	in := holder{B: Addr{Kind: "k", Name: "n", Key: "x"}, M: map[Addr]string{{Kind: "k", Name: "m"}: "v"}}
	data, err := json.Marshal(in)
	if want := `{"b":"k.n[\"x\"]","m":{"k.m":"v"}}`; err != nil || string(data) != want {
		t.Fatalf("got %s, %v; want %s", data, err, want)
	}
	var out holder
	if err := json.Unmarshal(data, &out); err != nil || out.B != in.B || len(out.M) != 1 {
		t.Errorf("got %v, %v", out, err)
	}
	if err := json.Unmarshal([]byte(`{"b":""}`), &out); err != nil || out.B != (Addr{}) {
		t.Errorf("the empty text: %v, %v", out.B, err)
	}
}

func TestHostName(t *testing.T) {
	if got := (Addr{Kind: "k", Name: "web"}).HostName(); got != "web" {
		t.Error(got)
	}
	if got := (Addr{Kind: "k", Name: "web", Key: "a"}).HostName(); got != "web-a" {
		t.Error(got)
	}
	if got := (Addr{Module: `module.site["a"].module.db[2]`, Kind: "k", Name: "web", Key: "x"}).HostName(); got != "site-a-db-2-web-x" {
		t.Error(got)
	}
}

func TestAddrOrder(t *testing.T) {
	sorted := []Addr{{}, {Kind: "a", Name: "a", Key: "2"}, {Kind: "a", Name: "a", Key: "10"}, {Kind: "a", Name: "b"}, {Kind: "a", Name: "b", Key: "c"}, {Kind: "a", Name: "b", Key: "d"}, {Kind: "a", Name: "c"}, {Kind: "b", Name: "a"}}
	for i, a := range sorted {
		for j, b := range sorted {
			got, want := a.Compare(b), 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got != want {
				t.Errorf("%v and %v compare as %d", a, b, got)
			}
		}
	}
}

// What is read as an address is printed as the same text, and is a name that a
// unit, a link or a file can carry.
func FuzzParseAddr(f *testing.F) {
	for _, s := range []string{"container.web", `container.web["a"]`, "a.b.c", `a.b["c"]["d"]`, "a\n.b", ".", "", `a["x.b`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAddr(text)
		if err != nil {
			return
		}
		if again, err := ParseAddr(a.String()); err != nil || again != a {
			t.Errorf("%q is printed as %q, which is read as %#v, %v", text, a, again, err)
		}
		if CheckName(a.Name) != nil || a.Key != "" && CheckName(a.Key) != nil {
			t.Errorf("%q has a bad name or key", text)
		}
		if strings.Contains(a.HostName(), "--") || strings.Trim(a.HostName(), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("%q has the host name %q", text, a.HostName())
		}
		if CheckName(a.Kind) != nil {
			t.Errorf("%q has the kind %q", text, a.Kind)
		}
	})
}

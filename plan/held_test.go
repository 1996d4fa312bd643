package plan

import (
	"strings"
	"testing"

	"hostctl/resource"
)

// What is held stays as it is, on the host and in the ledger's word; who would have to touch it is refused.
func TestHeld(t *testing.T) {
	needs := func(to string) func(*thing) { return func(t *thing) { t.Parent = box(to) } }
	image := func(s string) func(*thing) { return func(t *thing) { t.Image = s } }
	path := func(s string) func(*thing) { return func(t *thing) { t.Path = s } }
	for name, c := range map[string]struct {
		want, last, live resource.State
		replace          string
		refused          string
		steps            int
	}{
		"changed":   {want: resource.State{app("a"): spec(image("new")), app("b"): spec(image("new"))}, last: resource.State{app("a"): spec(), app("b"): spec()}, live: resource.State{app("a"): spec(image("odd")), app("b"): spec()}, steps: 1},
		"removed":   {last: resource.State{app("a"): spec()}, live: resource.State{app("a"): spec()}},
		"gone":      {want: resource.State{app("a"): spec()}, last: resource.State{app("a"): spec()}},
		"forgotten": {last: resource.State{app("a"): spec()}},
		"what it needs goes": {want: resource.State{app("a"): spec()}, last: resource.State{box("x"): spec(), app("a"): spec(needs("x"))},
			live: resource.State{box("x"): spec(), app("a"): spec(needs("x"))}, refused: "app.a is held, and needs what would be removed or made anew", steps: 1},
		"what it needs is replaced": {want: resource.State{box("x"): spec(path("/y")), app("a"): spec(needs("x"))}, last: resource.State{box("x"): spec(path("/x")), app("a"): spec(needs("x"))},
			live: resource.State{box("x"): spec(path("/x")), app("a"): spec(needs("x"))}, refused: "app.a is held, and would have to be touched", steps: 4},
		"asked for": {want: resource.State{app("a"): spec()}, last: resource.State{app("a"): spec()}, live: resource.State{app("a"): spec()}, replace: "app.a",
			refused: "app.a is held, and would have to be touched", steps: 2},
	} {
		t.Run(name, func(t *testing.T) {
			o := opt
			o.Held = []resource.Addr{app("a")}
			if c.replace != "" {
				target, err := resource.ParseTarget(c.replace)
				if err != nil {
					t.Fatal(err)
				}
				o.Replace = []resource.Target{target}
			}
			p := Make(c.want, c.last, c.live, o)
			if len(p.Steps) != c.steps || len(p.Record)+len(p.Forget) > 0 {
				t.Errorf("%d steps, record %v, forget %v; want %d steps:\n%s", len(p.Steps), p.Record, p.Forget, c.steps, p.Text(TextOptions{}))
			}
			var refused []string
			for _, r := range p.Refused {
				refused = append(refused, r.Summary)
				if !strings.Contains(r.Detail, "hostctl release app.a") {
					t.Errorf("no remedy in %q", r.Detail)
				}
			}
			if got := strings.Join(refused, "; "); got != c.refused {
				t.Errorf("refused %q, want %q", got, c.refused)
			}
		})
	}
}

func TestDriftText(t *testing.T) {
	last := resource.State{app("a"): spec(), app("b"): spec(), app("c"): spec()}
	live := resource.State{app("a"): spec(func(t *thing) { t.Seen = "odd\x1b" }), app("c"): spec(), app("d"): spec()}
	p := Make(last, last, live, opt)
	list := append(p.Drift(), Drifted{Addr: app("d"), Unapplied: true})
	foreign := []resource.Problem{{Addr: app("c"), Summary: "it is masked", Detail: "unmask it"},
		{Addr: app("a"), Summary: "a drop-in", Detail: "a's"}, {Addr: app("c"), Summary: "a drop-in", Detail: "c's"}, {Summary: "the ledger is open", Detail: "close it"}}
	golden(t, "outside.txt", []byte(DriftText(list, foreign, TextOptions{})))
	if s := DriftText(nil, nil, TextOptions{}); s != "" {
		t.Errorf("of none: %q", s)
	}
	o := opt
	o.Foreign = foreign
	if s := Make(last, last, last, o).Text(TextOptions{}); !strings.Contains(s, "it is masked") || !strings.Contains(s, "No changes.") {
		t.Errorf("an empty plan says nothing of what others did:\n%s", s)
	}
}

package plan

import (
	"fmt"
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

// Who is spared is in the way of its causes one by one, so that who leaves these out too comes to an end.
func TestSpared(t *testing.T) {
	state := func(path string) resource.State {
		return resource.State{box("x"): spec(func(t *thing) { t.Path = path }), box("y"): spec(func(t *thing) { t.Parent = box("x") }), app("a"): spec(func(t *thing) { t.Parent = box("y") })}
	}
	o := opt
	for _, cause := range []string{"box.y", "box.x"} {
		spared := app("a")
		if cause == "box.x" {
			spared = box("y")
		}
		o.Spared = append(o.Spared, spared)
		p := Make(state("/new"), state("/x"), state("/x"), o)
		if len(p.Refused) == 0 {
			t.Fatal("nothing is refused")
		}
		if r := p.Refused[len(p.Refused)-1]; r.Addr.String() != cause || r.Summary != spared.String()+" is left as it is, and would have to be touched" || r.Detail == "" {
			t.Errorf("%s: %+v", cause, r)
		}
	}
	o.Spared = append(o.Spared, box("x"))
	if p := Make(state("/new"), state("/x"), state("/x"), o); len(p.Refused)+len(p.Steps)+len(p.Record) > 0 {
		t.Errorf("%v, %d steps, record %v", p.Refused, len(p.Steps), p.Record)
	}
}

// What is no target stays as it is, though what is one refers to it; made anew it is as wanted.
func TestAlone(t *testing.T) {
	in := func(to, image string) resource.Spec {
		return spec(func(t *thing) { t.Parent, t.Image = box(to), image })
	}
	at := func(path, seen string) resource.Spec { return spec(func(t *thing) { t.Path, t.Seen = path, seen }) }
	target := func(names ...string) (targets []resource.Target) {
		for _, name := range names {
			targets = append(targets, app(name).Target())
		}
		return targets
	}
	last := resource.State{box("x"): at("/x", "as it was"), app("a"): in("x", "i"), app("b"): in("x", "i")}
	live := resource.State{box("x"): at("/x", "odd"), app("a"): in("x", "changed"), app("b"): in("x", "odd")}
	for name, tt := range map[string]struct {
		want    resource.State
		targets []resource.Target
		steps   string
	}{
		"what it refers to": {last, target("a"), "update app.a"},
		"none is there":     {last, target("c"), ""},
		"takes along":       {resource.State{box("x"): at("/y", "as it was"), app("a"): in("x", "i"), app("b"): in("x", "i")}, []resource.Target{box("x").Target()}, "delete app.a, delete app.b, delete box.x, create box.x, create app.a, create app.b"},
	} {
		t.Run(name, func(t *testing.T) {
			o := opt
			o.Targets, o.Alone = tt.targets, true
			p := Make(tt.want, last, live, o)
			var steps []string
			for _, s := range p.Steps {
				steps = append(steps, fmt.Sprintf("%s %s", s.Action, s.Addr))
				if s.Addr == app("b") && s.Want != nil && s.Want.(*thing).Image != "i" {
					t.Errorf("made anew as it was found: %+v", s.Want)
				}
			}
			if got := strings.Join(steps, ", "); got != tt.steps || len(p.Record)+len(p.Forget) > 0 {
				t.Errorf("%s; record %v, forget %v", got, p.Record, p.Forget)
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

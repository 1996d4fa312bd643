package plan

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"hostctl/resource"
)

// Demands makes each environment variable of a thing a capability: what is asked for shows in the plan when it is new.
func (t *thing) Demands(self resource.Addr) []resource.Demand {
	var list []resource.Demand
	for _, name := range slices.Sorted(maps.Keys(t.Env)) {
		if power, ok := strings.CutPrefix(name, "CAP_"); ok {
			list = append(list, resource.Demand{Path: `environment["` + name + `"]`, Right: resource.RightCapability, Value: power})
		}
	}
	return append(list, resource.Demand{Path: "path", Right: resource.RightVolume, Value: t.Path}) // which loosens nothing
}

func TestLoosened(t *testing.T) {
	powers := func(names ...string) func(*thing) {
		return func(t *thing) {
			t.Env = map[string]string{}
			for _, name := range names {
				t.Env["CAP_"+name] = "x"
			}
		}
	}
	want := resource.State{
		app("new"): spec(powers("A", "B")), app("more"): spec(powers("A", "B")), app("less"): spec(powers("A")),
		app("same"): spec(powers("A"), func(t *thing) { t.Image = "2" }), app("hidden"): spec(powers("SECRET")), app("evil"): spec(powers("\x1b[2J\n\u202e")),
	}
	live := resource.State{
		app("more"): spec(powers("A")), app("less"): spec(powers("A", "B")), app("same"): spec(powers("A")), app("gone"): spec(powers("Z")),
	}
	o := opt
	o.Hidden = map[resource.Addr][]string{app("hidden"): {"environment"}}
	p := Make(want, live, live, o)
	var got []string
	for _, l := range p.Loosened {
		got = append(got, l.Addr.Name+" "+l.Value)
	}
	if wanted := []string{"evil \x1b[2J\n\u202e", "hidden ", "more B", "new A", "new B"}; !slices.Equal(got, wanted) {
		t.Errorf("%q, want %q", got, wanted)
	}
	text := p.Text(TextOptions{})
	head, _, _ := strings.Cut(text, "hostctl will do this")
	const first = `More than others of its kind will get:

  ! app.evil: environment["CAP_\u001b[2J\n\u202e"] \u001b[2J\n\u202e
  ! app.hidden: environment["CAP_SECRET"] (sensitive value)
  ! app.more: environment["CAP_B"] B
  ! app.new: environment["CAP_A"] A
  ! app.new: environment["CAP_B"] B

`
	if head != first {
		t.Errorf("the plan begins with:\n%s", head)
	}
	if p := Make(live, live, live, opt); p.Loosened != nil {
		t.Errorf("nothing changes, and %v", p.Loosened)
	}
}

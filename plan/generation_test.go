package plan

import (
	"encoding/json"
	"strings"
	"testing"

	"hostctl/resource"
)

// What a plan says of generations is said from its JSON alone.
func TestPlanOfGenerations(t *testing.T) {
	state := func(image string) resource.State {
		return resource.State{app("web"): spec(func(t *thing) { t.Image = image })}
	}
	small, large := state("small"), state("large")
	for name, tt := range map[string]struct {
		want, live resource.State
		opt        Options
		says, not  string
	}{
		"configuration": {large, small, Options{}, "to make the host as configuration", "rolled back"},
		"back":          {large, small, Options{Generation: 3}, "Data on volumes is not rolled back", "as configuration"},
		"there already": {small, small, Options{Generation: 3}, "No changes. The host is as generation 3 says.", "configuration"},
		"difference":    {large, small, Options{Generation: 3, Since: 2}, "From generation 2 to generation 3 of configuration", "rolled back"},
		"same":          {small, small, Options{Generation: 3, Since: 2}, "No changes. Generation 3 declares what generation 2 does.", "host"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.opt.Owner = "shop"
			data, err := json.Marshal(Make(tt.want, tt.live, tt.live, tt.opt))
			if err != nil {
				t.Fatal(err)
			}
			p, err := Decode(data)
			if err != nil {
				t.Fatal(err)
			}
			if text := p.Text(TextOptions{Width: 200}); !strings.Contains(text, tt.says) || strings.Contains(text, tt.not) {
				t.Errorf("want %q and not %q in:\n%s", tt.says, tt.not, text)
			}
		})
	}
}

func TestBrief(t *testing.T) {
	for want, s := range map[string]Summary{"": {}, "2 added": {Add: 2}, "1 moved, 3 changed, 1 destroyed": {Move: 1, Change: 3, Destroy: 1}} {
		if got := s.Brief(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

package plan

import (
	"fmt"

	"hostctl/resource"
)

// Drifted is a resource that was changed outside hostctl since it was last applied.
type Drifted struct {
	Addr resource.Addr `json:"address"`
	// Gone says that it is not there any more, and Unapplied that it is there with its mark, though nothing remembers that it was
	// applied. Else Differences say what was done: before is as applied, after is as it is.
	Gone        bool         `json:"gone,omitempty"`
	Unapplied   bool         `json:"unapplied,omitempty"`
	Differences []Difference `json:"differences,omitempty"`
}

// Drift is what the plan puts right that was changed outside hostctl, by address.
func (p *Plan) Drift() []Drifted {
	var list []Drifted
	for _, r := range p.Resources {
		d := Drifted{Addr: r.Addr, Gone: r.Reason == Missing}
		for _, difference := range r.Differences {
			if difference.Drift && !d.Gone {
				d.Differences = append(d.Differences, outside(difference))
			}
		}
		if d.Gone || len(d.Differences) > 0 {
			list = append(list, d)
		}
	}
	return list
}

// outside turns the way back, from live to want, into what was done to the host.
func outside(d Difference) Difference {
	d.Before, d.After, d.Class = d.After, d.Before, resource.None
	switch d.Action {
	case resource.Create:
		d.Action = resource.Delete
	case resource.Delete:
		d.Action = resource.Create
	}
	return d
}

// DriftText prints drift for people, and what others put beside resources, once for all of which the same is said; "" where there is none.
func DriftText(list []Drifted, foreign []resource.Problem, opt TextOptions) string {
	if opt.Width <= 0 {
		opt.Width = 80
	}
	t := &text{TextOptions: opt}
	t.drift(list, foreign)
	return t.String()
}

func (t *text) drift(list []Drifted, foreign []resource.Problem) {
	if len(list)+len(foreign) == 0 {
		return
	}
	t.line(t.paint(bold, "Changed outside hostctl since it was last applied:"))
	t.line()
	for _, d := range list {
		addr := plain(d.Addr.String())
		switch {
		case d.Gone:
			t.line(t.symbol(resource.Delete), " ", addr, " is gone")
		case d.Unapplied:
			t.line(t.symbol(resource.Create), " ", addr, " is there, and nothing remembers that it was applied")
		default:
			t.line(t.symbol(resource.Update), " ", addr)
			t.tree(4, tree(d.Differences), resource.Update)
		}
	}
	of := map[string]int{}
	for _, p := range foreign {
		of[p.Summary]++
	}
	for _, p := range foreign {
		more := of[p.Summary] - 1
		if more < 0 {
			continue // said with the first of them
		}
		of[p.Summary] = 0
		what := plain(p.Summary)
		switch {
		case more > 0:
			what = fmt.Sprintf("%s and %d more: %s", plain(p.Addr.String()), more, what)
		case p.Addr != (resource.Addr{}):
			what = plain(p.Addr.String()) + ": " + what
		}
		t.wrapped("  ! ", "    ", yellow, what)
		t.wrapped("    (", "    ", "", plain(p.Detail)+")")
	}
	t.line()
}

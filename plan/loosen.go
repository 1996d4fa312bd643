package plan

import (
	"cmp"
	"fmt"

	"hostctl/resource"
)

// Loosening is something that a program or an account gets by the plan which others do not have, and which it has
// not had before: what a reader is to see first.
type Loosening struct {
	Addr resource.Addr `json:"address"`
	resource.Demand
	// Sensitive says that the value is withheld.
	Sensitive bool `json:"sensitive,omitempty"`
}

// loosened are the loosenings of an item, in the order of its struct; hidden are the paths whose values are not to be shown.
func (it *item) loosened(hidden []string) []Loosening {
	if it.want == nil || it.action == resource.NoOp {
		return nil
	}
	type right struct {
		right  resource.Right
		value  string
		amount float64
	}
	had := map[right]bool{}
	for _, d := range resource.Demands(it.addr, it.live) {
		had[right{d.Right, d.Value, d.Amount}] = true
	}
	var list []Loosening
	for _, d := range resource.Demands(it.addr, it.want) {
		if !d.Right.Loosens() || had[right{d.Right, d.Value, d.Amount}] {
			continue
		}
		l := Loosening{Addr: it.addr, Demand: d}
		if resource.Covered(d.Path, hidden) {
			l.Value, l.Amount, l.Sensitive = "", 0, true
		}
		list = append(list, l)
	}
	return list
}

// loosened prints what is given away.
func (t *text) loosened(list []Loosening) {
	if len(list) == 0 {
		return
	}
	t.line(t.paint(bold, "More than others of its kind will get:"))
	t.line()
	for _, l := range list {
		value := l.Value
		switch {
		case l.Sensitive:
			value = "(sensitive value)"
		case l.Right == resource.RightOOM:
			value = fmt.Sprint(l.Amount)
		case l.Right == resource.RightHostNetwork, l.Right == resource.RightBoot:
			value = "" // the name of the container
		}
		line := plain(l.Addr.String()) + ": " + cmp.Or(plain(l.Path), plain(string(l.Right)))
		if value != "" {
			line += " " + plain(value)
		}
		t.line("  ", t.paint(yellow, "!"), " ", line)
	}
	t.line()
}

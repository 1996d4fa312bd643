package plan

import (
	"cmp"
	"fmt"
	"strings"

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
		t.line("  ", t.paint(yellow, "!"), " ", plain(l.Addr.String()), ": ", plain(l.words()))
	}
	t.line()
}

// words say in a line what is given away.
func (l Loosening) words() string {
	value := l.Value
	if l.Sensitive {
		value = "(sensitive value)"
	}
	switch l.Right {
	case resource.RightWrite:
		return "writes to " + value
	case resource.RightPort:
		return "listens on " + value
	case resource.RightHostNetwork, resource.RightBoot: // the value is the container's name
		return l.Path
	case resource.RightCredential:
		id, _, _ := strings.Cut(value, " ")
		return "has the credential " + id
	case resource.RightOOM:
		return fmt.Sprint(l.Path, " ", l.Amount)
	}
	return cmp.Or(l.Path, string(l.Right)) + " " + value
}

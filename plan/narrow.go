package plan

import (
	"fmt"
	"slices"
	"strings"

	"hostctl/resource"
)

// narrow takes out what the targets do not need: their own steps stay, those of
// all that they refer to, and whatever any of these waits for. What is left
// keeps to every law that the whole plan keeps to.
func (m *maker) narrow(p *Plan, nodes []node, after [][]int) ([]node, [][]int) {
	meant := m.meant()
	keep := make([]bool, len(nodes))
	var queue []int
	halves := map[resource.Addr][]int{}
	for i, n := range nodes {
		halves[n.addr] = append(halves[n.addr], i)
		if meant[n.addr] {
			queue = append(queue, i)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		i := queue[0]
		if keep[i] {
			continue
		}
		keep[i] = true
		queue = append(queue, halves[nodes[i].addr]...)
		queue = append(queue, after[i]...)
	}
	index := make([]int, len(nodes))
	var left []node
	var waits [][]int
	for i, n := range nodes {
		if !keep[i] {
			if m.items[n.addr] != nil {
				delete(m.items, n.addr)
				p.LeftOut++
			}
			continue
		}
		index[i] = len(left)
		left, waits = append(left, n), append(waits, after[i])
	}
	for i, on := range waits {
		waits[i] = slices.Clone(on)
		for j := range on {
			waits[i][j] = index[on[j]]
		}
	}
	out := func(a resource.Addr) bool { return !meant[a] && m.items[a] == nil }
	p.Record = slices.DeleteFunc(p.Record, out)
	p.Forget = slices.DeleteFunc(p.Forget, out)
	p.Moves = slices.DeleteFunc(slices.Clone(p.Moves), func(move Move) bool { return out(move.To) })
	return left, waits
}

// meant are the addresses that the targets name, and those of all that these refer to.
func (m *maker) meant() map[resource.Addr]bool {
	from := map[resource.Addr]resource.Addr{}
	for _, move := range m.moves {
		from[move.To] = move.From
	}
	meant := map[resource.Addr]bool{}
	var queue []resource.Addr
	for _, s := range []resource.State{m.want, m.last, m.live} {
		for addr := range s {
			if slices.ContainsFunc(m.opt.Targets, func(t resource.Target) bool { return t.Covers(addr) || t.Covers(from[addr]) }) {
				queue = append(queue, addr)
			}
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		if meant[queue[0]] {
			continue
		}
		meant[queue[0]] = true
		for _, e := range resource.Refs(m.want[queue[0]]) {
			queue = append(queue, e.To)
		}
	}
	return meant
}

// refuse says what of the plan the configuration forbids, and what it cannot mean.
func (m *maker) refuse() []resource.Problem {
	var problems []resource.Problem
	for _, it := range m.sorted() {
		bad := func(path, detail, format string, args ...any) {
			problems = append(problems, resource.Problem{Addr: it.addr, Path: path, Summary: fmt.Sprintf(format, args...), Detail: detail})
		}
		lifecycle := m.opt.Directives.Lifecycle[it.addr]
		// A move alone takes nothing away, also where the object is made anew for it.
		loses := it.action == resource.Delete || it.action == Replace && (it.reason != Moved || it.class == resource.Replace)
		if lifecycle.PreventDestroy && loses {
			bad("lifecycle.prevent_destroy", "take prevent_destroy out to let it go, or leave this resource out with -target", "%s, and its lifecycle forbids that", headline(it.brief()))
		}
		if it.imported != "" && it.action == Replace && it.reason != Asked {
			bad(forcedPath(it), fmt.Sprintf("write what %s has, or ask for it with -replace=%s", it.imported, it.addr), "what is imported would be replaced at once: %s", because(it.brief()))
		}
		if it.action == resource.Update && it.want != it.config {
			for _, e := range resource.Refs(it.want) {
				if m.want[e.To] == nil {
					bad("lifecycle.ignore_changes", fmt.Sprintf("take %s out of ignore_changes, or keep %s in the configuration", e.Path, e.To),
						"%s is ignored and refers to %s, which the configuration has no more", e.Path, e.To)
				}
			}
		}
		if it.action != resource.Forget {
			continue
		}
		for _, to := range oldRefs(it.now, m.now(it.last)) {
			on := m.items[to]
			if on != nil && (on.action == resource.Delete || on.action == Replace) {
				bad("", fmt.Sprintf("write a removed block for %s too, or keep it as it is", to),
					"%s is to be forgotten and refers to %s, which would be %s", it.addr, to, map[resource.Action]string{resource.Delete: "destroyed", Replace: "replaced"}[on.action])
			}
		}
	}
	return problems
}

// brief is the item for its headline.
func (it *item) brief() *Resource {
	r := it.resource()
	return &r
}

// forcedPath is the first attribute that costs what the item costs.
func forcedPath(it *item) string {
	if forced := it.resource().ForcedBy; len(forced) > 0 {
		return forced[0]
	}
	return ""
}

// partial reports whether the plan is about less than whoever reads it would think: an undo is about what was changed.
func (p *Plan) partial() bool { return len(p.Targets) > 0 && p.Undoes == 0 }

// partial prints what the plan is about where that is not everything.
func (t *text) partial(p *Plan) {
	if !p.partial() {
		return
	}
	names := make([]string, len(p.Targets))
	for i, target := range p.Targets {
		names[i] = plain(target.String())
	}
	words := fmt.Sprintf("This plan is partial: only %s, and what this needs.", strings.Join(names, ", "))
	if p.LeftOut > 0 {
		words += " Left out: " + count(p.LeftOut, "other resource") + " with changes."
	}
	t.wrapped("", "  ", yellow, words)
}

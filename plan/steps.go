package plan

import (
	"cmp"
	"slices"

	"hostctl/resource"
)

// fill writes the items, which are sorted, and the ordered nodes into the plan.
func (p *Plan) fill(items []*item, nodes []node, after [][]int, opt Options) {
	byAddr := make(map[resource.Addr]*item, len(items))
	sharers := map[resource.Addr][]*item{}
	for _, it := range items {
		byAddr[it.addr] = it
		if it.reason == Shares {
			sharers[it.because] = append(sharers[it.because], it)
		}
		hidden := slices.Concat(opt.Directives.Sensitive[it.addr], opt.Hidden[it.addr], opt.Hidden[it.from])
		it.withhold(hidden)
		p.Loosened = append(p.Loosened, it.loosened(hidden)...)
		r := it.resource()
		r.Overlap, r.Note = it.overlaps(opt.Kinds), it.note(opt.Undoes != 0)
		p.Resources = append(p.Resources, r)
		switch it.action {
		case resource.Create:
			p.Summary.Add++
		case resource.Update:
			if len(it.diffs) > 0 {
				p.Summary.Change++
			}
		case resource.Forget:
			p.Summary.Forget++
		case Replace:
			p.Summary.Replace++
		case resource.Delete:
			p.Summary.Destroy++
		}
		if it.from != (resource.Addr{}) {
			p.Summary.Move++
		}
		if it.imported != "" {
			p.Summary.Import++
		}
	}
	wave := waves(nodes, after)
	place := make([]int, len(nodes)) // node by index of step
	for i := range place {
		place[i] = i
	}
	slices.SortFunc(place, func(a, b int) int {
		return cmp.Or(
			cmp.Compare(wave[a], wave[b]),
			cmp.Compare(phase(nodes[a].action), phase(nodes[b].action)),
			nodes[a].addr.Compare(nodes[b].addr),
		)
	})
	index := make([]int, len(nodes)) // index of step by node
	for i, n := range place {
		index[n] = i
	}
	for _, n := range place {
		it := byAddr[nodes[n].addr]
		step := Step{Change: it.change(nodes[n].action, opt), Wave: wave[n]}
		for _, on := range after[n] {
			step.After = append(step.After, index[on])
		}
		slices.Sort(step.After)
		step.Down = goesDown(it, step.Action, opt.Kinds, sharers)
		p.Summary.Down = append(p.Summary.Down, step.Down...)
		p.Steps = append(p.Steps, step)
	}
	slices.SortFunc(p.Summary.Down, resource.Addr.Compare)
	p.Summary.Down = slices.Compact(p.Summary.Down)
}

// withhold takes the values out of the differences that the paths cover.
func (it *item) withhold(paths []string) {
	for i := range it.diffs {
		if d := &it.diffs[i]; !d.Block && resource.Covered(d.Path, paths) {
			d.Before, d.After, d.Sensitive = nil, nil, true
		}
	}
}

func (it *item) resource() Resource {
	r := Resource{
		Addr: it.addr, Action: it.action, Reason: it.reason, Class: it.class, From: it.from, Import: it.imported,
		Because: it.because, Differences: it.diffs, Unchanged: it.unchanged,
	}
	inBlock := map[string]bool{}
	withinBlocks(it.diffs, func(d, _ *Difference) { inBlock[d.Path] = true })
	for _, d := range it.diffs {
		if it.class != resource.None && d.Class == it.class && !inBlock[d.Path] {
			r.ForcedBy = append(r.ForcedBy, d.Path)
		}
	}
	return r
}

// note is the kind's own word on what is done to the item, or undone.
func (it *item) note(undo bool) string {
	spec := it.want
	if spec == nil {
		spec = it.live
	}
	n, ok := spec.(Noter)
	if !ok {
		return ""
	}
	return n.PlanNote(it.action, undo)
}

func (it *item) change(action resource.Action, opt Options) resource.Change {
	c := resource.Change{
		Addr: it.addr, Owner: opt.Owner, Action: action, Replace: it.action == Replace, Undo: opt.Undoes != 0, From: it.from, Import: it.imported,
		Want: it.want, Last: it.last, Live: it.live,
	}
	if action == resource.Delete {
		c.Addr, c.From = it.at, resource.Addr{}
	}
	switch action {
	case resource.Create:
		c.Live = nil // for a replacement, gone by then
	case resource.Delete, resource.Forget:
		c.Want = nil
	case resource.Update:
		c.Class = it.class
		for _, d := range it.diffs {
			c.Paths = append(c.Paths, d.Path)
		}
	}
	return c
}

// goesDown returns the programs that a step takes down.
func goesDown(it *item, action resource.Action, kinds resource.Kinds, sharers map[resource.Addr][]*item) []resource.Addr {
	switch {
	case action == resource.Create, action == resource.Forget:
		return nil
	case action == resource.Update && it.class < resource.Restart && runs(it.addr, it.want, kinds):
		return nil
	case action == resource.Update && it.overlaps(kinds):
		return nil
	}
	var down []resource.Addr
	queue := []*item{it}
	for ; len(queue) > 0; queue = queue[1:] {
		if runs(queue[0].addr, queue[0].live, kinds) {
			down = append(down, queue[0].addr)
		}
		queue = append(queue, sharers[queue[0].addr]...)
	}
	slices.SortFunc(down, resource.Addr.Compare)
	return down
}

// overlaps reports whether an item's new program is started before the old one ends.
func (it *item) overlaps(kinds resource.Kinds) bool {
	o, ok := it.want.(Overlapper)
	return ok && o.Overlaps() && it.action == resource.Update && it.class == resource.Restart && runs(it.addr, it.want, kinds) && runs(it.addr, it.live, kinds)
}

// runs reports whether the spec is of a program, and one that is not stopped.
func runs(addr resource.Addr, spec resource.Spec, kinds resource.Kinds) bool {
	kind, ok := kinds.Lookup(addr.Kind)
	return ok && kind.Runs(spec)
}

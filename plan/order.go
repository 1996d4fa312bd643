package plan

import (
	"cmp"
	"slices"

	"hostctl/resource"
)

// node is a step before it has its place.
type node struct {
	addr   resource.Addr
	action resource.Action
}

// phase is where an action stands among steps that could as well run together.
func phase(a resource.Action) int {
	switch a {
	case resource.Create:
		return 0
	case resource.Update:
		return 1
	default:
		return 2
	}
}

// order makes the nodes of all items and the nodes that each must wait for:
//
//	a create or update waits for the create or update of what it refers to;
//	a delete or forget waits for the update or delete of every live referrer;
//	the create of a replacement waits for its delete;
//	who takes a name or number of the host's waits for who leaves it.
//
// Both kinds of reference together can close a cycle. If want and live have
// none by themselves, every cycle leads from an update to a delete that waits for
// it: the update is promoted to a replacement, whose delete needs to wait for
// nothing that comes new. In the end there may be no updates left, and then no
// cycles. A cycle of want or of live itself is cut at its first node.
func (m *maker) order() ([]node, [][]int) {
	for {
		nodes, after := m.graph()
		cycles := findCycles(after)
		if cycles == nil {
			return nodes, after
		}
		for _, cycle := range cycles {
			m.open(nodes, cycle)
		}
	}
}

// open makes a cycle be none the next time the graph is drawn.
func (m *maker) open(nodes []node, cycle []int) {
	it, holds := m.promotable(nodes, cycle)
	switch {
	case it == nil:
		first := slices.Index(cycle, slices.Min(cycle))
		before := cycle[(first+len(cycle)-1)%len(cycle)]
		if m.cut == nil {
			m.cut = map[[2]node]bool{}
		}
		m.cut[[2]node{nodes[before], nodes[cycle[first]]}] = true
	case it.action == resource.Update: // and not promoted for another cycle meanwhile
		it.replace(Cycle, holds)
		m.promoteFrom([]*item{it})
	}
}

// graph returns the nodes by address, and for each the indexes that it waits for, sorted.
func (m *maker) graph() ([]node, [][]int) {
	items := m.sorted()
	nodes := make([]node, 0, len(items))
	// arrives is the node after which a resource is as wanted, leaves the one
	// after which its old references are gone.
	arrives, leaves := map[resource.Addr]int{}, map[resource.Addr]int{}
	for _, it := range items {
		switch it.action {
		case resource.Delete, Replace:
			leaves[it.addr] = len(nodes)
			nodes = append(nodes, node{it.addr, resource.Delete})
		case resource.Forget:
			leaves[it.addr] = len(nodes)
			nodes = append(nodes, node{it.addr, resource.Forget})
		}
		switch it.action {
		case resource.Update:
			leaves[it.addr], arrives[it.addr] = len(nodes), len(nodes)
			nodes = append(nodes, node{it.addr, resource.Update})
		case resource.Create, Replace:
			arrives[it.addr] = len(nodes)
			nodes = append(nodes, node{it.addr, resource.Create})
		}
	}
	vacated, handed := m.vacated(), map[resource.Addr][]resource.Addr{}
	for _, h := range m.opt.Handed {
		handed[h.To] = append(handed[h.To], h.From)
	}
	after := make([][]int, len(nodes))
	for i, n := range nodes {
		wait := func(on int, ok bool) {
			if ok && on != i && !m.cut[[2]node{nodes[on], n}] {
				after[i] = append(after[i], on)
			}
		}
		it := m.items[n.addr]
		switch n.action {
		case resource.Delete, resource.Forget:
			for _, from := range m.referrers[n.addr] {
				on, ok := leaves[from]
				wait(on, ok)
			}
		default:
			for _, e := range resource.Refs(it.want) {
				on, ok := arrives[e.To]
				wait(on, ok && e.To != n.addr)
			}
			if it.action == Replace {
				wait(leaves[n.addr], true)
			}
			before := handed[n.addr]
			if by, ok := vacated[nameOf(n.addr)]; ok {
				before = append(before, by)
			}
			for _, by := range before {
				on, ok := leaves[by]
				wait(on, ok && by != n.addr)
			}
		}
		slices.Sort(after[i])
		after[i] = slices.Compact(after[i])
	}
	return nodes, after
}

// hostName is what no two resources of one kind can have at a time.
type hostName struct{ kind, name string }

func nameOf(a resource.Addr) hostName { return hostName{a.Kind, a.HostName()} }

// vacated are the names on the host that a moved resource leaves, and which one leaves it.
func (m *maker) vacated() map[hostName]resource.Addr {
	by := map[hostName]resource.Addr{}
	for _, it := range m.items {
		if it.from != (resource.Addr{}) {
			by[nameOf(it.from)] = it.addr
		}
	}
	return by
}

// promotable picks from a cycle the update to be promoted: of those that a
// delete waits for, the one that costs most already, the first by address among equals.
func (m *maker) promotable(nodes []node, cycle []int) (best *item, holds resource.Addr) {
	for i, at := range cycle {
		next := nodes[cycle[(i+1)%len(cycle)]]
		if nodes[at].action != resource.Update || next.action != resource.Delete {
			continue
		}
		it := m.items[nodes[at].addr]
		if best == nil || cmp.Or(cmp.Compare(best.class, it.class), it.addr.Compare(best.addr)) < 0 {
			best, holds = it, next.addr
		}
	}
	return best, holds
}

// findCycles returns cycles that have no node in common, in each of which every node is
// waited for by the next; nil if the graph has no cycle, else at least one.
func findCycles(after [][]int) (cycles [][]int) {
	sorted, _ := levels(after)
	if len(sorted) == len(after) {
		return nil
	}
	const unseen, placed = -1, -2
	// walk is the number of the walk that came by a node first.
	walk := slices.Repeat([]int{unseen}, len(after))
	for _, n := range sorted {
		walk[n] = placed
	}
	// Every node that found no place waits for another such: going back from
	// one to the next comes round, in this walk or an earlier one.
	for start := range after {
		if walk[start] != unseen {
			continue
		}
		var path []int
		n := start
		for walk[n] == unseen {
			walk[n] = start
			path = append(path, n)
			n = after[n][slices.IndexFunc(after[n], func(on int) bool { return walk[on] != placed })]
		}
		if walk[n] == start {
			cycle := path[slices.Index(path, n):]
			slices.Reverse(cycle)
			cycles = append(cycles, cycle)
		}
	}
	return cycles
}

// levels returns the nodes in an order that keeps to after, as far as there is
// one, and the length of the longest way to each.
func levels(after [][]int) (sorted, level []int) {
	waits := make([]int, len(after))
	next := make([][]int, len(after))
	level = make([]int, len(after))
	for n, on := range after {
		waits[n] = len(on)
		for _, o := range on {
			next[o] = append(next[o], n)
		}
		if len(on) == 0 {
			sorted = append(sorted, n)
		}
	}
	for i := 0; i < len(sorted); i++ {
		for _, n := range next[sorted[i]] {
			level[n] = max(level[n], level[sorted[i]]+1)
			if waits[n]--; waits[n] == 0 {
				sorted = append(sorted, n)
			}
		}
	}
	return sorted, level
}

// waves returns the wave of each node: its level, but deletes that no create or
// update waits for come after all creates and updates, so that the old goes when the new is there.
func waves(nodes []node, after [][]int) []int {
	sorted, wave := levels(after)
	early := make([]bool, len(nodes))
	last := -1
	for _, n := range slices.Backward(sorted) {
		early[n] = early[n] || nodes[n].action != resource.Delete && nodes[n].action != resource.Forget
		if early[n] {
			last = max(last, wave[n])
			for _, on := range after[n] {
				early[on] = true
			}
		}
	}
	for _, n := range sorted {
		if early[n] {
			continue
		}
		wave[n] = last + 1
		for _, on := range after[n] {
			if !early[on] {
				wave[n] = max(wave[n], wave[on]+1)
			}
		}
	}
	return wave
}

package plan

import (
	"maps"
	"reflect"
	"slices"

	"hostctl/resource"
)

// Options is what Make needs to know beside the states.
type Options struct {
	// Kinds says which resources are programs. A kind that is not listed is none.
	Kinds resource.Kinds
	// Owner is the configuration's name, for the steps.
	Owner string
}

// item is what Make knows of a resource that something is done to.
type item struct {
	addr             resource.Addr
	want, last, live resource.Spec
	action           resource.Action
	reason           Reason
	because          resource.Addr
	class            resource.Class
	diffs            []Difference
	unchanged        int
}

// decide draws the class and the action of an item that is both wanted and live
// from its differences.
func (it *item) decide() {
	it.class = resource.None
	for _, d := range it.diffs {
		it.class = max(it.class, d.Class)
	}
	it.action = resource.Update
	if it.class == resource.Replace {
		it.action = Replace
	}
}

// maker is the work of one Make.
type maker struct {
	want, last, live resource.State
	items            map[resource.Addr]*item
	// referrers are, for each address, the live resources that refer to it, sorted.
	referrers map[resource.Addr][]resource.Addr
	// cut are the dependencies that are given up, see order.
	cut map[[2]node]bool
}

// Make subtracts live from want, with last to tell what was once applied from
// what is the host's own. want must be resolved and its references without
// cycle and without loose end; live is what the owner has on the host; last is
// the ledger's word, which may be missing or stale for any resource. The states are not modified.
//
// Where the references of want or live do have a cycle, every step is there all
// the same, and some step of the cycle comes before what it refers to.
func Make(want, last, live resource.State, opt Options) *Plan {
	m := &maker{want: want, last: last, live: live, items: map[resource.Addr]*item{}}
	p := &Plan{FormatVersion: FormatVersion, Owner: opt.Owner, Resources: []Resource{}, Steps: []Step{}}
	leaves := m.compare(p)
	if leaves {
		m.findReferrers()
		m.promoteSharers()
	}
	nodes, after := m.order()
	p.fill(m.sorted(), nodes, after, opt)
	return p
}

// compare makes the items, and the lists of what only the ledger is about. It
// reports whether anything is deleted or replaced.
func (m *maker) compare(p *Plan) (leaves bool) {
	for addr, want := range m.want {
		last, live := m.last[addr], m.live[addr]
		it := &item{addr: addr, want: want, last: last, live: live}
		switch {
		case live == nil:
			it.action, it.reason = resource.Create, New
			if last != nil {
				it.reason = Missing
			}
			it.diffs = whole(want, nil)
		case reflect.DeepEqual(want, live):
			if !same(want, last) {
				p.Record = append(p.Record, addr)
			}
			continue
		default:
			it.diffs, it.unchanged = diff(want, last, live)
			if len(it.diffs) == 0 {
				if !same(want, last) {
					p.Record = append(p.Record, addr)
				}
				continue
			}
			it.reason = Changed
			it.decide()
			leaves = leaves || it.action == Replace
		}
		m.items[addr] = it
	}
	for addr, live := range m.live {
		if m.want[addr] == nil {
			leaves = true
			m.items[addr] = &item{
				addr: addr, last: m.last[addr], live: live,
				action: resource.Delete, reason: Removed, diffs: whole(nil, live),
			}
		}
	}
	for addr := range m.last {
		if m.want[addr] == nil && m.live[addr] == nil {
			p.Forget = append(p.Forget, addr)
		}
	}
	slices.SortFunc(p.Record, resource.Addr.Compare)
	slices.SortFunc(p.Forget, resource.Addr.Compare)
	return leaves
}

// oldRefs are the addresses that a live resource refers to: what the host says,
// and at attributes of which it says nothing, what was last applied.
func oldRefs(live, last resource.Spec) []resource.Addr {
	var to []resource.Addr
	said := map[string]bool{}
	for _, e := range resource.Refs(live) {
		said[e.Path] = true
		to = append(to, e.To)
	}
	for _, e := range resource.Refs(last) {
		if !said[e.Path] {
			to = append(to, e.To)
		}
	}
	return to
}

func (m *maker) findReferrers() {
	m.referrers = map[resource.Addr][]resource.Addr{}
	for addr, live := range m.live {
		for _, to := range oldRefs(live, m.last[addr]) {
			if to != addr {
				m.referrers[to] = append(m.referrers[to], addr)
			}
		}
	}
	for to, from := range m.referrers {
		slices.SortFunc(from, resource.Addr.Compare)
		m.referrers[to] = slices.Compact(from)
	}
}

// stays returns the item of a resource that is wanted and live, making one for
// a resource that nothing is done to yet; nil for any other.
func (m *maker) stays(addr resource.Addr) *item {
	if it := m.items[addr]; it != nil {
		if it.action == resource.Update || it.action == Replace {
			return it
		}
		return nil
	}
	want, live := m.want[addr], m.live[addr]
	if want == nil || live == nil {
		return nil
	}
	it := &item{addr: addr, want: want, last: m.last[addr], live: live, action: resource.NoOp}
	it.diffs, it.unchanged = diff(want, it.last, live)
	return it
}

// promoteSharers replaces whatever refers to a replaced resource before and
// after, and so on until nothing is left in between.
func (m *maker) promoteSharers() {
	var queue []*item
	for _, it := range m.sorted() {
		if it.action == Replace {
			queue = append(queue, it)
		}
	}
	m.promoteFrom(queue)
}

func (m *maker) promoteFrom(queue []*item) {
	for ; len(queue) > 0; queue = queue[1:] {
		target := queue[0].addr
		for _, from := range m.referrers[target] {
			it := m.stays(from)
			if it == nil || it.action == Replace || !refers(it.want, target) {
				continue
			}
			it.action, it.reason, it.because = Replace, Shares, target
			m.items[from] = it
			queue = append(queue, it)
		}
	}
}

func refers(spec resource.Spec, to resource.Addr) bool {
	return slices.ContainsFunc(resource.Refs(spec), func(e resource.Edge) bool { return e.To == to })
}

func (m *maker) sorted() []*item {
	return slices.SortedFunc(maps.Values(m.items), func(a, b *item) int { return a.addr.Compare(b.addr) })
}

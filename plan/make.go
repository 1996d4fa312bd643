package plan

import (
	"maps"
	"reflect"
	"slices"

	"hostctl/resource"
)

// Options is what Make needs to know beside the states.
type Options struct {
	// Kinds says which resources are programs, and which go on under another
	// address. A kind that is not listed is none of both.
	Kinds resource.Kinds
	// Owner is the configuration's name, for the steps.
	Owner string
	// Directives is what the configuration says of the way.
	Directives resource.Directives
	// Generation, Since and Undoes are those of [Plan].
	Generation, Since, Undoes uint64
	// Targets are the resources that the plan is about, with all that they need; empty is all there is.
	Targets []resource.Target
	// Alone says that what Targets do not name stays as it is where it is there, also what they refer to, and the ledger's word of it. It
	// is made anew where it stands on what goes.
	Alone bool
	// Replace are resources to be made anew even where nothing of them differs.
	Replace []resource.Target
	// Imported are the live resources that nobody owns yet, by the id that each was found by.
	Imported map[resource.Addr]string
	// Handed are the numbers that go from one resource to another.
	Handed []resource.Handover
	// Hidden are paths whose values are not to be shown, beside those of Directives.Sensitive:
	// what was sensitive when it was last applied.
	Hidden map[resource.Addr][]string
	// Held are resources that are to be left exactly as they are, sorted; the ledger's word of them stays as well.
	Held []resource.Addr
	// Spared are left as what is held is, for something stands in their way.
	Spared []resource.Addr
	// Foreign is what others put beside resources, for the plan to say.
	Foreign []resource.Problem
	// Unread is what could not be read of the host; nil where everything was.
	Unread *Unread
}

// item is what Make knows of a resource that something is done to.
type item struct {
	addr             resource.Addr
	from             resource.Addr // where it takes another address
	at               resource.Addr // which one the host has it under
	imported         string        // the id of what it is imported from
	want, last, live resource.Spec
	config           resource.Spec // want as the configuration has it, without what is ignored
	now              resource.Spec // live with its references readdressed
	action           resource.Action
	reason           Reason
	because          resource.Addr
	class            resource.Class
	diffs            []Difference
	unchanged        int
}

// compare finds the differences of an item that is both wanted and live.
func (it *item) compare() {
	it.diffs, it.unchanged = diff(it.want, it.last, it.live, it.now)
	it.class = resource.None
	for _, d := range it.diffs {
		it.class = max(it.class, d.Class)
	}
}

// replace makes the item one that is made anew, and that as the configuration says.
func (it *item) replace(reason Reason, because resource.Addr) {
	it.action, it.reason, it.because = Replace, reason, because
	if it.want != it.config {
		it.want = it.config
		it.compare()
	}
}

// maker is the work of one Make. Its states have the moved resources under their new addresses.
type maker struct {
	opt              Options
	want, last, live resource.State
	moves            []Move
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
	p := &Plan{FormatVersion: FormatVersion, Owner: opt.Owner, Generation: opt.Generation, Since: opt.Since, Undoes: opt.Undoes, Targets: opt.Targets, Foreign: opt.Foreign, Resources: []Resource{}, Steps: []Step{}, Unread: opt.Unread}
	want = hold(opt.Unread.without(want), live, slices.Concat(opt.Held, opt.Spared))
	m := &maker{opt: opt, want: want, items: map[resource.Addr]*item{}}
	m.moves, p.Refused = Moves(want, last, live, opt.Directives, opt.Kinds)
	m.last, m.live = rekey(last, m.moves, false), rekey(live, m.moves, true)
	p.Moves = m.moves
	leaves := m.compare(p, live)
	if leaves {
		m.findReferrers()
		m.promoteSharers()
	}
	nodes, after := m.order()
	if len(opt.Targets) > 0 {
		nodes, after = m.narrow(p, nodes, after)
	}
	p.Refused = slices.Concat(p.Refused, m.refuse(), m.refuseHeld())
	p.Record, p.Forget = m.unlessLeft(p.Record), m.unlessLeft(p.Forget)
	if opt.Unread != nil {
		p.Record, p.Forget = nil, nil // there is no ledger to compare with, nor is anything written
	}
	p.fill(m.sorted(), nodes, after, opt)
	p.Want = m.effective()
	return p
}

// without returns the wanted resources that something is known of.
func (u *Unread) without(want resource.State) resource.State {
	if !u.Whole() {
		return want
	}
	known := maps.Clone(want)
	for _, r := range u.Resources {
		if len(r.Paths) == 0 {
			delete(known, r.Addr)
		}
	}
	return known
}

// effective is what is wanted once the directives were heard.
func (m *maker) effective() resource.State {
	out := make(resource.State, len(m.want))
	for addr, spec := range m.want {
		out[addr] = spec
		if it := m.items[addr]; it != nil && it.want != nil {
			out[addr] = it.want
		} else if m.live[addr] != nil && !m.left(addr) {
			out[addr] = m.heeded(addr)
		}
	}
	return out
}

// left reports whether a resource is to stay as it is for not being a target.
func (m *maker) left(addr resource.Addr) bool {
	return m.opt.Alone && !slices.ContainsFunc(m.opt.Targets, func(t resource.Target) bool { return t.Covers(addr) })
}

// heeded is a wanted spec with the live values of what is to be ignored.
func (m *maker) heeded(addr resource.Addr) resource.Spec {
	if m.left(addr) {
		return m.now(m.live[addr])
	}
	ignore := m.opt.Directives.Lifecycle[addr].IgnoreChanges
	if len(ignore) == 0 {
		return m.want[addr]
	}
	return resource.Graft(m.want[addr], m.now(m.live[addr]), ignore)
}

// item makes the item of a wanted resource that nothing is decided of.
func (m *maker) item(addr resource.Addr) *item {
	it := &item{addr: addr, at: addr, config: m.want[addr], want: m.want[addr], last: m.last[addr], live: m.live[addr], action: resource.NoOp}
	if it.live != nil {
		it.want, it.now = m.heeded(addr), m.now(it.live)
	}
	return it
}

// compare makes the items, and the lists of what only the ledger is about. It
// reports whether anything is deleted or replaced. live is the host's own, not rekeyed.
func (m *maker) compare(p *Plan, live resource.State) (leaves bool) {
	from := make(map[resource.Addr]resource.Addr, len(m.moves))
	for _, move := range m.moves {
		// What was made anew already is moved but for the ledger.
		if kind, _ := m.opt.Kinds.Lookup(move.To.Kind); kind.Renames || live[move.From] != nil || live[move.To] == nil {
			from[move.To] = move.From
		}
	}
	for addr, want := range m.want {
		moved, isMoved := from[addr]
		imported := m.opt.Imported[addr]
		if !isMoved && imported == "" && len(m.opt.Replace) == 0 && m.live[addr] != nil && reflect.DeepEqual(want, m.live[addr]) {
			if !same(want, m.last[addr]) {
				p.Record = append(p.Record, addr)
			}
			continue
		}
		it := m.item(addr)
		if it.from, it.imported = moved, imported; isMoved && live[addr] == nil && live[moved] != nil {
			it.at = moved
		}
		kind, _ := m.opt.Kinds.Lookup(addr.Kind)
		if it.live == nil {
			it.action, it.reason = resource.Create, New
			if it.last != nil {
				it.reason = Missing
			}
			it.diffs = whole(it.want, nil)
			m.items[addr] = it
			continue
		}
		it.compare()
		asked := slices.ContainsFunc(m.opt.Replace, func(t resource.Target) bool { return t.Covers(addr) })
		it.action, it.reason = resource.Update, Changed
		switch {
		case isMoved && !kind.Renames:
			it.replace(Moved, resource.Addr{})
		case asked:
			it.replace(Asked, resource.Addr{})
		case it.class == resource.Replace:
			it.replace(Changed, resource.Addr{})
		case isMoved:
			it.reason, it.class = Moved, max(it.class, resource.Live)
		case imported != "":
			it.reason, it.class = Imported, max(it.class, resource.Live)
		case len(it.diffs) == 0:
			if !same(it.want, it.last) {
				p.Record = append(p.Record, addr)
			}
			continue
		}
		leaves = leaves || it.action == Replace
		m.items[addr] = it
	}
	for addr, spec := range m.live {
		if m.want[addr] != nil {
			continue
		}
		it := &item{addr: addr, at: addr, last: m.last[addr], live: spec, now: m.now(spec), action: resource.Delete, reason: Removed, diffs: whole(nil, spec)}
		if released(addr, m.opt.Directives) {
			it.action, it.reason, it.diffs = resource.Forget, Released, []Difference{}
		}
		leaves = true
		m.items[addr] = it
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
		for _, to := range oldRefs(m.now(live), m.now(m.last[addr])) {
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
	if m.want[addr] == nil || m.live[addr] == nil {
		return nil
	}
	it := m.item(addr)
	it.compare()
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
			it.replace(Shares, target)
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

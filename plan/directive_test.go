package plan

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"hostctl/resource"
)

// detour is a triple with directives: the way to want leads around what they say.
type detour struct {
	want, last, live resource.State
	opt              Options
	rnd              *rand.Rand
}

// newDetour makes a random one. The kind box goes on under another address, the kind app does not.
func newDetour(seed uint64) detour {
	want, last, live, rnd := triple(seed)
	d := detour{want: want, last: last, live: live, rnd: rnd, opt: opt}
	d.opt.Directives.Lifecycle = map[resource.Addr]resource.Lifecycle{}
	d.opt.Imported = map[resource.Addr]string{}
	for _, addr := range want.Addrs() {
		if rnd.IntN(4) == 0 {
			paths := [][]string{{"image"}, {"environment", "memory"}, {"path"}, {"mount[\"/a\"].read_only", "limits"}}[rnd.IntN(4)]
			d.opt.Directives.Lifecycle[addr] = resource.Lifecycle{IgnoreChanges: paths}
		}
		if live[addr] != nil && last[addr] == nil && rnd.IntN(2) == 0 {
			d.opt.Imported[addr] = "id of " + addr.Name
		}
		if rnd.IntN(12) == 0 {
			d.opt.Replace = append(d.opt.Replace, resource.Target{Kind: addr.Kind, Name: addr.Name})
		}
	}
	// Some of what the host has was applied under another address, and what refers to it still says so.
	old := map[resource.Addr]resource.Addr{}
	for _, addr := range want.Addrs() {
		if live[addr] == nil && last[addr] == nil || d.opt.Imported[addr] != "" || rnd.IntN(4) != 0 {
			continue
		}
		from := addr
		from.Name = "old-" + addr.Name
		old[addr] = from
		d.opt.Directives.Moved = append(d.opt.Directives.Moved, resource.Move{From: target(from), To: target(addr)})
	}
	back := func(a resource.Addr) resource.Addr {
		if from, ok := old[a]; ok {
			return from
		}
		return a
	}
	under := func(s resource.State) resource.State {
		out := resource.State{}
		for addr, spec := range s {
			out[back(addr)] = resource.Readdress(spec, back)
		}
		return out
	}
	d.last, d.live = under(last), under(live)
	for _, addr := range d.live.Addrs() {
		if want[addr] == nil && old[addr] == (resource.Addr{}) && !strings.HasPrefix(addr.Name, "old-") && rnd.IntN(3) == 0 {
			d.opt.Directives.Removed = append(d.opt.Directives.Removed, target(addr))
		}
	}
	return d
}

func target(a resource.Addr) resource.Target {
	return resource.Target{Kind: a.Kind, Name: a.Name, Key: a.Key}
}

func (d detour) machine(t testing.TB) *machine {
	return &machine{t: t, want: d.want, last: cloneState(d.last), live: cloneState(d.live), moved: map[resource.Addr]resource.Addr{}}
}

// make is the plan for what the machine has now. What was imported once is not imported again.
func (d detour) make(m *machine) *Plan {
	o := d.opt
	o.Imported = map[resource.Addr]string{}
	for addr, id := range d.opt.Imported {
		if m.last[addr] == nil && m.live[addr] != nil {
			o.Imported[addr] = id
		}
	}
	if m.replaced {
		o.Replace = nil
	}
	return Make(d.want, m.last, m.live, o)
}

// allowed drops the directives that a plan is refused for.
func (d *detour) allowed(m *machine) *Plan {
	p := d.make(m)
	for range 50 {
		if len(p.Refused) == 0 {
			return p
		}
		for _, refused := range p.Refused {
			delete(d.opt.Directives.Lifecycle, refused.Addr)
			delete(d.opt.Imported, refused.Addr)
			d.opt.Directives.Removed = slices.DeleteFunc(d.opt.Directives.Removed, func(t resource.Target) bool { return t.Covers(refused.Addr) })
		}
		p = d.make(m)
	}
	m.t.Fatalf("refused for good: %v", p.Refused)
	return nil
}

// The machine holds the laws of order, here too; and what is done stays done.
func TestDirectivesReachWant(t *testing.T) {
	t.Parallel()
	counts := map[Reason]int{}
	for seed := range uint64(rounds / 3) {
		d := newDetour(seed)
		m := d.machine(t)
		p := d.allowed(m)
		checkShape(t, p)
		for _, r := range p.Resources {
			counts[r.Reason]++
		}
		m.run(p, 0, d.rnd)
		m.replaced = true
		checkDone(t, seed, d, m, p)
	}
	for _, reason := range []Reason{Moved, Imported, Asked, Released} {
		if counts[reason] < 60 {
			t.Errorf("only %d resources are %s: the triples are too tame to show anything", counts[reason], reason)
		}
	}
}

func TestDirectivesAfterFailures(t *testing.T) {
	t.Parallel()
	for seed := range uint64(rounds / 3) {
		d := newDetour(seed)
		m := d.machine(t)
		p := d.allowed(m)
		for range 2 {
			m.run(p, 30, d.rnd)
			p = d.allowed(m)
			checkShape(t, p)
		}
		m.run(p, 0, d.rnd)
		m.replaced = true
		checkDone(t, seed, d, m, p)
	}
}

// A partial plan keeps to the laws as the whole one does, acts on what it was
// asked for, and leaves the rest for the whole plan, which still converges.
func TestTargetsKeepTheLaws(t *testing.T) {
	t.Parallel()
	partial := 0
	for seed := range uint64(rounds / 3) {
		d := newDetour(seed)
		m := d.machine(t)
		whole := d.allowed(m)
		if len(whole.Resources) == 0 {
			continue
		}
		aim := whole.Resources[d.rnd.IntN(len(whole.Resources))]
		d.opt.Targets = []resource.Target{target(aim.Addr)}
		p := d.make(m)
		if len(p.Refused) > 0 {
			t.Fatalf("seed %d: %v", seed, p.Refused)
		}
		checkShape(t, p)
		if len(p.Resources)+p.LeftOut != len(whole.Resources) {
			t.Fatalf("seed %d: %d resources and %d left out of %d", seed, len(p.Resources), p.LeftOut, len(whole.Resources))
		}
		if !slices.ContainsFunc(p.Resources, func(r Resource) bool { return r.Addr == aim.Addr && r.Action == aim.Action }) {
			t.Fatalf("seed %d: the plan for %s does not %s it", seed, aim.Addr, aim.Action)
		}
		if p.LeftOut > 0 {
			partial++
		}
		m.run(p, 0, d.rnd)
		again := d.make(m)
		for _, r := range again.Resources {
			if r.Addr == aim.Addr && r.Reason != Asked && r.Reason != Shares {
				t.Fatalf("seed %d: %s is still to do:\n%s", seed, aim.Addr, again.Text(TextOptions{}))
			}
		}
		d.opt.Targets, m.replaced = nil, true
		rest := d.allowed(m)
		checkShape(t, rest)
		m.run(rest, 0, d.rnd)
		checkDone(t, seed, d, m, rest)
	}
	if partial < rounds/12 {
		t.Errorf("only %d plans left something out", partial)
	}
}

func TestDirectivesPrintFromJSON(t *testing.T) {
	t.Parallel()
	for seed := range uint64(rounds / 4) {
		d := newDetour(seed)
		m := d.machine(t)
		p := d.allowed(m)
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if decoded.Text(TextOptions{}) != p.Text(TextOptions{}) || !decoded.Equal(p) || !d.make(m).Equal(p) {
			t.Fatalf("seed %d: the decoded plan is another", seed)
		}
	}
}

// checkDone says what the end must look like: every resource under its new
// address and as wanted but for what is ignored, and nothing to do any more.
func checkDone(t *testing.T, seed uint64, d detour, m *machine, p *Plan) {
	t.Helper()
	if len(m.live) != len(d.want) {
		t.Fatalf("seed %d: %v wanted, %v live", seed, d.want.Addrs(), m.live.Addrs())
	}
	for addr, spec := range d.want {
		ignored := d.opt.Directives.Lifecycle[addr].IgnoreChanges
		is := byPath(resource.Leaves(resource.Readdress(m.live[addr], m.now)))
		for _, leaf := range resource.Leaves(spec) {
			if live := is[leaf.Path]; (live == nil || live.Value != leaf.Value) && !resource.Covered(leaf.Path, ignored) {
				t.Fatalf("seed %d: %s.%s is not as wanted", seed, addr, leaf.Path)
			}
		}
		if m.last[addr] == nil {
			t.Fatalf("seed %d: the ledger does not know %s", seed, addr)
		}
	}
	again := d.make(m)
	if !again.Empty() || len(again.Moves) > 0 || len(again.Record)+len(again.Forget) > 0 || len(again.Refused) > 0 {
		t.Fatalf("seed %d: after the run there is still to do:\n%s%v\nfirst:\n%s", seed, again.Text(TextOptions{}), again.Refused, p.Text(TextOptions{}))
	}
}

// Who takes a number or a name of the host's comes after who had it.
func TestTakenComesAfterLeft(t *testing.T) {
	handed := opt
	handed.Handed = []resource.Handover{{From: box("old"), To: box("new")}}
	moved := opt
	moved.Directives.Moved = []resource.Move{{From: target(box("a")), To: target(box("b"))}}
	changed := spec(func(t *thing) { t.UID = 8 })
	for _, c := range []struct {
		name             string
		want, live       resource.State
		opt              Options
		first, afterward resource.Addr
	}{
		{"from one that goes", resource.State{box("new"): spec()}, resource.State{box("old"): spec()}, handed, box("old"), box("new")},
		{"from one that changes", resource.State{box("new"): spec(), box("old"): changed}, resource.State{box("old"): spec()}, handed, box("old"), box("new")},
		{"under the name of one that moves", resource.State{box("a"): spec(), box("b"): spec()}, resource.State{box("a"): spec()}, moved, box("b"), box("a")},
	} {
		p := Make(c.want, c.live, c.live, c.opt)
		checkShape(t, p)
		var order []resource.Addr
		for _, s := range p.Steps {
			order = append(order, s.Addr)
		}
		first, then := slices.Index(order, c.first), slices.Index(order, c.afterward)
		if first < 0 || then < 0 || first > then || !slices.Contains(p.Steps[then].After, first) && p.Steps[then].Wave <= p.Steps[first].Wave {
			t.Errorf("%s: %v", c.name, order)
		}
	}
}

// A move that leads to a block and not to the resource in it that was meant is a problem: it would remove what is to go on.
func TestMoveMissesTheKey(t *testing.T) {
	web := box("web")
	old := box("old")
	key := func(a resource.Addr, key string) resource.Addr { a.Key = key; return a }
	moved := resource.Directives{Moved: []resource.Move{{From: target(old), To: target(web)}}}
	for _, c := range []struct {
		want, live resource.Addr
		problems   int
	}{
		{key(web, "0"), old, 1},
		{web, old, 0},
		{key(web, "0"), key(old, "0"), 0},
		{key(web, "0"), key(old, "1"), 0}, // its key is gone, and so is it
		{web, key(old, "1"), 1},
	} {
		_, problems := Moves(resource.State{c.want: spec()}, nil, resource.State{c.live: spec()}, moved, nil)
		if len(problems) != c.problems {
			t.Errorf("%s was, %s is wanted: %v", c.live, c.want, problems)
		}
	}
}

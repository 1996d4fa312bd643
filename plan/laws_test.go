package plan

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"hostctl/resource"
)

// rounds is how many random triples each law is held against.
const rounds = 3000

// triple makes what was last applied, what became of it on the host, and what
// is wanted now. The order that references keep to is another in want.
func triple(seed uint64) (want, last, live resource.State, rnd *rand.Rand) {
	rnd = rand.New(rand.NewPCG(seed, 2))
	w := newWorld(rnd, 1+rnd.IntN(12))
	last = w.state(70)
	live = resource.State{}
	for _, addr := range last.Addrs() {
		if rnd.IntN(12) == 0 {
			continue // removed outside
		}
		l := clone(last[addr])
		if rnd.IntN(4) == 0 {
			w.stir(l, w.before(addr, last), 20)
		}
		live[addr] = l
	}
	for addr := range live {
		// A host has no reference to what is not there.
		strip(live[addr].(*thing), live)
	}
	if rnd.IntN(3) == 0 {
		w.shuffle()
	}
	if rnd.IntN(3) == 0 {
		want = w.state(70)
	} else {
		want = resource.State{}
		for _, addr := range w.places {
			if rnd.IntN(5) == 0 {
				continue
			}
			var l *thing
			if spec := last[addr]; spec != nil {
				l = clone(spec)
				keep := resource.State{}
				for _, a := range w.before(addr, want) {
					keep[a] = want[a]
				}
				strip(l, keep)
			} else {
				l = newThing().(*thing)
			}
			if rnd.IntN(3) == 0 {
				w.stir(l, w.before(addr, want), 30)
			}
			want[addr] = l
		}
	}
	for _, addr := range last.Addrs() {
		if rnd.IntN(10) == 0 {
			delete(last, addr) // the ledger lost it
		}
	}
	return want, last, live, rnd
}

// strip takes out references to what is not in s.
func strip(t *thing, s resource.State) {
	if s[t.Parent] == nil {
		t.Parent = resource.Addr{}
	}
	t.Needs = slices.DeleteFunc(t.Needs, func(a resource.Addr) bool { return s[a] == nil })
	for k, m := range t.Mount {
		if s[m.Volume] == nil {
			m.Volume = resource.Addr{}
			t.Mount[k] = m
		}
	}
}

func TestEqualStatesGiveAnEmptyPlan(t *testing.T) {
	t.Parallel()
	for seed := range uint64(rounds) {
		want, _, _, _ := triple(seed)
		p := Make(want, cloneState(want), cloneState(want), opt)
		if !p.Empty() || len(p.Resources)+len(p.Record)+len(p.Forget) != 0 {
			t.Fatalf("seed %d:\n%s", seed, p.Text(TextOptions{}))
		}
	}
}

// The machine holds the laws of order: it objects to a reference to what is
// not there, and to a deletion of what is referred to.
func TestAnyAdmittedOrderReachesWant(t *testing.T) {
	t.Parallel()
	promoted := 0
	for seed := range uint64(rounds) {
		want, last, live, rnd := triple(seed)
		p := Make(want, last, live, opt)
		checkShape(t, p)
		for _, r := range p.Resources {
			if r.Reason == Shares || r.Reason == Cycle {
				promoted++
			}
		}
		m := &machine{t: t, want: want, last: cloneState(last), live: cloneState(live)}
		m.run(p, 0, rnd)
		checkReached(t, seed, want, last, live, m, p)
	}
	if promoted < 100 {
		t.Errorf("only %d promotions: the triples are too tame to show anything", promoted)
	}
}

func TestAfterFailuresTheNextRunConverges(t *testing.T) {
	t.Parallel()
	for seed := range uint64(rounds) {
		want, last, live, rnd := triple(seed)
		m := &machine{t: t, want: want, last: cloneState(last), live: cloneState(live)}
		m.run(Make(want, m.last, m.live, opt), 30, rnd)
		live, last = cloneState(m.live), cloneState(m.last)
		p := Make(want, m.last, m.live, opt)
		checkShape(t, p)
		m.run(p, 0, rnd)
		checkReached(t, seed, want, last, live, m, p)
	}
}

func TestEqualInputMakesEqualPlans(t *testing.T) {
	t.Parallel()
	for seed := range uint64(rounds / 4) {
		want, last, live, _ := triple(seed)
		a, err := json.Marshal(Make(want, last, live, opt))
		if err != nil {
			t.Fatal(err)
		}
		p := Make(cloneState(want), cloneState(last), cloneState(live), opt)
		b, _ := json.Marshal(p)
		if string(a) != string(b) {
			t.Fatalf("seed %d: two plans:\n%s\n%s", seed, a, b)
		}
		decoded, err := Decode(a)
		if err != nil {
			t.Fatal(err)
		}
		if got := decoded.Text(TextOptions{}); got != p.Text(TextOptions{}) {
			t.Fatalf("seed %d: the decoded plan prints otherwise:\n%s\n%s", seed, got, p.Text(TextOptions{}))
		}
		if !decoded.Equal(p) {
			t.Fatalf("seed %d: the decoded plan is not equal", seed)
		}
	}
}

// checkShape holds a plan against what its fields promise.
func checkShape(t *testing.T, p *Plan) {
	t.Helper()
	steps := map[resource.Addr][]resource.Action{}
	lastEarly, firstLate := -1, len(p.Steps)
	for i, s := range p.Steps {
		if !slices.IsSorted(s.After) {
			t.Fatalf("step %d: after %v", i, s.After)
		}
		for _, on := range s.After {
			if on >= i || p.Steps[on].Wave >= s.Wave {
				t.Fatalf("step %d in wave %d is after step %d in wave %d", i, s.Wave, on, p.Steps[on].Wave)
			}
		}
		if i > 0 && (s.Wave < p.Steps[i-1].Wave || s.Wave > p.Steps[i-1].Wave+1) || i == 0 && s.Wave != 0 {
			t.Fatalf("step %d has wave %d", i, s.Wave)
		}
		if s.Action != resource.Delete && s.Action != resource.Forget {
			lastEarly = i
		} else if !s.Replace && !slices.ContainsFunc(p.Steps[i:], func(q Step) bool { return slices.Contains(q.After, i) }) {
			firstLate = min(firstLate, i)
		}
		addr := s.Addr
		if i := slices.IndexFunc(p.Resources, func(r Resource) bool { return s.Replace && s.Action == resource.Delete && r.From == addr }); i >= 0 {
			addr = p.Resources[i].Addr
		}
		steps[addr] = append(steps[addr], s.Action)
	}
	if firstLate < lastEarly {
		t.Fatalf("step %d, a delete that nothing waits for, comes before step %d", firstLate, lastEarly)
	}
	n := 0
	for _, r := range p.Resources {
		want := []resource.Action{r.Action}
		if r.Action == Replace {
			want = []resource.Action{resource.Delete, resource.Create}
		}
		if !slices.Equal(steps[r.Addr], want) {
			t.Fatalf("%s is to %s, and its steps %s", r.Addr, r.Action, steps[r.Addr])
		}
		n += len(want)
		for i := range r.Differences[:max(0, len(r.Differences)-1)] {
			if r.Differences[i].Path >= r.Differences[i+1].Path {
				t.Fatalf("%s: the differences are not sorted, or one is there twice", r.Addr)
			}
		}
	}
	if n != len(p.Steps) {
		t.Fatalf("%d steps, and resources for %d", len(p.Steps), n)
	}
	s, quiet := p.Summary, 0
	for _, r := range p.Resources {
		if r.Action == resource.Update && len(r.Differences) == 0 {
			quiet++ // a move or an import, and nothing else
		}
	}
	if s.Add+s.Change+2*s.Replace+s.Destroy+s.Forget+quiet != len(p.Steps) {
		t.Fatalf("%d steps and summary %v", len(p.Steps), s)
	}
}

// checkReached says independently of Make what the end must look like.
func checkReached(t *testing.T, seed uint64, want, last, live resource.State, m *machine, p *Plan) {
	t.Helper()
	if len(m.live) != len(want) {
		t.Fatalf("seed %d: %v wanted, %v live", seed, want.Addrs(), m.live.Addrs())
	}
	acted := map[resource.Addr]resource.Action{}
	for _, r := range p.Resources {
		acted[r.Addr] = r.Action
	}
	for addr, spec := range want {
		wanted, is := byPath(resource.Leaves(spec)), byPath(resource.Leaves(m.live[addr]))
		for path, leaf := range wanted {
			if is[path] == nil || is[path].Value != leaf.Value {
				t.Fatalf("seed %d: %s.%s is not as wanted", seed, addr, path)
			}
		}
		applied, was := byPath(resource.Leaves(last[addr])), byPath(resource.Leaves(live[addr]))
		for path, leaf := range is {
			switch {
			case wanted[path] != nil || leaf.Attr.Computed:
			case leaf.Attr.Ref != "":
				t.Fatalf("seed %d: %s.%s refers, is not wanted, and is still there", seed, addr, path)
			case applied[path] != nil:
				t.Fatalf("seed %d: %s.%s was applied, is not wanted, and is still there", seed, addr, path)
			case was[path] == nil:
				t.Fatalf("seed %d: %s.%s came from nowhere", seed, addr, path)
			}
		}
		if acted[addr] == "" && !same(live[addr], m.live[addr]) {
			t.Fatalf("seed %d: %s changed without a step", seed, addr)
		}
	}
	again := Make(want, m.last, m.live, opt)
	if !again.Empty() || len(again.Record)+len(again.Forget) != 0 {
		t.Fatalf("seed %d: after the run there is still to do:\n%s\nfirst:\n%s", seed, again.Text(TextOptions{}), p.Text(TextOptions{}))
	}
}

// States that no configuration can have must still end, and lose no step.
func TestHopelessReferences(t *testing.T) {
	ref := func(names ...string) resource.Spec {
		return spec(func(t *thing) {
			for _, n := range names {
				t.Needs = append(t.Needs, box(n))
			}
		})
	}
	ring := resource.State{box("a"): ref("b"), box("b"): ref("c"), box("c"): ref("a"), box("d"): ref("a", "d", "nowhere")}
	moved := resource.State{}
	for addr := range ring {
		c := clone(ring[addr])
		c.Path = "/new"
		moved[addr] = c
	}
	for _, c := range []struct {
		name       string
		want, live resource.State
		steps      int
	}{
		{"create", ring, nil, 4},
		{"delete", nil, ring, 4},
		{"replace", moved, ring, 8},
	} {
		p := Make(c.want, c.live, c.live, opt)
		if len(p.Steps) != c.steps {
			t.Errorf("%s: %d steps, want %d", c.name, len(p.Steps), c.steps)
		}
		checkShape(t, p)
	}
}

// Nor may random references to anything, back and forth, keep Make from an answer.
func TestHopelessRandomReferences(t *testing.T) {
	t.Parallel()
	for seed := range uint64(rounds / 2) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		w := newWorld(rnd, 1+rnd.IntN(12))
		state := func() resource.State {
			s := resource.State{}
			for _, addr := range w.places {
				if rnd.IntN(4) > 0 {
					c := newThing().(*thing)
					w.stir(c, w.places, 60)
					s[addr] = c
				}
			}
			return s
		}
		checkShape(t, Make(state(), state(), state(), opt))
	}
}

// A thousand cycles at once are opened at once.
func TestManyCycles(t *testing.T) {
	const n = 1000
	want, live := resource.State{}, resource.State{}
	for i := range n {
		x, y, z := app(fmt.Sprint("x", i)), box(fmt.Sprint("y", i)), box(fmt.Sprint("z", i))
		live[x], live[y] = spec(func(t *thing) { t.Needs = []resource.Addr{y} }), spec()
		want[x], want[y] = spec(func(t *thing) { t.Needs = []resource.Addr{z} }), spec(func(t *thing) { t.Path = "/new" })
		want[z] = spec(func(t *thing) { t.Parent = y })
	}
	m := &maker{want: want, last: live, live: live, items: map[resource.Addr]*item{}}
	p := &Plan{}
	m.compare(p, live)
	m.findReferrers()
	_, after := m.graph()
	if cycles := findCycles(after); len(cycles) != n {
		t.Errorf("%d cycles found at once, want %d", len(cycles), n)
	}
	if p := Make(want, live, live, opt); p.Summary.Replace != 2*n || p.Summary.Add != n || p.Summary.Change != 0 {
		t.Errorf("summary %+v", p.Summary)
	}
}

// Of two updates that could open a cycle the one is promoted that takes its program down anyway.
func TestTheDearerUpdateIsPromoted(t *testing.T) {
	needs := func(to resource.Addr, set ...func(*thing)) resource.Spec {
		return spec(append(set, func(t *thing) { t.Needs = []resource.Addr{to} })...)
	}
	moved := func(t *thing) { t.Path = "/new" }
	live := resource.State{box("y"): spec(), box("v"): spec(), app("a"): needs(box("y")), app("b"): needs(box("v"))}
	want := resource.State{
		box("y"): spec(moved), box("z1"): needs(box("y")), app("b"): needs(box("z1"), func(t *thing) { t.Image = "new" }),
		box("v"): spec(moved), box("z2"): needs(box("v")), app("a"): needs(box("z2")),
	}
	p := Make(want, live, live, opt)
	for _, r := range p.Resources {
		switch {
		case r.Addr == app("a") && r.Action != resource.Update:
			t.Errorf("a is to %s", r.Action)
		case r.Addr == app("b") && (r.Action != Replace || r.Reason != Cycle || r.Because != box("v")):
			t.Errorf("b is to %s: %s %s", r.Action, r.Reason, r.Because)
		}
	}
	if !slices.Equal(p.Summary.Down, []resource.Addr{app("b")}) {
		t.Errorf("down %v", p.Summary.Down)
	}
}

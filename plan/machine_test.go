package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hostctl/resource"
)

// machine is a host in memory that objects to whatever breaks the laws.
type machine struct {
	t    testing.TB
	want resource.State // what its runs lead to
	last resource.State
	live resource.State
	// moved are the addresses that resources had before.
	moved map[resource.Addr]resource.Addr
	// replaced says that what was to be replaced has been.
	replaced bool
}

// now is the present address of what a reference names.
func (m *machine) now(a resource.Addr) resource.Addr {
	if to, ok := m.moved[a]; ok && m.live[a] == nil {
		return to
	}
	return a
}

// apply carries a change out, wholly or, if it is to fail, in some part.
func (m *machine) apply(c resource.Change, fail bool, rnd *rand.Rand) {
	scold := func(format string, args ...any) {
		m.t.Helper()
		m.t.Fatalf("%s %s: %s", c.Action, c.Addr, fmt.Sprintf(format, args...))
	}
	if c.Owner != opt.Owner {
		scold("owner %q", c.Owner)
	}
	// What takes another address does so before anything else happens to it.
	if kind, _ := kinds.Lookup(c.Addr.Kind); c.From != (resource.Addr{}) && kind.Renames && m.live[c.From] != nil && c.Action == resource.Update {
		if fail && rnd.IntN(2) == 0 {
			return
		}
		if m.live[c.Addr] != nil {
			scold("it is there already, and %s too", c.From)
		}
		m.live[c.Addr], m.moved[c.From] = m.live[c.From], c.Addr
		delete(m.live, c.From)
	}
	is := m.live[c.Addr]
	switch c.Action {
	case resource.Create:
		if is != nil && c.From == (resource.Addr{}) {
			scold("it is there already")
		}
		if c.Live != nil || c.Want == nil {
			scold("live %v, want %v", c.Live, c.Want)
		}
		next := clone(c.Want)
		if fail {
			if rnd.IntN(2) == 0 {
				return
			}
			next.Memory, next.Comment, next.Limits, next.Env = 1, "", limits{}, nil
		}
		m.put(c.Addr, next)
	case resource.Update:
		if is == nil {
			scold("it is not there")
		}
		if c.Class == resource.Replace || c.Class == resource.None || len(c.Paths) == 0 && c.From == (resource.Addr{}) && c.Import == "" {
			scold("class %q, paths %q", c.Class, c.Paths)
		}
		next := clone(is)
		for _, path := range c.Paths {
			if !fail || rnd.IntN(2) == 0 {
				assign(next, c.Want.(*thing), path)
			}
		}
		m.put(c.Addr, next)
	case resource.Delete:
		if is == nil {
			scold("it is not there")
		}
		for addr, spec := range m.live {
			for _, e := range resource.Refs(spec) {
				if m.now(e.To) == c.Addr && addr != c.Addr {
					scold("%s still refers to it by %s", addr, e.Path)
				}
			}
		}
		if !fail {
			delete(m.live, c.Addr)
			if !c.Replace {
				delete(m.last, c.Addr)
			}
		}
	case resource.Forget:
		if is == nil || c.Want != nil {
			scold("live %v, want %v", is, c.Want)
		}
		if !fail {
			delete(m.live, c.Addr)
			delete(m.last, c.Addr)
		}
	default:
		scold("no such action")
	}
	if !fail && c.Want != nil {
		m.last[c.Addr] = c.Want
		if c.From != (resource.Addr{}) {
			delete(m.last, c.From)
			m.moved[c.From] = c.Addr
		}
	}
}

// put places a spec whose references must all be there.
func (m *machine) put(addr resource.Addr, spec *thing) {
	for _, e := range resource.Refs(spec) {
		if m.live[m.now(e.To)] == nil {
			m.t.Fatalf("%s: %s refers to %s, which is not there", addr, e.Path, e.To)
		}
	}
	m.live[addr] = spec
}

// assign gives the attribute at path the value that from has for it.
func assign(to, from *thing, path string) {
	name, label, rest := cutPath(path)
	label, _ = strconv.Unquote(label)
	switch name {
	case "image":
		to.Image = from.Image
	case "memory":
		to.Memory = from.Memory
	case "config":
		to.Config = from.Config
	case "comment":
		to.Comment = from.Comment
	case "command":
		to.Command = from.Command
	case "key":
		to.Key = from.Key
	case "uid":
		to.UID = from.UID
	case "parent":
		to.Parent = from.Parent
	case "needs":
		to.Needs = from.Needs
	case "off":
		to.Off = from.Off
	case "limits":
		if rest == "tasks" {
			to.Limits.Tasks = from.Limits.Tasks
		} else {
			to.Limits.Files = from.Limits.Files
		}
	case "environment":
		if v, ok := from.Env[label]; ok {
			if to.Env == nil {
				to.Env = map[string]string{}
			}
			to.Env[label] = v
		} else {
			delete(to.Env, label)
		}
	case "mount":
		if _, ok := from.Mount[label]; !ok {
			delete(to.Mount, label)
			return
		}
		if to.Mount == nil {
			to.Mount = map[string]mount{}
		}
		b := to.Mount[label]
		switch rest {
		case "volume":
			b.Volume = from.Mount[label].Volume
		case "read_only":
			b.ReadOnly = from.Mount[label].ReadOnly
		case "path":
			b.Path = from.Mount[label].Path
		}
		to.Mount[label] = b
	default:
		panic("no attribute " + path)
	}
}

// run carries a plan out in a random order that its dependencies admit. Each
// step fails with the given chance in 100; what depends on a failed one is skipped.
func (m *machine) run(p *Plan, failures int, rnd *rand.Rand) {
	const waiting, done, failed = 0, 1, 2
	status := make([]int, len(p.Steps))
	for range p.Steps {
		var ready []int
		for i, s := range p.Steps {
			if status[i] == waiting && !slices.ContainsFunc(s.After, func(on int) bool { return status[on] == waiting }) {
				ready = append(ready, i)
			}
		}
		if len(ready) == 0 {
			m.t.Fatal("no step is ready")
		}
		i := ready[rnd.IntN(len(ready))]
		status[i] = done
		if slices.ContainsFunc(p.Steps[i].After, func(on int) bool { return status[on] == failed }) {
			status[i] = failed
			continue
		}
		fail := rnd.IntN(100) < failures
		if fail {
			status[i] = failed
		}
		m.apply(p.Steps[i].Change, fail, rnd)
	}
	stepped := map[resource.Addr]bool{}
	for _, s := range p.Steps {
		stepped[s.Addr], stepped[s.From] = true, true
	}
	for _, move := range p.Moves {
		if last := m.last[move.From]; last != nil && !stepped[move.From] {
			delete(m.last, move.From)
			if m.last[move.To] == nil {
				m.last[move.To] = last
			}
		}
	}
	for _, addr := range p.Record {
		m.last[addr] = p.Want[addr]
	}
	for _, addr := range p.Forget {
		delete(m.last, addr)
	}
}

// world makes random states.
type world struct {
	rnd    *rand.Rand
	places []resource.Addr // in an order that references go back in
}

func newWorld(rnd *rand.Rand, n int) *world {
	w := &world{rnd: rnd}
	for i := range n {
		a := resource.Addr{Kind: "box", Name: "r" + strconv.Itoa(i)}
		if i%3 == 0 {
			a.Kind = "app"
		}
		w.places = append(w.places, a)
	}
	return w
}

func (w *world) shuffle() {
	w.rnd.Shuffle(len(w.places), func(i, j int) { w.places[i], w.places[j] = w.places[j], w.places[i] })
}

func (w *world) text() string { return []string{"", "", "x", "y"}[w.rnd.IntN(4)] }

// state makes a state of about the given part in 100 of all places, with valid references.
func (w *world) state(part int) resource.State {
	s := resource.State{}
	for _, addr := range w.places {
		if w.rnd.IntN(100) < part {
			t := newThing().(*thing)
			w.stir(t, w.before(addr, s), 100)
			s[addr] = t
		}
	}
	return s
}

// before returns the members of s that addr may refer to.
func (w *world) before(addr resource.Addr, s resource.State) []resource.Addr {
	var out []resource.Addr
	for _, a := range w.places[:slices.Index(w.places, addr)] {
		if s[a] != nil {
			out = append(out, a)
		}
	}
	return out
}

// stir changes each attribute with the given chance in 100. References go to
// any of may.
func (w *world) stir(t *thing, may []resource.Addr, chance int) {
	on := func() bool { return w.rnd.IntN(100) < chance }
	ref := func() resource.Addr {
		if len(may) == 0 || w.rnd.IntN(3) == 0 {
			return resource.Addr{}
		}
		return may[w.rnd.IntN(len(may))]
	}
	if on() {
		t.Image = w.text()
	}
	if on() {
		t.Memory = resource.Bytes(w.rnd.IntN(2) + 1)
	}
	if w.rnd.IntN(200) < chance {
		t.Path = w.text()
	}
	if on() {
		t.Config = w.text()
	}
	if on() {
		t.Off = w.rnd.IntN(2) == 0
	}
	if on() {
		t.Comment = w.text()
	}
	if on() {
		t.Command = slices.Repeat([]string{w.text()}, w.rnd.IntN(3))
	}
	if on() {
		t.UID = uint32(w.rnd.IntN(2)) * 7
	}
	if on() {
		t.Limits = limits{Tasks: uint64(w.rnd.IntN(2)), Files: uint64(w.rnd.IntN(2))}
	}
	if on() {
		t.Env = map[string]string{}
		for _, k := range strings.Fields("A B") {
			if w.rnd.IntN(2) == 0 {
				t.Env[k] = w.text()
			}
		}
	}
	if on() {
		t.Parent = ref()
	}
	if on() {
		t.Needs = nil
		for range w.rnd.IntN(3) {
			if to := ref(); to != (resource.Addr{}) && !slices.Contains(t.Needs, to) {
				t.Needs = append(t.Needs, to)
			}
		}
	}
	if on() {
		t.Mount = map[string]mount{}
		for _, k := range []string{"/a", `/b"].c`} {
			if w.rnd.IntN(2) == 0 {
				t.Mount[k] = mount{Volume: ref(), ReadOnly: w.rnd.IntN(2) == 0, Path: w.text()}
			}
		}
	}
}

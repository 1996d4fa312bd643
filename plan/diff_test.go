package plan

import (
	"fmt"
	"slices"
	"testing"

	"hostctl/resource"
)

// Each attribute, by who has it set to what.
func TestThreeWays(t *testing.T) {
	image := func(v string) func(*thing) { return func(t *thing) { t.Image = v } }
	uid := func(v uint32) func(*thing) { return func(t *thing) { t.UID = v } }
	seen := func(v string) func(*thing) { return func(t *thing) { t.Seen = v } }
	config := func(v, comment string) func(*thing) { return func(t *thing) { t.Config, t.Comment = v, comment } }
	env := func(kv ...string) func(*thing) {
		return func(t *thing) {
			t.Env = map[string]string{}
			for i := 0; i < len(kv); i += 2 {
				t.Env[kv[i]] = kv[i+1]
			}
		}
	}
	mounts := func(m map[string]mount) func(*thing) { return func(t *thing) { t.Mount = m } }
	lost := func(*thing) {}
	for _, c := range []struct {
		name             string
		want, last, live func(*thing)
		diff             string // path action class, * for drift
	}{
		{"as wanted", image("a"), image("a"), image("a"), ""},
		{"as wanted by chance", image("a"), image("b"), image("a"), ""},
		{"edited", image("b"), image("a"), image("a"), "image update restart"},
		{"added", image("a"), lost, lost, "image create restart"},
		{"drifted", image("a"), image("a"), image("b"), "image update restart *"},
		{"unset outside", image("a"), image("a"), image(""), "image create restart *"},
		{"edited and drifted", image("c"), image("a"), image("b"), "image update restart"},
		{"wanted where the host had its own", image("a"), lost, image("b"), "image update restart"},
		{"goes back to unset", lost, image("a"), image("a"), "image delete restart"},
		{"goes back to unset, drifted too", lost, image("a"), image("b"), "image delete restart"},
		{"unset by both", lost, image("a"), lost, ""},
		{"the host's own", lost, lost, image("b"), ""},
		{"computed, the host chose", lost, lost, uid(7), ""},
		{"computed, once wanted", lost, uid(7), uid(7), ""},
		{"computed, once wanted, drifted", lost, uid(7), uid(8), ""},
		{"computed and wanted", uid(7), uid(7), uid(8), "uid update replace *"},
		{"internal, left unset on purpose", lost, lost, seen("x"), "seen delete live *"},
		{"internal in a block that stays", mounts(map[string]mount{"/a": {}}), lost, mounts(map[string]mount{"/a": {Seen: "x"}}), `mount["/a"].seen delete live *`},
		{"internal in the host's own block", lost, lost, mounts(map[string]mount{"/a": {Seen: "x"}}), ""},
		{"what the tag says", config("a", ""), config("b", ""), config("b", ""), "config update reload"},
		{"what the spec says", config("a", "cannot reload"), lost, config("b", "cannot reload"), "config update restart"},
		{"what the spec says of the live one", config("a", "cannot reload"), lost, config("", "cannot reload"), "config create reload"},
		{"keys of a map", env("A", "1", "B", "2"), env("A", "1", "C", "3"), env("A", "0", "C", "3", "OWN", "4"),
			`environment["A"] update restart *, environment["B"] create restart, environment["C"] delete restart`},
		{"a block added costs what the block costs", mounts(map[string]mount{"/a": {Path: "x"}}), lost, lost,
			`mount["/a"] create restart, mount["/a"].path create restart, mount["/a"].read_only create restart`},
		{"in a block that stays, what the attribute costs",
			mounts(map[string]mount{"/a": {Path: "x"}}), mounts(map[string]mount{"/a": {Path: "y"}}), mounts(map[string]mount{"/a": {Path: "y", ReadOnly: true}}),
			`mount["/a"].path update replace, mount["/a"].read_only update live *`},
		{"the host's own block", lost, lost, mounts(map[string]mount{"/own": {Path: "x"}}), ""},
	} {
		diffs, unchanged := func() ([]Difference, int) { live := spec(c.live); return diff(spec(c.want), spec(c.last), live, live) }()
		got := ""
		for i, d := range diffs {
			if i > 0 {
				got += ", "
			}
			got += fmt.Sprintf("%s %s %s", d.Path, d.Action, d.Class)
			if d.Drift {
				got += " *"
			}
		}
		if got != c.diff {
			t.Errorf("%s: got %s; want %s", c.name, got, c.diff)
		}
		enforced := 0
		for _, leaf := range resource.Leaves(spec(c.want)) {
			if leaf.Attr.Form != resource.Labelled {
				enforced++
			}
		}
		for _, d := range diffs {
			if d.Action != resource.Delete && !d.Block {
				enforced--
			}
		}
		if unchanged != enforced {
			t.Errorf("%s: %d unchanged, want %d", c.name, unchanged, enforced)
		}
	}
}

// stepOf returns the index of the step, which must be there once.
func stepOf(t *testing.T, p *Plan, addr resource.Addr, action resource.Action) int {
	t.Helper()
	at := -1
	for i, s := range p.Steps {
		if s.Addr == addr && s.Action == action {
			if at >= 0 {
				t.Fatalf("two steps %s %s", action, addr)
			}
			at = i
		}
	}
	if at < 0 {
		t.Fatalf("no step %s %s in\n%s", action, addr, p.Text(TextOptions{}))
	}
	return at
}

// Where the host does not say what a resource refers to, the ledger's word
// holds; where it does, the ledger is not asked.
func TestOldReferencesOfHostAndLedger(t *testing.T) {
	parent := func(image string, to resource.Addr) resource.Spec {
		return spec(func(t *thing) { t.Image, t.Parent = image, to })
	}
	y, z, none := box("y"), box("z"), resource.Addr{}
	for _, c := range []struct {
		name             string
		last, live, want resource.Addr
		waits            bool
	}{
		{"the host says so", none, y, z, true},
		{"the host is silent", y, none, none, true},
		{"the host says otherwise", y, z, z, false},
		{"nobody says so", none, none, none, false},
	} {
		others := resource.State{y: spec(), z: spec()}
		last, live := cloneState(others), cloneState(others)
		want := resource.State{z: spec(), app("x"): parent("new", c.want)}
		last[app("x")], live[app("x")] = parent("old", c.last), parent("old", c.live)
		p := Make(want, last, live, opt)
		update, gone := stepOf(t, p, app("x"), resource.Update), stepOf(t, p, y, resource.Delete)
		if waits := slices.Contains(p.Steps[gone].After, update); waits != c.waits {
			t.Errorf("%s: the delete waits: %v, want %v", c.name, waits, c.waits)
		}
	}
}

// A reference that is not wanted goes though nothing is known of it, with the
// whole block if that is not wanted either, and nothing else of the host's own goes with it.
func TestReferencesAreNeverTheHostsOwn(t *testing.T) {
	gone := box("gone")
	want := resource.State{app("x"): spec(func(t *thing) { t.Mount = map[string]mount{"/a": {}} })}
	live := cloneState(want)
	x := live[app("x")].(*thing)
	x.Image = "own"
	x.Mount = map[string]mount{"/a": {Volume: gone}, "/own": {Volume: gone, Path: "p"}, "/other": {Path: "q"}}
	live[gone] = spec()
	for _, last := range []resource.State{nil, cloneState(want)} {
		p := Make(want, last, live, opt)
		update := p.Steps[stepOf(t, p, app("x"), resource.Update)]
		paths := []string{`mount["/a"].volume`, `mount["/own"]`, `mount["/own"].path`, `mount["/own"].read_only`, `mount["/own"].volume`}
		if !slices.Equal(update.Paths, paths) {
			t.Errorf("paths %q, want %q", update.Paths, paths)
		}
		if !slices.Contains(p.Steps[stepOf(t, p, gone, resource.Delete)].After, 0) {
			t.Error("the delete does not wait for the update")
		}
		if drift := p.Resources[0].Differences[0].Drift; drift != (last != nil) {
			t.Errorf("drift %v, and the ledger knows %v", drift, last)
		}
	}
}

// The steps of a change of everything at once, by name.
func TestDown(t *testing.T) {
	want, last, live := scenarios()["replace-with-promotion"]()
	for _, s := range []resource.State{want, last, live} {
		s[app("far")] = spec(func(t *thing) { t.Needs = []resource.Addr{app("web")} })
		s[app("aside")] = spec()
	}
	for _, s := range []resource.State{want, last, live} {
		s[app("halts")], s[app("wakes")], s[box("still")] = spec(), spec(), spec()
	}
	want[app("aside")].(*thing).Config = "reloads"
	want[app("halts")].(*thing).Off = true
	last[app("wakes")].(*thing).Off, live[app("wakes")].(*thing).Off = true, true
	for _, s := range []resource.State{want, last, live} {
		s[app("slept")] = spec(func(t *thing) { t.Off = true })
	}
	want[app("slept")].(*thing).Image = "new"
	want[box("still")].(*thing).Off = true
	p := Make(want, last, live, opt)
	for _, c := range []struct {
		addr   resource.Addr
		action resource.Action
		down   []resource.Addr
	}{
		{box("data"), resource.Delete, []resource.Addr{app("far"), app("web")}},
		{app("web"), resource.Delete, []resource.Addr{app("far"), app("web")}},
		{app("far"), resource.Delete, []resource.Addr{app("far")}},
		{app("web"), resource.Create, nil},
		{app("aside"), resource.Update, nil},
		{app("halts"), resource.Update, []resource.Addr{app("halts")}},
		{app("wakes"), resource.Update, nil},
		{app("slept"), resource.Update, nil}, // a restart, but it does not run
		{box("still"), resource.Update, nil},
	} {
		if got := p.Steps[stepOf(t, p, c.addr, c.action)].Down; !slices.Equal(got, c.down) {
			t.Errorf("%s %s: down %v, want %v", c.action, c.addr, got, c.down)
		}
	}
	if want := []resource.Addr{app("far"), app("halts"), app("web")}; !slices.Equal(p.Summary.Down, want) {
		t.Errorf("down %v, want %v", p.Summary.Down, want)
	}
}

// Two halves of a replacement, and what each is handed.
func TestChangesAreWhole(t *testing.T) {
	want, last, live := scenarios()["mix"]()
	p := Make(want, last, live, opt)
	for _, s := range p.Steps {
		addr := s.Addr
		wantWant, wantLive := want[addr], live[addr]
		switch s.Action {
		case resource.Create:
			wantLive = nil
		case resource.Delete:
			wantWant = nil
		}
		if s.Want != wantWant || s.Live != wantLive || s.Last != last[addr] {
			t.Errorf("%s %s: want %v, last %v, live %v", s.Action, addr, s.Want, s.Last, s.Live)
		}
		if replaced := addr == app("web") || addr == box("data"); s.Replace != replaced {
			t.Errorf("%s %s: replace %v", s.Action, addr, s.Replace)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, data := range []string{
		``, `null`, `[]`, `{}`, `{"format_version":2}`, `{"format_version":1,"colour":1}`, `{"format_version":1}{}`,
		`{"format_version":1,"steps":[{"address":"web"}]}`, `{"format_version":1,"steps":[{"class":"huge"}]}`,
	} {
		if _, err := Decode([]byte(data)); err == nil {
			t.Errorf("%s was read", data)
		}
	}
}

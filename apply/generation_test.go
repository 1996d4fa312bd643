package apply

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"hostctl/plan"
	"hostctl/resource"
)

// begun begins a generation of the configuration shop that wants one thing.
func begun(t *testing.T, m *Machine, value string, at time.Time) *Head {
	t.Helper()
	want := resource.State{addr("a"): &thing{Value: value, On: true, ID: 7}}
	d := resource.Directives{Sensitive: map[resource.Addr][]string{addr("a"): {"value"}}}
	p := plan.Make(want, nil, nil, plan.Options{Kinds: m.Kinds, Owner: "shop", Directives: d})
	h, err := m.Generations("shop").Begin(Head{Command: "apply", Begun: at, Dir: "/srv/shop", By: Author{Name: "alice"}}, want, d, p)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestGenerationComesBackAsItWas(t *testing.T) {
	m, _ := machine(t)
	all := m.Generations("shop")
	if heads, _, err := all.Heads(); len(heads) > 0 || err != nil {
		t.Fatalf("before the first: %v, %v", heads, err)
	}
	if newest, err := all.Newest(); newest != nil || err != nil {
		t.Fatalf("before the first: %v, %v", newest, err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	h := begun(t, m, "one", now)
	if h.Number != 1 || h.Ending != nil || h.Done() {
		t.Fatalf("begun: %+v", h)
	}
	if read, err := all.Newest(); err != nil || read.Ending != nil {
		t.Fatalf("under way: %+v, %v", read, err)
	}
	ending := Ending{Ended: now.Add(time.Second), Outcome: OutcomeFailed, Failed: map[resource.Addr]string{addr("a"): "no room"}}
	if err := all.End(h, ending); err != nil {
		t.Fatal(err)
	}
	g, err := all.Read(1)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*g.Ending, ending) || g.By.Name != "alice" || !g.Begun.Equal(now) || g.Summary.Add != 1 {
		t.Errorf("head: %+v, %+v", g.Head, g.Ending)
	}
	if got := g.Want[addr("a")].(*thing); got.Value != "one" || got.ID != 7 {
		t.Errorf("what it wants: %+v", got)
	}
	if !reflect.DeepEqual(g.Directives.Sensitive, map[resource.Addr][]string{addr("a"): {"value"}}) {
		t.Errorf("directives: %+v", g.Directives)
	}
	p, err := plan.Decode(g.Plan)
	if err != nil || len(p.Resources) != 1 || strings.Contains(string(g.Plan), "one") {
		t.Errorf("plan: %s, %v", g.Plan, err)
	}
	for path, mode := range map[string]fs.FileMode{"generations": 0o700, "generations/shop": 0o700, "generations/shop/1.json": 0o600} {
		if info, err := os.Stat(filepath.Join(filepath.Dir(m.LedgerPath), path)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	// An old one keeps its number for itself, and another configuration counts for itself.
	if h := begun(t, m, "two", now); h.Number != 2 {
		t.Errorf("the second is %d", h.Number)
	}
	if names, err := m.Remembered(); !slices.Equal(names, []string{"shop"}) || err != nil {
		t.Errorf("remembered: %v, %v", names, err)
	}
	if _, err := all.Read(3); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one that is not there: %v", err)
	}
}

// A file that was torn, edited, or put in another's place is an error with its path; one whose ending was torn never ended.
func TestSpoiltGenerations(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(string) string
		want  string // of the error; "" is a generation that never ended
	}{
		"no ending":        {func(s string) string { return lines(s, 2) }, ""},
		"half an ending":   {func(s string) string { return s[:len(s)-3] }, ""},
		"empty":            {func(string) string { return "" }, "damaged"},
		"no JSON":          {func(string) string { return "hello\n" }, "damaged"},
		"half a head":      {func(s string) string { return s[:20] }, "damaged"},
		"half a body":      {func(s string) string { return s[:strings.Index(s, "\n")+20] }, "damaged"},
		"edited":           {func(s string) string { return strings.Replace(s, `"value":"one"`, `"value":"two"`, 1) }, "checksum"},
		"newer":            {func(s string) string { return strings.Replace(s, `"format_version":1`, `"format_version":9`, 1) }, "format 9"},
		"another's":        {func(s string) string { return strings.Replace(s, `"shop"`, `"shed"`, 1) }, `is generation 1 of "shed"`},
		"another's number": {func(s string) string { return strings.Replace(s, `"generation":1`, `"generation":2`, 1) }, "is generation 2"},
		"no size":          {func(s string) string { return strings.Replace(s, `"body_size":`, `"body_size":-`, 1) }, "no size"},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := machine(t)
			all := m.Generations("shop")
			if err := all.End(begun(t, m, "one", time.Now()), Ending{Outcome: OutcomeApplied}); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(all.path(1))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(all.path(1), []byte(tt.spoil(string(data))), 0o600); err != nil {
				t.Fatal(err)
			}
			g, err := all.Read(1)
			switch {
			case tt.want == "" && (err != nil || g.Ending != nil):
				t.Errorf("%+v, %v", g, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), all.path(1))):
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("a directory", func(t *testing.T) {
		m, _ := machine(t)
		all := m.Generations("shop")
		begun(t, m, "one", time.Now())
		if err := errors.Join(os.Remove(all.path(1)), os.Mkdir(all.path(1), 0o700)); err != nil {
			t.Fatal(err)
		}
		if _, err := all.Read(1); err == nil || !strings.Contains(err.Error(), "no regular file") {
			t.Error(err)
		}
	})
}

// One that is in the way does not keep the others from being listed.
func TestHeadsBesideASpoiltOne(t *testing.T) {
	m, _ := machine(t)
	all := m.Generations("shop")
	for range 3 {
		begun(t, m, "one", time.Now())
	}
	if err := os.WriteFile(all.path(2), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	heads, unread, err := all.Heads()
	if len(heads) != 2 || heads[0].Number != 1 || heads[1].Number != 3 || len(unread) != 1 || unread[2] == nil || err != nil {
		t.Errorf("%v, %v, %v", heads, unread, err)
	}
}

func TestSuperfluousGenerations(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	// heads are n generations, the newest number n begun at now and each other gap before the next.
	heads := func(n int, gap time.Duration, applied ...uint64) []*Head {
		var list []*Head
		for i := range n {
			h := &Head{Number: uint64(i + 1), Begun: now.Add(-gap * time.Duration(n-1-i))}
			if slices.Contains(applied, h.Number) {
				h.Ending = &Ending{Outcome: OutcomeApplied}
			}
			list = append(list, h)
		}
		return list
	}
	const day = 24 * time.Hour
	for name, tt := range map[string]struct {
		heads []*Head
		count int
		least uint64 // the lowest number that is kept
		also  uint64 // one that is kept beside
	}{
		"none":                   {nil, 0, 0, 0},
		"few and old":            {heads(20, 365*day), 0, 1, 0},
		"many and old":           {heads(25, 365*day, 25), 5, 6, 0},
		"of a month":             {heads(25, day), 0, 1, 0},
		"of more than a month":   {heads(40, day, 40), 10, 11, 0},
		"too many":               {heads(250, time.Minute, 250), 50, 51, 0},
		"the last that was done": {heads(25, 365*day, 1, 3), 4, 6, 3},
	} {
		t.Run(name, func(t *testing.T) {
			gone := superfluous(tt.heads, now)
			if len(gone) != tt.count {
				t.Errorf("%d are to go, want %d: %v", len(gone), tt.count, gone)
			}
			for _, n := range gone {
				if n >= tt.least || n == tt.also {
					t.Errorf("generation %d is to go", n)
				}
			}
		})
	}
}

// What cannot be read stays, and keeps nothing else.
func TestPrune(t *testing.T) {
	m, _ := machine(t)
	all := m.Generations("shop")
	old := time.Now().Add(-100 * 24 * time.Hour)
	for range keepNewest + 4 {
		h := begun(t, m, "one", old)
		if err := all.End(h, Ending{Ended: time.Now(), Outcome: OutcomeApplied}); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []uint64{2, keepNewest} {
		if err := os.WriteFile(all.path(n), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := all.Prune(time.Now()); err != nil {
		t.Error(err)
	}
	heads, unread, err := all.Heads()
	if err != nil || len(heads) != keepNewest || heads[0].Number != 4 || unread[2] == nil || unread[keepNewest] == nil {
		t.Errorf("%d are kept from %d on, unread %v, %v", len(heads), heads[0].Number, unread, err)
	}
}

// lines are the first n lines of a text.
func lines(s string, n int) string {
	return strings.Join(strings.SplitAfterN(s, "\n", n+1)[:n], "")
}

// What is stopped by hand is wanted stopped, and declared as it was.
func TestResolutionKeepsWhatIsDeclared(t *testing.T) {
	m, _ := machine(t)
	o := &Observation{Owner: "shop", Ledger: &Ledger{Owners: map[string]*Owner{"shop": {Stopped: map[resource.Addr]Stop{addr("a"): {}}}}}}
	r, problems := o.Resolve(m.Kinds, resource.State{addr("a"): &thing{On: true}}, resource.Directives{}, nil)
	if len(problems) > 0 || r.Want[addr("a")].(*thing).On || !r.Declared[addr("a")].(*thing).On {
		t.Errorf("want %+v, declared %+v, %v", r.Want[addr("a")], r.Declared[addr("a")], problems)
	}
}

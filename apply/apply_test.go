package apply

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hostctl/plan"
	"hostctl/resource"
)

// thing is a kind of nothing but what the engine needs.
type thing struct {
	Value string          `json:"value,omitempty" diff:"live"`
	Hold  resource.Addr   `json:"hold,omitzero" diff:"replace" ref:"thing"`
	On    bool            `json:"on" diff:"live" default:"true"`
	ID    uint32          `json:"id,omitempty" diff:"live" attr:"computed"`
	Needs []resource.Addr `json:"needs,omitempty" diff:"live" ref:"thing"`
}

func (*thing) Validate(resource.Addr) []resource.Problem { return nil }

func (t *thing) Resolve(self resource.Addr, r *resource.Resolver) []resource.Problem {
	span, err := r.Take("id", self, 1, 100, 200)
	if err != nil {
		return []resource.Problem{{Addr: self, Path: "id", Summary: err.Error()}}
	}
	t.ID = uint32(span.Start)
	return nil
}

// shelf is a host of things that fails where it is told to and keeps a diary.
type shelf struct {
	mu      sync.Mutex
	things  resource.State
	owners  map[resource.Addr]string // of things that were applied
	fail    map[string]bool
	diary   []string
	falls   map[resource.Addr]error
	running int
	most    int
	during  func(resource.Change)
	refuses []resource.Problem // to hand over
}

func (s *shelf) Read(_ context.Context, owner string, _ resource.State) (resource.Reading, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	live := resource.State{}
	for addr, spec := range s.things {
		if by := s.owners[addr]; by == "" || by == owner {
			live[addr] = spec
		}
	}
	return resource.Reading{State: live}, nil
}

func (s *shelf) Check(_ context.Context, changes []resource.Change, _ resource.State) []resource.Problem {
	if changes[0].Action == resource.Adopt {
		return s.refuses
	}
	return []resource.Problem{{Summary: fmt.Sprintf("%d changes", len(changes))}}
}

func (s *shelf) Apply(_ context.Context, c resource.Change) error {
	s.mu.Lock()
	s.running++
	s.most = max(s.most, s.running)
	s.mu.Unlock()
	if s.during != nil {
		s.during(c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	what := string(c.Action) + " " + c.Addr.Name
	if s.fail[what] {
		return errors.New("told to")
	}
	s.diary = append(s.diary, what)
	delete(s.things, c.From)
	s.owners[c.Addr] = c.Owner
	if c.Want == nil {
		delete(s.things, c.Addr)
	} else {
		s.things[c.Addr] = c.Want
	}
	return nil
}

func (s *shelf) Settle(_ context.Context, changes []resource.Change) map[resource.Addr]error {
	out := map[resource.Addr]error{}
	for _, c := range changes {
		if err := s.falls[c.Addr]; err != nil {
			out[c.Addr] = err
		}
	}
	return out
}

func addr(name string) resource.Addr { return resource.Addr{Kind: "thing", Name: name} }

func machine(t *testing.T) (*Machine, *shelf) {
	t.Helper()
	kinds := resource.Kinds{{
		Name: "thing", Process: true,
		New: func() resource.Spec { return resource.SetDefaults(&thing{}) },
		Stopped: func(s resource.Spec) resource.Spec {
			c := *s.(*thing)
			c.On = false
			return &c
		},
	}}
	s := &shelf{things: resource.State{}, owners: map[resource.Addr]string{}, fail: map[string]bool{}}
	return &Machine{Kinds: kinds, Hosts: map[string]resource.Host{"thing": s}, ID: "m1",
		LedgerPath: filepath.Join(t.TempDir(), "state", "ledger.json")}, s
}

// apply does what the command does: observe, resolve, plan, run.
func apply(t *testing.T, m *Machine, want resource.State, opts Options) (map[int]error, *plan.Plan) {
	t.Helper()
	o, err := m.Observe(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	r, problems := o.Resolve(m.Kinds, want, resource.Directives{}, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	p := plan.Make(r.Want, o.Last, o.Live, plan.Options{Kinds: m.Kinds, Owner: "shop"})
	opts.Parallelism = max(1, opts.Parallelism)
	errs, err := m.Run(t.Context(), p, o, r.Grants, p.Want, opts)
	if err != nil {
		t.Fatal(err)
	}
	return errs, p
}

func things(specs ...string) resource.State {
	s := resource.State{}
	for _, spec := range specs {
		name, needs, _ := strings.Cut(spec, "<")
		t := &thing{Value: name, On: true}
		if needs != "" {
			t.Needs = []resource.Addr{addr(needs)}
		}
		s[addr(name)] = t
	}
	return s
}

func TestApplyTwiceWritesOnce(t *testing.T) {
	m, s := machine(t)
	if errs, _ := apply(t, m, things("a", "b<a"), Options{}); len(errs) > 0 {
		t.Fatal(errs)
	}
	if want := []string{"create a", "create b"}; !reflect.DeepEqual(s.diary, want) {
		t.Fatalf("diary %q, want %q", s.diary, want)
	}
	before, err := os.ReadFile(m.LedgerPath)
	if err != nil {
		t.Fatal(err)
	}
	stat, _ := os.Stat(m.LedgerPath)
	_, p := apply(t, m, things("a", "b<a"), Options{})
	if !p.Empty() || len(s.diary) != 2 {
		t.Errorf("the second apply did something: %q", s.diary)
	}
	after, _ := os.ReadFile(m.LedgerPath)
	now, _ := os.Stat(m.LedgerPath)
	if string(before) != string(after) || !os.SameFile(stat, now) {
		t.Error("the second apply wrote the ledger")
	}
	if stat.Mode().Perm() != 0o600 {
		t.Errorf("ledger mode %v, want 0600", stat.Mode().Perm())
	}
}

func TestGoesOnWithWhatDoesNotDependOnAFailure(t *testing.T) {
	m, s := machine(t)
	s.fail["create a"] = true
	phases := map[string]Phase{}
	opts := Options{Event: func(e Event) { phases[e.Change.Addr.Name] = e.Phase }}
	errs, _ := apply(t, m, things("a", "b<a", "c<b", "d"), opts)
	want := map[string]Phase{"a": Failed, "b": Skipped, "c": Skipped, "d": Done}
	if !reflect.DeepEqual(phases, want) || len(errs) != 3 {
		t.Errorf("phases %v, errors %v", phases, errs)
	}
	s.fail = nil
	if errs, _ := apply(t, m, things("a", "b<a", "c<b", "d"), Options{}); len(errs) > 0 {
		t.Error(errs)
	}
	if _, p := apply(t, m, things("a", "b<a", "c<b", "d"), Options{}); !p.Empty() {
		t.Error("one further apply did not converge")
	}
}

func TestAFailedDeleteIsStillOurs(t *testing.T) {
	m, s := machine(t)
	apply(t, m, things("a", "b"), Options{})
	s.fail["delete b"] = true
	if errs, _ := apply(t, m, things("a"), Options{}); len(errs) != 1 {
		t.Fatal(errs)
	}
	o, err := m.Observe(t.Context(), "shop")
	if err != nil || o.Last[addr("b")] == nil {
		t.Errorf("b is forgotten: %v %v", o, err)
	}
}

func TestParallelismIsBounded(t *testing.T) {
	m, s := machine(t)
	gate := make(chan struct{})
	var once sync.Once
	s.during = func(resource.Change) {
		s.mu.Lock()
		full := s.running == 3
		s.mu.Unlock()
		if full {
			once.Do(func() { close(gate) })
		}
		<-gate // nobody leaves before three are in
	}
	var names []string
	for i := range 12 {
		names = append(names, fmt.Sprintf("n%d", i))
	}
	if errs, _ := apply(t, m, things(names...), Options{Parallelism: 3}); len(errs) > 0 {
		t.Fatal(errs)
	}
	if s.most != 3 {
		t.Errorf("%d steps ran at once, want 3", s.most)
	}
}

func TestInterruptBeginsNothingMore(t *testing.T) {
	m, s := machine(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.during = func(resource.Change) { cancel() }
	o, _ := m.Observe(t.Context(), "shop")
	r, _ := o.Resolve(m.Kinds, things("a", "b<a"), resource.Directives{}, nil)
	p := plan.Make(r.Want, o.Last, o.Live, plan.Options{Kinds: m.Kinds, Owner: "shop"})
	errs, err := m.Run(ctx, p, o, r.Grants, p.Want, Options{Parallelism: 1})
	if err != nil || len(errs) != 1 || !reflect.DeepEqual(s.diary, []string{"create a"}) {
		t.Errorf("err %v, errs %v, diary %q", err, errs, s.diary)
	}
	if o, _ := m.Observe(t.Context(), "shop"); o.Last[addr("a")] == nil || o.Last[addr("b")] != nil {
		t.Errorf("ledger after the interrupt: %v", o.Last)
	}
}

func TestUnsettled(t *testing.T) {
	m, s := machine(t)
	s.falls = map[resource.Addr]error{addr("a"): errors.New("exited at once")}
	errs, p := apply(t, m, things("a", "b"), Options{Settle: time.Nanosecond})
	if len(errs) != 1 || p.Steps[0].Addr != addr("a") || !strings.Contains(errs[0].Error(), "exited at once") {
		t.Error(errs)
	}
}

func TestStoppedIsWantedStopped(t *testing.T) {
	m, s := machine(t)
	apply(t, m, things("a"), Options{})
	o, _ := m.Observe(t.Context(), "shop")
	o.Ledger.Owner("shop").Stopped[addr("a")] = Stop{By: "root", At: time.Unix(1, 0).UTC()}
	if err := o.Ledger.Write(m.LedgerPath); err != nil {
		t.Fatal(err)
	}
	apply(t, m, things("a"), Options{})
	if s.things[addr("a")].(*thing).On {
		t.Error("apply started what was stopped on purpose")
	}
	if _, p := apply(t, m, things("a"), Options{}); !p.Empty() {
		t.Error("stopped on purpose is drift")
	}
}

func TestGrantsStay(t *testing.T) {
	m, _ := machine(t)
	apply(t, m, things("a", "b"), Options{})
	apply(t, m, things("b"), Options{})
	apply(t, m, things("b", "c"), Options{})
	o, err := m.Observe(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]uint32{}
	for a, spec := range o.Live {
		ids[a.Name] = spec.(*thing).ID
	}
	if want := map[string]uint32{"b": 101, "c": 102}; !reflect.DeepEqual(ids, want) {
		t.Errorf("ids %v, want %v: a's number may still stand on files", ids, want)
	}
}

func TestLedgerRefusals(t *testing.T) {
	m, _ := machine(t)
	apply(t, m, things("a"), Options{})
	good, err := os.ReadFile(m.LedgerPath)
	if err != nil {
		t.Fatal(err)
	}
	sum := func(body string) string { return checksum([]byte(body)) + "\n" + body }
	body := strings.SplitN(string(good), "\n", 2)[1]
	for name, tt := range map[string]struct{ data, want string }{
		"empty":      {"", "damaged"},
		"torn":       {string(good[:len(good)/2]), "mv "},
		"edited":     {strings.Replace(string(good), `"a"`, `"z"`, 1), "damaged"},
		"newer":      {sum(strings.Replace(body, `"version":1`, `"version":3`, 1)), "use the release that wrote it"},
		"of another": {sum(strings.Replace(body, `"m1"`, `"m2"`, 1)), "it is of the machine m2"},
		"kind":       {sum(strings.ReplaceAll(body, "thing.a", "dream.a")), `unknown kind "dream"`},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(m.LedgerPath, []byte(tt.data), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := m.Observe(t.Context(), "shop")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
	// Of what this release does not understand the version is read, and said, before the rest.
	if err := os.WriteFile(m.LedgerPath, []byte(sum(`{"version":9,"configurations":[]}`)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Observe(t.Context(), "shop"); err == nil || !strings.Contains(err.Error(), "format 9") {
		t.Errorf("another layout: %v", err)
	}
	if err := os.Remove(m.LedgerPath); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(m.LedgerPath, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Observe(t.Context(), "shop"); err == nil || !strings.Contains(err.Error(), "no regular file; move it away") {
		t.Errorf("a FIFO: %v", err)
	}
	if err := os.Remove(m.LedgerPath); err != nil {
		t.Fatal(err)
	}
	o, err := m.Observe(t.Context(), "shop")
	if err != nil || !o.LedgerLost || len(o.Live) != 1 {
		t.Errorf("lost ledger: %+v %v", o, err)
	}
	if _, p := apply(t, m, things("a"), Options{}); !p.Empty() {
		t.Error("a lost ledger alone changes the host")
	}
}

func TestAnUnwritableLedgerChangesNothing(t *testing.T) {
	m, s := machine(t)
	if err := os.WriteFile(filepath.Dir(m.LedgerPath), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m.LedgerPath = filepath.Join(filepath.Dir(m.LedgerPath), "ledger.json")
	o := &Observation{Owner: "shop", Ledger: &Ledger{HostID: "m1", Owners: map[string]*Owner{}}}
	want := things("a")
	p := plan.Make(want, nil, nil, plan.Options{Kinds: m.Kinds, Owner: "shop"})
	if _, err := m.Run(t.Context(), p, o, nil, want, Options{Parallelism: 1}); err == nil || len(s.diary) > 0 {
		t.Errorf("err %v, diary %q", err, s.diary)
	}
}

// A write of the ledger that failed is made good by a later one.
func TestLaterLedgerWrite(t *testing.T) {
	m, s := machine(t)
	tmp := m.LedgerPath + ".new"
	s.during = func(c resource.Change) {
		if c.Addr.Name == "a" {
			if err := syscall.Mkfifo(tmp, 0o600); err != nil {
				t.Error(err)
			}
			return
		}
		// The write that a's end asked for goes into the FIFO, and cannot be made durable there.
		if _, err := os.ReadFile(tmp); err != nil {
			t.Error(err)
		}
		if err := os.Remove(tmp); err != nil {
			t.Error(err)
		}
	}
	if errs, _ := apply(t, m, things("a", "b<a"), Options{}); len(errs) > 0 { // it fails the test where the ledger fails
		t.Error(errs)
	}
	o, err := m.Observe(t.Context(), "shop")
	if err != nil || len(o.Last) != 2 {
		t.Errorf("the ledger holds %v, %v", o.Last, err)
	}
}

// Where the lock did not hold, what another process remembers is not written over, and nothing more is begun.
func TestAnotherWritesTheLedger(t *testing.T) {
	m, s := machine(t)
	var theirs []byte
	s.during = func(resource.Change) {
		other, err := m.Observe(t.Context(), "blog")
		if err != nil {
			t.Error(err)
			return
		}
		other.Ledger.Owner("blog").Last[addr("x")] = &thing{}
		if err := other.Ledger.Write(m.LedgerPath); err != nil {
			t.Error(err)
		}
		theirs, _ = os.ReadFile(m.LedgerPath)
	}
	o, err := m.Observe(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	want := things("a")
	p := plan.Make(want, o.Last, o.Live, plan.Options{Kinds: m.Kinds, Owner: "shop"})
	if _, err := m.Run(t.Context(), p, o, nil, p.Want, Options{Parallelism: 1}); !errors.Is(err, ErrLedgerTaken) {
		t.Errorf("error %v", err)
	}
	if now, _ := os.ReadFile(m.LedgerPath); string(now) != string(theirs) {
		t.Errorf("theirs was written over:\n%s", now)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	stop(ErrLedgerTaken)
	if err := (&run{}).blocked(ctx, plan.Step{}); !errors.Is(err, ErrLedgerTaken) {
		t.Errorf("the next step: %v", err)
	}
	// A ledger that is removed is nobody else's.
	s.during = nil
	if err := os.Remove(m.LedgerPath); err != nil {
		t.Fatal(err)
	}
	if err := o.Ledger.Write(m.LedgerPath); err != nil {
		t.Error(err)
	}
}

// The number of what is gone is nobody else's until a removed block of its configuration frees it.
func TestReleasedGrants(t *testing.T) {
	m, _ := machine(t)
	apply(t, m, things("a"), Options{})
	apply(t, m, things(), Options{})
	claim := func() error {
		o, err := m.Observe(t.Context(), "blog")
		if err != nil {
			t.Fatal(err)
		}
		r := resource.NewResolver("blog", nil, o.Ledger.Grants, nil)
		return r.Claim("id", addr("b"), resource.Span{Start: 100, Size: 1})
	}
	if err := claim(); err == nil || !strings.Contains(err.Error(), "free it there: removed { from = thing.a }, and apply") {
		t.Errorf("before: %v", err)
	}
	target, err := resource.ParseTarget("thing.b")
	if err != nil {
		t.Fatal(err)
	}
	apply(t, m, things(), Options{Removed: []resource.Target{target}})
	if claim() == nil {
		t.Error("another's block freed it")
	}
	if target, err = resource.ParseTarget("thing.a"); err != nil {
		t.Fatal(err)
	}
	apply(t, m, things(), Options{Removed: []resource.Target{target}})
	if err := claim(); err != nil {
		t.Error(err)
	}
}

// sweeping is a shelf whose creations can leave something.
type sweeping struct {
	*shelf
	swept []string
}

func (s *sweeping) Sweep(_ context.Context, spec resource.Spec) error {
	s.swept = append(s.swept, spec.(*thing).Value)
	return nil
}

// What was begun and did not end is swept by the next run that does not make it again, and only once.
func TestBegunIsSwept(t *testing.T) {
	m, s := machine(t)
	sweeper := &sweeping{shelf: s}
	m.Hosts["thing"] = sweeper
	s.fail["create b"] = true
	apply(t, m, things("a", "b"), Options{})
	apply(t, m, things("a", "b"), Options{}) // makes it again, or tries to
	if len(sweeper.swept) > 0 {
		t.Errorf("swept %v before what is made again", sweeper.swept)
	}
	apply(t, m, things("a"), Options{})
	apply(t, m, things(), Options{})
	if got := strings.Join(sweeper.swept, " "); got != "b" {
		t.Errorf("swept %q, want b alone, once", got)
	}
}

// What another release remembers of one configuration is that one's trouble alone, and stays as it is.
func TestLedgerOfAnotherRelease(t *testing.T) {
	m, s := machine(t)
	apply(t, m, things("a"), Options{})
	l, _, err := ReadLedger(m.LedgerPath, m.ID, m.Kinds)
	if err != nil {
		t.Fatal(err)
	}
	const strange = `{"last":{"thing.z":{"value":"z","on":true,"later":1}},"stopped":{"thing.z":{"by":"ann","at":"2026-11-30T12:00:00Z"}}}`
	l.Owners["blog"] = newOwner()
	l.Owners["blog"].raw = []byte(strange)
	if err := l.Write(m.LedgerPath); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Observe(t.Context(), "blog"); err == nil || !strings.Contains(err.Error(), `configuration "blog": thing.z: json: unknown field "later"; another release of hostctl wrote that`) {
		t.Errorf("error %v", err)
	}
	if err := m.Amend("blog", func(*Owner) error { return nil }); err == nil {
		t.Error("what is not understood was amended")
	}
	apply(t, m, things("a", "b"), Options{})
	if len(s.things) != 2 {
		t.Errorf("the host has %v", s.things)
	}
	if data, err := os.ReadFile(m.LedgerPath); err != nil || !strings.Contains(string(data), `"blog":`+strange) {
		t.Errorf("the ledger has %s, %v", data, err)
	}
}

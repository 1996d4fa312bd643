package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hostctl/apply"
	"hostctl/plan"
	"hostctl/policy"
	"hostctl/resource"
	"hostctl/resource/user"
	"hostctl/resource/volume"
)

// rack is a host that has what is put on it, and obstacles. Its methods are those of one kind.
type rack struct {
	*racks
	kind string
}

type racks struct {
	mu        sync.Mutex
	state     resource.State
	obstacles map[string]bool
	done      []string
}

func (r rack) Read(context.Context, string, resource.State) (resource.Reading, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	state := maps.Clone(r.state)
	maps.DeleteFunc(state, func(a resource.Addr, _ resource.Spec) bool { return a.Kind != r.kind })
	return resource.Reading{State: state}, nil
}

func (r rack) Check(_ context.Context, changes []resource.Change, _ resource.State) (problems []resource.Problem) {
	for _, c := range changes {
		if r.obstacles[c.Addr.String()] {
			problems = append(problems, resource.Problem{Addr: c.Addr, Summary: "something stands in the way"})
		}
	}
	return problems
}

func (r rack) Apply(_ context.Context, c resource.Change) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = append(r.done, fmt.Sprintf("%s %s", c.Action, c.Addr))
	delete(r.state, c.From)
	if delete(r.state, c.Addr); c.Want != nil {
		r.state[c.Addr] = c.Want
	}
	return nil
}

// racked is a machine of users and volumes, and what it has.
func racked(t *testing.T) (*apply.Machine, *racks) {
	r := &racks{state: resource.State{}, obstacles: map[string]bool{}}
	return &apply.Machine{Kinds: resource.Kinds{user.Kind(), volume.Kind()}, ID: "m1", LedgerPath: filepath.Join(t.TempDir(), "ledger.json"),
		Hosts: map[string]resource.Host{"user": rack{r, "user"}, "volume": rack{r, "volume"}}}, r
}

// declared makes a state of volumes, name:mode or name:mode<user, and of the users that these name.
func declared(specs ...string) resource.State {
	state := resource.State{}
	for _, spec := range specs {
		head, owner, _ := strings.Cut(spec, "<")
		name, mode, _ := strings.Cut(head, ":")
		v := volume.Kind().New().(*volume.Volume)
		v.Path, v.OnDestroy = "/srv/"+name, volume.Delete
		fmt.Sscanf(mode, "%o", &v.Mode)
		if owner != "" {
			v.Owner = resource.Addr{Kind: "user", Name: owner}
			state[v.Owner] = user.Kind().New()
		}
		state[resource.Addr{Kind: "volume", Name: name}] = v
	}
	return state
}

// modes is what declared is made of, without the users.
func modes(state resource.State) string {
	var words []string
	for _, addr := range state.Addrs() {
		if v, ok := state[addr].(*volume.Volume); ok {
			words = append(words, fmt.Sprintf("%s:%o", addr.Name, v.Mode))
		}
	}
	return strings.Join(words, " ")
}

// change applies a state; waits makes it one that is to be confirmed.
func change(t *testing.T, m *apply.Machine, want resource.State, d resource.Directives, waits bool) {
	t.Helper()
	p, problems, err := propose(t.Context(), m, &hostPolicy{Policy: policy.Builtin()}, "shop", "", want, d, scope{})
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	options := apply.Options{Parallelism: 1}
	if waits {
		options.Pending = p.seen.Pend(2, p.plan)
		options.Pending.Wait(0, time.Now(), "boot", 0)
	}
	if errs, err := m.Run(t.Context(), p.plan, p.seen, p.grants, p.plan.Want, options); len(errs) > 0 || err != nil {
		t.Fatal(errs, err)
	}
}

// pendingOf is what waits.
func pendingOf(t *testing.T, m *apply.Machine) *apply.Pending {
	t.Helper()
	l, _, err := apply.ReadLedger(m.LedgerPath, m.ID, m.Kinds)
	if err != nil {
		t.Fatal(err)
	}
	return l.Owner("shop").Pending
}

// What stands in the way of one resource keeps no other from being undone, and the change waits until all is.
func TestUndoAroundAnObstacle(t *testing.T) {
	moved := resource.Directives{Moved: []resource.Move{{From: resource.Addr{Kind: "volume", Name: "b"}.Target(), To: resource.Addr{Kind: "volume", Name: "x"}.Target()}}}
	for name, tt := range map[string]struct {
		before, want []string
		d            resource.Directives
		obstacle     string
		held         bool   // by an administrator, volume.b
		left         string // of the first undo
	}{
		"changed":                 {before: []string{"a:700", "b:700", "c:700"}, want: []string{"a:750", "b:750", "c:750"}, obstacle: "volume.b", left: "a:700 b:750 c:700"},
		"made":                    {before: []string{"a:700"}, want: []string{"a:750", "b:700"}, obstacle: "volume.b", left: "a:700 b:700"},
		"removed":                 {before: []string{"a:700", "b:700"}, want: []string{"a:750"}, obstacle: "volume.b", left: "a:700"},
		"what it refers to":       {before: []string{"a:700", "b:700<u"}, want: []string{"a:750"}, obstacle: "user.u", left: "a:700"},
		"what was made for it":    {before: []string{"a:700", "b:700"}, want: []string{"a:750", "b:700<u"}, obstacle: "volume.b", left: "a:700 b:700"},
		"moved":                   {before: []string{"a:700", "b:700"}, want: []string{"a:750", "x:700"}, d: moved, obstacle: "volume.b", left: "a:700 x:700"},
		"held":                    {before: []string{"a:700", "b:700"}, want: []string{"a:750", "b:700<u"}, held: true, left: "a:700 b:700"},
		"nothing else is changed": {before: []string{"a:700", "b:700"}, want: []string{"a:700", "b:750"}, obstacle: "volume.b", left: "a:700 b:750"},
	} {
		t.Run(name, func(t *testing.T) {
			m, r := racked(t)
			change(t, m, declared(tt.before...), resource.Directives{}, false)
			was := modes(r.state)
			change(t, m, declared(tt.want...), tt.d, true)
			var said bytes.Buffer
			undo := func() error {
				c := &cli{ctx: t.Context(), stdout: &said, stderr: &said, width: defaultWidth}
				return undoNow(c, m, &hostPolicy{Policy: policy.Builtin()}, "shop", pendingOf(t, m))
			}
			hold := func(o *apply.Owner) error {
				o.Held = map[resource.Addr]apply.Hold{{Kind: "volume", Name: "b"}: {Until: time.Now().Add(time.Hour)}}
				return nil
			}
			says := "something stands in the way"
			if r.obstacles[tt.obstacle] = true; tt.held {
				says = "volume.b is held, and needs what would be removed"
				if err := m.Amend("shop", hold); err != nil {
					t.Fatal(err)
				}
			}
			users := len(r.state)
			if err := undo(); err != exitStatus(exitError) || !strings.Contains(said.String(), says) {
				t.Errorf("with an obstacle: %v\n%s", err, said.String())
			}
			if got := modes(r.state); got != tt.left {
				t.Errorf("it left %s, want %s", got, tt.left)
			}
			if strings.HasSuffix(tt.want[len(tt.want)-1], "<u") && len(r.state) != users {
				t.Error("what a volume belongs to was removed under it")
			}
			if pendingOf(t, m) == nil {
				t.Fatalf("nothing waits any more:\n%s", said.String())
			}
			r.obstacles = nil
			if err := m.Amend("shop", func(o *apply.Owner) error { o.Held = nil; return nil }); err != nil {
				t.Fatal(err)
			}
			if err := undo(); err != nil {
				t.Errorf("without: %v\n%s", err, said.String())
			}
			if got := modes(r.state); got != was || pendingOf(t, m) != nil {
				t.Errorf("%s, and was %s; %+v waits", got, was, pendingOf(t, m))
			}
		})
	}
}

// By hand all is undone or nothing.
func TestRollbackIsWhole(t *testing.T) {
	m, r := racked(t)
	change(t, m, declared("a:700", "b:700"), resource.Directives{}, false)
	change(t, m, declared("a:750", "b:750"), resource.Directives{}, true)
	r.obstacles["volume.b"] = true
	var said bytes.Buffer
	c := &cli{ctx: t.Context(), stdout: &said, stderr: &said, width: defaultWidth}
	back, err := backBefore(c, m, "shop", pendingOf(t, m), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := back.whole(c, m, &hostPolicy{Policy: policy.Builtin()}); err != exitStatus(exitError) || !strings.Contains(said.String(), "volume.b") {
		t.Errorf("%v\n%s", err, said.String())
	}
}

// A boot puts back all that there was besides what it undoes; the timer leaves it as it is.
func TestUndoAtBoot(t *testing.T) {
	for _, boot := range []bool{true, false} {
		m, r := racked(t)
		change(t, m, declared("a:700", "b:700"), resource.Directives{}, false)
		change(t, m, declared("a:750", "b:700", "c:700"), resource.Directives{}, true)
		delete(r.state, resource.Addr{Kind: "volume", Name: "b"})
		var said bytes.Buffer
		c := &cli{ctx: t.Context(), stdout: &said, stderr: &said, width: defaultWidth}
		back, err := backBefore(c, m, "shop", pendingOf(t, m), boot)
		if err != nil {
			t.Fatal(err)
		}
		p, failed, err := back.most(c, m, &hostPolicy{Policy: policy.Builtin()})
		if err != nil || failed != nil {
			t.Fatal(err, failed, said.String())
		}
		want := []string{"delete volume.c", "update volume.a"}
		if boot {
			want = slices.Insert(want, 0, "create volume.b")
		}
		if got := steps(p.plan); !slices.Equal(got, want) {
			t.Errorf("boot %v: %q, want %q", boot, got, want)
		}
		if slices.ContainsFunc(p.plan.Steps, func(s plan.Step) bool { return !s.Undo }) {
			t.Errorf("boot %v: a step that may delete data", boot)
		}
	}
}

func steps(p *plan.Plan) (words []string) {
	for _, s := range p.Steps {
		words = append(words, fmt.Sprintf("%s %s", s.Action, s.Addr))
	}
	slices.Sort(words)
	return words
}

// What an undo leaves as it is keeps what is sensitive in it secret, and what goes back has what it had then.
func TestUndoKeepsSecrets(t *testing.T) {
	addr := func(name string) resource.Addr { return resource.Addr{Kind: "container", Name: name} }
	now := map[resource.Addr][]string{addr("spared"): {"new"}, addr("held"): {"new"}, addr("other"): {"new"}, addr("back"): {"new"}, addr("plain"): {"new"}}
	b := wayBack{
		about:  []resource.Addr{addr("spared"), addr("held"), addr("back"), addr("plain")},
		spared: map[resource.Addr]bool{addr("spared"): true}, held: []resource.Addr{addr("held")},
		sensitive: now, sensitiveBefore: map[resource.Addr][]string{addr("back"): {"old"}, addr("other"): {"old"}},
	}
	want := map[resource.Addr][]string{addr("spared"): {"new"}, addr("held"): {"new"}, addr("other"): {"new"}, addr("back"): {"old"}}
	if got := b.hidden(); !reflect.DeepEqual(got, want) || len(now) != 5 {
		t.Errorf("%v, want %v", got, want)
	}
}

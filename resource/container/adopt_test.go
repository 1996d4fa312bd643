package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"hostctl/host"
	"hostctl/host/hosttest"
	"hostctl/resource"
)

// Another configuration takes a container over without the program's notice; cut off at any call the same change goes on, and
// until then neither owner can change it.
func TestAdopt(t *testing.T) {
	failure := errors.New("made to fail")
	for _, op := range []string{"", "MoveSubID shop/container.web", "set-properties hostctl-web.service"} {
		b := newBench(t)
		want := resolved()
		b.apply(web, want)
		run := b.invocation(Unit(web))
		adopt := resource.Change{Addr: web, Owner: "store", Former: "shop", Action: resource.Adopt, Want: want, Last: want, Live: want}
		change := func(owner string) resource.Change {
			return resource.Change{Addr: web, Owner: owner, Action: resource.Update, Class: resource.Restart, Want: want, Last: want, Live: want}
		}
		if op != "" {
			b.machine.Fail(op, failure)
			if err := b.Apply(t.Context(), adopt); !errors.Is(err, failure) {
				t.Fatalf("%s: %v", op, err)
			}
			if err := b.Apply(t.Context(), change("store")); err == nil {
				t.Errorf("%s: changed for the new owner before it is its own", op)
			}
		}
		for range 2 {
			if err := b.Apply(t.Context(), adopt); err != nil {
				t.Fatalf("after %q: %v", op, err)
			}
		}
		if b.invocation(Unit(web)) != run {
			t.Errorf("after %q: it was started anew", op)
		}
		if r := b.read(nil); len(r.State) > 0 {
			t.Errorf("after %q: the former owner has it still", op)
		}
		if err := b.Apply(t.Context(), change("shop")); err == nil {
			t.Errorf("after %q: changed for the former owner", op)
		}
		r, err := b.Read(t.Context(), "store", nil)
		if live, ok := r.State[web].(*Container); err != nil || !ok || live.Pending != "" || !strings.HasPrefix(r.Status[web], "running") {
			t.Errorf("after %q: %v, %+v, %s", op, err, live, r.Status[web])
		}
		if ids, _ := b.SubIDs.SubIDs(t.Context()); len(ids) != 1 || ids[0] != (host.SubID{Name: "store/container.web", Start: lowRange, Count: RangeSize}) {
			t.Errorf("after %q: %v", op, ids)
		}
		if err := b.Apply(t.Context(), resource.Change{Addr: web, Owner: "store", Action: resource.Delete, Last: want, Live: want}); err != nil {
			t.Error(err)
		}
		b.nothing()
	}
}

// A container whose name is a third one's is left alone.
func TestAdoptAnothers(t *testing.T) {
	b := newBench(t)
	b.apply(web, resolved())
	before := b.systemd.String()
	err := b.Apply(t.Context(), resource.Change{Addr: web, Owner: "store", Former: "shed", Action: resource.Adopt, Want: resolved()})
	if !errors.Is(err, errAnothers) || b.systemd.String() != before {
		t.Errorf("%v\n%s", err, b.systemd)
	}
}

// moments is a service manager that shows what runs as a job does, and does something of its own before each call.
type moments struct {
	*hosttest.Systemd
	calls  int
	before map[int]func()
}

func (m *moments) pass() {
	m.calls++
	if do := m.before[m.calls]; do != nil {
		do()
	}
}

func (m *moments) Properties(ctx context.Context, unit string, names ...string) (map[string]any, error) {
	m.pass()
	p, err := m.Systemd.Properties(ctx, unit, names...)
	if p["Unit.ActiveState"] == "active" && unit == Unit(web) {
		p["Unit.ActiveState"] = "activating"
	}
	return p, err
}

func (m *moments) SetProperties(ctx context.Context, unit string, properties []host.Property) error {
	m.pass()
	return m.Systemd.SetProperties(ctx, unit, properties)
}

// A job that is started while another configuration takes it over, and ends then or later, has been run for that one: it notes its
// end itself, or is waited for. One that a timer starts is never waited for. Either has what it was to have.
func TestAdoptWhileItStarts(t *testing.T) {
	const last = 16 // past the calls of an adoption
	for begin := 1; begin <= last; begin++ {
		for end := begin + 1; end <= last+1; end++ {
			for _, scheduled := range []bool{false, true} {
				adoptRunning(t, scheduled, begin, end, last)
			}
		}
	}
}

func adoptRunning(t *testing.T, scheduled bool, begin, end, last int) {
	t.Helper()
	b := newBench(t)
	b.Specs.State = filepath.Join(t.TempDir(), "state")
	want := with(resolved(), func(c *Container) {
		c.Job = true
		if scheduled {
			c.Schedule.Calendar = "daily"
		}
	})
	b.apply(web, want)
	b.systemd.End(Unit(web), 0)
	m := &moments{Systemd: b.systemd, before: map[int]func(){}}
	run := ""
	m.before[begin] = func() {
		if err := b.systemd.Start(t.Context(), Unit(web)); err != nil {
			t.Fatal(err)
		}
		run = b.invocation(Unit(web))
		if record, err := b.Specs.ReadRecord(run); err != nil || record.Name != "web" {
			t.Fatalf("%+v, %v", record, err)
		}
	}
	m.before[end] = func() {
		if !scheduled {
			if err := b.Specs.Finish("web", run); err != nil {
				t.Fatal(err)
			}
		}
		b.systemd.End(Unit(web), 0)
	}
	b.Systemd = m
	adopt := resource.Change{Addr: web, Owner: "store", Former: "shop", Action: resource.Adopt, Want: want, Last: want, Live: want}
	err := b.Apply(t.Context(), adopt)
	if m.calls > last {
		t.Fatalf("%d calls", m.calls)
	}
	for m.calls < last+1 {
		m.pass()
	}
	if err != nil {
		if scheduled || !strings.Contains(err.Error(), "the job runs") {
			t.Errorf("scheduled %v, started at %d: %v", scheduled, begin, err)
		}
		if err := b.Apply(t.Context(), adopt); err != nil {
			t.Errorf("started at %d, again: %v", begin, err)
		}
	}
	next, _, err := b.Specs.ReadSpec("web")
	if err != nil || next.Owner != "store" {
		t.Errorf("what starts next is %s's, %v", next.Owner, err)
	}
	done, _, err := b.Specs.Done("web")
	if scheduled {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("started at %d, it is noted that it was run: %v", begin, err)
		}
	} else if err != nil || !reflect.DeepEqual(done, next) {
		t.Errorf("started at %d, ended at %d, noted is a run of %q, %v", begin, end, done.Owner, err)
	}
}

// Whose units say again that they are the former owner's, as after systemctl revert, is told, and marked again without the program's notice.
func TestMarkLost(t *testing.T) {
	for name, lost := range map[string][]string{"the unit": {Unit(web)}, "the socket": {SocketUnit(web)}, "both": {Unit(web), SocketUnit(web)}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			want := resolved()
			want.Listen = map[string]Listen{"web": {Stream: "127.0.0.1:8080"}}
			b.apply(web, want)
			run := b.invocation(Unit(web))
			adopt := resource.Change{Addr: web, Owner: "store", Former: "shop", Action: resource.Adopt, Want: want, Last: want, Live: want}
			if err := b.Apply(t.Context(), adopt); err != nil {
				t.Fatal(err)
			}
			live := func() *Container {
				t.Helper()
				r, err := b.Read(t.Context(), "store", nil)
				if err != nil || r.State[web] == nil {
					t.Fatalf("%v, %v", r.State, err)
				}
				return r.State[web].(*Container)
			}
			if altered := live().Altered; altered != nil {
				t.Fatal(altered)
			}
			revert := func() {
				t.Helper()
				for _, unit := range lost {
					title := unitTitle
					if unit == SocketUnit(web) {
						title = socketTitle
					}
					if err := b.systemd.SetProperties(t.Context(), unit, []host.Property{describe(title, web, "shop")}); err != nil {
						t.Fatal(err)
					}
				}
			}
			revert()
			now := live()
			path := alteredPath(alteredMark)
			if !strings.Contains(now.Altered[alteredMark], "configuration shop's") || want.ChangeClass(path, resource.Restart, now) != resource.Live {
				t.Fatalf("%v", now.Altered)
			}
			c := resource.Change{Addr: web, Owner: "store", Action: resource.Update, Class: resource.Live, Paths: []string{path}, Want: want, Last: want, Live: now}
			check := func() string { return fmt.Sprint(b.Check(t.Context(), []resource.Change{c}, nil)) }

			// One that is to go, or to be made anew, gets its mark first.
			gone := resource.Change{Addr: web, Owner: "store", Action: resource.Delete, Class: resource.Replace, Last: want, Live: now}
			anew := resource.Change{Addr: web, Owner: "store", Action: resource.Create, Want: want}
			for _, changes := range [][]resource.Change{{gone}, {gone, anew}} {
				if said := fmt.Sprint(b.Check(t.Context(), changes, nil)); strings.Contains(said, web.HostName()) && strings.Contains(said, "configuration") || strings.Contains(said, "proves") {
					t.Error(said)
				}
			}

			// What somebody's drop-in says from the next daemon-reload on is not ours to take back.
			theirs := filepath.Join(t.TempDir(), "title.conf")
			write(t, theirs, "[Unit]\nDescription = Mine\n", 0o644)
			systemd := b.Systemd
			b.Systemd = &asked{Systemd: systemd, properties: map[string]map[string]any{lost[0]: {"Unit.DropInPaths": []string{theirs}}}}
			if err := b.Apply(t.Context(), c); err == nil || !strings.Contains(err.Error(), theirs) {
				t.Errorf("with a drop-in: %v", err)
			}
			if said := check(); !strings.Contains(said, theirs) {
				t.Errorf("with a drop-in: %s", said)
			}
			write(t, theirs, "[Unit]\nDocumentation=man:x(1)\n", 0o644)
			if said := check(); strings.Contains(said, "mark") || strings.Contains(said, "configuration") {
				t.Error(said)
			}
			if err := b.Apply(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			b.Systemd = systemd
			if altered := live().Altered; altered != nil || b.invocation(Unit(web)) != run {
				t.Errorf("after the repair: %v; started anew: %v", altered, b.invocation(Unit(web)) != run)
			}
			revert()
			if err := b.Apply(t.Context(), resource.Change{Addr: web, Owner: "store", Action: resource.Delete, Last: want, Live: live()}); err != nil {
				t.Error(err)
			}
			b.nothing()
		})
	}
}

package container

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"hostctl/host"
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

package container

import (
	"errors"
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

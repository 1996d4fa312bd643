package netns_test

import (
	"errors"
	"strings"
	"testing"

	"hostctl/host"
	"hostctl/host/hosttest"
	"hostctl/plan"
	"hostctl/resource"
	"hostctl/resource/netns"
)

func move(from, to string) resource.Move {
	f, err := resource.ParseTarget(from)
	t, err2 := resource.ParseTarget(to)
	if errors.Join(err, err2) != nil {
		panic("bad address")
	}
	return resource.Move{From: f, To: t}
}

// before and after are one configuration, whose network and namespace take other addresses.
func before() resource.State { return named("network.lan", "netns.front") }
func after() resource.State  { return named("network.wan", `netns.back["a"]`) }

func named(segment, space string) resource.State {
	return resource.State{
		addr(segment): lan("10.20.0.0/24", "fd20::/64"),
		addr(space): &netns.Spec{
			Interface: map[string]netns.Interface{"eth0": iface(segment, "10.20.0.10/24", "fd20::10/64")},
			Route:     routes("default", "10.20.0.1", "::/0", "fd20::1"),
			Sysctls:   map[string]string{"net.ipv4.ip_forward": "1"},
		},
	}
}

var moved = resource.Directives{Moved: []resource.Move{move("network.lan", "network.wan"), move("netns.front", `netns.back["a"]`)}}

// inodes are the namespaces that stand behind names.
func inodes(t *testing.T, d door, names ...string) (out []uint64) {
	t.Helper()
	for _, name := range names {
		e, _, err := d.Namespace(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e.Inode)
	}
	return out
}

// Everything goes on under its new name: the namespace, what is in it, and the bridge.
func TestMove(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world, _ door) {
		w.apply(before())
		old := inodes(t, w.door, "front")[0]
		bridge, _, err := w.door.Link(host.Namespace{}, host.LinkName("lan", "hostctl:shop:network.lan"))
		if err != nil {
			t.Fatal(err)
		}
		w.options.Directives = moved
		want := after()
		resolve(w.owner, want)
		for _, r := range w.plan(want).Resources {
			if r.Action != resource.Update || r.Reason != plan.Moved || r.Class != resource.Live {
				t.Errorf("%s: %s, %s, %s", r.Addr, r.Action, r.Reason, r.Class)
			}
		}
		w.apply(after())
		if got := inodes(t, w.door, "front", "back-a"); got[0] != 0 || got[1] != old {
			t.Errorf("namespaces %v, want 0 and %d", got, old)
		}
		now, ok, err := w.door.Link(host.Namespace{}, host.LinkName("wan", "hostctl:shop:network.wan"))
		if err != nil || !ok || now.Index != bridge.Index {
			t.Errorf("the bridge is %+v, %v, and was %+v", now, err, bridge)
		}
		if text := w.text(); strings.Contains(text, "front") || strings.Contains(text, "lan") {
			t.Errorf("the old names are still there:\n%s", text)
		}
		w.options.Directives = resource.Directives{} // the blocks are no more needed
		w.apply(after())
		w.apply(resource.State{})
		if got := w.text(); got != "host\n\tloopback lo up\n" {
			t.Errorf("something is left:\n%s", got)
		}
	})
}

// TestMoveCrash lets the nth change of the move fail, before and after it took effect, and applies again.
func TestMoveCrash(t *testing.T) {
	clean := &world{t: t, door: hosttest.NewNet(t), owner: "shop"}
	clean.apply(before())
	clean.options.Directives = moved
	clean.apply(after())
	for n := 1; ; n++ {
		failures := 0
		for _, afterwards := range []bool{false, true} {
			fake := hosttest.NewNet(t)
			w := &world{t: t, door: fake, owner: "shop"}
			w.apply(before())
			old := inodes(t, w.door, "front")[0]
			w.options.Directives = moved
			want := after()
			resolve(w.owner, want)
			p := w.plan(want)
			fake.FailAt(n, afterwards)
			err := w.try(p)
			fake.FailAt(0, false)
			if errors.Is(err, hosttest.ErrInjected) {
				failures++
			} else if err != nil {
				t.Fatal(err)
			}
			resolve(w.owner, want)
			for _, r := range w.plan(want).Resources {
				if r.Action == plan.Replace {
					t.Errorf("cut off at %d, afterwards %v: %s would be replaced", n, afterwards, r.Addr)
				}
			}
			w.apply(after())
			if got := inodes(t, w.door, "back-a")[0]; got != old {
				t.Errorf("cut off at %d: namespace %d, want %d", n, got, old)
			}
			if w.text() != clean.text() {
				t.Errorf("cut off at %d, afterwards %v:\n%s\nwant\n%s", n, afterwards, w.text(), clean.text())
			}
		}
		if failures == 0 {
			if n < 10 {
				t.Errorf("only %d changes", n)
			}
			return
		}
	}
}

// What is let go stays as it is, and is nobody's: not even for the block that it was declared by.
func TestForget(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world, _ door) {
		w.apply(before())
		old := inodes(t, w.door, "front")[0]
		for _, text := range []string{"network.lan", "netns.front"} {
			target, err := resource.ParseTarget(text)
			if err != nil {
				t.Fatal(err)
			}
			w.options.Directives.Removed = append(w.options.Directives.Removed, target)
		}
		w.apply(resource.State{})
		if got := inodes(t, w.door, "front")[0]; got != old {
			t.Errorf("namespace %d, want %d", got, old)
		}
		contains := func(text string, parts ...string) {
			t.Helper()
			for _, p := range parts {
				if !strings.Contains(text, p) {
					t.Errorf("%q is missing in\n%s", p, text)
				}
			}
		}
		contains(w.text(), "namespace front", "10.20.0.10/24", "via 10.20.0.1", "10.20.0.1/24", host.Released)
		if strings.Contains(w.text(), `"hostctl:`) {
			t.Errorf("a mark is left:\n%s", w.text())
		}
		want := before()
		resolve(w.owner, want)
		contains(texts(w.check(w.plan(want), want)), "is there already and is not this block's", "is there already and is not this network's")
	})
}

// A namespace that `ip netns add` made becomes ours, with what is in it.
func TestImport(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world, hand door) {
		if _, err := hand.AddNamespace("front", ""); err != nil {
			t.Fatal(err)
		}
		old := inodes(t, w.door, "front")[0]
		find := func(to, id string) (resource.Spec, bool, string) {
			spec, ours, problems := netns.NewHost(w.door).Find(t.Context(), w.owner, addr(to), id)
			return spec, ours, texts(problems)
		}
		live, ours, problems := find("netns.front", "front")
		if live == nil || ours || problems != "" {
			t.Fatalf("found %v, ours %v, %s", live, ours, problems)
		}
		w.options.Imported = map[resource.Addr]string{addr("netns.front"): "front"}
		w.found = resource.State{addr("netns.front"): live}
		want := before()
		resolve(w.owner, want)
		p := w.plan(want)
		if text := p.Text(plan.TextOptions{}); !strings.Contains(text, `netns.front will be imported from "front"`) {
			t.Errorf("%s", text)
		}
		if problems := w.check(p, want); len(problems) > 0 {
			t.Fatal(problems)
		}
		if err := w.try(p); err != nil {
			t.Fatal(err)
		}
		w.options.Imported, w.found = nil, nil
		w.apply(before())
		if got := inodes(t, w.door, "front")[0]; got != old {
			t.Errorf("namespace %d, want %d", got, old)
		}
		if _, ours, problems := find("netns.front", "front"); !ours || problems != "" {
			t.Errorf("ours %v, %s", ours, problems)
		}
		for _, wrong := range []struct{ to, id, want string }{
			{"netns.front", "none", `has the name of its block, which is front`},
			{"netns.none", "none", "there is no network namespace none"},
			{`netns.front["x"]`, "front", "which is front-x"},
		} {
			if _, _, problems := find(wrong.to, wrong.id); !strings.Contains(problems, wrong.want) {
				t.Errorf("%s from %s: %q", wrong.to, wrong.id, problems)
			}
		}
		w.owner = "other"
		if _, _, problems := find("netns.front", "front"); !strings.Contains(problems, `of configuration "shop"`) {
			t.Errorf("another's: %q", problems)
		}
	})
}

// adopt hands all of before to the configuration "new", as it was applied.
func (w *world) adopt() error {
	want := before()
	resolve("new", want)
	for _, text := range []string{"network.lan", "netns.front"} {
		c := resource.Change{Addr: addr(text), Owner: "new", Former: w.owner, Action: resource.Adopt, Want: want[addr(text)]}
		if err := w.host(c.Addr.Kind).Apply(w.t.Context(), c); err != nil {
			return err
		}
	}
	return nil
}

// TestAdoptCrash lets the nth change of an adoption fail, before and after it took effect, and adopts again: nothing is left for the new owner to change.
func TestAdoptCrash(t *testing.T) {
	for n := 1; ; n++ {
		failures := 0
		for _, afterwards := range []bool{false, true} {
			fake := hosttest.NewNet(t)
			w := &world{t: t, door: fake, owner: "shop"}
			w.apply(before())
			fake.FailAt(n, afterwards)
			err := w.adopt()
			fake.FailAt(0, false)
			if errors.Is(err, hosttest.ErrInjected) {
				failures++
			} else if err != nil {
				t.Fatal(err)
			}
			if err := w.adopt(); err != nil {
				t.Fatal(err)
			}
			w.owner = "new"
			want := before()
			resolve(w.owner, want)
			if p := w.plan(want); len(p.Steps) > 0 {
				t.Errorf("cut off at %d, afterwards %v: the new owner would change something:\n%s", n, afterwards, p.Text(plan.TextOptions{}))
			}
		}
		if failures == 0 {
			if n < 5 {
				t.Errorf("only %d changes", n)
			}
			return
		}
	}
}

// Another configuration takes over what a first one has: the namespace goes on, and nothing is left for the new owner to change.
func TestAdopt(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world, _ door) {
		w.apply(before())
		old := inodes(t, w.door, "front")[0]
		for range 2 {
			if err := w.adopt(); err != nil {
				t.Fatal(err)
			}
		}
		if p := w.plan(resource.State{}); len(p.Steps) > 0 {
			t.Errorf("the former owner has something still:\n%s", p.Text(plan.TextOptions{}))
		}
		w.owner = "new"
		want := before()
		resolve(w.owner, want)
		if p := w.plan(want); len(p.Steps) > 0 {
			t.Errorf("the new owner would change something:\n%s", p.Text(plan.TextOptions{}))
		}
		if got := inodes(t, w.door, "front")[0]; got != old {
			t.Errorf("namespace %d, want %d", got, old)
		}
		w.apply(resource.State{})
		if strings.Contains(w.text(), "hostctl:") {
			t.Errorf("left over:\n%s", w.text())
		}
	})
}

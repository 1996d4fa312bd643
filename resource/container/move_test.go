package container

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"hostctl/resource"
)

var site = resource.Addr{Kind: Name, Name: "site"}

// move does what a plan with a moved block does: the old one ends, the new one starts.
func (b *bench) move(from, to resource.Addr, want *Container) error {
	b.t.Helper()
	gone := resource.Change{Addr: from, Owner: "shop", Action: resource.Delete, Replace: true}
	made := resource.Change{Addr: to, From: from, Owner: "shop", Action: resource.Create, Replace: true, Want: want}
	if problems := b.Check(b.t.Context(), []resource.Change{gone, made}, nil); len(problems) > 0 && !strings.Contains(problems[0].Summary, "cannot be a root directory") {
		b.t.Fatal(problems)
	}
	if b.read(nil).State[from] != nil {
		if err := b.Apply(b.t.Context(), gone); err != nil {
			return err
		}
	}
	return b.Apply(b.t.Context(), made)
}

// Whatever call fails, moving again ends under the new name with the ids of the old.
func TestMove(t *testing.T) {
	failure := errors.New("made to fail")
	for _, op := range []string{"", "remove hostctl-web.service", "remove hostctl-keep-web.slice", "MoveSubID shop/container.web", "AddSubID shop/container.site", "start-transient hostctl-site.service"} {
		b := newBench(t)
		want := resolved()
		b.apply(web, want)
		if op != "" {
			b.machine.Fail(op, failure)
			if err := b.move(web, site, want); err != nil && !errors.Is(err, failure) {
				t.Fatalf("%s: %v", op, err)
			}
			b.machine.Fail(op, nil)
		}
		if err := b.move(web, site, want); err != nil {
			t.Fatalf("after %s: %v", op, err)
		}
		b.same(site, want)
		if r := b.read(nil); r.State[web] != nil || len(r.Used[Pool]) != 1 {
			t.Errorf("after %s: live %v, used %v", op, r.State.Addrs(), r.Used)
		}
		ids, _ := b.SubIDs.SubIDs(t.Context())
		if len(ids) != 1 || ids[0].Name != "shop/container.site" || ids[0].Start != lowRange {
			t.Errorf("after %s: ranges %v", op, ids)
		}
	}
}

// A name on the host can pass from one address to another.
func TestMoveKeepsItsName(t *testing.T) {
	b := newBench(t)
	from := resource.Addr{Kind: Name, Name: "web-a"}
	to := resource.Addr{Kind: Name, Name: "web", Key: "a"}
	b.apply(from, resolved())
	if err := b.move(from, to, resolved()); err != nil {
		t.Fatal(err)
	}
	b.same(to, resolved())
}

// What was let go runs on; no configuration sees it, and none can have its name.
func TestForget(t *testing.T) {
	b := newBench(t)
	want := resolved()
	b.apply(web, want)
	before, run := b.systemd.String(), b.invocation(Unit(web))
	for range 2 {
		if err := b.Apply(t.Context(), resource.Change{Addr: web, Owner: "shop", Action: resource.Forget}); err != nil {
			t.Fatal(err)
		}
	}
	if b.systemd.String() != before || b.invocation(Unit(web)) != run {
		t.Errorf("the unit was touched:\n%s", b.systemd)
	}
	if r := b.read(resource.State{}); len(r.State) > 0 || len(r.Used[Pool]) != 1 {
		t.Errorf("live %v, used %v", r.State.Addrs(), r.Used)
	}
	if err := b.Systemd.Restart(t.Context(), Unit(web)); err != nil {
		t.Errorf("it cannot be started again: %v", err)
	}
	if err := b.Apply(t.Context(), resource.Change{Addr: web, Owner: "shop", Action: resource.Delete}); err != nil {
		t.Error(err)
	}
	if b.invocation(Unit(web)) == "" {
		t.Error("what is nobody's was removed")
	}
	change := resource.Change{Addr: web, Owner: "shop", Action: resource.Create, Want: want}
	problems := ""
	for _, p := range b.Check(t.Context(), []resource.Change{change}, nil) {
		problems += p.Error() + "\n"
	}
	if !strings.Contains(problems, "a container that was let go has the name web") || !strings.Contains(problems, "systemctl stop hostctl-keep-web.slice hostctl-web.service") {
		t.Error(problems)
	}
	if err := b.Apply(t.Context(), change); err == nil {
		t.Error("what is nobody's was made anew")
	}
}

// A namespace that goes by another name is the same one for who runs in it,
// also when the container was not told; one that is another by now is not.
func TestRenamedNetns(t *testing.T) {
	b := newBench(t)
	dir := filepath.Join(b.Proc, "netns")
	if err := os.Mkdir(filepath.Join(b.Proc, "netns"), 0o755); errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	ns := filepath.Join(b.Proc, strconv.Itoa(os.Getpid()), "ns/net")
	write(t, ns, "", 0o644)
	in := func(name string) *Container {
		return with(resolved(), func(c *Container) {
			c.Netns, c.NetnsPath = resource.Addr{Kind: "netns", Name: name}, filepath.Join(dir, name)
		})
	}
	link := func(name string) {
		t.Helper()
		if err := os.Link(ns, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("front")
	b.apply(web, in("front"))
	b.same(web, in("front"))
	run := b.invocation(Unit(web))

	link("back")
	if err := os.Remove(filepath.Join(dir, "front")); err != nil {
		t.Fatal(err)
	}
	live := b.read(nil).State[web].(*Container)
	if live.NetnsPath != in("back").NetnsPath {
		t.Errorf("path %q", live.NetnsPath)
	}
	change := resource.Change{Addr: web, Owner: "shop", Action: resource.Update, Class: resource.Live, Paths: []string{"netns", "netns_path"}, Want: in("back"), Live: live}
	if err := b.Apply(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	b.same(web, in("back"))
	if b.invocation(Unit(web)) != run {
		t.Error("it was started anew")
	}

	// Another namespace of that name: the class was live by a mistake of somebody's, and it starts anew.
	write(t, filepath.Join(dir, "other"), "", 0o644)
	change.Want = in("other")
	if err := b.Apply(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	if b.invocation(Unit(web)) == run {
		t.Error("it goes on in a namespace that it is not declared in")
	}
}

func TestReaddressedClass(t *testing.T) {
	at := func(name, path string) *Container {
		return with(resolved(), func(c *Container) { c.Netns, c.NetnsPath = resource.Addr{Kind: "netns", Name: name}, path })
	}
	for _, c := range []struct {
		live *Container
		want resource.Class
	}{
		{at("back", "/run/netns/front"), resource.Live},     // moved: one reference, two paths
		{at("back", ""), resource.Restart},                  // lost
		{at("other", "/run/netns/other"), resource.Restart}, // another one
	} {
		if got := at("back", "/run/netns/back").ChangeClass("netns_path", resource.Restart, c.live); got != c.want {
			t.Errorf("%s, %s: %s, want %s", c.live.Netns, c.live.NetnsPath, got, c.want)
		}
	}
}

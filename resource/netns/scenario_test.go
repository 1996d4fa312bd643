package netns_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"hostctl/host"
	"hostctl/host/hosttest"
	"hostctl/resource"
	"hostctl/resource/netns"
)

// states are configurations to walk between. Each call makes them anew, for specs are changed by resolving.
func states() []resource.State {
	front := func(s netns.Spec) *netns.Spec { return &s }
	return []resource.State{
		{},
		{addr("network.lan"): lan("10.20.0.0/24", "")},
		{
			addr("network.lan"): lan("10.20.0.0/24", "fd20::/64"),
			addr("netns.front"): front(netns.Spec{
				Interface: map[string]netns.Interface{"eth0": iface("network.lan", "10.20.0.10/24", "fd20::10/64")},
				Route:     routes("default", "10.20.0.1", "::/0", "fd20::1"),
				Sysctls:   map[string]string{"net.ipv4.ip_forward": "1"},
			}),
		},
		{
			addr("network.lan"): lan("10.20.0.0/24", "fd20::/64"),
			addr("network.dmz"): lan("10.30.0.0/16", ""),
			addr("netns.front"): front(netns.Spec{
				Interface: map[string]netns.Interface{
					"eth0": iface("network.lan", "10.20.0.11/24", "10.20.0.12/24"),
					"dmz":  iface("network.dmz", "10.30.0.11/16"),
				},
				Route:   routes("default", "10.30.0.1", "10.9.0.0/16", "10.20.0.1"),
				Sysctls: map[string]string{"net.ipv4.ip_local_port_range": "40000 50000"},
			}),
			addr(`netns.back["a"]`): front(netns.Spec{Interface: map[string]netns.Interface{"eth0": iface("network.dmz", "10.30.0.12/16")}}),
			addr("netns.alone"):     front(netns.Spec{Sysctls: map[string]string{"net.ipv4.ip_unprivileged_port_start": "80"}}),
		},
		{
			addr("network.lan"): lan("10.21.0.0/24", "fd20::/56"),
			addr("netns.front"): front(netns.Spec{
				Interface: map[string]netns.Interface{"eth0": iface("network.lan", "10.21.0.11/24", "fd20::10/56")},
				Route:     routes("default", "fd20::1"),
			}),
		},
		{
			addr("network.lan"): lan("", "fd20::/56"),
			addr("network.dmz"): lan("10.30.0.0/16", ""),
			addr("netns.front"): front(netns.Spec{
				Interface: map[string]netns.Interface{"eth0": iface("network.dmz", "10.30.0.11/16")},
			}),
		},
	}
}

// TestWalk goes from every state to every other, and finds each as it was before.
func TestWalk(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world, _ door) {
		all, seen := len(states()), map[int]string{}
		rng := rand.New(rand.NewPCG(1, 2))
		for range 60 {
			i := rng.IntN(all)
			w.apply(states()[i])
			if old, ok := seen[i]; ok && old != w.text() {
				t.Fatalf("state %d was\n%s\nand is\n%s", i, old, w.text())
			}
			seen[i] = w.text()
		}
		w.apply(resource.State{})
		if got := w.text(); got != "host\n\tloopback lo up\n" {
			t.Errorf("something is left:\n%s", got)
		}
	})
}

// TestText holds one state, written out, against the fake and the kernel.
func TestText(t *testing.T) {
	want := `host
	veth hc-front-END up master hc-lan-LAN alias "hostctl:shop:netns.front:eth0"
	bridge hc-lan-LAN up alias "hostctl:shop:network.lan" 10.20.0.1/24 fd20::1/64
	loopback lo up
namespace front
	veth eth0 up 10.20.0.10/24 fd20::10/64
	loopback lo up alias "hostctl:shop:netns.front"
	route 0.0.0.0/0 via 10.20.0.1 dev eth0 ours true
	route ::/0 via fd20::1 dev eth0 ours true
	net.ipv4.ip_forward = 1
	net.ipv4.ip_local_port_range = 32768 60999
	net.ipv4.ip_unprivileged_port_start = 0
`
	bridge := strings.TrimPrefix(host.LinkName("lan", "hostctl:shop:network.lan"), "hc-lan-")
	end := strings.TrimPrefix(host.LinkName("front", "hostctl:shop:netns.front:eth0"), "hc-front-")
	want = strings.NewReplacer("LAN", bridge, "END", end).Replace(want)
	onBoth(t, func(t *testing.T, w *world, _ door) {
		w.apply(states()[2])
		if got := w.text(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// TestCrash lets the nth change of an apply fail, before and after it took
// effect, and applies again, with the ledger as it is and with the ledger lost.
func TestCrash(t *testing.T) {
	for from := range states() {
		for to := range states() {
			clean := &world{t: t, door: hosttest.NewNet(t), owner: "shop"}
			clean.apply(states()[from])
			clean.apply(states()[to])
			for n := 1; ; n++ {
				failed := 0
				for _, after := range []bool{false, true} {
					fake := hosttest.NewNet(t)
					w := &world{t: t, door: fake, owner: "shop"}
					w.apply(states()[from])
					want := states()[to]
					resolve(w.owner, want)
					fake.FailAt(n, after)
					if err := w.try(w.plan(want)); errors.Is(err, hosttest.ErrInjected) {
						failed++
					} else if err != nil {
						t.Fatalf("%d to %d: %v", from, to, err)
					}
					fake.FailAt(0, false)
					w.apply(states()[to])
					if got := w.text(); got != clean.text() {
						t.Fatalf("%d to %d, change %d fails, after it took effect %v: got\n%s\nwant\n%s", from, to, n, after, got, clean.text())
					}
				}
				if failed == 0 {
					break
				}
			}
		}
	}
}

// TestSecondApply insists that a second apply changes nothing, also when the ledger was lost.
func TestSecondApply(t *testing.T) {
	for i := range states() {
		fake := hosttest.NewNet(t)
		w := &world{t: t, door: fake, owner: "shop"}
		w.apply(states()[i])
		fake.Changes()
		w.apply(states()[i])
		if c := fake.Changes(); len(c) > 0 {
			t.Errorf("state %d: a second apply did %q", i, c)
		}
		before := w.text()
		w.last = nil
		w.apply(states()[i])
		if got := w.text(); got != before {
			t.Errorf("state %d without its ledger became\n%s\nand was\n%s", i, got, before)
		}
	}
}

// drifts are things that an administrator does to state 2, and what the next plan says.
var drifts = []struct {
	name string
	do   func(d door, w *world) error
	want []string
}{
	{"bridge down", func(d door, w *world) error { return d.SetUp(host.Namespace{}, w.index("", "hc-lan"), false) },
		[]string{"network.lan: update ipv6", "network.lan: update ipv6_address", "network.lan: update up"}},
	{"bridge address removed", func(d door, w *world) error {
		return d.DeleteAddress(host.Namespace{}, w.link("", "hc-lan"), netip.MustParsePrefix("10.20.0.1/24"))
	}, []string{"network.lan: update address", "network.lan: update subnet"}},
	{"bridge renamed", func(d door, w *world) error { return d.SetName(host.Namespace{}, w.index("", "hc-lan"), "mine") },
		[]string{"network.lan: update link"}},
	{"bridge gone", func(d door, w *world) error { return d.DeleteLink(host.Namespace{}, w.index("", "hc-lan")) },
		[]string{`netns.front: update interface["eth0"].network`, "network.lan: create link"}},
	{"bridge without alias", func(d door, w *world) error { return d.SetAlias(host.Namespace{}, w.index("", "hc-lan"), "") },
		[]string{"network.lan: update marked"}},
	{"outside end without alias", func(d door, w *world) error { return d.SetAlias(host.Namespace{}, w.index("", "hc-front"), "") },
		[]string{`netns.front: update interface["eth0"]`}},
	{"foreign address on the bridge", func(d door, w *world) error {
		return d.AddAddress(host.Namespace{}, w.index("", "hc-lan"), netip.MustParsePrefix("10.99.0.1/24"))
	}, nil},
	{"port detached", func(d door, w *world) error { return d.SetMaster(w.index("", "hc-front"), 0) },
		[]string{`netns.front: update interface["eth0"].network`}},
	{"outside end renamed", func(d door, w *world) error { return d.SetName(host.Namespace{}, w.index("", "hc-front"), "mine") },
		[]string{`netns.front: update interface["eth0"].link`}},
	{"outside end down", func(d door, w *world) error { return d.SetUp(host.Namespace{}, w.index("", "hc-front"), false) },
		[]string{`netns.front: update interface["eth0"].up`}},
	{"veth gone", func(d door, w *world) error { return d.DeleteLink(host.Namespace{}, w.index("", "hc-front")) },
		[]string{`netns.front: update interface["eth0"]`, `netns.front: update route["default"]`}},
	{"inside renamed", func(d door, w *world) error { return d.SetName(w.ns("front"), w.index("front", "eth0"), "eth7") },
		[]string{`netns.front: update interface["eth0"].addresses`}},
	{"inside address removed", func(d door, w *world) error {
		return d.DeleteAddress(w.ns("front"), w.link("front", "eth0"), netip.MustParsePrefix("fd20::10/64"))
	}, []string{`netns.front: update interface["eth0"].addresses`}},
	{"foreign address inside", func(d door, w *world) error {
		return d.AddAddress(w.ns("front"), w.index("front", "eth0"), netip.MustParsePrefix("10.99.0.1/24"))
	}, nil},
	{"route gone", func(d door, w *world) error {
		return d.DeleteRoute(w.ns("front"), host.Route{Destination: netip.MustParsePrefix("0.0.0.0/0"), Via: netip.MustParseAddr("10.20.0.1")})
	}, []string{`netns.front: update route["default"]`, `netns.front: update route["default"].via`}},
	{"route elsewhere", func(d door, w *world) error {
		return d.SetRoute(w.ns("front"), host.Route{Destination: netip.MustParsePrefix("0.0.0.0/0"), Via: netip.MustParseAddr("10.20.0.9"), Link: w.index("front", "eth0")})
	}, []string{`netns.front: update route["default"].via`}},
	{"route by another link", func(d door, w *world) error {
		e, err := d.AddVeth(host.Link{Name: "other", MAC: "02:00:00:00:00:01"}, w.ns("front"), host.Link{Name: "other", MAC: "02:00:00:00:00:02"})
		if err != nil {
			return err
		}
		return errors.Join(d.AddAddress(w.ns("front"), e.Peer, netip.MustParsePrefix("10.20.0.99/24")),
			d.SetUp(host.Namespace{}, e.Index, true), d.SetUp(w.ns("front"), e.Peer, true),
			d.SetRoute(w.ns("front"), host.Route{Destination: netip.MustParsePrefix("0.0.0.0/0"), Via: netip.MustParseAddr("10.20.0.1"), Link: e.Peer}))
	}, []string{`netns.front: update route["default"]`}},
	{"loopback down", func(d door, w *world) error { return d.SetUp(w.ns("front"), 1, false) },
		[]string{"netns.front: update loopback"}},
	{"sysctl changed", func(d door, w *world) error { return d.SetSysctl(w.ns("front"), "net.ipv4.ip_forward", "0") },
		[]string{`netns.front: update sysctls["net.ipv4.ip_forward"]`}},
	{"unprivileged ports", func(d door, w *world) error {
		return d.SetSysctl(w.ns("front"), "net.ipv4.ip_unprivileged_port_start", "1024")
	}, []string{`netns.front: update sysctls["net.ipv4.ip_unprivileged_port_start"]`}},
	{"bridge's MTU", func(d door, w *world) error { return d.SetMTU(host.Namespace{}, w.index("", "hc-lan"), 1400) },
		[]string{`network.lan: update altered["mtu"]`}},
	{"outside end's MTU", func(d door, w *world) error { return d.SetMTU(host.Namespace{}, w.index("", "hc-front"), 1400) },
		[]string{`netns.front: update altered["mtu ` + host.LinkName("front", "hostctl:shop:netns.front:eth0") + `"]`}},
	{"inside MTU too small for IPv6", func(d door, w *world) error { return d.SetMTU(w.ns("front"), w.index("front", "eth0"), 1000) },
		[]string{`netns.front: update altered["mtu eth0"]`, `netns.front: update interface["eth0"].addresses`}},
	{"bridge's MTU too small for IPv6", func(d door, w *world) error { return d.SetMTU(host.Namespace{}, w.index("", "hc-lan"), 1000) },
		[]string{`network.lan: update altered["mtu"]`, "network.lan: update ipv6"}},
	{"a port's MTU after the bridge's was put right", func(d door, w *world) error {
		return errors.Join(d.SetMTU(host.Namespace{}, w.index("", "hc-lan"), host.MTU), d.SetMTU(w.ns(""), w.index("", "hc-front"), 1400))
	}, []string{`netns.front: update altered["mtu ` + host.LinkName("front", "hostctl:shop:netns.front:eth0") + `"]`}},
	{"a foreign port with a smaller MTU", func(d door, w *world) error {
		e, err := d.AddVeth(host.Link{Name: "alien", MAC: "02:00:00:00:00:01"}, w.ns("front"), host.Link{Name: "alien", MAC: "02:00:00:00:00:02"})
		return errors.Join(err, d.SetMTU(host.Namespace{}, e.Index, 1400), d.SetMaster(e.Index, w.index("", "hc-lan")))
	}, nil},
	{"namespace gone", func(d door, w *world) error { return d.DeleteNamespace("front", "hostctl:shop:netns.front") },
		// create, or replace where the kernel has not yet taken the outside end away
		[]string{"mounted"}},
}

func TestDrift(t *testing.T) {
	for _, drift := range drifts {
		t.Run(strings.ReplaceAll(drift.name, " ", "_"), func(t *testing.T) {
			onBoth(t, func(t *testing.T, w *world, hand door) {
				w.apply(states()[2])
				before := w.text()
				if err := drift.do(hand, w); err != nil {
					t.Fatal(err)
				}
				drifted := w.text()
				want := states()[2]
				resolve(w.owner, want)
				p := w.plan(want)
				for _, path := range drift.want {
					if !slices.ContainsFunc(paths(p), func(p string) bool { return strings.HasSuffix(p, path) }) {
						t.Errorf("the plan has no %q but %q", path, paths(p))
					}
				}
				if drift.want == nil && !p.Empty() {
					t.Errorf("the host's own is in the plan: %q", paths(p))
				}
				w.apply(want)
				if drift.want == nil {
					before = drifted
				}
				if l, ok, _ := hand.Link(host.Namespace{}, "other"); ok { // what the hand left
					if err := hand.DeleteLink(host.Namespace{}, l.Index); err != nil {
						t.Fatal(err)
					}
				}
				if got := w.text(); got != before {
					t.Errorf("after the repair\n%s\nbefore\n%s", got, before)
				}
			})
		})
	}
}

// TestOverrides puts what goes before the routes into the namespace, one sort after the other and all at once: each is named and ended,
// and nothing else is.
func TestOverrides(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world, _ door) {
		w.apply(states()[2])
		before := w.text()
		repair := func(list ...host.Override) {
			t.Helper()
			for _, o := range list {
				hosttest.MakeOverride(t, w.door, "front", o)
			}
			want := states()[2]
			resolve(w.owner, want)
			got := paths(w.plan(want))
			if len(got) != len(list) {
				t.Errorf("the plan has %q for %v", got, list)
			}
			for _, o := range list {
				if path := fmt.Sprintf("netns.front: update altered[%q]", o.Text); !slices.Contains(got, path) {
					t.Errorf("the plan has no %s but %q", path, got)
				}
			}
			w.apply(want)
			if got := w.text(); got != before {
				t.Errorf("after %v\n%s\nbefore\n%s", list, got, before)
			}
		}
		for _, o := range hosttest.Overrides {
			repair(o)
		}
		repair(hosttest.Overrides...)
	})
}

func (w *world) ns(name string) host.Namespace {
	if name == "" {
		return host.Namespace{}
	}
	e, ok, err := w.door.Namespace(name)
	if err != nil || !ok {
		w.t.Fatalf("namespace %s: %v", name, err)
	}
	return e.Namespace
}

// link is the first link whose name begins so.
func (w *world) link(ns, prefix string) host.Link {
	links, err := w.door.Links(w.ns(ns))
	if err != nil {
		w.t.Fatal(err)
	}
	i := slices.IndexFunc(links, func(l host.Link) bool { return strings.HasPrefix(l.Name, prefix) })
	if i < 0 {
		w.t.Fatalf("no link %s in %q", prefix, ns)
	}
	return links[i]
}

func (w *world) index(ns, prefix string) int { return w.link(ns, prefix).Index }

// TestConflicts puts foreign things where the configuration's would be: each is
// reported, all in one run, and none is touched.
func TestConflicts(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world, hand door) {
		want := states()[2]
		resolve(w.owner, want)
		mac := "02:00:00:00:00:07"
		for _, name := range []string{
			host.LinkName("lan", "hostctl:shop:network.lan"), host.LinkName("front", "hostctl:shop:netns.front:eth0"), "other",
		} {
			if _, err := hand.AddBridge(name, mac); err != nil {
				t.Fatal(err)
			}
		}
		if err := hand.AddAddress(host.Namespace{}, w.index("", "other"), netip.MustParsePrefix("10.20.0.200/28")); err != nil {
			t.Fatal(err)
		}
		if _, err := hand.AddNamespace("front", "hostctl:blog:netns.front"); err != nil {
			t.Fatal(err)
		}
		before := w.text()
		p := w.plan(want)
		got := texts(w.check(p, want))
		for _, part := range []string{
			"network.lan: link hc-lan-", "network.lan.subnet: 10.20.0.0/24 overlaps what the host has: address 10.20.0.200/28 of link other",
			`netns.front.interface["eth0"]: link hc-front-`, "netns.front: network namespace /run/netns/front is there already",
			`"netns.front" of configuration "blog"`,
		} {
			if !strings.Contains(got, part) {
				t.Errorf("no problem with %q in:\n%s", part, got)
			}
		}
		for _, s := range p.Steps {
			if err := w.host(s.Addr.Kind).Apply(t.Context(), s.Change); err == nil {
				t.Errorf("%s was carried out over something foreign", s.Addr)
			}
		}
		w.apply(resource.State{})
		if got := w.text(); got != before {
			t.Errorf("something foreign was touched:\n%s\nbefore\n%s", got, before)
		}
	})
}

// TestTwoConfigurations live side by side, and one goes without the other.
func TestTwoConfigurations(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world, _ door) {
		w.apply(states()[2])
		before := w.text()
		other := &world{t: t, door: w.door, owner: "blog"}
		other.apply(resource.State{
			addr("network.lan"): lan("10.50.0.0/24", ""),
			addr("netns.other"): &netns.Spec{Interface: map[string]netns.Interface{"eth0": iface("network.lan", "10.50.0.10/24")}},
		})
		w.apply(states()[2])
		other.apply(resource.State{})
		if got := w.text(); got != before {
			t.Errorf("got\n%s\nwant\n%s", got, before)
		}
	})
}

// TestUnmounted finds the file of a namespace without the namespace, whose place another one takes.
func TestUnmounted(t *testing.T) {
	fake := hosttest.NewNet(t)
	w := &world{t: t, door: fake, owner: "shop"}
	w.apply(states()[2])
	before := w.text()
	if err := fake.Hand().Unmount("front"); err != nil {
		t.Fatal(err)
	}
	want := states()[2]
	resolve(w.owner, want)
	if got := paths(w.plan(want)); !slices.Contains(got, "netns.front: replace mounted") {
		t.Errorf("plan: %q", got)
	}
	w.apply(want)
	if got := w.text(); got != before {
		t.Errorf("got\n%s\nwant\n%s", got, before)
	}
}

// TestInterfaceSysctl sets, changes and drops a sysctl of one interface.
func TestInterfaceSysctl(t *testing.T) {
	hosttest.OnKernel(t, func(t *testing.T, d *host.Netlink) {
		w := &world{t: t, door: d, owner: "shop"}
		key := "net.ipv4.conf.eth0.rp_filter"
		value := func() string {
			have, err := d.Sysctls(w.ns("front"), []string{key})
			if err != nil {
				t.Fatal(err)
			}
			return have[key]
		}
		with := func(sysctls map[string]string) string {
			s := states()[2]
			maps.Copy(s[addr("netns.front")].(*netns.Spec).Sysctls, sysctls)
			w.apply(s)
			return value()
		}
		initial := with(nil)
		for _, v := range []string{"1", "2"} {
			if got := with(map[string]string{key: v}); got != v {
				t.Errorf("%s is %s, want %s", key, got, v)
			}
		}
		if got := with(nil); got != initial {
			t.Errorf("%s is %s after it was dropped, want %s", key, got, initial)
		}
		s := states()[2]
		s[addr("netns.front")].(*netns.Spec).Sysctls["net.ipv4.no_such_thing"] = "1"
		resolve(w.owner, s)
		if got := texts(w.check(w.plan(s), s)); !strings.Contains(got, `netns.front.sysctls["net.ipv4.no_such_thing"]: this kernel has no sysctl`) {
			t.Errorf("problems: %s", got)
		}
	})
}

// TestTraffic asks a server on the bridge from inside, over both families, while
// the namespace is changed under it.
func TestTraffic(t *testing.T) {
	hosttest.NeedTools(t, "nsenter", "bash")
	hosttest.OnKernel(t, func(t *testing.T, d *host.Netlink) {
		w := &world{t: t, door: d, owner: "shop"}
		if err := d.SetUp(host.Namespace{}, 1, true); err != nil { // or package net thinks that there is no IPv6
			t.Fatal(err)
		}
		w.apply(states()[2])
		listener, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		go func() {
			for {
				c, err := listener.Accept()
				if err != nil {
					return
				}
				fmt.Fprintln(c, c.RemoteAddr().(*net.TCPAddr).IP)
				c.Close()
			}
		}()
		port := listener.Addr().(*net.TCPAddr).Port
		ask := func(to, want string) {
			t.Helper()
			script := fmt.Sprintf("exec 3<>/dev/tcp/%s/%d; read -u 3 line; echo $line", to, port)
			out, err := exec.Command("nsenter", "--net="+netns.Path(addr("netns.front")), "bash", "-c", script).CombinedOutput()
			if got := strings.TrimSpace(string(out)); err != nil || got != want {
				t.Errorf("%s saw %q, want %q: %v", to, got, want, err)
			}
		}
		ask("10.20.0.1", "10.20.0.10")
		ask("fd20::1", "fd20::10")
		w.apply(states()[4])
		ask("10.21.0.1", "10.21.0.11")
		ask("fd20::1", "fd20::10")
	})
}

// BenchmarkRead reads 100 namespaces of the fake: what the kind itself costs.
func BenchmarkRead(b *testing.B) {
	fake := hosttest.NewNet(b)
	w := &world{door: fake, owner: "shop"}
	want := resource.State{addr("network.lan"): lan("10.20.0.0/16", "")}
	for i := range 100 {
		a := fmt.Sprintf("10.20.1.%d/16", i+1)
		want[addr(fmt.Sprintf("netns.n%d", i))] = &netns.Spec{Interface: map[string]netns.Interface{"eth0": iface("network.lan", a)}}
	}
	resolve(w.owner, want)
	if err := w.try(w.plan(want)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		w.plan(want)
	}
}

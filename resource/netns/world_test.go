package netns_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"hostctl/host"
	"hostctl/host/hosttest"
	"hostctl/plan"
	"hostctl/resource"
	"hostctl/resource/netns"
	"hostctl/resource/network"
)

// world is a host, fake or real, with the ledger of one configuration.
type world struct {
	t     *testing.T
	door  door
	owner string
	last  resource.State
	// options are those of the plan, and found what it is to import.
	options plan.Options
	found   resource.State
}

type door interface {
	netns.Door
	network.Door
	hosttest.NetDoor
}

var kinds = resource.Kinds{network.Kind(), netns.Kind()}

func (w *world) host(kind string) resource.Host {
	if kind == "network" {
		return network.NewHost(w.door)
	}
	return netns.NewHost(w.door)
}

// onBoth runs a test on the fake and on the kernel.
func onBoth(t *testing.T, test func(t *testing.T, w *world, hand door)) {
	t.Run("fake", func(t *testing.T) {
		fake := hosttest.NewNet(t)
		test(t, &world{t: t, door: fake, owner: "shop"}, fake.Hand())
	})
	t.Run("kernel", func(t *testing.T) {
		hosttest.OnKernel(t, func(t *testing.T, d *host.Netlink) {
			if err := d.SetUp(host.Namespace{}, 1, true); err != nil {
				t.Fatal(err)
			}
			test(t, &world{t: t, door: d, owner: "shop"}, d)
		})
	})
}

// resolve validates and resolves a configuration, and returns the problems of all stages.
func resolve(owner string, want resource.State) []resource.Problem {
	r := &resource.Resolver{Owner: owner, Want: resource.State{}}
	var problems []resource.Problem
	for _, kind := range kinds {
		for _, addr := range want.Addrs() {
			if addr.Kind != kind.Name {
				continue
			}
			problems = append(problems, want[addr].Validate(addr)...)
			problems = append(problems, want[addr].Resolve(addr, r)...)
			r.Want[addr] = want[addr]
		}
	}
	for _, kind := range kinds {
		problems = append(problems, kind.Check(want)...)
	}
	return problems
}

// plan reads the host and makes the plan towards want, which is resolved.
func (w *world) plan(want resource.State) *plan.Plan {
	w.t.Helper()
	live := resource.State{}
	for _, kind := range kinds {
		last := resource.State{}
		for addr, spec := range w.last {
			if addr.Kind == kind.Name {
				last[addr] = spec
			}
		}
		reading, err := w.host(kind.Name).Read(context.Background(), w.owner, last)
		if err != nil {
			w.t.Fatal(err)
		}
		for addr, spec := range reading.State {
			live[addr] = spec
		}
	}
	for addr, spec := range w.found {
		live[addr] = spec
	}
	o := w.options
	o.Kinds, o.Owner = kinds, w.owner
	p := plan.Make(want, w.last, live, o)
	if len(p.Refused) > 0 {
		w.t.Fatal(p.Refused)
	}
	return p
}

// check asks the kinds about a plan.
func (w *world) check(p *plan.Plan, want resource.State) []resource.Problem {
	var problems []resource.Problem
	for _, kind := range kinds {
		var changes []resource.Change
		for _, s := range p.Steps {
			if s.Addr.Kind == kind.Name {
				changes = append(changes, s.Change)
			}
		}
		problems = append(problems, w.host(kind.Name).Check(context.Background(), changes, want)...)
	}
	return problems
}

// try carries out a plan, and keeps the ledger, until a step fails.
func (w *world) try(p *plan.Plan) error {
	ledger := resource.State{}
	for addr, spec := range w.last {
		ledger[addr] = spec
	}
	w.last = ledger
	for _, addr := range p.Forget {
		delete(ledger, addr)
	}
	for _, s := range p.Steps {
		if err := w.host(s.Addr.Kind).Apply(context.Background(), s.Change); err != nil {
			return err
		}
		delete(ledger, s.Addr)
		delete(ledger, s.From)
		if s.Want != nil {
			ledger[s.Addr] = s.Want
		}
	}
	return nil
}

// apply brings the host to want, and insists that it then is there.
func (w *world) apply(want resource.State) {
	w.t.Helper()
	if problems := resolve(w.owner, want); len(problems) > 0 {
		w.t.Fatal(problems)
	}
	p := w.plan(want)
	if problems := w.check(p, want); len(problems) > 0 {
		w.t.Fatal(problems)
	}
	if err := w.try(p); err != nil {
		w.t.Fatalf("%v\n%s", err, w.text())
	}
	if again := w.plan(want); !again.Empty() {
		w.t.Fatalf("the second plan is not empty: %v\n%s", paths(again), w.text())
	}
}

func (w *world) text() string {
	return hosttest.NetText(w.door, "net.ipv4.ip_forward", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_port_range")
}

// paths are the differences of a plan: "netns.front: update interface["eth0"].up".
func paths(p *plan.Plan) []string {
	var out []string
	for _, r := range p.Resources {
		for _, d := range r.Differences {
			out = append(out, r.Addr.String()+": "+string(r.Action)+" "+d.Path)
		}
	}
	return out
}

func texts(problems []resource.Problem) string {
	var lines []string
	for _, p := range problems {
		lines = append(lines, p.Error())
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func addr(text string) resource.Addr {
	a, err := resource.ParseAddr(text)
	if err != nil {
		panic(err)
	}
	return a
}

func lan(subnet, ipv6 string) *network.Spec {
	s := network.Kind().New().(*network.Spec)
	if subnet != "" {
		s.Subnet = netip.MustParsePrefix(subnet)
	}
	if ipv6 != "" {
		s.IPv6 = netip.MustParsePrefix(ipv6)
	}
	return s
}

func iface(network string, addresses ...string) netns.Interface {
	i := netns.Interface{Network: addr(network)}
	for _, a := range addresses {
		i.Addresses = append(i.Addresses, netip.MustParsePrefix(a))
	}
	return i
}

func routes(pairs ...string) map[string]netns.Route {
	m := map[string]netns.Route{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = netns.Route{Via: netip.MustParseAddr(pairs[i+1])}
	}
	return m
}

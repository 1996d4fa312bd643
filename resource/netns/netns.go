package netns

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"hostctl/host"
	"hostctl/resource"
)

// Spec is a named network namespace, as `ip netns` knows them: /run/netns/<name>.
// Containers share it by naming it. It belongs to the host's user namespace, so
// that no capability of a container has force on it; instead programs in it may
// bind every port unless a sysctl says otherwise. Its loopback interface is up,
// and the MTU of the others is 1500.
//
// Every change is made in the namespace as it stands: what runs in it goes on.
// Addresses, routes by a gateway, links and sysctls that somebody else adds inside are left
// alone. What goes before the routes is taken away: rules of the routing policy (ip rule), and
// routes that lead nowhere (blackhole, unreachable, prohibit, throw). There is no route that is
// not declared: what lies beyond the networks of its interfaces is reached by a route block only.
type Spec struct {
	// Interface declares a network interface by its name inside the namespace:
	// letters, digits, "_" and "-", at most 15.
	Interface map[string]Interface `json:"interface" diff:"live"`
	// Route declares a route by its destination: "default", or a network such
	// as "10.9.0.0/16". The IPv6 default route is written "default", or "::/0"
	// where there is an IPv4 one too.
	Route map[string]Route `json:"route" diff:"live"`
	// Sysctls are kernel parameters below net. in the namespace, such as
	// { "net.ipv4.ip_forward" = "0" }. One that is taken out of the block goes
	// back to what a new namespace has. net.ipv4.ip_unprivileged_port_start is
	// "0" unless it stands here.
	Sysctls map[string]string `json:"sysctls" diff:"live"`
	// Loopback says that the loopback interface is up, which hostctl keeps it.
	Loopback bool `json:"loopback" diff:"live" attr:"internal"`
	// Mounted says that a namespace stands behind /run/netns/<name>. Where it
	// went away, another one takes its place, and what used it starts anew.
	Mounted bool `json:"mounted" diff:"replace" attr:"internal"`
	// Altered is, in plain words by what it is of, what was done from outside to how packets go: rules and routes that go before those
	// that are declared, rules of the kernel's own that are gone, and the MTU of the interfaces' ends. It is never wanted.
	Altered map[string]string `json:"altered,omitempty" diff:"live" attr:"internal"`
}

// Interface is a veth pair: one end inside the namespace, the other a port of a network's bridge.
type Interface struct {
	// Network is the network whose bridge the interface is plugged into.
	Network resource.Addr `json:"network" diff:"live" ref:"network" attr:"required"`
	// Addresses are the interface's addresses, each with the prefix length of
	// its network: ["10.20.0.10/24", "fd20::10/64"].
	Addresses []netip.Prefix `json:"addresses" diff:"live" attr:"required"`
	// Link is the name of the outside end on the host, made of the namespace's
	// name and a short hash; its alias is "hostctl:<configuration>:netns.<label>:<interface>".
	Link string `json:"link" diff:"live" attr:"internal"`
	// Up says that both ends are administratively up, which hostctl keeps them.
	Up bool `json:"up" diff:"live" attr:"internal"`
}

// Route is where packets to a destination go.
type Route struct {
	// Via is the gateway, on the network of one of the interfaces.
	Via netip.Addr `json:"via" diff:"live" attr:"required"`
}

// Kind returns the kind of network namespaces.
func Kind() resource.Kind {
	return resource.Kind{
		Name:    "netns",
		Renames: true,
		New:     func() resource.Spec { return resource.SetDefaults(&Spec{}) },
		Check:   check,
	}
}

// Dir is where named network namespaces are (ip-netns(8)).
const Dir = "/run/netns"

// Path is the file by which a program joins the namespace addr (setns(2)).
func Path(addr resource.Addr) string { return Dir + "/" + addr.HostName() }

// unprivilegedPortStart is set in every namespace: its capabilities are of no
// use to what runs inside, which may therefore bind ports below 1024 without.
const unprivilegedPortStart = "net.ipv4.ip_unprivileged_port_start"

// Mark is the text that proves a namespace to be addr of configuration owner.
func Mark(owner string, addr resource.Addr) string { return host.Mark(owner, addr.String()) }

// interfaceMark is the mark of an interface's outside end.
func interfaceMark(owner string, addr resource.Addr, label string) string {
	return host.Mark(owner, addr.String()+":"+label)
}

// linkName is the name of an interface's outside end.
func linkName(owner string, addr resource.Addr, label string) string {
	return host.LinkName(addr.HostName(), interfaceMark(owner, addr, label))
}

// Demands implements [resource.Demander]: what every namespace has is not asked for.
func (s *Spec) Demands(resource.Addr) []resource.Demand {
	var list []resource.Demand
	for _, name := range slices.Sorted(maps.Keys(s.Sysctls)) {
		if name != unprivilegedPortStart || s.Sysctls[name] != "0" {
			list = append(list, resource.Demand{Path: "sysctls[" + strconv.Quote(name) + "]", Right: resource.RightSysctl, Value: name})
		}
	}
	return list
}

// Resolve implements [resource.Spec]: it names the links, adds the sysctl that
// every namespace has, and holds the addresses against the networks.
func (s *Spec) Resolve(self resource.Addr, r *resource.Resolver) []resource.Problem {
	s.Loopback, s.Mounted = true, true
	s.Sysctls = maps.Clone(s.Sysctls)
	if s.Sysctls == nil {
		s.Sysctls = map[string]string{}
	}
	if _, ok := s.Sysctls[unprivilegedPortStart]; !ok {
		s.Sysctls[unprivilegedPortStart] = "0"
	}
	var problems []resource.Problem
	s.Interface = maps.Clone(s.Interface)
	for _, label := range slices.Sorted(maps.Keys(s.Interface)) {
		i := s.Interface[label]
		i.Link, i.Up = linkName(r.Owner, self, label), true
		s.Interface[label] = i
		if n, ok := r.Want[i.Network].(segment); ok {
			problems = append(problems, checkAddresses(self, label, i, n)...)
		}
	}
	return problems
}

package network

import (
	"fmt"
	"net/netip"

	"hostctl/host"
	"hostctl/resource"
)

// Spec is a Linux bridge with the host's own address on it. The bridge's name
// on the host is made of the block's label and a short hash, at most 15 bytes;
// its alias is "hostctl:<configuration>:network.<label>".
//
// Every change is made while the bridge carries traffic: a new address is
// there before the old one goes. Addresses that somebody else adds to the
// bridge are left alone. Its MTU is 1500, or the smallest of its ports'. Nothing is translated or forwarded: who is on the
// bridge reaches the host and each other.
type Spec struct {
	// Subnet is the IPv4 network on the bridge, /8 to /30, such as
	// "10.20.0.0/24". One of subnet and ipv6 is required. It must not overlap an
	// address or route that the host has elsewhere.
	Subnet netip.Prefix `json:"subnet" diff:"live"`
	// Address is the host's own IPv4 address on the bridge. Unset, it is the first of
	// subnet: 10.20.0.1 of "10.20.0.0/24".
	Address netip.Addr `json:"address" diff:"live" attr:"computed"`
	// IPv6 is the IPv6 network on the bridge, /16 to /126, such as "fd20::/64".
	IPv6 netip.Prefix `json:"ipv6" diff:"live"`
	// IPv6Address is the host's own IPv6 address on the bridge. Unset, it is the
	// first of ipv6: fd20::1 of "fd20::/64".
	IPv6Address netip.Addr `json:"ipv6_address" diff:"live" attr:"computed"`
	// Link is the bridge's name on the host.
	Link string `json:"link" diff:"live" attr:"internal"`
	// Up says that the bridge is administratively up, which hostctl keeps it.
	Up bool `json:"up" diff:"live" attr:"internal"`
	// Marked says that the bridge carries its alias.
	Marked bool `json:"marked" diff:"live" attr:"internal"`
	// Altered is, in plain words, what was done to the bridge from outside: to its MTU, which is 1500 or what the kernel makes it for
	// its ports' sake. It is never wanted.
	Altered map[string]string `json:"altered,omitempty" diff:"live" attr:"internal"`
}

// Kind returns the kind of networks.
func Kind() resource.Kind {
	return resource.Kind{
		Name:    "network",
		Renames: true,
		New:     func() resource.Spec { return resource.SetDefaults(&Spec{}) },
		Check:   check,
	}
}

// Mark is the text that proves a bridge to be the network addr of configuration owner.
func Mark(owner string, addr resource.Addr) string { return host.Mark(owner, addr.String()) }

// LinkName is the name of the bridge of network addr of configuration owner.
func LinkName(owner string, addr resource.Addr) string {
	return host.LinkName(addr.HostName(), Mark(owner, addr))
}

// Addresses returns the host's own addresses on the bridge, each with the
// length of its network. Before [Spec.Resolve] it may miss some.
func (s *Spec) Addresses() []netip.Prefix {
	var own []netip.Prefix
	for _, f := range s.families() {
		if f.subnet.IsValid() && f.address.IsValid() {
			own = append(own, netip.PrefixFrom(*f.address, f.subnet.Bits()))
		}
	}
	return own
}

// Demands implements [resource.Demander].
func (s *Spec) Demands(resource.Addr) []resource.Demand {
	var list []resource.Demand
	for _, f := range s.families() {
		if f.subnet.IsValid() {
			list = append(list, resource.Demand{Path: f.subnetPath, Right: resource.RightSubnet, Value: f.subnet.String()})
		}
	}
	return list
}

// family is what a spec says of one address family.
type family struct {
	name, subnetPath, addressPath string
	subnet                        *netip.Prefix
	address                       *netip.Addr
	is6                           bool
	minBits, maxBits              int
	example                       string
}

func (s *Spec) families() []family {
	return []family{
		{"IPv4", "subnet", "address", &s.Subnet, &s.Address, false, 8, 30, "10.20.0.0/24"},
		{"IPv6", "ipv6", "ipv6_address", &s.IPv6, &s.IPv6Address, true, 16, 126, "fd20::/64"},
	}
}

// Validate implements [resource.Spec].
func (s *Spec) Validate(self resource.Addr) []resource.Problem {
	var problems []resource.Problem
	report := func(path, summary, format string, args ...any) {
		problems = append(problems, resource.Problem{Addr: self, Path: path, Summary: summary, Detail: fmt.Sprintf(format, args...)})
	}
	if !s.Subnet.IsValid() && !s.IPv6.IsValid() {
		report("", "a network needs an address range", `write subnet = "10.20.0.0/24", or ipv6 = "fd20::/64", or both`)
	}
	for _, f := range s.families() {
		subnet, address := *f.subnet, *f.address
		if !subnet.IsValid() {
			if address.IsValid() {
				report(f.addressPath, "an address needs its network", "%s stands without %s", f.addressPath, f.subnetPath)
			}
			continue
		}
		at := subnet.Addr()
		switch {
		case at.Is6() != f.is6 || at.Is4In6():
			report(f.subnetPath, fmt.Sprintf("%s is no %s network", subnet, f.name), "write one such as %q", f.example)
			continue
		case subnet != subnet.Masked():
			report(f.subnetPath, fmt.Sprintf("%s is an address, not a network", subnet), "write %q; the host's own address is set by %s", subnet.Masked(), f.addressPath)
			continue
		case subnet.Bits() < f.minBits || subnet.Bits() > f.maxBits:
			report(f.subnetPath, fmt.Sprintf("%s has no fitting size", subnet), "a network is /%d to /%d", f.minBits, f.maxBits)
			continue
		case at.IsLoopback() || at.IsMulticast() || at.IsLinkLocalUnicast() || overlapsSpecial(subnet):
			report(f.subnetPath, fmt.Sprintf("%s is reserved", subnet), "it lies in a range for loopback, link-local, multicast or unspecified addresses; take a private one, such as %q", f.example)
			continue
		}
		if !address.IsValid() {
			continue
		}
		if why := usable(subnet, address); why != "" {
			report(f.addressPath, fmt.Sprintf("%s cannot be the host's address", address), "%s; the first of the network is %s", why, subnet.Addr().Next())
		}
	}
	return problems
}

// special are the ranges that no network may touch (RFC 6890).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("224.0.0.0/4"), netip.MustParsePrefix("::/16"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"),
}

func overlapsSpecial(p netip.Prefix) bool {
	for _, s := range special {
		if p.Overlaps(s) {
			return true
		}
	}
	return false
}

// usable says why a machine cannot have address in subnet; "" when it can.
func usable(subnet netip.Prefix, address netip.Addr) string {
	switch {
	case address.Zone() != "" || !subnet.Contains(address):
		return fmt.Sprintf("it is not in %s", subnet)
	case address == subnet.Addr():
		return "it is the network's own number"
	case address.Is4() && !subnet.Contains(address.Next()):
		return "it is the broadcast address"
	}
	return ""
}

// Usable says why no machine on the network can have address; "" when one can.
// The host's own address counts as usable.
func (s *Spec) Usable(address netip.Addr) string {
	var known []netip.Prefix
	for _, f := range s.families() {
		if !f.subnet.IsValid() {
			continue
		}
		if f.is6 == address.Is6() {
			return usable(*f.subnet, address)
		}
		known = append(known, *f.subnet)
	}
	return fmt.Sprintf("the network has %v only", known)
}

// Resolve implements [resource.Spec].
func (s *Spec) Resolve(self resource.Addr, r *resource.Resolver) []resource.Problem {
	for _, f := range s.families() {
		if f.subnet.IsValid() && !f.address.IsValid() {
			*f.address = f.subnet.Addr().Next()
		}
	}
	s.Link, s.Up, s.Marked = LinkName(r.Owner, self), true, true
	return nil
}

// check reports networks of one configuration that overlap, and those that
// come to one link name.
func check(want resource.State) []resource.Problem {
	var problems []resource.Problem
	var before []resource.Addr
	for _, addr := range want.Addrs() {
		s, ok := want[addr].(*Spec)
		if !ok {
			continue
		}
		for _, other := range before {
			o := want[other].(*Spec)
			fs, fo := s.families(), o.families()
			for i := range fs {
				if mine, theirs := *fs[i].subnet, *fo[i].subnet; mine.IsValid() && theirs.IsValid() && mine.Overlaps(theirs) {
					problems = append(problems, resource.Problem{Addr: addr, Path: fs[i].subnetPath,
						Summary: fmt.Sprintf("%s overlaps %s of %s", mine, theirs, other), Detail: "give each network a range of its own"})
				}
			}
			if s.Link != "" && s.Link == o.Link {
				problems = append(problems, resource.Problem{Addr: addr,
					Summary: fmt.Sprintf("%s and %s come to one link name, %s", other, addr, s.Link), Detail: "rename one of the blocks"})
			}
		}
		before = append(before, addr)
	}
	return problems
}

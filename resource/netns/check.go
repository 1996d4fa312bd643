package netns

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"

	"hostctl/resource"
)

// segment is what a namespace needs to know of a network that it is plugged into.
type segment interface {
	// Addresses returns the host's own addresses there, with their networks' lengths.
	Addresses() []netip.Prefix
	// Usable says why no machine there can have the address; "" when one can.
	Usable(netip.Addr) string
}

var (
	interfaceName = compiled(`^[a-zA-Z0-9][a-zA-Z0-9_-]{0,14}$`)
	sysctlName    = compiled(`^net(\.[a-zA-Z0-9_-]+){2,}$`)
	sysctlValue   = compiled(`^[!-~]([ -~\t]*[!-~])?$`)
)

// compiled compiles an expression when it is first asked for: the three cost the start of every command 0.2 ms.
func compiled(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// sysctlValueMax is what fits one write to /proc/sys with room to spare.
const sysctlValueMax = 1024

// Validate implements [resource.Spec].
func (s *Spec) Validate(self resource.Addr) []resource.Problem {
	v := &validation{self: self}
	for _, label := range slices.Sorted(maps.Keys(s.Interface)) {
		v.checkInterface(label, s.Interface[label])
	}
	v.checkRoutes(s)
	for _, key := range slices.Sorted(maps.Keys(s.Sysctls)) {
		v.checkSysctl(key, s.Sysctls[key])
	}
	return v.problems
}

type validation struct {
	self     resource.Addr
	problems []resource.Problem
}

func (v *validation) report(path, summary, format string, args ...any) {
	v.problems = append(v.problems, resource.Problem{Addr: v.self, Path: path, Summary: summary, Detail: fmt.Sprintf(format, args...)})
}

func (v *validation) checkInterface(label string, i Interface) {
	path := interfacePath(label)
	switch {
	case !interfaceName().MatchString(label):
		v.report(path, fmt.Sprintf("%q cannot be an interface's name", label), "an interface's name has 1 to 15 letters, digits, \"_\" and \"-\", such as \"eth0\"")
	case label == "lo" || label == "all" || label == "default":
		v.report(path, fmt.Sprintf("%q cannot be an interface's name", label), "the kernel has given it a meaning; take another one, such as \"eth0\"")
	}
	if i.Network == (resource.Addr{}) {
		v.report(path+".network", "an interface needs a network", "write network = network.<name>; a namespace without any interface has loopback only")
	}
	if len(i.Addresses) == 0 {
		v.report(path+".addresses", "an interface needs an address", `write addresses = ["10.20.0.10/24"], in the range of the network`)
	}
	seen := map[netip.Addr]bool{}
	for _, p := range i.Addresses {
		a := p.Addr()
		switch {
		case !p.IsValid() || a.Is4In6() || a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a.IsLinkLocalUnicast():
			v.report(path+".addresses", fmt.Sprintf("%s cannot be an interface's address", p), "write an address of the network with its length, such as \"10.20.0.10/24\"")
		case seen[a]:
			v.report(path+".addresses", fmt.Sprintf("%s stands there twice", a), "take one of them out")
		}
		seen[a] = true
	}
}

func (v *validation) checkRoutes(s *Spec) {
	taken := map[netip.Prefix]string{}
	for _, label := range slices.Sorted(maps.Keys(s.Route)) {
		path := routePath(label)
		via := s.Route[label].Via
		to, err := destination(label, via)
		switch {
		case !via.IsValid():
			v.report(path+".via", "a route needs a gateway", "write via = \"10.20.0.1\", an address on the network of one of the interfaces")
			continue
		case err != nil:
			v.report(path, err.Error(), "a destination is \"default\", or a network such as \"10.9.0.0/16\"")
			continue
		case taken[to] != "":
			v.report(path, fmt.Sprintf("route %q goes to the destination of route %q", label, taken[to]), "take one of them out")
		}
		taken[to] = label
		if s.linkTo(via) == "" {
			v.report(path+".via", fmt.Sprintf("%s is on no network of this namespace", via), "a gateway lies in the range of one of the interfaces' addresses, and is not one of them")
		}
	}
}

// linkTo returns the interface that reaches a without a gateway; "" when none
// does, or when a is the namespace's own.
func (s *Spec) linkTo(a netip.Addr) string {
	found := ""
	for _, label := range slices.Sorted(maps.Keys(s.Interface)) {
		for _, p := range s.Interface[label].Addresses {
			if p.Addr() == a {
				return ""
			}
			if found == "" && p.Contains(a) {
				found = label
			}
		}
	}
	return found
}

// destination is the network that a route's label stands for.
func destination(label string, via netip.Addr) (netip.Prefix, error) {
	if label == "default" {
		if via.Is6() {
			return netip.PrefixFrom(netip.IPv6Unspecified(), 0), nil
		}
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), nil
	}
	p, err := netip.ParsePrefix(label)
	switch {
	case err != nil || p.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q is no destination", label)
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("%s is an address, not a network; write %q", label, p.Masked())
	case p.String() != label:
		return netip.Prefix{}, fmt.Errorf("%s is written %q", label, p)
	case p.Bits() == 0 && p.Addr().Is4():
		return netip.Prefix{}, fmt.Errorf("%s is written \"default\"", label)
	case via.IsValid() && p.Addr().Is6() != via.Is6():
		return netip.Prefix{}, fmt.Errorf("%s cannot be reached via %s, an address of the other family", label, via)
	}
	return p, nil
}

func (v *validation) checkSysctl(key, value string) {
	path := sysctlPath(key)
	switch {
	case !sysctlName().MatchString(key):
		v.report(path, fmt.Sprintf("%q is no sysctl of a network namespace", key), "only parameters below net. belong to a namespace, such as \"net.ipv4.ip_forward\"")
	case strings.HasSuffix(key, ".flush"):
		v.report(path, fmt.Sprintf("%s is a command, not a parameter", key), "it has no value that could be kept; take it out")
	case !sysctlValue().MatchString(value) || len(value) > sysctlValueMax:
		v.report(path, fmt.Sprintf("%q is no value of a sysctl", value), "a value is one line of printable text, at most %d bytes", sysctlValueMax)
	}
}

// checkAddresses holds an interface's addresses against its network.
func checkAddresses(self resource.Addr, label string, i Interface, n segment) []resource.Problem {
	v := &validation{self: self}
	path := interfacePath(label) + ".addresses"
	for _, p := range i.Addresses {
		if why := n.Usable(p.Addr()); why != "" {
			v.report(path, fmt.Sprintf("%s does not fit %s", p, i.Network), "%s", why)
			continue
		}
		for _, own := range n.Addresses() {
			switch {
			case own.Addr() == p.Addr():
				v.report(path, fmt.Sprintf("%s is the host's own address on %s", p.Addr(), i.Network), "take another one of %s", own.Masked())
			case own.Addr().Is4() == p.Addr().Is4() && own.Bits() != p.Bits():
				v.report(path, fmt.Sprintf("%s does not fit %s", p, i.Network), "the network is a /%d: write \"%s/%d\"", own.Bits(), p.Addr(), own.Bits())
			}
		}
	}
	return v.problems
}

// check reports interfaces of one configuration that claim one address, and
// those that come to one link name.
func check(want resource.State) []resource.Problem {
	v := &validation{}
	address, link := map[netip.Addr]string{}, map[string]string{}
	for _, addr := range want.Addrs() {
		s, ok := want[addr].(*Spec)
		if !ok {
			continue
		}
		v.self = addr
		for _, label := range slices.Sorted(maps.Keys(s.Interface)) {
			i, path := s.Interface[label], interfacePath(label)
			me := fmt.Sprintf("interface %q of %s", label, addr)
			for _, p := range i.Addresses {
				if other := address[p.Addr()]; other != "" && other != me {
					v.report(path+".addresses", fmt.Sprintf("%s is the address of %s", p.Addr(), other), "give each interface an address of its own")
					continue
				}
				address[p.Addr()] = me
			}
			if other := link[i.Link]; other != "" && i.Link != "" {
				v.report(path, fmt.Sprintf("%s comes to one link name with %s, %s", me, other, i.Link), "rename one of them")
			}
			link[i.Link] = me
		}
	}
	return v.problems
}

func interfacePath(label string) string { return fmt.Sprintf("interface[%q]", label) }
func routePath(label string) string     { return fmt.Sprintf("route[%q]", label) }
func sysctlPath(key string) string      { return fmt.Sprintf("sysctls[%q]", key) }

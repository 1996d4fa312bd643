package importer

import (
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"hostctl/resource"
)

// subnet is a network's range, and who has which address of it.
type subnet struct {
	v4, v6    netip.Prefix
	gateways  []netip.Addr
	used      map[netip.Addr]bool
	next      netip.Addr
	fixedGate bool
}

// place is one interface: its addresses, each with its network's length.
type place struct {
	at        Attachment
	addresses []string
	first     string // without length
}

// plan gives every network a range and every interface its addresses: those
// that the source sets, then the lowest that are free, in the source's order.
func (w *writer) plan() {
	w.subnets, w.addresses = map[string]*subnet{}, map[*Namespace][]*place{}
	var taken []netip.Prefix
	for _, n := range w.project.Networks {
		s := &subnet{used: map[netip.Addr]bool{}}
		for _, text := range n.Subnets {
			p, err := netip.ParsePrefix(text)
			switch {
			case err != nil:
				n.lose("subnet "+text, "it is no address range")
			case p.Addr().Is4() && !s.v4.IsValid():
				s.v4 = p.Masked()
			case p.Addr().Is6() && !p.Addr().Is4In6() && !s.v6.IsValid():
				s.v6 = p.Masked()
			default:
				n.lose("subnet "+text, "a network has one range of each family")
			}
		}
		if !s.v4.IsValid() && !s.v6.IsValid() {
			s.around(w.project, n.Name)
		}
		if s.v4.IsValid() {
			taken = append(taken, s.v4)
		}
		w.subnets[n.Name] = s
	}
	for _, n := range w.project.Networks {
		s := w.subnets[n.Name]
		if !s.v4.IsValid() && !s.v6.IsValid() {
			s.v4 = freeRange(taken)
			taken = append(taken, s.v4)
		}
		for _, text := range n.Gateway {
			if g, err := netip.ParseAddr(text); err == nil && (s.v4.Contains(g) || s.v6.Contains(g)) {
				s.gateways = append(s.gateways, g)
				s.used[g] = true
			}
		}
		for _, p := range []netip.Prefix{s.v4, s.v6} {
			if p.IsValid() && !slices.ContainsFunc(s.gateways, p.Contains) {
				s.used[p.Addr().Next()] = true
			}
		}
	}
	w.assign()
}

// around makes ranges of the addresses that are asked for where the network
// itself stands somewhere else.
func (s *subnet) around(p *Project, network string) {
	for _, n := range p.Namespaces {
		for _, at := range n.Networks {
			for _, text := range at.Addresses {
				a, err := netip.ParseAddr(text)
				switch {
				case at.Network != network || err != nil || a.Zone() != "":
				case a.Is4() && !s.v4.IsValid():
					s.v4 = netip.PrefixFrom(a, 24).Masked()
				case a.Is6() && !a.Is4In6() && !s.v6.IsValid():
					s.v6 = netip.PrefixFrom(a, 64).Masked()
				}
			}
		}
	}
}

// freeRange is the first /24 of 10.89.0.0/16, where podman's networks are too, that overlaps no other.
func freeRange(taken []netip.Prefix) netip.Prefix {
	for i := range 256 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 89, byte(i), 0}), 24)
		if !slices.ContainsFunc(taken, p.Overlaps) {
			return p
		}
	}
	return netip.Prefix{} // the kind says that there is none
}

func (w *writer) assign() {
	each := func(do func(n *Namespace, p *place, s *subnet)) {
		for _, n := range w.project.Namespaces {
			for _, p := range w.addresses[n] {
				if s := w.subnets[p.at.Network]; s != nil {
					do(n, p, s)
				}
			}
		}
	}
	for _, n := range w.project.Namespaces {
		for _, at := range n.Networks {
			w.addresses[n] = append(w.addresses[n], &place{at: at})
		}
	}
	each(func(n *Namespace, p *place, s *subnet) {
		for _, text := range p.at.Addresses {
			a, err := netip.ParseAddr(text)
			if err != nil || s.used[a] || !s.v4.Contains(a) && !s.v6.Contains(a) {
				n.lose("address "+text, "it is not free in the range of "+p.at.Network)
				continue
			}
			p.add(a, s)
		}
	})
	each(func(n *Namespace, p *place, s *subnet) {
		if len(p.addresses) > 0 {
			return
		}
		for _, r := range []netip.Prefix{s.v4, s.v6} {
			if !r.IsValid() {
				continue
			}
			a := r.Addr().Next()
			for s.used[a] && r.Contains(a) {
				a = a.Next()
			}
			if !r.Contains(a) {
				n.lose("an address on "+p.at.Network, "its range has no free one")
				continue
			}
			p.add(a, s)
		}
	})
}

func (p *place) add(a netip.Addr, s *subnet) {
	s.used[a] = true
	r := s.v4
	if a.Is6() {
		r = s.v6
	}
	if p.first == "" {
		p.first = a.String()
	}
	p.addresses = append(p.addresses, netip.PrefixFrom(a, r.Bits()).String())
}

func (w *writer) network(n *Network) {
	a := w.address("network", n.Name)
	s := w.subnets[n.Name]
	k := w.resource(a, &n.notes)
	if s.v4.IsValid() {
		k.set("subnet", stringValue(s.v4.String()), "")
	}
	if s.v6.IsValid() {
		k.set("ipv6", stringValue(s.v6.String()), "")
	}
	for _, g := range s.gateways {
		if name := map[bool]string{true: "address", false: "ipv6_address"}[g.Is4()]; g != s.v4.Addr().Next() && g != s.v6.Addr().Next() {
			k.set(name, stringValue(g.String()), "gateway "+g.String())
		}
	}
	if !n.NoNAT {
		k.set("nat", boolValue(true), "the way out of "+n.Name)
	}
	k.remark(&n.notes)
}

func (w *writer) namespace(n *Namespace) {
	a := w.address("netns", n.Name)
	k := w.resource(a, &n.notes)
	gateway := ""
	for i, p := range w.addresses[n] {
		s := w.subnets[p.at.Network]
		if s == nil || len(p.addresses) == 0 {
			continue
		}
		in := k.add("interface", fmt.Sprintf("eth%d", i), "network "+p.at.Network)
		in.set("network", refValue(w.address("network", p.at.Network)), "")
		in.set("addresses", listValue(p.addresses), "")
		if gateway == "" && s.v4.IsValid() && !w.isInternal(p.at.Network) {
			gateway = s.v4.Addr().Next().String()
			for _, g := range s.gateways {
				if g.Is4() {
					gateway = g.String()
				}
			}
		}
	}
	if gateway != "" && w.has("network", "nat") {
		k.add("route", "default", "the way out").set("via", stringValue(gateway), "")
	}
	for _, port := range n.Ports {
		w.publish(k, port)
	}
	if len(n.DNS) > 0 {
		k.add("dns", "", "dns "+strings.Join(n.DNS, ", ")).set("servers", listValue(n.DNS), "")
	}
	if len(n.Sysctls) > 0 {
		k.setMap("sysctls", n.Sysctls, "sysctl")
	}
	k.remark(&n.notes)
}

func (w *writer) isInternal(name string) bool {
	return slices.ContainsFunc(w.project.Networks, func(n *Network) bool { return n.Name == name && n.NoNAT })
}

// publish writes a port of the host. The block's label, where it has one, is the port itself.
func (w *writer) publish(k *block, p Port) {
	host := p.Host
	if p.HostIP != "" {
		host = netipHost(p.HostIP) + ":" + host
	}
	label := ""
	if a := w.attr("netns", "publish"); a != nil && a.Form == resource.Labelled {
		label = host
		if p.Protocol != "" && p.Protocol != "tcp" {
			label += "/" + p.Protocol
		}
	}
	in := k.add("publish", label, "port "+p.String())
	in.set("host", stringValue(host), "")
	to := stringValue(p.To)
	if n, err := strconv.ParseUint(p.To, 10, 16); err == nil {
		if a := w.attr("netns", "publish", "to"); a != nil && a.Type.Kind() != reflect.String {
			to = uintValue(n)
		}
	}
	in.set("to", to, "")
	if p.Protocol != "" && p.Protocol != "tcp" {
		in.set("protocol", stringValue(p.Protocol), "protocol "+p.Protocol)
	}
}

// netipHost puts an IPv6 address in brackets.
func netipHost(ip string) string {
	if strings.Contains(ip, ":") && !strings.HasPrefix(ip, "[") {
		return "[" + ip + "]"
	}
	return ip
}

// named finds the name of another service in a variable, as a host's name stands
// in one: alone where the variable's name says so, after "@" or "//", or before a port. It returns the service's address too.
func (w *writer) named(s *Service, key, text string) (name, address string) {
	var mine []string
	for _, n := range w.project.Namespaces {
		if n.Name == s.Netns {
			for _, at := range n.Networks {
				mine = append(mine, at.Network)
			}
		}
	}
	for _, n := range w.project.Namespaces {
		for _, p := range w.addresses[n] {
			if p.first == "" || !slices.Contains(mine, p.at.Network) {
				continue
			}
			for _, alias := range slices.Concat([]string{n.Name}, p.at.Aliases) {
				if alias != "" && (isHostIn(alias, text) || text == alias && hostKey.MatchString(key)) {
					if n.Name == s.Netns {
						return alias, "127.0.0.1"
					}
					return alias, p.first
				}
			}
		}
	}
	return "", ""
}

// hostKey are names of variables that hold a host's name and nothing else.
var hostKey = regexp.MustCompile(`(?i)HOST|SERVER|ADDR|URL|URI|ENDPOINT|BROKER|PEER|NODE|CONNECT|PROXY|UPSTREAM`)

func isHostIn(name, text string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return false
		}
		i += from
		before, after := text[:i], text[i+len(name):]
		lead := strings.HasSuffix(before, "//") || strings.HasSuffix(before, "@")
		port := len(after) > 1 && after[0] == ':' && unicode.IsDigit(rune(after[1]))
		open := before == "" || lead || strings.HasSuffix(before, ",") || strings.HasSuffix(before, " ")
		end := after == "" || strings.ContainsAny(after[:1], ":/,; ?")
		if open && end && (lead || port) {
			return true
		}
		from = i + len(name)
	}
}

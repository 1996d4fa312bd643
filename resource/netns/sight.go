package netns

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"hostctl/host"
	"hostctl/resource"
)

// sight is what was seen of one namespace, inside and out.
type sight struct {
	inside   *host.Stack          // nil where no namespace is mounted
	outside  map[string]host.Link // by the interface's name
	networks map[int]resource.Addr
}

// spec says what was seen as a spec. Of addresses and sysctls those count that
// hostctl once set, which last remembers; routes carry a mark of their own.
// Where last is empty the addresses of our interfaces count as ours.
func (g *sight) spec(last *Spec) *Spec {
	in := g.inside
	s := &Spec{Interface: map[string]Interface{}, Route: map[string]Route{}, Sysctls: map[string]string{}, Mounted: in != nil}
	if in == nil {
		in = &host.Stack{}
	}
	for label, out := range g.outside {
		i := Interface{Network: g.networks[out.Master], Link: out.Name}
		// An inside end that was moved away or renamed is not there, as far as its name goes.
		at := slices.IndexFunc(in.Links, func(l host.Link) bool { return paired(out, l) && l.Name == label })
		if at >= 0 {
			i.Up = out.Up && in.Links[at].Up
			i.Addresses = addresses(in.Links[at], last.Interface[label].Addresses)
		}
		s.Interface[label] = i
	}
	for _, l := range in.Links {
		if l.Index == 1 {
			s.Loopback = l.Up
		}
	}
	index := map[string]int{}
	for _, l := range in.Links {
		index[l.Name] = l.Index
	}
	applied := last.hostRoutes(index)
	for label, r := range applied {
		if slices.ContainsFunc(in.Routes, func(have host.Route) bool { return sameRoute(have, r) }) {
			s.Route[label] = last.Route[label]
		}
	}
	for _, r := range in.Routes {
		// One that goes by the right gateway and the wrong link is not there.
		astray := func(was host.Route) bool {
			return was.Destination == r.Destination && was.Via == r.Via && was.Link != r.Link
		}
		if label := labelOf(r, last, s); r.Ours && label != "" && !astray(applied[label]) {
			s.Route[label] = Route{Via: r.Via}
		}
	}
	for key, value := range in.Sysctls {
		if was := last.Sysctls[key]; sameValue(was, value) {
			value = was // as it was written
		}
		s.Sysctls[key] = value
	}
	s.Altered = g.altered(in)
	return s
}

// altered says what goes before the routes, and which ends have another MTU than they were made with.
func (g *sight) altered(in *host.Stack) map[string]string {
	out := map[string]string{}
	for _, o := range in.Overrides {
		out[o.Text] = added
		if o.Missing {
			out[o.Text] = gone
		}
	}
	mtu := func(l host.Link) {
		if l.MTU != host.MTU {
			out["mtu "+l.Name] = fmt.Sprintf("%d, not %d", l.MTU, host.MTU)
		}
	}
	for label, end := range g.outside {
		mtu(end)
		for _, l := range in.Links {
			if l.Name == label && paired(end, l) {
				mtu(l)
			}
		}
	}
	return out
}

// What is said of an override.
const (
	added = "added from outside"
	gone  = "gone"
)

// overrides are those that altered says.
func (s *Spec) overrides() (list []host.Override) {
	for _, text := range slices.Sorted(maps.Keys(s.Altered)) {
		if said := s.Altered[text]; said == added || said == gone {
			list = append(list, host.Override{Text: text, Missing: said == gone})
		}
	}
	return list
}

// hostRoutes are the routes as the host has them, by label; index is that of each link inside.
func (s *Spec) hostRoutes(index map[string]int) map[string]host.Route {
	routes := map[string]host.Route{}
	for label, r := range s.Route {
		if to, err := destination(label, r.Via); err == nil {
			routes[label] = host.Route{Destination: to, Via: r.Via, Link: index[s.linkTo(r.Via)]}
		}
	}
	return routes
}

func sameRoute(a, b host.Route) bool {
	return a.Destination == b.Destination && a.Via == b.Via && a.Link == b.Link
}

// addresses are those of the link that hostctl set, in its order; all where nobody remembers.
func addresses(l host.Link, last []netip.Prefix) []netip.Prefix {
	if len(last) > 0 {
		return slices.DeleteFunc(slices.Clone(last), func(p netip.Prefix) bool { return !slices.Contains(l.Addresses, p) })
	}
	return slices.DeleteFunc(slices.Clone(l.Addresses), func(p netip.Prefix) bool { return p.Addr().IsLinkLocalUnicast() })
}

// labelOf is the label that a route is declared under: the one of last for its
// destination, or the usual spelling; "" when it is accounted for already.
func labelOf(r host.Route, last, s *Spec) string {
	for label, was := range last.Route {
		if to, err := destination(label, was.Via); err == nil && to == r.Destination {
			if _, done := s.Route[label]; done {
				return ""
			}
			return label
		}
	}
	if r.Destination.Bits() > 0 {
		return r.Destination.String()
	}
	if _, taken := s.Route["default"]; !taken {
		return "default"
	}
	return r.Destination.String()
}

// sameValue compares sysctl values; the kernel separates numbers with tabs.
func sameValue(a, b string) bool { return slices.Equal(strings.Fields(a), strings.Fields(b)) }

// foreign is what others put into the namespace beside what was applied: addresses of our interfaces, and routes by a gateway. The
// kernel makes links by itself.
func (g *sight) foreign(addr resource.Addr, last *Spec) (out []resource.Problem) {
	if g.inside == nil {
		return nil
	}
	say := func(what, remedy string) {
		out = append(out, resource.Problem{Addr: addr, Summary: "network namespace " + addr.HostName() + " has " + what + " that nobody declared",
			Detail: "it stays; take it away with: ip -n " + addr.HostName() + " " + remedy})
	}
	index := map[string]int{}
	for _, l := range g.inside.Links {
		index[l.Name] = l.Index
		was, ours := last.Interface[l.Name]
		for _, p := range l.Addresses {
			if ours && paired(g.outside[l.Name], l) && !p.Addr().IsLinkLocalUnicast() && !slices.Contains(was.Addresses, p) {
				say("address "+p.String()+" on "+l.Name, "addr del "+p.String()+" dev "+l.Name)
			}
		}
	}
	applied := last.hostRoutes(index)
	for _, r := range g.inside.Routes {
		known := r.Ours
		for _, was := range applied {
			known = known || sameRoute(r, was)
		}
		if !known && r.Via.IsValid() && !r.Via.IsLinkLocalUnicast() { // those by the link alone are the kernel's, and routers announce themselves so
			say("route "+r.Destination.String()+" via "+r.Via.String(), "route del "+r.Destination.String()+" via "+r.Via.String())
		}
	}
	return out
}

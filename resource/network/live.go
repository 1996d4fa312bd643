package network

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"hostctl/host"
	"hostctl/resource"
)

// Door is what the kind needs of the host: [host.Netlink] is the real one. It
// always asks for the zero Namespace. What the methods promise stands there.
type Door interface {
	Links(host.Namespace) ([]host.Link, error)
	Link(ns host.Namespace, name string) (host.Link, bool, error)
	Routes(host.Namespace) ([]host.Route, error)
	AddBridge(name, mac string) (host.Link, error)
	DeleteLink(ns host.Namespace, index int) error
	SetAlias(ns host.Namespace, index int, alias string) error
	SetName(ns host.Namespace, index int, name string) error
	SetUp(ns host.Namespace, index int, up bool) error
	SetMTU(ns host.Namespace, index, mtu int) error
	AddAddress(ns host.Namespace, index int, p netip.Prefix) error
	DeleteAddress(ns host.Namespace, l host.Link, p netip.Prefix) error
}

// Host reads and changes the networks of a host.
type Host struct{ door Door }

// NewHost returns the effects half of the kind.
func NewHost(door Door) *Host { return &Host{door: door} }

// outdoors is the namespace that bridges are in.
var outdoors host.Namespace

// Read implements [resource.Host]. A bridge is owner's by its alias, and, where
// the alias went away, by the name and hardware address that it was made with.
func (h *Host) Read(ctx context.Context, owner string, last resource.State) (resource.Reading, error) {
	if err := ctx.Err(); err != nil {
		return resource.Reading{}, err
	}
	links, err := h.door.Links(outdoors)
	if err != nil {
		return resource.Reading{}, err
	}
	r := resource.Reading{State: resource.State{}, Status: map[resource.Addr]string{}}
	for _, l := range links {
		addr, ok := identify(owner, l, last)
		if !ok {
			continue
		}
		if old, ok := r.State[addr].(*Spec); ok && old.Link == LinkName(owner, addr) {
			continue // of two with one alias, the one with the right name
		}
		was, known := last[addr].(*Spec)
		r.State[addr] = observe(l, was, smallest(l, links))
		for _, p := range l.Addresses {
			if known && !p.Addr().IsLinkLocalUnicast() && !slices.Contains(was.Addresses(), p) {
				r.Foreign = append(r.Foreign, resource.Problem{Addr: addr, Summary: fmt.Sprintf("bridge %s has an address that nobody declared: %s", l.Name, p),
					Detail: fmt.Sprintf("it stays; take it away with: ip addr del %s dev %s", p, l.Name)})
			}
		}
		r.Status[addr] = status(l, links)
	}
	return r, nil
}

// identify says which of owner's networks a link is.
func identify(owner string, l host.Link, last resource.State) (resource.Addr, bool) {
	if l.Type != "bridge" {
		return resource.Addr{}, false
	}
	if by, object, ok := host.ParseMark(l.Alias); ok {
		addr, err := resource.ParseAddr(object)
		return addr, by == owner && err == nil && addr.Kind == "network"
	}
	for addr := range last {
		if l.Name == LinkName(owner, addr) && l.Carries(Mark(owner, addr)) {
			return addr, true
		}
	}
	return resource.Addr{}, false
}

// smallest is the MTU that a bridge has while nobody sets it: the smallest of its ports'.
func smallest(bridge host.Link, links []host.Link) int {
	least := 0
	for _, port := range links {
		if port.Master == bridge.Index && (least == 0 || port.MTU < least) {
			least = port.MTU
		}
	}
	return cmp.Or(least, host.MTU)
}

// observe is what a bridge is, as a spec. Of its addresses those count that
// were set by hostctl; where nobody remembers, the first of each family. smallest is the MTU that it may have for its ports' sake.
func observe(l host.Link, last *Spec, smallest int) *Spec {
	s := &Spec{Link: l.Name, Up: l.Up, Marked: l.Alias != "", Altered: map[string]string{}}
	if l.MTU != host.MTU && l.MTU != smallest {
		s.Altered[mtu] = fmt.Sprintf("%d, not %d", l.MTU, host.MTU)
	}
	for _, f := range s.families() {
		for _, p := range l.Addresses {
			if p.Addr().Is6() != f.is6 || p.Addr().IsLinkLocalUnicast() || f.address.IsValid() {
				continue
			}
			if last == nil || slices.Contains(last.Addresses(), p) {
				*f.subnet, *f.address = p.Masked(), p.Addr()
			}
		}
	}
	return s
}

// mtu is what of Altered is of the bridge's MTU.
const mtu = "mtu"

func status(l host.Link, links []host.Link) string {
	ports := 0
	for _, p := range links {
		if p.Master == l.Index {
			ports++
		}
	}
	state := "down"
	if l.Up {
		state = "up"
	}
	return fmt.Sprintf("%s, %s, ports %d", l.Name, state, ports)
}

// Check implements [resource.Host]: it reports links that have a wanted name,
// and links and routes that have a part of a wanted range.
func (h *Host) Check(ctx context.Context, changes []resource.Change, want resource.State) []resource.Problem {
	if !slices.ContainsFunc(changes, func(c resource.Change) bool { return c.Want != nil }) || ctx.Err() != nil {
		return nil
	}
	links, err := h.door.Links(outdoors)
	routes, err2 := h.door.Routes(outdoors)
	if err := errors.Join(err, err2); err != nil {
		return []resource.Problem{{Summary: "the host's network cannot be read", Detail: err.Error()}}
	}
	var problems []resource.Problem
	for _, c := range changes {
		s, ok := c.Want.(*Spec)
		if !ok || c.Action == resource.Adopt {
			continue
		}
		for _, l := range links {
			if l.Name == s.Link && !its(l, c) {
				problems = append(problems, resource.Problem{Addr: c.Addr, Summary: fmt.Sprintf("link %s is there already and is not this network's", l.Name),
					Detail: fmt.Sprintf("it is a %s and belongs to %s; rename the block, or remove the link with: ip link delete %s", l.Type, l.Holder(), l.Name)})
			}
		}
		for _, f := range s.families() {
			if !f.subnet.IsValid() {
				continue
			}
			if has, by := holderOf(*f.subnet, c, links, routes); has != "" {
				also := ""
				if by != "" {
					also = "; " + resource.AdoptRemedy(by)
				}
				problems = append(problems, resource.Problem{Addr: c.Addr, Path: f.subnetPath,
					Summary: fmt.Sprintf("%s overlaps what the host has: %s", *f.subnet, has), Detail: "give the network another range" + also})
			}
		}
	}
	return problems
}

// holderOf says what else on the host has a part of the range, "" when nothing
// has, and of which configuration that is, "" where of none. Bridges of the same configuration are left to the pure check: what they
// have now may be about to change.
func holderOf(subnet netip.Prefix, c resource.Change, links []host.Link, routes []host.Route) (has, owner string) {
	name, mine := map[int]string{}, map[int]bool{}
	for _, l := range links {
		name[l.Index] = l.Name
		by, _, ok := host.ParseMark(l.Alias)
		if l.Type == "bridge" && (ok && by == c.Owner || l.Carries(Mark(c.Owner, c.Addr))) {
			mine[l.Index] = true
			continue
		}
		for _, p := range l.Addresses {
			if subnet.Overlaps(p.Masked()) {
				if ok {
					return fmt.Sprintf("address %s of link %s, which is %s", p, l.Name, l.Holder()), by
				}
				return fmt.Sprintf("address %s of link %s", p, l.Name), ""
			}
		}
	}
	for _, r := range routes {
		if r.Destination.Bits() > 0 && !mine[r.Link] && subnet.Overlaps(r.Destination) {
			return fmt.Sprintf("route to %s by link %s", r.Destination, name[r.Link]), ""
		}
	}
	return "", ""
}

func isBridge(l host.Link, mark string) bool { return l.Type == "bridge" && l.Carries(mark) }

// its says whether a link is the bridge that a change is about, by its mark: also
// by that of the address that the network moves from.
func its(l host.Link, c resource.Change) bool {
	return isBridge(l, Mark(c.Owner, c.Addr)) || c.From != (resource.Addr{}) && isBridge(l, Mark(c.Owner, c.From))
}

// Apply implements [resource.Host].
func (h *Host) Apply(ctx context.Context, c resource.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.Action == resource.Adopt {
		return h.adopt(c)
	}
	l, found, err := h.find(c)
	if err != nil {
		return err
	}
	if c.Want == nil {
		switch {
		case !found:
			return nil
		case c.Action == resource.Forget:
			return h.door.SetAlias(outdoors, l.Index, host.Released)
		}
		return h.door.DeleteLink(outdoors, l.Index)
	}
	want, mark := c.Want.(*Spec), Mark(c.Owner, c.Addr)
	if !found {
		if l, err = h.door.AddBridge(want.Link, host.LinkMAC(mark)); err != nil {
			return err
		}
	}
	if l.Alias != mark {
		if err := h.door.SetAlias(outdoors, l.Index, mark); err != nil {
			return err
		}
	}
	if l.Name != want.Link {
		if err := h.door.SetName(outdoors, l.Index, want.Link); err != nil {
			return err
		}
		l.Name = want.Link
	}
	if live, ok := c.Live.(*Spec); ok && live.Altered[mtu] != "" {
		// Before addresses: too small a one is the end of those of IPv6.
		if err := h.door.SetMTU(outdoors, l.Index, host.MTU); err != nil {
			return err
		}
	}
	if err := h.door.SetUp(outdoors, l.Index, true); err != nil {
		return err
	}
	for _, p := range want.Addresses() {
		if err := h.door.AddAddress(outdoors, l.Index, p); err != nil {
			return err
		}
	}
	for _, p := range obsolete(c) {
		if err := h.door.DeleteAddress(outdoors, l, p); err != nil {
			return err
		}
	}
	return nil
}

// adopt marks the former owner's bridge as the new one's, and then gives it the name that follows from that.
func (h *Host) adopt(c resource.Change) error {
	links, err := h.door.Links(outdoors)
	if err != nil {
		return err
	}
	mark, name := Mark(c.Owner, c.Addr), LinkName(c.Owner, c.Addr)
	links = slices.DeleteFunc(links, func(l host.Link) bool { return !isBridge(l, Mark(c.Former, c.Addr)) && !isBridge(l, mark) })
	if len(links) > 1 {
		return fmt.Errorf("bridges %s and %s would both be it; rename one of the blocks and apply first", links[0].Name, links[1].Name)
	}
	for _, l := range links {
		if l.Alias != mark {
			if err := h.door.SetAlias(outdoors, l.Index, mark); err != nil {
				return err
			}
		} else if want, ok := c.Want.(*Spec); ok {
			// An adoption that was cut off had it already, and may have taken it down: it is as it was applied.
			l.Up, l.Addresses = true, append(l.Addresses, want.Addresses()...)
		}
		return h.rename(l, name)
	}
	return nil
}

// rename gives a bridge another name. Kernels before 6.2 rename none that is up: what it lost by going down it gets again.
func (h *Host) rename(l host.Link, name string) error {
	if l.Name != name {
		if err := h.door.SetName(outdoors, l.Index, name); err != nil {
			return err
		}
	}
	if !l.Up {
		return nil
	}
	if err := h.door.SetUp(outdoors, l.Index, true); err != nil {
		return err
	}
	for _, p := range l.Addresses {
		if p.Addr().IsLinkLocalUnicast() {
			continue
		}
		if err := h.door.AddAddress(outdoors, l.Index, p); err != nil {
			return err
		}
	}
	return nil
}

// find returns the bridge that a change is about, by its proper name, by the one that
// it was found under, or by that of the address that it moves from. A link of the
// proper name that is not ours is an error.
func (h *Host) find(c resource.Change) (host.Link, bool, error) {
	proper := LinkName(c.Owner, c.Addr)
	l, ok, err := h.door.Link(outdoors, proper)
	if err != nil || ok && its(l, c) {
		return l, ok, err
	}
	var names []string
	if live, isLive := c.Live.(*Spec); isLive {
		names = append(names, live.Link)
	}
	if c.From != (resource.Addr{}) {
		names = append(names, LinkName(c.Owner, c.From))
	}
	for _, name := range names {
		if name == proper {
			continue
		}
		other, there, err := h.door.Link(outdoors, name)
		if err != nil || there && its(other, c) {
			return other, there && !ok, errors.Join(err, taken(l, ok))
		}
	}
	if c.Want == nil {
		return host.Link{}, false, nil
	}
	return host.Link{}, false, taken(l, ok)
}

func taken(l host.Link, ok bool) error {
	if !ok {
		return nil
	}
	return fmt.Errorf("link %s is there already and belongs to %s", l.Name, l.Holder())
}

// obsolete are the addresses that are not wanted any more: those that hostctl
// set, and those that stand in the way of a wanted one as the plan showed.
// Whatever else the bridge has is the host's own.
func obsolete(c resource.Change) []netip.Prefix {
	want := c.Want.(*Spec)
	var out []netip.Prefix
	if last, ok := c.Last.(*Spec); ok {
		out = last.Addresses()
	}
	if live, ok := c.Live.(*Spec); ok {
		for _, p := range live.Addresses() {
			if p.Addr().Is4() && want.Subnet.IsValid() || p.Addr().Is6() && want.IPv6.IsValid() {
				out = append(out, p)
			}
		}
	}
	keep := want.Addresses()
	// An IPv6 address stands once only, with whatever length: adding it again took the old one's place.
	out = slices.DeleteFunc(out, func(p netip.Prefix) bool {
		return slices.ContainsFunc(keep, func(q netip.Prefix) bool { return q == p || p.Addr().Is6() && q.Addr() == p.Addr() })
	})
	slices.SortFunc(out, netip.Prefix.Compare)
	return slices.Compact(out)
}

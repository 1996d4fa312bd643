package hosttest

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"

	"hostctl/host"
)

// DeleteLink implements [host.Netlink.DeleteLink].
func (n *Net) DeleteLink(ns host.Namespace, index int) error {
	return n.onLink(ns, index, "delete", func(l *end) error {
		l.remove()
		return nil
	})
}

// SetAlias implements [host.Netlink.SetAlias].
func (n *Net) SetAlias(ns host.Namespace, index int, alias string) error {
	return n.onLink(ns, index, "set alias of", func(l *end) error {
		l.Alias = alias
		return nil
	})
}

// SetName implements [host.Netlink.SetName], as kernels before 6.2 do it.
func (n *Net) SetName(ns host.Namespace, index int, name string) error {
	return n.onLink(ns, index, "rename to "+name, func(l *end) error {
		if l.space.named(name) != nil {
			return fs.ErrExist
		}
		l.down()
		l.Name = name
		return nil
	})
}

// SetUp implements [host.Netlink.SetUp].
func (n *Net) SetUp(ns host.Namespace, index int, up bool) error {
	return n.onLink(ns, index, fmt.Sprintf("set up %v", up), func(l *end) error {
		if l.Up = up; !up {
			l.down()
		}
		return nil
	})
}

// down does what the kernel does to a link that goes down: it loses its IPv6
// addresses, and the routes that went through it are gone.
func (e *end) down() {
	e.Up = false
	e.dropIPv6()
}

func (e *end) dropIPv6() {
	e.Addresses = slices.DeleteFunc(e.Addresses, func(p netip.Prefix) bool { return p.Addr().Is6() })
	e.space.routes = slices.DeleteFunc(e.space.routes, func(r host.Route) bool { return r.Link == e.Index && r.Via.Is6() })
	e.space.dropRoutes()
}

// SetMaster implements [host.Netlink.SetMaster].
func (n *Net) SetMaster(index, master int) error {
	return n.onLink(host.Namespace{}, index, "set master of", func(l *end) error {
		if !slices.ContainsFunc(l.space.links, func(b *end) bool { return b.Index == master && b.Type == "bridge" }) && master != 0 {
			n.complain("there is no bridge with index %d", master)
			return errors.New("no such device")
		}
		l.Master = master
		l.space.follow()
		return nil
	})
}

// SetMTU implements [host.Netlink.SetMTU].
func (n *Net) SetMTU(ns host.Namespace, index, mtu int) error {
	return n.onLink(ns, index, fmt.Sprintf("set MTU %d of", mtu), func(l *end) error {
		l.MTU, l.fixed = mtu, true
		l.space.follow()
		for _, l := range l.space.links {
			if l.MTU < 1280 {
				l.dropIPv6()
			}
		}
		return nil
	})
}

// AddAddress implements [host.Netlink.AddAddress].
func (n *Net) AddAddress(ns host.Namespace, index int, p netip.Prefix) error {
	return n.onLink(ns, index, fmt.Sprintf("add address %s to", p), func(l *end) error {
		l.Addresses = slices.DeleteFunc(l.Addresses, func(q netip.Prefix) bool { return q == p || p.Addr().Is6() && q.Addr() == p.Addr() })
		l.Addresses = append(l.Addresses, p)
		return nil
	})
}

// DeleteAddress implements [host.Netlink.DeleteAddress].
func (n *Net) DeleteAddress(ns host.Namespace, l host.Link, p netip.Prefix) error {
	return n.onLink(ns, l.Index, fmt.Sprintf("delete address %s of", p), func(l *end) error {
		l.Addresses = slices.DeleteFunc(l.Addresses, func(q netip.Prefix) bool { return q == p })
		l.space.dropRoutes()
		return nil
	})
}

func (n *Net) onLink(ns host.Namespace, index int, what string, do func(*end) error) error {
	return n.change(func() error {
		l, err := n.link(ns, index)
		if err != nil {
			return err
		}
		return do(l)
	}, "%s link %d of namespace %q", what, index, ns.Name)
}

// SetRoute implements [host.Netlink.SetRoute].
func (n *Net) SetRoute(ns host.Namespace, r host.Route) error {
	return n.onSpace(ns, func(s *space) error {
		l := s.via(r.Via, r.Link)
		if l == nil {
			return errors.New("network is unreachable")
		}
		s.routes = slices.DeleteFunc(s.routes, func(have host.Route) bool { return have.Destination == r.Destination })
		s.routes = append(s.routes, host.Route{Destination: r.Destination, Via: r.Via, Link: l.Index, Ours: true})
		return nil
	}, "set route to %s via %s", r.Destination, r.Via)
}

// DeleteRoute implements [host.Netlink.DeleteRoute].
func (n *Net) DeleteRoute(ns host.Namespace, r host.Route) error {
	return n.onSpace(ns, func(s *space) error {
		s.routes = slices.DeleteFunc(s.routes, func(have host.Route) bool {
			return have.Ours && have.Destination == r.Destination && have.Via == r.Via
		})
		return nil
	}, "delete route to %s via %s", r.Destination, r.Via)
}

// EndOverride implements [host.Netlink.EndOverride].
func (n *Net) EndOverride(ns host.Namespace, o host.Override) error {
	return n.onSpace(ns, func(s *space) error {
		s.overrides = slices.DeleteFunc(s.overrides, func(have host.Override) bool { return have == o })
		return nil
	}, "end override %q", o.Text)
}

// Override puts one there, as ip(8) does.
func (n *Net) Override(ns host.Namespace, o host.Override) error {
	return n.onSpace(ns, func(s *space) error {
		if !n.hand {
			n.complain("hostctl makes no override %q", o.Text)
		}
		s.overrides = append(s.overrides, o)
		slices.SortFunc(s.overrides, func(a, b host.Override) int { return cmp.Compare(a.Text, b.Text) })
		return nil
	}, "override %q", o.Text)
}

// SetSysctl implements [host.Netlink.SetSysctl].
func (n *Net) SetSysctl(ns host.Namespace, key, value string) error {
	return n.onSpace(ns, func(s *space) error {
		if _, ok := s.sysctls[key]; !ok {
			n.complain("there is no sysctl %s", key)
			return fs.ErrNotExist
		}
		s.sysctls[key] = value
		return nil
	}, "set sysctl %s to %q", key, value)
}

func (n *Net) onSpace(ns host.Namespace, do func(*space) error, format string, args ...any) error {
	return n.change(func() error {
		s, err := n.space(ns)
		if err != nil {
			return err
		}
		return do(s)
	}, format, args...)
}

package host

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// AddBridge makes a bridge on the host, without spanning tree, and returns it.
// It is down and has no alias yet. A link of that name is an error.
func (n *Netlink) AddBridge(name, mac string) (Link, error) {
	attrs, err := newLink(name, mac)
	if err != nil {
		return Link{}, err
	}
	return n.addLink(&netlink.Bridge{LinkAttrs: attrs})
}

// AddVeth makes a veth pair in one message and returns its outside end: outside is
// on the host, inside in ns, each with the Name and MAC that is given. Both are
// down and without alias. A link of either name is an error, and nothing is made.
func (n *Netlink) AddVeth(outside Link, ns Namespace, inside Link) (Link, error) {
	attrs, err := newLink(outside.Name, outside.MAC)
	if err != nil {
		return Link{}, err
	}
	peer, err := net.ParseMAC(inside.MAC)
	if err != nil {
		return Link{}, fmt.Errorf("link %s: %w", inside.Name, err)
	}
	f, err := n.open(ns)
	if err != nil {
		return Link{}, err
	}
	defer f.Close()
	return n.addLink(&netlink.Veth{LinkAttrs: attrs, PeerName: inside.Name, PeerHardwareAddr: peer, PeerNamespace: netlink.NsFd(f.Fd())})
}

func newLink(name, mac string) (netlink.LinkAttrs, error) {
	attrs := netlink.NewLinkAttrs()
	hw, err := net.ParseMAC(mac)
	if err != nil {
		return attrs, fmt.Errorf("link %s: %w", name, err)
	}
	attrs.Name, attrs.HardwareAddr = name, hw
	return attrs, nil
}

func (n *Netlink) addLink(l netlink.Link) (Link, error) {
	name := l.Attrs().Name
	if err := n.host.LinkAdd(l); err != nil {
		return Link{}, fmt.Errorf("make %s %s: %w", l.Type(), name, err)
	}
	made, ok, err := n.Link(Namespace{}, name)
	if err == nil && !ok {
		err = fmt.Errorf("link %s: went away while it was made", name)
	}
	return made, err
}

// DeleteLink deletes the link of that index, with a veth its peer too.
func (n *Netlink) DeleteLink(ns Namespace, index int) error {
	return n.change(ns, index, "delete", func(h *netlink.Handle, l netlink.Link) error {
		return unless(h.LinkDel(l), unix.ENODEV)
	})
}

// SetAlias sets the link's alias.
func (n *Netlink) SetAlias(ns Namespace, index int, alias string) error {
	return n.change(ns, index, "set alias of", func(h *netlink.Handle, l netlink.Link) error { return h.LinkSetAlias(l, alias) })
}

// SetUp sets the link administratively up or down.
func (n *Netlink) SetUp(ns Namespace, index int, up bool) error {
	return n.change(ns, index, "set flags of", func(h *netlink.Handle, l netlink.Link) error {
		if up {
			return h.LinkSetUp(l)
		}
		return h.LinkSetDown(l)
	})
}

// SetMTU sets the largest packet that the link takes. Below 1280 the kernel takes every IPv6 address from it.
func (n *Netlink) SetMTU(ns Namespace, index, mtu int) error {
	return n.change(ns, index, "set MTU of", func(h *netlink.Handle, l netlink.Link) error { return h.LinkSetMTU(l, mtu) })
}

// SetName renames the link. Before Linux 6.2 a link cannot be renamed while it
// is up; there it comes out of this down, and without IPv6 addresses.
func (n *Netlink) SetName(ns Namespace, index int, name string) error {
	return n.change(ns, index, "rename", func(h *netlink.Handle, l netlink.Link) error {
		err := h.LinkSetName(l, name)
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		if err := h.LinkSetDown(l); err != nil {
			return err
		}
		return h.LinkSetName(l, name)
	})
}

// SetMaster makes the link on the host a port of the bridge with the index master; 0 takes it off any.
func (n *Netlink) SetMaster(index, master int) error {
	return n.change(Namespace{}, index, "set master of", func(h *netlink.Handle, l netlink.Link) error {
		return h.LinkSetMasterByIndex(l, master)
	})
}

// AddAddress gives the link an address, usable at once: IPv6 addresses come
// without duplicate address detection (IFA_F_NODAD). An IPv6 address that is
// there with another prefix length gets this one: the kernel keeps it once only.
func (n *Netlink) AddAddress(ns Namespace, index int, p netip.Prefix) error {
	return n.change(ns, index, fmt.Sprintf("add address %s to", p), func(h *netlink.Handle, l netlink.Link) error {
		if p.Addr().Is4() {
			return unless(h.AddrAdd(l, &netlink.Addr{IPNet: ipNet(p)}), unix.EEXIST)
		}
		add := func() error { return h.AddrAdd(l, &netlink.Addr{IPNet: ipNet(p), Flags: unix.IFA_F_NODAD}) }
		err := add()
		if !errors.Is(err, unix.EEXIST) {
			return err
		}
		there, err := dump(func() ([]netlink.Addr, error) { return h.AddrList(l, netlink.FAMILY_V6) })
		for _, a := range there {
			if have := prefix(a.IPNet); have.Addr() == p.Addr() && have != p {
				if err := unless(h.AddrDel(l, &netlink.Addr{IPNet: a.IPNet}), unix.EADDRNOTAVAIL); err != nil {
					return err
				}
				return add()
			}
		}
		return err
	})
}

// DeleteAddress takes an address from the link. The others stay, which the
// kernel grants IPv4 addresses of the same network only where
// net.ipv4.conf.<link>.promote_secondaries is set; this sets it.
func (n *Netlink) DeleteAddress(ns Namespace, l Link, p netip.Prefix) error {
	if p.Addr().Is4() {
		if err := n.SetSysctl(ns, "net.ipv4.conf."+l.Name+".promote_secondaries", "1"); err != nil {
			return err
		}
	}
	return n.change(ns, l.Index, fmt.Sprintf("delete address %s of", p), func(h *netlink.Handle, l netlink.Link) error {
		return unless(h.AddrDel(l, &netlink.Addr{IPNet: ipNet(p)}), unix.EADDRNOTAVAIL)
	})
}

// SetRoute makes r the route to its destination in ns, in place of any other of
// the default metric, and ours. Where r has no Link the kernel finds it by the gateway.
func (n *Netlink) SetRoute(ns Namespace, r Route) error {
	return n.changeRoute(ns, "set", r, func(h *netlink.Handle, r *netlink.Route) error { return h.RouteReplace(r) })
}

// DeleteRoute takes a route out of ns if it is ours, by whatever link.
func (n *Netlink) DeleteRoute(ns Namespace, r Route) error {
	r.Link = 0
	return n.changeRoute(ns, "delete", r, func(h *netlink.Handle, r *netlink.Route) error { return unless(h.RouteDel(r), unix.ESRCH) })
}

func (n *Netlink) changeRoute(ns Namespace, verb string, r Route, do func(*netlink.Handle, *netlink.Route) error) error {
	return n.at(ns, func(h *netlink.Handle) error {
		err := do(h, &netlink.Route{Dst: ipNet(r.Destination), Gw: r.Via.AsSlice(), LinkIndex: r.Link, Protocol: RouteProtocol, Table: unix.RT_TABLE_MAIN})
		if err != nil {
			return fmt.Errorf("%s route to %s via %s: %w", verb, r.Destination, r.Via, err)
		}
		return nil
	})
}

func (n *Netlink) change(ns Namespace, index int, what string, do func(*netlink.Handle, netlink.Link) error) error {
	return n.at(ns, func(h *netlink.Handle) error {
		if err := do(h, &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: index}}); err != nil {
			return fmt.Errorf("%s link with index %d: %w", what, index, err)
		}
		return nil
	})
}

// unless returns err, or nil when it says what was wanted anyway.
func unless(err error, fine unix.Errno) error {
	if errors.Is(err, fine) {
		return nil
	}
	return err
}

// at calls do with a netlink socket in ns.
func (n *Netlink) at(ns Namespace, do func(*netlink.Handle) error) error {
	if ns == (Namespace{}) {
		return do(n.host)
	}
	f, err := n.open(ns)
	if err != nil {
		return err
	}
	defer f.Close()
	return handleAt(f, do)
}

// handleAt calls do with a netlink socket in the namespace that f is.
func handleAt(f *os.File, do func(*netlink.Handle) error) error {
	var h *netlink.Handle
	err := inside(f, func() (err error) { h, err = newHandle(); return err })
	if err != nil {
		return err
	}
	defer h.Close()
	return do(h)
}

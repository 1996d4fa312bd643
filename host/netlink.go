package host

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Namespace says which network namespace is meant. The zero value is the one
// that hostctl itself runs in, the host's. Any other is the mount of that name
// below /run/netns, with the inode that it had when it was looked at, so that a
// namespace that took its place in the meantime is not mistaken for it.
type Namespace struct {
	Name  string
	Inode uint64
}

// Link is a network interface, as rtnetlink(7) shows it.
type Link struct {
	// Index is the kernel's number of the link in its namespace.
	Index int
	Name  string
	// Alias is IFLA_IFALIAS, where the mark is; see [Mark].
	Alias string
	// Type is the kernel's word: "bridge", "veth", "loopback", "device" for a physical one.
	Type string
	// MAC is the hardware address in the form of net.HardwareAddr; "" where there is none.
	MAC string
	// Up says that the link is administratively up (IFF_UP).
	Up bool
	// MTU is the largest packet that it takes.
	MTU int
	// Master is the index of the bridge that the link is a port of; 0 without one.
	Master int
	// Peer is the index of a veth's other end, in that one's namespace; 0 for other links.
	Peer int
	// Addresses are in the kernel's order, link-local ones included.
	Addresses []netip.Prefix
}

// MTU is what a bridge and a veth are made with (ETH_DATA_LEN).
const MTU = 1500

// RouteProtocol marks the routes that hostctl made (rtm_protocol of rtnetlink(7);
// the number is free in the kernel's list). `ip route` shows it as "proto 104".
const RouteProtocol = 104

// Route is a unicast route of the main table.
type Route struct {
	// Destination of length 0 is the default route.
	Destination netip.Prefix
	// Via is the gateway; the zero Addr where the destination is on the link.
	Via netip.Addr
	// Link is the index of the link; 0 for a route with several next hops.
	Link int
	// Ours says that the route carries [RouteProtocol].
	Ours bool
}

// netlinkTimeout bounds the wait for the kernel's answer, which comes at once
// unless something is badly wrong.
const netlinkTimeout = 30 * time.Second

// dumpAttempts is how often a dump is taken again that something changed meanwhile.
const dumpAttempts = 20

// Netlink is the door to the kernel's network configuration, of the host and
// of the named namespaces. Each change that it makes is one message, and nil
// from it means that the host is as asked, also when it was so before.
// The methods are safe for concurrent use.
type Netlink struct {
	host *netlink.Handle
	dir  string
	// mounting keeps two goroutines from preparing dir at once.
	mounting sync.Mutex
}

// OpenNetlink opens the door to the network namespace of the calling process.
func OpenNetlink() (*Netlink, error) {
	h, err := newHandle()
	if err != nil {
		return nil, err
	}
	return &Netlink{host: h, dir: "/run/netns"}, nil
}

// Close closes the door.
func (n *Netlink) Close() { n.host.Close() }

// newHandle opens an rtnetlink socket in the namespace of the calling thread.
func newHandle() (*netlink.Handle, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	if err := h.SetSocketTimeout(netlinkTimeout); err != nil {
		h.Close()
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	return h, nil
}

// Links returns all links of ns with their addresses, by index: two dumps.
func (n *Netlink) Links(ns Namespace) (links []Link, err error) {
	err = n.at(ns, func(h *netlink.Handle) (err error) { links, err = listLinks(h); return err })
	return links, err
}

func listLinks(h *netlink.Handle) ([]Link, error) {
	found, err := dump(h.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	addrs, err := dump(func() ([]netlink.Addr, error) { return h.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	links := make([]Link, len(found))
	for i, l := range found {
		links[i] = link(l)
	}
	slices.SortFunc(links, func(a, b Link) int { return cmp.Compare(a.Index, b.Index) })
	for _, a := range addrs {
		i, ok := slices.BinarySearchFunc(links, a.LinkIndex, func(l Link, index int) int { return cmp.Compare(l.Index, index) })
		if ok {
			links[i].Addresses = append(links[i].Addresses, prefix(a.IPNet))
		}
	}
	return links, nil
}

// Link returns the link of that name in ns, without its addresses, and whether there is one.
func (n *Netlink) Link(ns Namespace, name string) (l Link, ok bool, err error) {
	err = n.at(ns, func(h *netlink.Handle) error {
		found, err := h.LinkByName(name)
		if errors.As(err, new(netlink.LinkNotFoundError)) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("link %s: %w", name, err)
		}
		// The kernel also answers to alternative names (ip-link(8), altname).
		if found.Attrs().Name == name {
			l, ok = link(found), true
		}
		return nil
	})
	return l, ok, err
}

// Routes returns the unicast routes of the main table of ns, both families.
func (n *Netlink) Routes(ns Namespace) (routes []Route, err error) {
	err = n.at(ns, func(h *netlink.Handle) (err error) { routes, _, err = listRoutes(h); return err })
	return routes, err
}

// listRoutes returns the unicast routes of the main table, and of all tables those that lead nowhere.
func listRoutes(h *netlink.Handle) (routes []Route, refusing []override, err error) {
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		found, err := dump(func() ([]netlink.Route, error) {
			return h.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
		})
		if err != nil {
			return nil, nil, fmt.Errorf("list routes: %w", err)
		}
		for _, r := range found {
			if r.Type == unix.RTN_UNICAST && r.Table == unix.RT_TABLE_MAIN {
				routes = append(routes, route(r, family))
			} else if o, ok := refusal(h, r, family); ok {
				refusing = append(refusing, o)
			}
		}
	}
	return routes, refusing, nil
}

// dump calls list until nothing changed while it was read.
func dump[T any](list func() ([]T, error)) ([]T, error) {
	for range dumpAttempts - 1 {
		found, err := list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return found, err
		}
	}
	return list()
}

func link(l netlink.Link) Link {
	a := l.Attrs()
	out := Link{Index: a.Index, Name: a.Name, Alias: a.Alias, Type: l.Type(), MAC: a.HardwareAddr.String(),
		Up: a.RawFlags&unix.IFF_UP != 0, MTU: a.MTU, Master: a.MasterIndex}
	if a.RawFlags&unix.IFF_LOOPBACK != 0 {
		out.Type = "loopback"
	}
	if out.Type == "veth" {
		out.Peer = a.ParentIndex
	}
	return out
}

func route(r netlink.Route, family int) Route {
	out := Route{Link: r.LinkIndex, Ours: r.Protocol == RouteProtocol}
	switch {
	case r.Dst != nil:
		out.Destination = prefix(r.Dst)
	case family == netlink.FAMILY_V4:
		out.Destination = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	default:
		out.Destination = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	if via, ok := netip.AddrFromSlice(r.Gw); ok {
		out.Via = via.Unmap()
	}
	return out
}

// prefix converts what the kernel gave; an address of another length than 4 or 16 becomes the zero Prefix.
func prefix(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	addr, _ := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	if addr.Is4In6() && len(n.Mask) == net.IPv4len {
		addr = addr.Unmap()
	}
	return netip.PrefixFrom(addr, bits)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

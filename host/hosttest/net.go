package hosttest

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"hostctl/host"
)

// Net is a machine's network in memory, with the methods of [host.Netlink].
// It complains to the test about every change that hostctl must not make: to a
// link or namespace that it did not make itself, or to one that is not there.
// [Net.Hand] is the same machine in the hands of an administrator, who may do anything.
type Net struct {
	*machine
	hand bool
}

type machine struct {
	t       testing.TB
	mu      sync.Mutex
	spaces  map[uint64]*space // by inode; 0 is the host
	entries map[string]*entry
	next    uint64
	changes []string
	failAt  int // the change that fails, counted down; 0 for none
	done    bool
}

type entry struct {
	inode uint64 // 0: a plain file
	text  string // of the plain file
}

type space struct {
	links     []*end
	routes    []host.Route
	overrides []host.Override
	sysctls   map[string]string
	next      int
}

// end is a link, and where its peer is if it is a veth.
type end struct {
	host.Link
	space *space
	peer  *end
	hand  bool
	fixed bool // of a bridge: its MTU was set, and follows its ports' no more
}

// newSysctls is what a new namespace has.
var newSysctls = map[string]string{
	"net.ipv4.ip_forward":                 "0",
	"net.ipv4.ip_unprivileged_port_start": "1024",
	"net.ipv4.ip_local_port_range":        "32768 60999",
	"net.ipv4.conf.default.rp_filter":     "0",
}

// NewNet returns a machine with a loopback link and nothing else.
func NewNet(t testing.TB) *Net {
	m := &machine{t: t, spaces: map[uint64]*space{}, entries: map[string]*entry{}, next: 4026532000}
	m.spaces[0] = newSpace("")
	m.spaces[0].links[0].Up = true
	return &Net{machine: m}
}

func newSpace(mark string) *space {
	s := &space{sysctls: maps.Clone(newSysctls), next: 2}
	s.links = []*end{{Link: host.Link{Index: 1, Name: "lo", Alias: mark, Type: "loopback"}, space: s}}
	return s
}

// Hand returns the machine in an administrator's hands: what is made there is
// foreign to hostctl, nothing is complained about, recorded or made to fail.
func (n *Net) Hand() *Net { return &Net{machine: n.machine, hand: true} }

// Changes returns the changes since the last call of it, in words.
func (n *Net) Changes() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.changes
	n.changes = nil
	return c
}

// FailAt makes the nth change from now fail, before or after it takes effect; 0 for none.
func (n *Net) FailAt(nth int, afterwards bool) { n.failAt, n.done = nth, afterwards }

// ErrInjected is what a change fails with that FailAt chose.
var ErrInjected = errors.New("injected failure")

// change carries out one change, unless it is to fail.
func (n *Net) change(do func() error, format string, args ...any) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hand {
		return do()
	}
	what := fmt.Sprintf(format, args...)
	n.changes = append(n.changes, what)
	fail := n.failAt == 1
	if n.failAt > 0 {
		n.failAt--
	}
	if fail && !n.done {
		return ErrInjected
	}
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if fail {
		return ErrInjected
	}
	return nil
}

func (n *Net) complain(format string, args ...any) {
	if !n.hand {
		n.t.Helper()
		n.t.Errorf("bad change: "+format, args...)
	}
}

func (n *Net) space(ns host.Namespace) (*space, error) {
	s := n.spaces[ns.Inode]
	if e := n.entries[ns.Name]; ns != (host.Namespace{}) && (e == nil || e.inode != ns.Inode) || s == nil {
		return nil, fmt.Errorf("network namespace %s: another namespace took its place", ns.Name)
	}
	return s, nil
}

func (s *space) named(name string) *end {
	for _, l := range s.links {
		if l.Name == name {
			return l
		}
	}
	return nil
}

// link returns the link of that index, for a change.
func (n *Net) link(ns host.Namespace, index int) (*end, error) {
	s, err := n.space(ns)
	if err != nil {
		return nil, err
	}
	for _, l := range s.links {
		if l.Index == index {
			if l.hand {
				n.complain("link %s is not hostctl's", l.Name)
			}
			return l, nil
		}
	}
	n.complain("there is no link with index %d", index)
	return nil, errors.New("no such device")
}

// AddBridge implements [host.Netlink.AddBridge].
func (n *Net) AddBridge(name, mac string) (l host.Link, err error) {
	err = n.change(func() error {
		e, err := n.add(n.spaces[0], host.Link{Name: name, MAC: mac, Type: "bridge"})
		l = e.Link
		return err
	}, "make bridge %s", name)
	return l, err
}

// AddVeth implements [host.Netlink.AddVeth].
func (n *Net) AddVeth(outside host.Link, ns host.Namespace, inside host.Link) (l host.Link, err error) {
	err = n.change(func() error {
		s, err := n.space(ns)
		if err != nil {
			return err
		}
		if s.named(inside.Name) != nil {
			return fs.ErrExist
		}
		outside.Type, inside.Type = "veth", "veth"
		out, err := n.add(n.spaces[0], outside)
		if err != nil {
			return err
		}
		in, _ := n.add(s, inside)
		out.peer, in.peer, out.Peer, in.Peer = in, out, in.Index, out.Index
		l = out.Link
		return nil
	}, "make veth %s with %s in %s", outside.Name, inside.Name, ns.Name)
	return l, err
}

func (n *Net) add(s *space, l host.Link) (*end, error) {
	if s.named(l.Name) != nil {
		return &end{}, fs.ErrExist
	}
	l.Index, l.MTU = s.next, host.MTU
	s.next++
	e := &end{Link: l, space: s, hand: n.hand}
	s.links = append(s.links, e)
	return e, nil
}

// AddNamespace implements [host.Netlink.AddNamespace]. It is two changes: the file and the mount.
func (n *Net) AddNamespace(name, mark string) (ns host.Namespace, err error) {
	err = n.change(func() error {
		if e := n.entries[name]; e != nil && (e.inode != 0 || e.text != mark) {
			return fs.ErrExist
		}
		n.entries[name] = &entry{text: mark}
		return nil
	}, "make file of namespace %s", name)
	if err != nil {
		return ns, err
	}
	err = n.change(func() error {
		n.next++
		n.spaces[n.next] = newSpace(mark)
		n.entries[name].inode = n.next
		ns = host.Namespace{Name: name, Inode: n.next}
		return nil
	}, "make namespace %s", name)
	return ns, err
}

// DeleteNamespace implements [host.Netlink.DeleteNamespace], also as two changes.
func (n *Net) DeleteNamespace(name, mark string) error {
	if e, ok, _ := n.Namespace(name); !ok {
		return nil
	} else if e.Mark != mark && !n.hand {
		return fmt.Errorf("delete network namespace %s: it does not carry our mark", name)
	}
	err := n.change(func() error {
		n.unmount(n.entries[name])
		return nil
	}, "unmount namespace %s", name)
	if err != nil {
		return err
	}
	return n.change(func() error { delete(n.entries, name); return nil }, "delete file of namespace %s", name)
}

// MoveNamespace implements [host.Netlink.MoveNamespace], each of its steps a change.
func (n *Net) MoveNamespace(name, mark, newName, newMark string) error {
	old, there, _ := n.Namespace(name)
	to, taken, _ := n.Namespace(newName)
	remove := func() error {
		return n.change(func() error { delete(n.entries, name); return nil }, "delete file of namespace %s", name)
	}
	switch {
	case to.Mounted && to.Inode != old.Inode && to.Mark == newMark && (!there || !old.Mounted && old.Mark == mark):
		if !there {
			return nil
		}
		return remove()
	case !old.Mounted:
		return fmt.Errorf("move network namespace %s: %w", name, fs.ErrNotExist)
	case old.Mark != mark && old.Mark != newMark:
		return fmt.Errorf("move network namespace %s: %w", name, host.ErrNotOwned)
	case to.Mounted && to.Inode != old.Inode, taken && !to.Mounted && to.Mark != "":
		return fmt.Errorf("move network namespace %s to %s: %w", name, newName, fs.ErrExist)
	}
	steps := []struct {
		skip bool
		what string
		do   func()
	}{
		{taken, "make file of namespace " + newName, func() { n.entries[newName] = &entry{} }},
		{to.Mounted, "mount namespace " + newName, func() { n.entries[newName] = &entry{inode: old.Inode, text: newMark} }},
		{false, "mark namespace " + newName, func() { n.spaces[old.Inode].links[0].Alias = newMark }},
		{name == newName, "unmount namespace " + name, func() { n.entries[name] = &entry{text: mark} }},
	}
	for _, s := range steps {
		if s.skip {
			continue
		}
		if err := n.change(func() error { s.do(); return nil }, "%s", s.what); err != nil {
			return err
		}
	}
	if name == newName {
		return nil
	}
	return remove()
}

// HostOwns implements [host.Netlink.HostOwns]: it does.
func (n *Net) HostOwns(host.Namespace) (bool, error) { return true, nil }

// Unmount leaves the file of a namespace without the namespace, as umount(8) does.
func (n *Net) Unmount(name string) error {
	return n.change(func() error { n.unmount(n.entries[name]); return nil }, "unmount namespace %s", name)
}

func (n *Net) unmount(e *entry) {
	if e.inode == 0 {
		return
	}
	for _, l := range slices.Clone(n.spaces[e.inode].links) {
		l.remove()
	}
	delete(n.spaces, e.inode)
	e.inode = 0
}

func (e *end) remove() {
	for _, l := range []*end{e, e.peer} {
		if l == nil {
			continue
		}
		s := l.space
		s.links = slices.DeleteFunc(s.links, func(x *end) bool { return x == l })
		for _, port := range s.links {
			if port.Master == l.Index {
				port.Master = 0
			}
		}
		s.follow()
		s.dropRoutes()
	}
}

// follow gives bridges the smallest MTU of their ports', as the kernel does until somebody sets it.
func (s *space) follow() {
	for _, b := range s.links {
		if b.Type != "bridge" || b.fixed {
			continue
		}
		b.MTU = 0
		for _, port := range s.links {
			if port.Master == b.Index && (b.MTU == 0 || port.MTU < b.MTU) {
				b.MTU = port.MTU
			}
		}
		b.MTU = cmp.Or(b.MTU, host.MTU)
	}
}

// via returns the up link, that of the index or with 0 any, that reaches a gateway.
func (s *space) via(a netip.Addr, index int) *end {
	for _, l := range s.links {
		if l.Up && (index == 0 || index == l.Index) && slices.ContainsFunc(l.Addresses, func(p netip.Prefix) bool { return p.Contains(a) }) {
			return l
		}
	}
	return nil
}

// dropRoutes forgets the routes whose link is gone or down, or has no IPv4
// address left for an IPv4 route. One whose gateway merely lies in no
// address's network any more stays, as it does in the kernel.
func (s *space) dropRoutes() {
	s.routes = slices.DeleteFunc(s.routes, func(r host.Route) bool {
		return !slices.ContainsFunc(s.links, func(l *end) bool {
			has4 := slices.ContainsFunc(l.Addresses, func(p netip.Prefix) bool { return p.Addr().Is4() })
			return l.Index == r.Link && l.Up && (has4 || r.Via.Is6())
		})
	})
}

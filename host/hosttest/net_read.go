package hosttest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"hostctl/host"
)

// Links implements [host.Netlink.Links].
func (n *Net) Links(ns host.Namespace) ([]host.Link, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, err := n.space(ns)
	if err != nil {
		return nil, err
	}
	var links []host.Link
	for _, l := range s.links {
		out := l.Link
		out.Addresses = slices.Clone(l.Addresses)
		links = append(links, out)
	}
	return links, nil
}

// Link implements [host.Netlink.Link].
func (n *Net) Link(ns host.Namespace, name string) (host.Link, bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, err := n.space(ns)
	if err != nil {
		return host.Link{}, false, err
	}
	l := s.named(name)
	if l == nil {
		return host.Link{}, false, nil
	}
	out := l.Link
	out.Addresses = nil
	return out, true, nil
}

// Routes implements [host.Netlink.Routes].
func (n *Net) Routes(ns host.Namespace) ([]host.Route, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, err := n.space(ns)
	if err != nil {
		return nil, err
	}
	routes := slices.Clone(s.routes)
	for _, l := range s.links {
		for _, p := range l.Addresses {
			if l.Up && l.Type != "loopback" {
				routes = append(routes, host.Route{Destination: p.Masked(), Link: l.Index})
			}
		}
	}
	return routes, nil
}

// Overrides implements [host.Netlink.Overrides].
func (n *Net) Overrides(ns host.Namespace) ([]host.Override, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, err := n.space(ns)
	if err != nil {
		return nil, err
	}
	return slices.Clone(s.overrides), nil
}

// Namespaces implements [host.Netlink.Namespaces].
func (n *Net) Namespaces() ([]host.NamedNamespace, error) {
	n.mu.Lock()
	names := slices.Sorted(maps.Keys(n.entries))
	n.mu.Unlock()
	var found []host.NamedNamespace
	for _, name := range names {
		if e, ok, _ := n.Namespace(name); ok {
			found = append(found, e)
		}
	}
	return found, nil
}

// Survey implements [host.Netlink.Survey].
func (n *Net) Survey(look func(mark string) ([]string, bool)) ([]host.Surveyed, error) {
	named, _ := n.Namespaces()
	var found []host.Surveyed
	for _, e := range named {
		s := host.Surveyed{NamedNamespace: e}
		if keys, ok := look(e.Mark); ok && e.Mounted {
			s.Inside = &host.Stack{}
			s.Inside.Links, _ = n.Links(e.Namespace)
			s.Inside.Routes, _ = n.Routes(e.Namespace)
			s.Inside.Overrides, _ = n.Overrides(e.Namespace)
			s.Inside.Sysctls, _ = n.Sysctls(e.Namespace, keys)
		}
		found = append(found, s)
	}
	return found, nil
}

// Namespace implements [host.Netlink.Namespace].
func (n *Net) Namespace(name string) (host.NamedNamespace, bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e, ok := n.entries[name]
	named := host.NamedNamespace{Namespace: host.Namespace{Name: name}}
	if !ok {
		return named, false, nil
	}
	named.Mark = e.text
	if e.inode != 0 {
		named.Inode, named.Mounted, named.Mark = e.inode, true, n.spaces[e.inode].links[0].Alias
	}
	return named, true, nil
}

// Sysctls implements [host.Netlink.Sysctls].
func (n *Net) Sysctls(ns host.Namespace, keys []string) (map[string]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, err := n.space(ns)
	if err != nil {
		return nil, err
	}
	return s.pick(keys), nil
}

// ChangedSysctls implements [host.Netlink.ChangedSysctls].
func (n *Net) ChangedSysctls(ns host.Namespace) (map[string]string, error) {
	values, err := n.Sysctls(ns, slices.Collect(maps.Keys(newSysctls)))
	maps.DeleteFunc(values, func(key, value string) bool { return newSysctls[key] == value })
	return values, err
}

// NewSysctls implements [host.Netlink.NewSysctls].
func (n *Net) NewSysctls(keys []string) (map[string]string, error) {
	return newSpace("").pick(keys), nil
}

func (s *space) pick(keys []string) map[string]string {
	values := map[string]string{}
	for _, key := range keys {
		if value, ok := s.sysctls[key]; ok {
			values[key] = value
		}
	}
	return values
}

// String prints the machine: its links, addresses, routes and namespaces.
func (n *Net) String() string { return NetText(n, slices.Sorted(maps.Keys(newSysctls))...) }

// NetDoor is what both [Net] and [host.Netlink] let one read.
type NetDoor interface {
	Namespaces() ([]host.NamedNamespace, error)
	Links(host.Namespace) ([]host.Link, error)
	Routes(host.Namespace) ([]host.Route, error)
	Overrides(host.Namespace) ([]host.Override, error)
	Sysctls(ns host.Namespace, keys []string) (map[string]string, error)
}

// NetText prints a network as text, the same for the fake and the real one:
// without numbers that the kernel gives, link-local addresses, and routes that
// follow from addresses. The sysctls are printed for the named namespaces.
func NetText(door NetDoor, sysctls ...string) string {
	var b strings.Builder
	printSpace(&b, door, host.Namespace{}, "host")
	entries, err := door.Namespaces()
	if err != nil {
		fmt.Fprintln(&b, err)
	}
	for _, e := range entries {
		if !e.Mounted {
			fmt.Fprintf(&b, "file %s %q\n", e.Name, e.Mark)
			continue
		}
		printSpace(&b, door, e.Namespace, "namespace "+e.Name)
		values, err := door.Sysctls(e.Namespace, sysctls)
		if err != nil {
			fmt.Fprintln(&b, err)
		}
		for _, key := range slices.Sorted(maps.Keys(values)) {
			fmt.Fprintf(&b, "\t%s = %s\n", key, values[key])
		}
	}
	return b.String()
}

func printSpace(b *strings.Builder, door NetDoor, ns host.Namespace, title string) {
	fmt.Fprintln(b, title)
	links, err := door.Links(ns)
	routes, err2 := door.Routes(ns)
	overrides, err3 := door.Overrides(ns)
	if err := errors.Join(err, err2, err3); err != nil {
		fmt.Fprintln(b, err)
	}
	name := map[int]string{}
	for _, l := range links {
		name[l.Index] = l.Name
	}
	slices.SortFunc(links, func(x, y host.Link) int { return cmp.Compare(x.Name, y.Name) })
	for _, l := range links {
		fmt.Fprintf(b, "\t%s %s", l.Type, l.Name)
		if l.Up {
			fmt.Fprint(b, " up")
		}
		if l.Master != 0 {
			fmt.Fprintf(b, " master %s", name[l.Master])
		}
		if l.MTU != host.MTU && l.Type != "loopback" {
			fmt.Fprintf(b, " mtu %d", l.MTU)
		}
		if l.Alias != "" {
			fmt.Fprintf(b, " alias %q", l.Alias)
		}
		slices.SortFunc(l.Addresses, netip.Prefix.Compare)
		for _, p := range l.Addresses {
			if !p.Addr().IsLinkLocalUnicast() && !p.Addr().IsLoopback() {
				fmt.Fprintf(b, " %s", p)
			}
		}
		fmt.Fprintln(b)
	}
	var lines []string
	for _, r := range routes {
		if r.Via.IsValid() {
			lines = append(lines, fmt.Sprintf("\troute %s via %s dev %s ours %v\n", r.Destination, r.Via, name[r.Link], r.Ours))
		}
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, ""))
	slices.SortFunc(overrides, func(a, b host.Override) int { return cmp.Compare(a.Text, b.Text) })
	for _, o := range overrides {
		fmt.Fprintf(b, "\toverride %q missing %v\n", o.Text, o.Missing)
	}
}

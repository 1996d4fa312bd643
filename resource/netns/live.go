package netns

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"hostctl/host"
	"hostctl/resource"
)

// Door is what the kind needs of the host: [host.Netlink] is the real one.
// What the methods promise stands there.
type Door interface {
	Survey(look func(mark string) (sysctls []string, ok bool)) ([]host.Surveyed, error)
	Namespace(name string) (host.NamedNamespace, bool, error)
	AddNamespace(name, mark string) (host.Namespace, error)
	MoveNamespace(name, mark, newName, newMark string) error
	DeleteNamespace(name, mark string) error
	HostOwns(host.Namespace) (bool, error)

	Links(host.Namespace) ([]host.Link, error)
	Link(ns host.Namespace, name string) (host.Link, bool, error)
	AddVeth(outside host.Link, ns host.Namespace, inside host.Link) (host.Link, error)
	DeleteLink(ns host.Namespace, index int) error
	SetAlias(ns host.Namespace, index int, alias string) error
	SetName(ns host.Namespace, index int, name string) error
	SetUp(ns host.Namespace, index int, up bool) error
	SetMaster(index, master int) error
	SetMTU(ns host.Namespace, index, mtu int) error
	AddAddress(ns host.Namespace, index int, p netip.Prefix) error
	DeleteAddress(ns host.Namespace, l host.Link, p netip.Prefix) error

	Routes(host.Namespace) ([]host.Route, error)
	SetRoute(host.Namespace, host.Route) error
	DeleteRoute(host.Namespace, host.Route) error
	Overrides(host.Namespace) ([]host.Override, error)
	EndOverride(host.Namespace, host.Override) error

	Sysctls(ns host.Namespace, keys []string) (map[string]string, error)
	NewSysctls(keys []string) (map[string]string, error)
	ChangedSysctls(ns host.Namespace) (map[string]string, error)
	SetSysctl(ns host.Namespace, key, value string) error
}

// Host reads and changes the network namespaces of a host.
type Host struct{ door Door }

// NewHost returns the effects half of the kind.
func NewHost(door Door) *Host { return &Host{door: door} }

// outdoors is the host's own network namespace, where the outside ends are.
var outdoors host.Namespace

// Read implements [resource.Host]. A namespace is owner's by the mark on its
// loopback link; one that is gone while something of it is left, the file or
// an outside end, is returned as not mounted.
func (h *Host) Read(ctx context.Context, owner string, last resource.State) (resource.Reading, error) {
	r := resource.Reading{State: resource.State{}, Status: map[resource.Addr]string{}}
	if err := ctx.Err(); err != nil {
		return r, err
	}
	links, err := h.door.Links(outdoors)
	if err != nil {
		return r, err
	}
	outside := outsideEnds(owner, links)
	entries, err := h.door.Survey(func(mark string) ([]string, bool) {
		addr, ok := identify(owner, mark)
		return append(slices.Collect(maps.Keys(specOf(last[addr]).Sysctls)), unprivilegedPortStart), ok
	})
	if err != nil {
		return r, err
	}
	entries = slices.DeleteFunc(entries, func(e host.Surveyed) bool {
		addr, ok := identify(owner, e.Mark)
		return !ok || addr.HostName() != e.Name
	})
	outside.settle(owner, entries)
	for _, e := range entries {
		addr, _ := identify(owner, e.Mark)
		seen := sight{inside: e.Inside, outside: outside.ends[addr], networks: outside.networks}
		was := specOf(last[addr])
		r.State[addr] = seen.spec(was)
		if last[addr] != nil {
			r.Foreign = append(r.Foreign, seen.foreign(addr, was)...)
		}
	}
	for addr, ends := range outside.ends {
		if r.State[addr] == nil {
			seen := sight{outside: ends, networks: outside.networks}
			r.State[addr] = seen.spec(&Spec{})
		}
	}
	for addr, spec := range r.State {
		r.Status[addr] = status(specOf(spec))
	}
	return r, nil
}

// identify says which of owner's namespaces carries the mark.
func identify(owner, mark string) (resource.Addr, bool) {
	by, object, ok := host.ParseMark(mark)
	if !ok || by != owner {
		return resource.Addr{}, false
	}
	addr, err := resource.ParseAddr(object)
	return addr, err == nil && addr.Kind == "netns"
}

// ends are the outside ends of owner's interfaces, and the networks by their bridges' index.
type ends struct {
	ends     map[resource.Addr]map[string]host.Link
	networks map[int]resource.Addr
}

func outsideEnds(owner string, links []host.Link) ends {
	e := ends{map[resource.Addr]map[string]host.Link{}, map[int]resource.Addr{}}
	for _, l := range links {
		by, object, ok := host.ParseMark(l.Alias)
		if !ok || by != owner {
			continue
		}
		if l.Type == "bridge" {
			if addr, err := resource.ParseAddr(object); err == nil && addr.Kind == "network" {
				e.networks[l.Index] = addr
			}
			continue
		}
		object, label, ok := strings.Cut(object, ":")
		addr, ok2 := identify(owner, host.Mark(owner, object))
		if l.Type != "veth" || !ok || !ok2 {
			continue
		}
		if e.ends[addr] == nil {
			e.ends[addr] = map[string]host.Link{}
		}
		// Of two with one alias, the one with the right name counts.
		if old, twice := e.ends[addr][label]; !twice || old.Name != linkName(owner, addr, label) {
			e.ends[addr][label] = l
		}
	}
	return e
}

func status(s *Spec) string {
	switch {
	case !s.Mounted:
		return "gone: no namespace stands behind its name"
	case len(s.Interface) == 0:
		return "no interfaces"
	}
	return "interfaces " + strings.Join(slices.Sorted(maps.Keys(s.Interface)), ", ")
}

// Check implements [resource.Host]: it reports namespaces and links that have a
// wanted name and are not ours, and sysctls that the kernel does not have.
func (h *Host) Check(ctx context.Context, changes []resource.Change, want resource.State) []resource.Problem {
	if !slices.ContainsFunc(changes, func(c resource.Change) bool { return c.Want != nil }) || ctx.Err() != nil {
		return nil
	}
	links, err := h.door.Links(outdoors)
	if err != nil {
		return []resource.Problem{{Summary: "the host's links cannot be read", Detail: err.Error()}}
	}
	byName := make(map[string]host.Link, len(links))
	for _, l := range links {
		byName[l.Name] = l
	}
	v := &validation{}
	for _, c := range changes {
		s, ok := c.Want.(*Spec)
		if !ok || c.Action == resource.Adopt {
			continue
		}
		v.self = c.Addr
		for _, label := range slices.Sorted(maps.Keys(s.Interface)) {
			l, ok := byName[s.Interface[label].Link]
			if ok && !isEnd(l, interfaceMark(c.Owner, c.Addr, label)) && !(moves(c) && isEnd(l, interfaceMark(c.Owner, c.From, label))) {
				v.report(interfacePath(label), fmt.Sprintf("link %s is there already and is not this interface's", l.Name),
					"it is a %s and belongs to %s; rename the block, or remove the link with: ip link delete %s", l.Type, l.Holder(), l.Name)
			}
		}
		if err := h.checkNamespace(v, c, s, byName); err != nil {
			v.report("", "the namespace cannot be read", "%s", err)
		}
	}
	h.checkSysctls(v, changes)
	return v.problems
}

// checkNamespace reports a foreign namespace of the wanted name, and in ours
// foreign links of the wanted names.
func (h *Host) checkNamespace(v *validation, c resource.Change, s *Spec, outside map[string]host.Link) error {
	e, ok, err := h.door.Namespace(c.Addr.HostName())
	if begun := ok && !e.Mounted && e.Mark == ""; err == nil && moves(c) && (!ok || begun) {
		e, ok, err = h.door.Namespace(c.From.HostName())
	}
	if err != nil || !ok {
		return err
	}
	if e.Mark != Mark(c.Owner, c.Addr) && !(moves(c) && e.Mark == Mark(c.Owner, c.From)) && c.Import == "" {
		what, remedy := "network namespace", fmt.Sprintf("import it (import { to = %s, id = %q }), or remove it with: ip netns delete %s", c.Addr, e.Name, e.Name)
		if !e.Mounted {
			what, remedy = "entry", "or remove it with: rm "+Path(c.Addr)
		}
		if by, _, ok := host.ParseMark(e.Mark); ok && by != c.Owner {
			remedy = resource.AdoptRemedy(by)
		}
		v.report("", fmt.Sprintf("%s %s is there already and is not this block's", what, Path(c.Addr)),
			"it belongs to %s; rename the block; %s", e.Holder(), remedy)
		return nil
	}
	if !e.Mounted {
		return nil
	}
	inside, err := h.door.Links(e.Namespace)
	if err != nil {
		return err
	}
	for _, l := range inside {
		i, wanted := s.Interface[l.Name]
		if live, ok := c.Live.(*Spec); ok && live.Interface[l.Name].Link != "" {
			i.Link = live.Interface[l.Name].Link
		}
		if wanted && !paired(outside[i.Link], l) {
			v.report(interfacePath(l.Name), fmt.Sprintf("the namespace has a link %s already that is not hostctl's", l.Name),
				"it is a %s; name the interface otherwise, or remove the link with: ip -n %s link delete %s", l.Type, e.Name, l.Name)
		}
	}
	return nil
}

func (h *Host) checkSysctls(v *validation, changes []resource.Change) {
	var keys []string
	for _, c := range changes {
		keys = append(keys, unproven(c)...)
	}
	if len(keys) == 0 {
		return
	}
	slices.Sort(keys)
	known, err := h.door.NewSysctls(slices.Compact(keys))
	if err != nil {
		v.self = resource.Addr{}
		v.report("", "the sysctls of a new network namespace cannot be read", "%s", err)
		return
	}
	for _, c := range changes {
		v.self = c.Addr
		for _, key := range unproven(c) {
			if _, ok := known[key]; !ok {
				v.report(sysctlPath(key), fmt.Sprintf("this kernel has no sysctl %s in a network namespace", key),
					"look for a mistake in its name, and whether the module that brings it is loaded")
			}
		}
	}
}

// unproven are the wanted sysctls that the namespace did not have when it was
// read; those of one interface are not among them, it may not be there yet.
func unproven(c resource.Change) []string {
	s, ok := c.Want.(*Spec)
	if !ok {
		return nil
	}
	live, _ := c.Live.(*Spec)
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(s.Sysctls)) {
		if live != nil && live.Sysctls[key] != "" || key == unprivilegedPortStart || s.ofInterface(key) {
			continue
		}
		keys = append(keys, key)
	}
	return keys
}

// ofInterface says whether a sysctl belongs to one of the interfaces, as
// net.ipv4.conf.eth0.rp_filter does.
func (s *Spec) ofInterface(key string) bool {
	parts := strings.Split(key, ".")
	if len(parts) < 5 || parts[2] != "conf" && parts[2] != "neigh" {
		return false
	}
	_, ok := s.Interface[parts[3]]
	return ok
}

// isEnd says whether a link is the outside end with this mark.
func isEnd(l host.Link, mark string) bool { return l.Type == "veth" && l.Carries(mark) }

// paired says whether two links are the ends of one veth pair.
func paired(outside, inside host.Link) bool {
	return outside.Type == "veth" && inside.Type == "veth" && outside.Peer == inside.Index && inside.Peer == outside.Index
}

package netns

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"hostctl/host"
	"hostctl/resource"
)

// What is not wanted any more is taken away where hostctl set it, which last
// remembers, and where it stands in the way of what is wanted, which the plan
// took from live. Whatever else there is, is the host's own.

func (w *work) last() *Spec { return specOf(w.change.Last) }

func (w *work) live() *Spec { return specOf(w.change.Live) }

// specOf returns an empty spec for none.
func specOf(s resource.Spec) *Spec {
	if s, ok := s.(*Spec); ok {
		return s
	}
	return &Spec{}
}

func (w *work) deleteRoutes() error {
	wanted := w.wantedRoutes()
	old := slices.Collect(maps.Values(w.last().hostRoutes(nil)))
	for label, r := range w.live().hostRoutes(nil) {
		if _, ok := wanted[label]; ok {
			old = append(old, r)
		}
	}
	for _, r := range old {
		kept := func(want host.Route) bool { return want.Destination == r.Destination && want.Via == r.Via }
		if slices.ContainsFunc(slices.Collect(maps.Values(wanted)), kept) {
			continue
		}
		if err := w.door.DeleteRoute(w.ns, r); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) deleteAddresses() error {
	for _, s := range []*Spec{w.last(), w.live()} {
		for label, l := range w.inside {
			for _, p := range s.Interface[label].Addresses {
				// An IPv6 address stands once only, with whatever length: adding it again took the old one's place.
				if slices.ContainsFunc(w.want.Interface[label].Addresses, func(q netip.Prefix) bool { return q == p || p.Addr().Is6() && q.Addr() == p.Addr() }) {
					continue
				}
				if err := w.door.DeleteAddress(w.ns, l, p); err != nil {
					return fmt.Errorf("interface %s: %w", label, err)
				}
			}
		}
	}
	return nil
}

func (w *work) deleteInterfaces() error {
	for label := range w.last().Interface {
		if _, ok := w.want.Interface[label]; ok {
			continue
		}
		if err := deleteEnd(w.door, w.change, label); err != nil {
			return err
		}
	}
	return nil
}

// deleteEnd deletes the outside end of an interface, and with it the interface,
// by its proper name and by the one that it was found under.
func deleteEnd(door Door, c resource.Change, label string) error {
	mark := interfaceMark(c.Owner, c.Addr, label)
	names := []string{linkName(c.Owner, c.Addr, label)}
	if found := specOf(c.Live).Interface[label].Link; found != "" && found != names[0] {
		names = append(names, found)
	}
	for _, name := range names {
		l, ok, err := door.Link(outdoors, name)
		if err == nil && ok && isEnd(l, mark) {
			err = door.DeleteLink(outdoors, l.Index)
		}
		if err != nil {
			return fmt.Errorf("interface %s: %w", label, err)
		}
	}
	return nil
}

// delete ends the interfaces first: the kernel keeps a namespace as long as a process is in it.
func (h *Host) delete(c resource.Change) error {
	labels := slices.Concat(slices.Collect(maps.Keys(specOf(c.Last).Interface)), slices.Collect(maps.Keys(specOf(c.Live).Interface)))
	slices.Sort(labels)
	for _, label := range slices.Compact(labels) {
		if err := deleteEnd(h.door, c, label); err != nil {
			return err
		}
	}
	return h.door.DeleteNamespace(c.Addr.HostName(), Mark(c.Owner, c.Addr))
}

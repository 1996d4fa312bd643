package netns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"hostctl/host"
	"hostctl/resource"
)

// A namespace and the outside ends of its interfaces carry the address in their
// marks and names. Taking another, all are renamed in place: the ends first, the
// namespace's own mark after them. Cut off between, the ends are known by what they are plugged into.

func moves(c resource.Change) bool { return c.From != (resource.Addr{}) }

// take makes the namespace that a change moves or imports the resource's.
func (h *Host) take(c resource.Change) error {
	mark := Mark(c.Owner, c.Addr)
	switch {
	case c.Import != "":
		e, ok, err := h.door.Namespace(c.Import)
		switch {
		case err != nil || !ok || e.Mark == mark:
			return err
		case foreign(e.Mark):
			return fmt.Errorf("network namespace %s belongs to %s", e.Name, e.Holder())
		}
		return h.door.MoveNamespace(e.Name, e.Mark, c.Addr.HostName(), mark)
	case moves(c):
		e, ok, err := h.door.Namespace(c.From.HostName())
		if err != nil {
			return err
		}
		old := Mark(c.Owner, c.From)
		if err := h.eachEnd(c.Owner, c.From, func(l host.Link, label string) error {
			if name := linkName(c.Owner, c.Addr, label); l.Name != name {
				if err := h.door.SetName(outdoors, l.Index, name); err != nil {
					return err
				}
			}
			return h.door.SetAlias(outdoors, l.Index, interfaceMark(c.Owner, c.Addr, label))
		}); err != nil {
			return err
		}
		if !ok || e.Mark != old && e.Mark != mark {
			return nil // it is gone; what stands there is another's
		}
		err = h.door.MoveNamespace(e.Name, old, c.Addr.HostName(), mark)
		if errors.Is(err, fs.ErrNotExist) {
			return h.door.DeleteNamespace(e.Name, old) // only its file was left
		}
		return err
	}
	return nil
}

// adopt marks the former owner's namespace and the outside ends of its interfaces as the new one's. The namespace's own
// mark goes last: until then the ends are found by what they lead into.
func (h *Host) adopt(c resource.Change) error {
	// Those that are marked already an adoption that was cut off had, which may have left the old name, or have taken them down to rename them.
	if err := h.eachEnd(c.Owner, c.Addr, func(l host.Link, label string) error {
		l.Up = true
		return h.hand(c, l, label)
	}); err != nil {
		return err
	}
	if err := h.eachEnd(c.Former, c.Addr, func(l host.Link, label string) error { return h.hand(c, l, label) }); err != nil {
		return err
	}
	mark := Mark(c.Owner, c.Addr)
	e, ok, err := h.door.Namespace(c.Addr.HostName())
	switch {
	case err != nil || !ok || e.Mark != Mark(c.Former, c.Addr):
		return err // it is gone, or adopted already, or another's
	case !e.Mounted:
		return h.door.DeleteNamespace(e.Name, e.Mark) // the file alone, which nobody can use
	}
	return h.door.MoveNamespace(e.Name, e.Mark, e.Name, mark)
}

// hand gives an outside end the mark and the name that it has under the change's owner. One that is up stays so.
func (h *Host) hand(c resource.Change, l host.Link, label string) error {
	if err := h.door.SetAlias(outdoors, l.Index, interfaceMark(c.Owner, c.Addr, label)); err != nil {
		return err
	}
	if name := linkName(c.Owner, c.Addr, label); l.Name != name {
		if err := h.door.SetName(outdoors, l.Index, name); err != nil {
			return err
		}
	}
	if !l.Up {
		return nil
	}
	return h.door.SetUp(outdoors, l.Index, true)
}

// release takes the marks off. The namespace's own goes last: until then it is ours to release.
func (h *Host) release(c resource.Change) error {
	err := h.eachEnd(c.Owner, c.Addr, func(l host.Link, _ string) error {
		return h.door.SetAlias(outdoors, l.Index, host.Released)
	})
	if err != nil {
		return err
	}
	mark := Mark(c.Owner, c.Addr)
	e, ok, err := h.door.Namespace(c.Addr.HostName())
	switch {
	case err != nil || !ok || e.Mark != mark:
		return err
	case !e.Mounted:
		return h.door.DeleteNamespace(e.Name, mark) // the file alone, which nobody can use
	}
	return h.door.MoveNamespace(e.Name, mark, e.Name, host.Released)
}

// eachEnd calls do with each outside end that carries a mark of the namespace.
func (h *Host) eachEnd(owner string, addr resource.Addr, do func(l host.Link, label string) error) error {
	links, err := h.door.Links(outdoors)
	if err != nil {
		return err
	}
	for _, l := range links {
		label, ok := strings.CutPrefix(l.Alias, interfaceMark(owner, addr, ""))
		if l.Type != "veth" || !ok {
			continue
		}
		if err := do(l, label); err != nil {
			return fmt.Errorf("interface %s: %w", label, err)
		}
	}
	return nil
}

// settle gives ends that carry the mark of a namespace that is not there to
// the one of the owner's that they lead into: a move was cut off that had renamed them already.
func (e ends) settle(owner string, entries []host.Surveyed) {
	there := map[resource.Addr]bool{}
	for _, entry := range entries {
		addr, _ := identify(owner, entry.Mark)
		there[addr] = true
	}
	for _, entry := range entries {
		addr, _ := identify(owner, entry.Mark)
		if entry.Inside == nil {
			continue
		}
		for other, links := range e.ends {
			for label, l := range links {
				leads := slices.ContainsFunc(entry.Inside.Links, func(in host.Link) bool { return paired(l, in) && in.Name == label })
				if there[other] || !leads {
					continue
				}
				if e.ends[addr] == nil {
					e.ends[addr] = map[string]host.Link{}
				}
				e.ends[addr][label] = l
				if delete(links, label); len(links) == 0 {
					delete(e.ends, other)
				}
			}
		}
	}
}

// foreign says whether a mark is one of hostctl's; those that a namespace is imported with are not.
func foreign(mark string) bool {
	_, _, ok := host.ParseMark(mark)
	return ok
}

// Find implements [resource.Importer]; the id is the namespace's name.
func (h *Host) Find(_ context.Context, owner string, addr resource.Addr, id string) (resource.Spec, bool, []resource.Problem) {
	refuse := func(summary, detail string) (resource.Spec, bool, []resource.Problem) {
		return nil, false, []resource.Problem{{Addr: addr, Summary: summary, Detail: detail}}
	}
	if id != addr.HostName() {
		return refuse(fmt.Sprintf("network namespace %q cannot become %s", id, addr),
			fmt.Sprintf("a namespace has the name of its block, which is %s, and hostctl renames none that others made: call the block so", addr.HostName()))
	}
	e, ok, err := h.door.Namespace(id)
	switch {
	case err != nil:
		return refuse("the namespace cannot be read", err.Error())
	case !ok || !e.Mounted:
		return refuse(fmt.Sprintf("there is no network namespace %s on this host", id), "take the import block out, and hostctl makes one; `ip netns` lists those that are there")
	case foreign(e.Mark) && e.Mark != Mark(owner, addr):
		return refuse(fmt.Sprintf("network namespace %s cannot be imported: it belongs to %s", id, e.Holder()), "take the import block out, and choose another name")
	}
	owned, err := h.door.HostOwns(e.Namespace)
	if err == nil && !owned {
		err = errors.New("it belongs to a user namespace, whose root could change it under everyone's feet; make one with `ip netns add`")
	}
	if err != nil {
		return refuse(fmt.Sprintf("network namespace %s cannot be imported", id), err.Error())
	}
	links, err := h.door.Links(e.Namespace)
	routes, err2 := h.door.Routes(e.Namespace)
	sysctls, err3 := h.door.Sysctls(e.Namespace, []string{unprivilegedPortStart})
	changed, err4 := h.door.ChangedSysctls(e.Namespace)
	if err := errors.Join(err, err2, err3, err4); err != nil {
		return refuse("the namespace cannot be read", err.Error())
	}
	maps.Copy(sysctls, changed)
	seen := sight{inside: &host.Stack{Links: links, Routes: routes, Sysctls: sysctls}}
	return seen.spec(&Spec{}), e.Mark == Mark(owner, addr), nil
}

// Untold implements [resource.Untold]: an interface is what hostctl made of a veth pair and a network's bridge, and a route leads over one.
func (h *Host) Untold(_ context.Context, id string) ([]string, error) {
	e, _, err := h.door.Namespace(id)
	if err != nil {
		return nil, err
	}
	links, err := h.door.Links(e.Namespace)
	routes, err2 := h.door.Routes(e.Namespace)
	overrides, err3 := h.door.Overrides(e.Namespace)
	if err := errors.Join(err, err2, err3); err != nil {
		return nil, err
	}
	var lines []string
	names := map[int]string{}
	for _, l := range links {
		names[l.Index] = l.Name
		if l.Index == 1 {
			continue
		}
		text := fmt.Sprintf("link %s, a %s", l.Name, l.Type)
		for _, p := range l.Addresses {
			if !p.Addr().IsLinkLocalUnicast() {
				text += ", " + p.String()
			}
		}
		lines = append(lines, text+": nobody's of hostctl's, and left as it is; an interface block of that name is in its way")
	}
	for _, r := range routes {
		if r.Via.IsValid() {
			lines = append(lines, fmt.Sprintf("route to %s via %s by link %s: left as it is", r.Destination, r.Via, names[r.Link]))
		}
	}
	for _, o := range overrides {
		if o.Missing {
			lines = append(lines, o.Text+": is gone, and put back by the next apply after the import")
		} else {
			lines = append(lines, o.Text+": taken away by the next apply after the import")
		}
	}
	return lines, nil
}

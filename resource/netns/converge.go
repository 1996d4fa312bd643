package netns

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hostctl/host"
	"hostctl/resource"
)

// Apply implements [resource.Host]. It looks at the namespace again and does
// what is missing, so that it also ends what an interrupted call began.
func (h *Host) Apply(ctx context.Context, c resource.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	switch c.Action {
	case resource.Delete:
		return h.delete(c)
	case resource.Forget:
		return h.release(c)
	case resource.Adopt:
		return h.adopt(c)
	}
	if err := h.take(c); err != nil {
		return err
	}
	e, _, err := h.door.Namespace(c.Addr.HostName())
	if err != nil {
		return err
	}
	if e.Mounted && e.Mark != Mark(c.Owner, c.Addr) {
		return fmt.Errorf("network namespace %s is there already and belongs to %s", e.Name, e.Holder())
	}
	ns := e.Namespace
	if !e.Mounted {
		if ns, err = h.door.AddNamespace(e.Name, Mark(c.Owner, c.Addr)); err != nil {
			return err
		}
	}
	w := &work{door: h.door, change: c, want: c.Want.(*Spec), ns: ns}
	for _, step := range []func() error{
		w.endOverrides,     // before a route is set: the kernel looks its gateway up by the rules
		w.setSharedSysctls, // before interfaces: conf.default reaches only those that come later
		w.makeInterfaces,
		w.setInterfaceSysctls, // before addresses: disable_ipv6 and the like
		w.addAddresses,
		w.setRoutes,
		w.deleteRoutes,
		w.deleteAddresses,
		w.deleteInterfaces,
		w.setRoutes, // again: the kernel drops routes with the address that reached their gateway
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// work is one namespace on its way to what is wanted.
type work struct {
	door   Door
	change resource.Change
	want   *Spec
	ns     host.Namespace
	inside map[string]host.Link // our interfaces, by name
	all    []host.Link          // the host's links, once they were needed
}

// endOverrides ends those that the plan showed.
func (w *work) endOverrides() error {
	for _, o := range w.live().overrides() {
		if err := w.door.EndOverride(w.ns, o); err != nil {
			return err
		}
	}
	return nil
}

// dropped are the sysctls that hostctl set and that are not wanted any more.
func (w *work) dropped(ofInterface bool) []string {
	var keys []string
	for key := range w.last().Sysctls {
		if _, wanted := w.want.Sysctls[key]; !wanted && w.want.ofInterface(key) == ofInterface {
			keys = append(keys, key)
		}
	}
	return keys
}

func (w *work) wantedSysctls(ofInterface bool) map[string]string {
	values := map[string]string{}
	for key, value := range w.want.Sysctls {
		if w.want.ofInterface(key) == ofInterface {
			values[key] = value
		}
	}
	return values
}

// setSharedSysctls sets those that are not of one interface; what is dropped
// gets the value that it has in a new namespace.
func (w *work) setSharedSysctls() error {
	values := w.wantedSysctls(false)
	if gone := w.dropped(false); len(gone) > 0 {
		initial, err := w.door.NewSysctls(gone)
		if err != nil {
			return err
		}
		maps.Copy(values, initial)
	}
	return w.setSysctls(values)
}

// setInterfaceSysctls sets those of single interfaces; what is dropped gets the
// value that a new interface of the namespace has.
func (w *work) setInterfaceSysctls() error {
	values := w.wantedSysctls(true)
	for _, key := range w.dropped(true) {
		parts := strings.Split(key, ".")
		parts[3] = "default"
		initial := strings.Join(parts, ".")
		have, err := w.door.Sysctls(w.ns, []string{initial})
		if err != nil {
			return err
		}
		if value, ok := have[initial]; ok {
			values[key] = value
		}
	}
	return w.setSysctls(values)
}

func (w *work) setSysctls(values map[string]string) error {
	keys := slices.Sorted(maps.Keys(values))
	if len(keys) == 0 {
		return nil
	}
	have, err := w.door.Sysctls(w.ns, keys)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if !sameValue(have[key], values[key]) {
			if err := w.door.SetSysctl(w.ns, key, values[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeInterfaces leaves every interface with its names, plugged in and without further settings.
func (w *work) makeInterfaces() error {
	links, err := w.door.Links(w.ns)
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.Index == 1 && !l.Up {
			if err := w.door.SetUp(w.ns, l.Index, true); err != nil {
				return err
			}
		}
	}
	w.inside = map[string]host.Link{}
	for _, label := range slices.Sorted(maps.Keys(w.want.Interface)) {
		outside, err := w.pair(label, links)
		if err != nil {
			return fmt.Errorf("interface %s: %w", label, err)
		}
		if err := w.setMTU(outside, w.inside[label]); err != nil {
			return fmt.Errorf("interface %s: %w", label, err)
		}
		if err := w.plug(outside, label); err != nil {
			return fmt.Errorf("interface %s: %w", label, err)
		}
	}
	return nil
}

// pair returns the outside end of an interface's veth pair, made if need be,
// and puts the inside end into w.inside.
func (w *work) pair(label string, links []host.Link) (host.Link, error) {
	mark := interfaceMark(w.change.Owner, w.change.Addr, label)
	outside, found, err := w.outside(label, mark)
	if err != nil {
		return host.Link{}, err
	}
	at := slices.IndexFunc(links, func(l host.Link) bool { return found && paired(outside, l) })
	if found && at < 0 {
		// The inside end is in another namespace, perhaps in the one that ours replaces.
		if err := w.door.DeleteLink(outdoors, outside.Index); err != nil {
			return host.Link{}, err
		}
	}
	if i := slices.IndexFunc(links, func(l host.Link) bool { return l.Name == label }); i >= 0 && i != at {
		return host.Link{}, fmt.Errorf("the namespace has a link of that name already, a %s that is not hostctl's", links[i].Type)
	}
	if at < 0 {
		name := w.want.Interface[label].Link
		outside, err = w.door.AddVeth(host.Link{Name: name, MAC: host.LinkMAC(mark)}, w.ns, host.Link{Name: label, MAC: host.LinkMAC(mark + " inside")})
		if err != nil {
			return host.Link{}, err
		}
		w.inside[label] = host.Link{Index: outside.Peer, Name: label, MTU: outside.MTU}
		return outside, nil
	}
	inside := links[at]
	if inside.Name != label {
		if err := w.door.SetName(w.ns, inside.Index, label); err != nil {
			return host.Link{}, err
		}
		inside.Name, inside.Up = label, false
	}
	w.inside[label] = inside
	return outside, nil
}

// setMTU gives both ends what they were made with.
func (w *work) setMTU(outside, inside host.Link) error {
	if outside.MTU != host.MTU {
		if err := w.door.SetMTU(outdoors, outside.Index, host.MTU); err != nil {
			return err
		}
	}
	if inside.MTU != host.MTU {
		return w.door.SetMTU(w.ns, inside.Index, host.MTU)
	}
	return nil
}

// outside finds an interface's outside end, and gives it its name back if it lost it.
func (w *work) outside(label, mark string) (host.Link, bool, error) {
	name := w.want.Interface[label].Link
	l, ok, err := w.door.Link(outdoors, name)
	if err != nil || ok && isEnd(l, mark) {
		return l, ok, err
	}
	if ok {
		return l, false, fmt.Errorf("link %s is there already and belongs to %s", name, l.Holder())
	}
	if w.change.Action == resource.Create {
		return l, false, nil // what has lost its name is seen as live, and this has not been
	}
	if w.all == nil {
		if w.all, err = w.door.Links(outdoors); err != nil {
			return l, false, err
		}
	}
	for _, l := range w.all {
		if l.Type == "veth" && l.Alias == mark {
			err := w.door.SetName(outdoors, l.Index, name)
			l.Name, l.Up = name, false
			return l, true, err
		}
	}
	return l, false, nil
}

// plug makes the outside end a port of its network's bridge, and marks it.
func (w *work) plug(outside host.Link, label string) error {
	if mark := interfaceMark(w.change.Owner, w.change.Addr, label); outside.Alias != mark {
		if err := w.door.SetAlias(outdoors, outside.Index, mark); err != nil {
			return err
		}
	}
	network := w.want.Interface[label].Network
	mark := host.Mark(w.change.Owner, network.String())
	name := host.LinkName(network.HostName(), mark)
	bridge, ok, err := w.door.Link(outdoors, name)
	switch {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("%s: there is no bridge %s", network, name)
	case bridge.Type != "bridge" || !bridge.Carries(mark):
		return fmt.Errorf("%s: link %s is a %s of %s", network, name, bridge.Type, bridge.Holder())
	}
	if outside.Master != bridge.Index {
		if err := w.door.SetMaster(outside.Index, bridge.Index); err != nil {
			return err
		}
	}
	if !outside.Up {
		return w.door.SetUp(outdoors, outside.Index, true)
	}
	return nil
}

func (w *work) addAddresses() error {
	for _, label := range slices.Sorted(maps.Keys(w.inside)) {
		l := w.inside[label]
		if !l.Up {
			if err := w.door.SetUp(w.ns, l.Index, true); err != nil {
				return fmt.Errorf("interface %s: %w", label, err)
			}
		}
		for _, p := range w.want.Interface[label].Addresses {
			if slices.Contains(l.Addresses, p) {
				continue
			}
			if err := w.door.AddAddress(w.ns, l.Index, p); err != nil {
				return fmt.Errorf("interface %s: %w", label, err)
			}
		}
	}
	return nil
}

func (w *work) setRoutes() error {
	if len(w.want.Route) == 0 {
		return nil
	}
	have, err := w.door.Routes(w.ns)
	if err != nil {
		return err
	}
	for label, r := range w.wantedRoutes() {
		if slices.ContainsFunc(have, func(h host.Route) bool { return sameRoute(h, r) }) {
			continue
		}
		if err := w.door.SetRoute(w.ns, r); err != nil {
			return fmt.Errorf("route %s: %w", label, err)
		}
	}
	return nil
}

func (w *work) wantedRoutes() map[string]host.Route {
	index := map[string]int{}
	for label, l := range w.inside {
		index[label] = l.Index
	}
	return w.want.hostRoutes(index)
}

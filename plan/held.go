package plan

import (
	"fmt"
	"maps"
	"slices"

	"hostctl/resource"
)

// hold returns what is wanted with each held resource as it is: there as it lives, or not there.
func hold(want, live resource.State, held []resource.Addr) resource.State {
	if len(held) == 0 {
		return want
	}
	kept := maps.Clone(want)
	if kept == nil {
		kept = resource.State{}
	}
	for _, addr := range held {
		delete(kept, addr)
		if live[addr] != nil {
			kept[addr] = live[addr]
		}
	}
	return kept
}

// releaseFirst is the remedy for what a hold is in the way of.
const releaseFirst = "run hostctl release %s first, or wait until the hold ends"

// refuseHeld reports what cannot be done without touching something that is held: others that it needs go or are made anew,
// it is asked for by name, or it is to take another address.
func (m *maker) refuseHeld() (problems []resource.Problem) {
	refuse := func(at, held resource.Addr, format string, args ...any) {
		problems = append(problems, resource.Problem{Addr: at, Summary: fmt.Sprintf(format, args...), Detail: fmt.Sprintf(releaseFirst, held)})
	}
	for _, addr := range m.opt.Held {
		if it := m.items[addr]; it != nil {
			refuse(addr, addr, "%s is held, and would have to be touched", addr)
			continue
		}
		for _, to := range oldRefs(m.live[addr], m.last[addr]) {
			if it := m.items[to]; it != nil && (it.action == resource.Delete || it.action == Replace) {
				refuse(to, addr, "%s is held, and needs what would be removed or made anew", addr)
			}
		}
	}
	for _, move := range m.moves {
		if slices.Contains(m.opt.Held, move.From) {
			refuse(move.To, move.From, "%s is held, and would take another address", move.From)
		}
	}
	return problems
}

// unheld are the addresses that are not held.
func (m *maker) unheld(addrs []resource.Addr) []resource.Addr {
	return slices.DeleteFunc(addrs, func(a resource.Addr) bool { return slices.Contains(m.opt.Held, a) })
}

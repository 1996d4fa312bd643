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

// refuseHeld reports what cannot be done without touching something that is held or spared, at the resource that is the cause: others that
// it needs go or are made anew, it is asked for by name, or it is to take another address.
func (m *maker) refuseHeld() (problems []resource.Problem) {
	refuse := func(at, left resource.Addr, so string) {
		how, detail := "is held", fmt.Sprintf("run hostctl release %s first, or wait until the hold ends", left)
		if slices.Contains(m.opt.Spared, left) {
			how, detail = "is left as it is", "what stands in its way comes first"
		}
		problems = append(problems, resource.Problem{Addr: at, Summary: fmt.Sprintf("%s %s, and %s", left, how, so), Detail: detail})
	}
	left := slices.Concat(m.opt.Held, m.opt.Spared)
	for _, addr := range left {
		if it := m.items[addr]; it != nil {
			at := addr
			if it.because != (resource.Addr{}) {
				at = it.because
			}
			refuse(at, addr, "would have to be touched")
			continue
		}
		for _, to := range oldRefs(m.live[addr], m.last[addr]) {
			if it := m.items[to]; it != nil && (it.action == resource.Delete || it.action == Replace) {
				refuse(to, addr, "needs what would be removed or made anew")
			}
		}
	}
	for _, move := range m.moves {
		if slices.Contains(left, move.From) {
			refuse(move.To, move.From, "would take another address")
		}
	}
	return problems
}

// unlessLeft are the addresses that are neither held nor otherwise to stay as they are.
func (m *maker) unlessLeft(addrs []resource.Addr) []resource.Addr {
	return slices.DeleteFunc(addrs, func(a resource.Addr) bool {
		return slices.Contains(m.opt.Held, a) || slices.Contains(m.opt.Spared, a) || m.left(a)
	})
}

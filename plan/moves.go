package plan

import (
	"fmt"
	"slices"

	"hostctl/resource"
)

// Move is a resource that was applied under another address.
type Move struct {
	From resource.Addr `json:"from"`
	To   resource.Addr `json:"to"`
}

// Moves returns what the moved blocks come to here, sorted by the new address:
// the resources that are wanted under an address, and that the host or the
// ledger has under one that leads to it. A block whose work is done comes to
// nothing. The problems are two resources that would become one.
//
// A move is done when the ledger says so: one that was cut off is here again,
// also when the host has the new address already, or something under both. That is
// so for kinds that go on under another address; of any other the old one ends before the new one begins.
func Moves(want, last, live resource.State, d resource.Directives, kinds resource.Kinds) ([]Move, []resource.Problem) {
	if len(d.Moved) == 0 {
		return nil, nil
	}
	to := map[resource.Addr]resource.Addr{}
	known := make(resource.State, len(last)+len(live))
	for _, s := range []resource.State{last, live} {
		for addr, spec := range s {
			known[addr] = spec
		}
	}
	var problems []resource.Problem
	for _, addr := range known.Addrs() {
		dest := follow(addr, d.Moved)
		switch {
		case dest == addr || dest.Kind != addr.Kind:
		case want[dest] != nil:
			to[addr] = dest
		case want[addr] == nil && live[addr] != nil:
			if p, ok := misses(want, addr, dest); ok {
				problems = append(problems, p)
			}
		}
	}
	var moves []Move
	taken := map[resource.Addr]resource.Addr{}
	for _, from := range known.Addrs() {
		dest, ok := to[from]
		if !ok {
			continue
		}
		_, leaves := to[dest]
		kind, _ := kinds.Lookup(dest.Kind)
		cutOff := kind.Renames && last[from] != nil && last[dest] == nil
		switch other, twice := taken[dest]; {
		case want[from] != nil && live[dest] != nil:
			continue // both are wanted, and each is there
		case live[from] == nil && last[dest] != nil && !leaves:
			continue // the ledger has the new one: what it has of the old one is to be dropped
		case live[from] != nil && live[dest] != nil && !leaves && !cutOff:
			problems = append(problems, resource.Problem{Addr: dest,
				Summary: fmt.Sprintf("%s cannot become %s: this host has both", from, dest),
				Detail:  fmt.Sprintf("take the moved block out, so that %s is removed; or move %s somewhere else first", from, dest)})
			continue
		case twice && live[from] == nil:
			continue
		case twice && live[other] != nil:
			problems = append(problems, resource.Problem{Addr: dest,
				Summary: fmt.Sprintf("%s and %s cannot both become %s", other, from, dest), Detail: "lead one of the moved blocks elsewhere"})
			continue
		case twice:
			moves = slices.DeleteFunc(moves, func(m Move) bool { return m.To == dest })
		}
		taken[dest] = from
		moves = append(moves, Move{From: from, To: dest})
	}
	slices.SortFunc(moves, func(a, b Move) int { return a.To.Compare(b.To) })
	return moves, problems
}

// misses is the problem of a move that leads to a block without a key where its resources have one, or with one where
// it has none: taken as it stands it would remove what was meant to go on.
func misses(want resource.State, from, dest resource.Addr) (resource.Problem, bool) {
	for _, addr := range want.Addrs() {
		if addr.Module != dest.Module || addr.Kind != dest.Kind || addr.Name != dest.Name || (addr.Key == "") == (dest.Key == "") {
			continue
		}
		return resource.Problem{Addr: addr, Summary: fmt.Sprintf("%s cannot become %s, which is not declared", from, dest),
			Detail: fmt.Sprintf("the block makes %s: say which resource is meant, such as to = %s", addr, addr)}, true
	}
	return resource.Problem{}, false
}

// follow leads an address through the moved blocks, which are in the order of their chains.
func follow(addr resource.Addr, moved []resource.Move) resource.Addr {
	for _, m := range moved {
		addr, _ = m.Apply(addr)
	}
	return addr
}

// released reports whether a removed block names the address, or one that it was led to.
func released(addr resource.Addr, d resource.Directives) bool {
	covers := func(a resource.Addr) bool {
		return slices.ContainsFunc(d.Removed, func(t resource.Target) bool { return t.Covers(a) })
	}
	if covers(addr) {
		return true
	}
	for _, m := range d.Moved {
		var ok bool
		if addr, ok = m.Apply(addr); ok && covers(addr) {
			return true
		}
	}
	return false
}

// rekey returns a state with each moved resource under its new address. Where
// there is something under both, newer says that what is under the new one counts.
func rekey(s resource.State, moves []Move, newer bool) resource.State {
	if len(moves) == 0 {
		return s
	}
	out := make(resource.State, len(s))
	for addr, spec := range s {
		out[addr] = spec
	}
	for _, m := range moves {
		delete(out, m.From)
	}
	for _, m := range moves {
		switch {
		case s[m.From] == nil:
		case out[m.To] != nil && newer: // of what has left that address itself there is nothing any more
		default:
			out[m.To] = s[m.From]
		}
	}
	return out
}

// readdress leads a reference to where what it means is now: the address that
// the resource takes in this plan, or that it took before, when who refers to it was left as it was.
func (m *maker) readdress(a resource.Addr) resource.Addr {
	for _, move := range m.moves {
		if move.From == a {
			return move.To
		}
	}
	if len(m.opt.Directives.Moved) == 0 || m.live[a] != nil {
		return a
	}
	if to := follow(a, m.opt.Directives.Moved); m.want[to] != nil {
		return to
	}
	return a
}

// now is a live or last spec with its references readdressed.
func (m *maker) now(s resource.Spec) resource.Spec {
	if s == nil || len(m.opt.Directives.Moved) == 0 {
		return s
	}
	return resource.Readdress(s, m.readdress)
}

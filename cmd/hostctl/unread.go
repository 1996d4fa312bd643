package main

import (
	"fmt"
	"os"

	"hostctl/apply"
	"hostctl/plan"
	"hostctl/resource"
)

// unreadOf is what of the wanted resources this user may not read; nil for root.
func unreadOf(m *apply.Machine, seen *apply.Observation, want resource.State) *plan.Unread {
	if !m.Ordinary {
		return nil
	}
	u := &plan.Unread{UID: os.Geteuid(), Ledger: seen.LedgerUnread, Resources: []plan.UnreadResource{}}
	for _, addr := range want.Addrs() {
		if paths := seen.Parts[addr]; seen.Unread[addr.Kind] || len(paths) > 0 {
			u.Resources = append(u.Resources, plan.UnreadResource{Addr: addr, Paths: paths})
		}
	}
	return u
}

// unreadable is what stands for a status that this user may not know.
func unreadable() string { return fmt.Sprintf("not readable by uid %d", os.Geteuid()) }

// unreadAddrs are the resources of which this user may read nothing: those that are declared, and what is to be seen besides,
// by its name on the host.
func unreadAddrs(seen *apply.Observation, declared resource.State) []resource.Addr {
	var addrs []resource.Addr
	named := map[resource.Addr]bool{}
	for addr := range declared {
		if seen.Unread[addr.Kind] {
			addrs = append(addrs, addr)
			named[resource.Addr{Kind: addr.Kind, Name: addr.HostName()}] = true
		}
	}
	for kind, sights := range seen.Sights {
		for _, s := range sights {
			if addr := (resource.Addr{Kind: kind, Name: s.Name}); !named[addr] {
				addrs = append(addrs, addr)
			}
		}
	}
	return addrs
}

// glimpsed is how a resource that may not be read looks to everybody, in a few words; where nothing is to be seen, that.
func glimpsed(seen *apply.Observation, addr resource.Addr) string {
	for _, s := range seen.Sights[addr.Kind] {
		if s.Name == addr.HostName() {
			return s.Status
		}
	}
	return unreadable()
}

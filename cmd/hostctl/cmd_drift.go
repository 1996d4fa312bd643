package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hostctl/apply"
	"hostctl/hcl"
	"hostctl/plan"
	"hostctl/resource"
)

var driftCommand = command{
	name:    "drift",
	summary: "Show what was changed on this host outside hostctl since it was last applied",
	details: "Every configuration of this host is compared with what was last applied of it: no configuration is read, and nothing is changed. Of a program that runs, what the kernel says of its namespaces, ids, capabilities, filters and mounts is compared with what they were when it was started; of a network namespace the rules and the routes that go before those that are declared are named too. The next apply puts right what is named, but for what is marked with an exclamation mark, which others put there and may take away: unit files and drop-ins, addresses, routes by a gateway, groups of an account that declares none, a program that is frozen. What was stopped or held on purpose is as it should be.\n\nWhere the ledger is missing, damaged or may be written by others than root there is nothing to compare with, which is an error for all of them; where another release wrote what this one does not know of a configuration, for that one.\n\nThe exit status is 2 where there is drift, 0 where there is none, 1 where it is not known.",
	example: "hostctl drift\nhostctl drift -name shop -json\nhostctl drift -ignore container.web.limits.memory -ignore volume.cache",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		asJSON := fs.Bool("json", false, "print one JSON document instead of text")
		name := fs.String("name", "", "look at `CONFIGURATION` alone (hostctl ls lists them)")
		var ignore listFlag
		fs.Var(&ignore, "ignore", "say nothing of `ADDRESS`, or of ADDRESS.ATTRIBUTE, and of what is in it; may be given again")
		return func(c *cli, args []string) error {
			if err := noOperands(args); err != nil {
				return err
			}
			c.json = *asJSON
			return c.finish(func() (map[string]any, error) {
				found, err := drifts(c, *name, ignore)
				if found == nil {
					return nil, err
				}
				if !c.json {
					c.printDrift(found)
				}
				if err == nil && slices.ContainsFunc(found, drift.any) {
					err = exitStatus(exitChanges)
				}
				return map[string]any{"configurations": found}, err
			})
		}
	},
}

// drift is what was changed of one configuration.
type drift struct {
	Name      string             `json:"name"`
	Resources []plan.Drifted     `json:"resources"`
	Foreign   []resource.Problem `json:"foreign"`
}

func (d drift) any() bool { return len(d.Resources)+len(d.Foreign) > 0 }

// drifts compares each configuration, or that one, with what was last applied. One of which the ledger cannot be understood is an error
// beside the others.
func drifts(c *cli, name string, ignore []string) ([]drift, error) {
	m, err := openMachine(c.ctx)
	if err != nil {
		return nil, err
	}
	ledger, there, err := apply.ReadLedger(m.LedgerPath, m.ID, m.Kinds)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fmt.Errorf("there is no ledger (%s): nothing was applied on this host yet, or it was lost, and hostctl plan finds by the marks on the host what a configuration has here", m.LedgerPath)
	}
	owners := slices.Sorted(maps.Keys(ledger.Owners))
	if name != "" && !slices.Contains(owners, name) {
		return nil, fmt.Errorf("-name: configuration %q has nothing on this host%s", name, hcl.DidYouMean(name, owners))
	}
	found := []drift{}
	var known []string
	var unread error
	for _, owner := range owners {
		if name != "" && owner != name {
			continue
		}
		if err := ledger.Unread(owner); err != nil {
			unread = errors.Join(unread, err)
			continue
		}
		seen, err := m.Observe(c.ctx, owner)
		if err != nil {
			return nil, err
		}
		for _, state := range []resource.State{seen.Last, seen.Live} {
			for addr := range state {
				known = append(known, addr.String())
			}
		}
		found = append(found, changedOutside(m, seen).without(ignore))
	}
	slices.Sort(known)
	for _, text := range ignore {
		if !slices.ContainsFunc(known, func(addr string) bool { return within(text, addr) || within(addr, text) }) {
			return nil, fmt.Errorf("-ignore=%s names nothing on this host%s", text, hcl.DidYouMean(text, slices.Compact(known)))
		}
	}
	return found, unread
}

// changedOutside subtracts what is live from what was last applied.
func changedOutside(m *apply.Machine, seen *apply.Observation) drift {
	want, held := seen.Applied(m.Kinds), seen.HeldAddrs(time.Now())
	way := plan.Make(want, want, seen.Live, plan.Options{Kinds: m.Kinds, Owner: seen.Owner, Hidden: seen.Hidden(), Held: held})
	d := drift{Name: seen.Owner, Resources: way.Drift(), Foreign: seen.Foreign}
	for _, addr := range seen.Live.Addrs() {
		if want[addr] == nil && !slices.Contains(held, addr) {
			d.Resources = append(d.Resources, plan.Drifted{Addr: addr, Unapplied: true})
		}
	}
	return d
}

// without is the drift without what is to be ignored.
func (d drift) without(ignore []string) drift {
	ignored := func(text string) bool {
		return slices.ContainsFunc(ignore, func(of string) bool { return within(text, of) })
	}
	out := drift{Name: d.Name, Resources: []plan.Drifted{}, Foreign: []resource.Problem{}}
	for _, r := range d.Resources {
		r.Differences = slices.DeleteFunc(slices.Clone(r.Differences), func(one plan.Difference) bool { return ignored(r.Addr.String() + "." + one.Path) })
		if !ignored(r.Addr.String()) && (r.Gone || r.Unapplied || len(r.Differences) > 0) {
			out.Resources = append(out.Resources, r)
		}
	}
	for _, p := range d.Foreign {
		if p.Addr == (resource.Addr{}) || !ignored(p.Addr.String()) {
			out.Foreign = append(out.Foreign, p)
		}
	}
	return out
}

// within reports whether an address, with an attribute or without, is or lies in another.
func within(text, of string) bool {
	rest, ok := strings.CutPrefix(text, of)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func (c *cli) printDrift(found []drift) {
	none := true
	for _, d := range found {
		if !d.any() {
			continue
		}
		none = false
		fmt.Fprintf(c.stdout, "%s\n\n", c.paint("1", fmt.Sprintf("Configuration %q", d.Name)))
		fmt.Fprint(c.stdout, plan.DriftText(d.Resources, d.Foreign, plan.TextOptions{Color: c.color, Width: c.width}))
	}
	if none {
		fmt.Fprintln(c.stdout, "No drift. The host is as it was last applied.")
	}
}

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hostctl/apply"
	"hostctl/plan"
	"hostctl/resource"
)

var forgetCommand = command{
	name: "forget", operands: "ADDRESS...",
	summary: "Let go of resources: they stay on this host as they are, and are nobody's",
	details: `
What a removed block does, without one: the mark is taken off, the ledger forgets the resource, and the numbers it was granted are free. A container runs
on, until this host reboots. No configuration is read. One that declares a resource still finds it in its way at the next plan, which
says what can be done; an account, a network namespace and a directory can be taken back with an import block.

So an adoption that was cut off is given up, in part or as a whole, where what is left of it cannot be handed over.`,
	example: "hostctl forget volume.data\nhostctl forget -name shop -auto-approve container.web netns.front",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var f forgetting
		f.registerAsking(fs)
		fs.StringVar(&f.name, "name", "", "the resources of `CONFIGURATION`, where several have them (hostctl ls lists them)")
		return func(c *cli, args []string) error {
			if len(args) == 0 {
				return errors.New("want the ADDRESS of what is to be let go, such as volume.data; `hostctl show` lists what there is")
			}
			c.json = f.json
			return c.finish(func() (map[string]any, error) { return f.run(c, args) })
		}
	},
}

// forgetting is one run of forget.
type forgetting struct {
	asking
	name string
}

func (f *forgetting) run(c *cli, texts []string) (map[string]any, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	lock, m, ledger, err := c.lockLedger(f.lockTimeout)
	if err != nil {
		return nil, err
	}
	defer lock.Release()
	p, problems, err := f.propose(c.ctx, m, ledger, texts)
	if err != nil {
		return nil, err
	}
	if err := c.problems(nil, problems); err != nil {
		return nil, err
	}
	c.show(p)
	if !f.approve {
		if err := p.ask(c, "Do this?"); err != nil {
			return nil, err
		}
	}
	return p.carryOut(c, origin{command: "forget"}, false)
}

// propose plans to let go the resources that are meant. What stands in the way is a list of problems.
func (f *forgetting) propose(ctx context.Context, m *apply.Machine, ledger *apply.Ledger, texts []string) (*proposal, []resource.Problem, error) {
	seen, addrs, err := f.find(ctx, m, ledger, texts)
	if err != nil {
		return nil, nil, err
	}
	seen, others, err := m.LetGo(ctx, seen, addrs)
	if err != nil {
		return nil, nil, err
	}
	p := &proposal{machine: m, seen: seen, want: maps.Clone(seen.Live)}
	d := resource.Directives{Sensitive: maps.Clone(seen.Hidden())}
	for _, addr := range addrs {
		delete(p.want, addr)
		delete(d.Sensitive, addr)
		d.Removed = append(d.Removed, addr.Target())
	}
	p.options = plan.Options{Kinds: m.Kinds, Owner: seen.Owner, Directives: d}
	p.plan = plan.Make(p.want, seen.Last, seen.Live, p.options)
	p.options.Targets = d.Removed // what is declared then is what was applied before without them
	// Of the others nothing is known here that is not known already.
	p.plan.Record, p.plan.Forget = nil, slices.DeleteFunc(p.plan.Forget, func(a resource.Addr) bool { return !slices.Contains(addrs, a) })
	problems := referrers(p.want, addrs)
	problems = append(problems, referrers(others, slices.DeleteFunc(slices.Clone(addrs), func(a resource.Addr) bool { return others[a] != nil }))...)
	return p, append(problems, p.plan.Refused...), nil
}

// find returns the configuration that is meant with the addresses.
func (f *forgetting) find(ctx context.Context, m *apply.Machine, ledger *apply.Ledger, texts []string) (*apply.Observation, []resource.Addr, error) {
	var seen *apply.Observation
	var addrs []resource.Addr
	for _, text := range texts {
		found, err := findApplied(ledger, f.name, text, anyKind)
		if err != nil {
			return nil, nil, err
		}
		o, addr, err := choose(found, func(owner string) (*apply.Observation, error) { return m.Observe(ctx, owner) })
		switch {
		case err != nil:
			return nil, nil, err
		case seen != nil && seen.Owner != o.Owner:
			return nil, nil, fmt.Errorf("%s is of configuration %q and %s of %q; let go those of one at a time", addrs[0], seen.Owner, addr, o.Owner)
		}
		seen, addrs = o, append(addrs, addr)
	}
	return seen, addrs, unconfirmed(seen)
}

// referrers are problems where what stays refers to what is let go.
func referrers(stays resource.State, gone []resource.Addr) (problems []resource.Problem) {
	for _, addr := range stays.Addrs() {
		var to []string
		for _, e := range resource.Refs(stays[addr]) {
			if slices.Contains(gone, e.To) && !slices.Contains(to, e.To.String()) {
				to = append(to, e.To.String())
			}
		}
		if len(to) > 0 {
			problems = append(problems, resource.Problem{Addr: addr, Summary: fmt.Sprintf("%s refers to %s, which would be nobody's", addr, strings.Join(to, ", ")),
				Detail: fmt.Sprintf("let %s go too, or change it first so that it refers to another", addr)})
		}
	}
	return problems
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"

	"hostctl/apply"
	"hostctl/hcl"
)

var rollbackCommand = command{
	name: "rollback", operands: "[GENERATION]",
	summary: "Change this host back to what an earlier generation declared",
	details: `
Without an operand it goes back to the newest generation before the current one that was applied;
where a change waits for ` + "`hostctl confirm`" + `, it undoes that instead: all
that it did something to, or nothing where something stands in the way.
Neither the repository nor the network is needed. The plan is made, judged by today's policy and
shown as any other, and what is done is a new generation.

Data on volumes is not rolled back: it stays as it is, but for that of a volume with on_destroy = "delete" that goes. What stands in the declaration goes back, also the contents of declared files.
The files of the configuration stay as they are too: the next apply does what they say.`,
	example: "hostctl rollback\nhostctl rollback 6\nhostctl rollback -name shop -auto-approve",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var r rollingBack
		r.source.register(fs)
		fs.BoolVar(&r.json, "json", false, "print one JSON document instead of text")
		fs.StringVar(&r.name, "name", "", "that of the configuration `CONFIGURATION` of this host, and read none")
		r.registerRun(fs)
		r.registerWindow(fs)
		return func(c *cli, args []string) error {
			if len(args) > 1 {
				return errors.New("one GENERATION at most")
			}
			c.json = r.json
			return c.finish(func() (map[string]any, error) { return r.run(c, args) })
		}
	},
}

// rollingBack is one run of rollback.
type rollingBack struct {
	applying
	name string
}

func (r *rollingBack) run(c *cli, args []string) (map[string]any, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	config, err := r.owner(c, r.name)
	if err != nil {
		return nil, err
	}
	lock, err := c.lockHost(r.lockTimeout)
	if err != nil {
		return nil, err
	}
	defer lock.Release()
	pol, err := c.policy()
	if err != nil {
		return nil, err
	}
	m, err := openMachine(c.ctx)
	if err != nil {
		return nil, err
	}
	if err := pol.enforce(); err != nil {
		return nil, err
	}
	p, from, err := r.proposeBack(c, m, pol, config.Name, args)
	if err != nil {
		return nil, err
	}
	c.show(p)
	if !p.plan.Empty() && !r.approve {
		question := "Do this?"
		if len(p.want) == 0 {
			question = fmt.Sprintf("Really remove everything that configuration %q has on this host?", config.Name)
		}
		if err := p.ask(c, question); err != nil {
			return nil, err
		}
	}
	return r.applying.run(c, p, nil, from)
}

// proposeBack plans the way back, and says where from that is: the undo of a change that waits, unless a generation is named.
func (r *rollingBack) proposeBack(c *cli, m *apply.Machine, pol *hostPolicy, owner string, args []string) (*proposal, origin, error) {
	ledger, _, err := apply.ReadLedger(m.LedgerPath, m.ID, m.Kinds)
	if err != nil {
		return nil, origin{}, err
	}
	if record := ledger.Owners[owner]; record != nil && record.Pending != nil {
		switch {
		case r.window != 0:
			return nil, origin{}, fmt.Errorf("generation %d of configuration %q waits for confirmation already; leave -confirm out", record.Pending.Generation, owner)
		case len(args) == 0:
			back, err := backBefore(c, m, owner, record.Pending, false)
			if err != nil {
				return nil, origin{}, err
			}
			p, err := back.whole(c, m, pol)
			return p, undoOrigin(record.Pending), err
		}
	}
	all := m.Generations(owner)
	heads, unread, err := all.Heads()
	switch {
	case err != nil:
		return nil, origin{}, err
	case len(heads)+len(unread) == 0:
		return nil, origin{}, noGenerations(m, owner)
	}
	if err := c.unread(unread); err != nil {
		return nil, origin{}, err
	}
	n, err := backTo(owner, heads, unread, args)
	if err != nil {
		return nil, origin{}, err
	}
	g, err := all.Read(n)
	if err != nil {
		return nil, origin{}, err
	}
	p, err := proposeGeneration(c, m, pol, g)
	return p, origin{command: "rollback", backTo: n, dir: g.Dir, root: g.Root, commit: g.Commit}, err
}

// proposeGeneration plans the way to a generation: what it wants is checked and resolved as if it had just been declared.
func proposeGeneration(c *cli, m *apply.Machine, pol *hostPolicy, g *apply.Generation) (*proposal, error) {
	if err := c.problems(nil, hcl.Check(g.Want, m.Kinds)); err != nil {
		return nil, err
	}
	p, problems, err := propose(c.ctx, m, pol, g.Configuration, g.Dir, g.Want, g.Directives, scope{generation: g.Number})
	if err != nil {
		return nil, err
	}
	if err := c.diagnose(p.warnings()); err != nil {
		return nil, err
	}
	return p, c.problems(nil, problems)
}

// backTo is the generation to go back to: the one that is named, else the newest before the current one that was applied, and not
// undone. Where that may be one of unread, which cannot be read, nobody knows.
func backTo(owner string, heads []*apply.Head, unread map[uint64]error, args []string) (uint64, error) {
	newest := slices.Max(slices.Concat(slices.Collect(maps.Keys(unread)), numbersOf(heads)))
	if len(args) == 0 {
		return lastApplied(owner, newest, heads, unread)
	}
	n, err := generationNumber(args[0])
	switch {
	case err != nil:
		return 0, err
	case n == newest:
		return 0, fmt.Errorf("generation %d is the current one; `hostctl apply` goes on with it", n)
	case unread[n] == nil && !slices.Contains(numbersOf(heads), n):
		return 0, noGeneration(owner, n, heads)
	}
	return n, nil
}

// lastApplied is the newest generation before current, the newest of all, that was applied and not undone.
func lastApplied(owner string, current uint64, heads []*apply.Head, unread map[uint64]error) (uint64, error) {
	undone := map[uint64]bool{}
	to := uint64(0)
	for _, h := range slices.Backward(heads) {
		if undone[h.Undoes] = true; h.Number != current && h.Done() && !undone[h.Number] {
			to = h.Number
			break
		}
	}
	for _, n := range slices.Backward(slices.Sorted(maps.Keys(unread))) {
		if n > to {
			return 0, fmt.Errorf("what to go back to is not known, for generation %d cannot be read; name the one that is meant, such as: hostctl rollback -name %s NUMBER (hostctl generations lists them)", n, owner)
		}
	}
	if to == 0 {
		return 0, fmt.Errorf("configuration %q has nothing to go back to: no generation before the current one, %d, was applied", owner, current)
	}
	return to, nil
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"time"

	"hostctl/apply"
	"hostctl/hcl"
	"hostctl/resource"
)

var adoptCommand = command{
	name: "adopt", operands: "CONFIGURATION [ADDRESS...]",
	summary: "Take over what another configuration has on this host, as after a configuration was given another name",
	details: `
Run it in the directory of the configuration that is to have it, whose name is the new one. With addresses it takes over those alone,
and neither they nor what stays may refer to each other.

Nothing is stopped, restarted or otherwise changed: what goes over are the marks on the host, the names of links that follow from them, and what the
ledger remembers: what was last applied, which numbers were given out, what was stopped or is held on purpose, which jobs were run. The generations go
along where the new name has none yet. The journal of a program that runs is filed under the old name until it is made anew.

The host's policy has to allow the new name what it takes over. Killed anywhere, the same command goes on, and so does a boot; until then neither configuration can change
what is half handed over. What cannot be handed over at all, as a volume whose disk is gone for good, can be let go meanwhile: hostctl forget.`,
	example: "hostctl adopt shop\nhostctl adopt -name store shop -auto-approve\nhostctl adopt shop container.web netns.front",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var a adopting
		a.source.register(fs)
		a.registerAsking(fs)
		fs.StringVar(&a.name, "name", "", "hand it to the configuration of this `NAME`, and read none")
		return func(c *cli, args []string) error {
			if len(args) == 0 {
				return errors.New("want the old name of the configuration; `hostctl ls` lists those that this host has something of")
			}
			c.json = a.json
			return c.finish(func() (map[string]any, error) { return a.run(c, args[0], args[1:]) })
		}
	},
}

// asking is what the commands have in common that change the ledger's word of resources, and ask before.
type asking struct {
	json, approve bool
	lockTimeout   time.Duration
}

func (a *asking) registerAsking(fs *flag.FlagSet) {
	fs.BoolVar(&a.json, "json", false, "print one JSON document instead of text")
	fs.BoolVar(&a.approve, "auto-approve", false, "do not ask before changing the host")
	fs.DurationVar(&a.lockTimeout, "lock-timeout", 0, "wait this `TIME` for another hostctl to finish")
}

// check says what is wrong with the flags.
func (a *asking) check() error {
	if a.json && !a.approve {
		return errors.New("-json asks nothing; give -auto-approve with it")
	}
	return needRoot(changesHost)
}

// adopting is one run of adopt.
type adopting struct {
	source
	asking
	name string
}

func (a *adopting) run(c *cli, former string, texts []string) (map[string]any, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	if err := resource.CheckName(former); err != nil {
		return nil, fmt.Errorf("%q is no configuration's name: %w", former, err)
	}
	addrs, err := addresses(texts)
	if err != nil {
		return nil, err
	}
	config, err := a.owner(c, a.name)
	if err != nil {
		return nil, err
	}
	if config.Name == former {
		return nil, fmt.Errorf("configuration %q has that name still; give it the new one first (hostctl { name = ... })", former)
	}
	lock, err := c.lockHost(a.lockTimeout)
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
	if err := a.possible(c, m, former, config.Name); err != nil {
		return nil, err
	}
	place := ""
	if a.name == "" {
		place = config.Sources().Place
	}
	adoption, p, err := proposeAdoption(c, m, pol, config, place, former, addrs)
	if err != nil {
		return nil, err
	}
	c.show(p)
	if !a.approve {
		if err := p.ask(c, "Do this?"); err != nil {
			return nil, err
		}
	}
	return p.adopt(c, adoption, place, false)
}

// proposeAdoption plans that the configuration takes over what former has, or what of it is at addrs, and judges it by the policy.
func proposeAdoption(c *cli, m *apply.Machine, pol *hostPolicy, config *hcl.Config, place, former string, addrs []resource.Addr) (*apply.Adoption, *proposal, error) {
	adoption, problems, err := m.Adoption(c.ctx, former, config.Name, addrs, pol.Credentials(config.Name))
	if err != nil {
		return nil, nil, err
	}
	if err := c.problems(config, problems); err != nil {
		return nil, nil, err
	}
	if err := c.problems(nil, hcl.Check(adoption.Want, m.Kinds)); err != nil {
		return nil, nil, err
	}
	if err := c.problems(config, pol.Check(config.Name, place, adoption.Want, nil)); err != nil {
		return nil, nil, err
	}
	if err := pol.enforce(); err != nil {
		return nil, nil, err
	}
	p := &proposal{machine: m, policy: pol, seen: adoption.Seen, want: adoption.Want, declared: adoption.Declared, grants: adoption.Grants, plan: adoption.Plan}
	p.options.Directives.Sensitive = adoption.Sensitive
	return adoption, p, nil
}

// adopt carries an adoption out.
func (p *proposal) adopt(c *cli, a *apply.Adoption, place string, atBoot bool) (map[string]any, error) {
	if a.Whole {
		if err := p.machine.Begin(a); err != nil {
			return nil, err
		}
		if err := p.machine.TakeGenerations(p.plan.Former, p.plan.Owner); err != nil {
			return nil, err
		}
	}
	fields, err := p.carryOut(c, origin{command: "adopt", dir: place}, atBoot)
	if err == nil {
		err = p.machine.Succeed(a)
	}
	return fields, err
}

// adoptOn ends the adoptions that were cut off, as what survives a reboot may carry the one mark and be in the other's record still.
// What it has to say it has printed when the error is an exit status.
func (r *replaying) adoptOn(c *cli, m *apply.Machine, pol *hostPolicy, ledger *apply.Ledger, deadline time.Time) (worst error) {
	for _, former := range slices.Sorted(maps.Keys(ledger.Adopting)) {
		begun := ledger.Adopting[former]
		place := ""
		for _, owner := range []string{former, begun.By} {
			if record := ledger.Owners[owner]; record != nil {
				awaitMounts(c.ctx, record.Last, deadline)
				if record.Applied != nil {
					place = record.Applied.Dir
				}
			}
		}
		adoption, p, err := proposeAdoption(c, m, pol, &hcl.Config{Name: begun.By}, place, former, begun.Only)
		if err == nil {
			fmt.Fprintf(c.stdout, "Configuration %q was taking over what %q had when that was cut off: it goes on.\n", begun.By, former)
			_, err = p.adopt(c, adoption, place, true)
		}
		if err != nil {
			worst = worse(worst, r.said(c, begun.By, err))
		}
	}
	return worst
}

// possible is an error where this host has nothing of the former configuration, or what it has may be half made and carry no mark yet.
func (a *adopting) possible(c *cli, m *apply.Machine, former, name string) error {
	names, ledger, _, err := m.Owners(c.ctx)
	if err != nil {
		return err
	}
	remembered, err := m.Remembered()
	if err != nil {
		return err
	}
	if ledger.Adopting[former].By == name {
		return nil // it was begun, and goes on
	}
	for _, owner := range []string{former, name} {
		if err := errors.Join(ledger.HalfAdopted(owner), unconfirmed(&apply.Observation{Owner: owner, Ledger: ledger})); err != nil {
			return err
		}
	}
	if !slices.Contains(names, former) && !slices.Contains(remembered, former) {
		return fmt.Errorf("this host has nothing of a configuration %q%s", former, hcl.DidYouMean(former, names))
	}
	if h, err := m.Generations(former).Newest(); err == nil && h != nil && h.Ending == nil {
		return fmt.Errorf("generation %d of configuration %q was cut off, and may have left what carries no mark yet; end it first: hostctl %s under that name, or hostctl rollback -name %s",
			h.Number, former, h.Command, former)
	}
	return nil
}

// carryOut does the plan's steps, none of which starts or stops a program, and records it.
func (p *proposal) carryOut(c *cli, from origin, atBoot bool) (map[string]any, error) {
	begun := time.Now()
	generation, err := p.begin(c, from, begun)
	if err != nil {
		return nil, err
	}
	r := &reporter{c: c, steps: p.plan.Steps, command: from.command}
	errs, ledgerErr := p.machine.Run(c.ctx, p.plan, p.seen, p.grants, p.want, apply.Options{Parallelism: parallelism, Event: r.event, Removed: p.options.Directives.Removed, AtBoot: atBoot})
	fields := map[string]any{"plan": p.plan, "results": r.results(errs)}
	if generation != nil {
		fields["generation"] = generation.Number
		ledgerErr = errors.Join(ledgerErr, p.end(c, generation, errs, outcomeOfRun(c.ctx, errs, ledgerErr, false)))
	}
	if ledgerErr != nil {
		return fields, ledgerErr
	}
	if err := r.failed(errs, false); err != nil {
		return fields, err
	}
	if !c.json {
		fmt.Fprintf(c.stdout, "\n%s %s in %s.\n", c.paint("32;1", "Complete:"), p.plan.Summary.Done(), round(time.Since(begun)))
	}
	return fields, nil
}

// addresses reads operands.
func addresses(texts []string) (addrs []resource.Addr, err error) {
	for _, text := range texts {
		addr, err := resource.ParseAddr(text)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	return addrs, nil
}

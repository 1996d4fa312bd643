package main

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"hostctl/apply"
	"hostctl/hcl"
	"hostctl/plan"
	"hostctl/resource"
)

var applyCommand = command{
	name: "apply", operands: "[PLANFILE]",
	summary: "Change this host to what the configuration says, or do what a saved plan says",
	details: "A resource that cannot be changed as it should, or of which a program is not ready in its start_timeout, ends again or is unhealthy when it settles, " +
		"returns to what was last applied, with those that depend on it; one that was new is removed. All others stay as they are now, and so does what is on volumes. The exit code is then 6.",
	example: "hostctl apply\nhostctl apply -auto-approve -var site_port=8081\nhostctl apply site.plan\nhostctl apply -confirm 60s",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var a applying
		a.register(fs)
		a.registerWindow(fs)
		fs.BoolVar(&a.noRollback, "no-rollback", false, "leave what fails, and what depends on it, as it is then")
		return func(c *cli, args []string) error {
			c.json = a.json
			switch {
			case len(args) > 1:
				return fmt.Errorf("one plan file at most")
			case len(args) == 1 && (len(a.targets) > 0 || len(a.replace) > 0):
				return fmt.Errorf("a saved plan is done as it is; leave -target and -replace out, or plan with them")
			case len(args) == 1:
				return c.finish(func() (map[string]any, error) { return a.saved(c, args[0]) })
			}
			return c.finish(func() (map[string]any, error) { return a.fresh(c) })
		}
	},
}

var destroyCommand = command{
	name:    "destroy",
	summary: "Remove everything the configuration has on this host; data on volumes stays unless it says otherwise",
	example: "hostctl destroy\nhostctl destroy -auto-approve",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var a applying
		a.register(fs)
		a.destroy = true
		return func(c *cli, args []string) error {
			if err := noOperands(args); err != nil {
				return err
			}
			c.json = a.json
			return c.finish(func() (map[string]any, error) { return a.fresh(c) })
		}
	},
}

// parallelism is how many steps run at once: enough that systemd and the
// launchers never wait for each other. systemd gets no faster beyond.
const parallelism = 64

// settleTime is how long a container that was started is given to fail.
const settleTime = time.Second

// applying is what apply, destroy and rollback have in common.
type applying struct {
	planning
	approve     bool
	settle      time.Duration
	lockTimeout time.Duration
	parallelism int
	noRollback  bool
	window      time.Duration // of -confirm; 0 is without
	byTimer     bool          // systemd's timer has this process undo what nobody confirmed
	atBoot      bool          // what cannot be remembered is done all the same
}

func (a *applying) register(fs *flag.FlagSet) {
	a.planning.register(fs)
	a.registerScope(fs)
	a.registerRun(fs)
}

// registerRun declares the flags that say how a plan is carried out.
func (a *applying) registerRun(fs *flag.FlagSet) {
	fs.IntVar(&a.parallelism, "parallelism", parallelism, "do at most `N` steps at a time")
	fs.BoolVar(&a.approve, "auto-approve", false, "do not ask before changing the host")
	fs.DurationVar(&a.settle, "settle", settleTime, "look again this `TIME` after the last start, for containers that fail at once; 0 does not")
	fs.DurationVar(&a.lockTimeout, "lock-timeout", 0, "wait this `TIME` for another hostctl to finish")
}

// registerWindow declares -confirm.
func (a *applying) registerWindow(fs *flag.FlagSet) {
	fs.DurationVar(&a.window, "confirm", 0, "undo the change unless hostctl confirm is run within this `TIME` of its end, such as 60s")
}

// fresh plans, asks and applies.
func (a *applying) fresh(c *cli) (map[string]any, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	if a.json && !a.approve {
		return nil, fmt.Errorf("-json asks nothing; give -auto-approve with it, or apply a saved plan")
	}
	lock, err := c.lockHost(a.lockTimeout)
	if err != nil {
		return nil, err
	}
	defer lock.Release()
	a.enforce = true
	p, config, sources, err := a.propose(c)
	if err != nil {
		return nil, err
	}
	if err := unconfirmed(p.seen); err != nil {
		return nil, err
	}
	c.show(p)
	if !p.plan.Empty() && !a.approve {
		question := "Do this?"
		if a.destroy && len(a.targets) == 0 {
			question = fmt.Sprintf("Really remove everything that configuration %q has on this host?", config.Name)
		}
		if err := p.ask(c, question); err != nil {
			return nil, err
		}
	}
	return a.run(c, p, config, origin{command: a.command(), dir: sources.Place, root: sources.Root})
}

func (a *applying) check() error {
	if err := needRoot(changesHost); err != nil {
		return err
	}
	if a.parallelism < 1 {
		return fmt.Errorf("-parallelism=%d: at least one step is done at a time", a.parallelism)
	}
	if a.window != 0 && (a.window < leastWindow || a.window > mostWindow) {
		return fmt.Errorf("-confirm=%s: at least %s, and at most %s", a.window, leastWindow, mostWindow)
	}
	return nil
}

// saved applies a plan file exactly, or refuses it as stale.
func (a *applying) saved(c *cli, path string) (map[string]any, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	f, err := plan.ReadFile(path, kinds())
	if err != nil {
		return nil, err
	}
	if len(f.Sealed) == 0 && (len(a.vars) > 0 || len(a.varFiles) > 0) {
		return nil, fmt.Errorf("a saved plan has its variables already; leave -var and -var-file out")
	}
	lock, err := c.lockHost(a.lockTimeout)
	if err != nil {
		return nil, err
	}
	defer lock.Release()
	m, err := openMachine(c.ctx)
	if err != nil {
		return nil, err
	}
	pol, err := c.policy()
	if err != nil {
		return nil, err
	}
	if err := pol.enforce(); err != nil {
		return nil, err
	}
	if err := resource.CheckName(f.Owner); err != nil {
		return nil, fmt.Errorf("plan file %s: configuration %q: %w", path, f.Owner, err)
	}
	seen, err := m.Observe(c.ctx, f.Owner)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(seen.Ledger.HalfAdopted(f.Owner), unconfirmed(seen)); err != nil {
		return nil, err
	}
	if problems := m.Import(c.ctx, seen, f.Want, f.Directives.Imports); len(problems) > 0 {
		return nil, c.problems(nil, problems)
	}
	sources, diags := hcl.ReadAgain(f.Dir, f.Root, f.VarFiles, f.Tree)
	if diags.HasErrors() {
		return nil, staleError{[]string{"The configuration that it was made from cannot be read any more: " + diags.Error()}}
	}
	key, err := m.SealKey()
	if err != nil {
		return nil, err
	}
	p := &proposal{machine: m, policy: pol, seen: seen}
	if reasons := plan.Stale(f.Basis, p.basis(sources).Seal(key)); len(reasons) > 0 {
		return nil, staleError{reasons}
	}
	if err := a.unseal(c, f, p, sources, key); err != nil {
		return nil, err
	}
	if err := p.again(c, f, sources.Place); err != nil {
		return nil, err
	}
	p.options = plan.Options{
		Kinds: m.Kinds, Owner: f.Owner, Directives: f.Directives, Targets: f.Targets, Replace: f.Replace,
		Imported: seen.Imported, Handed: f.Handed, Hidden: seen.Hidden(), Foreign: seen.Foreign, Held: seen.HeldAddrs(time.Now()),
	}
	problems := p.make(c.ctx)
	if !p.plan.Equal(f.Plan) {
		return nil, staleError{[]string{"Making the plan again from what the file holds gives another plan."}}
	}
	if refused := p.refused(sources.Place); len(refused) > 0 {
		problems = refused
	}
	if err := c.problems(nil, problems); err != nil {
		return nil, err
	}
	c.show(p)
	return a.run(c, p, nil, origin{command: "apply", dir: sources.Place, root: f.Root})
}

// again checks and resolves what a saved plan wants as if it had just been read:
// a file can say whatever its writer likes, and what the ledger and the host
// give out does not come from it. Unchanged, it is what was planned.
//
// place is where the configuration lies.
func (p *proposal) again(c *cli, f *plan.File, place string) error {
	if err := c.problems(nil, hcl.Check(f.Want, p.machine.Kinds)); err != nil {
		return err
	}
	saved := plan.Digest(f.Want)
	r, problems := p.seen.Resolve(p.machine.Kinds, f.Want, f.Directives, p.policy.Credentials(f.Owner))
	if len(problems) > 0 {
		return c.problems(nil, problems)
	}
	if refused := p.policy.Check(f.Owner, place, r.Want, f.Directives.Imports); len(refused) > 0 {
		return c.problems(nil, refused)
	}
	if plan.Digest(r.Want) != saved {
		return staleError{[]string{"The ledger and the host give what it wants other numbers or paths than the file has."}}
	}
	p.want, p.declared, p.grants = r.Want, r.Declared, r.Grants
	return nil
}

// unseal evaluates the configuration again for the sensitive values of a saved
// plan, which holds only seals of them: each must be the one that was planned with.
func (a *applying) unseal(c *cli, f *plan.File, p *proposal, sources hcl.Sources, key []byte) error {
	if len(f.Sealed) == 0 {
		return nil
	}
	a.defaults = p.policy.defaults()
	config := hcl.Load(c.ctx, evaluate, a.request(sources), kinds())
	if config.Diagnostics.HasErrors() {
		warn := hcl.Diagnostic{Severity: hcl.Warning, Summary: "The plan holds no sensitive values",
			Detail: "They are read again from the configuration: give the variables that the plan was made with, by -var or HOSTCTL_VAR_name."}
		return c.diagnose(append(config.Diagnostics, warn))
	}
	r, problems := p.seen.Resolve(p.machine.Kinds, config.State, f.Directives, p.policy.Credentials(f.Owner))
	if len(problems) > 0 {
		return c.problems(config, problems)
	}
	if err := f.Unseal(key, r.Want); err != nil {
		return staleError{[]string{err.Error() + "."}}
	}
	return nil
}

// staleError refuses a saved plan.
type staleError struct{ reasons []string }

func (e staleError) Error() string {
	return "the saved plan is stale: " + strings.Join(e.reasons, " ") + " Plan again."
}

// command is the name of the command, for the record.
func (a *applying) command() string {
	if a.destroy {
		return "destroy"
	}
	return "apply"
}

// run carries a plan out and reports what became of it.
func (a *applying) run(c *cli, p *proposal, config *hcl.Config, from origin) (map[string]any, error) {
	begun := time.Now()
	own := a.window > 0 && !p.plan.Empty()
	if own {
		if err := a.arm(c, p); err != nil {
			return nil, err
		}
	}
	generation, unwritten := p.begin(c, from, begun)
	if unwritten != nil && !a.atBoot {
		return nil, unwritten
	}
	r := &reporter{c: c, steps: p.plan.Steps}
	sensitive := p.options.Directives.Sensitive
	if sensitive == nil {
		sensitive = map[resource.Addr][]string{} // there are none, which is to be remembered too
	}
	if w := p.seen.Pending(); w != nil && w.Touched != nil && from.undoes == 0 { // what a rollback does while it waits is undone with it, unless all is done
		w.Touch(p.plan)
	}
	back := p.machine.Remember(p.plan, p.seen)
	options := apply.Options{
		Parallelism: a.parallelism, Settle: a.settle, Event: r.event, Sensitive: sensitive, Removed: p.options.Directives.Removed,
		Applied: &apply.Applied{At: begun.UTC().Truncate(time.Second), Dir: from.dir}, Unwritten: a.atBoot, AtBoot: a.atBoot,
	}
	if own {
		options.Pending = p.seen.Pend(generation.Number, p.plan)
		if err := errors.Join(wait(options.Pending, a.window), given.Remove(p.seen.Owner, generation.Number)); err != nil {
			return nil, err
		}
	}
	errs, ledgerErr := p.machine.Run(c.ctx, p.plan, p.seen, p.grants, p.plan.Want, options)
	fields := map[string]any{"plan": p.plan, "results": r.results(errs), "outputs": outputList(config)}
	// From an undo there is no way back but to what is undone.
	rollback := len(errs) > 0 && !a.destroy && !a.noRollback && from.undoes == 0 && ledgerErr == nil && c.ctx.Err() == nil
	ledgerErr = errors.Join(unwritten, ledgerErr)
	err := r.failed(errs, rollback)
	if rollback {
		u := &undoing{reporter: r, begun: begun}
		fields["rolled_back"], err, ledgerErr = u.run(back, errs, options)
	}
	outcome := outcomeOfRun(c.ctx, errs, ledgerErr, err == exitStatus(exitRolledBack))
	if generation != nil {
		fields["generation"] = generation.Number
		ledgerErr = errors.Join(ledgerErr, p.end(c, generation, errs, outcome))
	}
	var waits *apply.Pending
	if ledgerErr == nil {
		if waits, ledgerErr = a.conclude(c, p, own, outcome); waits != nil {
			fields["confirm_until"] = waits.Until
		}
	}
	if ledgerErr != nil { // the last word, and not in the place of the others
		err = ledgerErr
	}
	if err == nil && !c.json && !p.plan.Empty() {
		fmt.Fprintf(c.stdout, "\n%s %s in %s.\n", c.paint("32;1", "Apply complete:"), p.plan.Summary.Done(), round(time.Since(begun)))
	}
	if err == nil && !a.destroy {
		c.outputs(config)
	}
	c.told(p, waits)
	return fields, err
}

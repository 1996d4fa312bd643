package main

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hostctl/apply"
	"hostctl/hcl"
	"hostctl/host"
	"hostctl/plan"
	"hostctl/resource"
)

var applyCommand = command{
	name: "apply", operands: "[PLANFILE]",
	summary: "Change this host to what the configuration says, or do what a saved plan says",
	example: "hostctl apply\nhostctl apply -auto-approve -var site_port=8081\nhostctl apply site.plan",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var a applying
		a.register(fs)
		return func(c *cli, args []string) error {
			c.json = a.json
			switch {
			case len(args) > 1:
				return fmt.Errorf("one plan file at most")
			case len(args) == 1 && (len(a.vars) > 0 || len(a.varFiles) > 0):
				return fmt.Errorf("a saved plan has its variables already; leave -var and -var-file out")
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

// applying is what apply and destroy have in common.
type applying struct {
	planning
	approve     bool
	settle      time.Duration
	lockTimeout time.Duration
}

func (a *applying) register(fs *flag.FlagSet) {
	a.planning.register(fs)
	fs.BoolVar(&a.approve, "auto-approve", false, "do not ask before changing the host")
	fs.DurationVar(&a.settle, "settle", settleTime, "look again this `TIME` after the last start, for containers that fail at once; 0 does not")
	fs.DurationVar(&a.lockTimeout, "lock-timeout", 0, "wait this `TIME` for another hostctl to finish")
}

// fresh plans, asks and applies.
func (a *applying) fresh(c *cli) (map[string]any, error) {
	if a.json && !a.approve {
		return nil, fmt.Errorf("-json asks nothing; give -auto-approve with it, or apply a saved plan")
	}
	lock, err := host.TakeLock(c.ctx, lockPath, a.lockTimeout)
	if err != nil {
		return nil, err
	}
	defer lock.Release()
	p, config, _, err := a.propose(c)
	if err != nil {
		return nil, err
	}
	c.show(p)
	if !p.plan.Empty() && !a.approve {
		question := "Do this?"
		if a.destroy {
			question = fmt.Sprintf("Really remove everything that configuration %q has on this host?", config.Name)
		}
		if err := c.confirm(question); err != nil {
			return nil, err
		}
	}
	return a.run(c, p, config)
}

// saved applies a plan file exactly, or refuses it as stale.
func (a *applying) saved(c *cli, path string) (map[string]any, error) {
	f, err := plan.ReadFile(path, kinds())
	if err != nil {
		return nil, err
	}
	lock, err := host.TakeLock(c.ctx, lockPath, a.lockTimeout)
	if err != nil {
		return nil, err
	}
	defer lock.Release()
	m, err := openMachine(c.ctx)
	if err != nil {
		return nil, err
	}
	seen, err := m.Observe(c.ctx, f.Owner)
	if err != nil {
		return nil, err
	}
	sources, diags := hcl.ReadDir(f.Dir, f.VarFiles)
	if diags.HasErrors() {
		return nil, staleError{[]string{"The configuration that it was made from cannot be read any more: " + diags.Error()}}
	}
	p := &proposal{machine: m, seen: seen, want: f.Want, grants: f.Grants}
	if reasons := plan.Stale(f.Basis, p.basis(sources)); len(reasons) > 0 {
		return nil, staleError{reasons}
	}
	p.plan = plan.Make(f.Want, seen.Last, seen.Live, plan.Options{Kinds: m.Kinds, Owner: f.Owner})
	if !p.plan.Equal(f.Plan) {
		return nil, staleError{[]string{"Making the plan again from what the file holds gives another plan."}}
	}
	if err := c.problems(nil, m.Check(c.ctx, changes(p.plan), p.want)); err != nil {
		return nil, err
	}
	c.show(p)
	return a.run(c, p, nil)
}

// staleError refuses a saved plan.
type staleError struct{ reasons []string }

func (e staleError) Error() string {
	return "the saved plan is stale: " + strings.Join(e.reasons, " ") + " Plan again."
}

// run carries the plan out and reports what became of it.
func (a *applying) run(c *cli, p *proposal, config *hcl.Config) (map[string]any, error) {
	begun := time.Now()
	r := &reporter{c: c, steps: p.plan.Steps}
	errs, ledgerErr := p.machine.Run(c.ctx, p.plan, p.seen, p.grants, p.want, apply.Options{
		Parallelism: parallelism, Settle: a.settle, Event: r.event,
	})
	fields := map[string]any{"plan": p.plan, "results": r.results(errs), "outputs": outputList(config)}
	if ledgerErr != nil {
		return fields, ledgerErr
	}
	if len(errs) > 0 {
		return fields, r.failed(errs)
	}
	if !c.json && !p.plan.Empty() {
		s := p.plan.Summary
		fmt.Fprintf(c.stdout, "\n%s %d added, %d changed, %d replaced, %d destroyed in %s.\n",
			c.paint("32;1", "Apply complete:"), s.Add, s.Change, s.Replace, s.Destroy, round(time.Since(begun)))
	}
	if !a.destroy {
		c.outputs(config)
	}
	return fields, nil
}

// reporter tells of a run as it goes on: a line when a step begins and one when it ends.
type reporter struct {
	c       *cli
	steps   []plan.Step
	elapsed map[int]time.Duration
}

// The words for a step that is under way and for one that is done.
var progressWords = map[resource.Action][2]string{
	resource.Create: {"creating", "created"},
	resource.Update: {"changing", "changed"},
	resource.Delete: {"removing", "removed"},
}

func (r *reporter) event(e apply.Event) {
	if e.Phase == apply.Done || e.Phase == apply.Failed {
		if r.elapsed == nil {
			r.elapsed = map[int]time.Duration{}
		}
		r.elapsed[e.Step] = e.Elapsed
	}
	if r.c.json {
		return
	}
	words := progressWords[e.Change.Action]
	switch e.Phase {
	case apply.Started:
		fmt.Fprintf(r.c.stdout, "%s: %s...\n", e.Change.Addr, words[0])
	case apply.Done:
		fmt.Fprintf(r.c.stdout, "%s: %s (%s)\n", e.Change.Addr, words[1], round(e.Elapsed))
	case apply.Failed:
		fmt.Fprintf(r.c.stdout, "%s: %s\n", e.Change.Addr, r.c.paint("31;1", "failed"))
	case apply.Unsettled:
		fmt.Fprintf(r.c.stdout, "%s: %s\n", e.Change.Addr, r.c.paint("31;1", "did not stay up"))
	}
}

// result is what became of one step, for -json.
type result struct {
	Address resource.Addr   `json:"address"`
	Action  resource.Action `json:"action"`
	Error   string          `json:"error,omitempty"`
	Seconds float64         `json:"seconds"`
}

func (r *reporter) results(errs map[int]error) []result {
	list := make([]result, len(r.steps))
	for i, s := range r.steps {
		list[i] = result{Address: s.Addr, Action: s.Action, Seconds: r.elapsed[i].Seconds()}
		if errs[i] != nil {
			list[i].Error = errs[i].Error()
		}
	}
	return list
}

// failed prints every error, the sum last, and returns the exit status.
func (r *reporter) failed(errs map[int]error) error {
	if r.c.json {
		return exitStatus(exitError)
	}
	fmt.Fprintln(r.c.stderr)
	for _, i := range slices.Sorted(maps.Keys(errs)) {
		fmt.Fprintf(r.c.stderr, "%s %s\n", r.c.paint("31;1", "Error:"), printable(errs[i].Error()))
	}
	fmt.Fprintf(r.c.stderr, "\nApply incomplete: %d of %d steps done. What is done stays done; the next apply goes on from there.\n",
		len(r.steps)-len(errs), len(r.steps))
	return exitStatus(exitError)
}

func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Millisecond)
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"hostctl/apply"
	"hostctl/hcl"
	"hostctl/plan"
	"hostctl/resource"
)

var stopCommand = command{
	name: "stop", operands: "CONTAINER",
	summary: "Stop a container and remember it: apply leaves it stopped until `hostctl start`",
	details: "Stopped again, it stays that of who stopped it first. Where it cannot be remembered, as on a full disk, it is stopped all the same, and the exit code is not 0.",
	example: "hostctl stop container.web\nhostctl stop -why 'disk is full' 'container.worker[\"mail\"]'",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var p purpose
		p.register(fs)
		p.registerWhy(fs)
		return func(c *cli, args []string) error { return p.run(c, "CONTAINER", args, isStopped, p.stop) }
	},
}

var startCommand = command{
	name: "start", operands: "CONTAINER",
	summary: "Start a container that was stopped, and forget that it was",
	details: "One that the configuration has not enabled is not started.",
	example: "hostctl start container.web",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var p purpose
		p.register(fs)
		return func(c *cli, args []string) error { return p.run(c, "CONTAINER", args, isStopped, p.start) }
	},
}

var restartCommand = command{
	name: "restart", operands: "CONTAINER",
	summary: "Start a container's program anew, as it was last applied",
	details: "A job is run again. One that was stopped on purpose is not restarted.",
	example: "hostctl restart container.web",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var p purpose
		p.register(fs)
		return func(c *cli, args []string) error { return p.run(c, "CONTAINER", args, isStopped, p.restart) }
	},
}

// isStopped reports whether a kind's resources can be stopped.
func isStopped(kind resource.Kind) bool { return kind.Stopped != nil }

// purpose is what the commands have in common by which an administrator says what is to become of one resource.
type purpose struct {
	name        string
	why         string
	lockTimeout time.Duration
}

func (p *purpose) register(fs *flag.FlagSet) {
	fs.StringVar(&p.name, "name", "", "the resource of `CONFIGURATION`, where several have one of that name (hostctl ls lists them)")
	fs.DurationVar(&p.lockTimeout, "lock-timeout", 0, "wait this `TIME` for another hostctl to finish")
}

// maxWhy bounds a reason, in bytes: it stands in the ledger and in one line of a table.
const maxWhy = 256

func (p *purpose) registerWhy(fs *flag.FlagSet) {
	fs.Func("why", "remember this `REASON`, and show it in plan and status", func(s string) error {
		if len(s) > maxWhy {
			return fmt.Errorf("at most %d bytes", maxWhy)
		}
		p.why = printable(s)
		return nil
	})
}

// run does something to one resource that was applied before, of a kind that fits.
func (p *purpose) run(c *cli, what string, args []string, fits func(resource.Kind) bool, do func(*cli, *apply.Machine, *apply.Observation, resource.Addr) error) error {
	if len(args) != 1 {
		return fmt.Errorf("want one %s, such as container.web", what)
	}
	lock, m, ledger, err := c.lockLedger(p.lockTimeout)
	if err != nil {
		return err
	}
	defer lock.Release()
	found, err := findApplied(ledger, p.name, args[0], fits)
	if err != nil {
		return err
	}
	seen, addr, err := choose(found, func(owner string) (*apply.Observation, error) { return m.Observe(c.ctx, owner) })
	if err != nil {
		return err
	}
	if err := ledger.HalfAdopted(seen.Owner); err != nil {
		return err
	}
	return do(c, m, seen, addr)
}

// judged leaves the launcher the policy as it is now, by which it judges what is about to be started.
func (c *cli) judged() error {
	pol, err := c.policy()
	if err != nil {
		return err
	}
	return pol.enforce()
}

func (p *purpose) stop(c *cli, m *apply.Machine, seen *apply.Observation, addr resource.Addr) error {
	kind, _ := m.Kinds.Lookup(addr.Kind)
	want := maps.Clone(seen.Live)
	stopped := seen.Ledger.Owner(seen.Owner).Stopped
	if _, again := stopped[addr]; !again { // else it stays that of who stopped it
		stopped[addr] = apply.Stop{By: caller(), At: now(), Why: p.why}
	}
	if live := seen.Live[addr]; live != nil {
		want[addr] = kind.Stopped(live)
	}
	unwritten, err := c.turn(m, seen, want)
	if err != nil {
		return err
	}
	if unwritten != nil {
		return fmt.Errorf("%s is stopped, but that cannot be remembered, so that the next apply starts it: %w", addr, unwritten)
	}
	fmt.Fprintf(c.stdout, "%s is stopped, and stays so until `hostctl start %s`.\n", addr, addr)
	return nil
}

func (p *purpose) start(c *cli, m *apply.Machine, seen *apply.Observation, addr resource.Addr) error {
	kind, _ := m.Kinds.Lookup(addr.Kind)
	stopped := seen.Ledger.Owner(seen.Owner).Stopped
	if _, ok := stopped[addr]; !ok && !kind.Runs(seen.Last[addr]) {
		return fmt.Errorf("%s is not enabled, and the next apply would stop it; write enabled = true, and apply", addr)
	}
	if err := c.judged(); err != nil {
		return err
	}
	want := maps.Clone(seen.Live)
	delete(stopped, addr)
	want[addr] = kind.Started(seen.Last[addr])
	unwritten, err := c.turn(m, seen, want)
	if err != nil {
		return err
	}
	if unwritten != nil {
		return fmt.Errorf("%s runs, but that cannot be remembered: what the ledger says holds at the next apply: %w", addr, unwritten)
	}
	fmt.Fprintf(c.stdout, "%s runs.\n", addr)
	return nil
}

// turn makes one resource run, or not. What is meant is recorded first: killed in between, the next apply does it. Where it cannot be,
// as on a full disk, which may be why a program is stopped, it is done all the same, and unwritten says why.
func (c *cli) turn(m *apply.Machine, seen *apply.Observation, want resource.State) (unwritten, err error) {
	if unwritten = seen.Ledger.Write(m.LedgerPath); errors.Is(unwritten, apply.ErrLedgerTaken) {
		return nil, unwritten
	}
	way := plan.Make(want, seen.Last, seen.Live, plan.Options{Kinds: m.Kinds, Owner: seen.Owner})
	way.Record, way.Forget = nil, nil // of the others nothing is known here that is not known already
	if later, err := c.carryOut(m, seen, way, want); err != nil || len(way.Steps) > 0 {
		return later, err
	}
	return unwritten, nil
}

// restart does what a change that costs a restart does, with nothing changed.
func (p *purpose) restart(c *cli, m *apply.Machine, seen *apply.Observation, addr resource.Addr) error {
	if s, ok := seen.Stopped()[addr]; ok {
		return fmt.Errorf("%s was stopped on purpose by %s%s; `hostctl start %s` starts it", addr, s.By, because(s.Why), addr)
	}
	kind, _ := m.Kinds.Lookup(addr.Kind)
	last := seen.Last[addr]
	if !kind.Runs(last) {
		return fmt.Errorf("%s is not enabled, so that there is nothing to restart", addr)
	}
	if err := c.judged(); err != nil {
		return err
	}
	want := maps.Clone(seen.Live)
	want[addr] = last
	change := resource.Change{Addr: addr, Owner: seen.Owner, Action: resource.Update, Class: resource.Restart, Want: last, Last: last, Live: seen.Live[addr]}
	if change.Live == nil {
		change.Action, change.Class = resource.Create, resource.None
	}
	// The ledger says all that already: whether it can be written is nobody's trouble here.
	if _, err := c.carryOut(m, seen, &plan.Plan{Owner: seen.Owner, Steps: []plan.Step{{Change: change}}}, want); err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "%s was restarted.\n", addr)
	return nil
}

// carryOut checks and runs the few steps of a command about one resource; unwritten is why what they did is not in the ledger.
func (c *cli) carryOut(m *apply.Machine, seen *apply.Observation, way *plan.Plan, want resource.State) (unwritten, err error) {
	if err := c.problems(nil, m.Check(c.ctx, changes(way), want)); err != nil {
		return nil, err
	}
	r := &reporter{c: c, steps: way.Steps}
	errs, unwritten := m.Run(c.ctx, way, seen, nil, want, apply.Options{Parallelism: 1, Settle: settleTime, Event: r.event, Unwritten: true})
	if unwritten != nil && errs == nil { // no step was begun
		return nil, unwritten
	}
	return unwritten, r.failed(errs, false)
}

// now is the time for the record.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// applied is a resource in the ledger.
type applied struct {
	owner string
	addr  resource.Addr
}

// findApplied finds the resources of kinds that fit, of every configuration or of
// that one, by their address or their name on the host. There is one at least.
func findApplied(ledger *apply.Ledger, configuration, name string, fits func(resource.Kind) bool) ([]applied, error) {
	owners := slices.Sorted(maps.Keys(ledger.Owners))
	if configuration != "" && ledger.Owners[configuration] == nil {
		return nil, fmt.Errorf("-name: configuration %q has nothing on this host%s", configuration, hcl.DidYouMean(configuration, owners))
	}
	var found []applied
	var known []string
	var unread error
	for _, o := range owners {
		if configuration != "" && o != configuration {
			continue
		}
		unread = errors.Join(unread, ledger.Unread(o))
		for _, a := range ledger.Owners[o].Last.Addrs() {
			kind, _ := kinds().Lookup(a.Kind)
			if !fits(kind) {
				continue
			}
			if a.String() == name || a.HostName() == name {
				found = append(found, applied{o, a})
			}
			known = append(known, a.String())
		}
	}
	switch {
	case len(found) > 0:
		return found, nil
	case unread != nil:
		return nil, unread
	case len(known) == 0:
		return nil, fmt.Errorf("there is nothing of the sort on this host: it was not applied yet")
	}
	return nil, fmt.Errorf("there is no %q on this host%s (there are: %s)", name, hcl.DidYouMean(name, known), strings.Join(slices.Compact(known), ", "))
}

// choose returns the one that is meant with its configuration's observation. Of several, that is
// the one that is there: the ledger remembers also what a reboot ended and another
// configuration has in its place by now.
func choose(found []applied, observe func(owner string) (*apply.Observation, error)) (seen *apply.Observation, addr resource.Addr, err error) {
	live := 0
	var owners []string
	for _, a := range found {
		o, err := observe(a.owner)
		if err != nil {
			return nil, addr, err
		}
		owners = append(owners, fmt.Sprintf("%s of %q", a.addr, a.owner))
		if there := o.Live[a.addr] != nil; len(found) == 1 || there {
			live++
			seen, addr = o, a.addr
		}
	}
	if live != 1 {
		return nil, addr, fmt.Errorf("several configurations have one: %s; say which with -name=CONFIGURATION", strings.Join(owners, ", "))
	}
	return seen, addr, nil
}

// caller is who runs this command, for the record: the one behind sudo or doas where it says.
func caller() string {
	for _, name := range []string{"SUDO_USER", "DOAS_USER", "LOGNAME"} {
		if who := os.Getenv(name); who != "" && len(who) <= 64 {
			return printable(who)
		}
	}
	return "root"
}

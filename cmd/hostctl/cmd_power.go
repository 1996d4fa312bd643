package main

import (
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
	example: "hostctl stop container.web\nhostctl stop 'container.worker[\"mail\"]'",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		p := powering{on: false}
		p.register(fs)
		return p.run
	},
}

var startCommand = command{
	name: "start", operands: "CONTAINER",
	summary: "Start a container that was stopped, and forget that it was",
	example: "hostctl start container.web",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		p := powering{on: true}
		p.register(fs)
		return p.run
	},
}

// powering is what start and stop have in common.
type powering struct {
	on          bool
	name        string
	lockTimeout time.Duration
}

func (p *powering) register(fs *flag.FlagSet) {
	fs.StringVar(&p.name, "name", "", "the container of `CONFIGURATION`, where several have one of that name (hostctl ls lists them)")
	fs.DurationVar(&p.lockTimeout, "lock-timeout", 0, "wait this `TIME` for another hostctl to finish")
}

// run starts or stops one resource that was applied before, and records it
// first: killed in between, the next apply does what was meant.
func (p *powering) run(c *cli, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want one CONTAINER, such as container.web")
	}
	lock, err := c.lockHost(p.lockTimeout)
	if err != nil {
		return err
	}
	defer lock.Release()
	m, err := openMachine(c.ctx)
	if err != nil {
		return err
	}
	ledger, _, err := apply.ReadLedger(m.LedgerPath, m.ID, m.Kinds)
	if err != nil {
		return err
	}
	found, err := findApplied(ledger, p.name, args[0])
	if err != nil {
		return err
	}
	seen, addr, err := choose(found, func(owner string) (*apply.Observation, error) { return m.Observe(c.ctx, owner) })
	if err != nil {
		return err
	}
	return p.change(c, m, seen, addr)
}

// change makes one resource run, or not.
func (p *powering) change(c *cli, m *apply.Machine, seen *apply.Observation, addr resource.Addr) error {
	owner := seen.Owner
	record := seen.Ledger.Owner(owner)
	kind, _ := m.Kinds.Lookup(addr.Kind)
	want := maps.Clone(seen.Live)
	if p.on {
		delete(record.Stopped, addr)
		want[addr] = kind.Started(record.Last[addr])
	} else {
		record.Stopped[addr] = apply.Stop{By: caller(), At: time.Now().UTC().Truncate(time.Second)}
		if live := seen.Live[addr]; live != nil {
			want[addr] = kind.Stopped(live)
		}
	}
	if err := seen.Ledger.Write(m.LedgerPath); err != nil {
		return err
	}
	way := plan.Make(want, seen.Last, seen.Live, plan.Options{Kinds: m.Kinds, Owner: owner})
	way.Record, way.Forget = nil, nil // of the others nothing is known here that is not known already
	if err := c.problems(nil, m.Check(c.ctx, changes(way), want)); err != nil {
		return err
	}
	r := &reporter{c: c, steps: way.Steps}
	errs, ledgerErr := m.Run(c.ctx, way, seen, nil, want, apply.Options{Parallelism: 1, Settle: settleTime, Event: r.event})
	err := r.failed(errs, false)
	switch {
	case ledgerErr != nil:
		return ledgerErr
	case err != nil:
		return err
	case p.on:
		fmt.Fprintf(c.stdout, "%s runs.\n", addr)
	default:
		fmt.Fprintf(c.stdout, "%s is stopped, and stays so until `hostctl start %s`.\n", addr, addr)
	}
	return nil
}

// applied is a resource in the ledger.
type applied struct {
	owner string
	addr  resource.Addr
}

// findApplied finds the resources that can be stopped, of every configuration or of
// that one, by their address or their name on the host. There is one at least.
func findApplied(ledger *apply.Ledger, configuration, name string) ([]applied, error) {
	owners := slices.Sorted(maps.Keys(ledger.Owners))
	if configuration != "" && ledger.Owners[configuration] == nil {
		return nil, fmt.Errorf("-name: configuration %q has nothing on this host%s", configuration, hcl.DidYouMean(configuration, owners))
	}
	var found []applied
	var known []string
	for _, o := range owners {
		if configuration != "" && o != configuration {
			continue
		}
		for _, a := range ledger.Owners[o].Last.Addrs() {
			kind, _ := kinds().Lookup(a.Kind)
			if kind.Stopped == nil {
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
	case len(known) == 0:
		return nil, fmt.Errorf("nothing on this host can be started or stopped: no container was applied yet")
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

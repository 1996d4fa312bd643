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
	"hostctl/host"
	"hostctl/plan"
	"hostctl/resource"
)

var stopCommand = command{
	name: "stop", operands: "CONTAINER",
	summary: "Stop a container and remember it: apply leaves it stopped until `hostctl start`",
	example: "hostctl stop container.web\nhostctl stop 'container.worker[\"mail\"]'",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		wait := fs.Duration("lock-timeout", 0, "wait this `TIME` for another hostctl to finish")
		return func(c *cli, args []string) error { return power(c, args, *wait, false) }
	},
}

var startCommand = command{
	name: "start", operands: "CONTAINER",
	summary: "Start a container that was stopped, and forget that it was",
	example: "hostctl start container.web",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		wait := fs.Duration("lock-timeout", 0, "wait this `TIME` for another hostctl to finish")
		return func(c *cli, args []string) error { return power(c, args, *wait, true) }
	},
}

// power starts or stops one resource that was applied before, and records it
// first: killed in between, the next apply does what was meant.
func power(c *cli, args []string, wait time.Duration, on bool) error {
	if len(args) != 1 {
		return fmt.Errorf("want one CONTAINER, such as container.web")
	}
	lock, err := host.TakeLock(c.ctx, lockPath, wait)
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
	owner, addr, err := findApplied(ledger, args[0])
	if err != nil {
		return err
	}
	seen, err := m.Observe(c.ctx, owner)
	if err != nil {
		return err
	}
	record := seen.Ledger.Owner(owner)
	kind, _ := m.Kinds.Lookup(addr.Kind)
	want := maps.Clone(seen.Live)
	if on {
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
	p := plan.Make(want, seen.Last, seen.Live, plan.Options{Kinds: m.Kinds, Owner: owner})
	p.Record, p.Forget = nil, nil // of the others nothing is known here that is not known already
	if err := c.problems(nil, m.Check(c.ctx, changes(p), want)); err != nil {
		return err
	}
	r := &reporter{c: c, steps: p.Steps}
	errs, err := m.Run(c.ctx, p, seen, nil, want, apply.Options{Parallelism: 1, Settle: settleTime, Event: r.event})
	switch {
	case err != nil:
		return err
	case len(errs) > 0:
		return r.failed(errs)
	case on:
		fmt.Fprintf(c.stdout, "%s runs.\n", addr)
	default:
		fmt.Fprintf(c.stdout, "%s is stopped, and stays so until `hostctl start %s`.\n", addr, addr)
	}
	return nil
}

// findApplied finds a resource that can be stopped, in whatever configuration,
// by its address or by its name on the host.
func findApplied(ledger *apply.Ledger, name string) (owner string, addr resource.Addr, err error) {
	var known []string
	for _, o := range slices.Sorted(maps.Keys(ledger.Owners)) {
		for _, a := range ledger.Owners[o].Last.Addrs() {
			kind, _ := kinds().Lookup(a.Kind)
			if kind.Stopped == nil {
				continue
			}
			if a.String() == name || a.HostName() == name {
				return o, a, nil
			}
			known = append(known, a.String())
		}
	}
	if len(known) == 0 {
		return "", addr, fmt.Errorf("nothing on this host can be started or stopped: no container was applied yet")
	}
	return "", addr, fmt.Errorf("there is no %q on this host%s (there are: %s)", name, hcl.DidYouMean(name, known), strings.Join(known, ", "))
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

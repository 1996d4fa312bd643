package main

import (
	"flag"
	"fmt"
	"time"

	"hostctl/apply"
	"hostctl/resource"
)

var holdCommand = command{
	name: "hold", operands: "ADDRESS",
	summary: "Keep a resource exactly as it is for a while: no apply touches it until then",
	details: "What was changed of it by hand stays too, and so does what its program needs: an apply that would have to remove that, or make it anew, is refused. plan, status and drift say who holds what, until when and why. `hostctl release` ends a hold; one that has ended by itself is said once, and dropped by the next apply.",
	example: "hostctl hold container.web -for 2h -why 'debugging, ask ann'\nhostctl release container.web",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var p purpose
		p.register(fs)
		p.registerWhy(fs)
		span := fs.Duration("for", 0, "hold it for this `TIME`, such as 2h")
		return func(c *cli, args []string) error {
			if *span < time.Second {
				return fmt.Errorf("say for how long with -for, such as -for=2h")
			}
			return p.run(c, "ADDRESS", args, anyKind, func(c *cli, m *apply.Machine, seen *apply.Observation, addr resource.Addr) error {
				h := apply.Hold{By: caller(), At: now(), Until: now().Add(span.Round(time.Second)), Why: p.why}
				seen.Ledger.Owner(seen.Owner).Held[addr] = h
				if err := seen.Ledger.Write(m.LedgerPath); err != nil {
					return err
				}
				fmt.Fprintf(c.stdout, "%s is held until %s, or until `hostctl release %s`.\n", addr, minute(h.Until), addr)
				return nil
			})
		}
	},
}

var releaseCommand = command{
	name: "release", operands: "ADDRESS",
	summary: "End the hold of a resource: the next apply makes it as declared",
	example: "hostctl release container.web",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var p purpose
		p.register(fs)
		return func(c *cli, args []string) error {
			return p.run(c, "ADDRESS", args, anyKind, func(c *cli, m *apply.Machine, seen *apply.Observation, addr resource.Addr) error {
				record := seen.Ledger.Owner(seen.Owner)
				if _, held := record.Held[addr]; !held {
					return fmt.Errorf("%s is not held", addr)
				}
				delete(record.Held, addr)
				if err := seen.Ledger.Write(m.LedgerPath); err != nil {
					return err
				}
				fmt.Fprintf(c.stdout, "%s is held no more.\n", addr)
				return nil
			})
		}
	},
}

func anyKind(resource.Kind) bool { return true }

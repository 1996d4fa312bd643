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
	"hostctl/host"
	"hostctl/resource"
)

var confirmCommand = command{
	name:    "confirm",
	summary: "Keep what apply or rollback did with -confirm",
	details: `
A change that may cut you off, such as one of the network that you come over, is made with
` + "`-confirm=60s`" + `: unless this command is run within that time of its end, systemd has hostctl undo
it, also where the apply was killed, failed or never ended. After a reboot ` + "`hostctl replay`" + ` undoes it.

Without -name it is the one that waits on this host.`,
	example: "hostctl apply -confirm 60s\nhostctl confirm\nhostctl confirm -name shop",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		name := fs.String("name", "", "the change of `CONFIGURATION`, where those of several wait")
		lockTimeout := fs.Duration("lock-timeout", 10*time.Minute, "wait this `TIME` for another hostctl to finish")
		return func(c *cli, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unexpected %q; a configuration is named with -name", args[0])
			}
			return keep(c, *name, *lockTimeout)
		}
	},
}

// keep confirms what waits. The ledger is the first to know: killed after that, the timer finds nothing to undo.
func keep(c *cli, name string, lockTimeout time.Duration) error {
	lock, m, ledger, err := c.lockLedger(lockTimeout)
	if err != nil {
		return err
	}
	defer lock.Release()
	if err := ledger.Unread(name); err != nil {
		return err
	}
	owner, err := whoWaits(m, ledger, name)
	if err != nil {
		return err
	}
	w := ledger.Owners[owner].Pending
	ledger.Owners[owner].Pending = nil
	if err := ledger.Write(m.LedgerPath); err != nil {
		return err
	}
	how := ""
	if heads, _, err := m.Generations(owner).Heads(); err == nil {
		if i := slices.IndexFunc(heads, func(h *apply.Head) bool { return h.Number == w.Generation }); i >= 0 && !heads[i].Done() {
			how = fmt.Sprintf(" as it is (%s); the next apply goes on from there", outcomeOf(heads[i]))
		}
	}
	fmt.Fprintf(c.stdout, "Generation %d of configuration %q is confirmed, and stays%s.\n", w.Generation, owner, how)
	return c.disarmed(owner)
}

// whoWaits is the configuration whose change waits: the one of that name, or where it is "" the only one.
func whoWaits(m *apply.Machine, ledger *apply.Ledger, name string) (string, error) {
	var waits []string
	for _, owner := range slices.Sorted(maps.Keys(ledger.Owners)) {
		if ledger.Owners[owner].Pending != nil && (name == "" || name == owner) {
			waits = append(waits, owner)
		}
	}
	switch {
	case len(waits) == 1:
		return waits[0], nil
	case len(waits) > 1:
		return "", fmt.Errorf("changes of several configurations wait for confirmation: %s; say which with -name", strings.Join(waits, ", "))
	}
	names := []string{name}
	if name == "" {
		var err error
		if names, err = m.Remembered(); err != nil {
			return "", err
		}
	} else if err := resource.CheckName(name); err != nil {
		return "", fmt.Errorf("-name %q: %w", name, err)
	}
	said := "nothing waits for confirmation"
	for _, owner := range names {
		if h, err := m.Generations(owner).Newest(); err == nil && h != nil && h.Undoes != 0 {
			said += fmt.Sprintf("; generation %d of configuration %q was undone on %s", h.Undoes, owner, second(h.Begun))
		}
	}
	return "", errors.New(said)
}

// undoCommand is what the timer's service runs.
var undoCommand = command{
	name: undoArg, operands: "CONFIGURATION", hidden: true,
	summary: "Undo the change of a configuration that nobody confirmed in time",
	example: "hostctl " + undoArg + " shop",
	setup: func(*flag.FlagSet) func(*cli, []string) error {
		return func(c *cli, args []string) error {
			if len(args) != 1 {
				return errors.New("want one CONFIGURATION")
			}
			for {
				left, err := undoLate(c, args[0])
				if err != nil || left <= 0 {
					return err
				}
				select { // the change took its time, and its window was counted from its end
				case <-c.ctx.Done():
					return c.ctx.Err()
				case <-time.After(left):
				}
			}
		}
	},
}

// undoLate undoes the configuration's change if nobody confirmed it in time; left is how long there is until then.
func undoLate(c *cli, owner string) (left time.Duration, err error) {
	lock, m, ledger, err := c.lockLedger(mostWindow) // of the change itself too, which may not have ended
	if err != nil {
		return 0, err
	}
	defer lock.Release()
	if err := ledger.Unread(owner); err != nil {
		return 0, err
	}
	boot, err := host.BootID()
	if err != nil {
		return 0, err
	}
	record := ledger.Owners[owner]
	if record == nil || record.Pending == nil {
		_, err := fmt.Fprintf(c.stdout, "Nothing of configuration %q waits for confirmation.\n", owner)
		return 0, err
	}
	if left := record.Pending.Left(boot, host.Monotonic()); left > 0 {
		return left, nil
	}
	pol, err := c.policy()
	if err != nil {
		return 0, err
	}
	if err := pol.enforce(); err != nil {
		return 0, err
	}
	fmt.Fprintf(c.stdout, "Generation %d of configuration %q was not confirmed until %s: it is undone.\n", record.Pending.Generation, owner, second(record.Pending.Until))
	return 0, undoNow(c, m, pol, owner, record.Pending)
}

// undoNow undoes a change, but for what something stands in the way of: that waits for the next time.
func undoNow(c *cli, m *apply.Machine, pol *hostPolicy, owner string, w *apply.Pending) error {
	back, err := backBefore(c, m, owner, w, false)
	if err != nil {
		return err
	}
	p, failed, err := back.most(c, m, pol)
	if err != nil {
		return err
	}
	if p == nil {
		return failed
	}
	if err := c.diagnose(p.warnings()); err != nil {
		return err
	}
	a := applying{parallelism: parallelism, byTimer: true}
	if _, err = a.run(c, p, nil, undoOrigin(w)); err != nil {
		return err
	}
	return failed
}

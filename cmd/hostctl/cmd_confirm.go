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
	"hostctl/hcl"
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
This counts from when it is given, also while it waits for another hostctl to finish.

What the change did something to is undone, and all else stays as it is by then; what was stopped
or held on purpose stays so, and no data is deleted. Where something stands in the way of a
resource, it and what refers to it are left out, and wait for the next try: one of a few that
follow, a boot, or ` + "`hostctl rollback`" + `.

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

// given are the confirmations that nobody saw to yet.
const given = apply.Given(runPath)

// keep confirms what waits. The ledger is the first to know: killed after that, the timer finds nothing to undo. Before it waits for the
// lock it leaves a note, which an undo heeds that has it first.
func keep(c *cli, name string, lockTimeout time.Duration) error {
	if err := needRoot(changesHost); err != nil {
		return err
	}
	noted, of, err := note(c, name)
	if err != nil {
		return err
	}
	lock, m, ledger, err := c.lockLedger(lockTimeout)
	if errors.Is(err, host.ErrLocked) && of != nil {
		err = fmt.Errorf("%w; that generation %d of configuration %q is confirmed is noted, and counts if it is in time", err, of.Generation, noted)
	}
	if err != nil {
		return err
	}
	defer lock.Release()
	if err := ledger.Unread(name); err != nil {
		return err
	}
	owner := noted
	if of == nil {
		if owner, err = whoWaits(m, ledger, name); err != nil {
			return err
		}
	} else if w := ledger.Owner(noted).Pending; w == nil || w.Generation != of.Generation { // no other that waits by now is meant
		return waitsNoMore(c, m, noted, of.Generation)
	}
	if err := c.confirmed(m, ledger, owner); err != nil {
		return err
	}
	return c.disarmed(owner)
}

// waitsNoMore says what became of a change while its confirmation waited for the lock: an undo that had it first may have heeded the note.
func waitsNoMore(c *cli, m *apply.Machine, owner string, generation uint64) error {
	_ = given.Remove(owner, generation) // where that undo did not find it
	newest, err := m.Generations(owner).Newest()
	switch {
	case err != nil:
		return err
	case newest == nil || newest.Number != generation || newest.Ending != nil && newest.Outcome == apply.OutcomeRolledBack:
		return fmt.Errorf("generation %d of configuration %q waits no more, and is not kept: another hostctl ended it; `hostctl generations -name %s` says how", generation, owner, owner)
	}
	c.kept(m, owner, generation)
	return nil
}

// note leaves word of which change is confirmed, where it is known which that is: what keeps it from being known is said under the lock.
func note(c *cli, name string) (owner string, of *apply.Pending, err error) {
	id, err := host.ID()
	if err != nil {
		return "", nil, nil
	}
	ledger, _, err := apply.ReadLedger(ledgerPath, id, kinds())
	if err != nil {
		return "", nil, nil
	}
	waits := waiting(ledger, name)
	if len(waits) != 1 {
		return "", nil, nil
	}
	boot, err := host.BootID()
	if err != nil {
		return "", nil, err
	}
	owner, of = waits[0], ledger.Owners[waits[0]].Pending
	if err := given.Leave(owner, of.Generation, boot, host.Monotonic()); err != nil {
		return "", nil, c.diagnose(hcl.Diagnostics{{Severity: hcl.Warning, Summary: "Nobody knows yet that this is confirmed", Detail: err.Error() + ". An undo that has the host's lock first does not heed it."}})
	}
	return owner, of, nil
}

// confirmed ends the waiting of the configuration's change, in the ledger first.
func (c *cli) confirmed(m *apply.Machine, ledger *apply.Ledger, owner string) error {
	generation := ledger.Owners[owner].Pending.Generation
	ledger.Owners[owner].Pending = nil
	if err := ledger.Write(m.LedgerPath); err != nil {
		return err
	}
	_ = given.Remove(owner, generation) // of what waits no more it says nothing
	c.kept(m, owner, generation)
	return nil
}

// kept says that a generation is confirmed.
func (c *cli) kept(m *apply.Machine, owner string, generation uint64) {
	how := ""
	if heads, _, err := m.Generations(owner).Heads(); err == nil {
		if i := slices.IndexFunc(heads, func(h *apply.Head) bool { return h.Number == generation }); i >= 0 && !heads[i].Done() {
			how = fmt.Sprintf(" as it is (%s); the next apply goes on from there", outcomeOf(heads[i]))
		}
		if i := slices.IndexFunc(heads, func(h *apply.Head) bool { return h.Undoes == generation }); i >= 0 {
			how = fmt.Sprintf(" but for what generation %d undid of it; the next apply goes on from there", heads[i].Number)
		}
	}
	fmt.Fprintf(c.stdout, "Generation %d of configuration %q is confirmed, and stays%s.\n", generation, owner, how)
}

// waiting are the configurations of that name whose changes wait; "" is every name.
func waiting(ledger *apply.Ledger, name string) (waits []string) {
	for _, owner := range slices.Sorted(maps.Keys(ledger.Owners)) {
		if ledger.Owners[owner].Pending != nil && (name == "" || name == owner) {
			waits = append(waits, owner)
		}
	}
	return waits
}

// whoWaits is the configuration whose change waits: the one of that name, or where it is "" the only one.
func whoWaits(m *apply.Machine, ledger *apply.Ledger, name string) (string, error) {
	waits := waiting(ledger, name)
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
	if given.InTime(owner, record.Pending) { // by somebody who waits for the lock still, or was cut off
		return 0, c.confirmed(m, ledger, owner)
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

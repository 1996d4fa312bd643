package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"time"

	"hostctl/apply"
	"hostctl/host"
	"hostctl/resource"
	"hostctl/resource/volume"
)

// replayParallelism is how many steps a replay does at once: enough that starting one is not waiting for another. A host that boots has other work too.
const replayParallelism = 16

// mountWait is how long a replay waits for mounts: as long as systemd does for a device, DefaultTimeoutStartSec.
const mountWait = 90 * time.Second

var replayCommand = command{
	name:    "replay",
	summary: "Put back what was last applied of every configuration, as at boot",
	details: `
` + "`hostctl install`" + ` has the host do this when it boots. Neither a repository nor the network is needed: each resource is made again as the
ledger says that it was last applied, which is the current generation where that was applied whole. What was stopped on purpose stays
stopped, what is held and still there stays as it is; nothing is removed. It is judged by today's policy.

A change that waited for ` + "`hostctl confirm`" + ` when the host went down is undone: what it
did something to is put back as it was last applied before, and what it had made is removed.
An adoption that was cut off goes on.

Where something stands in the way of a resource, or this release takes it no more, it and what refers to it are left out, the rest is put
back, and the exit code is not 0. So it is where the ledger cannot be written: then all is put back, and not remembered.
A volume whose mountpoint nothing is mounted at yet is waited for.`,
	example: "hostctl replay\nsystemctl restart hostctl.service",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var r replaying
		fs.IntVar(&r.parallelism, "parallelism", replayParallelism, "do at most `N` steps at a time")
		fs.DurationVar(&r.mountWait, "mount-timeout", mountWait, "wait this `TIME` for the mountpoints of volumes")
		fs.DurationVar(&r.lockTimeout, "lock-timeout", time.Minute, "wait this `TIME` for another hostctl to finish")
		return func(c *cli, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unexpected %q; all configurations are put back", args[0])
			}
			if r.parallelism < 1 {
				return fmt.Errorf("-parallelism=%d: at least one step is done at a time", r.parallelism)
			}
			return r.run(c)
		}
	},
}

// replaying is one run of replay.
type replaying struct {
	parallelism            int
	mountWait, lockTimeout time.Duration
}

func (r *replaying) run(c *cli) error {
	lock, err := c.lockHost(r.lockTimeout)
	if err != nil {
		return err
	}
	defer lock.Release()
	pol, err := c.policy()
	if err != nil {
		return err
	}
	m, err := openMachine(c.ctx)
	if err != nil {
		return err
	}
	if err := pol.enforce(); err != nil {
		return err
	}
	ledger, found, err := apply.ReadLedger(m.LedgerPath, m.ID, m.Kinds)
	if err != nil {
		return err
	}
	if names, err := m.Remembered(); !found && (err != nil || len(names) > 0) {
		return errors.Join(err, fmt.Errorf("the ledger %s is missing, and with it which ids the containers had, so that nothing is put back; apply each configuration again", m.LedgerPath))
	}
	deadline := time.Now().Add(r.mountWait)
	half := map[string]bool{} // an adoption that was cut off goes on first, and keeps no others waiting
	for former, a := range ledger.Adopting {
		half[former], half[a.By] = true, true
	}
	worst := r.configurations(c, m, pol, ledger, func(owner string) bool { return !half[owner] }, deadline)
	if len(half) == 0 {
		return worst
	}
	if ledger, _, err = apply.ReadLedger(m.LedgerPath, m.ID, m.Kinds); err != nil {
		return worse(worst, err)
	}
	worst = worse(worst, r.adoptOn(c, m, pol, ledger, deadline))
	if ledger, _, err = apply.ReadLedger(m.LedgerPath, m.ID, m.Kinds); err != nil {
		return worse(worst, err)
	}
	return worse(worst, r.configurations(c, m, pol, ledger, func(owner string) bool { return half[owner] }, deadline))
}

// configurations puts back those of the ledger's that are of the batch. One that waits for a mount does not keep the others waiting.
func (r *replaying) configurations(c *cli, m *apply.Machine, pol *hostPolicy, ledger *apply.Ledger, batch func(owner string) bool, deadline time.Time) (worst error) {
	var now, later []string
	undone := map[string]*apply.Pending{}
	want := func(owner string) resource.State {
		if w := undone[owner]; w != nil {
			return w.Before.Last
		}
		return ledger.Owners[owner].Last
	}
	for _, owner := range slices.Sorted(maps.Keys(ledger.Owners)) {
		if !batch(owner) {
			continue
		}
		if w := ledger.Owners[owner].Pending; w != nil && given.InTime(owner, w) {
			if err := c.confirmed(m, ledger, owner); err != nil { // it is kept all the same, and nobody will know
				worst = worse(worst, r.said(c, owner, err))
			}
		} else if w != nil {
			var err error
			if undone[owner], err = abandoned(c.ctx, owner, w); err != nil {
				worst = worse(worst, r.said(c, owner, err))
				continue
			}
		}
		if mounted(want(owner)) {
			now = append(now, owner)
		} else {
			later = append(later, owner)
		}
	}
	for i, owner := range append(now, later...) {
		if i >= len(now) {
			awaitMounts(c.ctx, want(owner), deadline)
		}
		worst = worse(worst, r.configuration(c, m, pol, owner, undone[owner]))
	}
	return worst
}

// abandoned is the change that waits, where the timer is gone that would undo it: a reboot takes it away. nil where it is there.
func abandoned(ctx context.Context, owner string, w *apply.Pending) (*apply.Pending, error) {
	systemd, err := host.DialSystemd(ctx)
	if err != nil {
		return nil, err
	}
	defer systemd.Close()
	if waits, err := armed(ctx, systemd, owner); waits || err != nil {
		return nil, err
	}
	return w, nil
}

// worse is the error to end with: one that says more than that the policy refused.
func worse(a, b error) error {
	if a == nil || b != nil && a == exitStatus(exitRefused) {
		return b
	}
	return a
}

// configuration puts one configuration back, or undoes its change; nil is none. What it has to say it has printed when the error is an exit status.
func (r *replaying) configuration(c *cli, m *apply.Machine, pol *hostPolicy, owner string, undone *apply.Pending) error {
	p, failed, err := r.propose(c, m, pol, owner, undone)
	if err != nil {
		return r.said(c, owner, err)
	}
	if p == nil {
		return failed
	}
	if undone != nil {
		fmt.Fprintf(c.stdout, "Generation %d of configuration %q was not confirmed before this host went down: it is undone.\n", undone.Generation, owner)
		a := applying{parallelism: r.parallelism, atBoot: true}
		if _, err := a.run(c, p, nil, undoOrigin(undone)); err != nil {
			return worse(failed, r.said(c, owner, err))
		}
		return failed
	}
	begun := time.Now()
	report := &reporter{c: c, steps: p.plan.Steps}
	errs, err := m.Run(c.ctx, p.plan, p.seen, p.grants, p.plan.Want, apply.Options{Parallelism: r.parallelism, Replay: true, Unwritten: true, Event: report.event})
	if len(errs) > 0 {
		failed = worse(failed, report.failed(errs, false))
	}
	if err != nil && errs == nil { // no step was begun
		return worse(failed, r.said(c, owner, err))
	}
	if err != nil {
		failed = worse(failed, r.said(c, owner, fmt.Errorf("it is put back all the same, but the ledger cannot be written, so that no change could be remembered: %w", err)))
	}
	if len(errs) == 0 {
		fmt.Fprintf(c.stdout, "Configuration %q: %s put back in %s, %d there already, %d left out.\n", owner, countOf(len(p.plan.Resources), "resource"),
			round(time.Since(begun)), len(p.want)-len(p.plan.Resources), len(p.seen.Last)-len(p.want))
	}
	return failed
}

// said prints an error of one configuration, after which the next one has its turn.
func (r *replaying) said(c *cli, owner string, err error) error {
	if _, said := err.(exitStatus); said {
		return err
	}
	return exitStatus(c.report(fmt.Errorf("configuration %q: %w", owner, err)))
}

// propose plans the way back to what was last applied, or with a change to undo to what was before it.
func (r *replaying) propose(c *cli, m *apply.Machine, pol *hostPolicy, owner string, undone *apply.Pending) (p *proposal, failed, err error) {
	if undone != nil {
		back, err := backBefore(c, m, owner, undone, true)
		if err != nil {
			return nil, nil, err
		}
		return back.most(c, m, pol)
	}
	back, err := backToLast(c, m, owner)
	if err != nil {
		return nil, nil, err
	}
	if p, failed, err = back.most(c, m, pol); p != nil {
		p.plan.Record, p.plan.Forget = nil, nil // of what is not put back the ledger knows what there is to know
	}
	return p, failed, err
}

// mounted reports whether something is mounted at every mountpoint that a volume names.
func mounted(state resource.State) bool {
	missing := map[string]bool{}
	for _, spec := range state {
		if v, ok := spec.(*volume.Volume); ok && v.Mountpoint != "" {
			missing[v.Mountpoint] = true
		}
	}
	if len(missing) == 0 {
		return true
	}
	mounts, err := host.Mounts()
	if err != nil {
		return false
	}
	for _, m := range mounts {
		delete(missing, m.Point)
	}
	return len(missing) == 0
}

// awaitMounts waits for what mounted asks, at the longest until the deadline: whoever plans then says what is missing.
func awaitMounts(ctx context.Context, state resource.State, deadline time.Time) {
	for !mounted(state) && time.Now().Before(deadline) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

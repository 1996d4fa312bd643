package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"hostctl/apply"
	"hostctl/hcl"
	"hostctl/host"
	"hostctl/plan"
	"hostctl/resource"
	"hostctl/resource/container"
	"hostctl/resource/volume"
)

// A change with -confirm is undone unless somebody confirms it in time. A timer of systemd's is there before the first step, and starts
// hostctl, which waits for the lock and then asks the ledger: the ledger alone says whether something is to be undone, and
// when. So nothing has to be taken back in the right order: a timer that was left over finds nothing to do, and one that comes too early waits.

// The bounds of -confirm.
const (
	leastWindow = time.Second
	mostWindow  = 24 * time.Hour
)

// undoArg is the command that the timer's service runs, with a configuration's name.
const undoArg = "__undo"

// undoUnits are the units that undo a configuration's change. No container has a "_" in its name, so that none has these.
func undoUnits(owner string) (timer, service string) {
	return "hostctl_confirm-" + owner + ".timer", "hostctl_confirm-" + owner + ".service"
}

// unitDoor is what arming takes of systemd's door.
type unitDoor interface {
	List(ctx context.Context, patterns ...string) ([]host.Unit, error)
	Properties(ctx context.Context, unit string, names ...string) (map[string]any, error)
	StartTransient(ctx context.Context, unit host.Transient, aux ...host.Transient) error
	Remove(ctx context.Context, units ...string) error
}

// arm has systemd start the program to undo the configuration's change when the window is over. An undo that is killed, or in whose
// way something stood, is started a few times more; what the policy refuses is not.
func arm(ctx context.Context, systemd unitDoor, program, owner string, window time.Duration) error {
	if err := disarm(ctx, systemd, owner); err != nil {
		return err
	}
	timer, service := undoUnits(owner)
	return systemd.StartTransient(ctx,
		host.Transient{Name: timer, Properties: []host.Property{
			{Name: "Description", Value: "Time to confirm the change of " + owner},
			{Name: "TimersMonotonic", Value: []host.TimerMonotonic{{Base: "OnActiveSec", USec: uint64(window.Microseconds())}}},
			{Name: "AccuracyUSec", Value: uint64(1e5)},
			{Name: "RemainAfterElapse", Value: false},
			{Name: "CollectMode", Value: "inactive-or-failed"},
		}},
		host.Transient{Name: service, Properties: []host.Property{
			{Name: "Description", Value: "Undo of the change of " + owner + " that nobody confirmed"},
			{Name: "Type", Value: "oneshot"},
			{Name: "ExecStart", Value: []host.Command{{Path: program, Args: []string{program, undoArg, owner}}}},
			{Name: "SyslogIdentifier", Value: "hostctl"},
			{Name: "TimeoutStartUSec", Value: uint64(host.NoLimit)},
			{Name: "Restart", Value: "on-failure"},
			{Name: "RestartUSec", Value: uint64(5e6)},
			{Name: "RestartPreventExitStatus", Value: host.ExitStatuses{Statuses: []int32{exitRefused}, Signals: []int32{}}},
			{Name: "StartLimitIntervalUSec", Value: uint64(600e6)},
			{Name: "StartLimitBurst", Value: uint32(5)},
		}})
}

// disarm takes back what arm did, and does nothing where that is gone.
func disarm(ctx context.Context, systemd unitDoor, owner string) error {
	timer, service := undoUnits(owner)
	units, err := systemd.List(ctx, timer, service)
	if err != nil || len(units) == 0 {
		return err
	}
	for _, u := range units {
		names := []string{"Unit.Transient"}
		if u.Name == service {
			names = append(names, "Service.ExecStart")
		}
		p, err := systemd.Properties(ctx, u.Name, names...)
		if err != nil {
			return err
		}
		if p["Unit.Transient"] != true || u.Name == service && !startsUndo(p["Service.ExecStart"], owner) {
			return fmt.Errorf("unit %s is not hostctl's, and left alone; stop it, or remove its file", u.Name)
		}
	}
	return systemd.Remove(ctx, timer, service)
}

// startsUndo looks at ExecStart, a(sasbttttuii): one command, hostctl __undo OWNER.
func startsUndo(execStart any, owner string) bool {
	commands, _ := execStart.([][]any)
	if len(commands) != 1 || len(commands[0]) < 2 {
		return false
	}
	args, _ := commands[0][1].([]string)
	return len(args) == 3 && args[1] == undoArg && args[2] == owner
}

// armed reports whether systemd will undo the configuration's change, or is about to.
func armed(ctx context.Context, systemd unitDoor, owner string) (bool, error) {
	timer, service := undoUnits(owner)
	units, err := systemd.List(ctx, timer, service)
	for _, u := range units {
		if u.ActiveState == "active" || u.ActiveState == "activating" {
			return true, nil
		}
	}
	return false, err
}

// arm has the change undone unless it is confirmed. It comes before all that the change leaves.
func (a *applying) arm(c *cli, p *proposal) error {
	if err := ledgerKept(p); err != nil {
		return fmt.Errorf("-confirm: %w", err)
	}
	if reasons := noWayBack(p.plan, p.seen, p.options.Directives); len(reasons) > 0 {
		return fmt.Errorf("-confirm: an undo would not give back what was there before: %s. Nothing was changed; apply this first without -confirm", strings.Join(reasons, "; "))
	}
	program, err := trustedProgram()
	if err != nil {
		return fmt.Errorf("-confirm: %w", err)
	}
	systemd, err := host.DialSystemd(c.ctx)
	if err != nil {
		return err
	}
	defer systemd.Close()
	return arm(c.ctx, systemd, program, p.seen.Owner, a.window)
}

// ledgerKept refuses a host whose ledger is missing though it has had configurations: nobody knows what there is to go back to.
func ledgerKept(p *proposal) error {
	_, err := os.Lstat(p.machine.LedgerPath)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	names, err := p.machine.Remembered()
	if err == nil && (len(names) > 0 || p.seen.LedgerLost) {
		err = fmt.Errorf("the ledger %s is missing, so that nobody knows what there is to go back to; apply once without -confirm", p.machine.LedgerPath)
	}
	return err
}

// noWayBack says why the undo of a plan would not give back what was there before it, with the addresses; nothing where it would.
func noWayBack(p *plan.Plan, seen *apply.Observation, d resource.Directives) []string {
	found := map[string][]string{}
	var order []string
	say := func(reason string, addr resource.Addr) {
		if found[reason] == nil {
			order = append(order, reason)
		}
		if name := addr.String(); !slices.Contains(found[reason], name) {
			found[reason] = append(found[reason], name)
		}
	}
	for _, s := range p.Steps {
		v, _ := s.Last.(*volume.Volume)
		switch {
		case s.Import != "":
			say("it would remove what is imported", s.Addr)
		case s.Action == resource.Forget:
			say("it cannot take back what is forgotten", s.Addr)
		case s.Action == resource.Delete && !s.Replace && v != nil && v.OnDestroy == volume.Delete && !v.External:
			say(`it cannot bring back the data of a volume with on_destroy = "delete"`, s.Addr)
		}
		for _, addr := range []resource.Addr{s.Addr, s.From} {
			if _, imported := seen.Imported[addr]; !imported && seen.Last[addr] == nil && seen.Live[addr] != nil {
				say("nobody knows what was last applied", addr)
			}
		}
		if len(d.Lifecycle[s.Addr].IgnoreChanges) > 0 {
			say("it would not keep to ignore_changes", s.Addr)
		}
		for _, was := range []resource.Spec{seen.Last[s.Addr], seen.Last[s.From], seen.Live[s.Addr], seen.Live[s.From]} {
			if c, ok := was.(*container.Container); ok && c.Job && c.Schedule == (container.Schedule{}) {
				say("it would run a job again", s.Addr)
			}
		}
	}
	reasons := []string{}
	for _, reason := range order {
		reasons = append(reasons, reason+" ("+strings.Join(found[reason], ", ")+")")
	}
	return reasons
}

// askable refuses to ask while a change of any configuration waits: whoever asks has the host's lock, without which
// it can neither be confirmed nor undone.
func askable(l *apply.Ledger) error {
	for _, owner := range slices.Sorted(maps.Keys(l.Owners)) {
		if w := l.Owners[owner].Pending; w != nil {
			return fmt.Errorf("generation %d of configuration %q %s, and nobody can confirm it while this question is open; `hostctl confirm -name %s` first, or give -auto-approve", w.Generation, owner, fate(w), owner)
		}
	}
	return nil
}

// ask is confirm, where askable lets it.
func (p *proposal) ask(c *cli, question string) error {
	if err := askable(p.seen.Ledger); err != nil {
		return err
	}
	return c.confirm(question)
}

// disarmed ends the timer of a change that nothing is to be undone of any more. That it cannot is no failure: the timer will find nothing to do.
func (c *cli) disarmed(owner string) error {
	ctx := context.WithoutCancel(c.ctx)
	systemd, err := host.DialSystemd(ctx)
	if err == nil {
		defer systemd.Close()
		err = disarm(ctx, systemd, owner)
	}
	if err == nil {
		return nil
	}
	timer, _ := undoUnits(owner)
	return c.diagnose(hcl.Diagnostics{{Severity: hcl.Warning, Summary: timer + " could not be stopped", Detail: err.Error() + ". It will find nothing to undo."}})
}

// wait makes a pending change be undone when its window is over, counted from now.
func wait(w *apply.Pending, window time.Duration) error {
	boot, err := host.BootID()
	if err != nil {
		return err
	}
	w.Wait(window, time.Now(), boot, host.Monotonic())
	return nil
}

// conclude says, when a run is over, what becomes of the change that waits. With -confirm that is the run's own: its window is counted
// from now on, unless it was rolled back with nothing left. Else it is an earlier one, which a rollback or an undo ends by being done, with nothing of it left out.
func (a *applying) conclude(c *cli, p *proposal, own bool, outcome apply.Outcome) (waits *apply.Pending, err error) {
	of := p.seen.Pending()
	if !own && (of == nil || outcome != apply.OutcomeApplied || slices.ContainsFunc(p.options.Spared, of.Touches)) {
		return of, nil
	}
	err = p.machine.Amend(p.seen.Owner, func(o *apply.Owner) error {
		if !own || o.Pending == nil || outcome == apply.OutcomeRolledBack && reflect.DeepEqual(o.Last, o.Pending.Before.Last) {
			o.Pending = nil
			return nil
		}
		waits = o.Pending
		return wait(waits, a.window)
	})
	if err != nil || waits != nil {
		return waits, err
	}
	_ = given.Remove(p.seen.Owner, of.Generation) // of what waits no more it says nothing
	if !a.byTimer {                               // whose units end with this process
		err = c.disarmed(p.seen.Owner)
	}
	return nil, err
}

// told says what waits now, and that nothing does any more.
func (c *cli) told(p *proposal, waits *apply.Pending) {
	switch before := p.seen.Pending(); {
	case c.json:
	case waits != nil:
		fmt.Fprintf(c.stdout, "\n%s generation %d %s. To keep it: hostctl confirm -name %s\n", c.paint("33;1", "Not confirmed:"), waits.Generation, fate(waits), p.seen.Owner)
	case before != nil && p.options.Undoes != 0:
		fmt.Fprintf(c.stdout, "Generation %d is undone.\n", before.Generation)
	case before != nil:
		fmt.Fprintf(c.stdout, "Generation %d waits for confirmation no more.\n", before.Generation)
	}
}

// fate is what becomes of what waits, in the words after its name.
func fate(w *apply.Pending) string {
	if boot, err := host.BootID(); err == nil && w.Left(boot, host.Monotonic()) <= 0 {
		return "was to be undone at " + second(w.Until) + " and is still to be"
	}
	return "is undone at " + second(w.Until) + " unless it is confirmed"
}

// second is a time for people who have not many of them.
func second(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// unconfirmed refuses a change while another one waits.
func unconfirmed(seen *apply.Observation) error {
	w := seen.Pending()
	if w == nil {
		return nil
	}
	return fmt.Errorf("generation %d of configuration %q %s; keep it with `hostctl confirm -name %s`, or undo it now with `hostctl rollback -name %s`, and then go on",
		w.Generation, seen.Owner, fate(w), seen.Owner, seen.Owner)
}

// pendingWarning says to the reader of a plan what waits.
func pendingWarning(owner string, w *apply.Pending) hcl.Diagnostic {
	return hcl.Diagnostic{Severity: hcl.Warning, Summary: fmt.Sprintf("Generation %d waits for confirmation", w.Generation),
		Detail: fmt.Sprintf("It %s. `hostctl confirm -name %s` keeps it, `hostctl rollback -name %s` undoes it now.", fate(w), owner, owner)}
}

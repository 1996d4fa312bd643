package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"hostctl/host"
	"hostctl/resource"
	"hostctl/runtime"
)

// A job is a container whose program ends. It is run once for each change of its spec, also over reboots: its unit ends with the
// launcher noting which spec was run, in a file that outlives the host's /run. With a schedule a timer of the same name runs it instead.

const timerSuffix = ".timer"

// TimerUnit is the name of the timer of a job that has a schedule.
func TimerUnit(addr resource.Addr) string { return unitPrefix + addr.HostName() + timerSuffix }

func (c *Container) scheduled() bool { return c.Schedule != Schedule{} }

func (c *Container) validateJob(v *validator) {
	if c.scheduled() {
		if err := checkCalendar(c.Schedule.Calendar); err != nil {
			v.bad("schedule.calendar", fmt.Sprintf("%q is no calendar event", c.Schedule.Calendar), err.Error()+`; such as "daily", "Mon..Fri 22:30" or "*-*-1 03:00" (systemd.time(7))`)
		}
		if c.Schedule.RandomDelay > resource.Duration(24*time.Hour) {
			v.bad("schedule.random_delay", fmt.Sprintf("%s is out of range", c.Schedule.RandomDelay), "at most 24h")
		}
		if !c.Job {
			v.bad("schedule", "only a job is run by the calendar", "write job = true, or take the schedule away")
		}
	}
	if !c.Job {
		return
	}
	for _, no := range []struct {
		path string
		set  bool
	}{
		{"boot", c.Boot}, {"notify", c.Notify}, {"listen", len(c.Listen) > 0}, {"reload", c.Reload.Signal != "" || len(c.Reload.Exec) > 0},
		{"start_limit", c.StartLimit != StartLimit{}},
	} {
		if no.set {
			v.bad(no.path, fmt.Sprintf("a job has no %s", no.path), "it runs to its end; take it away, or job = true")
		}
	}
	if c.Restart != "on-failure" && c.Restart != "no" {
		v.bad("restart", fmt.Sprintf("a job is not restarted %q", c.Restart),
			`write "on-failure", so that the next apply runs one that failed again, or "no"`)
	}
}

// jobProperties are what a job's unit has otherwise than that of a service: it is started when it has ended. Systemd starts none again.
func (c *Container) jobProperties(name, launcher string) []host.Property {
	p := []host.Property{
		{Name: "Type", Value: "oneshot"},
		{Name: "Restart", Value: "no"},
		{Name: "TimeoutStartUSec", Value: uint64(host.NoLimit)},
	}
	if c.StartTimeout != 0 {
		p[2].Value = usec(c.StartTimeout)
	}
	if !c.scheduled() {
		p = append(p,
			host.Property{Name: "RemainAfterExit", Value: true},
			host.Property{Name: "ExecStartPost", Value: []host.Command{{Path: launcher, Args: []string{launcher, runtime.DoneFlag, name}}}})
	}
	return p
}

// timer is the unit that runs a job by the calendar.
func (c *Container) timer(self resource.Addr, owner string) host.Transient {
	p := []host.Property{
		describe(timerTitle, self, owner),
		{Name: "TimersCalendar", Value: []host.TimerCalendar{{Base: "OnCalendar", Event: c.Schedule.Calendar}}},
		{Name: "AccuracyUSec", Value: uint64(1e6)},
		{Name: "Persistent", Value: c.Schedule.Persistent},
		{Name: "CollectMode", Value: "inactive-or-failed"},
	}
	if c.Schedule.RandomDelay != 0 {
		p = append(p, host.Property{Name: "RandomizedDelayUSec", Value: usec(c.Schedule.RandomDelay)})
	}
	return host.Transient{Name: TimerUnit(self), Properties: p}
}

// ticks proves that the timer of the container's name, if it is there, is the container's. The error is [errForeign] where another made it.
func (h *Host) ticks(ctx context.Context, addr resource.Addr, owner string) (loaded bool, err error) {
	name := TimerUnit(addr)
	p, err := h.Systemd.Properties(ctx, name, "Unit.LoadState")
	if err != nil || p["Unit.LoadState"] == "not-found" {
		return false, err
	}
	if p, err = h.Systemd.Properties(ctx, name, "Unit.Transient", "Timer.Unit"); err != nil {
		return true, err
	}
	transient, _ := p["Unit.Transient"].(bool)
	ours := transient && p["Timer.Unit"] == Unit(addr)
	if ours {
		if ours, err = h.ours(ctx, Unit(addr), owner); err != nil {
			return true, err
		}
	}
	if !ours {
		return true, fmt.Errorf("timer %s: %w", name, errForeign)
	}
	return true, nil
}

// checkJob looks for what of others has the names that a job needs.
func (k *checker) checkJob(ctx context.Context, v *validator, change resource.Change, want *Container) {
	if !want.Job {
		return
	}
	if done, _, err := k.Specs.Done(change.Addr.HostName()); err == nil && done.Owner != change.Owner {
		v.bad("", fmt.Sprintf("%s of configuration %q has this name on the host", done.Address, done.Owner), "give the container another name; "+resource.AdoptRemedy(done.Owner))
	}
	if !want.scheduled() {
		return
	}
	name := TimerUnit(change.Addr)
	if file := unitFile(k.unitPath, name); file != "" {
		v.unitFile(file, name)
		return
	}
	switch _, err := k.ticks(ctx, change.Addr, change.Owner); {
	case errors.Is(err, errForeign) && k.remarks(change): // its mark is the unit's
	case errors.Is(err, errForeign):
		v.bad("", fmt.Sprintf("a timer %s is there that is not this configuration's", name), "it is left alone; give the container another name, or stop that timer")
	case err != nil:
		v.bad("", fmt.Sprintf("timer %s cannot be examined", name), err.Error())
	}
	if zone, ok := zoneOf(want.Schedule.Calendar); ok && zone != "UTC" {
		if _, err := os.Lstat(filepath.Join("/usr/share/zoneinfo", zone)); err != nil {
			v.bad("schedule.calendar", fmt.Sprintf("this host does not know the zone %s", zone), "install tzdata, or look at the name's spelling")
		}
	}
}

// isDone reports whether the spec that the name starts with was run to its end; after a reboot, when it starts nothing yet, whether any was.
func (h *Host) isDone(name string) bool {
	_, done, err := h.Specs.Done(name)
	if err != nil {
		return false
	}
	next, err := h.Specs.Linked(name)
	return errors.Is(err, fs.ErrNotExist) || next == done
}

// hasRun reports whether a job that is made anew was run to its end with all that it would run with: what has changed is its unit alone.
func (h *Host) hasRun(change resource.Change, want *Container) (bool, error) {
	if !want.Job || want.scheduled() {
		return false, nil
	}
	done, _, err := h.Specs.Done(change.Addr.HostName())
	if err != nil {
		return false, nil // never, or nobody can tell
	}
	next, err := want.launcherSpec(change.Addr, change.Owner)
	if err != nil {
		return false, err
	}
	done.Declared, next.Declared = nil, nil
	return reflect.DeepEqual(done, *next), nil
}

// updateJob changes a job. It runs where something of what it runs with has changed, or where it has not come to its end yet.
func (h *Host) updateJob(ctx context.Context, change resource.Change, want *Container, loaded, done bool) error {
	unit, name := Unit(change.Addr), change.Addr.HostName()
	turned := slices.Contains(change.Paths, "enabled")
	if loaded && slices.ContainsFunc(change.Paths, func(p string) bool { return strings.HasPrefix(p, "limits.") }) {
		if err := h.Systemd.SetProperties(ctx, unit, want.Limits.properties(change.Live.(*Container).Limits)); err != nil {
			return err
		}
	}
	// One that returns to what it was, because what it became failed, was run as that.
	runs := want.Enabled && (turned || change.Class == resource.Restart) && !h.isDone(name)
	switch {
	case !want.Enabled && loaded && want.scheduled():
		if _, err := h.ticks(ctx, change.Addr, change.Owner); err != nil {
			return err
		}
		if err := h.Systemd.Stop(ctx, TimerUnit(change.Addr)); err != nil {
			return err
		}
		return h.Systemd.Stop(ctx, unit)
	case !want.Enabled && loaded:
		if err := h.Systemd.Stop(ctx, unit); err != nil {
			return err
		}
	case want.Enabled && !loaded && (runs || want.scheduled()):
		return h.start(ctx, change, want)
	case want.scheduled() && turned:
		return h.tick(ctx, change, want)
	case want.scheduled():
		return nil // the next run takes what is new
	case runs:
		return h.Systemd.Restart(ctx, unit)
	}
	if done {
		return h.Specs.CarryDone(name) // what has changed is nothing that it runs with
	}
	return nil
}

// tick starts the timer of a job whose own unit is loaded. Once stopped, systemd has dropped the timer, which nothing refers to.
func (h *Host) tick(ctx context.Context, change resource.Change, want *Container) error {
	switch loaded, err := h.ticks(ctx, change.Addr, change.Owner); {
	case err != nil:
		return err
	case loaded:
		return h.Systemd.Start(ctx, TimerUnit(change.Addr))
	}
	return h.Systemd.StartTransient(ctx, want.timer(change.Addr, change.Owner))
}

// job describes a job. That it is to run is said of one that has not run to its end with what it would run with.
func (r *reader) job(ctx context.Context, f *found, spec runtime.Spec, sum string, u host.Unit, loaded bool) (*found, error) {
	c := f.live
	enabled := c.Enabled
	if err := r.stored(c, spec); err != nil {
		return nil, err
	}
	if c.scheduled() {
		return f, r.schedule(ctx, f, u, loaded)
	}
	_, done, err := r.Specs.Done(spec.Name)
	if runtime.Passing(err) {
		return nil, err
	}
	switch {
	case loaded && u.ActiveState == "activating":
		c.Enabled, f.status = true, "running"
		if record, err := r.Specs.ReadRecord(r.invocation(u.Name)); err == nil {
			f.status = fmt.Sprintf("running, pid %d", record.PID)
			if record.Spec != sum {
				if f.live, err = r.begun(record, spec, c, sum); err != nil {
					return nil, err
				}
				f.live.Enabled = true
			}
		}
		return f, r.proven(ctx, u.Name, f)
	case err == nil && done == sum:
		f.status = "done"
		if at, err := r.Specs.DoneAt(spec.Name); err == nil {
			f.status += " at " + at.Format(time.DateTime)
		}
	default:
		f.status = "not run"
		failed := loaded && u.ActiveState == "failed"
		if loaded {
			f.status = r.stopped(ctx, u)
		}
		if c.Enabled = failed && c.Restart == "no" && enabled; c.Enabled {
			return f, r.proven(ctx, u.Name, f)
		}
	}
	return f, nil
}

// schedule describes a job that a timer runs.
func (r *reader) schedule(ctx context.Context, f *found, u host.Unit, loaded bool) error {
	timer, ok := r.timers[TimerUnit(f.addr)]
	f.live.Enabled = ok && timer.ActiveState == "active"
	if !f.live.Enabled {
		f.status = "stopped"
		return nil
	}
	f.status = "scheduled"
	p, err := r.Systemd.Properties(ctx, timer.Name, "Timer.NextElapseUSecRealtime")
	if err != nil {
		return err
	}
	if next, _ := p["Timer.NextElapseUSecRealtime"].(uint64); next != 0 && next != host.NoLimit {
		f.status += ", next at " + time.UnixMicro(int64(next)).Format(time.DateTime)
	}
	switch {
	case loaded && u.ActiveState == "activating":
		f.status = "running; " + f.status
	case loaded && u.ActiveState == "failed":
		f.status += "; the last run " + r.stopped(ctx, u)
	}
	return r.proven(ctx, Unit(f.addr), f)
}

// afterReboot describes a job that was run before the host was started: nothing of /run knows it.
func (r *reader) afterReboot(name string) (*found, error) {
	spec, sum, err := r.Specs.Done(name)
	if err != nil || spec.Owner != r.owner {
		return nil, nil // nobody's here, or damaged: then it is as if it had not been run
	}
	addr, err := resource.ParseAddr(spec.Address)
	if err != nil {
		return nil, nil
	}
	f := &found{addr: addr, live: r.declared(spec)}
	if last, ok := r.last[addr].(*Container); ok {
		// What was in its files is gone with /run; the ledger has it, and their sums tell whether it is that.
		if again, err := last.launcherSpec(addr, r.owner); err == nil {
			if _, sameSum, err := runtime.Encode(*again); err == nil && sameSum == sum {
				f.live = last.clone()
			}
		}
	}
	f.status = "done"
	if at, err := r.Specs.DoneAt(name); err == nil {
		f.status += " at " + at.Format(time.DateTime)
	}
	return f, nil
}

// forgetJob drops the note of what was run, and the one that systemd keeps of a timer.
func (h *Host) forgetJob(change resource.Change) error {
	name := change.Addr.HostName()
	if done, _, err := h.Specs.Done(name); err == nil && (done.Owner != change.Owner || done.Address != change.Addr.String()) {
		return nil
	}
	persistent := func(spec resource.Spec) bool { c, ok := spec.(*Container); return ok && c.Schedule.Persistent }
	if persistent(change.Last) || persistent(change.Live) {
		if err := os.Remove(filepath.Join(h.Stamps, "stamp-"+TimerUnit(change.Addr))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return h.Specs.ForgetDone(name)
}

package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// unloadWait is how long a stopped unit may take to be dropped. systemd does it
// in the same turn, or when the last process of its cgroup has been reaped.
const unloadWait = 5 * time.Second

// JobError says that a job of systemd ended in another way than "done".
type JobError struct {
	Verb string // "start", "stop" or "restart"
	Unit string
	// Result is the job's: "failed", "canceled", "timeout", "dependency", ...
	Result string
	// Failure is how the unit ended and what it said last; nil where systemd does not know.
	Failure *Failure
}

// Error says for example
//
//	start unit hostctl-web.service: failed (exit status 203): exec /bin/x: no such file or directory
func (e *JobError) Error() string {
	s := e.Verb + " unit " + e.Unit + ": " + e.Result
	if e.Failure != nil {
		s += e.Failure.suffix()
	}
	return s
}

// StartTransient makes a transient unit and the auxiliary ones in one call, and starts
// it; nil says that its start job is done. [ErrUnitExists] says that nothing was made.
func (s *Systemd) StartTransient(ctx context.Context, unit Transient, aux ...Transient) error {
	others := make([]systemd.PropertyCollection, len(aux))
	for i, a := range aux {
		others[i] = systemd.PropertyCollection{Name: a.Name, Properties: wire(a.Properties)}
	}
	return s.job(ctx, "start", unit.Name, "StartTransientUnit", unit.Name, "fail", wire(unit.Properties), others)
}

// Start starts a loaded unit. nil also when it ran already.
func (s *Systemd) Start(ctx context.Context, unit string) error {
	return s.job(ctx, "start", unit, "StartUnit", unit, "replace")
}

// Restart stops the unit where it runs, and starts it.
func (s *Systemd) Restart(ctx context.Context, unit string) error {
	return s.job(ctx, "restart", unit, "RestartUnit", unit, "replace")
}

// Stop stops a unit. nil also when it did not run, or is not loaded.
func (s *Systemd) Stop(ctx context.Context, unit string) error {
	err := s.job(ctx, "stop", unit, "StopUnit", unit, "replace")
	if errors.Is(err, ErrNoUnit) {
		return nil
	}
	return err
}

// Remove stops the units one after the other, in this order, and waits until
// systemd has dropped every one. [ErrUnitHeld] says that one is stopped and
// stays loaded because something else refers to it.
func (s *Systemd) Remove(ctx context.Context, units ...string) error {
	for _, unit := range units {
		if err := s.Stop(ctx, unit); err != nil {
			return err
		}
		if err := s.ResetFailed(ctx, unit); err != nil {
			return err
		}
	}
	for _, unit := range units {
		if err := s.dropped(ctx, unit); err != nil {
			return fmt.Errorf("remove unit %s: %w", unit, err)
		}
	}
	return nil
}

// dropped waits until the unit is not loaded. The signal is asked for before the question.
func (s *Systemd) dropped(ctx context.Context, unit string) error {
	if err := s.subscribe(ctx); err != nil {
		return err
	}
	gone, lost, forget := s.signals.unit(unit)
	defer forget()
	var path dbus.ObjectPath
	err := s.call(ctx, s.manager, systemdManager+".GetUnit", unit).store(&path)
	if errors.Is(err, ErrNoUnit) {
		return nil
	}
	if err != nil {
		return err
	}
	limit := time.NewTimer(unloadWait)
	defer limit.Stop()
	select {
	case <-gone:
		return nil
	case <-limit.C:
		return ErrUnitHeld
	case <-lost:
		return ErrSystemdLost
	case <-ctx.Done():
		return ctx.Err()
	}
}

// subscribe asks for the signals about units. The end of a job is told to whoever asked for
// the job without it (org.freedesktop.systemd1(5)); once anybody has subscribed, systemd describes every change of
// every unit on the bus, which starts of many units do well without.
func (s *Systemd) subscribe(ctx context.Context) error {
	s.subscribing.Lock()
	defer s.subscribing.Unlock()
	if s.subscribed {
		return nil
	}
	err := s.call(ctx, s.manager, systemdManager+".Subscribe").err
	s.subscribed = err == nil
	return err
}

// job makes a call that answers with a job, and waits for the signal that the job is gone.
func (s *Systemd) job(ctx context.Context, verb, unit, method string, args ...any) error {
	result, err := s.jobResult(ctx, method, args...)
	switch {
	case err != nil:
		return fmt.Errorf("%s unit %s: %w", verb, unit, err)
	case result == "done":
		return nil
	}
	failed := &JobError{Verb: verb, Unit: unit, Result: result}
	if result == "failed" || result == "timeout" {
		failed.Failure, _ = s.Failure(ctx, unit, "") // what failed is said either way
	}
	return failed
}

func (s *Systemd) jobResult(ctx context.Context, method string, args ...any) (string, error) {
	// Until the answer has told the job's path, its end may already have been signalled.
	lost := s.signals.expect()
	var path dbus.ObjectPath
	err := s.call(ctx, s.manager, systemdManager+"."+method, args...).store(&path)
	ended := s.signals.job(path, err == nil)
	if err != nil {
		return "", err
	}
	select {
	case result := <-ended:
		return result, nil
	case <-lost:
		return "", ErrSystemdLost
	case <-ctx.Done():
		return "", fmt.Errorf("waiting for the job: %w", ctx.Err())
	}
}

// signals hands systemd's signals to those who wait for them. It is called by the
// connection's reader, in the order of the wire, so a job's end is never missed:
// it is either waited for by path, or kept while any answer that names a path is outstanding.
// systemd numbers its jobs in order and never twice.
type signals struct {
	mu      sync.Mutex
	sender  string // whose signals count; "" is everybody's, on a connection without a bus
	awaited int
	early   map[dbus.ObjectPath]string
	jobs    map[dbus.ObjectPath][]chan string
	units   map[string][]chan struct{}
	lost    chan struct{} // closed when what is awaited by now may never be told; another one is for what comes later
}

func newSignals() *signals {
	return &signals{
		early: map[dbus.ObjectPath]string{},
		jobs:  map[dbus.ObjectPath][]chan string{},
		units: map[string][]chan struct{}{},
		lost:  make(chan struct{}),
	}
}

// DeliverSignal implements dbus.SignalHandler.
func (g *signals) DeliverSignal(iface, member string, signal *dbus.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case iface == "org.freedesktop.DBus" && member == "NameOwnerChanged" && signal.Sender == "org.freedesktop.DBus":
		// systemd re-executed itself or left: what was signalled meanwhile is lost. That it came is no news.
		if len(signal.Body) == 3 && signal.Body[0] == any(systemdName) && g.sender != "" && signal.Body[2] != any(g.sender) {
			g.forgetAll()
			if owner, _ := signal.Body[2].(string); owner != "" {
				g.sender = owner
			}
		}
	case iface != systemdManager || g.sender != "" && signal.Sender != g.sender:
	case member == "JobRemoved":
		var id uint32
		var path dbus.ObjectPath
		var unit, result string
		if dbus.Store(signal.Body, &id, &path, &unit, &result) != nil {
			return
		}
		for _, c := range g.jobs[path] {
			c <- result
		}
		delete(g.jobs, path)
		if g.awaited > 0 {
			g.early[path] = result
		}
	case member == "UnitRemoved":
		var unit string
		var path dbus.ObjectPath
		if dbus.Store(signal.Body, &unit, &path) != nil {
			return
		}
		for _, c := range g.units[unit] {
			close(c)
		}
		delete(g.units, unit)
	}
}

func (g *signals) trust(sender string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sender = sender
}

func (g *signals) lose() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forgetAll()
}

// forgetAll tells all who wait that they wait in vain.
func (g *signals) forgetAll() {
	close(g.lost)
	g.lost = make(chan struct{})
	clear(g.early)
	clear(g.jobs)
}

// expect announces a call that will answer with a job; job follows it. The channel is closed where the end of that job may never be told.
func (g *signals) expect() (lost <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.awaited++
	return g.lost
}

// job ends an expectation, and where there is a job returns a channel that gets its result.
func (g *signals) job(path dbus.ObjectPath, ok bool) <-chan string {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := make(chan string, 1)
	if ok {
		if result, early := g.early[path]; early {
			c <- result
		} else {
			g.jobs[path] = append(g.jobs[path], c)
		}
	}
	if g.awaited--; g.awaited == 0 {
		clear(g.early)
	}
	return c
}

// unit returns a channel that is closed when the unit is dropped, one that is closed where that may never be told, and what forgets both.
func (g *signals) unit(name string) (gone, lost <-chan struct{}, forget func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := make(chan struct{})
	g.units[name] = append(g.units[name], c)
	return c, g.lost, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		for i, other := range g.units[name] {
			if other == c {
				g.units[name] = append(g.units[name][:i:i], g.units[name][i+1:]...)
			}
		}
		if len(g.units[name]) == 0 {
			delete(g.units, name)
		}
	}
}

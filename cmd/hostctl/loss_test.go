package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hostctl/apply"
	"hostctl/plan"
	"hostctl/resource"
	"hostctl/resource/user"
)

// A terminal that is lost interrupts, and no more than that, however often it is told.
func TestLostTerminal(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	catchLoss(cancel)
	defer signal.Reset(syscall.SIGHUP, syscall.SIGPIPE)
	came := make(chan os.Signal, 1) // what comes after the reset would end the tests
	signal.Notify(came, syscall.SIGHUP)
	for range 3 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		<-came
		<-ctx.Done()
	}
}

// half is a host on which bob cannot be made, and where the ledger cannot be written any more once alice is.
type half struct{ obstacle string }

func (h half) Read(context.Context, string, resource.State) (resource.Reading, error) {
	return resource.Reading{}, nil
}
func (h half) Check(context.Context, []resource.Change, resource.State) []resource.Problem {
	return nil
}
func (h half) Apply(_ context.Context, c resource.Change) error {
	if c.Addr.Name == "bob" {
		return errors.New("there is no room for bob")
	}
	return os.Mkdir(h.obstacle, 0o700)
}

// blind is a host on which nothing can be made, and of which nothing can be read.
type blind struct{ half }

func (blind) Read(context.Context, string, resource.State) (resource.Reading, error) {
	return resource.Reading{}, errors.New("nothing can be read")
}
func (blind) Apply(context.Context, resource.Change) error { return errors.New("nothing can be made") }

// What could not be returned because the host could not be looked at is not said to be returned.
func TestReturnThatFails(t *testing.T) {
	m := &apply.Machine{Kinds: kinds(), ID: "m1", LedgerPath: filepath.Join(t.TempDir(), "ledger.json"), Hosts: map[string]resource.Host{}}
	for _, kind := range m.Kinds {
		m.Hosts[kind.Name] = blind{}
	}
	var out, said bytes.Buffer
	c := &cli{ctx: t.Context(), stdout: &out, stderr: &said, width: defaultWidth}
	p := &proposal{machine: m, want: resource.State{resource.Addr{Kind: "user", Name: "alice"}: user.Kind().New()},
		seen: &apply.Observation{Owner: "shop", Ledger: &apply.Ledger{HostID: "m1", Owners: map[string]*apply.Owner{}}}}
	p.options = plan.Options{Kinds: m.Kinds, Owner: "shop"}
	p.make(t.Context())
	a := &applying{parallelism: 1}
	_, err := a.run(c, p, nil, origin{command: "apply", dir: "/etc/shop"})
	if code := c.report(err); code != exitError {
		t.Errorf("exit code %d", code)
	}
	if text := said.String(); strings.Contains(text, "\nRolled back") || !strings.Contains(text, "Not all could be rolled back") || !strings.Contains(text, "nothing can be read") {
		t.Errorf("said:\n%s", text)
	}
}

// An error of the ledger is said beside those of the steps, not instead.
func TestStepErrorsAreSaidBesideTheLedgers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.json")
	m := &apply.Machine{Kinds: kinds(), ID: "m1", LedgerPath: path, Hosts: map[string]resource.Host{"user": half{path + ".new"}}}
	want := resource.State{}
	for _, name := range []string{"alice", "bob"} {
		want[resource.Addr{Kind: "user", Name: name}] = user.Kind().New()
	}
	var out, said bytes.Buffer
	c := &cli{ctx: t.Context(), stdout: &out, stderr: &said, width: defaultWidth}
	p := &proposal{machine: m, want: want, seen: &apply.Observation{Owner: "shop", Ledger: &apply.Ledger{HostID: "m1", Owners: map[string]*apply.Owner{}}}}
	p.options = plan.Options{Kinds: m.Kinds, Owner: "shop"}
	p.make(t.Context())
	a := &applying{parallelism: 1}
	_, err := a.run(c, p, nil, origin{command: "apply", dir: "/etc/shop"})
	if code := c.report(err); code != exitError {
		t.Errorf("exit code %d", code)
	}
	steps, ledger := strings.Index(said.String(), "there is no room for bob"), strings.Index(said.String(), "ledger: open")
	if steps < 0 || ledger < steps || !strings.Contains(said.String(), "1 of 2 steps done") {
		t.Errorf("said:\n%s", said.String())
	}
}

// An undo that fails does not return to what it undoes: what it has done stays done, and the rest is tried again.
func TestAnUndoIsNotReturnedFrom(t *testing.T) {
	dir := t.TempDir()
	m := &apply.Machine{Kinds: resource.Kinds{user.Kind()}, ID: "m1", LedgerPath: filepath.Join(dir, "ledger.json"), Hosts: map[string]resource.Host{"user": half{filepath.Join(dir, "made")}}}
	for _, command := range []origin{{command: "undo", undoes: 1}, {command: "rollback", backTo: 1}} {
		_ = os.Remove(filepath.Join(dir, "made"))
		want := resource.State{}
		for _, name := range []string{"alice", "bob"} {
			want[resource.Addr{Kind: "user", Name: name}] = user.Kind().New()
		}
		var out, said bytes.Buffer
		c := &cli{ctx: t.Context(), stdout: &out, stderr: &said, width: defaultWidth}
		seen, err := m.Observe(t.Context(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		p := &proposal{machine: m, want: want, seen: seen, options: plan.Options{Kinds: m.Kinds, Owner: "shop"}}
		p.make(t.Context())
		a := &applying{parallelism: 1}
		_, err = a.run(c, p, nil, command)
		if returns := strings.Contains(out.String(), "Returning"); err == nil || returns != (command.undoes == 0) {
			t.Errorf("%s: %v\n%s%s", command.command, err, out.String(), said.String())
		}
	}
}

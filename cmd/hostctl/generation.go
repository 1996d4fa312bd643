package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"hostctl/apply"
	"hostctl/hcl"
	"hostctl/host"
	"hostctl/resource"
)

// origin says where a change of the host comes from, for the record.
type origin struct {
	command   string
	backTo    uint64 // the generation that a rollback goes back to
	undoes    uint64 // the generation that nobody confirmed
	dir, root string // of the configuration, as it was named
	commit    string // where it is known already
}

// begin records the generation that carrying out the proposal makes; nil where there is nothing to do. The caller holds the
// host's lock: one that has not ended by now never will.
func (p *proposal) begin(c *cli, from origin, at time.Time) (*apply.Head, error) {
	all := p.machine.Generations(p.seen.Owner)
	if last, err := all.Newest(); err == nil && last != nil && last.Ending == nil {
		if err := all.End(last, apply.Ending{Ended: at.UTC(), Outcome: apply.OutcomeInterrupted}); err != nil {
			return nil, err
		}
	}
	if p.plan.Empty() {
		return nil, nil
	}
	process, err := thisProcess()
	if err != nil {
		return nil, err
	}
	h := apply.Head{
		Command: from.command, BackTo: from.backTo, Undoes: from.undoes, Begun: at.UTC(), By: author(c.ctx), Dir: from.dir, Commit: from.commit,
		HostctlVersion: version, Process: process,
	}
	if from.root != "" {
		h.Root = realDir(from.root)
	}
	if from.backTo == 0 && from.undoes == 0 {
		h.Commit = commitOf(h.Dir, h.Root)
	}
	return all.Begin(h, p.declaration(), p.options.Directives, p.plan)
}

// declaration is what is declared once the plan is carried out: for one that is about a part, what was applied before with that part.
func (p *proposal) declaration() resource.State {
	if len(p.options.Targets) == 0 {
		return p.declared
	}
	whole := maps.Clone(p.seen.Last)
	stopped := p.seen.Stopped()
	for addr := range stopped {
		if kind, _ := p.machine.Kinds.Lookup(addr.Kind); kind.Started != nil && whole[addr] != nil {
			whole[addr] = kind.Started(whole[addr])
		}
	}
	part := slices.Concat(p.plan.Record, p.plan.Forget)
	for _, m := range p.plan.Moves {
		part = append(part, m.From, m.To)
	}
	for _, r := range p.plan.Resources {
		part = append(part, r.Addr)
	}
	for _, addr := range part {
		if delete(whole, addr); p.declared[addr] != nil {
			whole[addr] = p.declared[addr]
		}
	}
	return whole
}

// outcomeOfRun is how a run ended of which errs are the errors of its steps; returned says that what failed was returned, without a failure.
func outcomeOfRun(ctx context.Context, errs map[int]error, err error, returned bool) apply.Outcome {
	switch {
	case len(errs) > 0 && ctx.Err() != nil:
		return apply.OutcomeInterrupted
	case err != nil, len(errs) > 0 && !returned:
		return apply.OutcomeFailed
	case len(errs) > 0:
		return apply.OutcomeRolledBack
	}
	return apply.OutcomeApplied
}

// end records what became of a run: errs are the errors of its steps. That older generations cannot be removed is no failure of the run.
func (p *proposal) end(c *cli, h *apply.Head, errs map[int]error, outcome apply.Outcome) error {
	e := apply.Ending{Ended: time.Now().UTC(), Outcome: outcome}
	for i, err := range errs {
		if e.Failed == nil {
			e.Failed = map[resource.Addr]string{}
		}
		e.Failed[p.plan.Steps[i].Addr] = err.Error()
	}
	all := p.machine.Generations(p.seen.Owner)
	if err := all.End(h, e); err != nil {
		return err
	}
	if err := all.Prune(e.Ended); err != nil {
		return c.diagnose(hcl.Diagnostics{{Severity: hcl.Warning, Summary: "Old generations stay", Detail: err.Error() + ". They can be moved away."}})
	}
	return nil
}

// outcomeOf is the outcome of a generation in a word; one that never ended is "running" as long as its process is there.
func outcomeOf(h *apply.Head) string {
	switch {
	case h.Ending != nil:
		return string(h.Outcome)
	case runs(h.Process):
		return "running"
	}
	return string(apply.OutcomeInterrupted)
}

// runs reports whether a process is there still.
func runs(p apply.Process) bool {
	boot, err := host.BootID()
	if err != nil || boot != p.Boot {
		return false
	}
	start, err := host.StartTime(p.PID)
	return err == nil && start == p.Start
}

func thisProcess() (apply.Process, error) {
	boot, err := host.BootID()
	if err != nil {
		return apply.Process{}, err
	}
	start, err := host.StartTime(os.Getpid())
	return apply.Process{PID: os.Getpid(), Boot: boot, Start: start}, err
}

// author is who runs this command.
func author(ctx context.Context) apply.Author {
	a := apply.Author{UID: uint32(os.Geteuid())}
	whose := a.UID
	if n, err := strconv.ParseUint(os.Getenv("SUDO_UID"), 10, 32); err == nil {
		uid := uint32(n)
		a.SudoUID, whose = &uid, uid
	}
	if uid, ok := host.LoginUID(); ok {
		a.LoginUID, whose = &uid, uid
	}
	a.Name = caller()
	if accounts, err := (host.Passwd{}).Accounts(ctx); err == nil {
		if account, ok := accounts.UserByUID(whose); ok {
			a.Name = printable(account.Name)
		}
	}
	return a
}

// cutOff is a warning where the configuration's newest generation never ended.
func cutOff(m *apply.Machine, owner string) hcl.Diagnostics {
	h, err := m.Generations(owner).Newest()
	if err != nil || h == nil || h.Ending != nil || runs(h.Process) {
		return nil // what cannot be read says itself when it is asked for
	}
	next := "apply"
	if h.Command == "adopt" {
		next = h.Command
	}
	return hcl.Diagnostics{{Severity: hcl.Warning, Summary: fmt.Sprintf("Generation %d was interrupted", h.Number),
		Detail: fmt.Sprintf("%s began %s on %s, and it never ended: it was killed, or this host went down. What it had done stays; the next %s goes on from there.",
			h.By.Name, h.Command, h.Begun.Local().Format("2006-01-02 15:04"), next)}}
}

// remembering says of which configuration the generations are meant: -name, or the one in a directory.
type remembering struct {
	source
	name string
	json bool
}

// read returns the generations that are meant with their heads, of which there is one at least.
func (r *remembering) read(c *cli) (*apply.Machine, apply.Generations, []*apply.Head, error) {
	config, err := r.owner(c, r.name)
	if err != nil {
		return nil, apply.Generations{}, nil, err
	}
	if err := needRoot("reads what was applied, for sensitive values stand in it"); err != nil {
		return nil, apply.Generations{}, nil, err
	}
	m, err := openMachine(c.ctx)
	if err != nil {
		return nil, apply.Generations{}, nil, err
	}
	all := m.Generations(config.Name)
	heads, unread, err := all.Heads()
	if err == nil {
		err = c.unread(unread)
	}
	switch {
	case err == nil && len(heads) == 0 && len(unread) > 0:
		err = errors.New("no other generation is there")
	case err == nil && len(heads) == 0:
		err = noGenerations(m, config.Name)
	}
	return m, all, heads, err
}

// unread warns of the generations that cannot be read.
func (c *cli) unread(unread map[uint64]error) error {
	var d hcl.Diagnostics
	for _, n := range slices.Sorted(maps.Keys(unread)) {
		d = append(d, hcl.Diagnostic{Severity: hcl.Warning, Summary: "A generation cannot be read", Detail: unread[n].Error() + "."})
	}
	return c.diagnose(d)
}

// noGenerations says that a configuration has none, and which have.
func noGenerations(m *apply.Machine, owner string) error {
	known, err := m.Remembered()
	if err != nil {
		return err
	}
	there := "; none was applied here yet"
	if len(known) > 0 {
		there = " (there are those of " + strings.Join(known, ", ") + ")"
	}
	return fmt.Errorf("configuration %q has no generations on this host%s%s", owner, hcl.DidYouMean(owner, known), there)
}

// generation reads the one that an operand names.
func generation(all apply.Generations, heads []*apply.Head, operand string) (*apply.Generation, error) {
	n, err := generationNumber(operand)
	if err != nil {
		return nil, err
	}
	g, err := all.Read(n)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noGeneration(heads[0].Configuration, n, heads)
	}
	return g, err
}

func generationNumber(operand string) (uint64, error) {
	n, err := strconv.ParseUint(operand, 10, 63)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is no number of a generation; `hostctl generations` lists them", operand)
	}
	return n, nil
}

// noGeneration says which there are.
func noGeneration(owner string, n uint64, heads []*apply.Head) error {
	var numbers []string
	for _, n := range numbersOf(heads) {
		numbers = append(numbers, strconv.FormatUint(n, 10))
	}
	if len(numbers) > 10 {
		numbers = slices.Insert(numbers[len(numbers)-9:], 0, "...")
	}
	return fmt.Errorf("configuration %q has no generation %d; it has %s", owner, n, strings.Join(numbers, ", "))
}

func numbersOf(heads []*apply.Head) (numbers []uint64) {
	for _, h := range heads {
		numbers = append(numbers, h.Number)
	}
	return numbers
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"hostctl/apply"
	"hostctl/hcl"
	"hostctl/plan"
	"hostctl/resource"
)

// diagnose prints diagnostics on standard error, for people or with -json for
// programs, and returns an exit status if there is an error among them.
func (c *cli) diagnose(d hcl.Diagnostics) error {
	if c.json {
		c.diagnostics = append(c.diagnostics, d...)
	} else {
		d.Text(c.stderr, c.width, c.color)
	}
	if d.HasErrors() {
		return exitStatus(exitError)
	}
	return nil
}

// problems turns what was found after reading into diagnostics with places, and prints them.
func (c *cli) problems(config *hcl.Config, problems []resource.Problem) error {
	slices.SortStableFunc(problems, func(a, b resource.Problem) int { return a.Addr.Compare(b.Addr) })
	var d hcl.Diagnostics
	for _, p := range problems {
		if config == nil {
			config = &hcl.Config{}
		}
		d = append(d, config.Locate(p))
	}
	return c.diagnose(d)
}

// proposal is a plan with all that it was made from.
type proposal struct {
	machine *apply.Machine
	seen    *apply.Observation
	want    resource.State
	grants  []resource.Grant
	plan    *plan.Plan
}

// propose observes the host and plans the way to want, which it completes in
// place. What stands in the way is a list of problems, and the plan is nil if
// the wanted state could not even be completed.
func propose(ctx context.Context, m *apply.Machine, owner string, want resource.State) (*proposal, []resource.Problem, error) {
	seen, err := m.Observe(ctx, owner)
	if err != nil {
		return nil, nil, err
	}
	p := &proposal{machine: m, seen: seen}
	var problems []resource.Problem
	if p.want, p.grants, problems = seen.Resolve(m.Kinds, want); len(problems) > 0 {
		return p, problems, nil
	}
	p.plan = plan.Make(p.want, seen.Last, seen.Live, plan.Options{Kinds: m.Kinds, Owner: owner})
	return p, m.Check(ctx, changes(p.plan), p.want), nil
}

func changes(p *plan.Plan) []resource.Change {
	list := make([]resource.Change, len(p.Steps))
	for i, s := range p.Steps {
		list[i] = s.Change
	}
	return list
}

// basis is what the proposal stands on, for a saved plan.
func (p *proposal) basis(sources hcl.Sources) plan.Basis {
	b := plan.Basis{
		HostctlVersion: version, HostID: p.machine.ID, Owner: p.seen.Owner,
		Dir: sources.Dir, SourceDigest: sources.Digest(),
		LedgerSerial: p.seen.Ledger.Serial, LiveDigest: plan.Digest(p.seen.Live),
	}
	for _, f := range sources.VarFiles {
		b.VarFiles = append(b.VarFiles, f.Name)
	}
	return b
}

// warnings are what the reader of a plan should know of the host beside the plan.
func (p *proposal) warnings() hcl.Diagnostics {
	var d hcl.Diagnostics
	warn := func(summary, detail string) {
		d = append(d, hcl.Diagnostic{Severity: hcl.Warning, Summary: summary, Detail: detail})
	}
	if p.seen.LedgerLost {
		warn("The ledger is missing", fmt.Sprintf("%s is not there, although this host carries objects of configuration %q. They were found by their marks; an apply writes the ledger again. What was set once and is no longer declared cannot be undone any more.", p.machine.LedgerPath, p.seen.Owner))
	}
	stopped := p.seen.Stopped()
	for _, addr := range slices.SortedFunc(maps.Keys(stopped), resource.Addr.Compare) {
		if p.want[addr] != nil {
			s := stopped[addr]
			warn(fmt.Sprintf("%s stays stopped", addr), fmt.Sprintf("%s stopped it on %s; `hostctl start %s` starts it again.", s.By, s.At.Format("2006-01-02 15:04"), addr))
		}
	}
	return d
}

// document prints the one JSON document of a command that was given -json.
func (c *cli) document(fields map[string]any) error {
	fields["format_version"] = plan.FormatVersion
	if c.diagnostics == nil {
		c.diagnostics = hcl.Diagnostics{}
	}
	fields["diagnostics"] = c.diagnostics
	enc := json.NewEncoder(c.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(fields)
}

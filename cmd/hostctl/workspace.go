package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"hostctl/apply"
	"hostctl/hcl"
	"hostctl/plan"
	"hostctl/resource"
)

// source says which configuration is meant: the flags that every command which reads one has.
type source struct {
	dir      string
	vars     varFlags
	varFiles listFlag
}

func (s *source) register(fs *flag.FlagSet) {
	s.vars = varFlags{}
	fs.StringVar(&s.dir, "chdir", ".", "read the configuration in `DIR` instead of here")
	fs.Var(&s.vars, "var", "set a variable, as `NAME=VALUE`; may be given again")
	fs.Var(&s.varFiles, "var-file", "read variables from `FILE`; may be given again, a later one wins")
}

// varFlags are the -var flags by the variable's name.
type varFlags map[string]string

func (v *varFlags) String() string { return "" }

// Set implements flag.Value.
func (v *varFlags) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return fmt.Errorf("want NAME=VALUE")
	}
	(*v)[name] = value
	return nil
}

// listFlag is a flag that may be given again.
type listFlag []string

func (l *listFlag) String() string { return "" }

// Set implements flag.Value.
func (l *listFlag) Set(s string) error {
	*l = append(*l, s)
	return nil
}

// read reads and evaluates the configuration. Its diagnostics are printed; the
// error stands for those that are errors.
func (s *source) read(c *cli) (*hcl.Config, hcl.Sources, error) {
	sources, diags := s.sources()
	if diags.HasErrors() {
		return nil, sources, c.diagnose(diags)
	}
	config := hcl.Load(c.ctx, evaluate, hcl.Request{Sources: sources, Vars: s.vars, Version: version}, kinds())
	return config, sources, c.diagnose(config.Diagnostics)
}

// sources reads the files' text, with absolute paths, so that the digest does not depend on where the caller stands.
func (s *source) sources() (hcl.Sources, hcl.Diagnostics) {
	var files []string
	for _, f := range s.varFiles {
		if abs, err := filepath.Abs(f); err == nil {
			f = abs
		}
		files = append(files, f)
	}
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		dir = s.dir
	}
	return hcl.ReadDir(dir, files)
}

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

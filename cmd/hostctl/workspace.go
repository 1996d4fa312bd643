package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"hostctl/apply"
	"hostctl/hcl"
	"hostctl/plan"
	"hostctl/resource"
	"hostctl/resource/container"
	"hostctl/runtime"
)

// diagnose prints diagnostics on standard error, for people or with -json for
// programs, and returns an exit status if there is an error among them.
func (c *cli) diagnose(d hcl.Diagnostics) error {
	switch {
	case c.json:
		c.diagnostics = append(c.diagnostics, d...)
	case c.compactWarnings:
		c.compact(d)
	default:
		d.Text(c.stderr, c.width, c.color)
	}
	if d.HasErrors() {
		return exitStatus(exitError)
	}
	return nil
}

// compact prints diagnostics with each warning on one line, after the errors.
func (c *cli) compact(d hcl.Diagnostics) {
	isWarning := func(d hcl.Diagnostic) bool { return d.Severity == hcl.Warning }
	slices.DeleteFunc(slices.Clone(d), isWarning).Text(c.stderr, c.width, c.color)
	for _, one := range d {
		if isWarning(one) {
			one.Detail = ""
			fmt.Fprintf(c.stderr, "%s %s\n", c.paint("33;1", "Warning:"), printable(one.Error()))
		}
	}
}

// problems turns what was found after reading into diagnostics with places, and prints them.
func (c *cli) problems(config *hcl.Config, problems []resource.Problem) error {
	slices.SortStableFunc(problems, func(a, b resource.Problem) int { return a.Addr.Compare(b.Addr) })
	if config == nil {
		config = &hcl.Config{}
	}
	var d hcl.Diagnostics
	refused := false
	for _, p := range problems {
		d = append(d, config.Locate(p))
		refused = refused || p.Refused
	}
	if err := c.diagnose(d); !refused {
		return err
	}
	return exitStatus(exitRefused)
}

// proposal is a plan with all that it was made from.
type proposal struct {
	machine *apply.Machine
	policy  *hostPolicy
	seen    *apply.Observation
	want    resource.State // resolved
	// declared is want as if nothing had been stopped on purpose.
	declared resource.State
	grants   []resource.Grant
	options  plan.Options
	plan     *plan.Plan
}

// scope is what of a plan is asked for on the command line.
type scope struct {
	targets, replace []resource.Target
	generation       uint64 // whose declaration is wanted; 0 is the configuration's own
	undoes           uint64 // the generation that nobody confirmed; 0 is none
	boot             bool   // what is gone the host's end took
	alone            bool   // what targets do not name stays as it is
	spared           []resource.Addr
}

// held are the resources to be left as they are. After a boot what is not there any more cannot be: it is put back.
func (s scope) held(seen *apply.Observation) []resource.Addr {
	held := seen.HeldAddrs(time.Now())
	if s.boot {
		held = slices.DeleteFunc(held, func(a resource.Addr) bool { return seen.Live[a] == nil })
	}
	return held
}

// propose observes the host and plans the way to want, which it completes in
// place. What stands in the way is a list of problems, and the plan is nil if
// the wanted state could not even be completed.
//
// dir is where the configuration lies. What the host's policy does not allow is a problem that stands before those that
// only the host has.
func propose(ctx context.Context, m *apply.Machine, pol *hostPolicy, owner, dir string, want resource.State, d resource.Directives, s scope) (*proposal, []resource.Problem, error) {
	seen, err := m.Observe(ctx, owner)
	if err != nil {
		return nil, nil, err
	}
	if !s.boot {
		if err := seen.Ledger.HalfAdopted(owner); err != nil {
			return nil, nil, err
		}
	}
	if s.undoes != 0 {
		seen.Recall()
	}
	p := &proposal{machine: m, policy: pol, seen: seen}
	if problems := m.Import(ctx, seen, want, d.Imports); len(problems) > 0 {
		return p, problems, nil
	}
	if problems := s.check(want, seen); len(problems) > 0 && s.undoes == 0 { // what was to be undone may be gone
		return p, problems, nil
	}
	r, problems := seen.Resolve(m.Kinds, want, d, pol.Credentials(owner))
	if len(problems) > 0 {
		return p, problems, nil
	}
	p.want, p.declared, p.grants = r.Want, r.Declared, r.Grants
	p.options = plan.Options{
		Kinds: m.Kinds, Owner: owner, Generation: s.generation, Undoes: s.undoes, Directives: d, Targets: s.targets, Alone: s.alone, Replace: s.replace, Spared: s.spared,
		Imported: seen.Imported, Handed: r.Handed, Hidden: seen.Hidden(), Unread: unreadOf(m, seen, r.Want), Foreign: seen.Foreign, Held: s.held(seen),
	}
	problems = p.make(ctx)
	if refused := p.refused(dir); len(refused) > 0 {
		problems = refused
	}
	return p, problems, nil
}

// refused is what the host's policy does not allow, of what the configuration wants and of what would really be applied: what
// ignore_changes leaves as it is has to be allowed too, but not what is spared. dir is where the configuration lies.
func (p *proposal) refused(dir string) []resource.Problem {
	owner, imports := p.options.Owner, p.options.Directives.Imports
	refused := p.policy.Check(owner, dir, p.want, imports)
	for _, r := range p.policy.Check(owner, "", p.plan.Want, nil) {
		if !slices.Contains(refused, r) && !slices.Contains(p.options.Spared, r.Addr) {
			refused = append(refused, r)
		}
	}
	p.policy.standing(owner, refused, p.seen.Live)
	return refused
}

// make makes the plan and returns what stands in its way.
func (p *proposal) make(ctx context.Context) []resource.Problem {
	p.plan = plan.Make(p.want, p.seen.Last, p.seen.Live, p.options)
	if len(p.options.Targets) > 0 {
		p.grants = p.needed()
	}
	return append(p.machine.Check(ctx, changes(p.plan), p.plan.Want), p.plan.Refused...)
}

// needed are the grants of what a partial plan is about.
func (p *proposal) needed() []resource.Grant {
	acted := map[resource.Addr]bool{}
	for _, r := range p.plan.Resources {
		acted[r.Addr] = true
	}
	return slices.DeleteFunc(slices.Clone(p.grants), func(g resource.Grant) bool { return !acted[g.Addr] })
}

// check reports what -target and -replace name and nobody knows.
func (s scope) check(want resource.State, seen *apply.Observation) []resource.Problem {
	known := map[string]bool{}
	for _, state := range []resource.State{want, seen.Last, seen.Live} {
		for addr := range state {
			known[addr.String()] = true
		}
	}
	var problems []resource.Problem
	look := func(flag string, targets []resource.Target, in ...resource.State) {
		for _, t := range targets {
			covered := slices.ContainsFunc(in, func(state resource.State) bool {
				for addr := range state {
					if t.Covers(addr) {
						return true
					}
				}
				return false
			})
			if !covered {
				problems = append(problems, resource.Problem{Summary: fmt.Sprintf("-%s=%s names nothing%s", flag, t, hcl.DidYouMean(t.String(), slices.Sorted(maps.Keys(known)))),
					Detail: "It is neither in the configuration nor, for that, on this host."})
			}
		}
	}
	look("target", s.targets, want, seen.Last, seen.Live)
	look("replace", s.replace, want)
	return problems
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
		Dir: sources.Dir, Root: sources.Root, SourceDigest: sources.Digest(),
		PolicyDigest: p.policy.digest,
		LedgerSerial: p.seen.Ledger.Serial, LiveDigest: plan.Digest(p.seen.Live),
	}
	for _, f := range sources.VarFiles {
		b.VarFiles = append(b.VarFiles, f.Name)
	}
	for _, f := range sources.Tree {
		b.Tree = append(b.Tree, f.Name)
	}
	return b
}

// save writes the proposal to a file, its sensitive values sealed.
func (p *proposal) save(path string, sources hcl.Sources) error {
	key, err := p.machine.SealKey()
	if err != nil {
		return err
	}
	o := p.options
	f := &plan.File{
		Basis: p.basis(sources), Created: time.Now().UTC(), Grants: p.grants,
		Directives: o.Directives, Targets: o.Targets, Replace: o.Replace, Handed: o.Handed,
		Want: p.want, Last: p.seen.Last, Live: p.seen.Live, Plan: p.plan,
	}
	f.Seal(key, p.machine.Kinds, p.hidden())
	return plan.WriteFile(path, f)
}

// hidden are all paths whose values are shown nowhere and saved nowhere.
func (p *proposal) hidden() map[resource.Addr][]string {
	all := maps.Clone(p.options.Hidden)
	if all == nil {
		all = map[resource.Addr][]string{}
	}
	for _, m := range p.plan.Moves {
		all[m.To] = slices.Concat(all[m.To], all[m.From])
	}
	for addr, paths := range p.options.Directives.Sensitive {
		all[addr] = slices.Concat(all[addr], paths)
	}
	for _, m := range p.plan.Moves {
		all[m.From] = slices.Concat(all[m.From], all[m.To])
	}
	return all
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
	d = append(d, cutOff(p.machine, p.seen.Owner)...)
	if w := p.seen.Pending(); w != nil && p.options.Undoes == 0 {
		d = append(d, pendingWarning(p.seen.Owner, w))
	}
	for _, w := range p.seen.Warnings {
		warn(w.Summary, w.Detail)
	}
	if abi, err := runtime.LandlockABI(); err != nil {
		warn("Nobody knows whether this kernel has Landlock", err.Error())
	} else {
		for _, w := range container.WithoutLandlock(p.want, abi) {
			warn(w.Summary, w.Detail)
		}
	}
	p.purposes(warn)
	return d
}

// renamed is a warning where the configuration has nothing, and another one was applied from its directory, place.
func (p *proposal) renamed(place string) (d hcl.Diagnostics) {
	owner := p.seen.Owner
	if record := p.seen.Ledger.Owners[owner]; record != nil && len(record.Last) > 0 {
		return nil
	}
	for _, former := range slices.Sorted(maps.Keys(p.seen.Ledger.Owners)) {
		record := p.seen.Ledger.Owners[former]
		if former == owner || len(record.Last) == 0 || record.Applied == nil || record.Applied.Dir != place {
			continue
		}
		d = append(d, hcl.Diagnostic{Severity: hcl.Warning, Summary: fmt.Sprintf("Configuration %q was applied from this directory", former),
			Detail: fmt.Sprintf("If %q is its new name, take over what it has: hostctl adopt %s. Else this is another configuration, and has nothing on this host yet.", owner, former)})
	}
	return d
}

// purposes warn of what is otherwise than declared on purpose.
func (p *proposal) purposes(warn func(summary, detail string)) {
	stopped := p.seen.Stopped()
	for _, addr := range slices.SortedFunc(maps.Keys(stopped), resource.Addr.Compare) {
		if p.want[addr] != nil {
			s := stopped[addr]
			warn(fmt.Sprintf("%s stays stopped", addr), fmt.Sprintf("%s stopped it on %s%s; `hostctl start %s` starts it again.", s.By, minute(s.At), because(s.Why), addr))
		}
	}
	held, ended := p.seen.Held(time.Now())
	for _, addr := range slices.SortedFunc(maps.Keys(held), resource.Addr.Compare) {
		h := held[addr]
		warn(fmt.Sprintf("%s is held", addr), fmt.Sprintf("%s holds it until %s%s: it is left as it is, and what of the configuration is about it is not done. `hostctl release %s` ends that.",
			h.By, minute(h.Until), because(h.Why), addr))
	}
	for _, addr := range slices.SortedFunc(maps.Keys(ended), resource.Addr.Compare) {
		h := ended[addr]
		warn(fmt.Sprintf("The hold of %s has ended", addr), fmt.Sprintf("%s held it until %s%s; from now on it is as declared.", h.By, minute(h.Until), because(h.Why)))
	}
}

// minute is a time for people, in the host's zone.
func minute(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

// because is a reason for the end of a clause; "" without one.
func because(why string) string {
	if why == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", why)
}

// document prints the one JSON document of a command that was given -json.
func (c *cli) document(fields map[string]any) error {
	fields["format_version"] = plan.FormatVersion
	if c.diagnostics == nil {
		c.diagnostics = hcl.Diagnostics{}
	}
	fields["diagnostics"] = c.diagnostics
	return c.printJSON(fields, "  ")
}

package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"hostctl/apply"
	"hostctl/hcl"
	"hostctl/plan"
	"hostctl/resource"
)

var generationsCommand = command{
	name: "generations", operands: "[diff A B]",
	summary: "List what was applied of a configuration, or what two generations of it differ in",
	details: `
Each apply, destroy and rollback that has something to do, and each undo of what nobody confirmed,
makes a generation: what was declared, the plan, who did it, when, from which directory and commit,
and what became of it. They lie on the host, for root alone, and need neither the repository nor the
network. "*" marks the current one, which is the newest. The newest 20 are kept, and those of the last 30 days up to 200.

The commit is what HEAD of the repository named. It does not say that the files were as committed.

"rolled back" is one of which something failed and returned to what it was, with what depends on it;
the rest was applied. Of one that is "failed" it did not return. "interrupted" is one that was told
to stop, or that was killed or cut off by the host's end; the next apply goes on from there.`,
	example: "hostctl generations\nhostctl generations -name shop\nhostctl generations diff 6 7",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var r remembering
		r.register(fs)
		return func(c *cli, args []string) error {
			c.json = r.json
			switch {
			case len(args) == 0:
				return c.finish(func() (map[string]any, error) { return r.list(c) })
			case args[0] == "diff" && len(args) == 3:
				return c.finish(func() (map[string]any, error) { return r.diff(c, args[1], args[2]) })
			case args[0] == "diff":
				return errors.New("generations diff needs two numbers, such as: hostctl generations diff 6 7")
			}
			return fmt.Errorf("unexpected %q%s", args[0], hcl.DidYouMean(args[0], []string{"diff"}))
		}
	},
}

func (r *remembering) register(fs *flag.FlagSet) {
	r.source.register(fs)
	fs.BoolVar(&r.json, "json", false, "print one JSON document instead of text")
	r.registerName(fs)
}

func (r *remembering) registerName(fs *flag.FlagSet) {
	fs.StringVar(&r.name, "name", "", "those of the configuration `CONFIGURATION` of this host, and read none")
}

// generationRow is one generation in the list.
type generationRow struct {
	*apply.Head
	Outcome string `json:"outcome"` // that of the head, or "running" or "interrupted" where it has none
	Current bool   `json:"current"`
	// ConfirmUntil is when it is undone unless it is confirmed; absent where it does not wait for that.
	ConfirmUntil *time.Time `json:"confirm_until,omitempty"`
}

func (r *remembering) list(c *cli) (map[string]any, error) {
	m, _, heads, err := r.read(c)
	if err != nil {
		return nil, err
	}
	ledger, _, err := apply.ReadLedger(m.LedgerPath, m.ID, m.Kinds)
	if err != nil { // which is no reason not to look back
		ledger = &apply.Ledger{}
		if err := c.diagnose(hcl.Diagnostics{{Severity: hcl.Warning, Summary: "Nobody knows what waits for confirmation", Detail: err.Error() + "."}}); err != nil {
			return nil, err
		}
	}
	var pending *apply.Pending
	if record := ledger.Owners[heads[0].Configuration]; record != nil {
		pending = record.Pending
	}
	rows := make([]generationRow, len(heads))
	table := [][]string{{"", "NR", "BEGUN", "WHO", "WHAT", "CHANGES", "COMMIT", "OUTCOME"}}
	for i, h := range heads {
		rows[i] = generationRow{Head: h, Outcome: outcomeOf(h), Current: i == len(heads)-1}
		mark, what, outcome := "", h.Command, rows[i].Outcome
		if pending != nil && pending.Generation == h.Number {
			rows[i].ConfirmUntil = &pending.Until
			outcome += ", " + fate(pending)
		}
		if rows[i].Current {
			mark = "*"
		}
		if h.BackTo != 0 {
			what += fmt.Sprintf(" to %d", h.BackTo)
		}
		if h.Undoes != 0 {
			what += fmt.Sprintf(" of %d", h.Undoes)
		}
		table = append(table, []string{mark, strconv.FormatUint(h.Number, 10), h.Begun.Local().Format("2006-01-02 15:04"), h.By.Name, what,
			h.Summary.Brief(), h.Commit[:min(len(h.Commit), 12)], outcome})
	}
	if !c.json {
		c.table(table)
	}
	return map[string]any{"name": heads[0].Configuration, "generations": rows}, nil
}

// diff shows what the declaration of b changed in that of a.
func (r *remembering) diff(c *cli, a, b string) (map[string]any, error) {
	m, all, heads, err := r.read(c)
	if err != nil {
		return nil, err
	}
	from, err := generation(all, heads, a)
	if err != nil {
		return nil, err
	}
	to, err := generation(all, heads, b)
	if err != nil {
		return nil, err
	}
	p := plan.Make(to.Want, from.Want, from.Want, plan.Options{
		Kinds: m.Kinds, Owner: to.Configuration, Generation: to.Number, Since: from.Number, Hidden: from.Directives.Sensitive,
		Directives: resource.Directives{Sensitive: to.Directives.Sensitive, Moved: to.Directives.Moved},
	})
	if !c.json {
		fmt.Fprint(c.stdout, p.Text(plan.TextOptions{Color: c.color, Width: c.width}))
	}
	return map[string]any{"name": to.Configuration, "plan": p}, nil
}

// declaration shows what a generation declares, of which wanted covers a part; nil is all.
func (s *showing) declaration(c *cli, wanted *resource.Target) (map[string]any, error) {
	if s.live {
		return nil, errors.New("-live shows what the host has, and -generation what was declared; leave one out")
	}
	r := remembering{source: s.source, name: s.name}
	_, all, heads, err := r.read(c)
	if err != nil {
		return nil, err
	}
	g, err := generation(all, heads, s.generation)
	if err != nil {
		return nil, err
	}
	shown, names := []shownResource{}, []string{}
	for _, addr := range g.Want.Addrs() {
		names = append(names, addr.String())
		if wanted == nil || wanted.Covers(addr) {
			shown = append(shown, shownResource{Address: addr, Status: "declared",
				Attributes: attributesOf(nil, g.Want[addr], nil, g.Directives.Sensitive[addr])})
		}
	}
	if wanted != nil && len(shown) == 0 {
		return nil, fmt.Errorf("generation %d of configuration %q declares no %s%s", g.Number, g.Configuration, wanted, hcl.DidYouMean(wanted.String(), names))
	}
	if !c.json {
		fmt.Fprintln(c.stdout, g.Title()+".")
		fmt.Fprintln(c.stdout)
		c.printResources(shown, true)
	}
	declared := map[resource.Addr]map[string]json.RawMessage{}
	if len(shown) > 0 {
		declared = liveOf(shown)
	}
	return map[string]any{"name": g.Configuration, "generation": generationRow{Head: &g.Head, Outcome: outcomeOf(&g.Head), Current: g.Number == heads[len(heads)-1].Number}, "resources": declared}, nil
}

var historyCommand = command{
	name: "history", operands: "ADDRESS",
	summary: "Show each generation that changed a resource, and in what",
	details: `
The oldest that is kept comes first. An address may name a block or a module with all that it makes. Of a generation that failed or
was interrupted it is shown what was to be done, and what is known of how far it came.`,
	example: "hostctl history container.web\nhostctl history -name shop 'container.worker[\"a\"]'",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var r remembering
		r.register(fs)
		return func(c *cli, args []string) error {
			if len(args) != 1 {
				return errors.New("want one ADDRESS, such as container.web")
			}
			c.json = r.json
			return c.finish(func() (map[string]any, error) { return r.history(c, args[0]) })
		}
	},
}

// pastChange is what one generation did to one resource.
type pastChange struct {
	Generation generationRow `json:"generation"`
	Change     plan.Resource `json:"change"`
	// Error says why it was not done, where that is known.
	Error string `json:"error,omitempty"`
}

func (r *remembering) history(c *cli, operand string) (map[string]any, error) {
	target, err := resource.ParseTarget(operand)
	if err != nil {
		return nil, err
	}
	_, all, heads, err := r.read(c)
	if err != nil {
		return nil, err
	}
	changes, known := []pastChange{}, map[string]bool{}
	for i, h := range heads {
		g, err := all.Read(h.Number)
		if err != nil {
			return nil, err
		}
		p, err := plan.Decode(g.Plan)
		if err != nil {
			return nil, fmt.Errorf("generation %d: %w", h.Number, err)
		}
		for _, change := range p.Resources {
			known[change.Addr.String()] = true
			if !target.Covers(change.Addr) && (change.From == resource.Addr{} || !target.Covers(change.From)) {
				continue
			}
			past := pastChange{Generation: generationRow{Head: h, Outcome: outcomeOf(h), Current: i == len(heads)-1}, Change: change}
			if h.Ending != nil {
				past.Error = h.Failed[change.Addr]
			}
			changes = append(changes, past)
		}
	}
	if len(changes) == 0 {
		return nil, fmt.Errorf("no generation that is kept changed %s%s", operand, hcl.DidYouMean(operand, slices.Sorted(maps.Keys(known))))
	}
	if !c.json {
		c.printHistory(changes)
	}
	return map[string]any{"name": heads[0].Configuration, "changes": changes}, nil
}

func (c *cli) printHistory(changes []pastChange) {
	last := uint64(0)
	for _, past := range changes {
		if h := past.Generation.Head; h.Number != last {
			if last != 0 {
				fmt.Fprintln(c.stdout)
			}
			last = h.Number
			fmt.Fprintf(c.stdout, "%s: %s\n", c.paint("1", oneLine(h.Title())), past.Generation.Outcome)
		}
		word := progressWords[past.Change.Action][1]
		if past.Change.Action == plan.Replace {
			word = "replaced"
		}
		if past.Error != "" {
			word = c.paint("31", "not "+word+": "+oneLine(past.Error))
		}
		fmt.Fprintf(c.stdout, "  %s %s\n", oneLine(past.Change.Addr.String()), word)
		for _, d := range past.Change.Differences {
			if line := pastDifference(d); line != "" {
				fmt.Fprintln(c.stdout, "    "+shorten(line, max(c.width-4, leastColumn)))
			}
		}
	}
}

// pastDifference is one attribute that was changed, on a line; "" for a block, which its attributes stand for.
func pastDifference(d plan.Difference) string {
	if d.Block {
		return ""
	}
	before, after := oneLine(string(d.Before)), oneLine(string(d.After))
	if d.Secret || d.Sensitive {
		before, after = "(withheld)", "(withheld)"
	}
	path := oneLine(d.Path)
	switch d.Action {
	case resource.Create:
		return "+ " + path + " = " + after
	case resource.Delete:
		return "- " + path + " = " + before
	}
	return strings.Join([]string{"~", path, "=", before, "->", after}, " ")
}

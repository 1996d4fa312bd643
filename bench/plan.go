package main

import (
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

const (
	rowPlan     = "hostctl plan, nothing to change"
	rowLeast    = "these two, one after the other"
	rowComplete = "completion of an address among 100"
	rowMany     = "completion of an address among 1,000"
)

// plans measures the plan of 1,000 running containers that are as they should be.
func plans(s settings) ([]*Table, error) {
	const n, rounds = 1000, 9
	f, err := newFleet(s.Kit, n, true)
	if err != nil {
		return nil, err
	}
	few, err := newFleet(s.Kit, 100, true)
	if err != nil {
		return nil, err
	}
	b, err := dialBus()
	if err != nil {
		return nil, err
	}
	defer b.close()
	if _, err := f.apply(); err != nil {
		return nil, err
	}
	all := []turn{
		{rowPlan, func() (time.Duration, error) { return f.hostctl("plan", "-detailed-exitcode") }},
		{"the bare HCL parser on the text", f.parse},
		{"a bare read of 3 properties each", func() (time.Duration, error) { return f.read(b) }},
		{rowLeast, func() (time.Duration, error) {
			parse, err := f.parse()
			if err != nil {
				return 0, err
			}
			read, err := f.read(b)
			return parse + read, err
		}},
		{rowComplete, func() (time.Duration, error) { return few.hostctl("__complete", "logs", "container."+few.name(0)[:5]) }},
		{rowMany, func() (time.Duration, error) { return f.hostctl("__complete", "logs", "container."+f.name(0)[:5]) }},
	}
	t := &Table{
		Title: fmt.Sprintf("Plan of %d running containers, unchanged", n),
		Note: fmt.Sprintf("hostctl plan from its exec to its exit, live read included; beside it hclsyntax.ParseConfig on the same %d KiB in a warm process,\n"+
			"and ListUnitsByPatterns with three properties of each unit over D-Bus, 64 in flight.", len(f.text)>>10),
		Goals: []Goal{{Row: rowPlan, Most: 400}, {Row: rowPlan, Beside: rowLeast, Most: 2.5}, {Row: rowComplete, Most: 50}},
	}
	if err := t.turns(rounds, all); err != nil {
		return nil, err
	}
	return []*Table{t}, f.destroy()
}

func (f *fleet) parse() (time.Duration, error) {
	begun := time.Now()
	_, diags := hclsyntax.ParseConfig(f.text, "main.hcl", hcl.InitialPos)
	took := time.Since(begun)
	if diags.HasErrors() {
		return 0, diags
	}
	return took, nil
}

func (f *fleet) read(b *bus) (time.Duration, error) {
	begun := time.Now()
	n, err := b.read("hostctl-" + f.prefix + "*.service")
	took := time.Since(begun)
	if err == nil && n != f.n {
		err = fmt.Errorf("%d units are loaded, not %d", n, f.n)
	}
	return took, err
}

package main

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hostctl/apply"
	"hostctl/plan"
	"hostctl/resource"
)

var statusCommand = command{
	name:    "status",
	summary: "Show every resource, wanted against live, in one table",
	details: "Another user than root is shown what the host lets him see: of containers what systemd says of their units, their health with it. With -json such a resource has \"unread\".",
	example: "hostctl status\nhostctl status -json",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var p planning
		p.register(fs)
		return func(c *cli, args []string) error {
			if err := noOperands(args); err != nil {
				return err
			}
			c.json = p.json
			return c.finish(func() (map[string]any, error) {
				proposal, _, _, err := p.propose(c)
				if proposal == nil || proposal.plan == nil {
					return nil, err
				}
				rows := statusOf(proposal)
				fields := map[string]any{"resources": rows}
				if foreign := proposal.plan.Foreign; len(foreign) > 0 {
					fields["foreign"] = foreign
				}
				if !c.json {
					c.printStatus(rows)
					c.printForeign(proposal.plan.Foreign)
				}
				return fields, err
			})
		}
	},
}

// statusRow is one resource in the table.
type statusRow struct {
	Address resource.Addr `json:"address"`
	Wanted  string        `json:"wanted"` // present, disabled, stopped, held or absent
	Live    string        `json:"live"`   // in the kind's words; "absent"
	// Unread says that this user may not compare the two: Live is what everybody may see.
	Unread bool `json:"unread,omitempty"`
	// Plan is what an apply would do: no-op, create, update, replace or delete,
	// and Paths the attributes for which it would. Of what is unread it is unknown.
	Plan  resource.Action `json:"plan"`
	Paths []string        `json:"paths,omitempty"`
	// Stopped and Held say who wants that on purpose, and why.
	Stopped *apply.Stop `json:"stopped,omitempty"`
	Held    *apply.Hold `json:"held,omitempty"`
}

func statusOf(p *proposal) []statusRow {
	planned := map[resource.Addr]plan.Resource{}
	for _, r := range p.plan.Resources {
		planned[r.Addr] = r
	}
	all := map[resource.Addr]bool{}
	for _, state := range []resource.State{p.want, p.seen.Live} {
		for addr := range state {
			all[addr] = true
		}
	}
	for _, addr := range unreadAddrs(p.seen, p.want) {
		all[addr] = true
	}
	stopped := p.seen.Stopped()
	held, _ := p.seen.Held(time.Now())
	rows := []statusRow{}
	for _, addr := range slices.SortedFunc(maps.Keys(all), resource.Addr.Compare) {
		row := statusRow{Address: addr, Wanted: "present", Live: "absent", Plan: resource.NoOp}
		if kind, _ := p.machine.Kinds.Lookup(addr.Kind); kind.Process && p.declared[addr] != nil && !kind.Runs(p.declared[addr]) {
			row.Wanted = "disabled"
		}
		if s, ok := stopped[addr]; ok {
			row.Wanted, row.Stopped = "stopped", &s
		}
		if p.want[addr] == nil {
			row.Wanted = "absent"
		}
		if h, ok := held[addr]; ok {
			row.Wanted, row.Held = "held", &h
		}
		if p.seen.Live[addr] != nil {
			if row.Live = p.seen.Status[addr]; row.Live == "" {
				row.Live = "present"
			}
		}
		if p.seen.Unread[addr.Kind] {
			row.Live, row.Unread, row.Plan = glimpsed(p.seen, addr), true, "unknown"
		}
		if r, ok := planned[addr]; ok {
			row.Plan = r.Action
			if r.Action == resource.Update || r.Action == plan.Replace {
				for _, d := range r.Differences {
					row.Paths = append(row.Paths, d.Path)
				}
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// purpose is what is wanted, with who wants it so.
func (r statusRow) purpose() string {
	var purposes []string
	if r.Held != nil {
		purposes = append(purposes, fmt.Sprintf("held until %s by %s%s", minute(r.Held.Until), r.Held.By, because(r.Held.Why)))
	}
	if r.Stopped != nil && r.Wanted != "absent" {
		purposes = append(purposes, fmt.Sprintf("stopped by %s%s", r.Stopped.By, because(r.Stopped.Why)))
	}
	if len(purposes) == 0 {
		return r.Wanted
	}
	return strings.Join(purposes, ", ")
}

func (c *cli) printStatus(rows []statusRow) {
	if len(rows) == 0 {
		fmt.Fprintln(c.stdout, "The configuration declares nothing, and has nothing on this host.")
		return
	}
	table := [][]string{{"RESOURCE", "WANTED", "LIVE", "APPLY WOULD"}}
	for _, r := range rows {
		would := ""
		if r.Plan != resource.NoOp {
			would = string(r.Plan)
			for i, path := range r.Paths {
				if i == 3 && len(r.Paths) > 4 {
					would += fmt.Sprintf(", and %d more", len(r.Paths)-3)
					break
				}
				would += map[bool]string{true: " ", false: ", "}[i == 0] + path
			}
		}
		table = append(table, []string{r.Address.String(), r.purpose(), r.Live, would})
	}
	c.table(table)
}

// printForeign prints what others put beside resources, apart from what stands above it.
func (c *cli) printForeign(foreign []resource.Problem) {
	if len(foreign) > 0 {
		fmt.Fprint(c.stdout, "\n", plan.DriftText(nil, foreign, plan.TextOptions{Color: c.color, Width: c.width}))
	}
}

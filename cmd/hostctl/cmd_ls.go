package main

import (
	"flag"
	"fmt"
	"strings"

	"hostctl/apply"
	"hostctl/hcl"
)

var lsCommand = command{
	name:    "ls",
	summary: "List the configurations that this host has something of",
	details: `
No configuration is read: they are found by the ledger, and by the marks on the host where it is lost. What a
configuration declares and has not applied yet is not counted. Another user than root is shown those that he can see.`,
	example: "hostctl ls\nhostctl ls -json",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		asJSON := fs.Bool("json", false, "print one JSON document instead of text")
		return func(c *cli, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unexpected %q; `hostctl show -name %s` shows one configuration", args[0], args[0])
			}
			c.json = *asJSON
			return c.finish(func() (map[string]any, error) {
				rows, err := listConfigurations(c)
				if err == nil && !c.json {
					c.printConfigurations(rows)
				}
				return map[string]any{"configurations": rows}, err
			})
		}
	},
}

// configurationRow is one configuration in the table.
type configurationRow struct {
	Name string `json:"name"`
	// Resources counts what is live, by kind.
	Resources map[string]int `json:"resources"`
	// Of the programs among them. What neither runs nor failed was stopped, or is yet to start.
	Running int `json:"running"`
	Failed  int `json:"failed"`
	Other   int `json:"not_running"`
	// Missing counts what was applied and is gone from the host.
	Missing int `json:"missing"`
	// Applied is the last apply that found something to do, where the ledger remembers it.
	Applied *apply.Applied `json:"applied,omitempty"`
	// InLedger says that the ledger knows it; false where it was found by its marks alone.
	InLedger bool `json:"in_ledger"`
}

func listConfigurations(c *cli) ([]configurationRow, error) {
	rows := []configurationRow{}
	m, err := openMachine(c.ctx)
	if err != nil {
		return rows, err
	}
	names, ledger, found, err := m.Owners(c.ctx)
	if err != nil {
		return rows, err
	}
	warning := hcl.Diagnostic{Severity: hcl.Warning}
	switch {
	case ledger == nil:
		warning.Summary = "The ledger is " + unreadable()
		warning.Detail = fmt.Sprintf("%s is root's. The configurations below were found by what everybody may see: accounts, bridges, and units with their state. Network namespaces and volumes are not counted, nor is what is missing. Root sees all of it.", m.LedgerPath)
	case !found && len(names) > 0:
		warning.Summary = "The ledger is missing"
		warning.Detail = fmt.Sprintf("%s is not there. The configurations below were found by their marks; volumes carry theirs where nobody looks, and are not counted.", m.LedgerPath)
	}
	if warning.Summary != "" {
		if err := c.diagnose(hcl.Diagnostics{warning}); err != nil {
			return rows, err
		}
	}
	for _, name := range names {
		if ledger != nil && ledger.Unread(name) != nil {
			d := hcl.Diagnostics{{Severity: hcl.Warning, Summary: fmt.Sprintf("Configuration %q is not shown", name), Detail: ledger.Unread(name).Error() + "."}}
			if err := c.diagnose(d); err != nil {
				return rows, err
			}
			continue
		}
		seen, err := m.Observe(c.ctx, name)
		if err != nil {
			return rows, err
		}
		var record *apply.Owner
		if ledger != nil {
			record = ledger.Owners[name]
		}
		rows = append(rows, configurationOf(m, seen, record))
	}
	return rows, nil
}

// configurationOf counts what the host has of a configuration; record is the ledger's, nil where it has none.
func configurationOf(m *apply.Machine, seen *apply.Observation, record *apply.Owner) configurationRow {
	row := configurationRow{Name: seen.Owner, Resources: map[string]int{}, InLedger: record != nil}
	if record != nil {
		row.Applied = record.Applied
	}
	count := func(name, status string) {
		row.Resources[name]++
		if kind, _ := m.Kinds.Lookup(name); !kind.Process {
			return
		}
		switch {
		case strings.HasPrefix(status, "running"):
			row.Running++
		case strings.HasPrefix(status, "failed"):
			row.Failed++
		default:
			row.Other++
		}
	}
	for addr := range seen.Live {
		count(addr.Kind, seen.Status[addr])
	}
	for kind, sights := range seen.Sights {
		for _, s := range sights {
			count(kind, s.Status)
		}
	}
	for addr := range seen.Last {
		if seen.Live[addr] == nil {
			row.Missing++
		}
	}
	return row
}

func (c *cli) printConfigurations(rows []configurationRow) {
	if len(rows) == 0 {
		fmt.Fprintln(c.stdout, "No configuration has anything on this host.")
		return
	}
	table := [][]string{{"CONFIGURATION", "RESOURCES", "PROGRAMS", "APPLIED", "FROM"}}
	for _, r := range rows {
		var parts []string
		for _, kind := range kinds() {
			if n := r.Resources[kind.Name]; n > 0 {
				parts = append(parts, countOf(n, kind.Name))
			}
		}
		if r.Missing > 0 {
			parts = append(parts, fmt.Sprintf("%d missing", r.Missing))
		}
		var programs []string
		for _, p := range []struct {
			n    int
			word string
		}{{r.Running, "running"}, {r.Failed, "failed"}, {r.Other, "not running"}} {
			if p.n > 0 {
				programs = append(programs, fmt.Sprintf("%d %s", p.n, p.word))
			}
		}
		at, dir := "", ""
		if r.Applied != nil {
			at, dir = r.Applied.At.Local().Format("2006-01-02 15:04"), r.Applied.Dir
		}
		table = append(table, []string{r.Name, strings.Join(parts, ", "), strings.Join(programs, ", "), at, dir})
	}
	c.table(table)
}

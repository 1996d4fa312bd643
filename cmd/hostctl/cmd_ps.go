package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"hostctl/host"
	"hostctl/resource/container"
)

var psCommand = command{
	name: "ps", operands: "[CONTAINER...]",
	summary: "List the processes of running containers",
	details: "PID and USER are as the host counts, INSIDE is the pid within the container. A process chooses its name and its command line itself.",
	example: "hostctl ps\nhostctl ps -json container.web",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		asJSON := fs.Bool("json", false, "print one JSON document instead of text")
		return func(c *cli, args []string) error {
			c.json = *asJSON
			return c.finish(func() (map[string]any, error) {
				names, err := containersOf(args)
				if err != nil {
					return nil, err
				}
				rows := []processRow{}
				for _, name := range names {
					for _, dir := range append([]string{cgroupOf(name)}, cgroups(container.Helper(name))...) {
						processes, err := host.CgroupProcesses(dir)
						if err != nil {
							return nil, fmt.Errorf("%s: %w", name, err)
						}
						for _, p := range processes {
							rows = append(rows, processRow{name, p.PID, p.Inside, p.UID, string(p.State), p.RSS, p.Name, p.Command})
						}
					}
				}
				if !c.json {
					c.printProcesses(rows)
				}
				return map[string]any{"processes": rows}, nil
			})
		}
	},
}

// processRow is one process in the table.
type processRow struct {
	Container string   `json:"container"`
	PID       int      `json:"pid"`
	Inside    int      `json:"pid_inside"`
	UID       uint32   `json:"uid"`   // effective, as the host counts
	State     string   `json:"state"` // a letter of proc_pid_status(5)
	RSS       uint64   `json:"rss"`   // bytes
	Name      string   `json:"name"`
	Command   []string `json:"command,omitempty"`
}

func (c *cli) printProcesses(rows []processRow) {
	table := [][]string{{"CONTAINER", "PID", "INSIDE", "USER", "STATE", "MEMORY", "COMMAND"}}
	for _, r := range rows {
		command := strings.Join(r.Command, " ")
		if command == "" {
			command = "[" + r.Name + "]"
		}
		table = append(table, []string{r.Container, strconv.Itoa(r.PID), strconv.Itoa(r.Inside), strconv.Itoa(int(r.UID)), r.State,
			fmt.Sprintf("%.1fM", float64(r.RSS)/(1<<20)), command})
	}
	c.table(table)
}

// cgroupOf is the directory of the cgroup of the container of that name on the host.
func cgroupOf(name string) string {
	for _, dir := range cgroups(container.UnitName(name)) {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	return filepath.Join(host.CgroupRoot, container.Slice, container.UnitName(name))
}

// cgroups are the cgroups of the units of containers that a name, or a pattern, stands for: in the slice of all or in one below it.
func cgroups(unit string) []string {
	all := filepath.Join(host.CgroupRoot, container.Slice)
	direct, _ := filepath.Glob(filepath.Join(all, unit))
	sliced, _ := filepath.Glob(filepath.Join(all, "*.slice", unit))
	return append(direct, sliced...)
}

// containersOf are the names on the host of the containers that are meant, without arguments of all that run.
func containersOf(args []string) ([]string, error) {
	var names []string
	for _, arg := range args {
		name, err := containerName(arg)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(cgroupOf(name)); err != nil {
			return nil, fmt.Errorf("%s: no such container runs", arg)
		}
		names = append(names, name)
	}
	if len(args) > 0 {
		return names, nil
	}
	for _, dir := range cgroups(container.UnitName("*")) {
		if unit := filepath.Base(dir); !container.IsHelper(unit) {
			names = append(names, container.NameOfUnit(unit))
		}
	}
	slices.Sort(names)
	return names, nil
}

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hostctl/apply"
	"hostctl/host"
	"hostctl/resource"
	"hostctl/resource/container"
)

// undoing is the return from a run that failed in part, and what is told of it.
type undoing struct {
	*reporter
	begun time.Time // the run's
}

// rolledBack is what was returned, for -json.
type rolledBack struct {
	// Restored are as they were last applied again, Removed were new. Failed could not be returned, by address; what failed and has
	// nothing to return to is there too, with an empty text.
	Restored []resource.Addr          `json:"restored"`
	Removed  []resource.Addr          `json:"removed"`
	Failed   map[resource.Addr]string `json:"failed,omitempty"`
	// Journal are the last lines of those programs, by address, whose steps failed.
	Journal map[resource.Addr][]string `json:"journal,omitempty"`
}

// run returns what failed, and says so. err is the command's: that the host is as it was, by its exit code, or that it is not.
func (u *undoing) run(back *apply.Return, errs map[int]error, opts apply.Options) (out rolledBack, err, ledgerErr error) {
	out = rolledBack{Restored: []resource.Addr{}, Removed: []resource.Addr{}, Failed: map[resource.Addr]string{}, Journal: u.journal(errs)}
	c := u.c
	if !c.json {
		for _, addr := range slices.SortedFunc(maps.Keys(out.Journal), resource.Addr.Compare) {
			fmt.Fprintf(c.stderr, "\nThe journal of %s ends:\n", addr)
			for _, line := range out.Journal[addr] {
				fmt.Fprintf(c.stderr, "  %s\n", line)
			}
		}
		fmt.Fprintf(c.stdout, "\nReturning to what was last applied:\n")
	}
	done, ledgerErr := back.Do(c.ctx, errs, opts)
	out.Restored, out.Removed = append(out.Restored, done.Back...), append(out.Removed, done.Gone...)
	for i, err := range done.Errs {
		out.Failed[done.Plan.Steps[i].Addr] = err.Error()
	}
	for _, addr := range done.Left {
		out.Failed[addr] = ""
	}
	if !c.json {
		u.say(out, done.Failed() || ledgerErr != nil)
	}
	if done.Failed() || ledgerErr != nil {
		return out, exitStatus(exitError), ledgerErr
	}
	return out, exitStatus(exitRolledBack), nil
}

// say tells what was returned; failed says that not all was.
func (u *undoing) say(out rolledBack, failed bool) {
	c := u.c
	for _, addr := range slices.SortedFunc(maps.Keys(out.Failed), resource.Addr.Compare) {
		if why := out.Failed[addr]; why != "" {
			fmt.Fprintf(c.stderr, "%s %s could not be returned to what was last applied: %s\n", c.paint("31;1", "Error:"), addr, printable(why))
		} else {
			fmt.Fprintf(c.stderr, "%s is as it was last applied, and does not work so; it is left as it is.\n", addr)
		}
	}
	for _, list := range []struct {
		addrs []resource.Addr
		how   string
	}{{out.Restored, "as it was last applied"}, {out.Removed, "removed again"}} {
		for _, addr := range list.addrs {
			fmt.Fprintf(c.stdout, "%s: %s\n", addr, list.how)
		}
	}
	what := "Rolled back"
	if failed {
		what = "Not all could be rolled back"
	}
	fmt.Fprintf(c.stderr, "\n%s: the rest of the configuration is applied. Mend it and apply again; -no-rollback leaves a failure to be looked at.\n", c.paint("31;1", what))
}

// journalLines is how many lines are shown of the journal of what failed.
const journalLines = 5

// journal are the last lines of each program whose step failed, of this run.
func (u *undoing) journal(errs map[int]error) map[resource.Addr][]string {
	lines := map[resource.Addr][]string{}
	for i := range errs {
		addr := u.steps[i].Addr
		if addr.Kind != container.Name {
			continue
		}
		query := host.JournalQuery{Units: []string{container.Unit(addr)}, Since: u.begun, Lines: journalLines}
		_ = host.Journal(u.c.ctx, query, func(e host.Entry) bool { // what cannot be read is not shown
			lines[addr] = append(lines[addr], strings.TrimSpace(printable(string(e.Message))))
			return true
		})
	}
	return lines
}

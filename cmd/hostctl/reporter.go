package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"hostctl/apply"
	"hostctl/plan"
	"hostctl/resource"
)

// reporter tells of a run as it goes on: a line when a step begins and one when it ends.
type reporter struct {
	c       *cli
	steps   []plan.Step
	command string // that goes on where this one failed; "" is apply
	elapsed map[int]time.Duration
}

// The words for a step that is under way and for one that is done.
var progressWords = map[resource.Action][2]string{
	resource.Create: {"creating", "created"},
	resource.Update: {"changing", "changed"},
	resource.Delete: {"removing", "removed"},
	resource.Forget: {"letting go", "let go"},
	resource.Adopt:  {"adopting", "adopted"},
}

func (r *reporter) event(e apply.Event) {
	if e.Phase == apply.Done || e.Phase == apply.Failed {
		if r.elapsed == nil {
			r.elapsed = map[int]time.Duration{}
		}
		r.elapsed[e.Step] = e.Elapsed
	}
	if r.c.json {
		return
	}
	words := progressWords[e.Change.Action]
	switch e.Phase {
	case apply.Started:
		fmt.Fprintf(r.c.stdout, "%s: %s...\n", e.Change.Addr, words[0])
	case apply.Done:
		fmt.Fprintf(r.c.stdout, "%s: %s (%s)\n", e.Change.Addr, words[1], round(e.Elapsed))
	case apply.Failed:
		fmt.Fprintf(r.c.stdout, "%s: %s\n", e.Change.Addr, r.c.paint("31;1", "failed"))
	case apply.Unsettled:
		fmt.Fprintf(r.c.stdout, "%s: %s\n", e.Change.Addr, r.c.paint("31;1", "did not stay up"))
	}
}

// result is what became of one step, for -json.
type result struct {
	Address resource.Addr   `json:"address"`
	Action  resource.Action `json:"action"`
	Error   string          `json:"error,omitempty"`
	Seconds float64         `json:"seconds"`
}

func (r *reporter) results(errs map[int]error) []result {
	list := make([]result, len(r.steps))
	for i, s := range r.steps {
		list[i] = result{Address: s.Addr, Action: s.Action, Seconds: r.elapsed[i].Seconds()}
		if errs[i] != nil {
			list[i].Error = errs[i].Error()
		}
	}
	return list
}

// failed prints every error, the sum last, and returns the exit status; nil where there is no error.
func (r *reporter) failed(errs map[int]error, rollback bool) error {
	if len(errs) == 0 {
		return nil
	}
	if r.c.json {
		return exitStatus(exitError)
	}
	fmt.Fprintln(r.c.stderr)
	for _, i := range slices.Sorted(maps.Keys(errs)) {
		fmt.Fprintf(r.c.stderr, "%s %s\n", r.c.paint("31;1", "Error:"), printable(errs[i].Error()))
	}
	what, next := "Apply incomplete", "the next apply goes on from there"
	switch r.command {
	case "adopt":
		what, next = "Incomplete", "the same command goes on from there"
	case "forget":
		what, next = "Incomplete", "the rest can be let go again"
	}
	fmt.Fprintf(r.c.stderr, "\n%s: %d of %d steps done.", what, len(r.steps)-len(errs), len(r.steps))
	if !rollback {
		fmt.Fprintf(r.c.stderr, " What is done stays done; %s.", next)
	}
	fmt.Fprintln(r.c.stderr)
	return exitStatus(exitError)
}

func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Millisecond)
}

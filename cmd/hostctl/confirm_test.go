package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"hostctl/apply"
	"hostctl/host"
	"hostctl/host/hosttest"
	"hostctl/plan"
	"hostctl/resource"
	"hostctl/resource/container"
	"hostctl/resource/volume"
)

// Arming twice is arming once; what others have of these names is theirs.
func TestArm(t *testing.T) {
	ctx := t.Context()
	s := hosttest.NewSystemd(hosttest.New().Faults)
	timer, service := undoUnits("shop")
	waits := func(want bool) {
		t.Helper()
		if is, err := armed(ctx, s, "shop"); is != want || err != nil {
			t.Errorf("armed: %v, %v", is, err)
		}
	}
	waits(false)
	for range 2 {
		if err := arm(ctx, s, "/usr/local/bin/hostctl", "shop", time.Minute); err != nil {
			t.Fatal(err)
		}
		waits(true)
	}
	if text := s.String(); !strings.Contains(text, timer+" active") || !strings.Contains(text, "TimersMonotonic=[{OnActiveSec 60000000}]") ||
		!strings.Contains(text, "ExecStart=[{/usr/local/bin/hostctl [/usr/local/bin/hostctl __undo shop] false}]") {
		t.Errorf("the units:\n%s", text)
	}
	if err := arm(ctx, s, "/usr/local/bin/hostctl", "other", time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := disarm(ctx, s, "shop"); err != nil {
		t.Fatal(err)
	}
	waits(false)
	if is, err := armed(ctx, s, "other"); !is || err != nil {
		t.Errorf("the other one: %v, %v", is, err)
	}
	if err := disarm(ctx, s, "shop"); err != nil {
		t.Error(err)
	}
	foreign := host.Transient{Name: service, Properties: []host.Property{{Name: "ExecStart", Value: []host.Command{{Path: "/bin/sleep", Args: []string{"sleep", "1"}}}}}}
	if err := s.StartTransient(ctx, foreign); err != nil {
		t.Fatal(err)
	}
	before := s.String()
	for _, err := range []error{arm(ctx, s, "/usr/local/bin/hostctl", "shop", time.Minute), disarm(ctx, s, "shop")} {
		if err == nil || !strings.Contains(err.Error(), service+" is not hostctl's") {
			t.Errorf("another's unit: %v", err)
		}
	}
	if s.String() != before {
		t.Errorf("before:\n%safter:\n%s", before, s.String())
	}
}

// What an undo would not give back is refused, with the addresses.
func TestNoWayBack(t *testing.T) {
	at := func(kind string) resource.Addr { return resource.Addr{Kind: kind, Name: "a"} }
	step := func(action resource.Action, want resource.Spec, kind string) plan.Step {
		return plan.Step{Change: resource.Change{Addr: at(kind), Action: action, Want: want}}
	}
	goes := func(onDestroy string, replace bool) plan.Step {
		return plan.Step{Change: resource.Change{Addr: at("volume"), Action: resource.Delete, Replace: replace, Last: &volume.Volume{OnDestroy: onDestroy}}}
	}
	imported := step(resource.Update, nil, "user")
	imported.Import = "a"
	job, daily := &container.Container{Job: true}, &container.Container{Job: true, Schedule: container.Schedule{Calendar: "daily"}}
	ignores := resource.Directives{Lifecycle: map[resource.Addr]resource.Lifecycle{at("volume"): {IgnoreChanges: []string{"mode"}}}}
	for name, test := range map[string]struct {
		plan plan.Plan
		seen apply.Observation
		d    resource.Directives
		want string
	}{
		"import":      {plan: plan.Plan{Steps: []plan.Step{imported}}, seen: apply.Observation{Live: resource.State{at("user"): &volume.Volume{}}, Imported: map[resource.Addr]string{at("user"): "a"}}, want: "it would remove what is imported (user.a)"},
		"forget":      {plan: plan.Plan{Steps: []plan.Step{step(resource.Forget, nil, "user")}}, want: "it cannot take back what is forgotten (user.a)"},
		"data":        {plan: plan.Plan{Steps: []plan.Step{goes(volume.Delete, false)}}, want: `it cannot bring back the data of a volume with on_destroy = "delete" (volume.a)`},
		"moved data":  {plan: plan.Plan{Steps: []plan.Step{goes(volume.Delete, true)}}},
		"kept data":   {plan: plan.Plan{Steps: []plan.Step{goes(volume.Keep, false)}}},
		"new data":    {plan: plan.Plan{Steps: []plan.Step{step(resource.Create, &volume.Volume{OnDestroy: volume.Delete}, "volume")}}},
		"job":         {plan: plan.Plan{Steps: []plan.Step{step(resource.Update, job, "container")}}, seen: apply.Observation{Last: resource.State{at("container"): job}}, want: "it would run a job again (container.a)"},
		"job removed": {plan: plan.Plan{Steps: []plan.Step{step(resource.Delete, nil, "container")}}, seen: apply.Observation{Last: resource.State{at("container"): job}}, want: "it would run a job again (container.a)"},
		"new job":     {plan: plan.Plan{Steps: []plan.Step{step(resource.Create, job, "container")}}},
		"scheduled":   {plan: plan.Plan{Steps: []plan.Step{step(resource.Update, daily, "container")}}, seen: apply.Observation{Last: resource.State{at("container"): daily}}},
		"unknown":     {plan: plan.Plan{Steps: []plan.Step{step(resource.Update, daily, "container")}}, seen: apply.Observation{Live: resource.State{at("container"): daily}}, want: "nobody knows what was last applied (container.a)"},
		"known":       {plan: plan.Plan{Steps: []plan.Step{step(resource.Update, daily, "container")}}, seen: apply.Observation{Live: resource.State{at("container"): daily}, Last: resource.State{at("container"): daily}}},
		"ignored":     {plan: plan.Plan{Steps: []plan.Step{step(resource.Update, &volume.Volume{}, "volume")}}, d: ignores, want: "it would not keep to ignore_changes (volume.a)"},
		"untouched":   {seen: apply.Observation{Live: resource.State{at("container"): daily}}, d: ignores},
		"target":      {plan: plan.Plan{Targets: []resource.Target{{Kind: "user", Name: "a"}}}},
	} {
		if got := strings.Join(noWayBack(&test.plan, &test.seen, test.d), "; "); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// No question is open, with the host's lock held, while any configuration's change waits.
func TestAskable(t *testing.T) {
	l := &apply.Ledger{Owners: map[string]*apply.Owner{"other": {}}}
	if err := askable(l); err != nil {
		t.Error(err)
	}
	l.Owners["shop"] = &apply.Owner{Pending: &apply.Pending{Generation: 4}}
	if err := askable(l); err == nil || !strings.Contains(err.Error(), "hostctl confirm -name shop") {
		t.Errorf("shop waits: %v", err)
	}
}

// No container has a unit of these names, and no listing of containers takes them for one.
func TestUndoUnitsAreNoContainers(t *testing.T) {
	timer, service := undoUnits("shop")
	prefix := strings.TrimSuffix(container.UnitName("*"), "*.service")
	for _, unit := range []string{timer, service} {
		if strings.HasPrefix(unit, prefix) {
			t.Errorf("%s begins with %s", unit, prefix)
		}
	}
}

func TestOutcome(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	one := map[int]error{0: errors.New("no room")}
	for name, tt := range map[string]struct {
		ctx      context.Context
		errs     map[int]error
		err      error
		returned bool
		want     apply.Outcome
	}{
		"done":                    {t.Context(), nil, nil, false, apply.OutcomeApplied},
		"done, and told to stop":  {ended, nil, nil, false, apply.OutcomeApplied},
		"a step failed":           {t.Context(), one, nil, false, apply.OutcomeFailed},
		"and returned":            {t.Context(), one, nil, true, apply.OutcomeRolledBack},
		"and nobody remembers":    {t.Context(), one, errors.New("ledger"), true, apply.OutcomeFailed},
		"nobody remembers":        {t.Context(), nil, errors.New("ledger"), false, apply.OutcomeFailed},
		"told to stop":            {ended, one, nil, false, apply.OutcomeInterrupted},
		"told to stop, no ledger": {ended, one, errors.New("ledger"), false, apply.OutcomeInterrupted},
	} {
		t.Run(name, func(t *testing.T) {
			if got := outcomeOfRun(tt.ctx, tt.errs, tt.err, tt.returned); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

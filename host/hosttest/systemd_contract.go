package hosttest

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"testing"

	"hostctl/host"
)

// SystemdDoor is what [Systemd] and [host.Systemd] have in common.
type SystemdDoor interface {
	List(ctx context.Context, patterns ...string) ([]host.Unit, error)
	Properties(ctx context.Context, unit string, names ...string) (map[string]any, error)
	Failure(ctx context.Context, unit, invocation string) (*host.Failure, error)
	UnitPath(ctx context.Context) ([]string, error)
	StartTransient(ctx context.Context, unit host.Transient, aux ...host.Transient) error
	Start(ctx context.Context, unit string) error
	Stop(ctx context.Context, unit string) error
	Restart(ctx context.Context, unit string) error
	Kill(ctx context.Context, unit string, signal syscall.Signal) error
	Remove(ctx context.Context, units ...string) error
	ResetFailed(ctx context.Context, unit string) error
	SetProperties(ctx context.Context, unit string, properties []host.Property) error
	PassSockets(unit, socket string) error
	ForgetSockets(unit string) error
}

// Contract holds a door to what callers rely on. Units are named hostctl-contract...; nothing
// of them is left. stay and fail are programs, with their arguments, that run for ever and that end with status 7.
func Contract(t *testing.T, door SystemdDoor, stay, fail []string) {
	c := &contract{door: door, stay: stay, fail: fail}
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"a transient unit runs, and is not made twice", c.once},
		{"a keeper holds a stopped unit, and lets go of it first", c.keeper},
		{"a referrer holds a stopped unit", c.held},
		{"limits are live, what only a new unit gets is refused", c.live},
		{"a start that fails says how", c.failure},
		{"a signal goes to a program that runs", c.kill},
		{"a timer waits, and its service with it", c.timer},
		{"what is not there is stopped and removed", c.absent},
		{"a service is passed the sockets of another's socket unit", c.sockets},
		{"a unit that failed and is not to be collected stays, with how, until it is removed", c.uncollected},
	} {
		t.Run(test.name, test.run)
	}
}

type contract struct {
	door       SystemdDoor
	stay, fail []string
}

const (
	contractUnit   = "hostctl-contract.service"
	contractKeeper = "hostctl-keep-contract.slice"
	contractOther  = "hostctl-contract-other.service"
)

func (c *contract) service(name string, command []string, more ...host.Property) host.Transient {
	return host.Transient{Name: name, Properties: append([]host.Property{
		{Name: "Description", Value: "Contract of hostctl"},
		{Name: "Type", Value: "exec"},
		{Name: "ExecStart", Value: []host.Command{{Path: command[0], Args: command}}},
		{Name: "Slice", Value: "hostctl.slice"},
		{Name: "CollectMode", Value: "inactive-or-failed"},
	}, more...)}
}

func (c *contract) kept(command []string) (host.Transient, host.Transient) {
	unit := c.service(contractUnit, command, host.Property{Name: "Wants", Value: []string{contractKeeper}})
	return unit, host.Transient{Name: contractKeeper, Properties: []host.Property{
		{Name: "Description", Value: "Keeps the contract"},
		{Name: "After", Value: []string{contractUnit}},
		{Name: "CollectMode", Value: "inactive-or-failed"},
	}}
}

func (c *contract) clean(t *testing.T) {
	t.Helper()
	if err := c.door.Remove(context.Background(), contractKeeper, contractOther, contractUnit); err != nil {
		t.Fatalf("clean up: %v", err)
	}
	units, err := c.door.List(context.Background(), "hostctl-contract*", contractKeeper)
	if err != nil || len(units) != 0 {
		t.Fatalf("left over: %v, %v", units, err)
	}
}

func (c *contract) state(t *testing.T, unit string) string {
	t.Helper()
	units, err := c.door.List(context.Background(), unit)
	if err != nil {
		t.Fatal(err)
	}
	if len(units) == 0 {
		return "gone"
	}
	return units[0].ActiveState
}

func (c *contract) want(t *testing.T, unit, state string) {
	t.Helper()
	if got := c.state(t, unit); got != state {
		t.Errorf("%s is %s, want %s", unit, got, state)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (c *contract) once(t *testing.T) {
	ctx := context.Background()
	defer c.clean(t)
	unit := c.service(contractUnit, c.stay)
	must(t, c.door.StartTransient(ctx, unit))
	c.want(t, contractUnit, "active")
	if err := c.door.StartTransient(ctx, unit); !errors.Is(err, host.ErrUnitExists) {
		t.Errorf("second start: %v, want ErrUnitExists", err)
	}
	must(t, c.door.Start(ctx, contractUnit)) // runs already
	must(t, c.door.Stop(ctx, contractUnit))
	must(t, c.door.Remove(ctx, contractUnit))
	c.want(t, contractUnit, "gone")
	if err := c.door.Start(ctx, contractUnit); !errors.Is(err, host.ErrNoUnit) {
		t.Errorf("start of a unit that is gone: %v, want ErrNoUnit", err)
	}
}

func (c *contract) keeper(t *testing.T) {
	ctx := context.Background()
	defer c.clean(t)
	unit, keeper := c.kept(c.stay)
	must(t, c.door.StartTransient(ctx, unit, keeper))
	must(t, c.door.Start(ctx, contractKeeper)) // its own job follows the service's, which alone was waited for
	c.want(t, contractKeeper, "active")
	must(t, c.door.Stop(ctx, contractUnit))
	c.want(t, contractUnit, "inactive")
	must(t, c.door.Start(ctx, contractUnit))
	c.want(t, contractUnit, "active")
	must(t, c.door.Restart(ctx, contractUnit))
	must(t, c.door.Remove(ctx, contractKeeper, contractUnit))
	c.want(t, contractUnit, "gone")
	c.want(t, contractKeeper, "gone")
	must(t, c.door.StartTransient(ctx, unit, keeper))
	must(t, c.door.Stop(ctx, contractUnit))
	must(t, c.door.Remove(ctx, contractKeeper, contractUnit)) // of a unit that is stopped already
}

func (c *contract) held(t *testing.T) {
	ctx := context.Background()
	defer c.clean(t)
	must(t, c.door.StartTransient(ctx, c.service(contractUnit, c.stay)))
	must(t, c.door.StartTransient(ctx, c.service(contractOther, c.stay, host.Property{Name: "After", Value: []string{contractUnit}})))
	if err := c.door.Remove(ctx, contractUnit); !errors.Is(err, host.ErrUnitHeld) {
		t.Errorf("remove of what another is ordered after: %v, want ErrUnitHeld", err)
	}
	c.want(t, contractUnit, "inactive")
	if err := c.door.StartTransient(ctx, c.service(contractUnit, c.stay)); !errors.Is(err, host.ErrUnitExists) {
		t.Errorf("making it anew: %v, want ErrUnitExists", err)
	}
	must(t, c.door.Start(ctx, contractUnit))
}

func (c *contract) live(t *testing.T) {
	ctx := context.Background()
	defer c.clean(t)
	must(t, c.door.StartTransient(ctx, c.service(contractUnit, c.stay, host.Property{Name: "TasksMax", Value: uint64(100)})))
	must(t, c.door.SetProperties(ctx, contractUnit, []host.Property{
		{Name: "TasksMax", Value: uint64(50)}, {Name: "MemoryMax", Value: uint64(host.NoLimit)},
		{Name: "MemorySwapMax", Value: uint64(0)}, {Name: "CPUQuotaPerSecUSec", Value: uint64(1_500_000)},
	}))
	p, err := c.door.Properties(ctx, contractUnit, "Service.TasksMax", "Service.CPUQuotaPerSecUSec", "Unit.LoadState", "Unit.Transient")
	must(t, err)
	if p["Service.TasksMax"] != uint64(50) || p["Service.CPUQuotaPerSecUSec"] != uint64(1_500_000) || p["Unit.LoadState"] != "loaded" || p["Unit.Transient"] != true {
		t.Errorf("properties: %v", p)
	}
	for _, fixed := range []host.Property{
		{Name: "Restart", Value: "always"}, {Name: "TimeoutStopUSec", Value: uint64(5e6)},
		{Name: "KillSignal", Value: int32(3)}, {Name: "After", Value: []string{contractOther}},
	} {
		if err := c.door.SetProperties(ctx, contractUnit, []host.Property{fixed}); err == nil {
			t.Errorf("%s was changed on a loaded unit", fixed.Name)
		}
	}
	if err := c.door.SetProperties(ctx, contractOther, []host.Property{{Name: "TasksMax", Value: uint64(50)}}); err == nil {
		t.Errorf("properties of a unit that is not loaded were set")
	}
}

func (c *contract) failure(t *testing.T) {
	ctx := context.Background()
	defer c.clean(t)
	unit, keeper := c.kept(c.fail)
	for i, p := range unit.Properties {
		if p.Name == "Type" {
			unit.Properties[i].Value = "notify" // it ends before it is ready
		}
	}
	err := c.door.StartTransient(ctx, unit, keeper)
	var failed *host.JobError
	if !errors.As(err, &failed) || failed.Result != "failed" {
		t.Fatalf("start of a program that fails: %v", err)
	}
	if failed.Failure == nil || failed.Failure.Status != 7 || failed.Failure.Code != "exited" {
		t.Errorf("failure: %+v", failed.Failure)
	}
}

func (c *contract) kill(t *testing.T) {
	ctx := context.Background()
	defer c.clean(t)
	if err := c.door.Kill(ctx, contractUnit, syscall.SIGWINCH); !errors.Is(err, host.ErrNoUnit) {
		t.Errorf("a signal to a unit that is not there: %v, want ErrNoUnit", err)
	}
	unit, keeper := c.kept(c.stay)
	must(t, c.door.StartTransient(ctx, unit, keeper))
	must(t, c.door.Start(ctx, contractKeeper))
	must(t, c.door.Kill(ctx, contractUnit, syscall.SIGWINCH)) // which ends nothing
	c.want(t, contractUnit, "active")
	must(t, c.door.Stop(ctx, contractUnit))
	if err := c.door.Kill(ctx, contractUnit, syscall.SIGWINCH); err == nil {
		t.Error("a signal went to a unit that does not run")
	}
}

func (c *contract) timer(t *testing.T) {
	ctx := context.Background()
	const name = "hostctl-contract.timer"
	timer := host.Transient{Name: name, Properties: []host.Property{
		{Name: "Description", Value: "Contract of hostctl"},
		{Name: "TimersMonotonic", Value: []host.TimerMonotonic{{Base: "OnActiveSec", USec: 3600e6}}},
		{Name: "AccuracyUSec", Value: uint64(1e5)},
		{Name: "RemainAfterElapse", Value: false},
		{Name: "CollectMode", Value: "inactive-or-failed"},
	}}
	service := c.service(contractUnit, c.stay)
	must(t, c.door.StartTransient(ctx, timer, service))
	c.want(t, name, "active")
	c.want(t, contractUnit, "inactive")
	p, err := c.door.Properties(ctx, name, "Unit.Transient", "Timer.Unit")
	must(t, err)
	if p["Unit.Transient"] != true || p["Timer.Unit"] != contractUnit {
		t.Errorf("properties: %v", p)
	}
	if _, err := c.door.Properties(ctx, name, "Service.ExecStart"); err == nil {
		t.Error("a timer has what only a service has")
	}
	if err := c.door.StartTransient(ctx, timer, service); !errors.Is(err, host.ErrUnitExists) {
		t.Errorf("second start: %v, want ErrUnitExists", err)
	}
	must(t, c.door.Remove(ctx, name, contractUnit))
	c.want(t, name, "gone")
	c.want(t, contractUnit, "gone")
}

func (c *contract) absent(t *testing.T) {
	ctx := context.Background()
	must(t, c.door.Stop(ctx, contractUnit))
	must(t, c.door.ResetFailed(ctx, contractUnit))
	must(t, c.door.Remove(ctx, contractKeeper, contractUnit))
	p, err := c.door.Properties(ctx, contractUnit, "Unit.LoadState")
	if err != nil || p["Unit.LoadState"] != "not-found" {
		t.Errorf("load state of a unit that is not there: %v, %v", p, err)
	}
}

func (c *contract) sockets(t *testing.T) {
	ctx := context.Background()
	defer c.clean(t)
	const socket = "hostctl-contract.socket"
	unit := c.service(contractUnit, c.stay, host.Property{Name: "Requires", Value: []string{socket}})
	must(t, c.door.StartTransient(ctx, unit, host.Transient{Name: socket, Properties: []host.Property{
		{Name: "Listen", Value: []host.Listen{{Type: "Stream", Address: "/run/hostctl-contract"}}}, {Name: "RemoveOnStop", Value: true}}}))
	defer func() { must(t, c.door.Remove(ctx, socket, contractUnit)) }()
	must(t, c.door.ForgetSockets(contractOther)) // of which there are none
	for _, want := range []bool{true, true, false} {
		if want {
			must(t, c.door.PassSockets(contractOther, socket))
		}
		must(t, c.door.StartTransient(ctx, c.service(contractOther, c.stay)))
		p, err := c.door.Properties(ctx, contractOther, "Unit.TriggeredBy")
		by, _ := p["Unit.TriggeredBy"].([]string)
		if got := slices.Equal(by, []string{socket}); err != nil || got != want {
			t.Errorf("is passed the sockets of %v (%v), want %v", by, err, want)
		}
		must(t, c.door.Restart(ctx, contractUnit)) // whose the socket is goes on having it
		must(t, c.door.Remove(ctx, contractOther))
		must(t, c.door.ForgetSockets(contractOther))
		c.want(t, contractUnit, "active")
		c.want(t, socket, "active")
	}
}

func (c *contract) uncollected(t *testing.T) {
	ctx := context.Background()
	defer c.clean(t)
	unit := c.service(contractUnit, c.fail)
	for i, p := range unit.Properties {
		switch p.Name {
		case "Type":
			unit.Properties[i].Value = "notify"
		case "CollectMode":
			unit.Properties[i].Value = "inactive"
		}
	}
	var failed *host.JobError
	if err := c.door.StartTransient(ctx, unit); !errors.As(err, &failed) || failed.Failure == nil || failed.Failure.Status != 7 {
		t.Errorf("start of a program that fails: %v", err)
	}
	c.want(t, contractUnit, "failed")
	must(t, c.door.Remove(ctx, contractUnit))
	c.want(t, contractUnit, "gone")
}

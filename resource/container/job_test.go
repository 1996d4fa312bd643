package container

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"hostctl/host"
	"hostctl/resource"
)

func nightly() *Container {
	return with(resolved(), func(c *Container) { c.Job, c.Schedule.Calendar = true, "daily" })
}

// A schedule that was stopped goes on where the job's unit is still loaded, for another is ordered after it: systemd has dropped the timer
// alone. A timer of the name that is another's is left alone.
func TestScheduleWhoseUnitIsHeld(t *testing.T) {
	b := newBench(t)
	want := nightly()
	b.apply(web, want)
	b.orderOther(web)
	b.apply(web, want.enabled(false))
	b.same(web, want.enabled(false))
	b.apply(web, want)
	b.same(web, want)
	b.apply(web, want.enabled(false))

	foreign := host.Transient{Name: TimerUnit(web), Properties: []host.Property{{Name: "TimersCalendar", Value: want.timer(web, "shop").Properties[1].Value}}}
	if err := b.systemd.Remove(t.Context(), "other.service"); err != nil {
		t.Fatal(err)
	}
	if err := b.systemd.StartTransient(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	change := resource.Change{Addr: web, Owner: "shop", Action: resource.Update, Class: resource.Live, Paths: []string{"enabled"}, Want: want.enabled(false), Live: want}
	for range 2 {
		before := b.calls()
		if err := b.Apply(t.Context(), change); err != nil && !errors.Is(err, errForeign) {
			t.Error(err)
		}
		if got := b.since(before); got != "" {
			t.Errorf("calls %s", got)
		}
	}
}

// That another's unit of the job's name has failed says nothing of the job, which has not been run.
func TestJobWhoseNameFailed(t *testing.T) {
	b := newBench(t)
	b.Specs.State = t.TempDir()
	b.status = 3
	want := with(resolved(), func(c *Container) { c.Job, c.Restart = true, "no" })
	if err := b.change(web, want); err == nil {
		t.Fatal("it did not fail")
	}
	if err := b.systemd.Remove(t.Context(), Keeper(web), Unit(web)); err != nil {
		t.Fatal(err)
	}
	foreign := host.Transient{Name: Unit(web), Properties: []host.Property{
		{Name: "ExecStart", Value: []host.Command{{Path: "/bin/x", Args: []string{"/bin/x"}}}}, {Name: "CollectMode", Value: "inactive"}}}
	if err := b.systemd.StartTransient(t.Context(), foreign); err == nil {
		t.Fatal("it did not fail")
	}
	if diff := b.differs(web, want); diff != "enabled: false -> true\n" {
		t.Errorf("difference %q", diff)
	}
}

// What systemd has noted of a persistent timer goes with the job, also where only the host tells that it had one, and not with one whose
// name is another configuration's by now.
func TestForgetStamp(t *testing.T) {
	want := with(nightly(), func(c *Container) { c.Schedule.Persistent = true })
	for _, test := range []struct {
		name   string
		change resource.Change
		stays  bool
	}{
		{"deleted", resource.Change{Action: resource.Delete, Last: want, Live: want}, false},
		{"without the ledger", resource.Change{Action: resource.Delete, Live: want}, false},
		{"let go", resource.Change{Action: resource.Forget, Last: want, Live: want}, false},
		{"made anew", resource.Change{Action: resource.Delete, Last: want, Live: want, Replace: true}, true},
		{"deleted by another", resource.Change{Owner: "store", Action: resource.Delete, Last: want}, true},
		{"let go by another", resource.Change{Owner: "store", Action: resource.Forget, Last: want}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.Specs.State = t.TempDir()
			b.apply(web, want)
			stamp := filepath.Join(b.Stamps, "stamp-"+TimerUnit(web))
			write(t, stamp, "", 0o644)
			test.change.Addr = web
			if test.change.Owner == "" {
				test.change.Owner = "shop"
			}
			if err := b.Apply(t.Context(), test.change); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Lstat(stamp); errors.Is(err, os.ErrNotExist) == test.stays {
				t.Errorf("the stamp: %v", err)
			}
		})
	}
}

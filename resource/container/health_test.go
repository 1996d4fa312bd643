package container

import (
	"reflect"
	"testing"

	"hostctl/resource"
	"hostctl/runtime"
)

func TestDuties(t *testing.T) {
	c := fresh()
	if d, err := c.duties(); err != nil || !reflect.DeepEqual(d, runtime.Duties{}) {
		t.Errorf("nothing asked for, and %+v, %v", d, err)
	}
	c.StopSignal, c.StopTimeout = "QUIT", resource.Duration(8e9)
	c.PostStart.Exec, c.PreStop.Exec = []string{"warm"}, []string{"drain"}
	for _, test := range []struct {
		health Health
		want   runtime.Health
	}{
		{Health{Exec: []string{"true"}}, runtime.Health{Exec: []string{"true"}}},
		{Health{TCP: "127.0.0.1:5432"}, runtime.Health{Address: "7f0000011538"}},
		{Health{TCP: "[::ffff:127.0.0.1]:5432"}, runtime.Health{Address: "7f0000011538"}},
		{Health{HTTP: "http://[::1]/x?y=z"}, runtime.Health{Address: "000000000000000000000000000000010050", URL: "http://[::1]/x?y=z"}},
		{Health{HTTP: "http://10.0.0.1:8080"}, runtime.Health{Address: "0a0000011f90", URL: "http://10.0.0.1:8080"}},
		{Health{Notify: true, Restart: true}, runtime.Health{Notify: true, Restart: true}},
	} {
		c.Health, c.Notify = test.health, test.health.Notify
		test.want.Interval, test.want.Timeout, test.want.Retries = 10e6, 2e6, 3
		d, err := c.duties()
		want := runtime.Duties{
			Health: &test.want, PostStart: &runtime.Hook{Exec: []string{"warm"}, Timeout: 30e6},
			PreStop: &runtime.Hook{Exec: []string{"drain"}, Timeout: 4e6}, StopSignal: 3,
		}
		if err != nil || !reflect.DeepEqual(d, want) {
			t.Errorf("%+v: %+v, %v", test.health, d.Health, err)
		}
		c.IDBase = lowRange
		spec, err := c.launcherSpec(web, "shop")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := runtime.Encode(*spec); err != nil {
			t.Errorf("%+v: the launcher does not take it: %v", test.health, err)
		}
	}
}

// What waits for another finds out whether that is as it should be.
func TestConditions(t *testing.T) {
	db, job, timer := fresh(), fresh(), fresh()
	db.Health.Exec = []string{"true"}
	job.Job, timer.Job, timer.Schedule.Calendar = true, true, "daily"
	for _, test := range []struct {
		to   *Container
		when resource.Condition
		bad  bool
	}{
		{db, resource.Started, false}, {db, resource.Healthy, false}, {db, resource.Completed, true}, {fresh(), resource.Healthy, true},
		{job, resource.Completed, false}, {job, resource.Healthy, true}, {timer, resource.Completed, true}, {timer, resource.Started, false},
	} {
		v := &validator{self: web}
		checkCondition(v, resource.Dependency{To: resource.Addr{Kind: Name, Name: "db"}, When: test.when}, test.to)
		if (len(v.problems) > 0) != test.bad {
			t.Errorf("%s of %+v: %v", test.when, test.to, v.problems)
		}
	}
}

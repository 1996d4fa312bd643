package container

import (
	"errors"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hostctl/host"
	"hostctl/resource"
	"hostctl/runtime"
)

func overlapping() *Container {
	return with(resolved(), func(c *Container) {
		c.Update = startFirst
		c.Listen = map[string]Listen{"http": {Stream: "127.0.0.1:8080"}}
	})
}

func changed(c *Container) *Container {
	return with(c, func(c *Container) { c.Command = []string{"/bin/other"} })
}

const (
	nextStarts = "pass-sockets hostctl-web--next.service, start-transient hostctl-web--next.service"
	anew       = "remove hostctl-web.socket, remove hostctl-web.service, remove hostctl-keep-web.slice, remove hostctl-web.service, start-transient hostctl-web.service"
	nextEnds   = "remove hostctl-web--next.service, forget-sockets hostctl-web--next.service"
)

func TestValidateUpdate(t *testing.T) {
	start := func(set func(*Container)) *Container {
		return with(fresh(), func(c *Container) { c.Update = startFirst; set(c) })
	}
	for _, test := range []struct {
		name string
		c    *Container
		want string
	}{
		{"unset", fresh(), ""},
		{"stop-first", with(fresh(), func(c *Container) { c.Update, c.Root = stopFirst, runtime.RootPersistent }), ""},
		{"start-first", start(func(c *Container) {
			c.Root, c.Mount = runtime.RootEphemeral, map[string]Mount{"/site": {ReadOnly: true}}
			c.Listen = map[string]Listen{"http": {Stream: ":80"}}
			c.Secret = map[string]Secret{"key": {Credential: "key", Mode: 0o400}}
		}), ""},
		{"a word that is none", with(fresh(), func(c *Container) { c.Update = "rolling" }), `update "rolling" is no way to update`},
		{"a job", start(func(c *Container) { c.Job = true }), "update a job is not started beside itself"},
		{"a whole system", start(func(c *Container) { c.Boot, c.Root = true, runtime.RootEphemeral }), "update a whole system is not started beside itself"},
		{"a persistent root", start(func(c *Container) { c.Root = runtime.RootPersistent }), "update two at once would write to one root"},
		{"a rootfs that is written to", start(func(c *Container) { c.Root = runtime.RootWritable }), "update two at once would write to one root"},
		{"a volume", start(func(c *Container) { c.Mount = map[string]Mount{"/data": {}, "/site": {ReadOnly: true}} }),
			`update two at once would write to the volume at "/data"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, p := range test.c.Validate(web) {
				got = append(got, p.Path+" "+p.Summary)
			}
			if strings.Join(got, "\n") != test.want {
				t.Errorf("problems %q, want %q", got, test.want)
			}
		})
	}
}

func TestStartFirst(t *testing.T) {
	b := newBench(t)
	want := overlapping()
	b.apply(web, want)
	for _, step := range []struct {
		name  string
		set   func(*Container)
		calls string
	}{
		{"the command", func(c *Container) { c.Command = []string{"/bin/other"} }, nextStarts + ", restart hostctl-web.service, " + nextEnds},
		{"the command and a limit", func(c *Container) { c.Command, c.Limits.Tasks = []string{"/bin/x"}, 99 },
			nextStarts + ", set-properties hostctl-web.service, restart hostctl-web.service, " + nextEnds},
		{"a limit", func(c *Container) { c.Limits.Tasks = 98 }, "set-properties hostctl-web.service"},
		{"another way to update", func(c *Container) { c.Update = stopFirst }, anew},
		{"the command, in that way", func(c *Container) { c.Command = []string{"/bin/y"} }, "restart hostctl-web.service"},
		{"back, with the command", func(c *Container) { c.Update, c.Command = startFirst, []string{"/bin/z"} }, anew},
		{"and again", func(c *Container) { c.Command = []string{"/bin/zz"} }, nextStarts + ", restart hostctl-web.service, " + nextEnds},
		{"what only a new unit can have", func(c *Container) { c.StopSignal = "QUIT" },
			anew},
		{"stopped", func(c *Container) { c.Enabled = false }, "stop hostctl-web.socket, stop hostctl-web.service"},
		{"the command while stopped", func(c *Container) { c.Command = []string{"/bin/y"} }, ""},
	} {
		t.Run(step.name, func(t *testing.T) {
			before := b.calls()
			want = with(want, step.set)
			b.apply(web, want)
			b.same(web, want)
			if got := b.since(before); got != step.calls {
				t.Errorf("calls %s, want %s", got, step.calls)
			}
		})
	}
	b.apply(web, nil)
	b.nothing()

	// Without sockets the way is only a word.
	want = with(want, func(c *Container) { c.Listen, c.Enabled = nil, true })
	b.apply(web, want)
	before := b.calls()
	want = with(want, func(c *Container) { c.Update = stopFirst })
	b.apply(web, want)
	want = with(want, func(c *Container) { c.Update, c.Command = startFirst, []string{"/bin/a"} })
	b.apply(web, want)
	b.same(web, want)
	if got := b.since(before); got != "start-transient hostctl-web--next.service, restart hostctl-web.service, remove hostctl-web--next.service" {
		t.Errorf("calls %s", got)
	}
}

// The helper is the container itself but for its name, and for what keeps a unit.
func TestHelperUnit(t *testing.T) {
	c := overlapping()
	c.DependsOn = []resource.Dependency{{To: resource.Addr{Kind: Name, Name: "db"}}}
	own, err := c.transient(web, "shop", "/usr/bin/hostctl-launch")
	if err != nil {
		t.Fatal(err)
	}
	helper, err := c.helper(web, "shop", "/usr/bin/hostctl-launch")
	if err != nil {
		t.Fatal(err)
	}
	properties := map[string]any{}
	for _, p := range helper.Properties {
		properties[p.Name] = p.Value
	}
	var other []string
	for _, p := range own.Properties {
		if !reflect.DeepEqual(properties[p.Name], p.Value) {
			other = append(other, p.Name)
		}
	}
	slices.Sort(other)
	if want := []string{"After", "CollectMode", "Description", "ExecStart", "Restart", "Wants"}; !slices.Equal(other, want) {
		t.Errorf("other properties: %v, want %v", other, want)
	}
	if helper.Name != "hostctl-web--next.service" || len(helper.Properties) != len(own.Properties)-2 {
		t.Errorf("%s has %d properties", helper.Name, len(helper.Properties))
	}
}

// One that does not get well is removed, and what runs goes on with what it ran with.
func TestHelperFails(t *testing.T) {
	b := newBench(t)
	want := overlapping()
	b.apply(web, want)
	run := b.invocation(Unit(web))
	b.helper = 7
	before := b.calls()
	var job *host.JobError
	if err := b.change(web, changed(want)); !errors.As(err, &job) || job.Unit != "hostctl-web--next.service" || job.Failure.Status != 7 {
		t.Errorf("error %v", err)
	}
	if got := b.since(before); got != nextStarts+", "+nextEnds {
		t.Errorf("calls %s", got)
	}
	b.same(web, want)
	if b.invocation(Unit(web)) != run {
		t.Error("it was started anew")
	}
	b.apply(web, nil)
	b.nothing()
}

// Where nothing runs that could go on, there is no helper.
func TestNothingToOverlap(t *testing.T) {
	b := newBench(t)
	want := overlapping()
	b.apply(web, want)
	b.systemd.End(Unit(web), 3)
	before := b.calls()
	want = changed(want)
	b.apply(web, want)
	b.same(web, want)
	if got := b.since(before); got != "restart hostctl-web.service" {
		t.Errorf("calls %s", got)
	}
}

// Whatever call fails, or whatever an update is cut off before, is found by the next reading and put right, whatever is wanted then.
func TestStartFirstFailsAnywhere(t *testing.T) {
	failure := errors.New("made to fail")
	first := overlapping()
	for _, op := range []string{
		"pass-sockets hostctl-web--next.service", "start-transient hostctl-web--next.service", "restart hostctl-web.service",
		"remove hostctl-web--next.service", "forget-sockets hostctl-web--next.service",
	} {
		for what, then := range map[string]*Container{
			"again": changed(first), "as before": first, "stop-first": with(changed(first), func(c *Container) { c.Update = stopFirst }),
			"stopped": first.enabled(false), "gone": nil, "made anew": with(first, func(c *Container) { c.StopSignal = "INT" }),
		} {
			b := newBench(t)
			b.apply(web, first)
			b.machine.Fail(op, failure)
			// What removes the helper is called after the failure too: fail that as well, as if the process had been killed.
			if op != "remove hostctl-web--next.service" && op != "pass-sockets hostctl-web--next.service" {
				b.machine.Fail("forget-sockets hostctl-web--next.service", failure)
			}
			if err := b.change(web, changed(first)); !errors.Is(err, failure) {
				t.Fatalf("%s: %v", op, err)
			}
			_, err := b.Specs.Linked("web" + runtime.NextSuffix)
			if live := b.read(nil).State[web].(*Container); (live.Helper != "") != (err == nil) {
				t.Errorf("%s: helper %q, link %v", op, live.Helper, err)
			}
			if err := b.change(web, then); err != nil {
				t.Errorf("%s, then %s: %v", op, what, err)
			}
			if then != nil {
				b.same(web, then)
				b.apply(web, nil)
			}
			b.nothing()
		}
	}
}

// alone is a container that starts first and whose unit nobody refers to.
func alone() *Container { return with(resolved(), func(c *Container) { c.Update = startFirst }) }

const (
	renewed = "remove hostctl-web.service, remove hostctl-keep-web.slice, remove hostctl-web.service, start-transient hostctl-web.service"
	beside  = "start-transient hostctl-web--next.service, " + renewed + ", remove hostctl-web--next.service"
)

// What only a new unit can have is given to one while the helper runs, where nothing refers to the old one.
func TestRenewsBeside(t *testing.T) {
	db := resource.Addr{Kind: Name, Name: "db"}
	signal := func(c *Container) { c.StopSignal = "QUIT" }
	for _, test := range []struct {
		name       string
		first      *Container
		set        func(*Container)
		calls      string
		depends    bool // another container on it
		ended      bool
		helper     int
		otherAfter bool // a unit of somebody's is ordered after it
		err        error
	}{
		{name: "a signal", first: alone(), set: signal, calls: beside},
		{name: "with the command and a limit", first: alone(), set: func(c *Container) { signal(c); c.Command, c.Limits.Tasks = []string{"/bin/x"}, 9 }, calls: beside},
		{name: "a pause and a timeout", first: alone(), set: func(c *Container) { c.RestartDelay, c.StopTimeout = 2e9, 3e9 }, calls: beside},
		{name: "stopped as well", first: alone(), set: func(c *Container) { signal(c); c.Enabled = false },
			calls: "remove hostctl-web.service, remove hostctl-keep-web.slice, remove hostctl-web.service, remove hostctl-keep-web.slice"},
		{name: "one that does not run", first: alone(), set: signal, ended: true, calls: renewed},
		{name: "stop-first before", first: resolved(), set: func(c *Container) { signal(c); c.Update = startFirst }, calls: renewed},
		{name: "stop-first now", first: alone(), set: func(c *Container) { signal(c); c.Update = stopFirst }, calls: renewed},
		{name: "with sockets", first: overlapping(), set: signal, calls: anew},
		{name: "depending on others", first: alone(), set: func(c *Container) { c.DependsOn, c.After = []resource.Dependency{{To: db}}, []string{Unit(db)} }, calls: renewed},
		{name: "depended upon", first: alone(), set: signal, depends: true, err: host.ErrUnitHeld,
			calls: "remove hostctl-web.service, remove hostctl-keep-web.slice, remove hostctl-web.service"}, // as the plan knows, which takes both
		{name: "a unit of somebody's after it", first: alone(), set: signal, otherAfter: true, err: host.ErrUnitHeld, calls: ""},
		{name: "a helper that fails", first: alone(), set: signal, helper: 7, err: &host.JobError{},
			calls: "start-transient hostctl-web--next.service, remove hostctl-web--next.service"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.apply(web, test.first)
			if test.depends {
				b.apply(db, with(resolved(), func(c *Container) {
					c.IDBase += RangeSize
					c.DependsOn, c.After = []resource.Dependency{{To: web}}, []string{Unit(web)}
				}))
			}
			if test.otherAfter {
				b.orderOther(web)
			}
			if test.ended {
				b.systemd.End(Unit(web), 3)
			}
			b.helper = test.helper
			want := with(test.first, test.set)
			before, run := b.calls(), b.invocation(Unit(web))
			err := b.change(web, want)
			if job := (*host.JobError)(nil); !errors.Is(err, test.err) && !(test.helper > 0 && errors.As(err, &job)) {
				t.Errorf("error %v, want %v", err, test.err)
			}
			if got := b.since(before); got != test.calls {
				t.Errorf("calls %s, want %s", got, test.calls)
			}
			switch {
			case test.err == nil:
				b.same(web, want)
			case !test.depends:
				b.same(web, test.first)
				if b.invocation(Unit(web)) != run {
					t.Error("what runs was started anew")
				}
			}
		})
	}
}

// Whatever call fails, or whatever the making of a new unit is cut off before, the next change puts it right.
func TestRenewsBesideFailsAnywhere(t *testing.T) {
	failure := errors.New("made to fail")
	first := alone()
	signal := with(first, func(c *Container) { c.StopSignal = "QUIT" })
	for _, next := range []*Container{signal, changed(signal)} {
		for op := range strings.SplitSeq(beside, ", ") {
			for what, then := range map[string]*Container{
				"again": next, "as before": first, "stop-first": with(next, func(c *Container) { c.Update = stopFirst }), "stopped": first.enabled(false), "gone": nil,
			} {
				b := newBench(t)
				b.apply(web, first)
				b.machine.Fail(op, failure)
				if err := b.change(web, next); !errors.Is(err, failure) {
					t.Fatalf("%s: %v", op, err)
				}
				if err := b.change(web, then); err != nil {
					t.Errorf("%s, then %s: %v", op, what, err)
				}
				if then != nil {
					b.same(web, then)
					p, err := b.systemd.Properties(t.Context(), Unit(web), "Unit.LoadState", "Service.KillSignal")
					if has := p["Service.KillSignal"]; err != nil || p["Unit.LoadState"] == "loaded" && has != signals[then.StopSignal] {
						t.Errorf("%s, then %s: the unit has signal %v, and not that of %s, %v", op, what, has, then.StopSignal, err)
					}
					b.apply(web, nil)
				}
				b.nothing()
			}
		}
	}
}

// What a cut-off update left is one line of difference that costs nothing.
func TestHelperIsFound(t *testing.T) {
	b := newBench(t)
	want := overlapping()
	b.apply(web, want)
	run := b.invocation(Unit(web))
	change := resource.Change{Addr: web, Owner: "shop", Action: resource.Update, Class: resource.Restart, Want: changed(want), Live: want}
	if err := b.startHelper(t.Context(), change, changed(want)); err != nil {
		t.Fatal(err)
	}
	if diff := b.differs(web, want); diff != "helper: hostctl-web--next.service -> \n" && diff != "helper: \"hostctl-web--next.service\" -> \n" {
		t.Errorf("difference %q", diff)
	}
	reading := b.read(nil)
	if len(reading.State) != 1 || !strings.Contains(reading.Status[web], "being updated: hostctl-web--next.service") {
		t.Errorf("%v", reading.Status)
	}
	if sights, err := b.Glance(t.Context()); err != nil || len(sights) != 1 {
		t.Errorf("everybody sees %v, %v", sights, err)
	}
	b.apply(web, want)
	b.same(web, want)
	if b.invocation(Unit(web)) != run {
		t.Error("it was started anew")
	}

	// Also without its link.
	if err := b.startHelper(t.Context(), change, changed(want)); err != nil {
		t.Fatal(err)
	}
	if err := b.Specs.Unlink("web" + runtime.NextSuffix); err != nil {
		t.Fatal(err)
	}
	b.apply(web, want)
	b.same(web, want)

	// Let go, the container has none.
	if err := b.startHelper(t.Context(), change, changed(want)); err != nil {
		t.Fatal(err)
	}
	if err := b.Apply(t.Context(), resource.Change{Addr: web, Owner: "shop", Action: resource.Forget, Live: want}); err != nil {
		t.Fatal(err)
	}
	if left := b.systemd.String(); strings.Contains(left, "--next") {
		t.Errorf("left over:\n%s", left)
	}
}

// A unit of that name that is another's is left alone, and said before anything is done.
func TestForeignHelper(t *testing.T) {
	b := newBench(t)
	want := overlapping()
	b.apply(web, want)
	b.systemd.Run = nil
	foreign := host.Transient{Name: Helper("web"), Properties: []host.Property{{Name: "ExecStart", Value: []host.Command{{Path: "/bin/x", Args: []string{"/bin/x"}}}}}}
	if err := b.systemd.StartTransient(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	b.same(web, want) // nothing of it is the container's
	next := changed(want)
	change := resource.Change{Addr: web, Owner: "shop", Action: resource.Update, Class: resource.Restart, Want: next, Live: want}
	problems := b.Check(t.Context(), []resource.Change{change}, resource.State{web: next})
	if !slices.ContainsFunc(problems, func(p resource.Problem) bool {
		return p.Path == "update" && strings.Contains(p.Summary, "hostctl-web--next.service")
	}) {
		t.Errorf("problems %v", problems)
	}
	before := b.calls()
	if err := b.change(web, next); !errors.Is(err, errForeign) {
		t.Errorf("error %v", err)
	}
	if got := b.since(before); got != "" {
		t.Errorf("calls %s", got)
	}
	if _, err := b.Specs.Linked("web" + runtime.NextSuffix); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its link: %v", err)
	}
	if !strings.Contains(b.systemd.String(), "hostctl-web--next.service active") {
		t.Error("it was stopped")
	}
	b.same(web, want)
}

// A mount that comes whole takes a new process, as the plan says, though a mountpoint alone would take a new unit: what refers to the unit is not in its way.
func TestMountThatComesWhole(t *testing.T) {
	for name, first := range map[string]*Container{
		"stop-first": resolved(), "with sockets": with(resolved(), func(c *Container) { c.Listen = map[string]Listen{"web": {Stream: "127.0.0.1:8080"}} }), "start-first with sockets": overlapping(),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.apply(web, first)
			read, err := b.Read(t.Context(), "shop", nil)
			if err != nil {
				t.Fatal(err)
			}
			want := with(first, func(c *Container) {
				c.Mount = map[string]Mount{"/data": {Source: "/srv/data", Mountpoint: "/srv", ReadOnly: true}}
			})
			before := b.calls()
			if err := b.Apply(t.Context(), resource.Change{Addr: web, Owner: "shop", Action: resource.Update, Class: resource.Restart,
				Paths: []string{`mount["/data"].mountpoint`, `mount["/data"].source`}, Want: want, Last: first, Live: read.State[web]}); err != nil {
				t.Fatal(err)
			}
			if got := b.since(before); !strings.Contains(got, "restart hostctl-web.service") || strings.Contains(got, "remove hostctl-web.s") {
				t.Error(got)
			}
		})
	}
}

// Where a unit that is to be made anew stays loaded by what nobody could know, the old one runs again before its helper ends.
func TestRenewsBesideWhatHoldsIt(t *testing.T) {
	b := newBench(t)
	first := alone()
	b.apply(web, first)
	b.orderOther(web)
	b.Systemd = &asked{Systemd: b.Systemd, properties: map[string]map[string]any{Unit(web): {"Unit.Before": []string{}}}}
	err := b.change(web, with(first, func(c *Container) { c.StopSignal = "QUIT" }))
	if !errors.Is(err, host.ErrUnitHeld) {
		t.Fatal(err)
	}
	b.same(web, first)
	if p, err := b.systemd.Properties(t.Context(), Unit(web), "Unit.ActiveState"); err != nil || p["Unit.ActiveState"] != "active" {
		t.Errorf("%v, %v", p, err)
	}
	if _, err := b.Specs.Linked(web.HostName() + runtime.NextSuffix); err == nil {
		t.Error("the helper is left")
	}
}

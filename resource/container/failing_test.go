package container

import (
	"context"
	"slices"
	"strings"
	"testing"

	"hostctl/host"
	"hostctl/resource"
	"hostctl/runtime"
)

// looping is a systemd whose one unit waits to be started again, and how it ended last.
type looping struct {
	Systemd
	status int
	code   string
	result string
}

func (s *looping) Failure(_ context.Context, _, _ string) (*host.Failure, error) {
	return &host.Failure{Result: s.result, Code: s.code, Status: s.status, LastLine: "alas"}, nil
}

// A container that cannot be set up is to be started anew, one that crashed is not; both are said to fail, and one that ended well is not.
func TestLooping(t *testing.T) {
	for _, c := range []struct {
		result  string
		status  int
		pending string
		warning string
	}{
		{"exit-code", runtime.ExitSetup, pendingFailing, web.String() + " cannot be started"},
		{"exit-code", 3, "", web.String() + " keeps failing"},
		{"success", 0, "", ""},
	} {
		b := newBench(t)
		b.apply(web, resolved())
		b.systemd.End(Unit(web), 3)
		b.Systemd = &looping{&asked{Systemd: b.Systemd, units: []host.Unit{{Name: Unit(web), LoadState: "loaded", ActiveState: "activating", SubState: "auto-restart"}}}, c.status, "exited", c.result}
		r := b.read(nil)
		live := r.State[web].(*Container)
		if !live.Enabled || live.Pending != c.pending || !strings.Contains(r.Status[web], "0 restarts") {
			t.Errorf("%d: enabled %v, pending %q, %s", c.status, live.Enabled, live.Pending, r.Status[web])
		}
		said := ""
		for _, w := range r.Warnings {
			if said = w.Summary; !strings.Contains(w.Detail, "alas") {
				t.Errorf("%d: %v", c.status, w)
			}
		}
		if said != c.warning {
			t.Errorf("%d: warns %q, want %q", c.status, said, c.warning)
		}
		if class := resolved().ChangeClass("pending", resource.Live, live); c.pending != "" && class != resource.Restart {
			t.Errorf("a start that fails costs %v", class)
		}
	}
}

// What is missing of Landlock is said once, and where it matters by name.
func TestWithoutLandlock(t *testing.T) {
	addr := func(name string) resource.Addr { return resource.Addr{Kind: Name, Name: name} }
	want := resource.State{
		addr("own"): &Container{}, addr("host"): &Container{HostNetwork: true}, addr("shared"): &Container{NetnsPath: "/run/netns/x"}, addr("system"): &Container{Boot: true},
	}
	const none, sockets = "This kernel has no Landlock that containers can use", "Abstract sockets are open to containers that share a network: container.host, container.shared"
	for _, c := range []struct {
		abi  int
		want []string
	}{{0, []string{none, sockets}}, {1, []string{none, sockets}}, {2, []string{sockets}}, {5, []string{sockets}}, {6, nil}, {7, nil}} {
		var got []string
		for _, w := range WithoutLandlock(want, c.abi) {
			got = append(got, w.Summary)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("ABI %d: %q, want %q", c.abi, got, c.want)
		}
	}
	if got := WithoutLandlock(resource.State{addr("system"): &Container{Boot: true}}, 0); got != nil {
		t.Errorf("%v", got)
	}
}

// What a whole system is started and stopped with stands in its plan, and what it has and lacks beside.
func TestWholeSystem(t *testing.T) {
	c := resource.SetDefaults(&Container{Boot: true, Rootfs: "/srv/system", Root: "ephemeral"})
	r := resource.NewResolver("shop", nil, nil, nil)
	r.Want = resource.State{web: c}
	if problems := c.Resolve(web, r); len(problems) > 0 {
		t.Fatal(problems)
	}
	if c.Init || c.StopSignal != "RTMIN+3" || !slices.Equal(c.Command, []string{"/sbin/init"}) {
		t.Errorf("init %v, stop_signal %s, command %q", c.Init, c.StopSignal, c.Command)
	}
	if problems := c.Validate(web); len(problems) > 0 {
		t.Errorf("resolved, it is no longer valid: %v", problems)
	}
	for _, part := range []string{"capabilities", "setuid programs", "namespaces", "mounts", "no Landlock"} {
		if note := c.PlanNote(resource.Create, false); !strings.Contains(note, part) {
			t.Errorf("no %q in %q", part, note)
		}
	}
	if note := c.PlanNote(resource.Delete, false) + resolved().PlanNote(resource.Create, false); note != "" {
		t.Errorf("%q", note)
	}
}

package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"hostctl/apply"
	"hostctl/plan"
	"hostctl/policy"
	"hostctl/resource"
	"hostctl/resource/container"
	"hostctl/resource/user"
	"hostctl/resource/volume"
)

// A plan file says what its writer likes. Only what a configuration could have
// said, with the numbers that the host and the ledger give it, is carried out.
func TestSavedPlanIsNoWayAround(t *testing.T) {
	alice := resource.Addr{Kind: "user", Name: "alice"}
	data := resource.Addr{Kind: "volume", Name: "data"}
	web := resource.Addr{Kind: "container", Name: "web"}
	want := func() resource.State {
		u := user.Kind().New().(*user.User)
		v := volume.Kind().New().(*volume.Volume)
		v.Path, v.Owner = "/srv/data", alice
		c := container.Kind().New().(*container.Container)
		c.Rootfs, c.Command = "/srv/rootfs", []string{"/bin/true"}
		return resource.State{alice: u, data: v, web: c}
	}
	for name, tt := range map[string]struct {
		forge func(resource.State)
		want  string
	}{
		"as planned":   {func(resource.State) {}, ""},
		"path":         {func(s resource.State) { s[data].(*volume.Volume).Path = "/etc/cron.d" }, "/etc/cron.d cannot be a volume"},
		"uid":          {func(s resource.State) { s[alice].(*user.User).UID = 1 }, "uid 1 is out of range"},
		"file's owner": {func(s resource.State) { s[data].(*volume.Volume).UID = 0 }, "other numbers"},
		"ids":          {func(s resource.State) { s[web].(*container.Container).IDBase = 1000 }, "other numbers"},
		"rootfs":       {func(s resource.State) { s[web].(*container.Container).Rootfs = "/opt/rootfs" }, "policy does not allow /opt/rootfs"},
		"capability":   {func(s resource.State) { s[web].(*container.Container).Capabilities = []string{"chown"} }, "policy does not allow capability \"chown\""},
		"system":       {func(s resource.State) { c := s[web].(*container.Container); c.Boot, c.Root = true, "ephemeral" }, "policy does not allow a whole system"},
		"reference":    {func(s resource.State) { delete(s, alice) }, "user.alice"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			c := &cli{stdout: &out, stderr: &out, width: defaultWidth}
			p := &proposal{
				machine: &apply.Machine{Kinds: kinds()},
				policy:  &hostPolicy{Policy: policy.Builtin()},
				seen:    &apply.Observation{Owner: "shop", Ledger: &apply.Ledger{Owners: map[string]*apply.Owner{}}},
			}
			r, problems := p.seen.Resolve(kinds(), want(), resource.Directives{}, nil)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			tt.forge(r.Want)
			err := p.again(c, &plan.File{Want: r.Want}, "")
			var status exitStatus
			if err != nil && !errors.As(err, &status) {
				out.WriteString(err.Error())
			}
			if (err != nil) != (tt.want != "") || !strings.Contains(out.String(), tt.want) {
				t.Errorf("%v, want %q in:\n%s", err, tt.want, out.String())
			}
			if err == nil && len(p.grants) != 2 {
				t.Errorf("grants: %v", p.grants)
			}
		})
	}
}

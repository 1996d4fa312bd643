package policy_test

import (
	"fmt"
	"testing"

	"hostctl/policy"
	"hostctl/resource"
	"hostctl/resource/container"
)

// BenchmarkCheck is the check of 10,000 containers, each with two volumes and a capability, under a policy of ten configurations.
func BenchmarkCheck(b *testing.B) {
	f := &policy.File{Sections: policy.Sections{Privileges: policy.Privileges{Capabilities: []string{"chown", "setgid", "setuid"}}}, Configuration: map[string]policy.Configuration{}}
	for i := range 10 {
		f.Configuration[fmt.Sprint("team", i)] = policy.Configuration{Sections: policy.Sections{Paths: policy.Paths{
			Writable: []string{"/srv/a", "/srv/b", fmt.Sprint("/srv/team", i)}, ReadOnly: []string{"/usr/share/zoneinfo", "/etc/ssl/certs"}}}}
	}
	p, problems := policy.New("x", f)
	if len(problems) > 0 {
		b.Fatal(problems)
	}
	want := resource.State{}
	for i := range 10_000 {
		c := container.Kind().New().(*container.Container)
		c.Rootfs, c.Capabilities = "/srv/rootfs/web", []string{"setuid"}
		c.Mount = map[string]container.Mount{"/data": {Source: fmt.Sprint("/srv/team3/data", i)}, "/zone": {Source: "/usr/share/zoneinfo", ReadOnly: true}}
		want[resource.Addr{Kind: "container", Name: fmt.Sprint("c", i)}] = c
	}
	for b.Loop() {
		if problems := p.Check("team3", "", want, nil); len(problems) > 0 {
			b.Fatal(problems[0])
		}
	}
}

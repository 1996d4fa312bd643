package policy

import (
	"reflect"

	"hostctl/policy/rule"
	"hostctl/resource"
)

// Policy is what holds on a host. It is not modified once made.
type Policy struct {
	// Origin is the file that it was read from; "" is the built-in policy of a host that has none.
	Origin string
	top    grants
	of     map[string]grants // by the configuration's name
}

// grants are what one configuration may have, ready for judging.
type grants struct {
	Sections
	rules       rule.Grants
	directories []string
	block       string // `configuration "shop"` where it has a block of its own
	uids        []span
	ports       []port
	subnets     []subnet
}

// builtin is the policy of a host without one, and what a file does not say.
func builtin() Sections {
	return Sections{
		Names:  []string{"*"},
		Slices: []string{"*"},
		Limits: Limits{Amounts: Amounts{CPUWeight: 100, IOWeight: 100}},
		Paths:  Paths{Writable: []string{"/srv"}},
		Rootfs: Rootfs{Directories: []string{"/srv", "/var/lib/machines"}},
		Users:  Users{Allow: []string{"*"}, UIDs: []string{"1000-60000"}},
		Network: Network{
			HostPorts: []string{"127.0.0.1:1024-65535", "[::1]:1024-65535"},
			Subnets:   []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"},
		},
	}
}

// Builtin is the policy of a host whose owner wrote none: volumes below /srv, root directories there and below
// /var/lib/machines, sockets on the loopback addresses, and nothing loosened.
func Builtin() *Policy {
	p, _ := New("", &File{})
	return p
}

// New makes a policy of what is written in the file origin. Problems are those of the zero address, and the
// policy is nil if there are any.
func New(origin string, f *File) (*Policy, []resource.Problem) {
	if problems := f.Validate(resource.Addr{}); len(problems) > 0 {
		return nil, problems
	}
	p := &Policy{Origin: origin, of: map[string]grants{}}
	top := over(f.Sections, builtin())
	p.top = ready(top)
	for name, c := range f.Configuration {
		g := ready(over(c.Sections, top))
		g.directories, g.block = c.Directories, "configuration "+quote(name)
		p.of[name] = g
	}
	return p, nil
}

// over is a with b's value for each attribute that a does not say.
func over(a, b Sections) Sections {
	out, from := File{Sections: a}, File{Sections: b}
	inherit(resource.SchemaOf(&out), reflect.ValueOf(&out).Elem(), reflect.ValueOf(&from).Elem())
	return out.Sections
}

// inherit copies what is zero in to.
func inherit(s *resource.Schema, to, from reflect.Value) {
	for i := range s.Attrs {
		a := &s.Attrs[i]
		t, f := a.Value(to), a.Value(from)
		switch {
		case a.Form == resource.Block:
			inherit(a.Nested, t, f)
		case t.IsZero():
			t.Set(f)
		}
	}
}

// configuration returns what the configuration of that name may have.
func (p *Policy) configuration(owner string) *grants {
	if g, ok := p.of[owner]; ok {
		return &g
	}
	return &p.top
}

// rulesOf is what of sections the launcher judges by.
func rulesOf(s Sections) rule.Grants {
	may := s.Privileges
	r := rule.Grants{
		Writable: s.Paths.Writable, ReadOnly: s.Paths.ReadOnly, Rootfs: s.Rootfs.Directories,
		Privileges: rule.Privileges{
			HostNetwork: s.Network.HostNetwork, Boot: may.Boot, Root: may.Root, Capabilities: may.Capabilities, SystemCalls: may.SystemCalls,
			Devices: may.Devices, Sysctls: may.Sysctls, SELinux: may.SELinux, Rlimits: may.Rlimits, OOMScoreAdjust: may.OOMScoreAdjust,
		},
	}
	for id, c := range s.Credential {
		if r.Credentials == nil {
			r.Credentials = map[string][]string{}
		}
		r.Credentials[id] = c.Containers
	}
	return r
}

// Rules are the grants of all configurations, for the launcher.
func (p *Policy) Rules() rule.Rules {
	r := rule.Rules{Default: p.top.rules}
	for name, g := range p.of {
		if r.Configurations == nil {
			r.Configurations = map[string]rule.Grants{}
		}
		r.Configurations[name] = g.rules
	}
	return r
}

// Effective is what the configuration of that name may have, as a policy would write it: its own attributes, those of the top,
// and the built-in ones.
func (p *Policy) Effective(owner string) Sections { return p.configuration(owner).Sections }

// Credentials tells what the containers of the configuration of that name may have.
func (p *Policy) Credentials(owner string) resource.Credentials {
	g := p.configuration(owner)
	return func(id, container string) (resource.Credential, bool) {
		c, ok := g.Sections.Credential[id]
		return resource.Credential{File: c.File, Encrypted: c.Encrypted}, ok && rule.Match(c.Containers, container)
	}
}

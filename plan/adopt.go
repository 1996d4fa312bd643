package plan

import "hostctl/resource"

// Adopt is the plan by which owner takes over what another configuration, former, has: want is that as owner applied it from
// then on, last and live are former's. No object changes but for its mark and the names that follow from it, so that the steps wait
// for nothing.
func Adopt(want, last, live resource.State, former, owner string) *Plan {
	p := &Plan{FormatVersion: FormatVersion, Owner: owner, Former: former, Resources: []Resource{}, Steps: []Step{}, Want: want}
	for _, addr := range want.Addrs() {
		p.Resources = append(p.Resources, Resource{Addr: addr, Action: resource.Adopt, Reason: Adopted, Differences: []Difference{}})
		p.Steps = append(p.Steps, Step{Change: resource.Change{
			Addr: addr, Owner: owner, Former: former, Action: resource.Adopt, Want: want[addr], Last: last[addr], Live: live[addr],
		}})
	}
	p.Summary.Adopt = len(p.Steps)
	return p
}

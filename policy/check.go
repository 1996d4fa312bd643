package policy

import (
	"fmt"
	"strings"

	"hostctl/resource"
)

// Check returns a problem for each demand of a resolved state that the configuration of that name may not have. dir is where the
// configuration lies, an absolute path; "" where that is not known.
//
// imports are what import blocks name.
func (p *Policy) Check(owner, dir string, want resource.State, imports []resource.Import) []resource.Problem {
	g := p.configuration(owner)
	var problems []resource.Problem
	refuse := func(addr resource.Addr, v Verdict) {
		problems = append(problems, resource.Problem{Addr: addr, Path: v.Path, Summary: Summary(v), Detail: p.detail(g, v), Refused: true})
	}
	if v := g.judge(resource.Demand{Right: resource.RightDirectory, Value: dir}); dir != "" && !v.Allowed {
		refuse(resource.Addr{}, v)
	}
	for _, i := range imports {
		if v := g.judge(resource.Demand{Right: resource.RightImport, Value: i.ID}); !v.Allowed {
			refuse(i.To, v)
		}
	}
	for _, addr := range want.Addrs() {
		if v := g.judge(nameOf(addr)); !v.Allowed {
			refuse(addr, v)
		}
		for _, d := range resource.Demands(addr, want[addr]) {
			if v := g.judge(d); !v.Allowed {
				refuse(addr, v)
			}
		}
	}
	return problems
}

// Judge returns the verdict on each demand of one resource, in the order of its attributes.
func (p *Policy) Judge(owner string, addr resource.Addr, spec resource.Spec) []Verdict {
	g := p.configuration(owner)
	list := []Verdict{g.judge(nameOf(addr))}
	for _, d := range resource.Demands(addr, spec) {
		list = append(list, g.judge(d))
	}
	return list
}

// nameOf is what every resource asks for: to be called so on the host.
func nameOf(addr resource.Addr) resource.Demand {
	return resource.Demand{Right: resource.RightName, Value: addr.HostName()}
}

// Summary says what is refused, in one line.
func Summary(v Verdict) string {
	what := fmt.Sprintf("%s %s", strings.ReplaceAll(string(v.Right), "_", " "), quote(v.Value))
	switch v.Right {
	case resource.RightVolume:
		what = v.Value + " as a volume"
	case resource.RightWrite:
		what = "writing to " + v.Value
	case resource.RightRead:
		what = "reading " + v.Value
	case resource.RightRootfs:
		what = v.Value + " as a root directory"
	case resource.RightRoot:
		what = fmt.Sprintf("a root that is %s", v.Value)
	case resource.RightUser:
		what = "an account " + quote(v.Value)
	case resource.RightUID:
		what = "the uid " + v.Value
	case resource.RightShell:
		what = "an account that can log in with " + v.Value
	case resource.RightHome:
		what = v.Value + " as a home directory"
	case resource.RightSlice:
		what = "the slice " + quote(v.Value)
		if v.Value == "" {
			what = "a container without a slice"
		}
	case resource.RightImport:
		what = "the import of " + v.Value
	case resource.RightGroup:
		what = "membership of group " + quote(v.Value)
	case resource.RightPort:
		what = "listening on " + v.Value
	case resource.RightHostNetwork:
		what = "the host's network"
	case resource.RightSubnet:
		what = "the network " + v.Value
	case resource.RightBoot:
		what = "a whole system"
	case resource.RightOOM:
		what = "an oom_score_adjust of " + Amount(v.Demand)
	case resource.RightLimit:
		what = v.Value + " " + Amount(v.Demand)
		if v.Amount == 0 {
			what = v.Value + " without a limit"
		}
	case resource.RightCredential:
		id, _, _ := strings.Cut(v.Value, " ")
		what = "credential " + quote(id)
	case resource.RightName:
		what = fmt.Sprintf("the name %s", quote(v.Value))
	case resource.RightDirectory:
		what = "this configuration from " + v.Value
	}
	return "The host's policy does not allow " + what
}

// detail says why, and what the host's owner would write.
func (p *Policy) detail(g *grants, v Verdict) string {
	var b strings.Builder
	why := v.Why
	if !strings.HasPrefix(why, "the policy") && !strings.HasPrefix(why, "/") && !strings.HasPrefix(why, "this") {
		why = "the policy's " + why
	}
	b.WriteString(strings.ToUpper(why[:1]) + why[1:] + ".")
	origin := p.Origin
	if origin == "" {
		origin = Path
		b.WriteString(" This host has no policy file, and the built-in policy holds.")
	}
	if v.Allow == "" {
		b.WriteString(" No line of a policy allows it.")
		return b.String()
	}
	if g.block != "" {
		origin = g.block + " of " + origin
	}
	fmt.Fprintf(&b, " The host's owner allows it in %s with:\n\n    %s", origin, v.Allow)
	return b.String()
}

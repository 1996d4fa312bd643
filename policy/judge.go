package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"hostctl/policy/rule"
	"hostctl/resource"
)

// Verdict is what a policy says of one demand.
type Verdict struct {
	resource.Demand
	Allowed bool `json:"allowed"`
	// By is the attribute of the policy that decides: "paths.writable".
	By string `json:"by,omitempty"`
	// Has is the entry there that allows it.
	Has string `json:"has,omitempty"`
	// Why says, of a refusal, what is in the way.
	Why string `json:"why,omitempty"`
	// Allow is the text that would allow it in the policy; "" where nothing can.
	Allow string `json:"allow,omitempty"`
}

// ready parses the entries of sections that were found valid.
func ready(s Sections) grants {
	return grants{Sections: s, rules: rulesOf(s), uids: parsed(s.Users.UIDs, parseSpan), ports: parsed(s.Network.HostPorts, parsePort),
		subnets: parsed(s.Network.Subnets, parseSubnet)}
}

func parsed[T any](list []string, parse func(string) (T, error)) []T {
	out := make([]T, 0, len(list))
	for _, s := range list {
		if v, err := parse(s); err == nil {
			out = append(out, v)
		}
	}
	return out
}

// amount is a limit of a container by its name.
type amount struct {
	name  string
	bytes bool
	of    func(Amounts) float64
}

var amounts = []amount{
	{"memory", true, func(a Amounts) float64 { return float64(a.Memory) }},
	{"swap", true, func(a Amounts) float64 { return float64(a.Swap) }},
	{"cpu", false, func(a Amounts) float64 { return a.CPU }},
	{"tasks", false, func(a Amounts) float64 { return float64(a.Tasks) }},
	{"files", false, func(a Amounts) float64 { return float64(a.Files) }},
	{"cpu_weight", false, func(a Amounts) float64 { return float64(a.CPUWeight) }},
	{"io_weight", false, func(a Amounts) float64 { return float64(a.IOWeight) }},
}

// text writes an amount as a configuration does.
func (l amount) text(n float64) string {
	if l.bytes {
		return quote(resource.Bytes(n).String())
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

// Amount is the number of a demand as a configuration writes it, without quotes.
func Amount(d resource.Demand) string {
	for _, l := range amounts {
		if d.Right == resource.RightLimit && l.name == d.Value {
			return strings.Trim(l.text(d.Amount), `"`)
		}
	}
	return strconv.FormatFloat(d.Amount, 'f', -1, 64)
}

// judge says what the grants say of a demand.
func (g *grants) judge(d resource.Demand) Verdict {
	v := Verdict{Demand: d}
	oneOf := func(by string, list []string, allows func(i int) bool, entry string) {
		v.By = by
		for i := range list {
			if allows(i) {
				v.Allowed, v.Has = true, list[i]
				return
			}
		}
		v.Why, v.Allow = "the policy's "+by+" has "+words(list), assign(by, append(slices.Clone(list), entry))
	}
	named := func(by string, list []string) {
		oneOf(by, list, func(i int) bool { return list[i] == d.Value }, d.Value)
	}
	fits := func(by string, list []string) {
		oneOf(by, list, func(i int) bool { return rule.Match(list[i:i+1], d.Value) }, d.Value)
	}
	ruled := func(r rule.Verdict, list []string) {
		v.By, v.Why = r.By, r.Why
		switch {
		case r.Root != "":
			v.Allowed, v.Has = true, r.Root
		case !r.Final:
			v.Allow = assign(r.By, append(slices.Clone(list), d.Value))
		}
	}
	switch d.Right {
	case resource.RightVolume, resource.RightWrite:
		ruled(g.rules.Write(d.Value), g.Sections.Paths.Writable)
		if v.By == "paths.read_only" {
			v.Allow = "" // an entry would have to go
		}
	case resource.RightRead:
		ruled(g.rules.Read(d.Value), g.Sections.Paths.ReadOnly)
	case resource.RightRootfs:
		ruled(g.rules.Root(d.Value), g.Rootfs.Directories)
	case resource.RightRoot:
		named("privileges.root", g.Privileges.Root)
	case resource.RightUser:
		fits("users.allow", g.Users.Allow)
	case resource.RightUID:
		n := uint64(d.Amount)
		oneOf("users.uids", g.Users.UIDs, func(i int) bool { return g.uids[i].low <= n && n <= g.uids[i].high }, d.Value)
	case resource.RightGroup:
		named("users.groups", g.Users.Groups)
	case resource.RightPort:
		entry := d.Value
		if strings.HasPrefix(entry, ":") {
			entry = "*" + entry
		}
		oneOf("network.host_ports", g.Network.HostPorts, func(i int) bool { return g.ports[i].allows(d.Value) }, entry)
	case resource.RightShell:
		named("users.shells", g.Users.Shells)
	case resource.RightHome:
		oneOf("users.homes", g.Users.Homes, func(i int) bool { return rule.Within(d.Value, g.Users.Homes[i]) }, d.Value)
	case resource.RightSlice:
		fits("slices", g.Slices)
	case resource.RightImport:
		named("imports", g.Imports)
	case resource.RightHostNetwork:
		fits("network.host_network", g.Network.HostNetwork)
	case resource.RightSubnet:
		asked, err := netip.ParsePrefix(d.Value)
		oneOf("network.subnets", g.Network.Subnets, func(i int) bool {
			return err == nil && g.subnets[i].Bits() <= asked.Bits() && g.subnets[i].Contains(asked.Addr())
		}, d.Value)
	case resource.RightSysctl:
		fits("privileges.sysctls", g.Privileges.Sysctls)
	case resource.RightCapability:
		named("privileges.capabilities", g.Privileges.Capabilities)
	case resource.RightSystemCall:
		named("privileges.system_calls", g.Privileges.SystemCalls)
	case resource.RightDevice:
		device, permissions := rule.DevicePattern(d.Value)
		oneOf("privileges.devices", g.Privileges.Devices, func(i int) bool { return rule.Device(g.Privileges.Devices[i], device, permissions) }, d.Value)
	case resource.RightBoot:
		fits("privileges.boot", g.Privileges.Boot)
	case resource.RightSELinux:
		named("privileges.selinux", g.Privileges.SELinux)
	case resource.RightRlimit:
		named("privileges.rlimits", g.Privileges.Rlimits)
	case resource.RightOOM:
		v.By, v.Allowed = "privileges.oom_score_adjust", d.Amount >= float64(g.Privileges.OOMScoreAdjust)
		if v.Has = strconv.Itoa(g.Privileges.OOMScoreAdjust); !v.Allowed {
			v.Why = "the policy's privileges.oom_score_adjust is " + v.Has
			v.Allow = block(v.By, strconv.FormatFloat(d.Amount, 'f', -1, 64))
		}
	case resource.RightLimit:
		g.limit(&v)
	case resource.RightCredential:
		g.credential(&v)
	case resource.RightName:
		fits("names", g.Names)
	case resource.RightDirectory:
		v.By = "directories"
		if i := slices.IndexFunc(g.directories, func(dir string) bool { return rule.Within(d.Value, dir) }); i >= 0 || g.directories == nil {
			v.Allowed = true
			return v
		}
		v.Why, v.Allow = "the policy has it in "+words(g.directories), assign("directories", append(slices.Clone(g.directories), d.Value))
	default:
		v.Why = "this hostctl's policy knows no " + string(d.Right)
	}
	return v
}

// limit judges an amount: 0 is none at all.
func (g *grants) limit(v *Verdict) {
	i := slices.IndexFunc(amounts, func(l amount) bool { return l.name == v.Value })
	if i < 0 {
		v.Why = "this hostctl's policy knows no limit " + v.Value
		return
	}
	l := amounts[i]
	most := l.of(g.Limits.Amounts)
	v.By = "limits." + l.name
	switch {
	case v.Amount == 0 && slices.Contains(g.Limits.Unlimited, l.name):
		v.Allowed, v.By, v.Has = true, "limits.unlimited", l.name
	case v.Amount == 0 && strings.HasSuffix(l.name, "_weight"): // as everybody
		v.Allowed = true
	case v.Amount == 0 && (l.name != "cpu" || most != 0): // processors are shared by weight where nothing is said
		v.By = "limits.unlimited"
		v.Why = fmt.Sprintf("the policy's limits.unlimited has %s; write an amount", words(g.Limits.Unlimited))
		if most != 0 {
			v.Why = fmt.Sprintf("the policy's limits.%s is %s; write that, or less", l.name, l.text(most))
		}
		if l.name != "cpu" {
			v.Allow = assign(v.By, append(slices.Clone(g.Limits.Unlimited), l.name))
		}
	case most != 0 && v.Amount > most:
		v.Why = fmt.Sprintf("the policy's limits.%s is %s", l.name, l.text(most))
		v.Allow = block(v.By, l.text(v.Amount))
	default:
		v.Allowed = true
		if most != 0 {
			v.Has = strings.Trim(l.text(most), `"`)
		}
	}
}

// credential judges "ID" of a container, which stands behind it: "tls-key web".
func (g *grants) credential(v *Verdict) {
	id, container, _ := strings.Cut(v.Value, " ")
	c, ok := g.Sections.Credential[id]
	v.By = "credential " + quote(id)
	switch {
	case !ok:
		v.Why = "the policy has no credential of that id"
		v.Allow = fmt.Sprintf("a block credential %s that has the file and containers = %s", quote(id), written([]string{container}))
	case !rule.Match(c.Containers, container):
		v.Why = "the policy gives it to " + words(c.Containers)
		v.Allow = fmt.Sprintf("containers = %s in the block credential %s", written(append(slices.Clone(c.Containers), container)), quote(id))
	default:
		v.Allowed, v.Has = true, words(c.Containers)
	}
}

// assign writes a list as an attribute of a policy: paths { writable = ["/srv", "/data"] }.
func assign(by string, list []string) string { return block(by, written(list)) }

// block writes an attribute with the block around it.
func block(by, value string) string {
	if name, attribute, ok := strings.Cut(by, "."); ok {
		return name + " { " + attribute + " = " + value + " }"
	}
	return by + " = " + value
}

// written is a list as a policy has it; words the same in a sentence.
func written(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func words(list []string) string {
	const most = 8
	switch {
	case len(list) == 0:
		return "nothing"
	case len(list) > most:
		return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", len(list)-most)
	}
	return strings.Join(list, ", ")
}

func quote(s string) string { return strconv.Quote(s) }

package hcl

import (
	"fmt"
	"strings"

	"hostctl/resource"
)

// The kinds of these tests: like the real ones in shape, not in number.

type account struct {
	UID    uint32   `json:"uid,omitempty" diff:"replace" attr:"computed"`
	Groups []string `json:"groups,omitempty" diff:"live"`
	Home   string   `json:"home" diff:"live" default:"/nonexistent"`
	Shell  string   `json:"shell" diff:"live" default:"/usr/sbin/nologin"`
}

func (*account) Validate(resource.Addr) []resource.Problem { return nil }
func (*account) Resolve(resource.Addr, *resource.Resolver) []resource.Problem {
	return nil
}

type disk struct {
	Path     string        `json:"path" diff:"replace" attr:"required"`
	Owner    resource.Addr `json:"owner,omitzero" diff:"live" ref:"user"`
	Mode     resource.Mode `json:"mode" diff:"live" default:"0755"`
	OwnerUID uint32        `json:"owner_uid,omitempty" diff:"live" attr:"internal"`
}

func (d *disk) Validate(self resource.Addr) (problems []resource.Problem) {
	if !strings.HasPrefix(d.Path, "/") {
		problems = append(problems, resource.Problem{Addr: self, Path: "path", Summary: "Path is not absolute", Detail: "Begin it with a slash."})
	}
	return problems
}
func (*disk) Resolve(resource.Addr, *resource.Resolver) []resource.Problem { return nil }

type box struct {
	Rootfs      string                `json:"rootfs" diff:"restart" attr:"required"`
	Command     []string              `json:"command,omitempty" diff:"restart" attr:"text"`
	Environment map[string]string     `json:"environment,omitempty" diff:"restart" attr:"text"`
	RunAs       resource.Addr         `json:"run_as,omitzero" diff:"restart" ref:"user"`
	Mount       map[string]mount      `json:"mount,omitempty" diff:"restart"`
	Limits      limits                `json:"limits"`
	Restart     string                `json:"restart" diff:"replace" default:"on-failure"`
	StopTimeout resource.Duration     `json:"stop_timeout" diff:"replace" default:"10s"`
	Nice        int                   `json:"nice,omitempty" diff:"restart"`
	Init        bool                  `json:"init" diff:"restart" default:"true"`
	DependsOn   []resource.Dependency `json:"depends_on,omitempty" diff:"replace" ref:"container"`
	File        map[string]filed      `json:"file,omitempty" diff:"restart"`
	IDBase      uint32                `json:"id_base,omitempty" diff:"restart" attr:"internal"`
}

type filed struct {
	Content       string            `json:"content" diff:"restart" default:"" attr:"text"`
	Source        string            `json:"source,omitempty" diff:"restart" attr:"source"`
	Template      string            `json:"template,omitempty" diff:"restart" attr:"template"`
	Vars          map[string]string `json:"vars,omitempty" diff:"restart" attr:"text"`
	Mode          resource.Mode     `json:"mode" diff:"restart" default:"0644"`
	ContentBase64 string            `json:"content_base64,omitempty" diff:"restart" attr:"internal"`
}

type mount struct {
	Volume   resource.Addr `json:"volume" diff:"restart" ref:"volume" attr:"required"`
	ReadOnly bool          `json:"read_only" diff:"restart" default:"false"`
}

type limits struct {
	Memory resource.Bytes `json:"memory" diff:"live" default:"1G"`
	CPU    float64        `json:"cpu" diff:"live" default:"0"`
	Tasks  uint64         `json:"tasks" diff:"live" default:"4096"`
}

func (b *box) Validate(self resource.Addr) (problems []resource.Problem) {
	for target := range b.Mount {
		if !strings.HasPrefix(target, "/") {
			problems = append(problems, resource.Problem{Addr: self, Path: fmt.Sprintf("mount[%q]", target), Summary: "Mount point is not absolute"})
		}
	}
	if b.Limits.Tasks == 0 {
		problems = append(problems, resource.Problem{Addr: self, Path: "limits.tasks", Summary: "No task is allowed"})
	}
	if b.Environment["BAD"] != "" {
		problems = append(problems, resource.Problem{Addr: self, Path: `environment["BAD"]`, Summary: "Variable is bad"})
	}
	return problems
}
func (*box) Resolve(resource.Addr, *resource.Resolver) []resource.Problem { return nil }

func checkDisks(want resource.State) (problems []resource.Problem) {
	at := map[string]resource.Addr{}
	for _, addr := range want.Addrs() {
		d, ok := want[addr].(*disk)
		if !ok {
			continue
		}
		if before, taken := at[d.Path]; taken {
			problems = append(problems, resource.Problem{Addr: addr, Path: "path", Summary: fmt.Sprintf("Path is taken by %s", before)})
		}
		at[d.Path] = addr
	}
	return problems
}

var testKinds = resource.Kinds{
	{Name: "user", New: func() resource.Spec { return resource.SetDefaults(&account{}) }},
	{Name: "volume", New: func() resource.Spec { return resource.SetDefaults(&disk{}) }, Check: checkDisks},
	{Name: "container", Process: true, New: func() resource.Spec { return resource.SetDefaults(&box{}) }},
}

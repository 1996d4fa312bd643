package hcl_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"hostctl/hcl"
	"hostctl/hcl/hcltest"
	"hostctl/resource"
)

// shelf is a container of these tests that takes files of the repository.
type shelf struct {
	Rootfs      string                `json:"rootfs" diff:"restart" attr:"required"`
	Command     []string              `json:"command,omitempty" diff:"restart" attr:"text"`
	Environment map[string]string     `json:"environment,omitempty" diff:"restart" attr:"text"`
	RunAs       resource.Addr         `json:"run_as,omitzero" diff:"restart" ref:"user"`
	Mount       map[string]stand      `json:"mount,omitempty" diff:"restart"`
	Limits      bounds                `json:"limits"`
	File        map[string]paper      `json:"file,omitempty" diff:"restart"`
	StopTimeout resource.Duration     `json:"stop_timeout" diff:"replace" default:"10s"`
	DependsOn   []resource.Dependency `json:"depends_on,omitempty" diff:"replace" ref:"container"`
}

type stand struct {
	Volume   resource.Addr `json:"volume" diff:"restart" ref:"volume" attr:"required"`
	ReadOnly bool          `json:"read_only" diff:"restart" default:"false"`
}

type bounds struct {
	Memory resource.Bytes `json:"memory" diff:"live" default:"1G"`
	CPU    float64        `json:"cpu" diff:"live" default:"0"`
	Tasks  uint64         `json:"tasks" diff:"live" default:"4096"`
}

type paper struct {
	Content  string            `json:"content" diff:"restart" default:"" attr:"text"`
	Source   string            `json:"source,omitempty" diff:"restart" attr:"source"`
	Template string            `json:"template,omitempty" diff:"restart" attr:"template"`
	Vars     map[string]string `json:"vars,omitempty" diff:"restart" attr:"text"`
	Mode     resource.Mode     `json:"mode" diff:"restart" default:"0644"`

	ContentBase64 string `json:"content_base64,omitempty" diff:"restart" attr:"internal"`
}

func (*shelf) Validate(resource.Addr) []resource.Problem                    { return nil }
func (*shelf) Resolve(resource.Addr, *resource.Resolver) []resource.Problem { return nil }

// shelfKinds are the tests' kinds with a container that takes files.
func shelfKinds() resource.Kinds {
	var kinds resource.Kinds
	for _, k := range hcl.TestKinds {
		if k.Name == "container" {
			k.New = func() resource.Spec { return resource.SetDefaults(&shelf{}) }
		}
		kinds = append(kinds, k)
	}
	return kinds
}

// TestMistakes: each mistake has its diagnostic on its line, and there is no other.
func TestMistakes(t *testing.T) {
	for archive, least := range map[string]int{"wrong_language.txtar": 140, "wrong_modules.txtar": 90, "wrong_files.txtar": 45, "wrong_text.txtar": 50} {
		cases := hcltest.Cases(t, filepath.Join("testdata", archive))
		if len(cases) < least {
			t.Errorf("%s: only %d cases", archive, len(cases))
		}
		for _, c := range cases {
			t.Run(c.Name, func(t *testing.T) {
				c.Check(t, c.Evaluate(t, shelfKinds()).Diagnostics)
			})
		}
	}
}

// TestPlaces holds where the marks stand: behind a byte order mark, tabs and
// wide characters, before a carriage return, and in strings of the JSON form.
func TestPlaces(t *testing.T) {
	var out bytes.Buffer
	for _, c := range hcltest.Cases(t, filepath.Join("testdata", "wrong_text.txtar")) {
		fmt.Fprintf(&out, "--- %s\n", c.Name)
		if err := c.Evaluate(t, shelfKinds()).Diagnostics.Text(&out, 80, false); err != nil {
			t.Fatal(err)
		}
	}
	hcl.Golden(t, "places.golden", out.Bytes())
}

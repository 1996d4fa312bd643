package plan

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"hostctl/resource"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// thing is a kind with an attribute of every form and class.
type thing struct {
	Image   string            `json:"image,omitempty" diff:"restart"`
	Memory  resource.Bytes    `json:"memory" diff:"live" default:"1G"`
	Path    string            `json:"path,omitempty" diff:"replace"`
	Config  string            `json:"config,omitempty" diff:"reload" attr:"text"`
	Comment string            `json:"comment,omitempty" diff:"live" attr:"text"`
	Command []string          `json:"command,omitempty" diff:"restart"`
	Env     map[string]string `json:"environment,omitempty" diff:"restart"`
	UID     uint32            `json:"uid,omitempty" diff:"replace" attr:"computed"`
	Seen    string            `json:"seen,omitempty" diff:"live" attr:"internal"`
	Key     string            `json:"key,omitempty" diff:"live" attr:"secret"`
	Parent  resource.Addr     `json:"parent,omitzero" diff:"restart" ref:"box"`
	Needs   []resource.Addr   `json:"needs,omitempty" diff:"live" ref:"box"`
	Mount   map[string]mount  `json:"mount,omitempty" diff:"restart"`
	Limits  limits            `json:"limits"`
	Off     bool              `json:"off,omitempty" diff:"live"`
}

type mount struct {
	Volume   resource.Addr `json:"volume,omitzero" diff:"restart" ref:"box"`
	ReadOnly bool          `json:"read_only" diff:"live" default:"true"`
	Path     string        `json:"path,omitempty" diff:"replace"`
	Seen     string        `json:"seen,omitempty" diff:"live" attr:"internal"`
}

type limits struct {
	Tasks uint64 `json:"tasks,omitempty" diff:"live"`
	Files uint64 `json:"files,omitempty" diff:"restart"`
}

func (*thing) Validate(resource.Addr) []resource.Problem                    { return nil }
func (*thing) Resolve(resource.Addr, *resource.Resolver) []resource.Problem { return nil }

// A change of the configuration is worth a restart where the program does not say that it can reload.
func (t *thing) ChangeClass(path string, tagged resource.Class, live resource.Spec) resource.Class {
	if path == "config" && t.Comment == "cannot reload" && live.(*thing).Config != "" {
		return resource.Restart
	}
	return tagged
}

func (t *thing) PlanNote(a resource.Action, _ bool) string {
	if a == resource.Delete && t.Path != "" {
		return "its data stays"
	}
	return ""
}

func (t *thing) Overlaps() bool { return t.Comment == "overlaps" }

func newThing() resource.Spec { return resource.SetDefaults(&thing{}) }

// kinds has a program and something that is none, both of the same shape.
var kinds = resource.Kinds{
	{Name: "app", Process: true, New: newThing, Stopped: func(s resource.Spec) resource.Spec {
		t := *s.(*thing)
		t.Off = true
		return &t
	}},
	{Name: "box", Renames: true, New: newThing},
}

var opt = Options{Kinds: kinds, Owner: "shop"}

func app(name string) resource.Addr { return resource.Addr{Kind: "app", Name: name} }
func box(name string) resource.Addr { return resource.Addr{Kind: "box", Name: name} }

// spec returns a thing with its defaults, changed by each of set.
func spec(set ...func(*thing)) resource.Spec {
	t := newThing().(*thing)
	for _, f := range set {
		f(t)
	}
	return t
}

func clone(s resource.Spec) *thing {
	t := *s.(*thing)
	t.Command, t.Needs = slices.Clone(t.Command), slices.Clone(t.Needs)
	t.Env, t.Mount = maps.Clone(t.Env), maps.Clone(t.Mount)
	return &t
}

func cloneState(s resource.State) resource.State {
	c := resource.State{}
	for addr, spec := range s {
		c[addr] = clone(spec)
	}
	return c
}

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got) {
		t.Errorf("%s differs from what is printed now (go test -update writes it):\n%s", path, got)
	}
}

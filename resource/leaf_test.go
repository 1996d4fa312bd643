package resource

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// sample is a spec with an attribute of every form.
type sample struct {
	Text    string                 `json:"text,omitempty" diff:"live"`
	Memory  Bytes                  `json:"memory" diff:"live" default:"1G"`
	On      bool                   `json:"on" diff:"restart" default:"true"`
	Word    string                 `json:"word" diff:"live" default:"plain"`
	Wait    Duration               `json:"wait,omitempty" diff:"live"`
	Parent  Addr                   `json:"parent,omitzero" diff:"replace" ref:"sample"`
	Needs   []Addr                 `json:"needs,omitempty" diff:"live" ref:"sample"`
	Command []string               `json:"command,omitempty" diff:"restart" attr:"required,text"`
	Env     map[string]string      `json:"env,omitempty" diff:"restart"`
	ID      uint32                 `json:"id,omitempty" diff:"replace" attr:"internal"`
	Key     string                 `json:"key,omitempty" diff:"live" attr:"secret"`
	Limits  sampleLimits           `json:"limits"`
	Mount   map[string]sampleMount `json:"mount,omitempty" diff:"restart"`
	hidden  int                    `json:"-"`
}

type sampleLimits struct {
	CPU   float64 `json:"cpu" diff:"live" default:"0"`
	Tasks uint64  `json:"tasks,omitempty" diff:"live"`
}

type sampleMount struct {
	Volume   Addr `json:"volume,omitzero" diff:"restart" ref:"sample" attr:"required"`
	ReadOnly bool `json:"read_only" diff:"restart" default:"true"`
}

func (s *sample) Validate(Addr) []Problem { return nil }

func (s *sample) Resolve(self Addr, r *Resolver) []Problem {
	s.hidden++
	for _, e := range Refs(s) {
		if r.Want[e.To] != nil && r.Want[e.To].(*sample).hidden != 1 {
			return []Problem{{Addr: self, Summary: "too early"}}
		}
	}
	return nil
}

func newSample() *sample { return SetDefaults(&sample{}) }

var samples = Kinds{{Name: "sample", New: func() Spec { return newSample() }}}

func sampleAddr(name string) Addr { return Addr{Kind: "sample", Name: name} }

func TestSetDefaults(t *testing.T) {
	want := &sample{Memory: 1 << 30, On: true, Word: "plain"}
	if got := newSample(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	block := NewBlock(SchemaOf(want).Attr("mount").Nested).Interface()
	if block != (sampleMount{ReadOnly: true}) {
		t.Errorf("got %+v", block)
	}
}

func TestLeaves(t *testing.T) {
	s := newSample()
	s.On = false // a default's zero is a value
	s.Text, s.Wait, s.ID, s.Key = "<a>", 1e9, 7, "k"
	s.Parent, s.Needs = sampleAddr("p"), []Addr{sampleAddr("a"), sampleAddr("b")}
	s.Command = []string{"x", "y\n"}
	s.Env = map[string]string{"Z": "", "A": "1", `q"]`: "2"}
	s.Limits.Tasks = 5
	s.Mount = map[string]sampleMount{"/b": {ReadOnly: true}, "/a\n": {Volume: sampleAddr("v")}}
	want := []string{
		`text="<a>"`, `memory="1G"`, `on=false`, `word="plain"`, `wait="1s"`, `parent="sample.p"`, `needs=["sample.a","sample.b"]`,
		`command=["x","y\n"]`, `env["A"]="1"`, `env["Z"]=""`, `env["q\"]"]="2"`, `id=7`, `key="k"`, `limits.cpu=0`, `limits.tasks=5`,
		`mount["/a\n"]={}`, `mount["/a\n"].volume="sample.v"`, `mount["/a\n"].read_only=false`, `mount["/b"]={}`, `mount["/b"].read_only=true`,
	}
	var got []string
	for _, l := range Leaves(s) {
		got = append(got, l.Path+"="+l.Value)
		name, _, _ := strings.Cut(l.Path[strings.LastIndexByte(l.Path, '.')+1:], "[")
		if l.Attr == nil || l.Attr.Name != name {
			t.Errorf("%s has the attribute %+v", l.Path, l.Attr)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := Leaves(nil); got != nil {
		t.Errorf("nil has %v", got)
	}
	if got := Leaves(&sample{Command: []string{}, Env: map[string]string{}}); len(got) != 4 {
		t.Errorf("an empty spec has %v", got)
	}
}

func TestRefs(t *testing.T) {
	s := newSample()
	s.Parent, s.Needs = sampleAddr("p"), []Addr{sampleAddr("b"), sampleAddr("a")}
	s.Mount = map[string]sampleMount{"/b": {}, "/a": {Volume: sampleAddr("v")}}
	want := []Edge{{"parent", sampleAddr("p")}, {"needs", sampleAddr("b")}, {"needs", sampleAddr("a")}, {`mount["/a"].volume`, sampleAddr("v")}}
	if got := Refs(s); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Refs(nil); got != nil {
		t.Errorf("nil has %v", got)
	}
}

// No two leaves have one path, whatever labels and keys are called, and a spec
// comes back from its JSON with the same leaves.
func TestLeavesAreTheSpec(t *testing.T) {
	for seed := range uint64(2000) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		word := func() string {
			var b strings.Builder
			for range rnd.IntN(6) {
				b.WriteString([]string{"a", `"`, "]", "[", ".", `\`, "\n", "é", "\u202e", "volume", "\x00"}[rnd.IntN(11)])
			}
			return b.String()
		}
		s := newSample()
		s.Text, s.Word, s.On, s.Memory = word(), word(), rnd.IntN(2) == 0, Bytes(rnd.Uint64())
		s.Limits = sampleLimits{CPU: float64(rnd.IntN(3)) / 2, Tasks: rnd.Uint64N(2)}
		s.Env, s.Mount = map[string]string{}, map[string]sampleMount{}
		for range rnd.IntN(4) {
			s.Env[word()] = word()
			s.Mount[word()] = sampleMount{ReadOnly: rnd.IntN(2) == 0, Volume: sampleAddr("v")}
			s.Command = append(s.Command, word())
		}
		leaves := Leaves(s)
		seen := map[string]bool{}
		for _, l := range leaves {
			if seen[l.Path] {
				t.Fatalf("seed %d: %s is there twice", seed, l.Path)
			}
			seen[l.Path] = true
		}
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		back, err := samples.DecodeSpec("sample", data)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(Leaves(back), leaves) {
			t.Fatalf("seed %d: %s comes back as another", seed, data)
		}
	}
}

func TestSchema(t *testing.T) {
	s := SchemaOf(&sample{})
	if SchemaOf(newSample()) != s {
		t.Error("two schemas of one type")
	}
	for _, want := range []Attr{
		{Name: "text", Form: Scalar, Class: Live, Field: "Text"},
		{Name: "on", Form: Scalar, Class: Restart, Default: "true", HasDef: true, Field: "On"},
		{Name: "parent", Form: Reference, Class: Replace, Ref: "sample", Field: "Parent"},
		{Name: "needs", Form: List, Class: Live, Ref: "sample", Field: "Needs"},
		{Name: "command", Form: List, Class: Restart, Required: true, Text: true, Field: "Command"},
		{Name: "env", Form: Map, Class: Restart, Field: "Env"},
		{Name: "id", Form: Scalar, Class: Replace, Computed: true, Internal: true, Field: "ID"},
		{Name: "key", Form: Scalar, Class: Live, Secret: true, Field: "Key"},
		{Name: "limits", Form: Block, Field: "Limits"},
		{Name: "mount", Form: Labelled, Class: Restart, Field: "Mount"},
	} {
		a := s.Attr(want.Name)
		if a == nil {
			t.Errorf("there is no %s", want.Name)
			continue
		}
		got := *a
		if nested := got.Form == Block || got.Form == Labelled; nested != (got.Nested != nil) {
			t.Errorf("%s: nested %v", got.Name, got.Nested)
		}
		got.Type, got.Nested, got.index = nil, nil, nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if s.Attr("hidden") != nil || s.Attr("nothing") != nil {
		t.Error("an attribute that is none")
	}
}

// A struct that no schema can describe is a bug in the kind, and is told at once.
func TestBadSchemas(t *testing.T) {
	for want, st := range map[string]any{
		"has no json name": struct {
			A string `diff:"live"`
		}{},
		"unknown class": struct {
			A string `json:"a" diff:"soon"`
		}{},
		"unknown flag": struct {
			A string `json:"a" diff:"live" attr:"nice"`
		}{},
		"no form for": struct {
			A []map[string]string `json:"a" diff:"live"`
		}{},
		"the ref tag": struct {
			A Addr `json:"a" diff:"live"`
		}{},
		"goes with Addr": struct {
			A string `json:"a" diff:"live" ref:"x"`
		}{},
		"may be omitted": struct {
			A bool `json:"a,omitempty" diff:"live" default:"true"`
		}{},
		"is a value, not": struct {
			A struct{} `json:"a" attr:"secret"`
		}{},
	} {
		func() {
			defer func() {
				if r, _ := recover().(string); !strings.HasPrefix(r, "bug: ") || !strings.Contains(r, want) {
					t.Errorf("%T: panic %q, want %q", st, r, want)
				}
			}()
			schemaOf(reflect.TypeOf(st))
		}()
	}
}

// Nothing that is covered is left, in labelled blocks neither; what is not covered stays.
func TestBlank(t *testing.T) {
	secret := Addr{Kind: "sample", Name: "secret"}
	full := &sample{Text: "t", Word: "w", Env: map[string]string{"A": "a", "B": "b"}, Mount: map[string]sampleMount{"/x": {Volume: secret}, "/y": {Volume: secret}}}
	got := Blank(full, SetDefaults(&sample{}), []string{"text", `env["A"]`, `mount["/x"].volume`}).(*sample)
	if got.Text != "" || got.Word != "w" || len(got.Env) != 1 || got.Mount["/x"].Volume != (Addr{}) || got.Mount["/x"].ReadOnly || got.Mount["/y"].Volume != secret {
		t.Errorf("%+v", got)
	}
	if full.Mount["/x"].Volume != secret || full.Text != "t" {
		t.Error("the spec itself was changed")
	}
	got = Blank(full, SetDefaults(&sample{}), []string{"*"}).(*sample)
	for _, leaf := range Leaves(got) {
		if strings.Contains(leaf.Value, "secret") || leaf.Value == `"a"` || leaf.Value == `"t"` {
			t.Errorf("%s is %s", leaf.Path, leaf.Value)
		}
	}
}

package resource

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestDecodeSpec(t *testing.T) {
	s, err := samples.DecodeSpec("sample", []byte(`{"text":"x","on":false}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.(*sample); got.Text != "x" || got.On || got.Memory != 1<<30 || got.Word != "plain" {
		t.Errorf("got %+v", got)
	}
	for data, want := range map[string]string{
		`{"colour":1}`:              "unknown field",
		`{"limits":{"colour":1}}`:   "unknown field",
		`{"mount":{"/a":{"x":1}}}`:  "unknown field",
		`{"memory":"much"}`:         "no amount of bytes",
		`{"parent":"web"}`:          "want KIND.NAME",
		`{"text":1}`:                "cannot unmarshal",
		`{"id":4294967296}`:         "cannot unmarshal",
		`[]`:                        "cannot unmarshal",
		``:                          "EOF",
		`{"text":"x"}{"text":"y"}`:  "after the end",
		`{"text":"x"} and the rest`: "after the end",
	} {
		if _, err := samples.DecodeSpec("sample", []byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", data, err, want)
		}
	}
	if _, err := samples.DecodeSpec("other", []byte(`{}`)); err == nil {
		t.Error("an unknown kind was decoded")
	}
}

// A labelled block that the data has takes what it does not mention from the
// block's defaults, as everything else does.
func TestDecodeSpecDefaultsOfBlocks(t *testing.T) {
	s, err := samples.DecodeSpec("sample", []byte(`{"mount":{"/a":{"volume":"sample.v"}},"limits":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.(*sample).Mount["/a"]; got != (sampleMount{Volume: sampleAddr("v"), ReadOnly: true}) {
		t.Errorf("got %+v", got)
	}
}

func TestDecodeState(t *testing.T) {
	state := State{sampleAddr("a"): newSample(), {Kind: "sample", Name: "b", Key: "c"}: &sample{Text: "x"}}
	data, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	back, err := samples.DecodeState(data)
	if err != nil || !slices.Equal(back.Addrs(), state.Addrs()) {
		t.Fatalf("got %v, %v", back, err)
	}
	again, err := json.Marshal(back)
	if err != nil || string(again) != string(data) {
		t.Errorf("%s comes back as %s, %v", data, again, err)
	}
	for _, data := range []string{`{"web":{}}`, `{"sample.a":{"colour":1}}`, `{"other.a":{}}`, `{"":{}}`, `[]`} {
		if s, err := samples.DecodeState([]byte(data)); err == nil {
			t.Errorf("%s is read as %v", data, s)
		}
	}
	if s, err := samples.DecodeState([]byte(`null`)); err != nil || len(s) != 0 {
		t.Errorf("null: %v, %v", s, err)
	}
}

func TestResolveGoesByReference(t *testing.T) {
	want := State{}
	names := []string{"e", "a", "d", "b", "c"} // each refers to the one before
	for i, n := range names {
		s := newSample()
		if i > 0 {
			s.Parent = sampleAddr(names[i-1])
		}
		want[sampleAddr(n)] = s
	}
	r := NewResolver("me", nil, nil, nil)
	if problems := r.Resolve(want); problems != nil {
		t.Error(problems)
	}
	for addr, s := range r.Want {
		if s.(*sample).hidden != 1 {
			t.Errorf("%s was resolved %d times", addr, s.(*sample).hidden)
		}
	}
	if len(r.Want) != len(want) {
		t.Errorf("resolved %v", r.Want.Addrs())
	}
}

func TestResolveTellsLooseEndsAndCycles(t *testing.T) {
	a, b, c := newSample(), newSample(), newSample()
	a.Parent, b.Parent, c.Needs = sampleAddr("b"), sampleAddr("a"), []Addr{sampleAddr("gone"), sampleAddr("c")}
	r := NewResolver("me", nil, nil, nil)
	problems := r.Resolve(State{sampleAddr("a"): a, sampleAddr("b"): b, sampleAddr("c"): c})
	var got []string
	for _, p := range problems {
		got = append(got, p.Error())
	}
	want := []string{
		"sample.b.parent: sample.a refers back to this resource",
		"sample.c.needs: there is no sample.gone",
		"sample.c.needs: sample.c refers back to this resource",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProblem(t *testing.T) {
	for want, p := range map[string]Problem{
		"bad":                         {Summary: "bad"},
		"sample.a: bad":               {Addr: sampleAddr("a"), Summary: "bad"},
		"sample.a.x: bad: do better.": {Addr: sampleAddr("a"), Path: "x", Summary: "bad", Detail: "do better."},
	} {
		if p.Error() != want {
			t.Errorf("got %q, want %q", p.Error(), want)
		}
	}
}

func TestClass(t *testing.T) {
	for c := None; c <= Replace; c++ {
		var back Class
		if err := back.UnmarshalText([]byte(c.String())); err != nil || back != c {
			t.Errorf("%v comes back as %v, %v", c, back, err)
		}
	}
	if !(None < Live && Live < Reload && Reload < Restart && Restart < Replace) {
		t.Error("the classes are not in order")
	}
}

// Whatever is read as a spec is written so that the same is read again.
func FuzzDecodeState(f *testing.F) {
	f.Add([]byte(`{"sample.a":{"text":"x","mount":{"/a":{"read_only":false}},"limits":{"cpu":1.5},"env":{"A":""}}}`))
	f.Add([]byte(`{"sample.a[\"k\"]":{"needs":["sample.b"],"wait":"1s","memory":"1T"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		state, err := samples.DecodeState(data)
		if err != nil {
			return
		}
		out, err := json.Marshal(state)
		if err != nil {
			t.Fatal(err)
		}
		back, err := samples.DecodeState(out)
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		for addr, s := range state {
			if !slices.EqualFunc(Leaves(s), Leaves(back[addr]), func(a, b Leaf) bool { return a.Path == b.Path && a.Value == b.Value }) {
				t.Errorf("%s comes back as %v", out, Leaves(back[addr]))
			}
		}
	})
}

package main

import (
	"math"
	"strings"
	"testing"
)

func sample() *Table {
	return &Table{
		Title: "T", Base: "floor",
		Rows: []*Row{
			{Name: "floor", Unit: "ms", Samples: []float64{4, 2, 1, 3}},
			{Name: "ours", Unit: "ms", Samples: []float64{5}},
			{Name: "more", Unit: "ms", Samples: []float64{6, 7, 8}},
		},
		Goals: []Goal{
			{Row: "ours", Beside: "floor", Most: 2},
			{Row: "ours", Beside: "floor", Most: 1.9},
			{Row: "more", Less: "ours", Beside: "floor", Most: 0.8},
			{Row: "more", Most: 6.5},
		},
	}
}

func TestFinish(t *testing.T) {
	table := sample()
	table.finish()
	if f := table.Rows[0]; f.Low != 1.75 || f.Median != 2.5 || f.High != 3.25 {
		t.Errorf("quartiles of 1 2 3 4: %v %v %v", f.Low, f.Median, f.High)
	}
	for i, want := range []struct {
		value float64
		met   bool
	}{{2, true}, {2, false}, {0.8, true}, {7, false}} {
		if g := table.Goals[i]; math.Abs(g.Value-want.value) > 1e-9 || g.Met != want.met {
			t.Errorf("goal %d: %v met %t, want %v met %t", i, g.Value, g.Met, want.value, want.met)
		}
	}
}

func TestGoalNamesItsRows(t *testing.T) {
	table := sample()
	table.Goals = []Goal{{Row: "ours", Beside: "flor", Most: 1}}
	defer func() {
		if recover() == nil {
			t.Error("a goal beside a row that is not there passed")
		}
	}()
	table.finish()
}

func TestPrint(t *testing.T) {
	table := sample()
	table.finish()
	var b strings.Builder
	table.print(&b)
	for _, want := range []string{"x floor", "more less ours / floor", "at most 1.9 ", "at most 6.5 ms", "MISSED", "1.75 - 3.25"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestNumberOf(t *testing.T) {
	text := []byte("Rss:  9 kB\nAnonHugePages: 3 kB\nAnonymous:   \t 492 kB\n")
	if n, err := numberOf(text, "Anonymous:"); n != 492 || err != nil {
		t.Errorf("Anonymous: %d, %v", n, err)
	}
	if _, err := numberOf(text, "Pss:"); err == nil {
		t.Error("a field that is not there was found")
	}
}

func TestParts(t *testing.T) {
	if _, err := measure(t.Context(), settings{Rounds: 1, Parts: []string{"lunch"}}, "bin"); err == nil || !strings.Contains(err.Error(), `"lunch"`) {
		t.Errorf("a part that is not there: %v", err)
	}
}

package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Table is one comparison: contestants that took turns, and what hostctl is to reach among them.
type Table struct {
	Title string `json:"title"`
	// Note says what was measured, from where to where.
	Note string `json:"note"`
	Rows []*Row `json:"rows"`
	// Base is the name of the row that the ratio column is relative to; empty: no such column.
	Base  string `json:"base,omitempty"`
	Goals []Goal `json:"goals,omitempty"`
}

// Row is one contestant's samples in one unit.
type Row struct {
	Name    string    `json:"name"`
	Unit    string    `json:"unit"` // "ms" or "KiB"
	Samples []float64 `json:"samples"`
	Median  float64   `json:"median"`
	// Low and High are the quartiles.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Goal is a bound that hostctl sets itself: (median of Row - median of Less) / median of Beside <= Most.
type Goal struct {
	Row  string `json:"row"`
	Less string `json:"less,omitempty"` // empty: nothing is subtracted
	// Beside is the row to divide by; empty: Most is in the unit of Row.
	Beside string  `json:"beside,omitempty"`
	Most   float64 `json:"most"`
	Value  float64 `json:"value"`
	Met    bool    `json:"met"`
}

// row returns the row of that name, new at the end where there is none yet.
func (t *Table) row(name, unit string) *Row {
	for _, r := range t.Rows {
		if r.Name == name {
			return r
		}
	}
	r := &Row{Name: name, Unit: unit}
	t.Rows = append(t.Rows, r)
	return r
}

func (r *Row) add(v float64) { r.Samples = append(r.Samples, v) }

// turn is one contestant of [Table.turns].
type turn struct {
	row string
	do  func() (time.Duration, error)
}

// turns lets the contestants take turns, in an order that changes each round, each from a heap without garbage.
func (t *Table) turns(rounds int, all []turn) error {
	for _, c := range all {
		t.row(c.row, "ms")
	}
	for range rounds {
		for _, i := range rand.Perm(len(all)) {
			runtime.GC()
			took, err := all[i].do()
			if err != nil {
				return fmt.Errorf("%s: %w", all[i].row, err)
			}
			t.row(all[i].row, "ms").add(millis(took))
		}
	}
	return nil
}

// finish computes medians, quartiles and goals from the samples. A goal that names a row without
// samples is a bug of the part that made it.
func (t *Table) finish() {
	median := map[string]float64{"": 0}
	for _, r := range t.Rows {
		s := slices.Sorted(slices.Values(r.Samples))
		r.Low, r.Median, r.High = quantile(s, 0.25), quantile(s, 0.5), quantile(s, 0.75)
		median[r.Name] = r.Median
	}
	for i := range t.Goals {
		g := &t.Goals[i]
		for _, name := range []string{g.Row, g.Less, g.Beside} {
			if _, ok := median[name]; !ok {
				panic("bug: a goal of the table " + t.Title + " names the row " + name)
			}
		}
		g.Value = median[g.Row] - median[g.Less]
		if g.Beside != "" {
			g.Value /= median[g.Beside]
		}
		g.Met = g.Value <= g.Most
	}
}

// quantile returns the q-quantile of sorted samples, interpolated; of none it is 0.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// print writes the table for people.
func (t *Table) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n%s\n\n", t.Title, t.Note)
	base := 0.0
	for _, r := range t.Rows {
		if r.Name == t.Base {
			base = r.Median
		}
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	head := "\tmedian\tquartiles\tn\t"
	if base != 0 {
		head += "x " + t.Base + "\t"
	}
	fmt.Fprintln(tw, head)
	for _, r := range t.Rows {
		fmt.Fprintf(tw, "%s\t%s %s\t%s - %s\t%d\t", r.Name, digits(r.Median), r.Unit, digits(r.Low), digits(r.High), len(r.Samples))
		if base != 0 {
			fmt.Fprintf(tw, "%.2f\t", r.Median/base)
		}
		fmt.Fprintln(tw)
	}
	tw.Flush()
	if len(t.Goals) > 0 {
		fmt.Fprintln(w)
	}
	tw = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, g := range t.Goals {
		fmt.Fprintln(tw, "  "+g.String(t))
	}
	tw.Flush()
}

// String is one line in tab-separated cells: what, the value, the goal, and whether it is met.
func (g Goal) String(t *Table) string {
	what := g.Row
	if g.Less != "" {
		what += " less " + g.Less
	}
	unit := ""
	if g.Beside == "" {
		unit = " " + t.row(g.Row, "").Unit
	} else {
		what += " / " + g.Beside
	}
	verdict := "met"
	if !g.Met {
		verdict = "MISSED"
	}
	return strings.Join([]string{what, digits(g.Value) + unit, "goal: at most " + digits(g.Most) + unit, verdict}, "\t")
}

// digits writes four digits, or all of them before the point.
func digits(v float64) string {
	if math.Abs(v) >= 1000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.4g", v)
}

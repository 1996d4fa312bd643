package resource

import (
	"cmp"
	"slices"
	"strings"
)

// Nearest returns the candidate that is likely meant: equal but for case, "-"
// and "_", or at a small edit distance. "" if there is none.
func Nearest(given string, candidates []string) string {
	if len(given) > 100 {
		return ""
	}
	fold := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }
	most := 1 + min(2, len(given)/4)
	type match struct {
		distance int
		name     string
	}
	var best []match
	for _, c := range candidates {
		if abs(len(c)-len(given)) > most {
			continue
		}
		if d := distance(fold(given), fold(c)); d <= most && d < max(len(c), 2) {
			best = append(best, match{d, c})
		}
	}
	if len(best) == 0 {
		return ""
	}
	return slices.MinFunc(best, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), strings.Compare(a.name, b.name))
	}).name
}

func abs(n int) int { return max(n, -n) }

// distance is the number of bytes to insert, delete, replace or swap with the
// next one that makes b of a.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

package hcl

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// satisfies reports whether a version meets a constraint such as
// ">= 0.1, < 2": all of its parts, each an operator (=, !=, >, >=, <, <=; none
// is =) and one to three numbers. A version that is no number, as that of a
// build without one, meets every constraint.
func satisfies(version, constraint string) (bool, error) {
	have, known := parseVersion(version)
	met := true
	for part := range strings.SplitSeq(constraint, ",") {
		part = strings.TrimSpace(part)
		op := part[:len(part)-len(strings.TrimLeft(part, "=!<>"))]
		want, ok := parseVersion(strings.TrimSpace(part[len(op):]))
		if !ok {
			return false, fmt.Errorf("%q is no version constraint; write one such as \">= 0.1, < 2\"", part)
		}
		c := slices.Compare(have, want)
		var holds bool
		switch op {
		case "", "=":
			holds = c == 0
		case "!=":
			holds = c != 0
		case ">":
			holds = c > 0
		case ">=":
			holds = c >= 0
		case "<":
			holds = c < 0
		case "<=":
			holds = c <= 0
		default:
			return false, fmt.Errorf("%q is no operator of a version constraint; there are =, !=, >, >=, < and <=", op)
		}
		met = met && (holds || !known)
	}
	return met, nil
}

// parseVersion reads one to three numbers; what stands after "-" or "+" counts nothing.
func parseVersion(s string) ([]int, bool) {
	s = strings.TrimPrefix(s, "v")
	if i := strings.IndexAny(s, "-+"); i >= 0 {
		s = s[:i]
	}
	out := make([]int, 3)
	parts := strings.Split(s, ".")
	if len(parts) > 3 {
		return nil, false
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil {
			return nil, false
		}
		out[i] = int(n)
	}
	return out, true
}

package plan

import (
	"fmt"
	"slices"
	"strings"
)

// text is the sum in words, of what is to be done.
func (s Summary) text() string {
	return s.words(func(n int, doing, _ string) string { return fmt.Sprintf("%d to %s", n, doing) })
}

// Done is the sum in words, of what has been done.
func (s Summary) Done() string {
	return s.words(func(n int, _, done string) string { return fmt.Sprintf("%d %s", n, done) })
}

// Brief is the sum in words, of what there is some of; "" where there is nothing.
func (s Summary) Brief() string {
	parts := strings.Split(s.words(func(n int, _, done string) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprintf("%d %s", n, done)
	}), ", ")
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ", ")
}

// words says what is rare only where there is some.
func (s Summary) words(say func(n int, doing, done string) string) string {
	var parts []string
	for _, of := range []struct {
		n           int
		doing, done string
		always      bool
	}{
		{s.Adopt, "adopt", "adopted", false},
		{s.Import, "import", "imported", false},
		{s.Move, "move", "moved", false},
		{s.Add, "add", "added", true},
		{s.Change, "change", "changed", true},
		{s.Replace, "replace", "replaced", true},
		{s.Destroy, "destroy", "destroyed", true},
		{s.Forget, "forget", "forgotten", false},
	} {
		if of.n > 0 || of.always {
			parts = append(parts, say(of.n, of.doing, of.done))
		}
	}
	return strings.Join(parts, ", ")
}

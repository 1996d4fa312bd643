package hcl

import (
	"fmt"

	"hostctl/resource"
)

// DidYouMean returns `, did you mean "x"?` for the candidate that is likely
// meant by given; "" where none is near.
func DidYouMean(given string, candidates []string) string {
	if near := resource.Nearest(given, candidates); near != "" {
		return fmt.Sprintf(", did you mean %q?", near)
	}
	return ""
}

// sentence is DidYouMean as a sentence of its own, with a space before it.
func sentence(given string, candidates []string) string {
	if near := resource.Nearest(given, candidates); near != "" {
		return fmt.Sprintf(" Did you mean %q?", near)
	}
	return ""
}

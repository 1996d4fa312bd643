package resource

import "unicode"

// Visible reports whether a reader of a terminal sees r as itself: a graphic
// character or a space. What a terminal could obey, what reorders or hides the
// text around it (CVE-2021-42574), and what has no shape is not; whoever prints
// text of a configuration, a host or a payload writes that as an escape.
func Visible(r rune) bool {
	return unicode.IsPrint(r) && r != unicode.ReplacementChar &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

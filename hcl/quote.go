package hcl

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"hostctl/resource"
)

// Quote writes a string of the language. Nothing in it is a template, and what
// a reader would not see is an escape.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	s = strings.ToValidUTF8(s, "\uFFFD")
	for i, r := range s {
		rest := s[i+utf8.RuneLen(r):]
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case (r == '$' || r == '%') && strings.HasPrefix(rest, "{"):
			// After another one, $${ would be read from the wrong end.
			if i > 0 && s[i-1] == byte(r) {
				fmt.Fprintf(&b, `\u%04x`, r)
			} else {
				b.WriteRune(r)
				b.WriteRune(r)
			}
		case resource.Visible(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

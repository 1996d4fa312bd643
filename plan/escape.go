package plan

import (
	"fmt"
	"strings"

	"hostctl/resource"
)

func escape(b *strings.Builder, r rune) {
	switch {
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\r':
		b.WriteString(`\r`)
	case r == '\t':
		b.WriteString(`\t`)
	case resource.Visible(r):
		b.WriteRune(r)
	case r > 0xffff:
		fmt.Fprintf(b, `\U%08x`, r)
	default:
		fmt.Fprintf(b, `\u%04x`, r)
	}
}

// plain returns s fit for a terminal: every rune that is not visible as an escape of HCL.
func plain(s string) string {
	var b strings.Builder
	for _, r := range s {
		escape(&b, r)
	}
	return b.String()
}

// quote returns s as a quoted string of HCL, fit for a terminal.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		if r == '"' || r == '\\' {
			b.WriteByte('\\')
		}
		escape(&b, r)
	}
	b.WriteByte('"')
	return b.String()
}

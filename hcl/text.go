package hcl

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"hostctl/resource"
)

// Text writes the diagnostics for people: what is wrong, where, the line with
// a mark below it, and the remedy. Lines are wrapped at width columns; 0 wraps nothing.
func (d Diagnostics) Text(w io.Writer, columns int, color bool) error {
	var b bytes.Buffer
	for i := range d {
		if i > 0 {
			b.WriteByte('\n')
		}
		d[i].text(&b, columns, color)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (d *Diagnostic) text(b *bytes.Buffer, columns int, color bool) {
	paint := func(code, s string) string {
		if !color {
			return s
		}
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	word, code := "Error: ", "1;31"
	if d.Severity == Warning {
		word, code = "Warning: ", "1;33"
	}
	b.WriteString(paint(code, word) + paint("1", printable(d.Summary)) + "\n")
	if d.File != "" {
		b.WriteString("  on " + printable(d.File))
		if d.Start.Line > 0 {
			fmt.Fprintf(b, " line %d", d.Start.Line)
		}
		if d.Context != "" {
			b.WriteString(", in " + printable(d.Context))
		}
		b.WriteString(":\n")
		if d.Start.Line > 0 {
			d.snippet(b, columns, func(s string) string { return paint(code, s) })
		}
	}
	if d.Detail != "" {
		if d.Start.Line > 0 {
			b.WriteByte('\n')
		}
		for _, line := range wrap(printable(d.Detail), columns-2) {
			b.WriteString(strings.TrimRight("  "+line, " ") + "\n")
		}
	}
}

// snippet writes the source line and the marks under its part.
func (d *Diagnostic) snippet(b *bytes.Buffer, columns int, paint func(string) string) {
	number := strconv.Itoa(d.Start.Line)
	column := max(d.SnippetColumn, 1)
	var line strings.Builder
	at, from, to := 0, -1, -1 // screen columns
	cells := []int{0}         // screen column of each character
	for rest := d.Snippet; rest != ""; column++ {
		r, size := utf8.DecodeRuneInString(rest)
		if column == d.Start.Column {
			from = at
		}
		if d.End.Line == d.Start.Line && column == d.End.Column {
			to = at
		}
		shown, cols := cell(r, size, rest)
		if r == '\t' {
			cols = 4 - at%4
			shown = strings.Repeat(" ", cols)
		}
		line.WriteString(shown)
		at += cols
		cells = append(cells, at)
		rest = rest[size:]
	}
	if from < 0 {
		from = at
	}
	if to < 0 {
		to = at
	}
	to = max(to, from+1)
	shown := line.String()
	// A line that is wider than the screen is cut around the mark.
	room := columns - len(number) - 4
	if columns > 0 && room > 20 && at > room {
		shown, from, to = window(shown, from, to, room)
	}
	fmt.Fprintf(b, "  %s | %s\n", number, strings.TrimRight(shown, " "))
	fmt.Fprintf(b, "  %s | %s%s\n", strings.Repeat(" ", len(number)), strings.Repeat(" ", from), paint(strings.Repeat("^", to-from)))
}

// window cuts room columns out of a line, so that the mark's start is in view.
func window(line string, from, to, room int) (string, int, int) {
	skip := 0
	if to > room-3 {
		skip = max(0, from-room/3)
	}
	var out strings.Builder
	at, taken := 0, 0
	for _, r := range line {
		cols := resource.Columns(r)
		if at >= skip && taken+cols <= room-6 {
			if out.Len() == 0 {
				skip = at
			}
			out.WriteRune(r)
			taken += cols
		}
		at += cols
	}
	prefix, suffix := "", ""
	if skip > 0 {
		prefix = "..."
	}
	if skip+taken < at {
		suffix = "..."
	}
	shift := len(prefix) - skip
	to = min(to+shift, len(prefix)+taken)
	return prefix + out.String() + suffix, from + shift, max(to, from+shift+1)
}

// cell returns how a character is shown, and in how many columns.
func cell(r rune, size int, rest string) (string, int) {
	if r == utf8.RuneError && size == 1 {
		return fmt.Sprintf(`\x%02x`, rest[0]), 4
	}
	if !resource.Visible(r) {
		s := escape(r)
		return s, len(s)
	}
	return string(r), resource.Columns(r)
}

func lineSeparator(r rune) bool { return r == '\u2028' || r == '\u2029' }

func escape(r rune) string {
	switch {
	case r < 0x100:
		return fmt.Sprintf(`\x%02x`, r)
	default:
		return fmt.Sprintf(`\u%04x`, r)
	}
}

// printable makes text safe to print: newlines stay, every other harmful
// character and every byte that is no UTF-8 is written as an escape.
func printable(s string) string {
	safe := true
	for _, r := range s {
		if r == utf8.RuneError || r != '\n' && !resource.Visible(r) {
			safe = false
			break
		}
	}
	if safe {
		return s
	}
	var b strings.Builder
	for rest := s; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		if r == '\n' {
			b.WriteByte('\n')
		} else {
			shown, _ := cell(r, size, rest)
			b.WriteString(shown)
		}
		rest = rest[size:]
	}
	return b.String()
}

// wrap breaks text at spaces so that lines fit; lines that begin with a space
// are examples and stay as they are.
func wrap(s string, columns int) []string {
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		if columns < 20 || strings.HasPrefix(line, " ") {
			out = append(out, line)
			continue
		}
		for utf8.RuneCountInString(line) > columns {
			cut, count := -1, 0
			for i, r := range line {
				if r == ' ' {
					if count > columns && cut > 0 {
						break
					}
					cut = i
					if count > columns {
						break
					}
				}
				count++
			}
			if cut <= 0 {
				break
			}
			out = append(out, line[:cut])
			line = line[cut+1:]
		}
		out = append(out, line)
	}
	return out
}

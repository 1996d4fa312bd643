package hcl

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Severity tells an error, which stops everything, from a warning.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Position is a place in a file.
type Position struct {
	Line   int `json:"line"`   // from 1
	Column int `json:"column"` // in characters (Unicode code points), from 1
	Byte   int `json:"byte"`   // from 0
}

// Diagnostic is something to tell the author of a configuration.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	// Summary says what is wrong in one line; Detail says more, the remedy last.
	Summary string `json:"summary"`
	Detail  string `json:"detail,omitempty"`
	// File is as given to ReadDir, relative to the directory; "-var NAME" for
	// a value of the command line; "" where there is no text.
	File string `json:"file,omitempty"`
	// Start and End, which is exclusive, are zero where File is "".
	Start Position `json:"start,omitzero"`
	End   Position `json:"end,omitzero"`
	// Context names the block around: container "web".
	Context string `json:"context,omitempty"`
	// Snippet is the first line of the text, or the part of a long line that
	// begins at column SnippetColumn.
	Snippet       string `json:"snippet,omitempty"`
	SnippetColumn int    `json:"snippet_column,omitempty"`
}

// Diagnostics is a list of them, in the order of files and places.
type Diagnostics []Diagnostic

// HasErrors reports whether any of them is an error.
func (d Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(d, func(d Diagnostic) bool { return d.Severity == Error })
}

// Error makes an error of the list, for where only one line can be shown.
func (d Diagnostics) Error() string {
	var lines []string
	for _, one := range d {
		lines = append(lines, one.Error())
	}
	return strings.Join(lines, "\n")
}

// Error is the diagnostic in one line.
func (d Diagnostic) Error() string {
	var b strings.Builder
	if d.File != "" {
		b.WriteString(printable(d.File) + ":")
		if d.Start.Line > 0 {
			b.WriteString(strconv.Itoa(d.Start.Line) + ":")
		}
		b.WriteByte(' ')
	}
	b.WriteString(printable(d.Summary))
	if d.Detail != "" {
		b.WriteString(": " + printable(d.Detail))
	}
	return b.String()
}

// sorted puts the diagnostics in order and takes out repetitions.
func (d Diagnostics) sorted() Diagnostics {
	slices.SortStableFunc(d, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Start.Byte, b.Start.Byte),
			cmp.Compare(a.End.Byte, b.End.Byte),
			cmp.Compare(a.Summary, b.Summary),
			cmp.Compare(a.Detail, b.Detail))
	})
	return slices.CompactFunc(d, func(a, b Diagnostic) bool {
		return a.File == b.File && a.Start.Byte == b.Start.Byte && a.Summary == b.Summary && a.Detail == b.Detail
	})
}

// maxSnippet is how many bytes of one line a diagnostic carries.
const maxSnippet = 1024

// locate fills in lines, columns and the snippet of a diagnostic that has its
// byte offsets, from the text of its file.
func (d *Diagnostic) locate(src []byte) {
	d.Start = position(src, d.Start.Byte)
	d.End = position(src, max(d.End.Byte, d.Start.Byte))
	from := d.Start.Byte - runeBytes(src, d.Start)
	if from == 0 && bytes.HasPrefix(src, byteOrderMark) {
		from = min(len(byteOrderMark), d.Start.Byte)
	}
	to := len(src)
	if i := bytes.IndexByte(src[d.Start.Byte:], '\n'); i >= 0 {
		to = d.Start.Byte + i
	}
	d.SnippetColumn = 0
	if to-from > maxSnippet {
		column := 1
		for at := from; d.Start.Byte-at > maxSnippet/2; column++ {
			_, size := utf8.DecodeRune(src[at:])
			at += size
			from = at
		}
		if column > 1 {
			d.SnippetColumn = column
		}
		to = min(to, from+maxSnippet)
		for to > d.Start.Byte && to < len(src) && !utf8.RuneStart(src[to]) {
			to--
		}
	}
	d.Snippet = strings.TrimSuffix(string(src[from:to]), "\r")
}

// runeBytes is the distance in bytes of a position from the start of its line.
func runeBytes(src []byte, p Position) int {
	return p.Byte - (bytes.LastIndexByte(src[:p.Byte], '\n') + 1)
}

// position makes a Position of a byte offset, which it holds within the text.
func position(src []byte, at int) Position {
	at = max(0, min(at, len(src)))
	line := src[bytes.LastIndexByte(src[:at], '\n')+1 : at]
	return Position{
		Line:   bytes.Count(src[:at], []byte("\n")) + 1,
		Column: utf8.RuneCount(bytes.TrimPrefix(line, byteOrderMark)) + 1,
		Byte:   at,
	}
}

// byteOrderMark may begin a file, and is no part of its first line.
var byteOrderMark = []byte("\xef\xbb\xbf")

package lsp

import (
	"bytes"
	"sort"
	"unicode/utf8"
)

// encoding is what the protocol counts characters in.
type encoding string

const (
	utf8Encoding  encoding = "utf-8"
	utf16Encoding encoding = "utf-16"
)

// position is a place in a text as the protocol has it, both from 0.
type position struct {
	Line      int `json:"line"`
	Character int `json:"character"`
}

// span is a range of positions; its end is exclusive.
type span struct {
	Start position `json:"start"`
	End   position `json:"end"`
}

// text is a text with the starts of its lines. It is not modified.
type text struct {
	bytes []byte
	lines []int
}

// newText finds the lines, which end with \n, \r\n or \r.
func newText(b []byte) *text {
	t := &text{bytes: b, lines: []int{0}}
	for i := 0; i < len(b); {
		j := bytes.IndexAny(b[i:], "\r\n")
		if j < 0 {
			break
		}
		i += j + 1
		if b[i-1] == '\r' && i < len(b) && b[i] == '\n' {
			i++
		}
		t.lines = append(t.lines, i)
	}
	return t
}

// line returns the bytes of a line without its end.
func (t *text) line(n int) (start, end int) {
	start, end = t.lines[n], len(t.bytes)
	if n+1 < len(t.lines) {
		end = t.lines[n+1]
	}
	for end > start && (t.bytes[end-1] == '\n' || t.bytes[end-1] == '\r') {
		end--
	}
	return start, end
}

// units is how long a character of so many bytes is.
func (e encoding) units(r rune, size int) int {
	switch {
	case e == utf8Encoding:
		return size
	case r > 0xffff:
		return 2
	}
	return 1
}

// offset returns the byte that a position means. A line or a character beyond
// the end is the end; one within a character is its start.
func (t *text) offset(p position, e encoding) int {
	switch {
	case p.Line < 0:
		return 0
	case p.Line >= len(t.lines):
		return len(t.bytes)
	}
	at, end := t.line(p.Line)
	for left := p.Character; at < end && left > 0; {
		r, size := utf8.DecodeRune(t.bytes[at:end])
		n := e.units(r, size)
		if n > left {
			break
		}
		left -= n
		at += size
	}
	return at
}

// position is the inverse of offset.
func (t *text) position(at int, e encoding) position {
	at = max(0, min(at, len(t.bytes)))
	n := sort.SearchInts(t.lines, at+1) - 1
	start, end := t.line(n)
	p := position{Line: n}
	for i := start; i < min(at, end); {
		r, size := utf8.DecodeRune(t.bytes[i:end])
		if i+size > at {
			break
		}
		p.Character += e.units(r, size)
		i += size
	}
	return p
}

func (t *text) span(start, end int, e encoding) span {
	return span{t.position(start, e), t.position(end, e)}
}

// change is one edit of a document; without a range it is the whole text.
type change struct {
	Range *span  `json:"range"`
	Text  string `json:"text"`
}

// apply returns the text after an edit. A range that ends before it starts is empty.
func (t *text) apply(c change, e encoding) *text {
	if c.Range == nil {
		return newText([]byte(c.Text))
	}
	start := t.offset(c.Range.Start, e)
	end := max(start, t.offset(c.Range.End, e))
	out := make([]byte, 0, start+len(c.Text)+len(t.bytes)-end)
	out = append(append(append(out, t.bytes[:start]...), c.Text...), t.bytes[end:]...)
	return newText(out)
}

// edit is a change to make, as the protocol has it.
type edit struct {
	Range   span   `json:"range"`
	NewText string `json:"newText"`
}

// replacement is the edit that makes a text another: the lines between those
// that stay, so that cursors and marks elsewhere keep their place.
func (t *text) replacement(to []byte, e encoding) []edit {
	if bytes.Equal(t.bytes, to) {
		return []edit{}
	}
	head := 0
	for head < min(len(t.bytes), len(to)) && t.bytes[head] == to[head] {
		head++
	}
	head = bytes.LastIndexByte(t.bytes[:head], '\n') + 1
	tail := 0
	for tail < min(len(t.bytes), len(to))-head && t.bytes[len(t.bytes)-1-tail] == to[len(to)-1-tail] {
		tail++
	}
	if i := bytes.IndexByte(to[len(to)-tail:], '\n'); i >= 0 {
		tail -= i + 1
	} else {
		tail = 0
	}
	return []edit{{t.span(head, len(t.bytes)-tail, e), string(to[head : len(to)-tail])}}
}

package hcl

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxJSONNodes is how many keys and values a file in the JSON form has.
const maxJSONNodes = 1_000_000

// jsonNode is one value or key. A document is a list of them in the order of
// the text: what an object or a list holds stands behind it, each key before its value.
type jsonNode struct {
	kind       byte // { [ " 0 t f n
	escaped    bool // of ": it has a backslash
	start, end int32
	next       int // the index behind it and all that it holds
}

// jsonProblem is why a text is refused.
type jsonProblem struct {
	start, end      int
	summary, detail string
	before          int // 1 + where the same key stands before; detail has a place for it
}

// jsonParser reads JSON (RFC 8259). It never recurses deeper than maxDepth.
type jsonParser struct {
	src     []byte
	at      int
	nodes   []jsonNode
	problem *jsonProblem
}

// parseJSON returns the nodes of a text, the first of which is the whole value, or why it is refused.
func parseJSON(src []byte) ([]jsonNode, *jsonProblem) {
	s := &scanner{src: src}
	if s.encoding(); s.problem != nil {
		return nil, &jsonProblem{start: s.problem.Start.Byte, end: s.problem.End.Byte, summary: s.problem.Summary, detail: s.problem.Detail}
	}
	p := &jsonParser{src: src}
	if bytes.HasPrefix(src, []byte("\xef\xbb\xbf")) {
		p.at = 3
	}
	p.space()
	if p.at == len(src) {
		p.refuse(p.at, p.at, "File is empty", "A file in the JSON form holds an object; write {} where it says nothing.")
		return nil, p.problem
	}
	p.value(0)
	p.space()
	if p.problem == nil && p.at < len(src) {
		p.refuse(p.at, p.at+p.width(), "Text behind the end", "A file in the JSON form holds one object; nothing stands behind its closing brace.")
	}
	return p.nodes, p.problem
}

// refuse keeps the first problem, and ends the parsing.
func (p *jsonParser) refuse(start, end int, summary, detail string) {
	if p.problem == nil {
		p.problem = &jsonProblem{start: start, end: end, summary: summary, detail: detail}
	}
	p.at = len(p.src)
}

// width is the size of the character at hand, 0 at the end.
func (p *jsonParser) width() int {
	_, size := utf8.DecodeRune(p.src[p.at:])
	return size
}

func (p *jsonParser) peek() byte {
	if p.at < len(p.src) {
		return p.src[p.at]
	}
	return 0
}

func (p *jsonParser) space() {
	for p.at < len(p.src) {
		switch p.src[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		case '#', '/':
			p.refuse(p.at, p.at+1, "JSON has no comments", "In the JSON form a comment is a key of its own in a block: \"//\": \"...\".")
		default:
			return
		}
	}
}

// begin adds a node that begins at hand; end finishes it.
func (p *jsonParser) begin(kind byte) int {
	if len(p.nodes) == maxJSONNodes {
		p.refuse(p.at, p.at+1, "File is too long", fmt.Sprintf("A file in the JSON form has at most %d keys and values; write several files.", maxJSONNodes))
	}
	p.nodes = append(p.nodes, jsonNode{kind: kind, start: int32(p.at)})
	return len(p.nodes) - 1
}

func (p *jsonParser) end(i int) {
	p.nodes[i].end, p.nodes[i].next = int32(p.at), len(p.nodes)
}

func (p *jsonParser) value(depth int) {
	switch c := p.peek(); {
	case c == '{' || c == '[':
		if depth == maxDepth {
			p.refuse(p.at, p.at+1, whatTooDeep, fmt.Sprintf("Objects and lists stand at most %d deep within each other.", maxDepth))
			return
		}
		if c == '{' {
			p.object(depth)
		} else {
			p.list(depth)
		}
	case c == '"':
		p.text()
	case c == '-' || '0' <= c && c <= '9':
		p.number()
	default:
		for _, word := range []string{"true", "false", "null"} {
			if bytes.HasPrefix(p.src[p.at:], []byte(word)) && !wordByte(p.src, p.at+len(word)) {
				i := p.begin(word[0])
				p.at += len(word)
				p.end(i)
				return
			}
		}
		p.missing(p.at, "Value is missing", "A value is text in double quotes, a number, true, false, null, a list [ ... ] or an object { ... }.")
	}
}

func wordByte(src []byte, at int) bool {
	return at < len(src) && (identStart(src[at]) || '0' <= src[at] && src[at] <= '9')
}

// missing refuses what stands where something else should.
func (p *jsonParser) missing(at int, summary, detail string) {
	end := at
	for end < len(p.src) && wordByte(p.src, end) {
		end++
	}
	if end == at && at < len(p.src) {
		end += p.width()
	}
	p.refuse(at, end, summary, detail)
}

func (p *jsonParser) list(depth int) {
	i, open := p.begin('['), p.at
	p.at++
	for p.space(); p.peek() != ']'; p.space() {
		if p.at == len(p.src) {
			p.refuse(open, open+1, "List has no end", "The closing ] is missing.")
			break
		}
		p.value(depth + 1)
		if p.separator(']', open, "List") {
			break
		}
	}
	p.at = min(p.at+1, len(p.src))
	p.end(i)
}

// separator takes the comma behind an element. It reports whether the list or object ends.
func (p *jsonParser) separator(closing byte, open int, what string) bool {
	p.space()
	switch c := p.peek(); {
	case p.problem != nil || c == closing:
		return true
	case p.at == len(p.src):
		p.refuse(open, open+1, what+" has no end", fmt.Sprintf("The closing %c is missing.", closing))
		return true
	case c != ',':
		p.missing(p.at, "Comma is missing", fmt.Sprintf("Elements are parted by commas, and %c ends them.", closing))
		return true
	}
	comma := p.at
	p.at++
	if p.space(); p.peek() == closing {
		p.refuse(comma, comma+1, "Comma behind the last element", "JSON has none there; take it out.")
		return true
	}
	return p.problem != nil
}

func (p *jsonParser) object(depth int) {
	i, open := p.begin('{'), p.at
	p.at++
	var keys []int
	for p.space(); p.peek() != '}'; p.space() {
		if p.peek() != '"' {
			if p.at == len(p.src) {
				p.refuse(open, open+1, "Object has no end", "The closing } is missing.")
			} else {
				p.missing(p.at, "Key is not in quotes", "In the JSON form every key stands in double quotes, a colon behind it: \"name\": ...")
			}
			break
		}
		keys = append(keys, len(p.nodes))
		p.text()
		if p.space(); p.peek() != ':' {
			p.missing(p.at, "Colon is missing", "Between a key and its value stands a colon: \"name\": ...")
			break
		}
		p.at++
		p.space()
		p.value(depth + 1)
		if p.separator('}', open, "Object") {
			break
		}
	}
	p.at = min(p.at+1, len(p.src))
	p.end(i)
	p.unique(keys)
}

// unique refuses an object with a key written twice. Comments may repeat.
func (p *jsonParser) unique(keys []int) {
	if p.problem != nil || len(keys) < 2 {
		return
	}
	seen := make(map[string]int, len(keys))
	for _, k := range keys {
		n := p.nodes[k]
		raw := p.src[n.start+1 : n.end-1]
		name := string(raw)
		if n.escaped {
			name, _ = unescapeJSON(raw)
		}
		before, dup := seen[name]
		if dup && name != "//" {
			p.refuse(int(n.start), int(n.end), "Key is written twice", "The same key stands before at %s. Several blocks of one type are one key: an object of their labels, or a list.")
			p.problem.before = 1 + int(p.nodes[before].start)
			return
		}
		seen[name] = k
	}
}

// text takes a string.
func (p *jsonParser) text() {
	i, open := p.begin('"'), p.at
	for p.at++; ; {
		rest := p.src[min(p.at, len(p.src)):]
		j := bytes.IndexFunc(rest, func(r rune) bool { return r == '"' || r == '\\' || r < ' ' })
		if j < 0 {
			p.refuse(open, open+1, "Text has no end", "The closing quotation mark is missing.")
			break
		}
		p.at += j
		switch c := p.src[p.at]; c {
		case '"':
			p.at++
			p.end(i)
			return
		case '\\':
			p.nodes[i].escaped = true
			p.escape()
		case '\n', '\r':
			p.refuse(open, p.at, "Text has no end on its line", "Text stands on one line; write a newline as \\n.")
		default:
			p.refuse(p.at, p.at+1, "Text has a control character", fmt.Sprintf("Write it as \\u%04x.", c))
		}
		if p.problem != nil {
			break
		}
	}
	p.end(i)
}

// escape takes a backslash and what it stands before.
func (p *jsonParser) escape() {
	r, size := jsonEscape(p.src[p.at:])
	if size == 0 {
		p.refuse(p.at, min(p.at+2, len(p.src)), "Invalid escape", `Behind a backslash stands one of " \ / b f n r t, or u and four hexadecimal digits, two such for a character beyond them.`)
		return
	}
	if r == 0 {
		p.refuse(p.at, p.at+size, "Text has a NUL character", "A configuration is text; NUL stands nowhere in it.")
		return
	}
	p.at += size
}

// jsonEscape reads an escape; size is 0 where it is none.
func jsonEscape(b []byte) (r rune, size int) {
	if len(b) < 2 {
		return 0, 0
	}
	if i := bytes.IndexByte([]byte(`"\/bfnrt`), b[1]); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), 2
	}
	unit := func(b []byte) (rune, bool) {
		if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
			return 0, false
		}
		n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
		return rune(n), err == nil
	}
	r, ok := unit(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	low, ok := unit(b[6:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

// number takes a number, within the language's own limits.
func (p *jsonParser) number() {
	i, start := p.begin('0'), p.at
	digits := func() int {
		from := p.at
		for '0' <= p.peek() && p.peek() <= '9' {
			p.at++
		}
		return p.at - from
	}
	if p.peek() == '-' {
		p.at++
	}
	lead := p.peek()
	good := true
	if n := digits(); n == 0 || lead == '0' && n > 1 {
		good = false
	}
	if p.peek() == '.' {
		p.at++
		good = digits() > 0 && good
	}
	exponent := 0
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		from := p.at
		good = digits() > 0 && good
		exponent, _ = strconv.Atoi(string(p.src[from:min(p.at, from+6)]))
	}
	switch {
	case !good || wordByte(p.src, p.at):
		p.refuse(start, p.at, "Invalid number", "A number is written as 12, -0.5 or 1.5e3; text stands in quotes.")
	case p.at-start > maxNumber || exponent > maxExponent:
		p.refuse(start, p.at, "Number is too long", fmt.Sprintf("A number has at most %d digits, and an exponent of at most %d.", maxNumber, maxExponent))
	}
	p.end(i)
}

// jsonShift says that from an offset of the decoded text on, the file is so many bytes ahead.
type jsonShift struct{ from, by int }

// unescapeJSON returns what a string that was parsed says, and where its bytes stand in the file.
func unescapeJSON(raw []byte) (string, []jsonShift) {
	out := make([]byte, 0, len(raw))
	var shifts []jsonShift
	for i := 0; i < len(raw); {
		j := bytes.IndexByte(raw[i:], '\\')
		if j < 0 {
			out = append(out, raw[i:]...)
			break
		}
		out = append(out, raw[i:i+j]...)
		i += j
		r, size := jsonEscape(raw[i:])
		if size == 0 {
			break // was refused
		}
		out = utf8.AppendRune(out, r)
		i += size
		shifts = append(shifts, jsonShift{len(out), i - len(out)})
	}
	return string(out), shifts
}

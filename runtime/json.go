package runtime

import (
	"errors"
	"strconv"
	"unicode/utf8"
)

// A strict reader of the JSON that this package itself writes: RFC 8259 with unknown keys,
// duplicate keys, null, invalid UTF-8 and lone surrogates refused, numbers unsigned and
// without fraction, nesting limited. What it accepts, encoding/json reads the same
// (FuzzDecode holds it to that).
type reader struct {
	data []byte
	pos  int
	err  error
}

const maxDepth = 64

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = errors.New("byte " + strconv.Itoa(r.pos) + ": " + what)
	}
}

// peek skips white space and returns the next byte, or 0 at the end or after an error.
func (r *reader) peek() byte {
	if r.err != nil {
		return 0
	}
	for r.pos < len(r.data) {
		switch c := r.data[r.pos]; c {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return c
		}
	}
	return 0
}

func (r *reader) expect(c byte) bool {
	if r.peek() != c {
		r.fail("expected " + strconv.QuoteRune(rune(c)))
		return false
	}
	r.pos++
	return true
}

// end fails unless nothing is left.
func (r *reader) end() {
	if r.peek(); r.err == nil && r.pos != len(r.data) {
		r.fail("something follows the value")
	}
}

// object calls field for every key; field reads the value and says whether the key is known.
// A key that stands twice is refused.
func (r *reader) object(field func(key string) bool) {
	var few [16]string
	seen := few[:0] // as many as there are known fields
	r.members(func(key string) {
		for _, s := range seen {
			if s == key {
				r.fail("field " + strconv.Quote(key) + " stands twice")
				return
			}
		}
		seen = append(seen, key)
		if !field(key) {
			r.fail("unknown field " + strconv.Quote(key))
		}
	})
}

// members calls value, which reads it, for every key of an object.
func (r *reader) members(value func(key string)) {
	if !r.expect('{') {
		return
	}
	if r.peek() == '}' {
		r.pos++
		return
	}
	for r.err == nil {
		key := r.str()
		if !r.expect(':') {
			return
		}
		value(key)
		if !r.more('}') {
			return
		}
	}
}

// array calls element, which reads it, for every element.
func (r *reader) array(element func()) {
	if !r.expect('[') {
		return
	}
	if r.peek() == ']' {
		r.pos++
		return
	}
	for r.err == nil {
		element()
		if !r.more(']') {
			return
		}
	}
}

// more reads what stands after an element: a comma, or the closing byte.
func (r *reader) more(closing byte) bool {
	switch c := r.peek(); c {
	case ',':
		r.pos++
		return true
	case closing:
		r.pos++
		return false
	default:
		r.fail("expected ',' or " + strconv.QuoteRune(rune(closing)))
		return false
	}
}

func (r *reader) boolean() bool {
	switch {
	case r.literal("true"):
		return true
	case r.literal("false"):
		return false
	}
	r.fail("expected true or false")
	return false
}

func (r *reader) literal(word string) bool {
	if r.peek() != word[0] || len(r.data)-r.pos < len(word) || string(r.data[r.pos:r.pos+len(word)]) != word {
		return false
	}
	r.pos += len(word)
	return true
}

// uint reads a whole number of at most bits bits.
func (r *reader) uint(bits int) uint64 {
	r.peek()
	start := r.pos
	for r.pos < len(r.data) && r.data[r.pos] >= '0' && r.data[r.pos] <= '9' {
		r.pos++
	}
	text := string(r.data[start:r.pos])
	n, err := strconv.ParseUint(text, 10, bits)
	if err != nil || len(text) > 1 && text[0] == '0' {
		r.fail("expected a whole number of " + strconv.Itoa(bits) + " bits")
	}
	if r.pos < len(r.data) && (r.data[r.pos] == '.' || r.data[r.pos] == 'e' || r.data[r.pos] == 'E') {
		r.fail("expected a whole number")
	}
	return n
}

// int reads a whole number of 31 bits with its sign.
func (r *reader) int() int {
	if r.peek() != '-' {
		return int(r.uint(31))
	}
	r.pos++
	if r.pos < len(r.data) && (r.data[r.pos] < '1' || r.data[r.pos] > '9') {
		r.fail("expected a whole number")
	}
	return -int(r.uint(31))
}

func (r *reader) uint32() uint32 { return uint32(r.uint(32)) }

func (r *reader) strs() []string {
	out := []string{}
	r.array(func() { out = append(out, r.str()) })
	return out
}

// str reads a string: valid UTF-8, no raw control characters, no lone surrogates.
func (r *reader) str() string {
	if !r.expect('"') {
		return ""
	}
	start := r.pos
	for r.pos < len(r.data) && r.data[r.pos] != '"' && r.data[r.pos] != '\\' && r.data[r.pos] >= ' ' {
		r.pos++
	}
	out := r.data[start:r.pos:r.pos]
	for r.err == nil {
		if r.pos >= len(r.data) {
			r.fail("unfinished string")
			break
		}
		c := r.data[r.pos]
		switch {
		case c == '"':
			r.pos++
			if !utf8.Valid(out) {
				r.fail("string is not valid UTF-8")
			}
			return string(out)
		case c == '\\':
			r.pos++
			out = r.escape(out)
		case c < ' ':
			r.fail("control character in a string")
		default:
			run := r.pos
			for r.pos < len(r.data) && r.data[r.pos] != '"' && r.data[r.pos] != '\\' && r.data[r.pos] >= ' ' {
				r.pos++
			}
			out = append(out, r.data[run:r.pos]...)
		}
	}
	return ""
}

func (r *reader) escape(out []byte) []byte {
	if r.pos >= len(r.data) {
		r.fail("unfinished string")
		return out
	}
	c := r.data[r.pos]
	r.pos++
	switch c {
	case '"', '\\', '/':
		return append(out, c)
	case 'b':
		return append(out, '\b')
	case 'f':
		return append(out, '\f')
	case 'n':
		return append(out, '\n')
	case 'r':
		return append(out, '\r')
	case 't':
		return append(out, '\t')
	case 'u':
		hi := r.hex4()
		if hi >= 0xd800 && hi < 0xdc00 && r.pos+1 < len(r.data) && r.data[r.pos] == '\\' && r.data[r.pos+1] == 'u' {
			r.pos += 2
			if lo := r.hex4(); lo >= 0xdc00 && lo < 0xe000 {
				return utf8.AppendRune(out, (hi-0xd800)<<10+(lo-0xdc00)+0x10000)
			}
			hi = 0xd800
		}
		if hi >= 0xd800 && hi < 0xe000 {
			r.fail("half a surrogate pair")
		}
		return utf8.AppendRune(out, hi)
	}
	r.fail("unknown escape")
	return out
}

func (r *reader) hex4() rune {
	if len(r.data)-r.pos < 4 {
		r.fail("unfinished escape")
		return 0
	}
	n := rune(0)
	for _, c := range r.data[r.pos : r.pos+4] {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			n = n<<4 | rune(c-'A'+10)
		default:
			r.fail("escape is not hexadecimal")
			return 0
		}
	}
	r.pos += 4
	return n
}

// raw reads any value and returns its bytes.
func (r *reader) raw() []byte {
	r.peek()
	start := r.pos
	r.skip(0)
	if r.err != nil {
		return nil
	}
	return append([]byte(nil), r.data[start:r.pos]...)
}

func (r *reader) skip(depth int) {
	if depth > maxDepth {
		r.fail("nested too deeply")
		return
	}
	switch c := r.peek(); {
	case c == '{':
		r.members(func(string) { r.skip(depth + 1) })
	case c == '[':
		r.array(func() { r.skip(depth + 1) })
	case c == '"':
		r.str()
	case c == '-' || c >= '0' && c <= '9':
		r.number()
	case !r.literal("true") && !r.literal("false") && !r.literal("null"):
		r.fail("expected a value")
	}
}

// number skips any JSON number.
func (r *reader) number() {
	digits := func() bool {
		start := r.pos
		for r.pos < len(r.data) && r.data[r.pos] >= '0' && r.data[r.pos] <= '9' {
			r.pos++
		}
		return r.pos > start
	}
	at := func(set string) bool {
		for i := 0; i < len(set); i++ {
			if r.pos < len(r.data) && r.data[r.pos] == set[i] {
				r.pos++
				return true
			}
		}
		return false
	}
	at("-")
	ok := at("0") || digits()
	if ok && at(".") {
		ok = digits()
	}
	if ok && at("eE") {
		at("+-")
		ok = digits()
	}
	if !ok {
		r.fail("malformed number")
	}
}

// writer appends JSON. first says whether a comma is due.
type writer struct {
	out   []byte
	first bool
}

func (w *writer) open(c byte)  { w.out, w.first = append(w.out, c), true }
func (w *writer) close(c byte) { w.out, w.first = append(w.out, c), false }

func (w *writer) sep() {
	if !w.first {
		w.out = append(w.out, ',')
	}
	w.first = false
}

func (w *writer) key(k string) {
	w.sep()
	w.quote(k)
	w.out = append(w.out, ':')
}

func (w *writer) str(k, v string) {
	w.key(k)
	w.quote(v)
}

func (w *writer) optional(k, v string) {
	if v != "" {
		w.str(k, v)
	}
}

func (w *writer) uint(k string, n uint64) {
	w.key(k)
	w.out = strconv.AppendUint(w.out, n, 10)
}

func (w *writer) flag(k string, b bool) {
	w.key(k)
	w.out = strconv.AppendBool(w.out, b)
}

func (w *writer) strs(k string, list []string) {
	w.key(k)
	w.open('[')
	for _, s := range list {
		w.sep()
		w.quote(s)
	}
	w.close(']')
}

// quote writes a string; it is valid UTF-8.
func (w *writer) quote(s string) {
	const hex = "0123456789abcdef"
	w.out = append(w.out, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			w.out = append(w.out, '\\', c)
		case c < ' ':
			w.out = append(w.out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			w.out = append(w.out, c)
		}
	}
	w.out = append(w.out, '"')
}

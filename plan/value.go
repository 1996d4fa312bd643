package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"hostctl/resource"
)

const (
	// maxString is how many runes of a string are shown.
	maxString = 160
	// maxItems is how many lines of a text, or elements of a list, are shown
	// of the old one and of the new one.
	maxItems = 40
)

func (t *text) comment(s string) string {
	switch s {
	case "":
		return ""
	case cost(resource.Replace):
		return "  " + t.paint(red, "# "+s)
	default:
		return "  # " + s
	}
}

// leaf prints one attribute with its old and its new value.
func (t *text) leaf(indent int, name string, d Difference, comment string) {
	pad := strings.Repeat(" ", indent)
	head := pad + t.symbol(d.Action) + " " + name
	tail := t.comment(comment)
	if d.Block {
		t.line(head, tail)
		return
	}
	head += " = "
	before, after := decode(d.Before, d.Ref), decode(d.After, d.Ref)
	if d.Secret {
		before, after = &value{text: "(secret)"}, &value{text: "(secret)"}
	}
	if d.Sensitive {
		before, after = &value{text: "(sensitive value)"}, &value{text: "(sensitive value)"}
	}
	if d.Action == resource.Create {
		before = nil
	}
	if d.Action == resource.Delete {
		after = nil
	}
	room := t.Width - indent - 4 - utf8.RuneCountInString(name) - 3
	if before.many(room) || after.many(room) {
		t.items(indent, head, before, after, tail)
		return
	}
	old, new := before.inline(after), after.inline(before)
	switch arrow := " -> "; {
	case d.Action == resource.Create:
		t.line(head, new, tail)
	case utf8.RuneCountInString(old)+len(arrow)+utf8.RuneCountInString(new)+len(comment)+4 <= room:
		t.line(head, old, arrow, new, tail)
	default:
		t.line(head, old)
		t.line(pad, "      -> ", new, tail)
	}
}

// items prints a list or a text of several lines, one element or line each.
// What both values begin and end with is only counted.
func (t *text) items(indent int, head string, before, after *value, tail string) {
	open, end, what := "[", "]", "unchanged element"
	old, new := before.elements(), after.elements()
	if before.isText() || after.isText() {
		open, end, what = "<<EOT", "EOT", "unchanged line"
		old, new = before.lines(), after.lines()
	}
	t.line(head, open, tail)
	pad := strings.Repeat(" ", indent+4)
	top := 0
	for top < len(old) && top < len(new) && old[top] == new[top] {
		top++
	}
	bottom := 0
	for bottom < len(old)-top && bottom < len(new)-top && old[len(old)-1-bottom] == new[len(new)-1-bottom] {
		bottom++
	}
	if top > 0 {
		t.line(pad, "    # (", count(top, what), " hidden)")
	}
	t.side(pad, resource.Delete, old[top:len(old)-bottom])
	t.side(pad, resource.Create, new[top:len(new)-bottom])
	if bottom > 0 {
		t.line(pad, "    # (", count(bottom, what), " hidden)")
	}
	if after == nil {
		end += " -> null"
	}
	t.line(pad, end)
}

func (t *text) side(pad string, action resource.Action, items []string) {
	for _, s := range items[:min(len(items), maxItems)] {
		t.line(pad, t.symbol(action), " ", s)
	}
	if more := len(items) - maxItems; more > 0 {
		rest := strings.Join(items[maxItems:], "\n")
		t.line(pad, "    # (", fmt.Sprint(more), " more, ", digest(rest), ")")
	}
}

// value is an attribute's value to be printed; nil is an unset one.
type value struct {
	str   *string  // a string
	text  string   // as printed, what is neither string nor list
	list  []string // elements as printed
	lists bool
}

// decode reads a value's JSON; nil for none. Strings that are addresses are
// printed without quotes where the attribute is a reference.
func decode(data json.RawMessage, ref string) *value {
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return nil
	}
	switch data[0] {
	case '"':
		var s string
		if json.Unmarshal(data, &s) == nil {
			if ref != "" && new(resource.Dependency).UnmarshalText([]byte(s)) == nil {
				return &value{text: plain(s)}
			}
			return &value{str: &s}
		}
	case '[':
		var elements []json.RawMessage
		if json.Unmarshal(data, &elements) == nil {
			v := &value{lists: true, list: make([]string, len(elements))}
			for i, e := range elements {
				v.list[i] = decode(e, ref).inline(nil)
			}
			return v
		}
	}
	return &value{text: shorten(string(data), 0, plain)}
}

// many reports whether a value takes several lines, given the room for one.
func (v *value) many(room int) bool {
	switch {
	case v == nil:
		return false
	case v.lists:
		return utf8.RuneCountInString(v.inline(nil)) > room
	default:
		return v.isText()
	}
}

func (v *value) isText() bool {
	return v != nil && v.str != nil && strings.Contains(strings.TrimSuffix(*v.str, "\n"), "\n")
}

// elements returns the elements of a list as printed.
func (v *value) elements() []string {
	if v == nil {
		return nil
	}
	out := make([]string, len(v.list))
	for i, s := range v.list {
		out[i] = s + ","
	}
	return out
}

// noNewline stands for the end of a text whose last line does not end, as in diff(1).
const noNewline = `\ no newline at end`

// lines returns the lines of a string as printed.
func (v *value) lines() []string {
	if v == nil || v.str == nil {
		return nil
	}
	lines := strings.Split(*v.str, "\n")
	for i, l := range lines {
		lines[i] = shorten(l, 0, plain)
	}
	last := len(lines) - 1
	if lines[last] == "" {
		return lines[:last]
	}
	return append(lines, noNewline)
}

// inline returns the value on one line. A string that is too long to be shown whole
// is shown from where it begins to differ from the other.
func (v *value) inline(other *value) string {
	switch {
	case v == nil:
		return "null"
	case v.lists:
		return "[" + strings.Join(v.list, ", ") + "]"
	case v.str == nil:
		return v.text
	}
	from := 0
	if other != nil && other.str != nil {
		from = commonPrefix(*v.str, *other.str)
	}
	return shorten(*v.str, from, quote)
}

// commonPrefix returns the length in bytes of the runes that both begin with.
func commonPrefix(a, b string) int {
	for i, r := range a {
		if !strings.HasPrefix(b[i:], string(r)) {
			return i
		}
	}
	return len(a)
}

// shorten prints s whole by show if it has at most maxString runes. Of a longer
// one it prints so many, starting a little before byte from, its size and its digest.
func shorten(s string, from int, show func(string) string) string {
	if utf8.RuneCountInString(s) <= maxString {
		return show(s)
	}
	size, sum := len(s), digest(s)
	cut := ""
	const lead = 40
	if from = from - lead; from > 0 && len(s)-from >= lead {
		for !utf8.RuneStart(s[from]) {
			from++
		}
		s, cut = s[from:], "..."
	}
	n := 0
	for i := range s {
		if n++; n > maxString {
			s = s[:i]
			break
		}
	}
	return cut + show(s) + fmt.Sprintf("... (%d bytes, %s)", size, sum)
}

// digest is short: enough to see that two values differ.
func digest(s string) string { return fmt.Sprintf("sha256 %x", sha256.Sum256([]byte(s)))[:7+12] }

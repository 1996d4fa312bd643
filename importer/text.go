package importer

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"hostctl/hcl"
	"hostctl/resource"
)

// block is one block of the text, or a body that is still being made.
type block struct {
	kind     string
	label    string
	labelled bool
	above    []string // comments
	items    []*item
	address  resource.Addr // of a resource's own block
	gone     string        // why it is not written; "" where it is
}

// item is one line or part of a block: an attribute, a map's entry, a block or a comment.
type item struct {
	name    string
	value   value
	entries []*item // of a map attribute
	block   *block
	comment string   // where it is nothing else
	above   []string // comments
	what    string   // in the source's words, for the note if it cannot be written
	isMap   bool
}

// value is an expression: as text, as the JSON that it comes to, and what it refers to.
type value struct {
	text string
	list []string // one element a line, where they do not fit one
	data any
	refs []resource.Dependency
}

func stringValue(s string) value { return value{text: hcl.Quote(s), data: s} }

func boolValue(b bool) value { return value{text: strconv.FormatBool(b), data: b} }

func numberValue(f float64) value {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	return value{text: s, data: f}
}

func uintValue(n uint64) value { return value{text: strconv.FormatUint(n, 10), data: n} }

func listValue(list []string) value {
	v := value{data: list}
	for _, s := range list {
		v.list = append(v.list, hcl.Quote(s))
	}
	v.text = "[" + strings.Join(v.list, ", ") + "]"
	return v
}

func refValue(a resource.Addr) value {
	return value{text: a.String(), data: a.String(), refs: []resource.Dependency{{To: a}}}
}

func dependenciesValue(list []resource.Dependency) value {
	var data []string
	v := value{refs: list}
	for _, d := range list {
		data = append(data, d.String())
		v.list = append(v.list, d.String())
	}
	v.data = data
	v.text = "[" + strings.Join(v.list, ", ") + "]"
	return v
}

// key writes a map's key.
func key(s string) string {
	for i, r := range s {
		if !(r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || i > 0 && '0' <= r && r <= '9') {
			return hcl.Quote(s)
		}
	}
	switch s {
	case "", "for", "if", "in", "null", "true", "false":
		return hcl.Quote(s)
	}
	return s
}

const (
	columns    = 100
	maxComment = 600 // characters; nobody reads more
)

// comment writes text as comment lines: one line of it, wrapped, and nothing
// that a reader would not see. A command, which begins with "$ ", is for copying, and stays one line.
func comment(b *strings.Builder, indent, text string) {
	text = onOneLine(shown(text))
	if utf8.RuneCountInString(text) > maxComment {
		text = string([]rune(text)[:maxComment]) + " ..."
	}
	if strings.HasPrefix(text, "$ ") {
		b.WriteString(indent + "# " + strings.TrimRight(text, " ") + "\n")
		return
	}
	line, lead := indent+"#", " "
	n := utf8.RuneCountInString(line)
	for i, word := range strings.Split(text, " ") {
		w := utf8.RuneCountInString(word)
		if i > 0 && n+1+w > columns {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line, lead = indent+"#  ", " "
			n = len(line)
		}
		line += lead + word
		n += 1 + w
		lead = " "
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}

// onOneLine escapes everything that is not a visible character.
func onOneLine(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if resource.Visible(r) {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRuneToASCII(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}

// write prints the block as `hostctl fmt` would.
func (k *block) write(b *strings.Builder, indent string) {
	for _, c := range k.above {
		comment(b, indent, c)
	}
	b.WriteString(indent + k.kind)
	if k.labelled {
		b.WriteString(" " + hcl.Quote(k.label))
	}
	if len(k.items) == 0 {
		b.WriteString(" {\n" + indent + "}\n")
		return
	}
	b.WriteString(" {\n")
	inner := indent + "  "
	for i := 0; i < len(k.items); {
		it := k.items[i]
		switch {
		case it.block != nil:
			if i > 0 && (k.items[i-1].block == nil || len(it.block.above) > 0) {
				b.WriteByte('\n')
			}
			it.block.write(b, inner)
			i++
		case it.comment != "":
			if i > 0 && k.items[i-1].block != nil {
				b.WriteByte('\n')
			}
			for _, c := range it.above {
				comment(b, inner, c)
			}
			comment(b, inner, it.comment)
			i++
		default:
			n := i + 1
			for it.oneLine(indent) && n < len(k.items) && k.items[n].oneLine(indent) && len(k.items[n].above) == 0 {
				n++
			}
			writeAttributes(b, inner, k.items[i:n], key)
			i = n
		}
	}
	b.WriteString(indent + "}\n")
}

// oneLine reports whether the item is an attribute that stands on one line.
func (it *item) oneLine(indent string) bool {
	return it.block == nil && it.comment == "" && !it.isMap &&
		(len(it.value.list) < 2 || len(indent)+len(it.name)+len(it.value.text)+5 <= columns)
}

// writeAttributes prints attributes in a row, their equal signs below one another.
func writeAttributes(b *strings.Builder, indent string, items []*item, key func(string) string) {
	width := 0
	for _, it := range items {
		width = max(width, utf8.RuneCountInString(key(it.name)))
	}
	for _, it := range items {
		for _, c := range it.above {
			comment(b, indent, c)
		}
		name := key(it.name)
		b.WriteString(indent + name + strings.Repeat(" ", width-utf8.RuneCountInString(name)) + " = ")
		switch {
		case it.isMap:
			b.WriteString("{\n")
			for i := 0; i < len(it.entries); {
				if it.entries[i].comment != "" {
					comment(b, indent+"  ", it.entries[i].comment)
					i++
					continue
				}
				n := i + 1
				for n < len(it.entries) && it.entries[n].comment == "" && len(it.entries[n].above) == 0 {
					n++
				}
				writeAttributes(b, indent+"  ", it.entries[i:n], key)
				i = n
			}
			b.WriteString(indent + "}\n")
		case !it.oneLine(indent):
			b.WriteString("[\n")
			for _, e := range it.value.list {
				b.WriteString(indent + "  " + e + ",\n")
			}
			b.WriteString(indent + "]\n")
		default:
			b.WriteString(it.value.text + "\n")
		}
	}
}

package hcl

import (
	"fmt"
	"slices"
	"strings"
)

// completion is one completion on its way: the outline of the text before the
// cursor says what is open there, that of the whole text which names there are.
type completion struct {
	*world
	file  *outline
	dir   string
	at    int
	start int // of what is replaced
	items []Item
}

// complete lists what may stand at an offset of a file.
func (w *world) complete(f *outline, at int) []Item {
	if isJSON(f.file) {
		return nil
	}
	head := File{Name: f.file, Text: f.text[:at:at]}
	chunks, problem := scan(head)
	if problem != nil {
		return nil
	}
	var tops []string
	for _, x := range w.root.slots {
		tops = append(tops, x.name)
	}
	before := outlineChunks(head, chunks, tops, true)
	if before.comment {
		return nil
	}
	c := &completion{world: w, file: f, dir: f.dir, at: at, start: at}
	top := &before.open[len(before.open)-1]
	switch top.kind {
	case '{':
		c.inBody(before, top)
	case '"':
		if top.label {
			item := before.open[len(before.open)-2].item
			c.label(top.section, item, top.begins)
		} else if c.direct(before) {
			c.start = top.begins
			c.text(before)
		}
	case '<':
	default:
		c.inValue(before)
	}
	return c.items
}

func (c *completion) add(i Item) {
	i.Start = c.start
	if i.Insert == "" {
		i.Insert = i.Label
	}
	c.items = append(c.items, i)
}

// inBody completes where an attribute or a block begins, or the label of one.
func (c *completion) inBody(before *outline, top *opened) {
	item := top.item
	if n := len(item); n > 0 && item[n-1].at.end == c.at && c.at > 0 && c.file.text[c.at-1] != '"' {
		c.start = item[n-1].at.start
		item = item[:n-1]
	}
	if len(item) > 0 {
		if c.at > 0 && c.file.text[c.at-1] != '"' {
			c.label(top.section, item, c.start)
		}
		return
	}
	body := c.counterpart(top.section)
	sh := c.shape(body)
	if sh == nil {
		return
	}
	for _, x := range sh.slots {
		switch {
		case !x.block && body.attr(x.name) != nil && body.attr(x.name).at.start != c.start:
		case !x.block:
			c.attribute(x)
		default:
			c.block(x, body)
		}
	}
	if body.parent != nil && c.shape(body) != nil && sh.slot("dynamic") == nil && c.inResource(body) && slices.ContainsFunc(sh.slots, func(x slot) bool { return x.block }) {
		c.block(*c.dynamic(), body)
	}
}

// counterpart is the section of the whole file that a section of the text
// before the cursor is the beginning of.
func (c *completion) counterpart(s *section) *section {
	if s.parent == nil {
		return c.file.body
	}
	over := c.counterpart(s.parent)
	for _, b := range over.blocks {
		if b.at == s.at {
			return b
		}
	}
	return s // the text behind the cursor is broken in another way
}

// inResource reports whether a section is a resource's block or within one.
func (c *completion) inResource(s *section) bool {
	for s.parent != nil && s.parent.parent != nil {
		s = s.parent
	}
	return s.parent != nil && c.isKind(s.text)
}

func (x *slot) detail() string {
	d := x.typ
	switch {
	case x.required:
		d += ", required"
	case x.computed:
		d += ", chosen when unset"
	case x.def != nil && *x.def != "":
		d += ", default " + *x.def
	}
	return strings.TrimPrefix(d, ", ")
}

// attribute offers NAME = VALUE.
func (c *completion) attribute(x slot) {
	value, fill := "", "$0"
	switch {
	case x.ref == "*" && !x.list, x.ref != "" && !x.list:
	case x.list:
		fill = "[$0]"
	case x.mapping:
		fill = "{\n  $0\n}"
	case len(x.words) > 0 && !x.quoted && x.typ == "bool":
		fill = "${1|" + strings.Join(x.words, ",") + "|}"
	case x.quoted:
		fill = `"$0"`
	}
	c.add(Item{Label: x.name, Sort: SortAttribute, Detail: x.detail(), Topic: x.topic, Insert: x.name + " = " + value, Snippet: x.name + " = " + fill, First: x.required})
}

// block offers a block with what it must hold.
func (c *completion) block(x slot, body *section) {
	if x.label == "" && body.parent != nil {
		for _, b := range body.blocks {
			if b.text == x.name && b.at.start != c.start && x.name != "validation" && x.name != "assert" && !strings.HasSuffix(x.name, "condition") {
				return // there is one
			}
		}
	}
	var b strings.Builder
	n := 1
	b.WriteString(x.name)
	if x.label != "" {
		fmt.Fprintf(&b, ` "${%d:%s}"`, n, strings.ToLower(x.label))
		n++
	}
	b.WriteString(" {\n")
	width := 0
	var must []slot
	if x.inner != nil {
		for _, in := range x.inner.slots {
			if in.required && !in.block {
				must, width = append(must, in), max(width, len(in.name))
			}
		}
	}
	for _, in := range must {
		fill := fmt.Sprintf("$%d", n)
		switch {
		case in.list:
			fill = "[" + fill + "]"
		case in.mapping:
			fill = "{ " + fill + " }"
		case in.quoted:
			fill = `"` + fill + `"`
		}
		fmt.Fprintf(&b, "  %-*s = %s\n", width, in.name, fill)
		n++
	}
	if len(must) == 0 {
		b.WriteString("  $0\n")
	}
	b.WriteString("}")
	detail := "block"
	if x.required {
		detail += ", required"
	}
	c.add(Item{Label: x.name, Sort: SortBlock, Detail: detail, Topic: x.topic, Insert: x.name + " ", Snippet: b.String(), First: x.required})
}

// label completes a block's label: only that of a dynamic block is one of a list.
func (c *completion) label(in *section, item []word, start int) {
	if len(item) == 0 || item[0].text != "dynamic" {
		return
	}
	quote := `"`
	if start > 0 && c.file.text[start-1] == '"' {
		quote = ""
	}
	c.start = start
	if sh := c.shape(c.counterpart(in)); sh != nil {
		for _, x := range sh.slots {
			if x.block && x.name != "dynamic" && x.name != "lifecycle" {
				c.add(Item{Label: x.name, Sort: SortBlock, Topic: x.topic, Insert: quote + x.name + quote})
			}
		}
	}
}

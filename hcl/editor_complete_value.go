package hcl

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// direct reports whether a string is the attribute's value itself, or an element of its list.
func (c *completion) direct(before *outline) bool {
	for _, o := range before.open[:len(before.open)-1] {
		if o.kind != '{' && o.kind != '=' && o.kind != '[' {
			return false
		}
	}
	return true
}

// wanted is the slot of the attribute whose value is open.
func (c *completion) wanted(before *outline) *slot {
	for i := len(before.open) - 1; i > 0; i-- {
		if o := before.open[i]; o.kind == '=' {
			return c.shape(c.counterpart(o.section)).slot(o.entry.text)
		}
	}
	return nil
}

// text completes within quotes: the words that the manual names, and a module's directories.
func (c *completion) text(before *outline) {
	x := c.wanted(before)
	if x == nil {
		return
	}
	if x.topic == "module.source" {
		seen := map[string]bool{}
		for _, f := range c.files {
			if d := f.dir; d != c.dir && !seen[d] {
				seen[d] = true
				rel, err := filepath.Rel(c.dir, d)
				if err != nil {
					continue
				}
				if rel != ".." && !strings.HasPrefix(rel, "../") {
					rel = "./" + rel
				}
				c.add(Item{Label: rel, Sort: SortModule})
			}
		}
		return
	}
	if x.quoted {
		c.add(Item{Label: x.name, Sort: SortWord, Topic: x.topic, Words: true})
	}
}

// inValue completes an expression.
func (c *completion) inValue(before *outline) {
	x := c.wanted(before)
	var steps []word
	if n := len(before.mentions); n > 0 {
		m := before.mentions[n-1]
		end := m.at().end
		if m.dot {
			end++
		}
		if end == c.at {
			steps = m.steps
			if !m.dot {
				c.start = steps[len(steps)-1].at.start
				steps = steps[:len(steps)-1]
			}
		}
	}
	// A name of a for expression, or a number with its point, is no mention.
	if len(steps) == 0 && c.start == c.at && c.at > 0 && (c.file.text[c.at-1] == '.' || identStart(c.file.text[c.at-1])) {
		word := c.wordBefore()
		if word == "" || c.file.text[c.at-1] == '.' {
			return
		}
		c.start = c.at - len(word)
	}
	if len(steps) > 0 {
		c.parts(before, steps, x)
		return
	}
	c.roots(before, x)
}

// wordBefore is the name that ends at the cursor.
func (c *completion) wordBefore() string {
	at := c.at
	for at > 0 && (identStart(c.file.text[at-1]) || c.file.text[at-1] >= '0' && c.file.text[at-1] <= '9' || c.file.text[at-1] == '-') {
		at--
	}
	if word := string(c.file.text[at:c.at]); hclsyntax.ValidIdentifier(word) {
		return word
	}
	return ""
}

// roots offers where a name begins.
func (c *completion) roots(before *outline, x *slot) {
	listed := slices.ContainsFunc(before.open, func(o opened) bool { return o.kind == '[' })
	if x != nil {
		for _, w := range x.words {
			c.add(Item{Label: w, Sort: SortWord, Topic: x.topic, First: true})
		}
		c.references(x, listed)
		if x.topic == "lifecycle.ignore_changes" {
			c.paths(before)
			return
		}
		if x.quoted && !listed && c.direct(before) {
			c.add(Item{Label: x.name, Sort: SortWord, Topic: x.topic, Insert: `"`, Words: true})
		}
		if x.typ == "type" || x.ref == "*" {
			return
		}
	}
	for _, o := range c.names(c.dir, "var") {
		c.add(c.variable(o, "var."))
	}
	for _, o := range c.names(c.dir, "local") {
		c.add(c.local(o, "local."))
	}
	for _, o := range c.names(c.dir, "module") {
		c.add(Item{Label: "module." + o.key.name, Sort: SortModule})
	}
	for _, repeat := range []struct{ attr, root, part string }{{"for_each", "each", "key"}, {"for_each", "each", "value"}, {"count", "count", "index"}} {
		if c.around(before, repeat.attr) {
			c.add(Item{Label: repeat.root + "." + repeat.part, Sort: SortWord})
		}
	}
	for _, name := range c.iterators(before) {
		c.add(Item{Label: name + ".value", Sort: SortWord})
		c.add(Item{Label: name + ".key", Sort: SortWord})
	}
	for _, k := range c.kinds {
		if len(c.names(c.dir, k.Name)) > 0 && (x == nil || x.ref != k.Name) {
			c.add(Item{Label: k.Name, Sort: SortResource, Topic: k.Name, Insert: k.Name + "."})
		}
	}
	for _, f := range functions {
		c.add(Item{Label: f.Name, Sort: SortFunction, Detail: f.Signature, Topic: f.Name, Insert: f.Name, Snippet: f.Name + "($0)"})
	}
}

// references offers the resources that an attribute can refer to.
func (c *completion) references(x *slot, listed bool) {
	kinds := []string{x.ref}
	if x.ref == "*" {
		kinds = append(c.kindNames(), "module")
	}
	for _, kind := range kinds {
		if kind == "" {
			continue
		}
		for _, o := range c.names(c.dir, kind) {
			ref := kind + "." + o.key.name
			i := Item{Label: ref, Sort: SortResource, Topic: kind, Detail: c.detailOf(o), First: true, Insert: ref}
			if x.list && !listed {
				i.Insert = "[" + ref + "]"
			}
			c.add(i)
		}
	}
}

// kindNames are the names of the kinds.
func (w *world) kindNames() []string { return w.kinds.Names() }

func (w *world) detailOf(o *occurrence) string {
	switch {
	case o.in.attr("for_each") != nil:
		return "one for each key of its for_each"
	case o.in.attr("count") != nil:
		return "as many as its count"
	}
	return ""
}

func (c *completion) variable(o *occurrence, prefix string) Item {
	i := Item{Label: prefix + o.key.name, Sort: SortVariable, Detail: "any"}
	if t := o.in.attr("type"); t != nil {
		i.Detail = c.short(o.file, t.expr)
	}
	if d := o.in.attr("description"); d != nil {
		i.Doc = c.literal(o.file, d)
	}
	return i
}

func (c *completion) local(o *occurrence, prefix string) Item {
	return Item{Label: prefix + o.key.name, Sort: SortLocal, Detail: c.short(o.file, o.of.expr)}
}

// parts offers what may stand behind a dot.
func (c *completion) parts(before *outline, steps []word, x *slot) {
	dir := c.dir
	// An address, or an output, of a module.
	for len(steps) > 1 && steps[0].text == "module" {
		def := c.definition(key{dir, "module", steps[1].text})
		if def == nil {
			return
		}
		inner, ok := c.moduleDir(def.in)
		if !ok {
			return
		}
		if steps = steps[2:]; len(steps) > 0 && steps[0].key {
			steps = steps[1:]
		}
		dir = inner
		if len(steps) == 0 {
			for _, o := range c.names(dir, "output") {
				i := Item{Label: o.key.name, Sort: SortOutput}
				if d := o.in.attr("description"); d != nil {
					i.Doc = c.literal(o.file, d)
				}
				c.add(i)
			}
			return
		}
	}
	if len(steps) != 1 {
		return
	}
	switch root := steps[0].text; {
	case root == "var":
		for _, o := range c.names(dir, "var") {
			c.add(c.variable(o, ""))
		}
	case root == "local":
		for _, o := range c.names(dir, "local") {
			c.add(c.local(o, ""))
		}
	case root == "module":
		for _, o := range c.names(dir, "module") {
			c.add(Item{Label: o.key.name, Sort: SortModule, Detail: c.detailOf(o)})
		}
	case root == "each":
		c.add(Item{Label: "key", Sort: SortWord})
		c.add(Item{Label: "value", Sort: SortWord})
	case root == "count":
		c.add(Item{Label: "index", Sort: SortWord})
	case c.isKind(root):
		for _, o := range c.names(dir, root) {
			c.add(Item{Label: o.key.name, Sort: SortResource, Topic: root, Detail: c.detailOf(o), First: x != nil && x.ref == root})
		}
	case slices.Contains(c.iterators(before), root):
		c.add(Item{Label: "key", Sort: SortWord})
		c.add(Item{Label: "value", Sort: SortWord})
	}
}

// around reports whether a block around the cursor has an attribute of a name.
func (c *completion) around(before *outline, name string) bool {
	return slices.ContainsFunc(before.open, func(o opened) bool {
		return o.kind == '{' && o.section.parent != nil && o.section.text != "dynamic" && c.counterpart(o.section).attr(name) != nil
	})
}

// iterators are the names of the dynamic blocks around the cursor.
func (c *completion) iterators(before *outline) (names []string) {
	for _, o := range before.open {
		if o.kind != '{' || o.section.text != "dynamic" || len(o.section.labels) != 1 {
			continue
		}
		name := o.section.labels[0].text
		if e := c.counterpart(o.section).attr("iterator"); e != nil {
			name = strings.TrimSpace(c.source(c.file, e.expr))
		}
		names = append(names, name)
	}
	return names
}

// paths offers the attributes of the resource around, for ignore_changes.
func (c *completion) paths(before *outline) {
	for _, o := range before.open {
		if o.kind == '{' && o.section.parent != nil && c.isKind(o.section.text) {
			for _, x := range c.shape(c.counterpart(o.section)).slots {
				if fieldOf(x.topic) == nil {
					c.add(Item{Label: x.name, Sort: SortAttribute, Detail: x.detail(), Topic: x.topic})
				}
			}
			c.add(Item{Label: "all", Sort: SortWord})
		}
	}
}

// short is the text of an expression in one line, cut.
func (w *world) short(f *outline, at span) string {
	text := strings.Join(strings.Fields(w.source(f, at)), " ")
	if r := []rune(text); len(r) > 60 {
		text = string(r[:57]) + "..."
	}
	return text
}

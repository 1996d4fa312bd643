package lsp

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"hostctl/hcl"
	"hostctl/resource"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// shownDiagnostic is a diagnostic as the protocol has it.
func shownDiagnostic(m marked) any {
	severity := 1
	if m.Severity == hcl.Warning {
		severity = 2
	}
	message := m.Summary
	if m.Detail != "" {
		message += "\n" + m.Detail
	}
	return map[string]any{"range": m.span, "severity": severity, "source": "hostctl", "message": message}
}

// The protocol's numbers for what completion offers and for symbols.
var (
	itemKinds = map[hcl.Sort]int{
		hcl.SortBlock: 7, hcl.SortAttribute: 10, hcl.SortVariable: 6, hcl.SortLocal: 21, hcl.SortOutput: 5,
		hcl.SortModule: 9, hcl.SortResource: 18, hcl.SortFunction: 3, hcl.SortWord: 12,
	}
	symbolKinds = map[hcl.Sort]int{
		hcl.SortBlock: 3, hcl.SortVariable: 13, hcl.SortLocal: 14, hcl.SortOutput: 7, hcl.SortModule: 2, hcl.SortResource: 19,
	}
)

// item is one thing that completion offers. What is wanted comes first, the rest in the order of the manual.
func (q *question) item(n int, i hcl.Item) any {
	group := 1
	switch {
	case i.First:
		group = 0
	case i.Sort == hcl.SortFunction:
		group = 2
	}
	out := map[string]any{
		"label": i.Label, "kind": itemKinds[i.Sort], "sortText": fmt.Sprintf("%d%04d", group, n),
		"textEdit": edit{q.doc.text.span(i.Start, q.at(), q.encoding), i.Insert},
	}
	if i.Snippet != "" && q.client.snippets {
		out["textEdit"] = edit{q.doc.text.span(i.Start, q.at(), q.encoding), i.Snippet}
		out["insertTextFormat"] = 2
	}
	if i.Detail != "" {
		out["detail"] = i.Detail
	}
	if doc := q.prose("", q.manual(i.Sort, i.Topic), i.Doc); doc != "" {
		out["documentation"] = q.content(doc)
	}
	return out
}

// word is one value that the manual names of an attribute.
func (q *question) word(i hcl.Item, word string) any {
	insert := word
	if i.Insert == `"` {
		insert = `"` + word + `"`
	}
	return map[string]any{
		"label": insert, "kind": itemKinds[hcl.SortWord], "sortText": "0" + word,
		"textEdit": edit{q.doc.text.span(i.Start, q.at(), q.encoding), insert},
	}
}

func (q *question) at() int { return q.doc.text.offset(q.params.Position, q.encoding) }

// manual is what the manual says of a topic.
func (q *question) manual(sort hcl.Sort, topic string) string {
	if topic == "" {
		return ""
	}
	if sort == hcl.SortFunction {
		for _, f := range hcl.Functions() {
			if f.Name == topic {
				return f.Doc + "\n\n" + f.Example + " is " + f.Result
			}
		}
		return ""
	}
	if text := q.options.Text(topic); text != "" {
		return text
	}
	return hcl.LanguageText(topic)
}

// content is text as the client wants it.
func (q *question) content(s string) any {
	kind := "plaintext"
	if q.client.markdown {
		kind = "markdown"
	}
	return map[string]any{"kind": kind, "value": s}
}

// prose is what there is to say, in paragraphs: facts, the manual's words, and
// what the configuration says of itself. None of it is markup but the manual's
// code: a configuration is not to show images or links in an editor.
func (q *question) prose(facts, manual, own string) string {
	if q.client.markdown {
		facts, own = plain(facts), plain(own)
		parts := strings.Split(manual, "`")
		for i := 0; i < len(parts); i += 2 {
			parts[i] = plain(parts[i])
		}
		manual = strings.Join(parts, "`")
	}
	out := slices.DeleteFunc([]string{facts, manual, own}, func(p string) bool { return p == "" })
	return strings.Join(out, "\n\n")
}

// plain is text that Markdown shows as it is: what can begin emphasis, code, a
// link, an image, an entity or a tag is escaped, and a sign that makes a line
// something else at its start. No more: some editors show the backslashes.
func plain(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		if rest := strings.TrimLeft(line, " \t"); rest != "" && strings.ContainsRune("#>-+=~|", rune(rest[0])) {
			b.WriteByte('\\')
			b.WriteByte(rest[0])
			line = rest[1:]
		}
		b.WriteString(markup.Replace(line))
	}
	return b.String()
}

var markup = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "[", `\[`, "]", `\]`, "<", `\<`, "&", `\&`, " _", ` \_`)

// fenced is text as a block of code, which no line within ends.
func (q *question) fenced(s string) string {
	if !q.client.markdown {
		return s
	}
	fence := "```"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	return fence + "hcl\n" + s + "\n" + fence
}

func (q *question) hoverText(h *hcl.Hover) any {
	title := h.Title
	if h.Value != "" {
		title += " = " + h.Value
	}
	parts := []string{q.fenced(title)}
	if text := q.prose(h.Facts, q.manual(h.Sort, h.Topic), h.Doc); text != "" {
		parts = append(parts, text)
	}
	return q.content(strings.Join(parts, "\n\n"))
}

// symbols are what a file declares, in each other or, for a client that wants it so, one after the other.
func (q *question) symbols(list []hcl.Symbol) []any {
	out := []any{}
	for _, s := range list {
		kind := symbolKinds[s.Sort]
		whole := q.doc.text.span(s.Start, s.End, q.encoding)
		if !q.client.hierarchy {
			out = append(out, map[string]any{"name": s.Name, "kind": kind, "location": location{q.doc.uri, whole}})
			out = append(out, q.symbols(s.Within)...)
			continue
		}
		x := map[string]any{"name": s.Name, "kind": kind, "range": whole, "selectionRange": q.doc.text.span(s.Name0, s.Name1, q.encoding)}
		if len(s.Within) > 0 {
			x["children"] = q.symbols(s.Within)
		}
		out = append(out, x)
	}
	return out
}

var quotedWord = regexp.MustCompile(`"([a-z][a-z0-9-]*)"`)

// words are the values of an attribute that takes one of a list: those that its
// text in the manual quotes and its kind finds nothing wrong with. There are
// none where the kind takes any text.
func words(options Options, path string) (list []string) {
	kindName, rest, _ := strings.Cut(path, ".")
	kind, ok := options.Kinds.Lookup(kindName)
	if !ok || rest == "" {
		return nil
	}
	if takes(kind, rest, "no-such-word-at-all") {
		return nil
	}
	for _, m := range quotedWord.FindAllStringSubmatch(options.Text(path), -1) {
		if !slices.Contains(list, m[1]) && takes(kind, rest, m[1]) {
			list = append(list, m[1])
		}
	}
	return list
}

// takes reports whether a kind finds nothing wrong with a word at an attribute
// that is a string or a list of them.
func takes(kind resource.Kind, path, word string) bool {
	spec := kind.New()
	at := reflect.ValueOf(spec).Elem()
	schema := resource.SchemaOf(spec)
	var store []func() // puts labelled blocks, which are copies, where they belong
	where := ""
	for {
		name, rest, more := strings.Cut(path, ".")
		a := schema.Attr(name)
		if a == nil {
			return false
		}
		field := a.Value(at)
		where += name
		if !more {
			value, err := json.Marshal(word)
			if a.Form == resource.List {
				value, err = json.Marshal([]string{word})
			}
			if err != nil || a.Ref != "" || a.Type.Kind() != reflect.String || json.Unmarshal(value, field.Addr().Interface()) != nil {
				return false
			}
			break
		}
		switch a.Form {
		case resource.Block:
			at = field
		case resource.Labelled:
			block := reflect.New(a.Nested.Type).Elem()
			block.Set(resource.NewBlock(a.Nested))
			store = append(store, func() {
				m := reflect.MakeMap(field.Type())
				m.SetMapIndex(reflect.ValueOf("label").Convert(field.Type().Key()), block)
				field.Set(m)
			})
			where += `["label"]`
			at = block
		default:
			return false
		}
		where += "."
		schema, path = a.Nested, rest
	}
	for _, put := range slices.Backward(store) {
		put()
	}
	return !slices.ContainsFunc(spec.Validate(resource.Addr{Kind: kind.Name, Name: "x"}), func(p resource.Problem) bool {
		return strings.HasPrefix(p.Path, where)
	})
}

package importer

import (
	"regexp"
	"slices"
	"strings"

	"hostctl/hcl"
)

// A variable of the source stands in text between two private-use characters
// on its way through compose-go. Here it becomes a variable of the language,
// where it is one of the project's; the same characters in hostile text are text.

const markOpen, markClose = "\uE0F0", "\uE0F1"

var marked = regexp.MustCompile(markOpen + `([A-Za-z_][A-Za-z0-9_]*)` + markClose)

// shown is text for people: a mark is what it was in the source.
func shown(s string) string { return marked.ReplaceAllString(s, "$${$1}") }

// fill makes references to variables of the marks in every value. The kinds
// are asked about the text with the variables' default, which is empty.
func (w *writer) fill() {
	if len(w.project.Variables) == 0 {
		return
	}
	used := map[string]bool{}
	var walk func(k *block)
	value := func(it *item) {
		switch data := it.value.data.(type) {
		case string:
			if marked.MatchString(data) {
				it.value.text, it.value.data = w.template(data, used)
			}
		case []string:
			if !slices.ContainsFunc(data, marked.MatchString) {
				return
			}
			v := slices.Clone(data)
			for i := range v {
				it.value.list[i], v[i] = w.template(v[i], used)
			}
			it.value.text, it.value.data = "["+strings.Join(it.value.list, ", ")+"]", v
		}
	}
	walk = func(k *block) {
		k.label = marked.ReplaceAllString(k.label, "")
		for _, it := range k.items {
			value(it)
			for _, e := range it.entries {
				e.name = marked.ReplaceAllString(e.name, "")
				value(e)
			}
			if it.block != nil {
				walk(it.block)
			}
		}
	}
	for _, k := range w.blocks {
		walk(k)
	}
	for _, name := range w.project.Variables {
		if used[name] {
			w.variables = append(w.variables, variable(variableName(name), "", name+" of the source, where nobody set it."))
		}
	}
}

// variableName is what a variable of the source is called here; the writer's own have other names.
func variableName(name string) string {
	if name == "data" || strings.HasPrefix(name, "rootfs_") {
		return name + "_"
	}
	return name
}

// template is the quoted text of s with references in it, and what it comes to with their defaults.
func (w *writer) template(s string, used map[string]bool) (text, data string) {
	var b, plain strings.Builder
	b.WriteByte('"')
	literal := func(part string, before bool) {
		plain.WriteString(part)
		q := hcl.Quote(part)
		q = q[1 : len(q)-1]
		// A sign in front of ${ would make text of it.
		if n := len(q); before && n > 0 && (q[n-1] == '$' || q[n-1] == '%') {
			q = q[:n-1] + map[byte]string{'$': `\u0024`, '%': `\u0025`}[q[n-1]]
		}
		b.WriteString(q)
	}
	rest := s
	for {
		m := marked.FindStringSubmatchIndex(rest)
		if m == nil {
			break
		}
		name := rest[m[2]:m[3]]
		if !slices.Contains(w.project.Variables, name) {
			literal(rest[:m[1]], false)
			rest = rest[m[1]:]
			continue
		}
		used[name] = true
		literal(rest[:m[0]], true)
		b.WriteString("${var." + variableName(name) + "}")
		rest = rest[m[1]:]
	}
	literal(rest, false)
	b.WriteByte('"')
	text = b.String()
	if inner, ok := strings.CutPrefix(text, `"${`); ok && strings.Count(text, "{") == 1 && strings.HasSuffix(inner, `}"`) {
		text = strings.TrimSuffix(inner, `}"`) // "${var.x}" alone is var.x
	}
	return text, plain.String()
}

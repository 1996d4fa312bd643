package hcl

import (
	"fmt"
	"reflect"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// string makes the expression of a string.
func (t *jsonTranslation) string(i int, mode jsonMode) hclsyntax.Expression {
	n, at := t.nodes[i], t.at(i)
	raw := t.src[n.start+1 : n.end-1]
	text, shifts := string(raw), []jsonShift(nil)
	if n.escaped {
		text, shifts = unescapeJSON(raw)
	}
	template := isTemplate(text)
	switch {
	case mode == jsonLiteral, !template && mode == jsonTemplate:
		return plainTextExpr(text, at)
	case !template:
		return t.plain(text, shifts, at, mode)
	}
	s := &scanner{src: []byte(text), line: 1, stack: make([]frame, 0, maxDepth+1)}
	s.bottom.kind = '{'
	s.push('<', 0)
	s.top().marker = []byte("\n") // which no line is
	s.run()
	if s.problem != nil {
		p := jsonPlaces{t: t, at: at, shifts: shifts}
		t.fail(t.between(p.place(s.problem.Start.Byte), p.place(s.problem.End.Byte)), s.problem.Summary, s.problem.Detail)
		return plainTextExpr("", at)
	}
	x, diags := hclsyntax.ParseTemplate([]byte(text), t.name, hcl.Pos{Line: 1, Column: 1})
	(&jsonPlaces{t: t, at: at, shifts: shifts}).set(x, diags)
	t.diags = append(t.diags, diags...)
	switch x := x.(type) {
	case nil:
		return plainTextExpr("", at)
	case *hclsyntax.TemplateWrapExpr:
		return x.Wrapped // as if it stood without quotes
	case *hclsyntax.TemplateExpr:
		x.SrcRange = at
	}
	if diags.HasErrors() {
		return plainTextExpr("", at)
	}
	return x
}

// plain makes the expression of a string that stands for one by itself: an address or a type.
func (t *jsonTranslation) plain(text string, shifts []jsonShift, at hcl.Range, mode jsonMode) hclsyntax.Expression {
	if _, problem := scan(File{Name: t.name, Text: []byte(text)}); problem == nil && !strings.ContainsAny(text, "\n#") && !strings.Contains(text, "//") && !strings.Contains(text, "/*") {
		x, diags := hclsyntax.ParseExpression([]byte(text), t.name, hcl.Pos{Line: 1, Column: 1})
		word, isName := x.(*hclsyntax.ScopeTraversalExpr)
		if !diags.HasErrors() && !(mode == jsonAddress && isName && len(word.Traversal) == 1) {
			(&jsonPlaces{t: t, at: at, shifts: shifts}).set(x, nil)
			return x
		}
	}
	switch mode {
	case jsonAddress:
		t.fail(at, "Invalid reference", fmt.Sprintf("%s names nothing: write an address such as \"user.shop\", or an expression in \"${...}\".", quoted(text)))
	case jsonExpression:
		t.fail(at, "Invalid expression", fmt.Sprintf("%s cannot be understood here; write it as it stands in the native syntax, such as \"list(string)\".", quoted(text)))
	}
	return plainTextExpr(text, at)
}

// quoted is a text in quotes, cut where nobody reads on.
func quoted(text string) string {
	if r := []rune(text); len(r) > 60 {
		text = string(r[:57]) + "..."
	}
	return fmt.Sprintf("%q", text)
}

// jsonPlaces gives the parts of an expression that was read from a decoded
// string their places in the file.
type jsonPlaces struct {
	t      *jsonTranslation
	at     hcl.Range // the string with its quotes
	shifts []jsonShift
	seen   map[any]bool
}

// place is where a byte of the decoded text stands in the file.
func (p *jsonPlaces) place(offset int) int {
	i := sort.Search(len(p.shifts), func(i int) bool { return p.shifts[i].from > offset })
	if i > 0 {
		offset += p.shifts[i-1].by
	}
	return max(p.at.Start.Byte, min(p.at.Start.Byte+1+offset, p.at.End.Byte))
}

func (p *jsonPlaces) move(r *hcl.Range) {
	if r.Filename != p.t.name {
		return
	}
	start, end := p.place(r.Start.Byte), p.place(r.End.Byte)
	*r = p.t.between(start, max(start, end))
}

// set moves every range of an expression, and those of the diagnostics about it.
func (p *jsonPlaces) set(x hclsyntax.Expression, diags hcl.Diagnostics) {
	for _, d := range diags {
		for _, r := range []**hcl.Range{&d.Subject, &d.Context} {
			if *r != nil {
				moved := **r
				p.move(&moved)
				*r = &moved
			}
		}
	}
	p.seen = map[any]bool{}
	p.walk(reflect.ValueOf(&x).Elem())
}

// walk looks for ranges in all that an expression is made of: they stand in
// many fields of many types, and none may be forgotten.
func (p *jsonPlaces) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || p.seen[v.Interface()] {
			return
		}
		p.seen[v.Interface()] = true
		p.walk(v.Elem())
	case reflect.Interface:
		if v.IsNil() {
			return
		}
		if e := v.Elem(); e.Kind() == reflect.Pointer {
			p.walk(e)
		} else {
			c := reflect.New(e.Type()).Elem()
			c.Set(e)
			p.walk(c)
			v.Set(c)
		}
	case reflect.Slice:
		for i := range v.Len() {
			p.walk(v.Index(i))
		}
	case reflect.Struct:
		if r, ok := v.Addr().Interface().(*hcl.Range); ok {
			p.move(r)
			return
		}
		if pkg := v.Type().PkgPath(); !strings.HasPrefix(pkg, "github.com/hashicorp/hcl/") {
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				p.walk(v.Field(i))
			}
		}
	}
}

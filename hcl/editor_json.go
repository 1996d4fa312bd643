package hcl

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"hostctl/resource"
)

// outlineOfJSON is the outline of a file in the JSON form: that of its tree. A
// name that is written with escapes stands at no place and is left out.
func outlineOfJSON(f File, kinds resource.Kinds) *outline {
	o := &outline{file: f.Name, text: f.Text, body: &section{inside: span{0, len(f.Text)}}, balanced: true}
	if scanJSON(f) == nil {
		o.fromBody(o.body, pieceFromJSON(f, kinds).body)
	}
	return o
}

func (o *outline) fromBody(s *section, body *hclsyntax.Body) {
	for _, a := range attributes(body) {
		name, ok := o.named(a.Name, a.NameRange)
		if !ok {
			continue
		}
		e := &entry{word: name, in: s, expr: o.clip(a.Expr.Range())}
		s.attrs = append(s.attrs, e)
		w := &walker{budget: &budget{}}
		hclsyntax.Walk(a.Expr, w)
		for _, t := range w.found {
			o.fromTraversal(s, e, t)
		}
	}
	for _, b := range body.Blocks {
		// The type of many blocks is written once, above their labels.
		inner := &section{word: word{text: b.Type, at: o.clip(b.TypeRange)}, parent: s, inside: o.clip(b.Body.SrcRange)}
		for i, label := range b.Labels {
			if l, ok := o.named(label, b.LabelRanges[i]); ok {
				inner.labels = append(inner.labels, l)
			}
		}
		s.blocks = append(s.blocks, inner)
		o.fromBody(inner, b.Body)
	}
}

func (o *outline) fromTraversal(s *section, e *entry, t hcl.Traversal) {
	m := &mention{in: s, of: e}
	for _, step := range t {
		var text string
		at := step.(interface{ SourceRange() hcl.Range }).SourceRange()
		switch step := step.(type) {
		case hcl.TraverseRoot:
			text = step.Name
		case hcl.TraverseAttr:
			text = step.Name
			at.Start.Byte = at.End.Byte - len(text) // without the dot
		default:
			m.steps = append(m.steps, word{at: o.clip(at), key: true})
			continue
		}
		w, ok := o.named(text, at)
		if !ok {
			return
		}
		m.steps = append(m.steps, w)
	}
	o.mentions = append(o.mentions, m)
}

// named is a name at its place, without the quotes around it.
func (o *outline) named(text string, at hcl.Range) (word, bool) {
	c := o.clip(at)
	raw := string(o.text[c.start:c.end])
	if inner := strings.TrimPrefix(raw, `"`); len(inner) < len(raw) {
		c.start++
		raw = strings.TrimSuffix(inner, `"`)
		c.end = c.start + len(raw)
	}
	return word{text: text, at: c}, raw == text
}

// clip is a range within the text.
func (o *outline) clip(r hcl.Range) span {
	start := max(0, min(r.Start.Byte, len(o.text)))
	return span{start, max(start, min(r.End.Byte, len(o.text)))}
}

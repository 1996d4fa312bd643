package hcl

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// hover says what stands at an offset; nil where there is nothing to say.
func (w *world) hover(f *outline, at int) *Hover {
	for _, m := range f.mentions {
		if m.call && m.steps[0].at.holds(at) {
			return w.hoverFunction(m)
		}
	}
	if o := w.occurrence(f, at); o != nil {
		if h := w.hoverName(f, o); h != nil {
			return h
		}
	}
	s := f.section(at)
	around := w.shape(s)
	for _, e := range s.attrs {
		if e.at.holds(at) {
			return w.hoverSlot(around.slot(e.text), e.at, e.text)
		}
	}
	for _, b := range s.blocks {
		if !b.at.holds(at) && !slices.ContainsFunc(b.labels, func(l word) bool { return l.at.holds(at) }) {
			continue
		}
		x := around.slot(b.text)
		if x == nil && b.text == "dynamic" && s.parent != nil {
			x = w.dynamic()
		}
		return w.hoverSlot(x, b.at, b.title())
	}
	for _, m := range f.mentions {
		if root := m.steps[0]; root.at.holds(at) && w.isKind(root.text) && len(m.steps) > 1 {
			return w.hoverSlot(w.root.slot(root.text), root.at, root.text)
		}
	}
	return nil
}

func (w *world) hoverFunction(m *mention) *Hover {
	for _, fn := range functions {
		if fn.Name == m.steps[0].text {
			return &Hover{Title: fn.Signature, Sort: SortFunction, Topic: fn.Name, Start: m.at().start, End: m.steps[0].at.end}
		}
	}
	return nil
}

func (w *world) hoverSlot(x *slot, at span, title string) *Hover {
	if x == nil {
		return nil
	}
	h := &Hover{Title: title, Sort: SortAttribute, Topic: x.topic, Start: at.start, End: at.end}
	if x.block {
		h.Sort = SortBlock
		return h
	}
	facts := []string{x.detail()}
	if x.class != "" {
		facts = append(facts, "a change is "+map[string]string{"live": "made live", "reload": "made by a reload", "restart": "a restart", "replace": "a replacement"}[x.class])
	}
	h.Facts = strings.Join(facts, "; ")
	return h
}

// hoverName says what a declared name is, wherever it stands.
func (w *world) hoverName(f *outline, o *occurrence) *Hover {
	def := w.definition(o.key)
	if def == nil {
		return nil
	}
	h := &Hover{Start: o.at.start, End: o.at.end}
	if d := def.in.attr("description"); d != nil && def.of == nil {
		h.Doc = w.literal(def.file, d)
	}
	switch o.key.kind {
	case "local":
		h.Sort, h.Title = SortLocal, "local."+o.key.name
		h.Value = w.value(o.key)
		if h.Value == "" {
			h.Facts = w.short(def.file, def.of.expr)
		}
	case "var":
		h.Sort, h.Title = SortVariable, "var."+o.key.name
		facts := []string{"any"}
		if t := def.in.attr("type"); t != nil {
			facts[0] = w.short(def.file, t.expr)
		}
		if d := def.in.attr("default"); d != nil && !w.isTrue(def.in, "sensitive", def.file) {
			facts = append(facts, "default "+w.short(def.file, d.expr))
		} else if d == nil {
			facts = append(facts, "required")
		}
		if w.isTrue(def.in, "sensitive", def.file) {
			facts = append(facts, "sensitive")
		}
		h.Facts = strings.Join(facts, ", ")
	case "output":
		h.Sort, h.Title = SortOutput, "output "+o.key.name
		if v := def.in.attr("value"); v != nil && !w.isTrue(def.in, "sensitive", def.file) {
			h.Facts = w.short(def.file, v.expr)
		}
	case "module":
		h.Sort, h.Title, h.Topic = SortModule, "module."+o.key.name, "module"
		if v := def.in.attr("source"); v != nil {
			h.Facts = w.short(def.file, v.expr)
		}
	default:
		h.Sort, h.Title, h.Topic = SortResource, o.key.kind+"."+o.key.name, o.key.kind
		h.Facts = w.detailOf(def)
	}
	return h
}

func (w *world) isTrue(s *section, attr string, f *outline) bool {
	e := s.attr(attr)
	return e != nil && strings.TrimSpace(w.source(f, e.expr)) == "true"
}

// literal is the text of an attribute that is a constant string.
func (w *world) literal(f *outline, e *entry) string {
	expr, diags := hclsyntax.ParseExpression([]byte(w.source(f, e.expr)), f.file, hcl.InitialPos)
	if diags.HasErrors() {
		return ""
	}
	if v, ok := literal(expr); ok && v.Type() == cty.String && !v.IsNull() {
		return v.AsString()
	}
	return ""
}

const maxShown = 2000 // bytes of a value that is shown

// value is the text of a local's value where it is made of constants and other
// locals alone. What takes too long ends the process by its own limits.
func (w *world) value(k key) string {
	v, ok := w.constant(k, 0, map[key]value{})
	if !ok || !v.IsWhollyKnown() || measure(v) != nil {
		return ""
	}
	if v.ContainsMarked() { // a sensitive value, which hclwrite does not take either
		return hiddenValue
	}
	text := strings.TrimSpace(string(hclwrite.Format(hclwrite.TokensForValue(v).Bytes())))
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + " ..."
	}
	return text
}

func (w *world) constant(k key, depth int, known map[key]value) (value, bool) {
	if v, ok := known[k]; ok {
		return v, v != none
	}
	known[k] = none
	def := w.definition(k)
	if def == nil || depth > 20 {
		return none, false
	}
	expr, diags := hclsyntax.ParseExpression([]byte(w.source(def.file, def.of.expr)), def.file.file, hcl.InitialPos)
	if diags.HasErrors() {
		return none, false
	}
	locals := map[string]value{}
	for _, t := range expr.Variables() {
		step, ok := hcl.TraverseAttr{}, false
		if len(t) > 1 {
			step, ok = t[1].(hcl.TraverseAttr)
		}
		if !ok || t.RootName() != "local" {
			return none, false
		}
		if _, done := locals[step.Name]; done {
			continue
		}
		v, ok := w.constant(key{k.dir, "local", step.Name}, depth+1, known)
		if !ok {
			return none, false
		}
		locals[step.Name] = v
	}
	v, diags := expr.Value(&hcl.EvalContext{Variables: map[string]value{"local": cty.ObjectVal(locals)}, Functions: functionTable})
	if !diags.HasErrors() {
		known[k] = v
	}
	return v, !diags.HasErrors()
}

package hcl

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"hostctl/resource"
)

// hasTemplate reports whether a block of the schema may be made from a template.
func hasTemplate(s *resource.Schema) bool {
	return slices.ContainsFunc(s.Attrs, func(a resource.Attr) bool { return a.Template })
}

// files fills in what a block with the attributes content, source and template
// holds: exactly one of them is written.
func (d *decoder) files(s *resource.Schema, v reflect.Value, body *hclsyntax.Body, prefix string) {
	var choices []string
	var written []*hclsyntax.Attribute
	for i := range s.Attrs {
		a := &s.Attrs[i]
		if !a.Source && !a.Template && (a.Name != "content" && a.Name != "content_base64" || a.Internal) {
			continue
		}
		choices = append(choices, a.Name)
		if w := body.Attributes[a.Name]; w != nil {
			written = append(written, w)
		}
	}
	slices.SortFunc(written, func(a, b *hclsyntax.Attribute) int { return a.NameRange.Start.Byte - b.NameRange.Start.Byte })
	if len(written) == 0 {
		d.fail(d.header(prefix, body), "Missing content", fmt.Sprintf("Exactly one of the attributes %s is wanted.", quoteList(choices)))
		return
	}
	if len(written) > 1 {
		d.fail(written[1].NameRange, fmt.Sprintf("%q and %q exclude each other", written[0].Name, written[1].Name), fmt.Sprintf("Exactly one of the attributes %s is wanted.", quoteList(choices)))
		return
	}
	w := written[0]
	a := s.Attr(w.Name)
	vars := body.Attributes["vars"]
	if vars != nil && hasTemplate(s) && !a.Template {
		d.fail(vars.NameRange, "vars without a template", "They are the values that a template is filled in with; write template = \"FILE\", or take vars out.")
	}
	if !a.Source && !a.Template {
		return
	}
	f, ok := d.sourceFile(w)
	if a.Template {
		d.template(s, v, w, vars, f, prefix)
	} else if ok && f != nil {
		d.content(s, v, w, f.Text, prefix)
	}
}

// sourceFile is the file that a source or template attribute names; nil where
// there is none yet, or none.
func (d *decoder) sourceFile(w *hclsyntax.Attribute) (*File, bool) {
	val, ok := d.value(w.Expr)
	if !ok || val == none {
		d.ok = d.ok && ok
		return nil, ok
	}
	wrong := func(detail string) (*File, bool) {
		d.fail(w.Expr.Range(), fmt.Sprintf("Invalid value for %q", w.Name), detail)
		return nil, false
	}
	switch {
	case d.marked:
		return wrong("It is sensitive, and everybody sees the name of a file.")
	case val.IsNull() || val.Type() != cty.String:
		return wrong(fmt.Sprintf("The name of a file is wanted, not %s.", article(val)))
	}
	name, why := d.below(val.AsString())
	switch {
	case why != "":
		return wrong(why)
	case strings.HasSuffix(val.AsString(), "/") || name == "./":
		return wrong("It is a directory, and a file is wanted.")
	case d.unread[name] != "":
		d.fail(w.Expr.Range(), "File cannot be read", fmt.Sprintf("%s: %s", name, d.unread[name]))
		return nil, false
	}
	f := d.tree[name]
	if f == nil {
		d.need(w.Expr.Range(), name)
		d.ok = false
		return nil, false
	}
	return f, true
}

// need asks for a file or directory of the repository. The diagnostic is for
// those who do not answer.
func (e *evaluation) need(at hcl.Range, name string) {
	e.config.Needs = append(e.config.Needs, name)
	e.fail(at, "File is not read", fmt.Sprintf("%s has not been read.", name))
}

// below is the name, relative to the repository's root, of a path that is
// relative to the scope's directory; why says that it leads nowhere.
func (e *evaluation) below(text string) (name, why string) {
	if why, bad := badText(text, false); bad {
		return "", why
	}
	switch {
	case text == "":
		return "", "It is empty."
	case path.IsAbs(text):
		return "", "It is absolute, and a path within the repository is wanted, relative to the directory of this file."
	}
	clean := path.Join(e.dir, text)
	if clean == ".." || strings.HasPrefix(clean, "../") {
		return "", "It leads out of the repository. The repository's root is the directory of the configuration, or what -root names."
	}
	return e.treeName(clean), ""
}

// treeName is a clean path as Sources.Tree has it: a file at the root of a
// repository whose configuration is elsewhere is not to be taken for one of the configuration's.
func (r *run) treeName(clean string) string {
	if r.home != "." && !strings.Contains(clean, "/") {
		return "./" + clean
	}
	return clean
}

// content gives a block the bytes of its file.
func (d *decoder) content(s *resource.Schema, v reflect.Value, w *hclsyntax.Attribute, text []byte, prefix string) {
	into, s64 := s.Attr("content"), string(text)
	if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		into, s64 = s.Attr("content_base64"), base64.StdEncoding.EncodeToString(text)
	}
	if into == nil {
		d.fail(w.Expr.Range(), fmt.Sprintf("Invalid value for %q", w.Name), "The file is no text.")
		return
	}
	d.places.note(prefix+into.Name, w.Expr.Range())
	if why, bad := badText(s64, into.Text); bad {
		d.fail(w.Expr.Range(), fmt.Sprintf("Invalid value for %q", w.Name), "In the file: "+why)
		return
	}
	into.Value(v).SetString(s64)
}

// template is a parsed template file.
type template struct {
	expr  hclsyntax.Expression // nil where it has errors, which were reported
	found []hcl.Traversal
}

// parseTemplate scans and parses a template file.
func (d *decoder) parseTemplate(f *File) *template {
	if t := d.templates[f.Name]; t != nil {
		return t
	}
	t := &template{}
	d.templates[f.Name] = t
	if problem := scanTemplate(*f); problem != nil {
		d.config.Diagnostics = append(d.config.Diagnostics, *problem)
		return t
	}
	expr, diags := hclsyntax.ParseTemplate(f.Text, f.Name, hcl.InitialPos)
	if diags.HasErrors() {
		p := piece{diags: diags}
		d.fromHCL(p.errors())
		return t
	}
	w := &walker{budget: &d.evaluation.budget}
	hclsyntax.Walk(expr, w)
	t.expr, t.found = expr, w.found
	return t
}

// template gives a block what its template makes of vars.
func (d *decoder) template(s *resource.Schema, v reflect.Value, w, written *hclsyntax.Attribute, f *File, prefix string) {
	vars, ok := d.templateVars(written)
	if f == nil {
		return
	}
	t := d.parseTemplate(f)
	if t.expr == nil || !ok {
		d.ok = false
		return
	}
	if d.ctx == nil {
		return
	}
	names := slices.Sorted(maps.Keys(vars))
	good := true
	for _, ref := range t.found {
		if _, has := vars[ref.RootName()]; !has {
			hint := "The template's vars are empty; give it values with vars = { NAME = ... }."
			if len(names) > 0 {
				hint = fmt.Sprintf("A template knows its vars alone: %s.%s", quoteAll(names), sentence(ref.RootName(), names))
			}
			d.fail(ref[0].SourceRange(), fmt.Sprintf("Unknown name %q", ref.RootName()), hint)
			good = false
		}
	}
	if !good {
		return
	}
	made, ok := d.eval(t.expr, &hcl.EvalContext{Variables: vars, Functions: functionTable})
	if !ok || !d.measured(made, t.expr.Range()) {
		d.ok = false
		return
	}
	if d.marked {
		made = plain(made)
		d.sensitive = append(d.sensitive, prefix+"content", prefix+"content_base64")
		d.secret = true
		defer func() { d.secret = false }()
	}
	text, err := convert.Convert(made, cty.String)
	if err != nil || text.IsNull() {
		d.fail(t.expr.Range(), "Template makes no text", "It comes to "+article(made)+", and text is wanted.")
		return
	}
	d.content(s, v, w, []byte(text.AsString()), prefix)
}

// templateVars evaluates vars: an object whose keys are the names in the template.
func (d *decoder) templateVars(w *hclsyntax.Attribute) (map[string]value, bool) {
	vars := map[string]value{}
	if w == nil {
		return vars, true
	}
	v, ok := d.value(w.Expr)
	if !ok || v == none {
		d.ok = d.ok && ok
		return vars, ok
	}
	v, marks := v.Unmark()
	if v.IsNull() || !v.Type().IsObjectType() && !v.Type().IsMapType() {
		d.fail(w.Expr.Range(), "Invalid value for \"vars\"", fmt.Sprintf("A map is wanted, not %s; write vars = { NAME = ... }.", article(v)))
		return vars, false
	}
	for it := v.ElementIterator(); it.Next(); {
		k, element := it.Element()
		name := k.AsString()
		if !hclsyntax.ValidIdentifier(name) {
			if len(marks) > 0 {
				name = hiddenValue
			}
			d.fail(w.Expr.Range(), "Invalid value for \"vars\"", fmt.Sprintf("%q is no name that a template could use: a name begins with a letter or an underscore and holds letters, digits, underscores and hyphens.", name))
			ok = false
			continue
		}
		vars[name] = element.WithMarks(marks)
	}
	return vars, ok
}

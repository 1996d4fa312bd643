package hcl

import (
	"cmp"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostctl/resource"
)

// decoder fills specs from the body of one block.
type decoder struct {
	*evaluation
	ctx       *hcl.EvalContext // nil: nothing that refers to a name is evaluated
	here      within
	places    *places
	cache     map[hclsyntax.Expression]uses // for the next instance, and the next block of a dynamic one
	templates map[string]*template          // by the file's name
	ok        bool
	secret    bool // the value at hand is sensitive: no detail is said of it
	made      int  // blocks of dynamic ones
	document  bool // the body is a whole file's, see ReadDocument

	sensitive      []string // paths
	lifecycle      resource.Lifecycle
	postconditions []*hclsyntax.Block
}

func (d *decoder) fail(at hcl.Range, summary, detail string) {
	d.ok = false
	if d.secret {
		detail = hidden
	}
	d.evaluation.fail(at, summary, detail)
}

// body decodes a block's body into v, a struct of the schema's type. prefix
// leads to it; "" is the resource's block itself.
func (d *decoder) body(s *resource.Schema, v reflect.Value, body *hclsyntax.Body, prefix string) {
	for _, a := range body.Attributes {
		if d.top(prefix) && (a.Name == "for_each" || a.Name == "count") {
			continue
		}
		d.attribute(s, v, a, prefix)
	}
	singles := map[string]*hclsyntax.Block{}
	for _, b := range body.Blocks {
		switch {
		case b.Type == "dynamic" && !d.document:
			d.dynamic(s, v, b, prefix, singles)
		case d.top(prefix) && b.Type == "lifecycle":
			d.readLifecycle(s, b, singles)
		default:
			d.block(s, v, b, prefix, singles)
		}
	}
	files := false
	for i := range s.Attrs {
		a := &s.Attrs[i]
		files = files || a.Source || a.Template
		if !a.Required || body.Attributes[a.Name] != nil {
			continue
		}
		written := false
		for _, b := range body.Blocks {
			written = written || b.Type == a.Name || b.Type == "dynamic" && len(b.Labels) == 1 && b.Labels[0] == a.Name
		}
		if !written {
			d.fail(d.header(prefix, body), fmt.Sprintf("Missing attribute %q", a.Name), "It is required; write "+example(a)+".")
		}
	}
	if files {
		d.files(s, v, body, prefix)
	}
}

// top reports whether a prefix leads to a resource's block itself, where words of the language may stand.
func (d *decoder) top(prefix string) bool { return prefix == "" && !d.document }

// header is the place of the block that a body belongs to.
func (d *decoder) header(prefix string, body *hclsyntax.Body) hcl.Range {
	path := ""
	if prefix != "" {
		path = prefix[:len(prefix)-1]
	}
	at := d.places.at[path]
	r := body.MissingItemRange()
	r.Start.Byte, r.End.Byte = at.start, at.end
	return r
}

// example is how an attribute or block is written.
func example(a *resource.Attr) string {
	switch a.Form {
	case resource.Reference:
		return fmt.Sprintf("%s = %s.NAME", a.Name, a.Ref)
	case resource.List:
		if a.Ref != "" {
			return fmt.Sprintf("%s = [%s.NAME]", a.Name, a.Ref)
		}
		return a.Name + " = [...]"
	case resource.Map:
		return a.Name + " = { KEY = \"VALUE\" }"
	case resource.Block:
		return a.Name + " { ... }"
	case resource.Labelled:
		return a.Name + " \"LABEL\" { ... }"
	}
	return a.Name + " = VALUE"
}

// names are what may stand in a block.
func names(s *resource.Schema, top bool) []string {
	var out []string
	for _, a := range s.Attrs {
		if !a.Internal {
			out = append(out, a.Name)
		}
	}
	if top {
		out = append(out, "for_each", "count", "lifecycle")
	}
	return out
}

// known returns the attribute of a name that may be written; it reports one that may not.
func (d *decoder) known(s *resource.Schema, name, what string, at hcl.Range, prefix string) *resource.Attr {
	a := s.Attr(name)
	if a != nil && !a.Internal {
		return a
	}
	list := names(s, d.top(prefix))
	d.fail(at, fmt.Sprintf("Unknown %s %q", what, name), fmt.Sprintf("Here stand %s.%s", quoteAll(list), cmp.Or(sentence(name, list), inner(s, name))))
	return nil
}

// inner says that the name stands in a block within.
func inner(s *resource.Schema, name string) string {
	for i := range s.Attrs {
		a := &s.Attrs[i]
		if a.Nested == nil {
			continue
		}
		if in := a.Nested.Attr(name); in != nil && !in.Internal {
			return fmt.Sprintf(" It stands in the block %s: write %s.", a.Name, strings.Replace(example(a), "...", example(in), 1))
		}
	}
	return ""
}

func (d *decoder) attribute(s *resource.Schema, v reflect.Value, written *hclsyntax.Attribute, prefix string) {
	a := d.known(s, written.Name, "attribute", written.NameRange, prefix)
	if a == nil {
		return
	}
	if a.Source || a.Template || a.Name == "vars" && hasTemplate(s) {
		return // with the content that they make
	}
	path := prefix + a.Name
	if a.Form == resource.Block || a.Form == resource.Labelled {
		d.fail(written.NameRange, fmt.Sprintf("%q is a block", a.Name), fmt.Sprintf("Write %s without the equals sign.", example(a)))
		return
	}
	d.places.note(path, written.Expr.Range())
	val, ok := d.value(written.Expr)
	if !ok {
		d.ok = false
		return
	}
	if val == none {
		return
	}
	if d.marked {
		var marks []cty.PathValueMarks
		val, marks = val.UnmarkDeepWithPaths()
		d.sensitive = append(d.sensitive, sensitivePaths(a, path, marks)...)
		d.secret = true
		defer func() { d.secret = false }()
	}
	if val.IsNull() {
		if a.Required {
			d.fail(written.Expr.Range(), fmt.Sprintf("Invalid value for %q", a.Name), "It is required, and cannot be null.")
		}
		return
	}
	d.set(a, a.Value(v), val, written.Expr, path)
}

// value evaluates an expression of the body; none where it cannot be
// evaluated for a reason that was given before.
func (d *decoder) value(expr hclsyntax.Expression) (value, bool) {
	d.marked = false
	if v, ok := literal(expr); ok {
		return v, true
	}
	if d.document {
		return d.written(expr)
	}
	u, seen := d.cache[expr]
	if !seen {
		u = d.analyse(expr, d.here)
		if d.here.each || d.here.count || len(d.here.iterators) > 0 {
			d.cache[expr] = u
		}
	}
	if !u.ok || !d.usable(u) || !d.checkKeys(u) {
		return none, false
	}
	if d.ctx == nil {
		return none, true
	}
	v, ok := d.eval(expr, d.ctx)
	if !ok {
		return none, false
	}
	return v, d.measured(v, expr.Range())
}

// literal returns the value of an expression that is written out: the most
// common kind, which needs neither names nor functions.
func literal(expr hclsyntax.Expression) (value, bool) {
	switch x := expr.(type) {
	case *hclsyntax.LiteralValueExpr:
		return x.Val, true
	case *hclsyntax.TemplateExpr:
		if len(x.Parts) == 1 {
			if part, ok := x.Parts[0].(*hclsyntax.LiteralValueExpr); ok && part.Val.Type() == cty.String {
				return part.Val, true
			}
		}
		if len(x.Parts) == 0 {
			return cty.StringVal(""), true
		}
	case *hclsyntax.TupleConsExpr:
		values := make([]value, len(x.Exprs))
		for i, item := range x.Exprs {
			v, ok := literal(item)
			if !ok {
				return none, false
			}
			values[i] = v
		}
		return cty.TupleVal(values), true
	}
	return none, false
}

func (d *decoder) block(s *resource.Schema, v reflect.Value, b *hclsyntax.Block, prefix string, singles map[string]*hclsyntax.Block) {
	a := d.known(s, b.Type, "block", b.TypeRange, prefix)
	if a == nil {
		return
	}
	switch a.Form {
	case resource.Block:
		if len(b.Labels) > 0 {
			d.fail(b.LabelRanges[0], fmt.Sprintf("A %s block has no label", a.Name), fmt.Sprintf("Write %s.", example(a)))
			return
		}
		d.insert(a, v, b, "", b.DefRange(), b.Body, prefix, singles)
	case resource.Labelled:
		if len(b.Labels) != 1 {
			d.fail(b.DefRange(), fmt.Sprintf("A %s block has one label", a.Name), fmt.Sprintf("Write %s.", example(a)))
			return
		}
		d.insert(a, v, b, b.Labels[0], b.LabelRanges[0], b.Body, prefix, singles)
	default:
		d.fail(b.TypeRange, fmt.Sprintf("%q is an attribute", a.Name), fmt.Sprintf("Write %s.", example(a)))
	}
}

// insert decodes one block, written out or made by a dynamic one, into v. at is
// the place of its label.
func (d *decoder) insert(a *resource.Attr, v reflect.Value, b *hclsyntax.Block, label string, at hcl.Range, body *hclsyntax.Body, prefix string, singles map[string]*hclsyntax.Block) {
	switch a.Form {
	case resource.Block:
		if before := singles[a.Name]; before != nil {
			d.fail(b.DefRange(), fmt.Sprintf("Duplicate %s", a.Name), "It was written before at "+where(before.DefRange())+".")
			return
		}
		singles[a.Name] = b
		d.places.note(prefix+a.Name, b.DefRange())
		d.body(a.Nested, a.Value(v), body, prefix+a.Name+".")
	case resource.Labelled:
		if why, bad := badText(label, false); bad {
			d.fail(at, "Invalid label", why)
			return
		}
		key := a.Name + "[" + strconv.Quote(label) + "]"
		if before := singles[key]; before != nil {
			d.fail(b.DefRange(), fmt.Sprintf("Duplicate %s %q", a.Name, label), "It was written before at "+where(before.DefRange())+".")
			return
		}
		singles[key] = b
		path := prefix + key
		d.places.note(path, b.DefRange())
		item := resource.NewBlock(a.Nested)
		d.body(a.Nested, item, body, path+".")
		field := a.Value(v)
		if field.IsNil() {
			field.Set(reflect.MakeMap(field.Type()))
		}
		field.SetMapIndex(reflect.ValueOf(label), item)
	}
}

// quoteAll is quoteList of everything that may stand in a block.
func quoteAll(names []string) string {
	s := ""
	for i, n := range names {
		switch {
		case i > 0 && i == len(names)-1:
			s += " and "
		case i > 0:
			s += ", "
		}
		s += n
	}
	return s
}

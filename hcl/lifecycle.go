package hcl

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"hostctl/resource"
)

// readLifecycle reads the lifecycle block of a resource.
func (d *decoder) readLifecycle(s *resource.Schema, b *hclsyntax.Block, singles map[string]*hclsyntax.Block) {
	if len(b.Labels) > 0 {
		d.fail(b.LabelRanges[0], "A lifecycle block has no label", "Write lifecycle { ... }.")
		return
	}
	if before := singles["lifecycle"]; before != nil {
		d.fail(b.DefRange(), "Duplicate lifecycle", "It was written before at "+where(before.DefRange())+".")
		return
	}
	singles["lifecycle"] = b
	if !d.shape(b, []string{"prevent_destroy", "ignore_changes"}, []string{"precondition", "postcondition"}, nil) {
		d.ok = false
		return
	}
	if a := b.Body.Attributes["prevent_destroy"]; a != nil {
		d.lifecycle.PreventDestroy = d.truth(a)
	}
	if a := b.Body.Attributes["ignore_changes"]; a != nil {
		d.lifecycle.IgnoreChanges = d.ignored(s, a.Expr)
	}
	for _, c := range b.Body.Blocks {
		if c.Type == "postcondition" {
			d.postconditions = append(d.postconditions, c)
			continue
		}
		if v, message := d.test(c, d.here, d.ctx); v == fails {
			d.fail(c.Body.Attributes["condition"].Expr.Range(), "Precondition failed", message)
		} else if v == unclear && d.ctx != nil {
			d.ok = false
		}
	}
}

// truth is the value of an attribute that is true or false.
func (d *decoder) truth(a *hclsyntax.Attribute) bool {
	v, ok := d.value(a.Expr)
	if !ok || v == none {
		d.ok = d.ok && ok
		return false
	}
	v = plain(v)
	b, err := convert.Convert(v, cty.Bool)
	if err != nil || b.IsNull() {
		d.fail(a.Expr.Range(), fmt.Sprintf("Invalid value for %q", a.Name), "True or false is wanted, not "+article(v)+".")
		return false
	}
	return b.True()
}

// ignored reads ignore_changes: paths of attributes, or all.
func (d *decoder) ignored(s *resource.Schema, expr hclsyntax.Expression) []string {
	if keyword(expr) == "all" {
		return []string{"*"}
	}
	list, ok := expr.(*hclsyntax.TupleConsExpr)
	if !ok {
		d.fail(expr.Range(), "Invalid value for \"ignore_changes\"", "A list of attributes is wanted, such as [limits.memory, mount[\"/data\"]], or all without quotes.")
		return nil
	}
	var paths []string
	for _, item := range list.Exprs {
		t, ok := traversalOf(item)
		if !ok {
			d.fail(item.Range(), "Invalid value for \"ignore_changes\"", "The name of an attribute is wanted, such as limits.memory or mount[\"/data\"].")
			continue
		}
		path, at, why := pathOf(s, t)
		if why != "" {
			if at == (hcl.Range{}) {
				at = item.Range()
			}
			d.fail(at, "Invalid value for \"ignore_changes\"", why)
			continue
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// traversalOf is the chain of names that an expression is, in quotes or without.
func traversalOf(expr hclsyntax.Expression) (hcl.Traversal, bool) {
	if t, diags := hcl.AbsTraversalForExpr(expr); !diags.HasErrors() {
		return t, true
	}
	v, ok := literal(expr)
	if !ok || v.IsNull() || v.Type() != cty.String {
		return nil, false
	}
	if _, problem := scan(File{Text: []byte(v.AsString())}); problem != nil {
		return nil, false
	}
	t, diags := hclsyntax.ParseTraversalAbs([]byte(v.AsString()), expr.Range().Filename, expr.Range().Start)
	for i := range t {
		// Every step lies where the text is.
		switch step := t[i].(type) {
		case hcl.TraverseRoot:
			step.SrcRange = expr.Range()
			t[i] = step
		case hcl.TraverseAttr:
			step.SrcRange = expr.Range()
			t[i] = step
		case hcl.TraverseIndex:
			step.SrcRange = expr.Range()
			t[i] = step
		}
	}
	return t, !diags.HasErrors()
}

// pathOf makes the path of an attribute, as resource.Leaf spells it, of a chain
// of names; why says at which place there is none.
func pathOf(s *resource.Schema, t hcl.Traversal) (path string, at hcl.Range, why string) {
	for i := 0; i < len(t); {
		name := ""
		switch step := t[i].(type) {
		case hcl.TraverseRoot:
			name = step.Name
		case hcl.TraverseAttr:
			name = step.Name
		}
		at = t[i].SourceRange()
		if s == nil || name == "" {
			return "", at, fmt.Sprintf("%s has no parts.", path)
		}
		a := s.Attr(name)
		if a == nil || a.Internal {
			list := names(s, false)
			return "", at, fmt.Sprintf("There is no attribute %q. Here stand %s.%s", name, quoteAll(list), sentence(name, list))
		}
		if path != "" {
			path += "."
		}
		path += a.Name
		i++
		s = a.Nested
		if i == len(t) || a.Form != resource.Labelled && a.Form != resource.Map {
			continue
		}
		index, ok := t[i].(hcl.TraverseIndex)
		if !ok || index.Key.Type() != cty.String {
			return "", t[i].SourceRange(), fmt.Sprintf("The parts of %s have names; write %s[\"NAME\"].", path, path)
		}
		path += "[" + strconv.Quote(index.Key.AsString()) + "]"
		i++
	}
	return path, hcl.Range{}, ""
}

// testPostconditions tests what must hold of a spec that is complete: self are
// its attributes.
func (d *decoder) testPostconditions(s *resource.Schema, spec reflect.Value) {
	if len(d.postconditions) == 0 {
		return
	}
	ctx := d.ctx
	if ctx != nil {
		self := plainObject(s, spec)
		if len(d.sensitive) > 0 {
			self = self.Mark(sensitiveMark)
		}
		ctx = ctx.NewChild()
		ctx.Variables = map[string]value{"self": self}
	}
	here := d.here
	here.self = true
	for _, c := range d.postconditions {
		if v, message := d.test(c, here, ctx); v == fails {
			d.fail(c.Body.Attributes["condition"].Expr.Range(), "Postcondition failed", message)
		} else if v == unclear && ctx != nil {
			d.ok = false
		}
	}
}

// plainObject is a block's struct as a value: what is not set is null, a block
// is an object, blocks with labels are an object by label.
func plainObject(s *resource.Schema, v reflect.Value) value {
	out := map[string]value{}
	for i := range s.Attrs {
		a := &s.Attrs[i]
		if !a.Internal && !a.Source && !a.Template {
			out[a.Name] = plainValue(a, a.Value(v))
		}
	}
	return cty.ObjectVal(out)
}

func plainValue(a *resource.Attr, f reflect.Value) value {
	switch a.Form {
	case resource.Block:
		return plainObject(a.Nested, f)
	case resource.Labelled:
		blocks := map[string]value{}
		for it := f.MapRange(); it.Next(); {
			blocks[it.Key().String()] = plainObject(a.Nested, it.Value())
		}
		return cty.ObjectVal(blocks)
	case resource.Map:
		texts := map[string]value{}
		for it := f.MapRange(); it.Next(); {
			texts[it.Key().String()] = cty.StringVal(it.Value().String())
		}
		if len(texts) == 0 {
			return cty.MapValEmpty(cty.String)
		}
		return cty.MapVal(texts)
	case resource.List:
		items := make([]value, f.Len())
		for i := range items {
			items[i] = plainScalar(f.Index(i))
		}
		return cty.TupleVal(items)
	default:
		if !a.HasDef && f.IsZero() {
			return cty.NullVal(cty.DynamicPseudoType)
		}
		return plainScalar(f)
	}
}

// plainScalar is a field as its attribute is written.
func plainScalar(f reflect.Value) value {
	if addr, ok := f.Interface().(resource.Addr); ok {
		return cty.CapsuleVal(reference, &addr)
	}
	if d, ok := f.Interface().(resource.Dependency); ok {
		if d.When == resource.Started {
			return cty.CapsuleVal(reference, &d.To)
		}
		return cty.CapsuleVal(dependency, &d)
	}
	if m, ok := f.Interface().(interface{ MarshalText() ([]byte, error) }); ok {
		text, err := m.MarshalText()
		if err != nil {
			return cty.NullVal(cty.String)
		}
		return cty.StringVal(string(text))
	}
	switch f.Kind() {
	case reflect.Bool:
		return cty.BoolVal(f.Bool())
	case reflect.Int, reflect.Int64:
		return cty.NumberIntVal(f.Int())
	case reflect.Uint32, reflect.Uint64:
		return cty.NumberUIntVal(f.Uint())
	case reflect.Float64:
		return cty.NumberFloatVal(f.Float())
	}
	return cty.StringVal(f.String())
}

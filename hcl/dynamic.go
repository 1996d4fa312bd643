package hcl

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostctl/resource"
)

// maxBlocks is how many blocks the dynamic blocks of one resource may make.
const maxBlocks = 10_000

// dynamic makes blocks of one type, one for each element of its for_each:
//
//	dynamic "mount" {
//	  for_each = var.volumes
//	  iterator = v             # else the type's name: mount.key, mount.value
//	  labels   = [v.key]       # where the type has a label
//	  content { ... }
//	}
func (d *decoder) dynamic(s *resource.Schema, v reflect.Value, b *hclsyntax.Block, prefix string, singles map[string]*hclsyntax.Block) {
	if len(b.Labels) != 1 {
		d.fail(b.DefRange(), "A dynamic block has one label", "It is the type of the blocks to make: write dynamic \"TYPE\" { ... }.")
		return
	}
	a := d.known(s, b.Labels[0], "block", b.LabelRanges[0], prefix)
	if a == nil {
		return
	}
	if a.Nested == nil {
		d.fail(b.LabelRanges[0], fmt.Sprintf("%q is an attribute", a.Name), fmt.Sprintf("Write %s; a for expression makes its value.", example(a)))
		return
	}
	attrs := []string{"for_each", "iterator", "labels"}
	if !d.shape(b, attrs, []string{"content"}, []string{"for_each"}) {
		d.ok = false
		return
	}
	labels, ok := d.dynamicLabels(a, b)
	iterator, iteratorOK := d.iterator(a, b)
	if len(b.Body.Blocks) != 1 {
		d.fail(b.DefRange(), "A dynamic block has one content block", "content { ... } holds what each of the blocks holds.")
		return
	}
	if !ok || !iteratorOK {
		return
	}
	content := b.Body.Blocks[0]
	keys, values, ok := d.elements(b.Body.Attributes["for_each"].Expr)
	outside, ctx := d.here, d.ctx
	defer func() { d.here, d.ctx = outside, ctx }()
	d.here.iterators = append(slices.Clone(outside.iterators), iterator)
	if !ok || ctx == nil || len(keys) == 0 {
		// There are no elements, but what needs none can be looked at.
		d.ctx = nil
		path := prefix + a.Name
		d.places.note(path, b.DefRange())
		if labels != nil {
			d.value(labels)
		}
		d.body(a.Nested, resource.NewBlock(a.Nested), content.Body, path+".")
		return
	}
	for i, key := range keys {
		if d.made++; d.made > maxBlocks {
			d.fail(b.DefRange(), "Too many blocks", fmt.Sprintf("The dynamic blocks of one resource make at most %d blocks.", maxBlocks))
			return
		}
		d.ctx = ctx.NewChild()
		d.ctx.Variables = map[string]value{iterator: cty.ObjectVal(map[string]value{"key": key, "value": values[i]})}
		label := ""
		if labels != nil {
			if label, ok = d.oneLabel(labels); !ok {
				return
			}
		}
		before := len(d.config.Diagnostics)
		d.insert(a, v, b, label, b.DefRange(), content.Body, prefix, singles)
		if len(d.config.Diagnostics) > before {
			return // the next element would have the same said of it
		}
	}
}

// elements are the keys and values of a dynamic block's for_each.
func (d *decoder) elements(expr hclsyntax.Expression) (keys, values []value, ok bool) {
	v, ok := d.value(expr)
	if !ok {
		d.ok = false
		return nil, nil, false
	}
	if v == none {
		return nil, nil, true
	}
	wrong := func(detail string) ([]value, []value, bool) {
		d.fail(expr.Range(), "Invalid value for for_each", detail)
		return nil, nil, false
	}
	switch ty := v.Type(); {
	case v.IsMarked():
		return wrong("It is sensitive, and everybody sees which blocks there are. Go over a value that is not.")
	case v.IsNull():
		return wrong("It is null; write [] for no block.")
	case !v.CanIterateElements():
		return wrong(fmt.Sprintf("A list, a set or a map is wanted, not %s.", article(v)))
	case v.LengthInt() > maxBlocks:
		return wrong(fmt.Sprintf("It has %d elements. The dynamic blocks of one resource make at most %d blocks.", v.LengthInt(), maxBlocks))
	default:
		for it := v.ElementIterator(); it.Next(); {
			k, element := it.Element()
			if ty.IsSetType() {
				k = element
			}
			keys, values = append(keys, k), append(values, element)
		}
	}
	return keys, values, true
}

// iterator is the name that an element has in the content.
func (d *decoder) iterator(a *resource.Attr, b *hclsyntax.Block) (string, bool) {
	written := b.Body.Attributes["iterator"]
	if written == nil {
		return a.Name, true
	}
	if name := keyword(written.Expr); hclsyntax.ValidIdentifier(name) {
		return name, true
	}
	d.fail(written.Expr.Range(), "Invalid iterator", "It is the name that an element has in content, without quotes: iterator = item makes item.key and item.value.")
	return "", false
}

// dynamicLabels is the expression of the one label; nil for a type without.
func (d *decoder) dynamicLabels(a *resource.Attr, b *hclsyntax.Block) (hclsyntax.Expression, bool) {
	written := b.Body.Attributes["labels"]
	switch {
	case a.Form == resource.Block && written != nil:
		d.fail(written.NameRange, fmt.Sprintf("A %s block has no label", a.Name), "Take labels out.")
		return nil, false
	case a.Form == resource.Block:
		return nil, true
	case written == nil:
		d.fail(b.DefRange(), "Missing attribute \"labels\"", fmt.Sprintf("A %s block has a label; write labels = [%s.key].", a.Name, a.Name))
		return nil, false
	}
	list, ok := written.Expr.(*hclsyntax.TupleConsExpr)
	if !ok || len(list.Exprs) != 1 {
		d.fail(written.Expr.Range(), "Invalid labels", fmt.Sprintf("A list of one label is wanted; write labels = [%s.key].", a.Name))
		return nil, false
	}
	return list.Exprs[0], true
}

// oneLabel evaluates the label of one block.
func (d *decoder) oneLabel(expr hclsyntax.Expression) (string, bool) {
	v, ok := d.value(expr)
	if !ok || v == none {
		d.ok = d.ok && ok
		return "", false
	}
	wrong := func(detail string) (string, bool) {
		d.fail(expr.Range(), "Invalid label", detail)
		return "", false
	}
	switch {
	case d.marked:
		return wrong("It is sensitive, and everybody sees a label. Take a value that is not.")
	case v.IsNull():
		return wrong("It is null, and text is wanted.")
	case v.Type() != cty.String && v.Type() != cty.Number:
		return wrong(fmt.Sprintf("Text is wanted, not %s.", article(v)))
	}
	text, why := plainText(v)
	if why != "" {
		return wrong(why)
	}
	return text, true
}

// keyword is the single word that an expression is, in quotes or without; "" where it is none.
func keyword(expr hclsyntax.Expression) string {
	if word := hcl.ExprAsKeyword(expr); word != "" {
		return word
	}
	if v, ok := literal(expr); ok && !v.IsNull() && v.Type() == cty.String {
		return v.AsString()
	}
	return ""
}

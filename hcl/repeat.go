package hcl

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"hostctl/resource"
)

// repeated is what for_each or count make of a block: one instance for each key.
type repeated struct {
	forEach *hclsyntax.Attribute // nil without
	count   *hclsyntax.Attribute // nil without
	keys    []string             // in order; of a count the indexes in decimal
	values  map[string]value     // each.value by key
}

// repeat reads for_each and count of a block; a block with both is wrong.
func (e *evaluation) repeat(body *hclsyntax.Body, intact bool) (repeated, bool) {
	r := repeated{forEach: body.Attributes["for_each"], count: body.Attributes["count"]}
	if r.forEach != nil && r.count != nil {
		if intact {
			e.fail(r.count.NameRange, "for_each and count exclude each other", "count makes instances that are alike, for_each one for each key; take one of them out.")
		}
		return r, false
	}
	return r, true
}

// many reports whether the block stands for several instances, or none.
func (r *repeated) many() bool { return r.forEach != nil || r.count != nil }

// attr is the for_each or the count; nil without.
func (r *repeated) attr() *hclsyntax.Attribute {
	if r.forEach != nil {
		return r.forEach
	}
	return r.count
}

// within is what the names each and count mean in the block.
func (r *repeated) within() within { return within{each: r.forEach != nil, count: r.count != nil} }

// instances are the keys, one that is "" without for_each and count.
func (r *repeated) instances() []string {
	if !r.many() {
		return []string{""}
	}
	return r.keys
}

// context is the context of one instance: with each or count.
func (r *repeated) context(shared *hcl.EvalContext, key string) *hcl.EvalContext {
	if !r.many() {
		return shared
	}
	ctx := shared.NewChild()
	if r.count != nil {
		ctx.Variables = map[string]value{"count": cty.ObjectVal(map[string]value{"index": cty.MustParseNumberVal(key)})}
	} else {
		ctx.Variables = map[string]value{"each": cty.ObjectVal(map[string]value{"key": cty.StringVal(key), "value": r.values[key]})}
	}
	return ctx
}

// listKeys says which instances there are of what is called name.
func (r *repeated) listKeys(name string) string {
	switch {
	case r.forEach != nil && len(r.keys) == 0:
		return fmt.Sprintf("The for_each of %s is empty: it makes nothing.", name)
	case r.forEach != nil:
		return fmt.Sprintf("The keys of %s are %s.", name, quoteList(r.keys))
	case len(r.keys) == 0:
		return fmt.Sprintf("The count of %s is 0: it makes nothing.", name)
	case len(r.keys) == 1:
		return fmt.Sprintf("%s has the index 0 alone.", name)
	}
	return fmt.Sprintf("The indexes of %s are 0 to %d.", name, len(r.keys)-1)
}

// spread takes the value of the for_each or the count.
func (e *evaluation) spread(r *repeated, v value) bool {
	if r.count != nil {
		return e.spreadCount(r, v)
	}
	at := r.forEach.Expr.Range()
	wrong := func(detail string) bool {
		e.fail(at, "Invalid value for for_each", detail)
		return false
	}
	ty := v.Type()
	switch {
	case v.IsMarked():
		return wrong("It is sensitive, and its keys would be names that everybody sees. Go over a value that is not.")
	case v.IsNull():
		return wrong("It is null; write {} or toset([]) for no instance.")
	case ty.IsTupleType() || ty.IsListType():
		return wrong("It is a list. Write toset([...]) where each element is a key, or a map { key = value, ... }.")
	case !ty.IsMapType() && !ty.IsObjectType() && !ty.IsSetType():
		return wrong(fmt.Sprintf("A map or a set of strings is wanted, not %s.", article(v)))
	case ty.IsSetType() && v.LengthInt() > 0 && ty.ElementType() != cty.String:
		return wrong("A set of strings is wanted; its elements are the keys.")
	case v.LengthInt() > maxResources:
		return wrong(fmt.Sprintf("It has %d elements. A configuration has at most %d resources.", v.LengthInt(), maxResources))
	}
	r.values = make(map[string]value, v.LengthInt())
	ok := true
	for it := v.ElementIterator(); it.Next(); {
		k, element := it.Element()
		if ty.IsSetType() {
			k = element
		}
		if k.IsNull() {
			ok = wrong("A key is null.")
			continue
		}
		key := k.AsString()
		if err := resource.CheckName(key); err != nil {
			ok = wrong(fmt.Sprintf("The key %q makes no name of a resource: %v.", key, err))
			continue
		}
		r.keys = append(r.keys, key)
		r.values[key] = element
	}
	slices.Sort(r.keys)
	return ok
}

func (e *evaluation) spreadCount(r *repeated, v value) bool {
	wrong := func(detail string) bool {
		e.fail(r.count.Expr.Range(), "Invalid value for count", detail)
		return false
	}
	switch {
	case v.IsMarked():
		return wrong("It is sensitive, and everybody sees how many there are. Count by a value that is not.")
	case v.IsNull():
		return wrong("It is null; write 0 for no instance.")
	}
	number, err := convert.Convert(v, cty.Number)
	if err != nil || v.Type() == cty.Bool {
		return wrong(fmt.Sprintf("A whole number is wanted, not %s.", article(v)))
	}
	n, acc := number.AsBigFloat().Int64()
	switch {
	case acc != 0 || n < 0:
		return wrong("A whole number from 0 is wanted.")
	case n > maxResources:
		return wrong(fmt.Sprintf("A configuration has at most %d resources.", maxResources))
	}
	r.keys = make([]string, n)
	for i := range r.keys {
		r.keys[i] = strconv.Itoa(i)
	}
	return true
}

// checkKey checks the literal key of a reference to one instance; t names it
// for people.
func (e *evaluation) checkKey(r *repeated, name string, step hcl.TraverseIndex, at hcl.Range) bool {
	want := cty.String
	if r.count != nil {
		want = cty.Number
	}
	switch {
	case step.Key.Type() != want && r.count != nil:
		e.fail(step.SrcRange, "Invalid index", "An index of count is a number, without quotes. "+r.listKeys(name))
		return false
	case step.Key.Type() != want:
		e.fail(step.SrcRange, "Invalid key", "A key of for_each is text: write it in quotes. "+r.listKeys(name))
		return false
	}
	key, shown := "", ""
	if r.count != nil {
		key = numberText(step.Key.AsBigFloat())
		shown = key
	} else {
		key = step.Key.AsString()
		shown = strconv.Quote(key)
	}
	if !slices.Contains(r.keys, key) {
		near := ""
		if r.forEach != nil {
			near = sentence(key, r.keys)
		}
		e.fail(at, fmt.Sprintf("%s[%s] does not exist", name, shown), r.listKeys(name)+near)
		return false
	}
	return true
}

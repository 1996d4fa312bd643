package hcl

import (
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostctl/resource"
)

const (
	// hidden stands for a detail that could quote a sensitive value.
	hidden = "A sensitive value has a part in it, so what is wrong is not said."
	// hiddenValue stands for the value itself.
	hiddenValue = "(sensitive value)"
)

// hasSensitive reports whether a value or a part of it is sensitive.
func hasSensitive(v value) bool { return v != none && v.ContainsMarked() }

// plain is a value without its marks.
func plain(v value) value {
	if v == none {
		return v
	}
	v, _ = v.UnmarkDeep()
	return v
}

// touchesSensitive reports whether an expression refers to a sensitive value.
func touchesSensitive(expr hclsyntax.Expression, ctx *hcl.EvalContext) bool {
	if ctx == nil {
		return false
	}
	w := &walker{}
	hclsyntax.Walk(expr, w)
	for _, t := range w.found {
		for n := len(t); n > 0; n-- {
			// Where the whole leads nowhere, a part of it may.
			if v, diags := t[:n].TraverseAbs(ctx); !diags.HasErrors() {
				if hasSensitive(v) {
					return true
				}
				break
			}
		}
	}
	return false
}

// sensitivePaths are the places of an attribute's sensitive parts: the keys of
// a map, or the whole.
func sensitivePaths(a *resource.Attr, path string, marks []cty.PathValueMarks) []string {
	if a.Form != resource.Map {
		return []string{path}
	}
	var out []string
	for _, m := range marks {
		if len(m.Path) == 0 {
			return []string{path}
		}
		switch step := m.Path[0].(type) {
		case cty.GetAttrStep:
			out = append(out, path+"["+strconv.Quote(step.Name)+"]")
		case cty.IndexStep:
			if step.Key.Type() != cty.String {
				return []string{path}
			}
			out = append(out, path+"["+strconv.Quote(step.Key.AsString())+"]")
		}
	}
	return out
}

// redacted is a value with every sensitive part replaced by a text that says so.
func redacted(v value) value {
	if !hasSensitive(v) {
		return v
	}
	if v.IsMarked() {
		return cty.StringVal(hiddenValue)
	}
	ty := v.Type()
	switch {
	case ty.IsObjectType() || ty.IsMapType():
		parts := map[string]value{}
		for it := v.ElementIterator(); it.Next(); {
			k, element := it.Element()
			parts[k.AsString()] = redacted(element)
		}
		return cty.ObjectVal(parts)
	default:
		var parts []value
		for it := v.ElementIterator(); it.Next(); {
			_, element := it.Element()
			parts = append(parts, redacted(element))
		}
		return cty.TupleVal(parts)
	}
}

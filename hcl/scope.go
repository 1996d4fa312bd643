package hcl

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostctl/resource"
)

// value is the outer library's value; none is no value at all.
type value = cty.Value

var none = cty.NilVal

// reference is the type of a resource in an expression: its address, opaque.
var reference = cty.CapsuleWithOps("reference", reflect.TypeFor[resource.Addr](), &cty.CapsuleOps{
	GoString:     func(v any) string { return v.(*resource.Addr).String() },
	TypeGoString: func(reflect.Type) string { return "reference" },
	Equals:       func(a, b any) cty.Value { return cty.BoolVal(*a.(*resource.Addr) == *b.(*resource.Addr)) },
	RawEquals:    func(a, b any) bool { return *a.(*resource.Addr) == *b.(*resource.Addr) },
	HashKey:      func(v any) string { return v.(*resource.Addr).String() },
})

// value is what the block's name stands for in expressions: the reference, or
// with for_each the references by key.
func (r *declared) value() value {
	if r.forEach == nil {
		return cty.CapsuleVal(reference, &resource.Addr{Kind: r.kind.Name, Name: r.name})
	}
	if len(r.keys) == 0 {
		return cty.MapValEmpty(reference)
	}
	refs := make(map[string]value, len(r.keys))
	for _, key := range r.keys {
		refs[key] = cty.CapsuleVal(reference, &resource.Addr{Kind: r.kind.Name, Name: r.name, Key: key})
	}
	return cty.MapVal(refs)
}

// uses is what an expression refers to.
type uses struct {
	traversals []hcl.Traversal
	nodes      []string // local.NAME, KIND.NAME
	ok         bool     // every name exists
}

// analyse looks once at an expression: it checks every name in it and
// puts a counter into every for expression.
func (e *evaluation) analyse(expr hclsyntax.Expression, each bool) uses {
	w := &walker{budget: &e.budget}
	hclsyntax.Walk(expr, w)
	u := uses{traversals: w.found, ok: true}
	for _, t := range w.found {
		node, ok := e.resolve(t, each)
		u.ok = u.ok && ok
		if node != "" && !slices.Contains(u.nodes, node) {
			u.nodes = append(u.nodes, node)
		}
	}
	return u
}

// walker collects the traversals of an expression that do not begin with a name of a for expression.
type walker struct {
	scopes []map[string]struct{}
	found  []hcl.Traversal
	budget *budget
}

func (w *walker) Enter(n hclsyntax.Node) hcl.Diagnostics {
	switch n := n.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		for _, s := range w.scopes {
			if _, ok := s[n.Traversal.RootName()]; ok {
				return nil
			}
		}
		w.found = append(w.found, n.Traversal)
	case hclsyntax.ChildScope:
		w.scopes = append(w.scopes, n.LocalNames)
	}
	return nil
}

// Exit puts the counter in after the parts of the expression were walked: the
// counter hides them from the outer library's walk.
func (w *walker) Exit(n hclsyntax.Node) hcl.Diagnostics {
	switch n := n.(type) {
	case *hclsyntax.ForExpr:
		if _, done := n.ValExpr.(*counted); !done {
			n.ValExpr = &counted{n.ValExpr, w.budget}
		}
		if n.CondExpr != nil {
			if _, done := n.CondExpr.(*counted); !done {
				n.CondExpr = &counted{n.CondExpr, w.budget}
			}
		}
	case hclsyntax.ChildScope:
		w.scopes = w.scopes[:len(w.scopes)-1]
	}
	return nil
}

// lookup returns the resource that a traversal begins with, or nil.
func (e *evaluation) lookup(t hcl.Traversal) *declared {
	if len(t) < 2 {
		return nil
	}
	step, ok := t[1].(hcl.TraverseAttr)
	if !ok {
		return nil
	}
	return e.resources[t.RootName()][step.Name]
}

// resolve checks one name, and returns its node in the graph of named values,
// "" for what is known already.
func (e *evaluation) resolve(t hcl.Traversal, each bool) (node string, ok bool) {
	root := t.RootName()
	at := t.SourceRange()
	name := ""
	if len(t) > 1 {
		if step, ok := t[1].(hcl.TraverseAttr); ok {
			name = step.Name
			at = hcl.RangeBetween(t[0].SourceRange(), t[1].SourceRange())
		}
	}
	missing := func(what, declare string, names []string) (string, bool) {
		if !e.partial {
			e.fail(at, fmt.Sprintf("%s does not exist", what), declare+sentence(name, names))
		}
		return "", false
	}
	_, isKind := e.resources[root]
	switch {
	case root == "each":
		switch {
		case !each:
			e.fail(at, "each has no meaning here", "each.key and each.value stand in a block with for_each only, and not in for_each itself.")
		case name != "key" && name != "value":
			e.fail(at, "Incomplete name", "Write each.key or each.value.")
		default:
			return "", true
		}
		return "", false
	case name == "" && (root == "var" || root == "local" || isKind):
		e.fail(at, "Incomplete name", fmt.Sprintf("Write %s.NAME: %s alone is no value.", root, root))
		return "", false
	case root == "var":
		v := e.variables[name]
		if v == nil {
			return missing(fmt.Sprintf("Variable %q", name), fmt.Sprintf("Declare it with variable %q { ... }.", name), slices.Collect(maps.Keys(e.variables)))
		}
		return "", v.state == good
	case root == "local":
		l := e.locals[name]
		if l == nil {
			return missing(fmt.Sprintf("Local %q", name), fmt.Sprintf("Define it with locals { %s = ... }.", name), slices.Collect(maps.Keys(e.locals)))
		}
		return "local." + name, l.state != bad
	case isKind:
		r := e.resources[root][name]
		if r == nil {
			return missing(fmt.Sprintf("%s.%s", root, name), fmt.Sprintf("No %s block has this name.", root), slices.Collect(maps.Keys(e.resources[root])))
		}
		return r.node(), e.steps(t, r)
	case e.partial && name == "":
		return "", false
	default:
		e.unknownRoot(t, name)
		return "", false
	}
}

func (e *evaluation) unknownRoot(t hcl.Traversal, name string) {
	root := t.RootName()
	roots := append([]string{"var", "local", "each"}, e.kinds.Names()...)
	if name == "" {
		e.fail(t.SourceRange(), fmt.Sprintf("%q is no value", root), fmt.Sprintf("Text stands in quotes: write \"%s\". Values have names such as var.NAME, local.NAME or KIND.NAME.", root))
		return
	}
	e.fail(t[0].SourceRange(), fmt.Sprintf("Unknown name %q", root), fmt.Sprintf("A name begins with one of %s.%s", strings.Join(roots, ", "), sentence(root, roots)))
}

// steps checks what stands behind the name of a resource.
func (e *evaluation) steps(t hcl.Traversal, r *declared) bool {
	rest := t[2:]
	if len(rest) == 0 {
		return true
	}
	if r.forEach != nil {
		switch step := rest[0].(type) {
		case hcl.TraverseIndex:
			rest = rest[1:]
		case hcl.TraverseAttr:
			e.fail(t.SourceRange(), fmt.Sprintf("%s stands for several resources", r.node()), fmt.Sprintf("It has for_each. Name one of them by its key: write %s[%q].", r.node(), step.Name))
			return false
		}
	}
	if len(rest) == 0 {
		return true
	}
	switch step := rest[0].(type) {
	case hcl.TraverseIndex:
		e.fail(t.SourceRange(), fmt.Sprintf("%s is one resource", r.node()), fmt.Sprintf("It has no for_each and so no keys; write %s.", r.node()))
	case hcl.TraverseAttr:
		schema := resource.SchemaOf(r.kind.New())
		a := schema.Attr(step.Name)
		switch {
		case a != nil && a.Computed:
			e.fail(t.SourceRange(), fmt.Sprintf("%s is known only when the plan is made", step.Name),
				fmt.Sprintf("The host gives it, so no expression can use it. Refer to %s as a whole, or write the value into a local and use it in both blocks.", r.node()))
		case a != nil:
			e.fail(t.SourceRange(), fmt.Sprintf("Attribute %q of %s cannot be read", step.Name, r.node()), wholeOnly)
		default:
			e.fail(t.SourceRange(), fmt.Sprintf("%s has no attribute %q", r.node(), step.Name), wholeOnly)
		}
	}
	return false
}

// checkKeys checks the literal keys of references to resources with for_each,
// which must be expanded.
func (e *evaluation) checkKeys(u uses) bool {
	ok := true
	for _, t := range u.traversals {
		r := e.lookup(t)
		if r == nil || r.forEach == nil || len(t) < 3 {
			continue
		}
		index, isIndex := t[2].(hcl.TraverseIndex)
		if !isIndex {
			continue
		}
		if index.Key.Type() != cty.String {
			e.fail(index.SrcRange, "Invalid key", "A key of for_each is text: write it in quotes. "+r.listKeys())
			ok = false
		} else if key := index.Key.AsString(); !slices.Contains(r.keys, key) {
			e.fail(t.SourceRange(), fmt.Sprintf("%s[%q] does not exist", r.node(), key), r.listKeys()+sentence(key, r.keys))
			ok = false
		}
	}
	return ok
}

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

// value is what the block's name stands for in expressions: the reference; with
// for_each the references by key, with count the list of them.
func (r *declared) value() value {
	ref := func(key string) value {
		addr := r.addr(key)
		return cty.CapsuleVal(reference, &addr)
	}
	switch {
	case !r.many():
		return ref("")
	case r.forEach != nil && len(r.keys) == 0:
		return cty.MapValEmpty(reference)
	case r.forEach != nil:
		refs := make(map[string]value, len(r.keys))
		for _, key := range r.keys {
			refs[key] = ref(key)
		}
		return cty.MapVal(refs)
	case len(r.keys) == 0:
		return cty.ListValEmpty(reference)
	}
	refs := make([]value, len(r.keys))
	for i, key := range r.keys {
		refs[i] = ref(key)
	}
	return cty.ListVal(refs)
}

// within is where an expression stands: which names mean something only there.
type within struct {
	each, count, self bool
	variables         bool     // var alone has a value yet
	iterators         []string // of the dynamic blocks around
}

// uses is what expressions refer to.
type uses struct {
	traversals []hcl.Traversal
	nodes      []string // local.NAME, module.NAME, KIND.NAME
	ok         bool     // every name exists
}

func (u *uses) add(more uses) {
	u.traversals = append(u.traversals, more.traversals...)
	for _, node := range more.nodes {
		if !slices.Contains(u.nodes, node) {
			u.nodes = append(u.nodes, node)
		}
	}
	u.ok = u.ok && more.ok
}

// analyse looks at an expression before it is evaluated: it checks every name
// in it and puts a counter into every for expression.
func (e *evaluation) analyse(expr hclsyntax.Expression, in within) uses {
	w := &walker{budget: &e.budget}
	hclsyntax.Walk(expr, w)
	u := uses{traversals: w.found, ok: true}
	if len(in.iterators) > 0 {
		u.traversals = slices.DeleteFunc(u.traversals, func(t hcl.Traversal) bool { return slices.Contains(in.iterators, t.RootName()) })
	}
	for _, t := range u.traversals {
		node, ok := e.resolve(t, in)
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
	budget *budget // nil: only looks
}

// Enter implements hclsyntax.Walker.
func (w *walker) Enter(n hclsyntax.Node) hcl.Diagnostics {
	switch n := n.(type) {
	case *counted:
		// Its own parts are walked as those of what it counts.
		w.Enter(n.Expression)
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

// Exit puts the counter in after the parts of the expression were walked. One
// that is there, since another instance of the module was here before, counts
// for this budget from now on.
func (w *walker) Exit(n hclsyntax.Node) hcl.Diagnostics {
	switch n := n.(type) {
	case *counted:
		w.Exit(n.Expression)
	case *hclsyntax.ForExpr:
		if w.budget != nil {
			n.ValExpr = w.count(n.ValExpr)
			if n.CondExpr != nil {
				n.CondExpr = w.count(n.CondExpr)
			}
		}
	case hclsyntax.ChildScope:
		w.scopes = w.scopes[:len(w.scopes)-1]
	}
	return nil
}

func (w *walker) count(expr hclsyntax.Expression) hclsyntax.Expression {
	if c, done := expr.(*counted); done {
		c.budget = w.budget
		return c
	}
	return &counted{expr, w.budget}
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
func (e *evaluation) resolve(t hcl.Traversal, in within) (node string, ok bool) {
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
	case in.variables && (root == "local" || root == "module" || isKind):
		e.fail(at, "A validation refers to variables alone", "Variables have their values before anything else has one. Write the value itself, or test it in a check or a precondition.")
		return "", false
	case root == "each" || root == "count" || root == "self":
		return "", e.resolveHere(root, name, at, in)
	case name == "" && (root == "var" || root == "local" || root == "module" || isKind):
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
	case root == "module":
		m := e.modules[name]
		if m == nil {
			return missing("module."+name, "No module block has this name.", slices.Collect(maps.Keys(e.modules)))
		}
		return "module." + name, m.state != bad
	case isKind:
		r := e.resources[root][name]
		if r == nil {
			return missing(fmt.Sprintf("%s.%s", root, name), fmt.Sprintf("No %s block has this name.", root), slices.Collect(maps.Keys(e.resources[root])))
		}
		return r.node(), e.steps(t, r)
	case e.partial && name == "":
		return "", false
	default:
		e.unknownRoot(t, name, in)
		return "", false
	}
}

// resolveHere checks a name that has a meaning at some places only.
func (e *evaluation) resolveHere(root, name string, at hcl.Range, in within) bool {
	switch {
	case root == "each" && !in.each:
		e.fail(at, "each has no meaning here", "each.key and each.value stand in a block with for_each only, and not in for_each itself.")
	case root == "each" && name != "key" && name != "value":
		e.fail(at, "Incomplete name", "Write each.key or each.value.")
	case root == "count" && !in.count:
		e.fail(at, "count has no meaning here", "count.index stands in a block with count only, and not in count itself.")
	case root == "count" && name != "index":
		e.fail(at, "Incomplete name", "Write count.index.")
	case root == "self" && !in.self:
		e.fail(at, "self has no meaning here", "self.ATTRIBUTE stands in a postcondition only, and is the resource around it.")
	default:
		return true
	}
	return false
}

func (e *evaluation) unknownRoot(t hcl.Traversal, name string, in within) {
	root := t.RootName()
	roots := append([]string{"var", "local", "module", "each", "count"}, e.kinds.Names()...)
	roots = append(roots, in.iterators...)
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
	if r.many() {
		switch step := rest[0].(type) {
		case hcl.TraverseIndex:
			rest = rest[1:]
		case hcl.TraverseAttr:
			why, key := "It has for_each. Name one of them by its key", fmt.Sprintf("[%q]", step.Name)
			if r.count != nil {
				why, key = "It has count. Name one of them by its index", "[0]"
			}
			e.fail(t.SourceRange(), fmt.Sprintf("%s stands for several resources", r.node()), fmt.Sprintf("%s: write %s%s.", why, r.node(), key))
			return false
		}
	}
	if len(rest) == 0 {
		return true
	}
	switch step := rest[0].(type) {
	case hcl.TraverseIndex:
		e.fail(t.SourceRange(), fmt.Sprintf("%s is one resource", r.node()), fmt.Sprintf("It has no for_each and no count, and so no keys; write %s.", r.node()))
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

// checkKeys checks the literal keys of references to what has for_each or
// count, which must be expanded, and the names of modules' outputs.
func (e *evaluation) checkKeys(u uses) bool {
	ok := true
	for _, t := range u.traversals {
		if m := e.lookupModule(t); m != nil {
			ok = e.checkModuleSteps(t, m) && ok
			continue
		}
		r := e.lookup(t)
		if r == nil || !r.many() || len(t) < 3 {
			continue
		}
		if index, isIndex := t[2].(hcl.TraverseIndex); isIndex {
			ok = e.checkKey(&r.repeated, r.node(), index, t.SourceRange()) && ok
		}
	}
	return ok
}

package hcl

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Limits on what names stand for.
const (
	maxResources = 20_000 // of one configuration
	maxNesting   = 1000   // named values that need one another
)

// nameValues gives every local its value, every for_each and count its keys and
// every module its outputs, each after those that it needs.
func (e *evaluation) nameValues() {
	locals := slices.SortedFunc(maps.Values(e.locals), func(a, b *local) int {
		return cmp.Or(cmp.Compare(a.attr.NameRange.Filename, b.attr.NameRange.Filename), cmp.Compare(a.attr.NameRange.Start.Byte, b.attr.NameRange.Start.Byte))
	})
	for _, l := range locals {
		e.visit("local."+l.attr.Name, nil)
	}
	for _, r := range e.order {
		e.visit(r.node(), nil)
	}
	for _, name := range slices.Sorted(maps.Keys(e.modules)) {
		e.visit("module."+name, nil)
	}
	e.in = ""
}

// named is a named value on its way.
type named struct {
	state *progressOf
	at    hcl.Range
	in    string
	needs []need
	// make makes the value of what its expressions say, which refer to uses; nil
	// for a name that stands for itself.
	make func(u uses) bool
}

// need is an expression that a named value is made of, and where it stands.
type need struct {
	expr hclsyntax.Expression
	in   within
}

// named returns the named value of a node.
func (e *evaluation) named(node string) named {
	kind, name, _ := strings.Cut(node, ".")
	switch kind {
	case "local":
		l := e.locals[name]
		return named{&l.state, l.attr.Expr.Range(), e.inModule("locals"), []need{{expr: l.attr.Expr}}, func(u uses) (ok bool) {
			l.value, ok = e.eval(l.attr.Expr, e.context(u))
			return ok && e.measured(l.value, l.attr.Expr.Range())
		}}
	case "module":
		m := e.modules[name]
		return named{&m.state, m.block.DefRange(), e.title(m.block), m.needs(), func(u uses) bool { return e.instantiate(m, u) }}
	default:
		r := e.resources[kind][name]
		a := r.attr()
		if a == nil {
			return named{state: &r.state}
		}
		return named{&r.state, a.Expr.Range(), e.title(r.block), []need{{expr: a.Expr}}, func(u uses) bool { return e.spreadBy(&r.repeated, u) }}
	}
}

// spreadBy evaluates the for_each or the count of a block, if it has one.
func (e *evaluation) spreadBy(r *repeated, u uses) bool {
	a := r.attr()
	if a == nil {
		return true
	}
	v, ok := e.eval(a.Expr, e.context(u))
	return ok && e.spread(r, v)
}

// visit evaluates a named value after those it needs; path leads to it.
// It reports whether there is a value.
func (e *evaluation) visit(node string, path []string) bool {
	n := e.named(node)
	switch *n.state {
	case good:
		return true
	case bad:
		return false
	case underWay:
		e.cycle(append(path[slices.Index(path, node):], node), n.at)
		return false
	}
	if n.make == nil {
		*n.state = good
		return true
	}
	if len(path) == maxNesting {
		*n.state = bad
		e.fail(n.at, "Names refer to one another too deeply", fmt.Sprintf("At most %d named values may need one another in a row.", maxNesting))
		return false
	}
	*n.state = underWay
	in := e.in
	e.in = n.in
	all := uses{ok: true}
	for _, need := range n.needs {
		all.add(e.analyse(need.expr, need.in))
	}
	ok := all.ok
	for _, need := range all.nodes {
		if !e.visit(need, append(slices.Clip(path), node)) {
			ok = false
		}
	}
	ok = ok && e.checkKeys(all) && n.make(all)
	e.in = in
	*n.state = bad
	if ok {
		*n.state = good
	}
	return ok
}

func (e *evaluation) cycle(nodes []string, at hcl.Range) {
	what := "A value cannot be made from itself."
	switch kind, _, _ := strings.Cut(nodes[0], "."); kind {
	case "local":
	case "module":
		what = "What goes into a module cannot depend on what comes out of it."
	default:
		what = "What a for_each or a count goes by cannot depend on the resources that it makes."
	}
	shown := make([]string, len(nodes))
	for i, n := range nodes {
		shown[i] = n
		if e.module != "" {
			shown[i] = e.module + "." + n
		}
	}
	e.fail(at, "Names refer to one another in a circle", strings.Join(shown, " -> ")+". "+what)
}

// context holds what an expression refers to and nothing else, for the time
// before every name has its value.
func (e *evaluation) context(u uses) *hcl.EvalContext {
	groups := map[string]map[string]value{}
	for _, node := range u.nodes {
		kind, name, _ := strings.Cut(node, ".")
		if groups[kind] == nil {
			groups[kind] = map[string]value{}
		}
		switch kind {
		case "local":
			groups[kind][name] = e.locals[name].value
		case "module":
			groups[kind][name] = e.modules[name].value()
		default:
			groups[kind][name] = e.resources[kind][name].value()
		}
	}
	ctx := &hcl.EvalContext{Variables: map[string]value{"var": e.varObject()}, Functions: functionTable}
	for kind, values := range groups {
		ctx.Variables[kind] = cty.ObjectVal(values)
	}
	return ctx
}

// share makes the context in which the content of all resources is evaluated.
func (e *evaluation) share() {
	e.shared = &hcl.EvalContext{Variables: map[string]value{"var": e.varObject()}, Functions: functionTable}
	locals := make(map[string]value, len(e.locals))
	for name, l := range e.locals {
		if l.state == good {
			locals[name] = l.value
		}
	}
	e.shared.Variables["local"] = cty.ObjectVal(locals)
	modules := make(map[string]value, len(e.modules))
	for name, m := range e.modules {
		if m.state == good {
			modules[name] = m.value()
		}
	}
	e.shared.Variables["module"] = cty.ObjectVal(modules)
	for kind, blocks := range e.resources {
		values := make(map[string]value, len(blocks))
		for name, r := range blocks {
			if r.state == good {
				values[name] = r.value()
			}
		}
		e.shared.Variables[kind] = cty.ObjectVal(values)
	}
}

// usable reports whether everything that an expression refers to has a value.
func (e *evaluation) usable(u uses) bool {
	for _, t := range u.traversals {
		if r := e.lookup(t); r != nil && r.state != good {
			return false
		}
		if m := e.lookupModule(t); m != nil && m.state != good {
			return false
		}
		if t.RootName() == "local" && len(t) > 1 {
			if l := e.locals[t[1].(hcl.TraverseAttr).Name]; l == nil || l.state != good {
				return false
			}
		}
	}
	return true
}

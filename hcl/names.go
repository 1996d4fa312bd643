package hcl

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostctl/resource"
)

// Limits on what names stand for.
const (
	maxResources = 20_000  // of one configuration
	maxNodes     = 250_000 // parts of one value
	maxText      = 8 << 20 // bytes of text of one value
	maxBits      = 4096    // of a number
	maxNesting   = 1000    // named values that need one another
	tooBig       = "Value is too big"
)

// nameValues gives every local its value and every for_each its keys, each
// after those that it needs.
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
	e.in = ""
}

// visit evaluates a named value after those it needs; path leads to it.
// It reports whether there is a value.
func (e *evaluation) visit(node string, path []string) bool {
	kind, name, _ := strings.Cut(node, ".")
	var state *progressOf
	var expr hclsyntax.Expression
	l, r := e.locals[name], e.resources[kind][name]
	if kind == "local" {
		state, expr = &l.state, l.attr.Expr
	} else {
		state = &r.state
		if r.forEach != nil {
			expr = r.forEach.Expr
		} else if *state == untouched {
			*state = good
		}
	}
	switch *state {
	case good:
		return true
	case bad:
		return false
	case underWay:
		e.cycle(append(path[slices.Index(path, node):], node), expr)
		return false
	}
	if len(path) == maxNesting {
		*state = bad
		e.fail(expr.Range(), "Names refer to one another too deeply", fmt.Sprintf("At most %d named values may need one another in a row.", maxNesting))
		return false
	}
	*state = underWay
	in := e.in
	e.in = "locals"
	if r != nil {
		e.in = blockTitle(r.block)
	}
	u := e.analyse(expr, false)
	ok := u.ok
	for _, need := range u.nodes {
		if !e.visit(need, append(slices.Clip(path), node)) {
			ok = false
		}
	}
	if ok = ok && e.checkKeys(u); ok {
		var v value
		if v, ok = e.eval(expr, e.context(u)); ok {
			if r != nil {
				ok = e.setKeys(r, v)
			} else if ok = e.measured(v, expr.Range()); ok {
				l.value = v
			}
		}
	}
	e.in = in
	*state = bad
	if ok {
		*state = good
	}
	return ok
}

func (e *evaluation) cycle(nodes []string, expr hclsyntax.Expression) {
	what := "A value cannot be made from itself."
	if !strings.HasPrefix(nodes[0], "local.") {
		what = "What a for_each goes over cannot depend on the resources that it makes."
	}
	e.fail(expr.Range(), "Names refer to one another in a circle", strings.Join(nodes, " -> ")+". "+what)
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
		if kind == "local" {
			groups[kind][name] = e.locals[name].value
		} else {
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

// setKeys takes the value of a for_each.
func (e *evaluation) setKeys(r *declared, v value) bool {
	at := r.forEach.Expr.Range()
	wrong := func(detail string) bool {
		e.fail(at, "Invalid value for for_each", detail)
		return false
	}
	ty := v.Type()
	switch {
	case v.IsNull():
		return wrong("It is null; write {} or toset([]) for no resource.")
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

// measured reports whether a value is of a size that can be worked with.
func (e *evaluation) measured(v value, at hcl.Range) bool {
	if err := measure(v); err != nil {
		e.fail(at, tooBig, sentenceOf(err))
		return false
	}
	return true
}

// measure returns an error for a value with too many parts, too much text or too great a number.
func measure(vs ...value) error {
	m := meter{}
	for _, v := range vs {
		if err := m.add(v, 0); err != nil {
			return err
		}
	}
	return nil
}

// meter counts what values hold. times is how many times the limits of one
// value it takes; 0 is once.
type meter struct{ nodes, text, times int }

func (m *meter) add(v value, depth int) error {
	times := max(m.times, 1)
	if m.nodes++; m.nodes > times*maxNodes {
		return fmt.Errorf("a value has at most %d parts", maxNodes)
	}
	if depth > 2*maxDepth {
		return fmt.Errorf("a value nests at most %d deep", 2*maxDepth)
	}
	if v == none || v.IsNull() || !v.IsKnown() {
		return nil
	}
	switch ty := v.Type(); {
	case ty == cty.String:
		if m.text += len(v.AsString()); m.text > times*maxText {
			return fmt.Errorf("a value holds at most %d MiB of text", maxText>>20)
		}
	case ty == cty.Number:
		f := v.AsBigFloat()
		if f.IsInf() {
			return errors.New("the number is infinite, as after a division by zero")
		}
		if exp := f.MantExp(nil); exp > maxBits || exp < -maxBits {
			return fmt.Errorf("a number has at most %d bits before and after its point", maxBits)
		}
	case v.CanIterateElements():
		for it := v.ElementIterator(); it.Next(); {
			k, element := it.Element()
			if !ty.IsSetType() {
				if err := m.add(k, depth+1); err != nil {
					return err
				}
			}
			if err := m.add(element, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

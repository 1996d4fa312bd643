package hcl

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// variable is one variable block.
type variable struct {
	name        string
	block       *hclsyntax.Block
	broken      bool
	ty          cty.Type // a constraint; any where there is none
	defaults    *typeexpr.Defaults
	nullable    bool
	sensitive   bool
	validations []*hclsyntax.Block
	value       value
	at          hcl.Range // where the value came from
	state       progressOf
}

// giver gives variables their values from outside of the scope.
type giver interface {
	// give returns the value of a variable, none where there is none, and its
	// place; false where there is one that is wrong, which was reported.
	give(e *evaluation, v *variable) (value, hcl.Range, bool)
	// missing reports that a variable got no value and has no default.
	missing(e *evaluation, v *variable)
}

// moduleArguments are the attributes of a module block that are no inputs.
var moduleArguments = []string{"source", "for_each", "count", "depends_on"}

// readVariables gives every variable its value, and then tests their validations.
func (e *evaluation) readVariables(from giver) {
	names := slices.Sorted(maps.Keys(e.variables))
	for _, name := range names {
		v := e.variables[name]
		v.state = bad
		if v.broken {
			continue
		}
		e.in = e.title(v.block)
		fallback, ok := e.readVariable(v)
		if !ok {
			continue
		}
		e.in = ""
		val, at, ok := from.give(e, v)
		switch {
		case !ok:
		case val != none && (v.nullable || !plain(val).IsNull()):
			e.take(v, val, at)
		case fallback != none && !v.nullable && plain(fallback).IsNull():
			e.in = e.title(v.block)
			e.fail(v.block.Body.Attributes["default"].Expr.Range(), fmt.Sprintf("Invalid value for variable %q", name), "It is null, and the variable has nullable = false.")
		case fallback != none:
			e.in = e.title(v.block)
			e.take(v, fallback, v.block.Body.Attributes["default"].Expr.Range())
		case val != none:
			e.fail(e.placeOf(v, at), fmt.Sprintf("Invalid value for variable %q", name), "It is null, and the variable has nullable = false and no default.")
		default:
			e.in = e.title(v.block)
			from.missing(e, v)
		}
	}
	// A validation may refer to any variable.
	ctx := &hcl.EvalContext{Variables: map[string]value{"var": e.varObject()}, Functions: functionTable}
	var refused []*variable
	for _, name := range names {
		v := e.variables[name]
		if v.state != good {
			continue
		}
		e.in = e.title(v.block)
		for _, b := range v.validations {
			what, message := e.test(b, within{variables: true}, ctx)
			if what == fails {
				e.fail(e.placeOf(v, v.at), fmt.Sprintf("Invalid value for variable %q", name),
					message+"\nThis was checked by the validation at "+where(b.DefRange())+".")
			}
			if what != holds {
				refused = append(refused, v)
			}
		}
	}
	for _, v := range refused {
		v.state = bad
	}
	e.in = ""
}

// placeOf is the place of a value; of the variable itself where the value's
// line must not be shown.
func (e *evaluation) placeOf(v *variable, at hcl.Range) hcl.Range {
	if v.sensitive {
		return v.block.DefRange()
	}
	return at
}

// readVariable reads the block, and returns the default, none without.
func (e *evaluation) readVariable(v *variable) (fallback value, ok bool) {
	v.ty, v.nullable = cty.DynamicPseudoType, true
	ok = e.shape(v.block, []string{"type", "default", "description", "sensitive", "nullable"}, []string{"validation"}, nil)
	if e.module != "" && slices.Contains(moduleArguments, v.name) {
		e.fail(v.block.LabelRanges[0], fmt.Sprintf("Variable cannot be named %q", v.name), "The attribute of that name in a module block means something else.")
		ok = false
	}
	v.validations = v.block.Body.Blocks
	for _, a := range attributes(v.block.Body) {
		var fine bool
		switch a.Name {
		case "type":
			fine = e.readType(v, a.Expr)
		case "default":
			fallback, fine = e.constant(a.Expr, "The default of a variable")
		case "description":
			_, fine = e.constantText(a, "A description")
		case "sensitive":
			v.sensitive, fine = e.constantBool(a)
		case "nullable":
			v.nullable, fine = e.constantBool(a)
		default:
			continue
		}
		ok = ok && fine
	}
	return fallback, ok
}

// readType reads a type constraint, in quotes or without.
func (e *evaluation) readType(v *variable, expr hclsyntax.Expression) bool {
	if text, ok := literal(expr); ok && !text.IsNull() && text.Type() == cty.String {
		inner := File{Name: expr.Range().Filename, Text: []byte(text.AsString())}
		if _, problem := scan(inner); problem != nil {
			e.fail(expr.Range(), "Invalid type specification", problem.Summary+".")
			return false
		}
		parsed, diags := hclsyntax.ParseExpression(inner.Text, inner.Name, hcl.InitialPos)
		if diags.HasErrors() {
			e.fail(expr.Range(), "Invalid type specification", "Write a type such as string, number, bool, list(string), map(number) or object({ name = string }).")
			return false
		}
		ty, defaults, diags := typeexpr.TypeConstraintWithDefaults(parsed)
		if diags.HasErrors() {
			e.fail(expr.Range(), diags[0].Summary, diags[0].Detail)
			return false
		}
		v.ty, v.defaults = ty, defaults
		return true
	}
	ty, defaults, diags := typeexpr.TypeConstraintWithDefaults(expr)
	e.fromHCL(diags)
	v.ty, v.defaults = ty, defaults
	return !diags.HasErrors()
}

// take converts a value to the variable's type.
func (e *evaluation) take(v *variable, val value, at hcl.Range) {
	wrong := func(detail string) {
		if v.sensitive || hasSensitive(val) {
			detail = hidden
		}
		e.fail(e.placeOf(v, at), fmt.Sprintf("Invalid value for variable %q", v.name), detail)
	}
	var marks []cty.ValueMarks
	if v.defaults != nil && !plain(val).IsNull() {
		// The places of the marks are lost where defaults are filled in.
		unmarked, all := val.UnmarkDeep()
		val, marks = v.defaults.Apply(unmarked), append(marks, all)
	}
	converted, err := convert.Convert(val, v.ty)
	if err != nil {
		wrong(fmt.Sprintf("Its type is %s: %s.", typeexpr.TypeString(v.ty), conversionError(err)))
		return
	}
	val = converted.WithMarks(marks...)
	if err := measure(val); err != nil {
		e.fail(e.placeOf(v, at), tooBig, sentenceOf(err))
		return
	}
	if v.sensitive {
		val = val.Mark(sensitiveMark)
	}
	v.value, v.at, v.state = val, at, good
}

// conversionError is why a value is of another type, with the place in it.
func conversionError(err error) string {
	var at cty.PathError
	if !errors.As(err, &at) || len(at.Path) == 0 {
		return err.Error()
	}
	var place strings.Builder
	for _, step := range at.Path {
		switch step := step.(type) {
		case cty.GetAttrStep:
			place.WriteString("." + step.Name)
		case cty.IndexStep:
			if step.Key.Type() == cty.String {
				fmt.Fprintf(&place, "[%q]", step.Key.AsString())
			} else if step.Key.Type() == cty.Number {
				fmt.Fprintf(&place, "[%s]", numberText(step.Key.AsBigFloat()))
			}
		}
	}
	return "at " + strings.TrimPrefix(place.String(), ".") + ", " + err.Error()
}

// varObject is what var stands for.
func (e *evaluation) varObject() value {
	values := make(map[string]value, len(e.variables))
	for name, v := range e.variables {
		if v.state == good {
			values[name] = v.value
		}
	}
	return cty.ObjectVal(values)
}

// constant evaluates an expression that refers to nothing.
func (e *evaluation) constant(expr hclsyntax.Expression, what string) (value, bool) {
	w := &walker{budget: &e.budget}
	hclsyntax.Walk(expr, w)
	for _, t := range w.found {
		e.fail(t.SourceRange(), "A constant is wanted here", fmt.Sprintf("%s refers to nothing: no variable, no local and no resource. Text stands in quotes.", what))
	}
	if len(w.found) > 0 {
		return none, false
	}
	return e.eval(expr, &hcl.EvalContext{Functions: functionTable})
}

// constantText is constant for an attribute that is text.
func (e *evaluation) constantText(a *hclsyntax.Attribute, what string) (string, bool) {
	v, ok := e.constant(a.Expr, what)
	if !ok {
		return "", false
	}
	if v = plain(v); v.IsNull() || v.Type() != cty.String {
		e.fail(a.Expr.Range(), fmt.Sprintf("Invalid value for %q", a.Name), what+" is text in quotes.")
		return "", false
	}
	if s, bad := badText(v.AsString(), true); bad {
		e.fail(a.Expr.Range(), fmt.Sprintf("Invalid value for %q", a.Name), s)
		return "", false
	}
	return v.AsString(), true
}

// constantBool is constant for an attribute that is true or false.
func (e *evaluation) constantBool(a *hclsyntax.Attribute) (bool, bool) {
	v, ok := e.constant(a.Expr, fmt.Sprintf("%q", a.Name))
	if !ok {
		return false, false
	}
	b, err := convert.Convert(plain(v), cty.Bool)
	if err != nil || b.IsNull() {
		e.fail(a.Expr.Range(), fmt.Sprintf("Invalid value for %q", a.Name), "True or false is wanted, not "+article(plain(v))+".")
		return false, false
	}
	return b.True(), true
}

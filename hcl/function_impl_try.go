package hcl

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// mark is what a value may carry, and all that is made of it.
type mark string

// sensitiveMark is on values that are never printed.
const sensitiveMark mark = "sensitive"

// anyParam takes any value as it is, its marks included.
func anyParam(name string) function.Parameter {
	return function.Parameter{Name: name, Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true}
}

func typeOf(args []value) (cty.Type, error) { return args[0].Type(), nil }

var (
	makeSensitive = function.New(&function.Spec{
		Params: []function.Parameter{anyParam("value")},
		Type:   typeOf,
		Impl:   func(args []value, _ cty.Type) (value, error) { return args[0].Mark(sensitiveMark), nil },
	})
	nonSensitive = function.New(&function.Spec{
		Params: []function.Parameter{anyParam("value")},
		Type:   typeOf,
		Impl: func(args []value, _ cty.Type) (value, error) {
			v, _ := args[0].UnmarkDeep()
			return v, nil
		},
	})
	isSensitive = function.New(&function.Spec{
		Params: []function.Parameter{anyParam("value")},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []value, _ cty.Type) (value, error) {
			_, marked := bare(args)
			return cty.BoolVal(marked), nil
		},
	})
)

// exhausted is the error of an expression that took too much, which no try catches.
type exhausted struct{ stopped }

// Error implements error.
func (e exhausted) Error() string { return e.detail }

// attempt evaluates an expression once. err is what no fallback hides: that it
// took too much, or calls a function that does not exist. marks are those of
// everything that it refers to: whether it fails tells something of them.
func attempt(arg value) (v value, diags hcl.Diagnostics, marks cty.ValueMarks, err error) {
	closure := customdecode.ExpressionClosureFromVal(arg)
	defer func() {
		switch p := recover().(type) {
		case nil:
		case stopped:
			err = exhausted{p}
		case failed:
			diags = hcl.Diagnostics(p)
			err = grave(diags)
		default:
			panic(p)
		}
	}()
	marks = cty.ValueMarks{}
	for _, t := range closure.Expression.Variables() {
		if v, diags := t.TraverseAbs(closure.EvalContext); !diags.HasErrors() {
			_, of := v.UnmarkDeep()
			for m := range of {
				marks[m] = struct{}{}
			}
		}
	}
	v, diags = closure.Value()
	return v, diags, marks, grave(diags)
}

// grave returns the error among diagnostics that no fallback hides.
func grave(diags hcl.Diagnostics) error {
	for _, d := range diags {
		if call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d); ok {
			switch err := call.FunctionCallError(); err.(type) {
			case exhausted, noFunction:
				return err
			}
		}
		if call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallUnknownDiagExtra](d); ok {
			return noFunction(call.CalledFunctionName())
		}
	}
	return nil
}

// noFunction is the error of a call to a function that does not exist.
type noFunction string

// Error implements error.
func (n noFunction) Error() string {
	_, detail := unknownFunction(string(n))
	return strings.TrimSuffix(detail, ".")
}

// try evaluates each of its expressions at most once: the result's type is not
// asked for before, as nested calls would take a power of their depth.
var try = function.New(&function.Spec{
	VarParam: &function.Parameter{Name: "expressions", Type: customdecode.ExpressionClosureType},
	Type:     function.StaticReturnType(cty.DynamicPseudoType),
	Impl: func(args []value, _ cty.Type) (value, error) {
		if len(args) == 0 {
			return none, errors.New("at least one expression is wanted")
		}
		told := cty.ValueMarks{} // by what failed
		var first *hcl.Diagnostic
		for _, arg := range args {
			v, diags, marks, err := attempt(arg)
			if err != nil {
				return none, err
			}
			if !diags.HasErrors() {
				return v.WithMarks(told), nil
			}
			for m := range marks {
				told[m] = struct{}{}
			}
			if first == nil {
				first = diags.Errs()[0].(*hcl.Diagnostic)
			}
		}
		if len(told) > 0 {
			return none, errors.New("none of the expressions has a value; what is wrong is not said, because a value is sensitive")
		}
		return none, discreet(fmt.Errorf("none of the expressions has a value; of the first: %s; %s", first.Summary, first.Detail), false)
	},
})

var can = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "expression", Type: customdecode.ExpressionClosureType}},
	Type:   function.StaticReturnType(cty.Bool),
	Impl: func(args []value, _ cty.Type) (value, error) {
		v, diags, marks, err := attempt(args[0])
		switch {
		case err != nil:
			return none, err
		case diags.HasErrors():
			return cty.False.WithMarks(marks), nil
		case !v.IsWhollyKnown():
			return cty.UnknownVal(cty.Bool).WithMarks(marks), nil
		}
		return cty.True.WithMarks(marks), nil
	},
})

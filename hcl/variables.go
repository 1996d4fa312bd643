package hcl

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// varPrefix begins the file name of a diagnostic about a value of the command line.
const varPrefix = "-var "

// variable is one variable block.
type variable struct {
	name     string
	block    *hclsyntax.Block
	broken   bool
	ty       cty.Type // a constraint; any where there is none
	defaults *typeexpr.Defaults
	value    value
	state    progressOf
}

// readVariables gives every variable its value: of -var, of the last -var-file
// that has one, or the default.
func (e *evaluation) readVariables() {
	given := e.readVarFiles()
	names := slices.Sorted(maps.Keys(e.variables))
	for name := range e.req.Vars {
		if e.variables[name] == nil && !e.partial {
			e.config.Diagnostics = append(e.config.Diagnostics, Diagnostic{Severity: Error, Summary: fmt.Sprintf("Variable %q is not declared", name),
				Detail: fmt.Sprintf("It was given by -var. Declare it with variable %q { ... }.%s", name, sentence(name, names))})
		}
	}
	for _, name := range names {
		v := e.variables[name]
		v.state = bad
		if v.broken {
			continue
		}
		e.in = blockTitle(v.block)
		fallback, ok := e.readVariable(v)
		if !ok {
			continue
		}
		e.in = ""
		if text, has := e.req.Vars[name]; has {
			e.takeText(v, text)
		} else if a := given[name]; a != nil {
			if val, ok := e.eval(a.Expr, nil); ok {
				e.take(v, val, a.Expr.Range())
			}
		} else if fallback != none {
			e.in = blockTitle(v.block)
			e.take(v, fallback, v.block.Body.Attributes["default"].Expr.Range())
		} else {
			e.in = blockTitle(v.block)
			e.fail(v.block.DefRange(), fmt.Sprintf("Variable %q has no value", name),
				fmt.Sprintf("It has no default. Give it a value with -var %s=VALUE or in a file of -var-file, or write a default.", name))
		}
	}
	e.in = ""
}

// readVariable reads the block, and returns the default, none without.
func (e *evaluation) readVariable(v *variable) (fallback value, ok bool) {
	ok = true
	v.ty = cty.DynamicPseudoType
	known := []string{"type", "default", "description"}
	for _, b := range v.block.Body.Blocks {
		e.fail(b.TypeRange, fmt.Sprintf("Unknown block %q", b.Type), fmt.Sprintf("A variable has the attributes %s.", quoteList(known)))
		ok = false
	}
	for _, a := range attributes(v.block.Body) {
		switch a.Name {
		case "type":
			ty, defaults, diags := typeexpr.TypeConstraintWithDefaults(a.Expr)
			e.fromHCL(diags)
			if diags.HasErrors() {
				ok = false
				continue
			}
			v.ty, v.defaults = ty, defaults
		case "default":
			if val, good := e.constant(a.Expr, "The default of a variable"); good {
				fallback = val
			} else {
				ok = false
			}
		case "description":
			if _, good := e.constantText(a, "A description"); !good {
				ok = false
			}
		default:
			e.fail(a.NameRange, fmt.Sprintf("Unknown attribute %q", a.Name), fmt.Sprintf("A variable has the attributes %s.%s", quoteList(known), sentence(a.Name, known)))
			ok = false
		}
	}
	return fallback, ok
}

// take converts a value to the variable's type.
func (e *evaluation) take(v *variable, val value, at hcl.Range) {
	if v.defaults != nil && !val.IsNull() {
		val = v.defaults.Apply(val)
	}
	val, err := convert.Convert(val, v.ty)
	if err != nil {
		e.fail(at, fmt.Sprintf("Invalid value for variable %q", v.name), fmt.Sprintf("Its type is %s: %v.", typeexpr.TypeString(v.ty), err))
		return
	}
	if e.measured(val, at) {
		v.value, v.state = val, good
	}
}

// takeText takes the value of a -var: text for a variable of a simple type, else an expression.
func (e *evaluation) takeText(v *variable, text string) {
	file := File{Name: varPrefix + v.name, Text: []byte(text)}
	at := hcl.Range{Filename: file.Name, End: hcl.Pos{Byte: len(text)}}
	if why, bad := badText(text, true); bad {
		e.fail(at, fmt.Sprintf("Invalid value for variable %q", v.name), why)
		return
	}
	if v.ty == cty.DynamicPseudoType || v.ty.IsPrimitiveType() {
		if v.ty == cty.Number && len(text) > maxNumber {
			e.fail(at, fmt.Sprintf("Invalid value for variable %q", v.name), "The number is too long.")
			return
		}
		e.take(v, cty.StringVal(text), at)
		return
	}
	if _, problem := scan(file); problem != nil {
		e.config.Diagnostics = append(e.config.Diagnostics, *problem)
		return
	}
	expr, diags := hclsyntax.ParseExpression(file.Text, file.Name, hcl.Pos{Line: 1, Column: 1})
	e.fromHCL(diags)
	if diags.HasErrors() {
		return
	}
	if val, ok := e.constant(expr, "The value of a variable"); ok {
		e.take(v, val, at)
	}
}

// readVarFiles reads the files of -var-file: constants by name.
func (e *evaluation) readVarFiles() map[string]*hclsyntax.Attribute {
	given := map[string]*hclsyntax.Attribute{}
	names := slices.Sorted(maps.Keys(e.variables))
	for _, f := range e.req.Sources.VarFiles {
		if _, problem := scan(f); problem != nil {
			e.config.Diagnostics = append(e.config.Diagnostics, *problem)
			continue
		}
		p := parseChunk(&f, chunk{0, len(f.Text), 1})
		e.fromHCL(p.errors())
		for _, b := range p.body.Blocks {
			if p.intact(b.TypeRange) {
				e.fail(b.TypeRange, "Block in a file of variables", "It holds values only, such as port = 8080.")
			}
		}
		for _, a := range attributes(p.body) {
			v := e.variables[a.Name]
			switch {
			case !p.intact(a.SrcRange):
			case v == nil && !e.partial:
				e.fail(a.NameRange, fmt.Sprintf("Variable %q is not declared", a.Name), fmt.Sprintf("Declare it with variable %q { ... }.%s", a.Name, sentence(a.Name, names)))
			case v != nil:
				if _, ok := e.constant(a.Expr, "The value of a variable"); !ok {
					v.broken = true
				}
			}
			given[a.Name] = a
		}
		if p.broken >= 0 {
			// A value may stand in the part that was not understood.
			for _, v := range e.variables {
				v.broken = v.broken || given[v.name] == nil
			}
		}
	}
	return given
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
	if v.IsNull() || v.Type() != cty.String {
		e.fail(a.Expr.Range(), fmt.Sprintf("Invalid value for %q", a.Name), what+" is text in quotes.")
		return "", false
	}
	if s, bad := badText(v.AsString(), true); bad {
		e.fail(a.Expr.Range(), fmt.Sprintf("Invalid value for %q", a.Name), s)
		return "", false
	}
	return v.AsString(), true
}

package hcl

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// What begins the file name of a diagnostic about a value that stands in no file.
const (
	varPrefix      = "-var "
	envPrefix      = "HOSTCTL_VAR_"
	expressionName = "the expression"
)

// outside is where the configuration's variables get their values: from -var;
// else from the last file of -var-file that has one; else from the last of the
// directory's *.auto.hclvars in the order of their names; else from the
// environment's HOSTCTL_VAR_NAME; else they have their default.
type outside struct {
	files map[string]*hclsyntax.Attribute
}

// fromOutside reads what is given to the configuration, and reports what has no variable.
func (e *evaluation) fromOutside() giver {
	names := slices.Sorted(maps.Keys(e.variables))
	for name := range e.req.Vars {
		if e.variables[name] == nil && !e.partial {
			e.config.Diagnostics = append(e.config.Diagnostics, Diagnostic{Severity: Error, Summary: fmt.Sprintf("Variable %q is not declared", name),
				Detail: fmt.Sprintf("It was given by -var. Declare it with variable %q { ... }.%s", name, sentence(name, names))})
		}
	}
	files := map[string]*hclsyntax.Attribute{}
	for _, list := range [][]File{e.req.Sources.AutoFiles, e.req.Sources.VarFiles} {
		for _, f := range list {
			e.readVarFile(f, files, names)
		}
	}
	return outside{files}
}

// give implements giver.
func (o outside) give(e *evaluation, v *variable) (value, hcl.Range, bool) {
	if text, has := e.req.Vars[v.name]; has {
		return e.textValue(v, varPrefix+v.name, text)
	}
	if a := o.files[v.name]; a != nil {
		val, ok := e.eval(a.Expr, &hcl.EvalContext{Functions: functionTable})
		return val, a.Expr.Range(), ok
	}
	if text, has := e.req.Env[v.name]; has {
		return e.textValue(v, envPrefix+v.name, text)
	}
	return none, hcl.Range{}, true
}

// missing implements giver.
func (outside) missing(e *evaluation, v *variable) {
	if e.req.rest {
		return // it may have stood in a file that was left out
	}
	e.fail(v.block.DefRange(), fmt.Sprintf("Variable %q has no value", v.name),
		fmt.Sprintf("It has no default. Give it a value with -var %s=VALUE or in a file of -var-file, or write a default.", v.name))
}

// textValue makes a value of a text: the text itself for a variable of a simple
// type, else what it says as an expression.
func (e *evaluation) textValue(v *variable, name, text string) (value, hcl.Range, bool) {
	file := File{Name: name, Text: []byte(text)}
	at := hcl.Range{Filename: file.Name, End: hcl.Pos{Byte: len(text)}}
	wrong := func(detail string) (value, hcl.Range, bool) {
		if v.sensitive {
			detail = "The value of " + name + " is wrong. " + hidden
		}
		e.fail(e.placeOf(v, at), fmt.Sprintf("Invalid value for variable %q", v.name), detail)
		return none, at, false
	}
	if why, bad := badText(text, true); bad {
		return wrong(why)
	}
	if v.ty == cty.DynamicPseudoType || v.ty.IsPrimitiveType() {
		if v.ty == cty.Number && len(text) > maxNumber {
			return wrong("The number is too long.")
		}
		return cty.StringVal(text), at, true
	}
	before := len(e.config.Diagnostics)
	val, ok := e.parseValue(file)
	if !ok && v.sensitive {
		e.config.Diagnostics = e.config.Diagnostics[:before]
		return wrong("")
	}
	return val, at, ok
}

// parseValue reads a constant expression.
func (e *evaluation) parseValue(file File) (value, bool) {
	if _, problem := scan(file); problem != nil {
		e.config.Diagnostics = append(e.config.Diagnostics, *problem)
		return none, false
	}
	expr, diags := hclsyntax.ParseExpression(file.Text, file.Name, hcl.InitialPos)
	e.fromHCL(diags)
	if diags.HasErrors() {
		return none, false
	}
	return e.constant(expr, "The value of a variable")
}

// readVarFile reads a file of variables: constants by name.
func (e *evaluation) readVarFile(f File, given map[string]*hclsyntax.Attribute, names []string) {
	before := len(e.config.Diagnostics)
	defer func() { e.hideLines(e.config.Diagnostics[before:], f) }()
	if _, problem := scan(f); problem != nil {
		e.config.Diagnostics = append(e.config.Diagnostics, *problem)
		return
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
		// An error behind the equals sign leaves an attribute without a value.
		end := a.SrcRange.End.Byte
		switch {
		case !p.intact(a.SrcRange), p.broken >= end && !bytes.Contains(f.Text[end:p.broken], []byte("\n")):
			if v != nil {
				v.broken = true
			}
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

// hideLines takes the text out of diagnostics in a file of variables where a
// sensitive variable is declared: the line may hold its value.
func (e *evaluation) hideLines(diags Diagnostics, f File) {
	secret := false
	for _, v := range e.variables {
		secret = secret || v.block.Body.Attributes["sensitive"] != nil
	}
	if !secret {
		return
	}
	for i := range diags {
		diags[i].locate(f.Text)
		diags[i].Snippet, diags[i].SnippetColumn = "(not shown: there are sensitive variables)", 0
		diags[i].Start.Column, diags[i].End = 1, diags[i].Start
		diags[i].End.Column = 2
	}
}

package hcl

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// Function is one function of the language, for the manual.
type Function struct {
	Group     string // the section of the manual
	Name      string
	Signature string // replace(text, old, new)
	Doc       string // one line
	Example   string // an expression
	Result    string // its value, as an expression
	impl      function.Function
}

// Functions returns the functions of the language by name. All are pure: they
// know nothing but their arguments.
func Functions() []Function { return functions }

var functions = slices.SortedFunc(slices.Values(slices.Concat(
	collectionFunctions, dateFunctions, dependencyFunctions, encodingFunctions, hashFunctions, networkFunctions, numberFunctions, textFunctions, typeFunctions,
)), func(a, b Function) int { return strings.Compare(a.Name, b.Name) })

// functionTable is functions as the evaluator wants them.
var functionTable = func() map[string]function.Function {
	table := make(map[string]function.Function, len(functions))
	for _, f := range functions {
		table[f.Name] = f.impl
	}
	return table
}()

// guard refuses arguments before a function begins. It sees them known and
// without marks.
type guard func(args []value) error

// bounded is a function whose arguments and result have the size that any
// value may have. guards are asked before it is called. Of a sensitive argument
// its errors say nothing.
func bounded(f function.Function, guards ...guard) function.Function {
	spec := &function.Spec{Params: f.Params(), VarParam: f.VarParam()}
	for i := range spec.Params {
		spec.Params[i].AllowMarked = true // f itself decides
	}
	if spec.VarParam != nil {
		spec.VarParam.AllowMarked = true
	}
	spec.Type = func(args []value) (cty.Type, error) {
		plain, secret := bare(args)
		if err := measure(plain...); err != nil {
			return cty.DynamicPseudoType, err
		}
		for _, refuses := range guards {
			if !allKnown(plain) {
				break // a for expression tries its condition before it has values
			}
			if err := refuses(plain); err != nil {
				return cty.DynamicPseudoType, discreet(err, secret)
			}
		}
		ty, err := f.ReturnTypeForValues(args)
		return ty, discreet(err, secret)
	}
	spec.Impl = func(args []value, _ cty.Type) (value, error) {
		v, err := f.Call(args)
		if err != nil {
			_, secret := bare(args)
			return v, discreet(err, secret)
		}
		plain, _ := bare([]value{v})
		return v, measure(plain...)
	}
	return function.New(spec)
}

// bare takes the marks from values, and reports whether there were any.
func bare(args []value) (plain []value, marked bool) {
	plain = args
	for i, v := range args {
		if !v.ContainsMarked() {
			continue
		}
		if !marked {
			plain, marked = slices.Clone(args), true
		}
		plain[i], _ = v.UnmarkDeep()
	}
	return plain, marked
}

// discreet is what may be said of an error: nothing of sensitive values, and of
// others not their whole text.
func discreet(err error, secret bool) error {
	if err == nil {
		return nil
	}
	message := err.Error()
	if panicked := (function.PanicError{}); errors.As(err, &panicked) {
		message = fmt.Sprintf("this is a bug in hostctl: %v", panicked.Value)
	}
	const enough = 400
	switch {
	case secret:
		message = "it fits not; what is wrong is not said, because a value is sensitive"
	case len(message) > enough:
		message = strings.ToValidUTF8(message[:enough], "") + "..."
	case message == err.Error():
		return err
	}
	if arg := (function.ArgError{}); errors.As(err, &arg) {
		return function.NewArgErrorf(arg.Index, "%s", message)
	}
	return errors.New(message)
}

func allKnown(args []value) bool {
	for _, v := range args {
		if !v.IsWhollyKnown() {
			return false
		}
	}
	return true
}

// AbsentFunctions returns what serves instead of functions that people look for
// and the language has not, by name.
func AbsentFunctions() map[string]string { return maps.Clone(absent) }

// absent are functions that people who come from Terraform look for, and what
// serves instead.
var absent = map[string]string{
	"file":             "Where a block takes a file's text it has the attributes source and template, which name a file below the repository's root. " + pure,
	"templatefile":     "Where a block takes a file's text it has the attributes template and vars, which name a template below the repository's root and its values. " + pure,
	"templatestring":   "Write the template where its value is wanted: a string or a heredoc with ${...} is one.",
	"filebase64":       "Where a block takes a file's text it has the attribute source, which also takes files that are not text. " + pure,
	"fileexists":       pure + " A path of the host is checked when the plan is made.",
	"fileset":          pure + " List the files in a local.",
	"filesha256":       pure + " A file given as source is compared by its content already.",
	"filesha512":       pure + " A file given as source is compared by its content already.",
	"filemd5":          pure + " A file given as source is compared by its content already.",
	"filesha1":         pure + " A file given as source is compared by its content already.",
	"filebase64sha256": pure + " A file given as source is compared by its content already.",
	"filebase64sha512": pure + " A file given as source is compared by its content already.",
	"abspath":          "Paths are those of the host, and begin with a slash.",
	"pathexpand":       "Paths are those of the host, and begin with a slash.",
	"env":              pure + " " + giveVariable,
	"getenv":           pure + " " + giveVariable,
	"get_env":          pure + " " + giveVariable,
	"timestamp":        "A plan would differ each time it is made. " + giveVariable,
	"plantimestamp":    "A plan would differ each time it is made. " + giveVariable,
	"uuid":             "A plan would differ each time it is made. " + giveVariable,
	"uuidv5":           "Use sha256 of the text that the name is made of.",
	"bcrypt":           "A plan would differ each time it is made. " + giveVariable,
	"rsadecrypt":       "A secret is never in a configuration: name a credential in a secret block.",
	"md5":              "Use sha256: MD5 protects nothing any more.",
	"sha1":             "Use sha256: SHA-1 protects nothing any more.",
	"base64sha256":     "Use sha256, which is hexadecimal.",
	"base64sha512":     "Use sha512, which is hexadecimal.",
	"base64gzip":       "Write the text itself, or base64encode.",
	"textencodebase64": "Text is UTF-8 everywhere; use base64encode.",
	"textdecodebase64": "Text is UTF-8 everywhere; use base64decode.",
	"yamldecode":       "Write the value as an expression, or use jsondecode.",
	"yamlencode":       "Use jsonencode: JSON is YAML too.",
	"list":             "Write [a, b].",
	"map":              "Write { key = value }.",
	"defaults":         "Write optional(TYPE, DEFAULT) in the variable's type.",
	"type":             "Use try or can with tonumber, tostring and the like to tell types apart.",
	"repeat":           "Use join and a for expression: join(\"\", [for i in range(3) : \"ab\"]).",
}

const (
	pure         = "A function knows its arguments alone: it reads no file, no environment, no network and no clock."
	giveVariable = "Declare a variable, and give its value with -var, a file of variables or HOSTCTL_VAR_NAME."
)

// unknownFunction says that there is no such function, and what serves instead.
func unknownFunction(name string) (summary, detail string) {
	summary, detail = "Call to unknown function", fmt.Sprintf("There is no function named %q.", name)
	if remedy, ok := absent[name]; ok {
		return summary, detail + " " + remedy
	}
	names := make([]string, len(functions))
	for i, f := range functions {
		names[i] = f.Name
	}
	return summary, detail + sentence(name, names)
}

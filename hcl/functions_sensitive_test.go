package hcl

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// tells are the functions whose result shows nothing of a sensitive element:
// only how many there are and their keys. try and can see whole expressions.
var tells = map[string]bool{"length": true, "keys": true, "nonsensitive": true, "issensitive": true}

// TestSensitive: whatever a function makes of a sensitive value is sensitive,
// whether the value is its argument or an element in it, and no error tells of it.
func TestSensitive(t *testing.T) {
	for _, f := range functions {
		expr, diags := hclsyntax.ParseExpression([]byte(f.Example), "x", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		args := argumentsOf(t, expr, f.Name)
		if args == nil || f.Name == "try" || f.Name == "can" || f.Name == "nonsensitive" || f.Name == "issensitive" {
			continue
		}
		want, err := f.impl.Call(args)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		want, _ = want.UnmarkDeep()
		for i := range args {
			for what, marked := range map[string]value{"whole": args[i].Mark(sensitiveMark), "elements": markElements(args[i])} {
				given := append([]value(nil), args...)
				given[i] = marked
				got, err := f.impl.Call(given)
				if err != nil {
					t.Errorf("%s: argument %d sensitive (%s): %v", f.Name, i, what, err)
					continue
				}
				if what == "elements" && (f.Name == "lookup" || f.Name == "merge") {
					marked = args[i] // the example takes another element
				}
				if got.ContainsMarked() == (what == "elements" && tells[f.Name]) && marked.ContainsMarked() {
					t.Errorf("%s: argument %d sensitive (%s): the result is %#v", f.Name, i, what, got)
				}
				plain, marks := got.UnmarkDeep()
				if !plain.RawEquals(want) {
					t.Errorf("%s: argument %d sensitive (%s): %#v, want %#v", f.Name, i, what, plain, want)
				}
				for m := range marks {
					if m != sensitiveMark {
						t.Errorf("%s: mark %v", f.Name, m)
					}
				}
			}
		}
	}
}

// TestNulls: an argument that is null is refused or worked with; nothing comes
// to a value that is not known.
func TestNulls(t *testing.T) {
	for _, f := range functions {
		expr, diags := hclsyntax.ParseExpression([]byte(f.Example), "x", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		args := argumentsOf(t, expr, f.Name)
		if f.Name == "try" || f.Name == "can" {
			continue
		}
		for i := range args {
			for _, null := range []value{cty.NullVal(cty.DynamicPseudoType), cty.NullVal(args[i].Type())} {
				given := append([]value(nil), args...)
				given[i] = null
				got, err := f.impl.Call(given)
				if err == nil && !got.IsWhollyKnown() || err != nil && strings.Contains(err.Error(), "bug in hostctl") {
					t.Errorf("%s: argument %d null: %#v, %v", f.Name, i, got, err)
				}
			}
		}
	}
}

// argumentsOf returns the values of the call of a function in an expression.
func argumentsOf(t *testing.T, expr hclsyntax.Expression, name string) (args []value) {
	hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		c, ok := n.(*hclsyntax.FunctionCallExpr)
		if !ok || c.Name != name || args != nil {
			return nil
		}
		f := functionTable[name]
		for i, arg := range c.Args {
			v, diags := arg.Value(&hcl.EvalContext{Functions: functionTable})
			if diags.HasErrors() {
				return nil
			}
			param := f.VarParam()
			if i < len(f.Params()) {
				param = &f.Params()[i]
			}
			v, err := convertTo(v, param)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			args = append(args, v)
		}
		return nil
	})
	return args
}

func convertTo(v value, param *function.Parameter) (value, error) {
	if param.Type == cty.DynamicPseudoType {
		return v, nil
	}
	return to(param.Type).Call([]value{v})
}

// markElements marks what a collection holds.
func markElements(v value) value {
	if !v.CanIterateElements() || v.Type().IsSetType() || v.LengthInt() == 0 {
		return v
	}
	out, err := cty.Transform(v, func(p cty.Path, e value) (value, error) {
		if len(p) > 0 && !e.CanIterateElements() {
			return e.Mark(sensitiveMark), nil
		}
		return e, nil
	})
	if err != nil {
		panic(err)
	}
	return out
}

// TestSensitiveEdges: what try, can and errors tell of a sensitive value.
func TestSensitiveEdges(t *testing.T) {
	const secret = "hunter2"
	v := map[string]value{
		"s": cty.StringVal(secret).Mark(sensitiveMark),
		"l": cty.ListVal([]value{cty.StringVal(secret).Mark(sensitiveMark), cty.StringVal("b")}),
	}
	for _, text := range []string{
		`cidrhost(v.s, 1)`, `cidrcontains(v.s, "10.0.0.1")`, `cidrcontains("10.0.0.0/8", v.s)`, `tonumber(v.s)`, `parseint(v.s, 10)`,
		`regex("^[0-9]+$", v.s)`, `regex("(${v.s}", "a")`, `timeadd(v.s, "1h")`, `timecmp(v.s, v.s)`, `formatdate("YYYY", v.s)`, `jsondecode(v.s)`,
		`base64decode(v.s)`, `csvdecode("a,b\n${v.s}")`, `lookup({ a = 1 }, v.s, [][v.s])`, `index(["a"], v.s)`, `try(tonumber(v.s))`,
		`transpose({ (v.s) = [null] })`, `zipmap(v.l, ["a"])`, `format("%d", v.s)`, `one(v.l)`, `sum(v.l)`,
	} {
		got, diags := call(t, text, v)
		if !diags.HasErrors() {
			t.Errorf("%s = %#v", text, got)
		}
		if said := diags.Error(); strings.Contains(said, secret) {
			t.Errorf("%s tells: %s", text, said)
		}
	}
	for text, want := range map[string]bool{
		`try(tonumber(v.s), 80)`:          true, // that it is 80 tells that the secret is no number
		`can(tonumber(v.s))`:              true,
		`can(tonumber("1"))`:              false,
		`try(v.s, 80)`:                    true,
		`try(80, v.s)`:                    false,
		`nonsensitive(v.s)`:               false,
		`nonsensitive(v.l)`:               false,
		`issensitive(v.l)`:                false,
		`sensitive("a")`:                  true,
		`v.l[1]`:                          false,
		`concat(v.l, ["c"])[2]`:           false,
		`merge({ a = v.s }, { b = 1 }).b`: false,
		`tolist(v.l)[1]`:                  false,
		`length(v.l)`:                     false,
		`length(v.s)`:                     true,
		`sort(v.l)`:                       true,
		`jsonencode(v.l)`:                 true,
		`contains(v.l, "b")`:              true,
		`toset(v.l)`:                      true,
	} {
		got, diags := call(t, text, v)
		if diags.HasErrors() || got.ContainsMarked() != want {
			t.Errorf("%s = %#v %v, sensitive should be %v", text, got, diags, want)
		}
	}
}

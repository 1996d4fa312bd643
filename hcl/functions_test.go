package hcl

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// evalText is the value of an expression as JSON, or the error.
func evalText(t *testing.T, text string) string {
	t.Helper()
	expr, diags := hclsyntax.ParseExpression([]byte(text), "x", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %v", text, diags)
	}
	v, diags := expr.Value(&hcl.EvalContext{Functions: functionTable})
	if diags.HasErrors() {
		return diags.Error()
	}
	out, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return string(out)
}

// TestFunctions: the table is sorted and complete, and every example is true.
func TestFunctions(t *testing.T) {
	if !slices.IsSortedFunc(functions, func(a, b Function) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the functions are not sorted")
	}
	for _, f := range Functions() {
		if !strings.HasPrefix(f.Signature, f.Name+"(") || !strings.HasSuffix(f.Doc, ".") {
			t.Errorf("%s: signature %q, doc %q", f.Name, f.Signature, f.Doc)
		}
		if !regexp.MustCompile(`\b` + f.Name + `\(`).MatchString(f.Example) {
			t.Errorf("%s: the example %s does not call it", f.Name, f.Example)
		}
		if got, want := evalText(t, f.Example), evalText(t, f.Result); got != want {
			t.Errorf("%s = %s, want %s", f.Example, got, want)
		}
	}
}

// TestFunctionEdges: what the examples do not show.
func TestFunctionEdges(t *testing.T) {
	for text, want := range map[string]string{
		`cidrhost("10.0.0.0/8", -1)`:                      `"10.255.255.255"`,
		`cidrhost("fd20::/64", 258)`:                      `"fd20::102"`,
		`cidrhost("10.0.0.0/30", -5)`:                     "has 4 addresses",
		`cidrhost("10.0.0.7/24", 1)`:                      `"10.0.0.1"`,
		`cidrhost("10.0.0.0", 1)`:                         "no network",
		`cidrhost("10.0.0.0/24", 0.5)`:                    "whole number",
		`cidrsubnet("fd20::/48", 16, 65535)`:              `"fd20:0:0:ffff::/64"`,
		`cidrsubnet("10.0.0.0/24", 9, 0)`:                 "0 to 8 bits",
		`cidrsubnet("10.0.0.0/24", 2, 4)`:                 "there are 4 such networks",
		`cidrnetmask("0.0.0.0/0")`:                        `"0.0.0.0"`,
		`cidrnetmask("10.0.0.0/32")`:                      `"255.255.255.255"`,
		`cidrnetmask("fd20::/64")`:                        "no netmask",
		`base64decode("/w==")`:                            "not UTF-8",
		`base64decode("?")`:                               "no base64",
		`length("größe")`:                                 "5",
		`length({ a = 1 })`:                               "1",
		`length(3)`:                                       "a list, a set, a map or text",
		`one([])`:                                         "null",
		`one(["a", "b"])`:                                 "it has 2 elements",
		`one(3)`:                                          "a list or a set",
		`toset(["a", "b", "a"])`:                          `["a","b"]`,
		`tonumber("x")`:                                   "cannot be made a number",
		`tonumber(join("", [for i in range(100) : "9"]))`: "too long",
		`replace("aaa", "a", "bb")`:                       `"bbbbbb"`,
		`replace("ab", "", "-")`:                          `"-a-b-"`,
		`indent(101, "a")`:                                "from 0 to 100",
		`format("%1000d", 1)`:                             "three digits",
		`range(5000)`:                                     "1024",
		`lookup({}, "a", "b")`:                            `"b"`,
		`jsondecode("1e9999999")`:                         "4096 bits",
		`concat(["a"], [1])`:                              `["a",1]`,
	} {
		if got := evalText(t, text); !strings.Contains(got, want) {
			t.Errorf("%s = %s, want %s", text, got, want)
		}
	}
}

// TestFunctionsInConditions: the condition of a for expression is tried with
// values that are not known, before the first round.
func TestFunctionsInConditions(t *testing.T) {
	for text, want := range map[string]string{
		`[for s in ["%d", "x%d"] : s if format(s, 1) != "1"]`:              `["x%d"]`,
		`[for s in ["a"] : s if indent(length(s), s) == "a"]`:              `["a"]`,
		`[for s in ["[1]"] : s if jsondecode(s) != null]`:                  `["[1]"]`,
		`[for s in ["1"] : s if tonumber(s) == 1 && parseint(s, 10) == 1]`: `["1"]`,
		`[for l in [["a", "a"]] : l if length(distinct(l)) == 1]`:          `[["a","a"]]`,
		`[for s in [","] : s if join(s, ["a", "b"]) == "a,b"]`:             `[","]`,
		`[for s in ["a"] : s if jsonencode([s]) == "[\"a\"]"]`:             `["a"]`,
		`[for l in [["a"]] : l if one(l) == "a"]`:                          `[["a"]]`,
	} {
		if got := evalText(t, text); !strings.Contains(got, want) {
			t.Errorf("%s = %s, want %s", text, got, want)
		}
	}
}

// TestFunctionsAreFew: what a configuration must never have.
func TestFunctionsAreFew(t *testing.T) {
	for _, name := range []string{"file", "templatefile", "fileset", "filebase64", "env", "timestamp", "uuid", "setproduct", "regex", "regexall", "pathexpand", "abspath"} {
		if _, has := functionTable[name]; has {
			t.Errorf("there is a function %s", name)
		}
	}
}

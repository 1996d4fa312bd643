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
		if f.Group == "" || !strings.HasPrefix(f.Signature, f.Name+"(") || !strings.HasSuffix(f.Doc, ".") {
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
		`format("%[1]s%[1]s %%", "a")`:                    `"aa %"`,
		`range(5000)`:                                     "1024",
		`lookup({}, "a", "b")`:                            `"b"`,
		`jsondecode("1e9999999")`:                         "4096 bits",
		`concat(["a"], [1])`:                              `["a",1]`,
		`regex("^(?P<k>[a-z]+)=(?P<v>.*)$", "a=b")`:       `{"k":"a","v":"b"}`,
		`regex("(a)|(b)", "b")`:                           `[null,"b"]`,
		`regex("x", "abc")`:                               "matches nothing",
		`regex("(", "abc")`:                               "no regular expression",
		`regex("(?P<a>x)(y)", "xy")`:                      "with and without names",
		`regexall("x", "abc")`:                            `[]`,
		`regexall("(a)(b)?", "aab")`:                      `[["a",null],["a","b"]]`,
		`regexall("", "ab")`:                              `["","",""]`,
		`regexreplace("a1b2", "[0-9]", "")`:               `"ab"`,
		`replace("/srv/db", "/srv/", "/data/")`:           `"/data/db"`,
		`pow(3, 50)`:                                      `717897987691852588770249`,
		`pow(2, 0.5)`:                                     `1.41421356`,
		`pow(-1, 0.5)`:                                    "no real number",
		`pow(0, 5000)`:                                    `0`,
		`pow(10, 400)`:                                    `10000000`,
		`pow(2, 5000)`:                                    "too great",
		`log(1000, 10)`:                                   `3`,
		`log(0, 10)`:                                      "above 0",
		`log(8, 1)`:                                       "not 1",
		`signum(0)`:                                       `0`,
		`sum([])`:                                         `0`,
		`sum([1, null])`:                                  "is null",
		`alltrue([])`:                                     `true`,
		`anytrue([null, "true"])`:                         `true`,
		`index(["a"], "b")`:                               "not in the list",
		`index(3, "b")`:                                   "a list is wanted",
		`matchkeys(["a"], ["x", "y"], ["x"])`:             "2 keys for 1 values",
		`matchkeys(["a", "b"], [1, 2], ["2"])`:            `["b"]`,
		`distinct([1, 1.0, 2])`:                           `[1,2]`,
		`distinct([{ a = 1 }, { a = 1 }])`:                `[{"a":1}]`,
		`setproduct([], ["a"])`:                           `[]`,
		`transpose({})`:                                   `{}`,
		`cidrcontains("10.0.0.0/8", "10.1.0.0/16")`:       `true`,
		`cidrcontains("10.1.0.0/16", "10.0.0.0/8")`:       `false`,
		`cidrcontains("10.0.0.0/8", "fd20::1")`:           "IPv6",
		`cidrcontains("10.0.0.0/8", "x")`:                 "no address",
		`cidrsubnets("10.0.0.0/24", 1, 2, 2)`:             `["10.0.0.0/25","10.0.0.128/26","10.0.0.192/26"]`,
		`cidrsubnets("10.0.0.0/24", 1, 1, 1)`:             "no room left",
		`cidrsubnets("fd20::/48", 16, 16)`:                `["fd20::/64","fd20:0:0:1::/64"]`,
		`cidrsubnets("10.0.0.0/24")`:                      `[]`,
		`timecmp("x", "y")`:                               "no date",
		`timeadd("2026-01-01T00:00:00Z", "1 day")`:        "duration",
		`formatdate("YYYY", "yesterday")`:                 "timestamp",
		`urlencode("ä/?")`:                                `"%C3%A4%2F%3F"`,
		`lookup({}, "a")`:                                 "no key \"a\"",
		`lookup({ a = 1 }, "b", null)`:                    "null",
		`lookup(tomap({ a = 1 }), "b", "x")`:              "of another type",
		`lookup(1, "b", "x")`:                             "a map is wanted",
		`csvdecode("a,b\n1")`:                             "wrong number of fields",
		`dirname("db")`:                                   `"."`,
		`try(tonumber("x"), tonumber("y"))`:               "none of the expressions",
		`try([for s in ["x"] : tonumber(s)], [])`:         `[]`,
		`try(null.a, { a = 1 }.b, 3)`:                     `3`,
		`try(file("/etc/passwd"), "x")`:                   "There is no function named \"file\"",
		`can(try(file("/etc/passwd"), "x"))`:              "There is no function named \"file\"",
		`can(1 + 1)`:                                      `true`,
		`try()`:                                           "at least one",
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

// TestFunctionsAreFew: what a configuration must never have, and what it is told.
func TestFunctionsAreFew(t *testing.T) {
	for name, remedy := range absent {
		if _, has := functionTable[name]; has {
			t.Errorf("there is a function %s", name)
		}
		if _, detail := unknownFunction(name); !strings.Contains(detail, name) || !strings.HasSuffix(detail, remedy) || !strings.HasSuffix(detail, ".") {
			t.Errorf("%s: %s", name, detail)
		}
	}
	for _, name := range []string{"file", "templatefile", "fileset", "filebase64", "env", "timestamp", "uuid", "pathexpand", "abspath", "bcrypt"} {
		if absent[name] == "" {
			t.Errorf("nothing is said of %s", name)
		}
	}
	if _, detail := unknownFunction("lenght"); !strings.Contains(detail, `Did you mean "length"?`) {
		t.Error(detail)
	}
}

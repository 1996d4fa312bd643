package hcl

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostctl/resource"
)

// call evaluates an expression with the values of v.
func call(t *testing.T, text string, v map[string]value) (value, hcl.Diagnostics) {
	t.Helper()
	expr, diags := hclsyntax.ParseExpression([]byte(text), "x", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %v", text, diags)
	}
	return expr.Value(&hcl.EvalContext{Functions: functionTable, Variables: map[string]value{"v": cty.ObjectVal(v)}})
}

// TestAmplification: arguments as great as values may be, and results that
// would be far greater. Each is refused before the work is done: nothing here
// takes memory or time worth speaking of, or the test's own limits end it.
func TestAmplification(t *testing.T) {
	long := strings.Repeat("a", 4<<20)
	many := make([]value, 50_000)
	for i := range many {
		many[i] = cty.StringVal(strconv.Itoa(i))
	}
	v := map[string]value{
		"long":   cty.StringVal(long),
		"lines":  cty.StringVal(strings.Repeat("\n", 4<<20)),
		"kib":    cty.StringVal(long[:1<<10]),
		"many":   cty.ListVal(many),
		"some":   cty.ListVal(many[:10_000]),
		"commas": cty.StringVal(strings.Repeat(",", 4<<20)),
		"nines":  cty.StringVal(strings.Repeat("9", 4<<20)),
		"json":   cty.StringVal("[" + strings.Repeat("0,", 2<<20) + "0]"),
		"deep":   cty.StringVal(strings.Repeat("[", 4<<20)),
		"verbs":  cty.StringVal(strings.Repeat("%[1]s", 1000)),
		"widths": cty.StringVal(strings.Repeat("%[1]999d", 20_000)),
		"dollar": cty.StringVal(strings.Repeat("$0", 4096)),
	}
	for text, want := range map[string]string{
		`format("%999999999d", 1)`:                  "three digits",
		`format("%.999999999f", 1)`:                 "three digits",
		`format(v.verbs, v.long)`:                   "longer than 8 MiB",
		`format(v.widths, 1)`:                       "longer than 8 MiB",
		`formatlist("%s%s", v.long, [1, 2])`:        "longer than 8 MiB",
		`formatlist("%[1]999s", v.many)`:            "longer than 8 MiB",
		`formatlist(v.verbs, v.many)`:               "longer than 8 MiB",
		`indent(100, v.lines)`:                      "longer than 8 MiB",
		`indent(1e300, "a")`:                        "from 0 to 100",
		`join(v.kib, v.many)`:                       "longer than 8 MiB",
		`replace(v.long, "", v.kib)`:                "longer than 8 MiB",
		`replace(v.long, "a", v.kib)`:               "longer than 8 MiB",
		`split("", v.long)`:                         "pieces",
		`split(",", v.commas)`:                      "pieces",
		`trim(v.long, v.long)`:                      "at most 256",
		`regex("((((a{30}){30}){30}){30})", "a")`:   "no regular expression",
		`regexall("((a{30}){30})", "a")`:            "",
		`regex("(((a{9}){9}){9}){9}", "a")`:         "no regular expression",
		`regex("((a{0,9}){0,9})b", v.long)`:         "too long for the pattern",
		`regex(v.kib, "a")`:                         "longer than 1000 bytes",
		`regexall("a*b|a", v.long)`:                 "too much for the pattern",
		`regexall("a", v.long)`:                     "too much for the pattern",
		`regexreplace(v.kib, "a+", v.long)`:         "",
		`regexreplace(v.kib, "a", v.long)`:          "longer than 8 MiB",
		`regexreplace(v.kib, "(?s)^.*$", v.dollar)`: "",
		`setproduct(v.some, v.some, v.some)`:        "combinations",
		`setproduct(v.some, v.some, [])`:            "",
		`setproduct([1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2])`: "combinations",
		`range(1e9)`:                                     "1024",
		`range(0, 1, 1e-9)`:                              "1024",
		`pow(1e300, 1e300)`:                              "too great",
		`pow(9, 4000)`:                                   "too great",
		`parseint(v.nines, 10)`:                          "too long",
		`tonumber(v.nines)`:                              "too long",
		`tonumber("1e9999999")`:                          "bits",
		`jsondecode(v.nines)`:                            "digits",
		`jsondecode(v.json)`:                             "values",
		`jsondecode(v.deep)`:                             "deep",
		`csvdecode(v.commas)`:                            "fields",
		`csvdecode(v.lines)`:                             "fields",
		`jsonencode([v.commas, v.long, v.long])`:         "8 MiB",
		`distinct(v.many)`:                               "",
		`matchkeys(v.some, v.some, v.some)`:              "",
		`transpose({ for i in range(6) : i => v.many })`: "parts",
		`chunklist(v.many, 1)`:                           "",
		`chunklist(v.many, 1e300)`:                       "number",
		`concat(v.many, v.many, v.many, v.many, v.many, v.many)`:            "parts",
		`cidrhost("10.0.0.0/8", 1e300)`:                                     "addresses",
		`cidrsubnet("10.0.0.0/8", 1e300, 1)`:                                "0 to 24 bits",
		`cidrsubnets("10.0.0.0/8", [for i in range(1024) : 9]...)`:          "no room left",
		`cidrsubnets("::/0", v.many...)`:                                    "at most 1024",
		`cidrhost(v.long, 1)`:                                               "aaa...",
		`timeadd("2026-01-01T00:00:00Z", v.long)`:                           "longer than 1000",
		`formatdate(v.long, "2026-01-01T00:00:00Z")`:                        "longer than 1000",
		`substr(v.long, 0, 1e300)`:                                          "whole number",
		strings.Repeat("try(", 90) + "1 + null.a" + strings.Repeat(")", 90): "none of the expressions",
	} {
		v, diags := call(t, text, v)
		got := diags.Error()
		if !diags.HasErrors() {
			got = "a value"
			if err := measure(v); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
		if diags.HasErrors() != (want != "") || !strings.Contains(got, want) || len(got) > 2000 {
			t.Errorf("%s: %.300s, want %q", text, got, want)
		}
	}
}

// budgetEnds is an expression that takes too much, as the evaluator says it.
type budgetEnds struct{ *hclsyntax.LiteralValueExpr }

func (b budgetEnds) Value(*hcl.EvalContext) (value, hcl.Diagnostics) {
	panic(stopped{b.SrcRange, takesTooLong, "It goes on."})
}

// TestTryCatchesNoExhaustion: an expression that takes too much ends the whole,
// however many fallbacks stand around it.
func TestTryCatchesNoExhaustion(t *testing.T) {
	expr, diags := hclsyntax.ParseExpression([]byte(`try(can(try([1], 2)), 3)`), "x", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	inner := expr.(*hclsyntax.FunctionCallExpr).Args[0].(*hclsyntax.FunctionCallExpr).Args[0].(*hclsyntax.FunctionCallExpr)
	inner.Args[0] = budgetEnds{&hclsyntax.LiteralValueExpr{}}
	if v, diags := expr.Value(&hcl.EvalContext{Functions: functionTable}); !diags.HasErrors() || !strings.Contains(diags.Error(), "It goes on.") {
		t.Errorf("%#v, %v", v, diags)
	}
}

// TestReferences: a reference goes through collections, and is no text.
func TestReferences(t *testing.T) {
	ref := func(name string) value {
		return cty.CapsuleVal(reference, &resource.Addr{Kind: "container", Name: name})
	}
	v := map[string]value{
		"a": ref("a"), "b": ref("b"),
		"map": cty.MapVal(map[string]value{"x": ref("a"), "y": ref("b")}),
	}
	for text, want := range map[string]string{
		`length(v.map)`:                            "2",
		`keys(v.map)`:                              "[x y]",
		`values(v.map)`:                            "[container.a container.b]",
		`concat(values(v.map), [v.a])`:             "[container.a container.b container.a]",
		`distinct(concat(values(v.map), [v.a]))`:   "[container.a container.b]",
		`reverse([v.a, v.b])`:                      "[container.b container.a]",
		`merge(v.map, { z = v.a })["z"]`:           "container.a",
		`lookup(v.map, "x", null)`:                 "container.a",
		`element([v.a, v.b], 3)`:                   "container.b",
		`flatten([[v.a], [v.b]])`:                  "[container.a container.b]",
		`slice([v.a, v.b], 1, 2)`:                  "[container.b]",
		`one([v.a])`:                               "container.a",
		`coalesce(null, v.a)`:                      "container.a",
		`coalescelist([], [v.a])`:                  "[container.a]",
		`chunklist([v.a, v.b], 1)`:                 "[[container.a] [container.b]]",
		`contains([v.a], v.b)`:                     "false",
		`index([v.a, v.b], v.b)`:                   "1",
		`matchkeys([v.a, v.b], ["x", "y"], ["y"])`: "[container.b]",
		`matchkeys(["x", "y"], [v.a, v.b], [v.b])`: "[y]",
		`tolist([v.a, v.b])`:                       "[container.a container.b]",
		`length(toset([v.a, v.b, v.a]))`:           "2",
		`tomap({ x = v.a })["x"]`:                  "container.a",
		`zipmap(["x"], [v.a])["x"]`:                "container.a",
		`setunion([v.a], [v.b, v.a])`:              "[container.a container.b]",
		`setintersection([v.a], [v.b, v.a])`:       "[container.a]",
		`setsubtract([v.a, v.b], [v.a])`:           "[container.b]",
		`setproduct([v.a], ["x"])`:                 "[[container.a x]]",
		`[for k, r in v.map : r if k != "x"]`:      "[container.b]",
		`try(v.map["z"], v.a)`:                     "container.a",
		`can(v.map["z"])`:                          "false",
		`format("%s", v.a)`:                        "! no text",
		`format("%v", [v.a])`:                      "! no text",
		`formatlist("%s", [v.a])`:                  "! no text",
		`jsonencode({ a = v.a })`:                  "! no text",
		`join(",", [v.a])`:                         "! string required",
		`sort([v.a])`:                              "! string required",
		`tostring(v.a)`:                            "! cannot be made a string",
		`length(v.a)`:                              "! a list, a set",
	} {
		got, diags := call(t, text, v)
		shown := "! " + diags.Error()
		if !diags.HasErrors() {
			shown = show(got)
		}
		if wanted, isError := strings.CutPrefix(want, "! "); shown != want && !(isError && diags.HasErrors() && strings.Contains(shown, wanted)) {
			t.Errorf("%s = %s, want %s", text, shown, want)
		}
	}
}

// show writes a value in short.
func show(v value) string {
	switch {
	case v.IsNull():
		return "null"
	case v.Type() == reference:
		return v.EncapsulatedValue().(*resource.Addr).String()
	case v.Type() == cty.String:
		return v.AsString()
	case v.Type() == cty.Bool:
		return strconv.FormatBool(v.True())
	case v.Type() == cty.Number:
		return numberText(v.AsBigFloat())
	}
	var parts []string
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		parts = append(parts, show(e))
	}
	return "[" + strings.Join(parts, " ") + "]"
}

// FuzzFormatFunction: what is said of a format's verbs before is never less than what comes of it.
func FuzzFormatFunction(f *testing.F) {
	f.Add("%s-%02d%%", "web", 3.0)
	f.Add("%[2]999.5f|%-7q|%+[1]v|%#v|% x|%08b|%e", "\x01\"ä", 1e300)
	f.Add("%[", "", -1.5)
	f.Fuzz(func(t *testing.T, format, text string, number float64) {
		if number-number != 0 || len(format) > 1000 {
			return
		}
		args := []value{cty.StringVal(format), cty.StringVal(text), cty.NumberFloatVal(number), cty.ListVal([]value{cty.StringVal(text), cty.StringVal("b")})}
		v, err := functionTable["format"].Call(args)
		if err != nil {
			if strings.Contains(err.Error(), "bug in hostctl") {
				t.Fatal(err)
			}
			return
		}
		verbs, err := formatVerbs(args[0].AsString())
		if err != nil {
			t.Fatal(err)
		}
		most := len(args[0].AsString())
		for _, verb := range verbs {
			most += verb.pad
			if verb.arg < 3 {
				most += textSize(args[verb.arg+1])
			}
		}
		if got := len(v.AsString()); got > most {
			t.Errorf("%q makes %d bytes, at most %d were said", format, got, most)
		}
	})
}

// FuzzCIDR: networks lie within the network that they are made of, and apart.
func FuzzCIDR(f *testing.F) {
	f.Add("10.20.0.0/16", 8, 3, 4)
	f.Add("fd20::/48", 16, 65535, 0)
	f.Add("::/0", 128, -1, 127)
	f.Add("0.0.0.0/0", 33, 0, 1)
	f.Fuzz(func(t *testing.T, network string, bits, number, more int) {
		ask := func(name string, args ...value) (value, bool) {
			v, err := functionTable[name].Call(args)
			if err != nil && strings.Contains(err.Error(), "bug in hostctl") {
				t.Fatal(err)
			}
			return v, err == nil
		}
		p, n := cty.StringVal(network), func(i int) value { return cty.NumberIntVal(int64(i)) }
		inside := func(v value) netip.Prefix {
			if in, ok := ask("cidrcontains", p, v); !ok || in.False() {
				t.Errorf("%s is not in %s", v.AsString(), network)
			}
			part, _ := netip.ParsePrefix(v.AsString())
			return part
		}
		if v, ok := ask("cidrhost", p, n(number)); ok {
			inside(v)
		}
		if v, ok := ask("cidrsubnet", p, n(bits), n(number)); ok {
			inside(v)
		}
		if v, ok := ask("cidrsubnets", p, n(bits), n(more), n(bits)); ok {
			list := v.AsValueSlice()
			for i := range list {
				for j := range i {
					if inside(list[i]).Overlaps(inside(list[j])) {
						t.Errorf("%s and %s overlap", list[i].AsString(), list[j].AsString())
					}
				}
			}
		}
		ask("cidrnetmask", p)
	})
}

// FuzzJSONGuard: JSON that the guard lets through is decoded to what it says.
func FuzzJSONGuard(f *testing.F) {
	f.Add(`{"a": [1, -2.5e3, "x", null, true]}`)
	f.Fuzz(func(t *testing.T, text string) {
		_, err := functionTable["jsondecode"].Call([]value{cty.StringVal(text)})
		if err == nil && !json.Valid([]byte(cty.StringVal(text).AsString())) {
			t.Errorf("%q is no JSON", text)
		}
	})
}

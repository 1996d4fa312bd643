package hcl

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// Function is one function of the language, for the manual.
type Function struct {
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

// functionTable is functions as the evaluator wants them.
var functionTable = func() map[string]function.Function {
	table := make(map[string]function.Function, len(functions))
	for _, f := range functions {
		table[f.Name] = f.impl
	}
	return table
}()

// bounded is a function whose arguments and result have the size that any
// value may have. guards are asked before it is called.
func bounded(f function.Function, guards ...func(args []value) error) function.Function {
	return function.New(&function.Spec{
		Params:   f.Params(),
		VarParam: f.VarParam(),
		Type: func(args []value) (cty.Type, error) {
			if err := measure(args...); err != nil {
				return cty.DynamicPseudoType, err
			}
			for _, guard := range guards {
				if !allKnown(args) {
					break // a for expression tries its condition before it has values
				}
				if err := guard(args); err != nil {
					return cty.DynamicPseudoType, err
				}
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []value, _ cty.Type) (value, error) {
			v, err := f.Call(args)
			if err != nil {
				return v, err
			}
			return v, measure(v)
		},
	})
}

func allKnown(args []value) bool {
	for _, v := range args {
		if !v.IsWhollyKnown() {
			return false
		}
	}
	return true
}

// functions is sorted by name.
var functions = []Function{
	{"abs", "abs(number)", "The number without its sign.", `abs(-3)`, `3`, bounded(stdlib.AbsoluteFunc)},
	{"base64decode", "base64decode(text)", "The text that the base64 text stands for, which must be UTF-8.", `base64decode("aGk=")`, `"hi"`, bounded(base64Decode)},
	{"base64encode", "base64encode(text)", "The base64 text of the text's UTF-8 bytes.", `base64encode("hi")`, `"aGk="`, bounded(base64Encode)},
	{"ceil", "ceil(number)", "The least whole number that is not below the number.", `ceil(1.2)`, `2`, bounded(stdlib.CeilFunc)},
	{"chomp", "chomp(text)", "The text without the newlines at its end.", `chomp("a\n")`, `"a"`, bounded(stdlib.ChompFunc)},
	{"cidrhost", "cidrhost(prefix, number)", "The address with this number in the network; a negative one counts from its end.", `cidrhost("10.20.0.0/24", 5)`, `"10.20.0.5"`, bounded(cidrHost)},
	{"cidrnetmask", "cidrnetmask(prefix)", "The netmask of an IPv4 network.", `cidrnetmask("10.20.0.0/20")`, `"255.255.240.0"`, bounded(cidrNetmask)},
	{"cidrsubnet", "cidrsubnet(prefix, bits, number)", "The network with this number among those that are longer by so many bits.", `cidrsubnet("10.20.0.0/16", 8, 3)`, `"10.20.3.0/24"`, bounded(cidrSubnet)},
	{"coalesce", "coalesce(values...)", "The first of the values that is not null.", `coalesce(null, "b")`, `"b"`, bounded(stdlib.CoalesceFunc)},
	{"concat", "concat(lists...)", "One list of the elements of all lists.", `concat(["a"], ["b"])`, `["a", "b"]`, bounded(stdlib.ConcatFunc)},
	{"contains", "contains(list, value)", "Whether the list or set has the value.", `contains(["a", "b"], "b")`, `true`, bounded(stdlib.ContainsFunc)},
	{"distinct", "distinct(list)", "The list without repetitions.", `distinct(["a", "b", "a"])`, `["a", "b"]`, bounded(stdlib.DistinctFunc, atMost(5000))},
	{"element", "element(list, index)", "The element at the index, which begins at 0 and goes round at the list's end.", `element(["a", "b"], 3)`, `"b"`, bounded(stdlib.ElementFunc)},
	{"endswith", "endswith(text, suffix)", "Whether the text ends with the suffix.", `endswith("web.log", ".log")`, `true`, bounded(endsWith)},
	{"flatten", "flatten(list)", "The list with the elements of inner lists in place of these.", `flatten([["a"], ["b", ["c"]]])`, `["a", "b", "c"]`, bounded(stdlib.FlattenFunc)},
	{"floor", "floor(number)", "The greatest whole number that is not above the number.", `floor(1.8)`, `1`, bounded(stdlib.FloorFunc)},
	{"format", "format(format, values...)", "The text of the format with the values in place of %s, %d, %q, %v and the like.", `format("%s-%02d", "web", 3)`, `"web-03"`, bounded(stdlib.FormatFunc, narrow)},
	{"formatlist", "formatlist(format, values...)", "As format, for each element of the lists among the values.", `formatlist("%s.log", ["a", "b"])`, `["a.log", "b.log"]`, bounded(stdlib.FormatListFunc, narrow)},
	{"indent", "indent(spaces, text)", "The text with so many spaces before every line but the first.", `indent(2, "a\nb")`, `"a\n  b"`, bounded(stdlib.IndentFunc, fewSpaces)},
	{"join", "join(separator, lists...)", "The texts of the lists with the separator between them.", `join(", ", ["a", "b"])`, `"a, b"`, bounded(stdlib.JoinFunc, shortJoin)},
	{"jsondecode", "jsondecode(text)", "The value that the JSON text stands for.", `jsondecode("{\"a\": [1]}")`, `{ a = [1] }`, bounded(stdlib.JSONDecodeFunc, shallowJSON)},
	{"jsonencode", "jsonencode(value)", "The value as JSON.", `jsonencode({ a = [1] })`, `"{\"a\":[1]}"`, bounded(stdlib.JSONEncodeFunc, noReference)},
	{"keys", "keys(map)", "The keys of the map, sorted.", `keys({ b = 1, a = 2 })`, `["a", "b"]`, bounded(stdlib.KeysFunc)},
	{"length", "length(value)", "How many elements a list, set or map has, or characters a text.", `length(["a", "b"])`, `2`, bounded(length)},
	{"lookup", "lookup(map, key, default)", "The value of the key, or the default.", `lookup({ a = "1" }, "b", "0")`, `"0"`, bounded(stdlib.LookupFunc)},
	{"lower", "lower(text)", "The text in lower case.", `lower("Web")`, `"web"`, bounded(stdlib.LowerFunc)},
	{"max", "max(numbers...)", "The greatest of the numbers.", `max(1, 3, 2)`, `3`, bounded(stdlib.MaxFunc)},
	{"merge", "merge(maps...)", "One map of the keys of all; a later one wins.", `merge({ a = 1 }, { a = 2, b = 3 })`, `{ a = 2, b = 3 }`, bounded(stdlib.MergeFunc)},
	{"min", "min(numbers...)", "The least of the numbers.", `min(3, 1, 2)`, `1`, bounded(stdlib.MinFunc)},
	{"one", "one(list)", "The only element of a list or set of one, null for an empty one.", `one(["a"])`, `"a"`, bounded(one)},
	{"parseint", "parseint(text, base)", "The whole number that the text is in a base from 2 to 62.", `parseint("ff", 16)`, `255`, bounded(stdlib.ParseIntFunc, shortNumber)},
	{"range", "range(start, limit, step)", "The numbers from start (0) to below limit by step (1), at most 1024.", `range(1, 4)`, `[1, 2, 3]`, bounded(stdlib.RangeFunc)},
	{"replace", "replace(text, old, new)", "The text with new in place of every old.", `replace("a.b", ".", "-")`, `"a-b"`, bounded(replace)},
	{"reverse", "reverse(list)", "The list from its end.", `reverse(["a", "b"])`, `["b", "a"]`, bounded(stdlib.ReverseListFunc)},
	{"sha256", "sha256(text)", "The SHA-256 of the text's UTF-8 bytes in hexadecimal.", `substr(sha256("hi"), 0, 8)`, `"8f434346"`, bounded(sha256Hex)},
	{"slice", "slice(list, start, end)", "The elements from start to before end.", `slice(["a", "b", "c"], 1, 3)`, `["b", "c"]`, bounded(stdlib.SliceFunc)},
	{"sort", "sort(list)", "The texts of the list, sorted by their bytes.", `sort(["b", "a"])`, `["a", "b"]`, bounded(stdlib.SortFunc)},
	{"split", "split(separator, text)", "The pieces of the text between the separators.", `split(",", "a,b")`, `["a", "b"]`, bounded(stdlib.SplitFunc)},
	{"startswith", "startswith(text, prefix)", "Whether the text begins with the prefix.", `startswith("/srv/db", "/srv")`, `true`, bounded(startsWith)},
	{"substr", "substr(text, offset, length)", "So many characters from the offset; a length of -1 takes all.", `substr("worker", 0, 4)`, `"work"`, bounded(stdlib.SubstrFunc)},
	{"title", "title(text)", "The text with each word's first letter in upper case.", `title("web server")`, `"Web Server"`, bounded(stdlib.TitleFunc)},
	{"tobool", "tobool(value)", "The value as a bool.", `tobool("true")`, `true`, bounded(to(cty.Bool))},
	{"tolist", "tolist(value)", "The value as a list, all elements of one type.", `tolist(["a", 1])`, `["a", "1"]`, bounded(to(cty.List(cty.DynamicPseudoType)))},
	{"tomap", "tomap(value)", "The value as a map, all values of one type.", `tomap({ a = "x", b = 1 })`, `{ a = "x", b = "1" }`, bounded(to(cty.Map(cty.DynamicPseudoType)))},
	{"tonumber", "tonumber(value)", "The value as a number.", `tonumber("8080")`, `8080`, bounded(to(cty.Number), shortNumber)},
	{"toset", "toset(value)", "The value as a set: without order and repetitions.", `toset(["b", "a", "b"])`, `["a", "b"]`, bounded(to(cty.Set(cty.DynamicPseudoType)))},
	{"tostring", "tostring(value)", "The value as text.", `tostring(8080)`, `"8080"`, bounded(to(cty.String))},
	{"trim", "trim(text, characters)", "The text without these characters at both ends.", `trim("?!hi!", "!?")`, `"hi"`, bounded(stdlib.TrimFunc)},
	{"trimprefix", "trimprefix(text, prefix)", "The text without the prefix.", `trimprefix("v1.2", "v")`, `"1.2"`, bounded(stdlib.TrimPrefixFunc)},
	{"trimspace", "trimspace(text)", "The text without spaces and newlines at both ends.", `trimspace(" a\n")`, `"a"`, bounded(stdlib.TrimSpaceFunc)},
	{"trimsuffix", "trimsuffix(text, suffix)", "The text without the suffix.", `trimsuffix("a.log", ".log")`, `"a"`, bounded(stdlib.TrimSuffixFunc)},
	{"upper", "upper(text)", "The text in upper case.", `upper("Web")`, `"WEB"`, bounded(stdlib.UpperFunc)},
	{"values", "values(map)", "The values of the map, in the order of its keys.", `values({ b = 1, a = 2 })`, `[2, 1]`, bounded(stdlib.ValuesFunc)},
	{"zipmap", "zipmap(keys, values)", "The map of the keys and the values at the same index.", `zipmap(["a", "b"], [1, 2])`, `{ a = 1, b = 2 }`, bounded(stdlib.ZipmapFunc)},
}

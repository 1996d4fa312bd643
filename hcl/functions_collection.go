package hcl

import (
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// collectionFunctions is sorted by name.
var collectionFunctions = []Function{
	{"Collections", "alltrue", "alltrue(list)", "Whether every element is true; of an empty list, true.", `alltrue([true, false])`, `false`, bounded(allTrue)},
	{"Collections", "anytrue", "anytrue(list)", "Whether an element is true; of an empty list, false.", `anytrue([true, false])`, `true`, bounded(anyTrue)},
	{"Collections", "chunklist", "chunklist(list, size)", "The list cut into lists of so many elements; the last may be shorter.", `chunklist(["a", "b", "c"], 2)`, `[["a", "b"], ["c"]]`, bounded(stdlib.ChunklistFunc)},
	{"Collections", "coalesce", "coalesce(values...)", "The first of the values that is not null.", `coalesce(null, "b")`, `"b"`, bounded(stdlib.CoalesceFunc)},
	{"Collections", "coalescelist", "coalescelist(lists...)", "The first of the lists that is not empty.", `coalescelist([], ["b"])`, `["b"]`, bounded(stdlib.CoalesceListFunc)},
	{"Collections", "compact", "compact(list)", "The texts of the list without empty ones and nulls.", `compact(["a", "", "b"])`, `["a", "b"]`, bounded(stdlib.CompactFunc)},
	{"Collections", "concat", "concat(lists...)", "One list of the elements of all lists.", `concat(["a"], ["b"])`, `["a", "b"]`, bounded(stdlib.ConcatFunc)},
	{"Collections", "contains", "contains(list, value)", "Whether the list or set has the value.", `contains(["a", "b"], "b")`, `true`, bounded(contains)},
	{"Collections", "distinct", "distinct(list)", "The list without repetitions.", `distinct(["a", "b", "a"])`, `["a", "b"]`, bounded(distinct)},
	{"Collections", "element", "element(list, index)", "The element at the index, which begins at 0 and goes round at the list's end.", `element(["a", "b"], 3)`, `"b"`, bounded(stdlib.ElementFunc)},
	{"Collections", "flatten", "flatten(list)", "The list with the elements of inner lists in place of these.", `flatten([["a"], ["b", ["c"]]])`, `["a", "b", "c"]`, bounded(stdlib.FlattenFunc)},
	{"Collections", "index", "index(list, value)", "The first index of the list at which the value stands; it is an error where it stands nowhere.", `index(["a", "b"], "b")`, `1`, bounded(indexOf)},
	{"Collections", "keys", "keys(map)", "The keys of the map, sorted.", `keys({ b = 1, a = 2 })`, `["a", "b"]`, bounded(stdlib.KeysFunc)},
	{"Collections", "length", "length(value)", "How many elements a list, set or map has, or characters a text.", `length(["a", "b"])`, `2`, bounded(length)},
	{"Collections", "lookup", "lookup(map, key, default)", "The value of the key, or the default; without one, a missing key is an error.", `lookup({ a = "1" }, "b", "0")`, `"0"`, bounded(lookup)},
	{"Collections", "matchkeys", "matchkeys(values, keys, wanted)", "The values for which the element of keys at the same index is one of wanted.", `matchkeys(["a", "b", "c"], ["x", "y", "x"], ["x"])`, `["a", "c"]`, bounded(matchKeys)},
	{"Collections", "merge", "merge(maps...)", "One map of the keys of all; a later one wins.", `merge({ a = 1 }, { a = 2, b = 3 })`, `{ a = 2, b = 3 }`, bounded(stdlib.MergeFunc)},
	{"Collections", "one", "one(list)", "The only element of a list or set of one, null for an empty one.", `one(["a"])`, `"a"`, bounded(one)},
	{"Collections", "range", "range(start, limit, step)", "The numbers from start (0) to below limit by step (1), at most 1024.", `range(1, 4)`, `[1, 2, 3]`, bounded(stdlib.RangeFunc)},
	{"Collections", "reverse", "reverse(list)", "The list from its end.", `reverse(["a", "b"])`, `["b", "a"]`, bounded(stdlib.ReverseListFunc)},
	{"Collections", "setintersection", "setintersection(sets...)", "The elements that all sets have.", `setintersection(["a", "b"], ["b", "c"])`, `["b"]`, bounded(stdlib.SetIntersectionFunc)},
	{"Collections", "setproduct", "setproduct(lists...)", "Every combination of one element of each list or set.", `setproduct(["a", "b"], ["x"])`, `[["a", "x"], ["b", "x"]]`, bounded(stdlib.SetProductFunc, fewCombinations)},
	{"Collections", "setsubtract", "setsubtract(set, without)", "The elements of the first set that the second has not.", `setsubtract(["a", "b"], ["b"])`, `["a"]`, bounded(stdlib.SetSubtractFunc)},
	{"Collections", "setunion", "setunion(sets...)", "The elements that any of the sets has.", `setunion(["a"], ["b", "a"])`, `["a", "b"]`, bounded(stdlib.SetUnionFunc)},
	{"Collections", "slice", "slice(list, start, end)", "The elements from start to before end.", `slice(["a", "b", "c"], 1, 3)`, `["b", "c"]`, bounded(stdlib.SliceFunc)},
	{"Collections", "sort", "sort(list)", "The texts of the list, sorted by their bytes.", `sort(["b", "a"])`, `["a", "b"]`, bounded(stdlib.SortFunc)},
	{"Collections", "sum", "sum(list)", "The sum of the numbers; of an empty list, 0.", `sum([1, 2, 3.5])`, `6.5`, bounded(sum)},
	{"Collections", "transpose", "transpose(map)", "The map of lists turned round: for each text in the lists the keys that it stood under.", `transpose({ a = ["x", "y"], b = ["x"] })`, `{ x = ["a", "b"], y = ["a"] }`, bounded(transpose)},
	{"Collections", "values", "values(map)", "The values of the map, in the order of its keys.", `values({ b = 1, a = 2 })`, `[2, 1]`, bounded(stdlib.ValuesFunc)},
	{"Collections", "zipmap", "zipmap(keys, values)", "The map of the keys and the values at the same index.", `zipmap(["a", "b"], [1, 2])`, `{ a = 1, b = 2 }`, bounded(stdlib.ZipmapFunc)},
}

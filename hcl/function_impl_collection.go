package hcl

import (
	"errors"
	"slices"
	"strconv"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"hostctl/resource"
)

// The functions of collections that the outer library has not, or not so. A
// reference is an element as any other.

func listParam(name string, element cty.Type) function.Parameter {
	return function.Parameter{Name: name, Type: cty.List(element)}
}

// length is the outer library's, for texts and objects too. How many there are
// is no secret where only the elements are.
var length = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowMarked: true}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []value, _ cty.Type) (value, error) {
		v, marks := args[0].Unmark()
		switch {
		case v.Type() == cty.String:
			n, err := stdlib.Strlen(v)
			return n.WithMarks(marks), err
		case v.CanIterateElements():
			return cty.NumberIntVal(int64(v.LengthInt())).WithMarks(marks), nil
		}
		return none, function.NewArgErrorf(0, "a list, a set, a map or text is wanted")
	},
})

// lookup is the outer library's with a default that may be null or left out.
var lookup = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "map", Type: cty.DynamicPseudoType, AllowMarked: true},
		{Name: "key", Type: cty.String, AllowMarked: true},
	},
	VarParam: &function.Parameter{Name: "default", Type: cty.DynamicPseudoType, AllowMarked: true, AllowNull: true, AllowDynamicType: true},
	Type: func(args []value) (cty.Type, error) {
		ty := args[0].Type()
		key, _ := args[1].Unmark()
		switch {
		case len(args) > 3:
			return cty.DynamicPseudoType, function.NewArgErrorf(3, "one default is enough")
		case ty.IsMapType():
			if len(args) == 3 {
				if _, err := convert.Convert(args[2], ty.ElementType()); err != nil {
					return cty.DynamicPseudoType, function.NewArgErrorf(2, "the default is of another type than the values of the map: %v", err)
				}
			}
			return ty.ElementType(), nil
		case !ty.IsObjectType():
			return cty.DynamicPseudoType, function.NewArgErrorf(0, "a map is wanted")
		case !key.IsKnown():
			return cty.DynamicPseudoType, nil
		case ty.HasAttribute(key.AsString()):
			return ty.AttributeType(key.AsString()), nil
		case len(args) == 3:
			return args[2].Type(), nil
		}
		return cty.DynamicPseudoType, nil
	},
	Impl: func(args []value, result cty.Type) (value, error) {
		from, fromMarks := args[0].Unmark()
		key, keyMarks := args[1].Unmark()
		name := key.AsString()
		switch ty := from.Type(); {
		case ty.IsObjectType() && ty.HasAttribute(name):
			return from.GetAttr(name).WithMarks(fromMarks, keyMarks), nil
		case ty.IsMapType() && from.HasIndex(key).True():
			return from.Index(key).WithMarks(fromMarks, keyMarks), nil
		case len(args) < 3:
			return none, function.NewArgErrorf(1, "the map has no key %q, and there is no default", name)
		}
		v, err := convert.Convert(args[2], result)
		return v.WithMarks(fromMarks, keyMarks), err
	},
})

var one = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type: func(args []value) (cty.Type, error) {
		ty := args[0].Type()
		switch {
		case ty.IsListType() || ty.IsSetType():
			return ty.ElementType(), nil
		case ty.IsTupleType() && len(ty.TupleElementTypes()) == 1:
			return ty.TupleElementType(0), nil
		case ty.IsTupleType():
			return cty.DynamicPseudoType, nil
		}
		return cty.DynamicPseudoType, function.NewArgErrorf(0, "a list or a set is wanted")
	},
	Impl: func(args []value, result cty.Type) (value, error) {
		switch n := args[0].LengthInt(); n {
		case 0:
			return cty.NullVal(result), nil
		case 1:
			it := args[0].ElementIterator()
			it.Next()
			_, v := it.Element()
			return v, nil
		default:
			return none, function.NewArgErrorf(0, "it has %d elements; one or none is wanted", n)
		}
	},
})

// listFunc is a function of one list.
func listFunc(element, result cty.Type, impl func(elements []value) (value, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{listParam("list", element)},
		Type:   function.StaticReturnType(result),
		Impl:   func(args []value, _ cty.Type) (value, error) { return impl(args[0].AsValueSlice()) },
	})
}

var (
	allTrue = listFunc(cty.Bool, cty.Bool, func(elements []value) (value, error) {
		return cty.BoolVal(!slices.ContainsFunc(elements, func(v value) bool { return v.IsNull() || v.False() })), nil
	})
	anyTrue = listFunc(cty.Bool, cty.Bool, func(elements []value) (value, error) {
		return cty.BoolVal(slices.ContainsFunc(elements, func(v value) bool { return !v.IsNull() && v.True() })), nil
	})
	sum = listFunc(cty.Number, cty.Number, func(elements []value) (value, error) {
		total := cty.Zero
		for _, v := range elements {
			if v.IsNull() {
				return none, function.NewArgErrorf(0, "an element of the list is null")
			}
			total = total.Add(v)
		}
		return total, nil
	})
)

// appendKey writes a value so that two of one type are equal if and only if their keys are.
func appendKey(to []byte, v value) []byte {
	switch ty := v.Type(); {
	case v.IsNull():
		return append(to, 'n')
	case ty == cty.String:
		return strconv.AppendQuote(to, v.AsString())
	case ty == cty.Number:
		return v.AsBigFloat().Append(append(to, '#'), 'p', 0)
	case ty == cty.Bool:
		return strconv.AppendBool(to, v.True())
	case ty == reference:
		return append(append(to, '&'), v.EncapsulatedValue().(*resource.Addr).String()...)
	case ty == dependency:
		return append(append(to, '?'), v.EncapsulatedValue().(*resource.Dependency).String()...)
	case v.CanIterateElements():
		to = append(to, '(')
		for it := v.ElementIterator(); it.Next(); {
			k, element := it.Element()
			if !ty.IsSetType() {
				to = append(appendKey(to, k), '=')
			}
			to = append(appendKey(to, element), ',')
		}
		return append(to, ')')
	}
	return to
}

// distinct is the outer library's in linear time.
var distinct = function.New(&function.Spec{
	Params: []function.Parameter{listParam("list", cty.DynamicPseudoType)},
	Type:   func(args []value) (cty.Type, error) { return args[0].Type(), nil },
	Impl: func(args []value, result cty.Type) (value, error) {
		seen := map[string]bool{}
		var list []value
		for _, v := range args[0].AsValueSlice() {
			if k := string(appendKey(nil, v)); !seen[k] {
				seen[k] = true
				list = append(list, v)
			}
		}
		return listOf(result, list), nil
	},
})

func listOf(ty cty.Type, list []value) value {
	if len(list) == 0 {
		return cty.ListValEmpty(ty.ElementType())
	}
	return cty.ListVal(list)
}

// indexIn returns the index of a value in a list or set, -1 where it is not in it.
func indexIn(args []value) int {
	return slices.IndexFunc(args[0].AsValueSlice(), func(v value) bool {
		return v.RawEquals(args[1]) || v.IsNull() && args[1].IsNull()
	})
}

// finder is a function of a collection and a value to look for in it.
func finder(result cty.Type, sets bool, impl func(args []value) (value, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}, {Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true}},
		Type: func(args []value) (cty.Type, error) {
			ty := args[0].Type()
			if !ty.IsListType() && !ty.IsTupleType() && !(sets && ty.IsSetType()) {
				return result, function.NewArgErrorf(0, "a list is wanted")
			}
			return result, nil
		},
		Impl: func(args []value, _ cty.Type) (value, error) { return impl(args) },
	})
}

var (
	contains = finder(cty.Bool, true, func(args []value) (value, error) { return cty.BoolVal(indexIn(args) >= 0), nil })
	indexOf  = finder(cty.Number, false, func(args []value) (value, error) {
		i := indexIn(args)
		if i < 0 {
			return none, function.NewArgErrorf(1, "it is not in the list; contains says whether it is")
		}
		return cty.NumberIntVal(int64(i)), nil
	})
)

var matchKeys = function.New(&function.Spec{
	Params: []function.Parameter{listParam("values", cty.DynamicPseudoType), listParam("keys", cty.DynamicPseudoType), listParam("wanted", cty.DynamicPseudoType)},
	Type: func(args []value) (cty.Type, error) {
		if ty, _ := convert.Unify([]cty.Type{args[1].Type(), args[2].Type()}); ty == cty.NilType {
			return cty.NilType, errors.New("the keys and the wanted ones are of different types")
		}
		return args[0].Type(), nil
	},
	Impl: func(args []value, result cty.Type) (value, error) {
		values, keys := args[0].AsValueSlice(), args[1].AsValueSlice()
		if len(values) != len(keys) {
			return none, function.NewArgErrorf(1, "there are %d keys for %d values", len(keys), len(values))
		}
		ty, _ := convert.Unify([]cty.Type{args[1].Type(), args[2].Type()})
		of := func(v value) (string, error) {
			v, err := convert.Convert(v, ty.ElementType())
			if err != nil {
				return "", err
			}
			return string(appendKey(nil, v)), nil
		}
		wanted := map[string]bool{}
		for _, v := range args[2].AsValueSlice() {
			k, err := of(v)
			if err != nil {
				return none, function.NewArgError(2, err)
			}
			wanted[k] = true
		}
		var list []value
		for i, v := range keys {
			k, err := of(v)
			if err != nil {
				return none, function.NewArgError(1, err)
			}
			if wanted[k] {
				list = append(list, values[i])
			}
		}
		return listOf(result, list), nil
	},
})

var transpose = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "map", Type: cty.Map(cty.List(cty.String))}},
	Type:   function.StaticReturnType(cty.Map(cty.List(cty.String))),
	Impl: func(args []value, result cty.Type) (value, error) {
		turned := map[string][]value{}
		for it := args[0].ElementIterator(); it.Next(); {
			k, list := it.Element()
			if list.IsNull() {
				return none, function.NewArgErrorf(0, "the list of %q is null", k.AsString())
			}
			for _, v := range list.AsValueSlice() {
				if v.IsNull() {
					return none, function.NewArgErrorf(0, "an element of the list of %q is null", k.AsString())
				}
				turned[v.AsString()] = append(turned[v.AsString()], k)
			}
		}
		if len(turned) == 0 {
			return cty.MapValEmpty(result.ElementType()), nil
		}
		out := make(map[string]value, len(turned))
		for k, list := range turned {
			out[k] = cty.ListVal(list)
		}
		return cty.MapVal(out), nil
	},
})

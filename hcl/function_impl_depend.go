package hcl

import (
	"reflect"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"hostctl/resource"
)

// dependency is the type of a reference with a condition, opaque as a reference is. It can stand in depends_on alone.
var dependency = cty.CapsuleWithOps("condition", reflect.TypeFor[resource.Dependency](), &cty.CapsuleOps{
	GoString:     func(v any) string { return v.(*resource.Dependency).String() },
	TypeGoString: func(reflect.Type) string { return "condition" },
	Equals:       func(a, b any) cty.Value { return cty.BoolVal(*a.(*resource.Dependency) == *b.(*resource.Dependency)) },
	RawEquals:    func(a, b any) bool { return *a.(*resource.Dependency) == *b.(*resource.Dependency) },
	HashKey:      func(v any) string { return v.(*resource.Dependency).String() },
})

// dependencyFunctions is sorted by name.
var dependencyFunctions = []Function{
	{"Dependencies", "completed", "completed(reference)", "In depends_on: that the job has ended with success, as in completed(container.migrate). Of a list, such as values(container.job), the list of that.", `completed([])`, `[]`, until(resource.Completed)},
	{"Dependencies", "healthy", "healthy(reference)", "In depends_on: that the container is ready and, by its health block, well, as in healthy(container.db). Of a list, such as values(container.db), the list of that.", `healthy([])`, `[]`, until(resource.Healthy)},
}

// until is the function that puts a condition on a reference, or on each of a list.
func until(when resource.Condition) function.Function {
	one := func(v value) (value, bool) {
		if v.Type() != reference || v.IsNull() || !v.IsKnown() {
			return none, false
		}
		return cty.CapsuleVal(dependency, &resource.Dependency{To: *v.EncapsulatedValue().(*resource.Addr), When: when}), true
	}
	const wanted = "a reference is wanted, such as container.db, or a list of references"
	make := func(arg value) (value, error) {
		if v, ok := one(arg); ok {
			return v, nil
		}
		ty := arg.Type()
		switch {
		case ty == dependency:
			return none, function.NewArgErrorf(0, "it has a condition already: %s", arg.EncapsulatedValue().(*resource.Dependency))
		case ty.IsMapType() && ty.ElementType() == reference:
			return none, function.NewArgErrorf(0, "it stands for several resources, made by for_each; write values(...) around it for all of them, or name one by its key")
		case arg.IsNull() || !ty.IsTupleType() && !ty.IsListType() && !ty.IsSetType():
			return none, function.NewArgErrorf(0, wanted)
		}
		list := []value{}
		for it := arg.ElementIterator(); it.Next(); {
			_, element := it.Element()
			v, ok := one(element)
			if !ok {
				return none, function.NewArgErrorf(0, wanted)
			}
			list = append(list, v)
		}
		if len(list) == 0 {
			return cty.ListValEmpty(dependency), nil
		}
		return cty.ListVal(list), nil
	}
	return bounded(function.New(&function.Spec{
		Params: []function.Parameter{{Name: "reference", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true}},
		Type: func(args []value) (cty.Type, error) {
			if !args[0].IsWhollyKnown() {
				return cty.DynamicPseudoType, nil
			}
			v, err := make(args[0])
			if err != nil {
				return cty.DynamicPseudoType, err
			}
			return v.Type(), nil
		},
		Impl: func(args []value, _ cty.Type) (value, error) { return make(args[0]) },
	}))
}

package hcl

import (
	"encoding"
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostctl/resource"
)

// set gives a field the value of its attribute, which is not null.
func (d *decoder) set(a *resource.Attr, f reflect.Value, v value, expr hclsyntax.Expression, path string) {
	at := expr.Range()
	invalid := func(at hcl.Range, detail string) {
		d.fail(at, fmt.Sprintf("Invalid value for %q", a.Name), detail)
	}
	switch a.Form {
	case resource.Scalar:
		if why := scalar(f, v, a.Text); why != "" {
			invalid(at, why)
		}
	case resource.Reference:
		if addr, why := d.addr(v, a.Ref); why != "" {
			invalid(at, why)
		} else {
			f.Set(reflect.ValueOf(addr))
		}
	case resource.List:
		ty := v.Type()
		if !ty.IsTupleType() && !ty.IsListType() && !ty.IsSetType() {
			if ty.IsMapType() && ty.ElementType() == reference {
				_, why := d.addr(v, a.Ref)
				invalid(at, why+fmt.Sprintf(" For all of them write values(%s).", strings.TrimSpace(d.source(at))))
				return
			}
			invalid(at, fmt.Sprintf("A list is wanted, not %s; write %s.", article(v), example(a)))
			return
		}
		list := reflect.MakeSlice(f.Type(), v.LengthInt(), v.LengthInt())
		items, _ := expr.(*hclsyntax.TupleConsExpr)
		i := 0
		for it := v.ElementIterator(); it.Next(); i++ {
			_, element := it.Element()
			here := at
			if items != nil && len(items.Exprs) == list.Len() {
				here = items.Exprs[i].Range()
			}
			var why string
			switch {
			case element.IsNull():
				why = "An element of the list is null."
			case a.Ref != "":
				why = d.listed(list.Index(i), element, a)
			default:
				why = scalar(list.Index(i), element, a.Text)
			}
			if why != "" {
				invalid(here, why)
			}
		}
		f.Set(list)
	case resource.Map:
		d.setMap(a, f, v, expr, path, invalid)
	}
}

// listed sets an element of a list of references, and returns why it cannot.
func (d *decoder) listed(f reflect.Value, v value, a *resource.Attr) (why string) {
	when := resource.Dependency{}
	if a.Conditional && v.Type() == dependency {
		when = *v.EncapsulatedValue().(*resource.Dependency)
		v = cty.CapsuleVal(reference, &when.To)
	}
	if when.To, why = d.addr(v, a.Ref); a.Conditional {
		f.Set(reflect.ValueOf(when))
	} else {
		f.Set(reflect.ValueOf(when.To))
	}
	return why
}

func (d *decoder) setMap(a *resource.Attr, f reflect.Value, v value, expr hclsyntax.Expression, path string, invalid func(hcl.Range, string)) {
	at := expr.Range()
	if !v.Type().IsObjectType() && !v.Type().IsMapType() {
		invalid(at, fmt.Sprintf("A map is wanted, not %s; write %s.", article(v), example(a)))
		return
	}
	ranges := map[string]hcl.Range{}
	if object, ok := expr.(*hclsyntax.ObjectConsExpr); ok {
		for _, item := range object.Items {
			key, diags := item.KeyExpr.Value(nil)
			if diags.HasErrors() || key.IsNull() || !key.IsKnown() || key.Type() != cty.String {
				continue
			}
			if before, dup := ranges[key.AsString()]; dup {
				invalid(item.KeyExpr.Range(), fmt.Sprintf("The key %q was written before at %s.", key.AsString(), where(before)))
			}
			ranges[key.AsString()] = item.ValueExpr.Range()
		}
	}
	m := reflect.MakeMapWithSize(f.Type(), v.LengthInt())
	for it := v.ElementIterator(); it.Next(); {
		k, element := it.Element()
		key := k.AsString()
		here, ok := ranges[key]
		if !ok {
			here = at
		}
		d.places.note(path+"["+strconv.Quote(key)+"]", here)
		if why, bad := badText(key, false); bad {
			invalid(here, "In a key: "+why)
			continue
		}
		if element.IsNull() {
			invalid(here, fmt.Sprintf("The value of the key %q is null.", key))
			continue
		}
		text := reflect.New(f.Type().Elem()).Elem()
		if why := scalar(text, element, a.Text); why != "" {
			invalid(here, why)
			continue
		}
		m.SetMapIndex(reflect.ValueOf(key).Convert(f.Type().Key()), text)
	}
	f.Set(m)
}

// source is the text of a range.
func (d *decoder) source(at hcl.Range) string {
	src := d.req.Sources.text(at.Filename)
	if at.End.Byte > len(src) || at.Start.Byte > at.End.Byte {
		return ""
	}
	return string(src[at.Start.Byte:at.End.Byte])
}

// addr returns the address that a value refers to, or why it is no reference to the kind.
func (d *decoder) addr(v value, kind string) (resource.Addr, string) {
	ty := v.Type()
	switch {
	case ty == reference && v.IsNull():
		return resource.Addr{}, fmt.Sprintf("A reference to a %s is wanted, not null.", kind)
	case ty == reference:
		addr := *v.EncapsulatedValue().(*resource.Addr)
		if addr.Kind != kind {
			return resource.Addr{}, fmt.Sprintf("A %s is wanted here, and %s is a %s.", kind, addr, addr.Kind)
		}
		return addr, ""
	case ty == dependency:
		return resource.Addr{}, onlyDepends(v)
	case ty.IsMapType() && ty.ElementType() == reference:
		keys := make([]string, 0, v.LengthInt())
		one := ""
		for it := v.ElementIterator(); it.Next(); {
			k, ref := it.Element()
			keys = append(keys, k.AsString())
			if one == "" {
				one = ref.EncapsulatedValue().(*resource.Addr).String()
			}
		}
		if len(keys) == 0 {
			return resource.Addr{}, "It stands for the resources of a for_each, of which there are none."
		}
		return resource.Addr{}, fmt.Sprintf("It stands for several resources, made by for_each. Name one by its key, such as %s. The keys are %s.", one, quoteList(keys))
	case ty.IsListType() && ty.ElementType() == reference:
		if v.LengthInt() == 0 {
			return resource.Addr{}, "It stands for the resources of a count, of which there are none."
		}
		one := v.Index(cty.NumberIntVal(0)).EncapsulatedValue().(*resource.Addr)
		return resource.Addr{}, fmt.Sprintf("It stands for several resources, made by count. Name one by its index, such as %s.", one)
	case ty == cty.String:
		if addr, err := resource.ParseAddr(v.AsString()); err == nil && addr.Kind == kind {
			return resource.Addr{}, fmt.Sprintf("A reference is wanted, not text: write %s without quotes.", addr)
		}
	}
	return resource.Addr{}, fmt.Sprintf("A reference to a %s is wanted, not %s: write %s.NAME without quotes.", kind, article(v), kind)
}

// onlyDepends says that a condition stands in depends_on, and nowhere else.
func onlyDepends(v value) string {
	d := v.EncapsulatedValue().(*resource.Dependency)
	return fmt.Sprintf("%s is a condition, which stands in depends_on alone; write %s.", d, d.To)
}

// scalar sets a field that is one value, and returns why it cannot.
func scalar(f reflect.Value, v value, text bool) string {
	ty := v.Type()
	if ty == dependency {
		return onlyDepends(v)
	}
	if ty == reference {
		return fmt.Sprintf("%s is a reference, and text is wanted. %s", v.EncapsulatedValue().(*resource.Addr), wholeOnly)
	}
	if !ty.IsPrimitiveType() {
		return fmt.Sprintf("%s is wanted, not %s.", wanted(f), article(v))
	}
	if u, ok := f.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if ty == cty.Bool {
			return fmt.Sprintf("%s is wanted, not a bool.", wanted(f))
		}
		s, why := plainText(v)
		if why != "" {
			return why
		}
		if why, bad := badText(s, text); bad {
			return why
		}
		if err := u.UnmarshalText([]byte(s)); err != nil {
			return sentenceOf(err)
		}
		return ""
	}
	s, why := plainText(v)
	if why != "" {
		return why
	}
	switch f.Kind() {
	case reflect.String:
		if why, bad := badText(s, text); bad {
			return why
		}
		f.SetString(s)
	case reflect.Bool:
		if s != "true" && s != "false" {
			return fmt.Sprintf("true or false is wanted, not %s.", article(v))
		}
		f.SetBool(s == "true")
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(s, 10, f.Type().Bits())
		if err != nil {
			return fmt.Sprintf("%s is wanted, not %s.", wanted(f), shown(v, s))
		}
		f.SetInt(n)
	case reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(s, 10, f.Type().Bits())
		if err != nil {
			return fmt.Sprintf("%s is wanted, not %s.", wanted(f), shown(v, s))
		}
		f.SetUint(n)
	case reflect.Float64:
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || n-n != 0 {
			return fmt.Sprintf("%s is wanted, not %s.", wanted(f), shown(v, s))
		}
		f.SetFloat(n)
	}
	return ""
}

// plainText is the text of a value that is one: of a number its digits.
func plainText(v value) (string, string) {
	switch v.Type() {
	case cty.String:
		return v.AsString(), ""
	case cty.Bool:
		return strconv.FormatBool(v.True()), ""
	default:
		if measure(v) != nil {
			return "", "The number is too great."
		}
		return numberText(v.AsBigFloat()), ""
	}
}

// numberText is the shortest decimal text of a number. big.Float's own search
// for it takes 40 µs at the evaluator's precision, so it is asked last.
func numberText(f *big.Float) string {
	if n, acc := f.Int64(); acc == big.Exact {
		return strconv.FormatInt(n, 10)
	}
	near, _ := f.Float64()
	text := strconv.FormatFloat(near, 'f', -1, 64)
	if back, err := cty.ParseNumberVal(text); err == nil && back.AsBigFloat().Cmp(f) == 0 {
		return text
	}
	return f.Text('f', -1)
}

// wanted says what a field takes.
func wanted(f reflect.Value) string {
	switch f.Kind() {
	case reflect.Bool:
		return "True or false"
	case reflect.Int, reflect.Int64:
		return "A whole number"
	case reflect.Uint32:
		return "A whole number from 0 to 4294967295"
	case reflect.Uint64:
		return "A whole number from 0"
	case reflect.Float64:
		return "A number"
	}
	return "Text"
}

// article says what a value is: "a list", "the text \"x\"".
func article(v value) string {
	ty := v.Type()
	switch {
	case v.IsNull():
		return "null"
	case ty == cty.String:
		return shown(v, v.AsString())
	case ty == cty.Number:
		return "a number"
	case ty == cty.Bool:
		return "a bool"
	case ty == dependency:
		return "the condition " + v.EncapsulatedValue().(*resource.Dependency).String()
	case ty == reference:
		return "the reference " + v.EncapsulatedValue().(*resource.Addr).String()
	case ty.IsTupleType(), ty.IsListType():
		return "a list"
	case ty.IsSetType():
		return "a set"
	}
	return "a map"
}

func shown(v value, s string) string {
	if utf8.RuneCountInString(s) > 60 {
		s = string([]rune(s)[:57]) + "..."
	}
	if v.Type() == cty.String {
		return fmt.Sprintf("the text %q", s)
	}
	return s
}

// badText says what may not stand in a string: a NUL in none; in one that is
// not free text also no control character and no line separator.
func badText(s string, text bool) (string, bool) {
	for _, r := range s {
		switch {
		case r == 0:
			return "The text has a NUL character, which nothing can hold.", true
		case r == utf8.RuneError && !utf8.ValidString(s):
			return "The text is not UTF-8.", true
		case !text && (unicode.IsControl(r) || lineSeparator(r)):
			what := "the control character " + escape(r)
			switch r {
			case '\n':
				what = `a newline (\n)`
			case '\t':
				what = `a tab (\t)`
			}
			return fmt.Sprintf("The text has %s, which names, paths and identifiers cannot hold.", what), true
		}
	}
	return "", false
}

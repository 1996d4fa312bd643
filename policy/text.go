package policy

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"hostctl/resource"
)

// Text writes what is allowed as a policy file does, attributes that say nothing left out.
func Text(s Sections) string {
	var b strings.Builder
	f := File{Sections: s}
	body(&b, resource.SchemaOf(&f), reflect.ValueOf(&f).Elem(), "")
	return b.String()
}

// body writes a struct's attributes, and then its blocks; nothing of one that is zero.
func body(b *strings.Builder, s *resource.Schema, v reflect.Value, indent string) {
	width := 0
	for _, a := range s.Attrs {
		if a.Nested == nil && !a.Value(v).IsZero() {
			width = max(width, len(a.Name))
		}
	}
	for _, a := range s.Attrs {
		if f := a.Value(v); a.Nested == nil && !f.IsZero() {
			fmt.Fprintf(b, "%s%-*s = %s\n", indent, width, a.Name, literal(f))
		}
	}
	block := func(header string, a *resource.Attr, v reflect.Value) {
		fmt.Fprintf(b, "%s%s {\n", indent, header)
		body(b, a.Nested, v, indent+"  ")
		fmt.Fprintf(b, "%s}\n", indent)
	}
	for i := range s.Attrs {
		a := &s.Attrs[i]
		f := a.Value(v)
		switch {
		case f.IsZero():
		case a.Form == resource.Block:
			block(a.Name, a, f)
		case a.Form == resource.Labelled:
			labels := f.MapKeys()
			slices.SortFunc(labels, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
			for _, label := range labels {
				block(a.Name+" "+strconv.Quote(label.String()), a, f.MapIndex(label))
			}
		}
	}
}

// literal writes a value. All that can stand in a policy is text of its own, or JSON that HCL reads the same.
func literal(v reflect.Value) string {
	if list, ok := v.Interface().([]string); ok {
		return written(list)
	}
	text, err := json.Marshal(v.Interface())
	if err != nil {
		panic("bug: " + err.Error())
	}
	return string(text)
}

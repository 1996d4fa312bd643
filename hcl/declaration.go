package hcl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"hostctl/resource"
)

// Declaration is the block that declares a resource as spec says: with every attribute that can be written and is not as by
// default, and comments above it, a line each. [FormatFiles] lays it out.
func Declaration(addr resource.Addr, spec resource.Spec, comments []string) string {
	var b strings.Builder
	for _, c := range comments {
		fmt.Fprintf(&b, "# %s\n", strings.Trim(Quote(c), `"`))
	}
	fmt.Fprintf(&b, "%s %s {\n", addr.Kind, Quote(addr.Name))
	writeBody(&b, resource.SchemaOf(spec), reflect.ValueOf(spec).Elem())
	b.WriteString("}\n")
	return b.String()
}

// ImportBlock is the import block that makes the object with that id the resource.
func ImportBlock(to resource.Addr, id string) string {
	return fmt.Sprintf("import {\n  to = %s\n  id = %s\n}\n", to, Quote(id))
}

func writeBody(b *strings.Builder, s *resource.Schema, v reflect.Value) {
	fresh := resource.NewBlock(s)
	for i := range s.Attrs {
		a := &s.Attrs[i]
		f := a.Value(v)
		if a.Internal || a.Form != resource.Labelled && reflect.DeepEqual(f.Interface(), a.Value(fresh).Interface()) || f.IsZero() && !a.HasDef {
			continue
		}
		switch a.Form {
		case resource.Block:
			fmt.Fprintf(b, "%s {\n", a.Name)
			writeBody(b, a.Nested, f)
			b.WriteString("}\n")
		case resource.Labelled:
			for _, label := range sortedLabels(f) {
				fmt.Fprintf(b, "%s %s {\n", a.Name, Quote(label))
				writeBody(b, a.Nested, f.MapIndex(reflect.ValueOf(label)))
				b.WriteString("}\n")
			}
		case resource.Map:
			if f.Len() == 0 {
				continue
			}
			fmt.Fprintf(b, "%s = {\n", a.Name)
			for _, key := range sortedLabels(f) {
				fmt.Fprintf(b, "%s = %s\n", Quote(key), expression(f.MapIndex(reflect.ValueOf(key))))
			}
			b.WriteString("}\n")
		case resource.List:
			items := make([]string, f.Len())
			for i := range items {
				items[i] = expression(f.Index(i))
			}
			if len(items) > 0 {
				fmt.Fprintf(b, "%s = [%s]\n", a.Name, strings.Join(items, ", "))
			}
		default:
			fmt.Fprintf(b, "%s = %s\n", a.Name, expression(f))
		}
	}
}

// expression writes a value: a reference bare, text in quotes.
func expression(v reflect.Value) string {
	switch ref := v.Interface().(type) {
	case resource.Addr:
		return ref.String()
	case resource.Dependency:
		return ref.String()
	}
	data, err := json.Marshal(v.Interface())
	if err != nil {
		panic("bug: " + err.Error())
	}
	var text string
	if bytes.HasPrefix(data, []byte(`"`)) && json.Unmarshal(data, &text) == nil {
		return Quote(text)
	}
	return string(data)
}

func sortedLabels(m reflect.Value) (labels []string) {
	for _, key := range m.MapKeys() {
		labels = append(labels, key.String())
	}
	slices.Sort(labels)
	return labels
}

package resource

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// Class is what a change of an attribute costs. Classes are ordered: a greater one includes the lesser.
type Class int

// The classes, as the diff tag spells them.
const (
	None    Class = iota // nothing differs
	Live                 // changed in place; the process is untouched
	Reload               // the process is told to reload
	Restart              // the object stays, its process is new
	Replace              // the object is made anew
)

var classNames = []string{"", "live", "reload", "restart", "replace"}

// String returns the class as the diff tag spells it; None is "".
func (c Class) String() string { return classNames[c] }

// MarshalText implements encoding.TextMarshaler.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Class) UnmarshalText(text []byte) error {
	for i, name := range classNames {
		if name == string(text) {
			*c = Class(i)
			return nil
		}
	}
	return fmt.Errorf("unknown class %q", text)
}

// Form is how an attribute is written.
type Form int

// The forms, decided by the field's Go type alone.
const (
	Scalar    Form = iota // string, bool, number, or a type that reads its own text
	Reference             // Addr: the address of another resource
	List                  // a slice of scalars, of references or of dependencies
	Map                   // map[string]string: each key is a leaf of its own
	Block                 // a struct: one block without label
	Labelled              // a map from label to struct: a block for each label
)

// Attr is one attribute or block of a kind's struct, from the field and its tags:
//
//	json    the name, as in the configuration, the plan and the ledger
//	diff    the class of a change: live, reload, restart or replace
//	default the text of the default; an attribute with one is never unset
//	ref     the kind that a Reference, or a List of them or of Dependency, must name
//	attr    comma-separated: required, computed (when unset, Resolve or the host fills it in),
//	        internal (computed, and cannot be written in a configuration), secret (never printed),
//	        text (strings that may hold newlines and tabs; all others refuse every control character),
//	        source, template (a path below the repository's root; the language reads that file into the attribute
//	        "content" of the same block, or "content_base64" where it is not text, the template after filling in
//	        the block's "vars"; the attributes themselves and "vars" stay empty in every spec)
type Attr struct {
	Name     string
	Form     Form
	Type     reflect.Type // of the field; of the element for List and Labelled
	Class    Class
	Default  string
	HasDef   bool
	Ref      string
	Required bool
	Computed bool
	Internal bool
	Secret   bool
	Text     bool
	Source   bool
	Template bool
	Nested   *Schema // of a Block or Labelled
	Field    string  // the Go field's name, for the manual
	// Conditional says that what a List refers to may have a condition: its elements are of type Dependency.
	Conditional bool
	index       []int // as reflect.Value.FieldByIndex takes it
}

// Schema is the shape of a kind's struct, or of a block in it. The fields of an embedded struct are the struct's own.
type Schema struct {
	Type  reflect.Type
	Attrs []Attr // in the order of the struct
}

// Attr returns the attribute of that name, or nil.
func (s *Schema) Attr(name string) *Attr {
	for i := range s.Attrs {
		if s.Attrs[i].Name == name {
			return &s.Attrs[i]
		}
	}
	return nil
}

// Value returns the attribute's field of v, which is a value of the schema's struct.
func (a *Attr) Value(v reflect.Value) reflect.Value { return v.FieldByIndex(a.index) }

var (
	schemas        sync.Map // reflect.Type -> *Schema
	addrType       = reflect.TypeFor[Addr]()
	dependencyType = reflect.TypeFor[Dependency]()
	textUnmarshal  = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// SchemaOf returns the schema of a spec's struct. A struct that no schema can
// describe is a bug in the kind, and panics.
func SchemaOf(spec Spec) *Schema { return schemaOf(reflect.TypeOf(spec).Elem()) }

func schemaOf(t reflect.Type) *Schema {
	if s, ok := schemas.Load(t); ok {
		return s.(*Schema)
	}
	s := &Schema{Type: t}
	for i := range t.NumField() {
		f := t.Field(i)
		name, omit, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			for _, a := range schemaOf(f.Type).Attrs {
				a.index = append([]int{i}, a.index...)
				s.Attrs = append(s.Attrs, a)
			}
			continue
		}
		if name == "-" {
			continue
		}
		if name == "" || !f.IsExported() {
			panic(fmt.Sprintf("bug: %s.%s has no json name", t, f.Name))
		}
		a := Attr{Name: name, Ref: f.Tag.Get("ref"), Field: f.Name, Type: f.Type, index: []int{i}}
		a.Default, a.HasDef = f.Tag.Lookup("default")
		if err := a.Class.UnmarshalText([]byte(f.Tag.Get("diff"))); err != nil {
			panic(fmt.Sprintf("bug: %s.%s: %v", t, f.Name, err))
		}
		for flag := range strings.SplitSeq(f.Tag.Get("attr"), ",") {
			switch flag {
			case "":
			case "required":
				a.Required = true
			case "computed":
				a.Computed = true
			case "internal":
				a.Computed, a.Internal = true, true
			case "secret":
				a.Secret = true
			case "text":
				a.Text = true
			case "source":
				a.Source = true
			case "template":
				a.Template = true
			default:
				panic(fmt.Sprintf("bug: %s.%s: unknown flag %q", t, f.Name, flag))
			}
		}
		a.classify(t, f)
		if a.HasDef && omit != "" {
			// Its zero value would not be written, and read back as the default.
			panic(fmt.Sprintf("bug: %s.%s has a default and may be omitted", t, f.Name))
		}
		if a.Secret && a.Nested != nil {
			panic(fmt.Sprintf("bug: %s.%s: what is secret is a value, not a block", t, f.Name))
		}
		s.Attrs = append(s.Attrs, a)
	}
	schemas.Store(t, s)
	return s
}

func (a *Attr) classify(t reflect.Type, f reflect.StructField) {
	scalar := func(t reflect.Type) bool {
		switch t.Kind() {
		case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Uint32, reflect.Uint64, reflect.Float64:
			return true
		}
		return reflect.PointerTo(t).Implements(textUnmarshal)
	}
	switch ft := f.Type; {
	case ft == addrType:
		a.Form = Reference
	case scalar(ft):
		a.Form = Scalar
	case ft.Kind() == reflect.Slice && (scalar(ft.Elem()) || ft.Elem() == addrType):
		a.Form, a.Type = List, ft.Elem()
	case ft.Kind() == reflect.Map && ft.Elem().Kind() == reflect.String:
		a.Form = Map
	case ft.Kind() == reflect.Map && ft.Elem().Kind() == reflect.Struct:
		a.Form, a.Type, a.Nested = Labelled, ft.Elem(), schemaOf(ft.Elem())
	case ft.Kind() == reflect.Struct:
		a.Form, a.Nested = Block, schemaOf(ft)
	default:
		panic(fmt.Sprintf("bug: %s.%s: no form for %s", t, f.Name, ft))
	}
	isRef := a.Form == Reference || a.Form == List && (a.Type == addrType || a.Type == dependencyType)
	a.Conditional = a.Form == List && a.Type == dependencyType
	if isRef != (a.Ref != "") {
		panic(fmt.Sprintf("bug: %s.%s: the ref tag goes with Addr", t, f.Name))
	}
}

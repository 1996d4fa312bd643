package resource

import (
	"bytes"
	"encoding"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// Leaf is one set attribute of a spec, flattened. A leaf stands for an
// attribute that has a value: one that is neither zero nor without default.
type Leaf struct {
	// Path is limits.memory, mount["/data"].read_only, environment["QUEUE"];
	// a labelled block has a leaf of its own, mount["/data"], for its being there.
	// Labels and keys are quoted as %q does, so that no two leaves have one path.
	Path string
	Attr *Attr
	// Value is the value's JSON. Lists are one leaf.
	Value string
}

// Leaves flattens a spec, in the order of its struct, labels sorted. A nil spec has none.
func Leaves(spec Spec) []Leaf {
	if spec == nil {
		return nil
	}
	v := reflect.ValueOf(spec).Elem()
	return appendLeaves(nil, "", schemaOf(v.Type()), v)
}

func appendLeaves(out []Leaf, prefix string, s *Schema, v reflect.Value) []Leaf {
	for i := range s.Attrs {
		a := &s.Attrs[i]
		f := a.Value(v)
		path := prefix + a.Name
		switch a.Form {
		case Block:
			out = appendLeaves(out, path+".", a.Nested, f)
		case Labelled:
			for _, label := range sortedKeys(f) {
				at := path + index(label)
				out = append(out, Leaf{Path: at, Attr: a, Value: "{}"})
				out = appendLeaves(out, at+".", a.Nested, f.MapIndex(reflect.ValueOf(label)))
			}
		case Map:
			for _, key := range sortedKeys(f) {
				out = append(out, Leaf{Path: path + index(key), Attr: a, Value: jsonText(f.MapIndex(reflect.ValueOf(key)))})
			}
		case List:
			if f.Len() > 0 {
				out = append(out, Leaf{Path: path, Attr: a, Value: jsonText(f)})
			}
		default:
			if a.HasDef || !f.IsZero() {
				out = append(out, Leaf{Path: path, Attr: a, Value: jsonText(f)})
			}
		}
	}
	return out
}

// SetDefaults sets every attribute that has a default, in the spec and in its
// unlabelled blocks. A kind's New calls it on an empty struct.
func SetDefaults[S Spec](spec S) S {
	v := reflect.ValueOf(spec).Elem()
	setDefaults(schemaOf(v.Type()), v)
	return spec
}

// NewBlock returns a labelled block's struct with its defaults set.
func NewBlock(s *Schema) reflect.Value {
	v := reflect.New(s.Type).Elem()
	setDefaults(s, v)
	return v
}

func setDefaults(s *Schema, v reflect.Value) {
	for i := range s.Attrs {
		a := &s.Attrs[i]
		if a.Form == Block {
			setDefaults(a.Nested, a.Value(v))
		}
		if !a.HasDef {
			continue
		}
		if err := setText(a.Value(v), a.Default); err != nil {
			panic("bug: default of " + s.Type.String() + "." + a.Field + ": " + err.Error())
		}
	}
}

func setText(f reflect.Value, text string) error {
	if u, ok := f.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	if f.Kind() == reflect.String {
		f.SetString(text)
		return nil
	}
	return json.Unmarshal([]byte(text), f.Addr().Interface())
}

// Edge is a reference of one spec to another resource, at an attribute.
type Edge struct {
	Path string
	To   Addr
}

// Refs returns the references of a spec in the order of its struct. A nil spec has none.
func Refs(spec Spec) []Edge {
	if spec == nil {
		return nil
	}
	v := reflect.ValueOf(spec).Elem()
	return appendRefs(nil, "", schemaOf(v.Type()), v)
}

func appendRefs(out []Edge, prefix string, s *Schema, v reflect.Value) []Edge {
	for i := range s.Attrs {
		a := &s.Attrs[i]
		f := a.Value(v)
		path := prefix + a.Name
		switch {
		case a.Form == Block:
			out = appendRefs(out, path+".", a.Nested, f)
		case a.Form == Labelled:
			for _, label := range sortedKeys(f) {
				out = appendRefs(out, path+index(label)+".", a.Nested, f.MapIndex(reflect.ValueOf(label)))
			}
		case a.Form == Reference && !f.IsZero():
			out = append(out, Edge{path, f.Interface().(Addr)})
		case a.Form == List && a.Ref != "":
			for i := range f.Len() {
				switch to := f.Index(i).Interface().(type) {
				case Addr:
					out = append(out, Edge{path, to})
				case Dependency:
					out = append(out, Edge{path, to.To})
				}
			}
		}
	}
	return out
}

// index is the part of a path that a label or key makes.
func index(label string) string { return "[" + strconv.Quote(label) + "]" }

func sortedKeys(m reflect.Value) []string {
	keys := make(map[string]struct{}, m.Len())
	for _, k := range m.MapKeys() {
		keys[k.String()] = struct{}{}
	}
	return slices.Sorted(maps.Keys(keys))
}

// jsonText is the JSON of a value that always has one: strings, numbers, and types that write their own text.
func jsonText(v reflect.Value) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v.Interface()); err != nil {
		panic("bug: " + err.Error())
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

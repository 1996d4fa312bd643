package hcl

import (
	"reflect"
	"slices"
	"strings"

	"hostctl/resource"
)

// slot is an attribute or a block that may stand in a section.
type slot struct {
	name     string
	topic    string // of its text, see Item
	typ      string // as the manual writes it; of a block ""
	block    bool
	label    string // of a block: what its label is
	ref      string // the kind that it refers to; "*" for any resource or module
	list     bool
	mapping  bool
	quoted   bool // text in quotes
	words    []string
	file     bool // names a file of the repository
	required bool
	computed bool
	def      *string
	class    string
	inner    *shape
}

// shape is what may stand in a section.
type shape struct {
	slots []slot
	free  bool // attributes of any name
}

func (s *shape) slot(name string) *slot {
	if s == nil {
		return nil
	}
	for i := range s.slots {
		if s.slots[i].name == name {
			return &s.slots[i]
		}
	}
	return nil
}

// fieldOf finds a field of the language by its path.
func fieldOf(path string) *Field {
	list := slices.Concat(language, everywhere)
	for {
		name, rest, more := strings.Cut(path, ".")
		i := slices.IndexFunc(list, func(f Field) bool { return f.Name == name })
		if i < 0 {
			return nil
		}
		if !more {
			return &list[i]
		}
		list, path = list[i].Fields, rest
	}
}

// shapeOfFields is the shape of a block of the language itself.
func shapeOfFields(fields []Field, path string, free bool) *shape {
	s := &shape{free: free}
	for _, f := range fields {
		topic := f.Name
		if path != "" {
			topic = path + "." + f.Name
		}
		x := slot{name: f.Name, topic: topic, typ: f.Type, block: f.Type == "", label: f.Label, required: f.Required}
		if f.Default != "" {
			x.def = &f.Default
		}
		switch f.Type {
		case "":
			x.inner = shapeOfFields(f.Fields, topic, f.Free)
		case "string":
			x.quoted = true
		case "bool":
			x.words = []string{"true", "false"}
		case "address":
			x.ref = "*"
		case "addresses":
			x.ref, x.list = "*", true
		case "list of attributes":
			x.list = true
		case "type":
			x.words = []string{"string", "number", "bool", "list", "set", "map", "object", "tuple", "any", "optional"}
		}
		s.slots = append(s.slots, x)
	}
	return s
}

// shapeOfSchema is the shape of a kind's block, or of a block in it.
func shapeOfSchema(schema *resource.Schema, path string) *shape {
	s := &shape{}
	for i := range schema.Attrs {
		a := &schema.Attrs[i]
		if a.Internal {
			continue
		}
		x := slot{name: a.Name, topic: path + "." + a.Name, typ: typeWords(a), ref: a.Ref, required: a.Required, computed: a.Computed,
			list: a.Form == resource.List, mapping: a.Form == resource.Map, class: a.Class.String(), file: a.Source || a.Template}
		if a.HasDef {
			x.def = &a.Default
		}
		switch {
		case a.Nested != nil:
			x.block, x.typ = true, ""
			if a.Form == resource.Labelled {
				x.label = "LABEL"
			}
			x.inner = shapeOfSchema(a.Nested, x.topic)
		case a.Ref != "":
		case a.Type.Kind() == reflect.Bool:
			x.words = []string{"true", "false"}
		case x.typ != "number":
			x.quoted = true
		}
		s.slots = append(s.slots, x)
	}
	return s
}

// typeWords is an attribute's type as a person writes its value.
func typeWords(a *resource.Attr) string {
	words := "number"
	switch a.Type.String() {
	case "resource.Bytes":
		words = `size, "64M"`
	case "resource.Duration":
		words = `duration, "10s"`
	case "resource.Mode":
		words = `mode, "0750"`
	case "netip.Prefix":
		words = "address with prefix length"
	case "netip.Addr":
		words = "address"
	default:
		switch a.Type.Kind() {
		case reflect.Bool:
			words = "bool"
		case reflect.String:
			words = "string"
		}
	}
	switch {
	case a.Form == resource.Reference:
		return "a " + a.Ref
	case a.Form == resource.List && a.Ref != "":
		return "list of " + a.Ref + "s"
	case a.Form == resource.List:
		return "list of " + words
	case a.Form == resource.Map:
		return "map of strings"
	}
	return words
}

// top is the shape of a file.
func (w *world) top() *shape {
	s := shapeOfFields(language, "", false)
	for _, k := range w.kinds {
		inner := shapeOfSchema(resource.SchemaOf(k.New()), k.Name)
		own := map[string]bool{}
		for _, x := range inner.slots {
			own[x.name] = true
		}
		for _, x := range shapeOfFields(everywhere, "", false).slots {
			if !own[x.name] {
				inner.slots = append(inner.slots, x)
			}
		}
		s.slots = append(s.slots, slot{name: k.Name, topic: k.Name, block: true, label: "NAME", inner: inner})
	}
	return s
}

// shape returns what may stand in a section; nil where nobody knows.
func (w *world) shape(s *section) *shape {
	if s.parent == nil {
		return w.root
	}
	around := w.shape(s.parent)
	if s.text == "content" && s.parent.text == "dynamic" && len(s.parent.labels) == 1 && s.parent.parent != nil {
		if made := w.shape(s.parent.parent).slot(s.parent.labels[0].text); made != nil {
			return made.inner
		}
		return nil
	}
	// Dynamic blocks stand at every depth of a resource.
	x := around.slot(s.text)
	if x == nil && s.text == "dynamic" {
		x = w.dynamic()
	}
	if x == nil || !x.block {
		return nil
	}
	if s.parent.parent == nil && s.text == "module" {
		return w.moduleShape(s, x.inner)
	}
	return x.inner
}

func (w *world) dynamic() *slot { return shapeOfFields(everywhere, "", false).slot("dynamic") }

// moduleShape adds the variables of the module's directory.
func (w *world) moduleShape(s *section, inner *shape) *shape {
	out := &shape{slots: slices.Clone(inner.slots), free: true}
	dir, ok := w.moduleDir(s)
	if !ok {
		return out
	}
	for _, o := range w.occurrences {
		if !o.def || o.key.dir != dir || o.key.kind != "var" {
			continue
		}
		x := slot{name: o.key.name, typ: "variable of the module", required: o.in.attr("default") == nil}
		if t := o.in.attr("type"); t != nil {
			x.typ = w.source(o.file, t.expr)
		}
		out.slots = append(out.slots, x)
	}
	return out
}

package resource

import (
	"reflect"
	"slices"
	"strings"
)

// Covered reports whether a path, as [Leaf.Path] spells it, is one of paths or
// below one of them. "*" covers every path.
func Covered(path string, paths []string) bool {
	return slices.ContainsFunc(paths, func(p string) bool {
		rest, ok := strings.CutPrefix(path, p)
		return p == "*" || ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// Graft returns a copy of the spec in which all that paths cover is as in from,
// also unset where it is unset there. Both are of one kind; neither is modified.
func Graft(spec, from Spec, paths []string) Spec {
	if len(paths) == 0 {
		return spec
	}
	return grafted(spec, from, paths, false)
}

// Blank returns a copy of the spec without what paths cover: each attribute
// there is as in a fresh spec of the kind, in labelled blocks as in a fresh block.
func Blank(spec, fresh Spec, paths []string) Spec { return grafted(spec, fresh, paths, true) }

func grafted(spec, from Spec, paths []string, blank bool) Spec {
	to := reflect.New(reflect.TypeOf(spec).Elem())
	to.Elem().Set(reflect.ValueOf(spec).Elem())
	graft(schemaOf(to.Elem().Type()), "", to.Elem(), reflect.ValueOf(from).Elem(), paths, blank)
	return to.Interface().(Spec)
}

func graft(s *Schema, prefix string, to, from reflect.Value, paths []string, blank bool) {
	for i := range s.Attrs {
		a := &s.Attrs[i]
		path, t, f := prefix+a.Name, a.Value(to), a.Value(from)
		switch {
		case Covered(path, paths):
			t.Set(f)
		case a.Form == Block:
			graft(a.Nested, path+".", t, f, paths, blank)
		case a.Form == Map || a.Form == Labelled:
			graftKeys(a, path, t, f, paths, blank)
		}
	}
}

// graftKeys puts a new map in the place of the one in to: it may be another spec's too.
func graftKeys(a *Attr, path string, to, from reflect.Value, paths []string, blank bool) {
	out := reflect.MakeMap(to.Type())
	for _, key := range to.MapKeys() {
		at, value, other := path+index(key.String()), to.MapIndex(key), from.MapIndex(key)
		if blank && a.Form == Labelled {
			other = NewBlock(a.Nested)
		}
		switch {
		case Covered(at, paths):
			value = other // absent there: absent here
		case a.Form == Labelled && other.IsValid():
			block := reflect.New(value.Type()).Elem()
			block.Set(value)
			graft(a.Nested, at+".", block, other, paths, blank)
			value = block
		}
		if value.IsValid() {
			out.SetMapIndex(key, value)
		}
	}
	for _, key := range from.MapKeys() {
		if !to.MapIndex(key).IsValid() && Covered(path+index(key.String()), paths) {
			out.SetMapIndex(key, from.MapIndex(key))
		}
	}
	if out.Len() > 0 || to.Len() > 0 {
		to.Set(out)
	}
}

// Readdress returns the spec with each reference led through to: the spec
// itself where that changes none of them, else a copy. A nil spec stays nil.
func Readdress(spec Spec, to func(Addr) Addr) Spec {
	if !slices.ContainsFunc(Refs(spec), func(e Edge) bool { return to(e.To) != e.To }) {
		return spec
	}
	out := reflect.New(reflect.TypeOf(spec).Elem())
	out.Elem().Set(reflect.ValueOf(spec).Elem())
	readdress(schemaOf(out.Elem().Type()), out.Elem(), to)
	return out.Interface().(Spec)
}

func readdress(s *Schema, v reflect.Value, to func(Addr) Addr) {
	for i := range s.Attrs {
		a := &s.Attrs[i]
		f := a.Value(v)
		switch {
		case a.Form == Reference && !f.IsZero():
			f.Set(reflect.ValueOf(to(f.Interface().(Addr))))
		case a.Form == List && a.Ref != "" && f.Len() > 0:
			list := reflect.MakeSlice(f.Type(), f.Len(), f.Len())
			for i := range list.Len() {
				switch old := f.Index(i).Interface().(type) {
				case Addr:
					list.Index(i).Set(reflect.ValueOf(to(old)))
				case Dependency:
					list.Index(i).Set(reflect.ValueOf(Dependency{to(old.To), old.When}))
				}
			}
			f.Set(list)
		case a.Form == Block:
			readdress(a.Nested, f, to)
		case a.Form == Labelled && f.Len() > 0:
			out := reflect.MakeMapWithSize(f.Type(), f.Len())
			for it := f.MapRange(); it.Next(); {
				block := reflect.New(a.Type).Elem()
				block.Set(it.Value())
				readdress(a.Nested, block, to)
				out.SetMapIndex(it.Key(), block)
			}
			f.Set(out)
		}
	}
}

package importer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hostctl/hcl"
	"hostctl/resource"
)

// document is the text that is being made.
type document struct {
	name   string // the configuration's
	kinds  resource.Kinds
	above  []string // comments of the whole
	blocks []*block // in the order of the text
	notes  []Note
}

// has reports whether resources of a kind have an attribute: has("netns", "publish").
func (d *document) has(kind string, path ...string) bool { return d.attr(kind, path...) != nil }

func (d *document) attr(kind string, path ...string) *resource.Attr {
	k, ok := d.kinds.Lookup(kind)
	if !ok {
		return nil
	}
	schema := resource.SchemaOf(k.New())
	var a *resource.Attr
	for _, name := range path {
		if schema == nil {
			return nil
		}
		if a = schema.Attr(name); a == nil || a.Internal {
			return nil
		}
		schema = a.Nested
	}
	return a
}

// resources are the blocks that declare one and are still written.
func (d *document) resources() []*block {
	var out []*block
	for _, k := range d.blocks {
		if k.address != (resource.Addr{}) && k.gone == "" {
			out = append(out, k)
		}
	}
	return out
}

// settle makes the document one that the kinds take: what they do not have, and
// what their own checks refuse, becomes comments. Each round takes something
// out, so that it ends.
func (d *document) settle() {
	for _, k := range d.resources() {
		kind, ok := d.kinds.Lookup(k.address.Kind)
		if !ok {
			k.gone = "this hostctl has no " + k.address.Kind
			continue
		}
		schema := resource.SchemaOf(kind.New())
		d.prune(k, k, schema, nil)
		if missing := missing(k.items, schema); missing != "" {
			k.gone = missing + " is required"
		}
	}
	for {
		for d.dropDangling() {
		}
		if !d.dropProblems() {
			break
		}
	}
	for _, k := range d.blocks {
		if k.gone != "" {
			d.bury(k)
		}
	}
}

// prune drops the items that the schema does not have, and those whose value it does not take.
func (d *document) prune(top, k *block, schema *resource.Schema, path []step) {
	for _, it := range k.items {
		if it.comment != "" {
			continue
		}
		a := schema.Attr(it.name)
		if a == nil || a.Internal {
			d.drop(top, it, fmt.Sprintf("a %s has no %s", top.address.Kind, strings.Join(append(stepNames(path), it.name), ".")))
			continue
		}
		at := append(slices.Clone(path), step{it.name, ""})
		if it.block != nil {
			if (a.Form == resource.Labelled) != it.block.labelled || a.Nested == nil {
				d.drop(top, it, fmt.Sprintf("%s of a %s is written otherwise", it.name, top.address.Kind))
				continue
			}
			at[len(at)-1].label = it.block.label
			d.prune(top, it.block, a.Nested, at)
			if missing := missing(it.block.items, a.Nested); missing != "" {
				d.drop(top, it, missing+" is required")
			}
			continue
		}
		// One by one, so that an error is known to be this one's.
		if err := d.decodes(top.address.Kind, at, it); err != nil {
			d.drop(top, it, err.Error())
		}
	}
}

// step is one step of an attribute's path: mount["/data"] or read_only.
type step struct{ name, label string }

func stepNames(path []step) []string {
	var out []string
	for _, s := range path {
		out = append(out, s.name)
	}
	return out
}

// missing names a required attribute of the schema that no item sets; "" for none.
func missing(items []*item, schema *resource.Schema) string {
	for i := range schema.Attrs {
		a := &schema.Attrs[i]
		if a.Required && !a.Internal && !slices.ContainsFunc(items, func(it *item) bool { return it.name == a.Name && it.comment == "" }) {
			return a.Name
		}
	}
	return ""
}

// decodes reports whether the kind takes the item's value, all else being unset.
func (d *document) decodes(kind string, at []step, it *item) error {
	var data any = it.data()
	for i := len(at) - 1; i >= 0; i-- {
		if at[i].label != "" {
			data = map[string]any{at[i].label: data}
		}
		data = map[string]any{at[i].name: data}
	}
	_, err := d.decode(kind, data)
	return err
}

func (d *document) decode(kind string, data any) (resource.Spec, error) {
	text, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	return d.kinds.DecodeSpec(kind, text)
}

// data is what the item comes to, as JSON.
func (it *item) data() any {
	switch {
	case it.block != nil:
		return it.block.data()
	case it.isMap:
		m := map[string]any{}
		for _, e := range it.entries {
			if e.comment == "" {
				m[e.name] = e.value.data
			}
		}
		return m
	}
	return it.value.data
}

// data is what the block's body comes to, as JSON.
func (k *block) data() map[string]any {
	out := map[string]any{}
	for _, it := range k.items {
		switch {
		case it.comment != "":
		case it.block != nil && it.block.labelled:
			labels, ok := out[it.name].(map[string]any)
			if !ok {
				labels = map[string]any{}
				out[it.name] = labels
			}
			labels[it.block.label] = it.block.data()
		default:
			out[it.name] = it.data()
		}
	}
	return out
}

// drop makes an item a comment.
func (d *document) drop(top *block, it *item, why string) {
	n := Note{At: top.address.String(), Lost: true, What: it.words(), Why: why}
	d.notes = append(d.notes, n)
	*it = item{comment: n.String()}
}

// words are what the item is called in its note.
func (it *item) words() string {
	switch {
	case it.what != "":
		return it.what
	case it.block != nil:
		return strings.TrimSpace(it.block.kind + " " + it.block.label)
	case it.isMap:
		return it.name
	}
	return it.name + " " + it.value.text
}

// dropDangling drops what refers to a resource that is not written. It reports whether there was any.
func (d *document) dropDangling() bool {
	there, why := map[resource.Addr]bool{}, map[resource.Addr]string{}
	for _, k := range d.blocks {
		there[k.address] = k.gone == ""
		why[k.address] = k.gone
	}
	changed := false
	for _, k := range d.resources() {
		var walk func(in *block)
		walk = func(in *block) {
			for _, it := range in.items {
				if it.block != nil {
					walk(it.block)
					if gone := it.block.gone; gone != "" {
						d.drop(k, it, gone)
						changed = true
					}
					continue
				}
				for _, ref := range it.value.refs {
					to := ref.To
					if there[to] {
						continue
					}
					reason := to.String() + " is not written"
					if why[to] != "" {
						reason = why[to]
					}
					changed = true
					if kept := slices.DeleteFunc(slices.Clone(it.value.refs), func(r resource.Dependency) bool { return !there[r.To] }); len(kept) > 0 {
						it.value = dependenciesValue(kept)
						n := Note{At: k.address.String(), Lost: true, What: it.name + " " + to.String(), Why: reason}
						d.notes = append(d.notes, n)
						it.above = append(it.above, n.String())
						break
					}
					if in != k {
						in.gone = reason // a part that refers to nothing is nothing
					} else {
						d.drop(k, it, reason)
					}
					break
				}
			}
		}
		walk(k)
		if kind, _ := d.kinds.Lookup(k.address.Kind); changed && k.gone == "" {
			if missing := missing(k.items, resource.SchemaOf(kind.New())); missing != "" {
				k.gone = missing + " is required"
			}
		}
	}
	return changed
}

// dropProblems drops what the kinds' checks refuse. It reports whether there was any.
func (d *document) dropProblems() bool {
	state := resource.State{}
	byAddr := map[resource.Addr]*block{}
	for _, k := range d.resources() {
		spec, err := d.decode(k.address.Kind, k.data())
		if err != nil {
			k.gone = err.Error()
			return true
		}
		state[k.address], byAddr[k.address] = spec, k
	}
	var problems []resource.Problem
	for _, addr := range state.Addrs() {
		problems = append(problems, state[addr].Validate(addr)...)
	}
	for _, kind := range d.kinds {
		if kind.Check != nil && len(problems) == 0 {
			problems = append(problems, kind.Check(maps.Clone(state))...)
		}
	}
	if len(problems) == 0 {
		problems = resource.NewResolver(d.name, nil, nil, nil).Resolve(state)
	}
	dropped := map[resource.Addr][]string{}
	changed := false
	for _, p := range problems {
		k := byAddr[p.Addr]
		if k == nil || k.gone != "" || slices.ContainsFunc(dropped[p.Addr], func(done string) bool { return strings.HasPrefix(p.Path, done) }) {
			continue
		}
		why := p.Summary
		if p.Detail != "" {
			why += "; " + p.Detail
		}
		dropped[p.Addr] = append(dropped[p.Addr], p.Path)
		changed = true
		kind, _ := d.kinds.Lookup(k.address.Kind)
		if !d.dropAt(k, k, resource.SchemaOf(kind.New()), parsePath(p.Path), why) {
			k.gone = why
		}
	}
	return changed
}

// dropAt drops the item at a path, or the block around it where it is required.
// It reports false where the whole of in must go.
func (d *document) dropAt(top, in *block, schema *resource.Schema, path []step, why string) bool {
	if len(path) == 0 {
		return false
	}
	for _, it := range in.items {
		a := schema.Attr(it.name)
		if it.comment != "" || it.name != path[0].name || a == nil || it.block != nil && it.block.labelled && it.block.label != path[0].label {
			continue
		}
		switch {
		case it.block != nil:
			if !d.dropAt(top, it.block, a.Nested, path[1:], why) {
				d.drop(top, it, why)
			}
			return true
		case it.isMap && path[0].label != "":
			for _, e := range it.entries {
				if e.comment == "" && e.name == path[0].label {
					d.drop(top, e, why)
					return true
				}
			}
		}
		if list, ok := it.value.data.([]string); ok && path[0].label != "" {
			if i := slices.Index(list, path[0].label); i >= 0 && len(list) > 1 {
				word := &item{what: it.name + " " + list[i]}
				d.drop(top, word, why)
				it.above = append(it.above, word.comment)
				list = slices.Delete(slices.Clone(list), i, i+1)
				it.value, it.what = listValue(list), it.name+" "+strings.Join(list, ", ")
				return true
			}
			above := it.above // of the elements that went before
			d.drop(top, it, why)
			it.above = above
			return true
		}
		if a.Required {
			return false
		}
		d.drop(top, it, why)
		return true
	}
	return false
}

// parsePath takes a problem's path apart, as [resource.Leaf] spells it.
func parsePath(path string) []step {
	var out []step
	for path != "" {
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			return append(out, step{path, ""})
		}
		s := step{name: path[:end]}
		if path = path[end:]; path[0] == '[' {
			quoted := path[1:]
			n := 1
			for n < len(quoted) && quoted[n] != '"' {
				if quoted[n] == '\\' {
					n++
				}
				n++
			}
			text := quoted[:min(n+1, len(quoted))]
			if json.Unmarshal([]byte(text), &s.label) != nil {
				s.label = strings.Trim(text, `"`)
			}
			path = strings.TrimPrefix(quoted[len(text):], "]")
		}
		out = append(out, s)
		path = strings.TrimPrefix(path, ".")
	}
	return out
}

// bury makes comments of a block that is not written. A volume that cannot be
// is said where it would be mounted, which is all that the source had of it.
func (d *document) bury(k *block) {
	n := Note{At: k.address.String(), Lost: true, What: k.kind + " " + hcl.Quote(k.label), Why: k.gone}
	said := slices.ContainsFunc(d.notes, func(o Note) bool { return o.Why == k.gone })
	if !said {
		d.notes = append(d.notes, n)
		k.above = append(k.above, n.String())
	} else {
		k.above = nil
	}
	k.items = nil
}

package plan

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"hostctl/resource"
)

// same reports whether two specs have the same attributes set to the same values.
func same(a, b resource.Spec) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	if reflect.DeepEqual(a, b) {
		return true
	}
	return slices.EqualFunc(resource.Leaves(a), resource.Leaves(b), func(x, y resource.Leaf) bool {
		return x.Path == y.Path && x.Value == y.Value
	})
}

// diff is the three-way difference of one resource that is both wanted and
// live, sorted by path, and the number of wanted attributes that are live
// already. last is nil where the ledger knows nothing.
//
// An attribute that is wanted is enforced. One that is not wanted but was
// applied goes back to unset. One that is neither is the host's own. A computed
// attribute that is not wanted is whatever the host chose.
func diff(want, last, live resource.Spec) (diffs []Difference, unchanged int) {
	diffs = []Difference{}
	wants := resource.Leaves(want)
	applied := byPath(resource.Leaves(last))
	lives := resource.Leaves(live)
	has := byPath(lives)
	for i := range wants {
		w := &wants[i]
		v, l := has[w.Path], applied[w.Path]
		if v != nil && v.Value == w.Value {
			if w.Attr.Form != resource.Labelled {
				unchanged++
			}
			continue
		}
		d := difference(w, v)
		d.Drift = l != nil && l.Value == w.Value
		diffs = append(diffs, d)
	}
	wanted := byPath(wants)
	for i := range lives {
		v := &lives[i]
		if wanted[v.Path] == nil && applied[v.Path] != nil && !v.Attr.Computed {
			diffs = append(diffs, difference(nil, v))
		}
	}
	return costBlocks(diffs), unchanged
}

// whole is the differences of a resource that is created (live nil) or deleted (want nil).
func whole(want, live resource.Spec) []Difference {
	diffs := []Difference{}
	for _, leaf := range resource.Leaves(want) {
		diffs = append(diffs, difference(&leaf, nil))
	}
	for _, leaf := range resource.Leaves(live) {
		diffs = append(diffs, difference(nil, &leaf))
	}
	for i := range diffs {
		diffs[i].Class = resource.None
	}
	sortByPath(diffs)
	return diffs
}

// difference compares one attribute; want or live is nil where it is unset.
func difference(want, live *resource.Leaf) Difference {
	var d Difference
	var attr *resource.Attr
	switch {
	case live == nil:
		d.Path, d.Action, attr = want.Path, resource.Create, want.Attr
	case want == nil:
		d.Path, d.Action, attr = live.Path, resource.Delete, live.Attr
	default:
		d.Path, d.Action, attr = want.Path, resource.Update, want.Attr
	}
	d.Class, d.Ref = attr.Class, attr.Ref
	d.Block = attr.Form == resource.Labelled
	d.Secret = attr.Secret
	if !d.Secret && !d.Block {
		if live != nil {
			d.Before = json.RawMessage(live.Value)
		}
		if want != nil {
			d.After = json.RawMessage(want.Value)
		}
	}
	return d
}

// costBlocks sorts the differences and gives those within a labelled block that
// is added or removed whole the class of the block.
func costBlocks(diffs []Difference) []Difference {
	sortByPath(diffs)
	withinBlocks(diffs, func(d, block *Difference) { d.Class = block.Class })
	return diffs
}

// withinBlocks calls f with each difference that stands in a labelled block
// that is added or removed whole, and the outermost such block. diffs are sorted.
func withinBlocks(diffs []Difference, f func(d, block *Difference)) {
	var block *Difference
	for i := range diffs {
		d := &diffs[i]
		switch {
		case block != nil && strings.HasPrefix(d.Path, block.Path+"."):
			f(d, block)
		case d.Block:
			block = d
		}
	}
}

func sortByPath(diffs []Difference) {
	slices.SortFunc(diffs, func(a, b Difference) int { return strings.Compare(a.Path, b.Path) })
}

func byPath(leaves []resource.Leaf) map[string]*resource.Leaf {
	m := make(map[string]*resource.Leaf, len(leaves))
	for i := range leaves {
		m[leaves[i].Path] = &leaves[i]
	}
	return m
}

// release adds to diffs the references to gone that live has, that nobody
// wants and that were never applied. They are the host's own, but what they
// refer to is deleted, so they cannot stay. A labelled block of the host's own goes whole.
func release(diffs []Difference, want, live resource.Spec, gone resource.Addr) []Difference {
	wanted := byPath(resource.Leaves(want))
	known := make(map[string]bool, len(diffs))
	for _, d := range diffs {
		known[d.Path] = true
	}
	lives := resource.Leaves(live)
	for _, e := range resource.Refs(live) {
		if e.To != gone || wanted[e.Path] != nil || known[e.Path] {
			continue
		}
		at := e.Path
		for i := range lives {
			l := &lives[i]
			if l.Attr.Form == resource.Labelled && strings.HasPrefix(at, l.Path+".") && wanted[l.Path] == nil {
				at = l.Path
				break
			}
		}
		for i := range lives {
			l := &lives[i]
			if (l.Path == at || strings.HasPrefix(l.Path, at+".")) && !known[l.Path] {
				d := difference(nil, l)
				d.Drift = true
				diffs = append(diffs, d)
				known[l.Path] = true
			}
		}
	}
	return costBlocks(diffs)
}

// keeps reports whether a resource that is updated by diffs, or not at all, still
// refers to the address afterwards.
func keeps(diffs []Difference, want, live resource.Spec, to resource.Addr) bool {
	for _, e := range resource.Refs(want) {
		if e.To == to {
			return true
		}
	}
	for _, e := range resource.Refs(live) {
		if e.To != to {
			continue
		}
		_, changes := slices.BinarySearchFunc(diffs, e.Path, func(d Difference, path string) int {
			return strings.Compare(d.Path, path)
		})
		if !changes && byPath(resource.Leaves(want))[e.Path] == nil {
			return true
		}
	}
	return false
}

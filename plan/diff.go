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
// applied goes back to unset. One that is neither is the host's own, but for
// references: those between resources of a configuration are nobody's work but
// ours, and go with the labelled block they stand in if that is not wanted either. A
// computed attribute that is not wanted is whatever the host chose; but an internal
// one is the kind's alone, which has left it unset on purpose.
//
// now is live with its references readdressed. Where it has what is wanted, the
// same resource goes by another address: to write that down touches no process.
func diff(want, last, live, now resource.Spec) (diffs []Difference, unchanged int) {
	diffs = []Difference{}
	wants := resource.Leaves(want)
	applied := byPath(resource.Leaves(last))
	lives := resource.Leaves(live)
	has := byPath(lives)
	readdressed := has
	if now != live {
		readdressed = byPath(resource.Leaves(now))
	}
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
		if r := readdressed[w.Path]; r != nil && r.Value == w.Value {
			d.Class = resource.Live
		}
		diffs = append(diffs, d)
	}
	wanted := byPath(wants)
	ours := referring(lives, wanted)
	for i := range lives {
		v := &lives[i]
		if wanted[v.Path] != nil || !ours[v.Path] && (applied[v.Path] == nil || v.Attr.Computed) {
			continue
		}
		d := difference(nil, v)
		d.Drift = last != nil && applied[v.Path] == nil
		diffs = append(diffs, d)
	}
	costBlocks(diffs)
	if c, ok := want.(resource.Classer); ok {
		for i := range diffs {
			diffs[i].Class = c.ChangeClass(diffs[i].Path, diffs[i].Class, now)
		}
	}
	return diffs, unchanged
}

// referring returns the paths, of those not wanted, of references, of all that
// stands in a labelled block with a reference, and of what is internal and in no block
// that is not wanted. lives are in the order of the struct.
func referring(lives []resource.Leaf, wanted map[string]*resource.Leaf) map[string]bool {
	var ours map[string]bool
	block, first := "", 0 // the outermost block not wanted, and its index
	for i, v := range lives {
		if block != "" && !strings.HasPrefix(v.Path, block+".") {
			block = ""
		}
		if block == "" && wanted[v.Path] == nil && v.Attr.Form == resource.Labelled {
			block, first = v.Path, i
		}
		if v.Attr.Ref == "" && (!v.Attr.Internal || block != "") || wanted[v.Path] != nil {
			continue
		}
		if ours == nil {
			ours = map[string]bool{}
		}
		ours[v.Path] = true
		if block == "" {
			continue
		}
		for _, in := range lives[first:] {
			if in.Path != block && !strings.HasPrefix(in.Path, block+".") {
				break
			}
			ours[in.Path] = true
		}
	}
	return ours
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
func costBlocks(diffs []Difference) {
	sortByPath(diffs)
	withinBlocks(diffs, func(d, block *Difference) { d.Class = block.Class })
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

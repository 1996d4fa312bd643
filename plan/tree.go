package plan

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"hostctl/resource"
)

// branch is a part of the differences as the configuration nests them: a leaf,
// a block, or a map.
type branch struct {
	name   string // as printed
	label  string // of a labelled block, as printed; "" for none
	isMap  bool
	diff   *Difference // of a leaf, or of a labelled block's being there; nil else
	leaf   bool
	within []*branch
}

// maxDepth is the most dots and labels of a path that is nested; a path with more,
// which no schema has but a label may look like, is printed as one name.
const maxDepth = 16

// tree nests differences, which are sorted by path.
func tree(diffs []Difference) []*branch {
	root := &branch{}
	for i := range diffs {
		d := &diffs[i]
		at := root
		rest := d.Path
		if strings.Count(rest, ".")+strings.Count(rest, "[") > maxDepth {
			at.within = append(at.within, &branch{name: plain(rest), diff: d, leaf: true})
			continue
		}
		for {
			var name, label string
			name, label, rest = cutPath(rest)
			name = plain(name)
			if label != "" && rest == "" && !d.Block { // an element of a map
				at = at.child(name, "", true)
				at.within = append(at.within, &branch{name: plain(label), diff: d, leaf: true})
				break
			}
			if rest == "" && !d.Block {
				at.within = append(at.within, &branch{name: name, diff: d, leaf: true})
				break
			}
			at = at.child(name, plain(label), false)
			if rest == "" {
				at.diff = d
				break
			}
		}
	}
	return root.within
}

func (b *branch) child(name, label string, isMap bool) *branch {
	for _, c := range slices.Backward(b.within) {
		if !c.leaf && c.name == name && c.label == label && c.isMap == isMap {
			return c
		}
	}
	c := &branch{name: name, label: label, isMap: isMap}
	b.within = append(b.within, c)
	return c
}

// cutPath cuts the first part off a path: name, name["label"], the label still
// quoted. A path that is spelled otherwise is one name.
func cutPath(path string) (name, label, rest string) {
	i := strings.IndexAny(path, ".[")
	if i < 0 {
		return path, "", ""
	}
	name, rest = path[:i], path[i:]
	if rest[0] == '[' {
		quoted, err := strconv.QuotedPrefix(rest[1:])
		if err != nil || !strings.HasPrefix(rest[1+len(quoted):], "]") {
			return path, "", ""
		}
		label, rest = quoted, rest[len(quoted)+2:]
	}
	if rest == "" {
		return name, label, ""
	}
	if rest[0] != '.' || len(rest) == 1 {
		return path, "", ""
	}
	return name, label, rest[1:]
}

// tree prints branches of a block that begins at column indent. whole is the action of
// what they stand in if that comes or goes whole, or any other action.
func (t *text) tree(indent int, branches []*branch, whole resource.Action) {
	width := 0
	for _, b := range branches {
		if b.leaf {
			width = max(width, utf8.RuneCountInString(b.name))
		}
	}
	pad := strings.Repeat(" ", indent)
	for _, b := range branches {
		if b.leaf {
			comment := cost(b.diff.Class)
			if wholly(whole) {
				comment = ""
			}
			name := b.name + strings.Repeat(" ", width-utf8.RuneCountInString(b.name))
			t.leaf(indent, name, *b.diff, comment)
			continue
		}
		action, comment := whole, ""
		if !wholly(action) {
			action = resource.Update
		}
		if b.diff != nil && !wholly(whole) {
			action, comment = b.diff.Action, cost(b.diff.Class)
		}
		open, end := " {", "}"
		if b.isMap {
			open = " = {"
		}
		head := b.name
		if b.label != "" {
			head += " " + b.label
		}
		t.line(pad, t.symbol(action), " ", head, open, t.comment(comment))
		t.tree(indent+4, b.within, action)
		t.line(pad, "    ", end)
	}
}

func wholly(a resource.Action) bool { return a == resource.Create || a == resource.Delete }

package hcl

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"hostctl/resource"
)

// declared is one resource block.
type declared struct {
	kind    resource.Kind
	name    string
	block   *hclsyntax.Block
	broken  bool                 // a syntax error: its name counts, its content is not looked at
	forEach *hclsyntax.Attribute // nil without
	keys    []string             // of for_each, sorted
	values  map[string]value     // each.value by key
	places  *places
	state   progressOf
}

// node is the name of the block's expansion in the graph of named values.
func (r *declared) node() string { return r.kind.Name + "." + r.name }

// listKeys says which resources a block with for_each makes.
func (r *declared) listKeys() string {
	if len(r.keys) == 0 {
		return fmt.Sprintf("The for_each of %s is empty: it makes no resource.", r.node())
	}
	return fmt.Sprintf("The keys of %s are %s.", r.node(), quoteList(r.keys))
}

// local is one attribute of a locals block.
type local struct {
	attr  *hclsyntax.Attribute
	value value
	state progressOf
}

// progressOf is how far a named value is.
type progressOf int

const (
	untouched progressOf = iota
	underWay
	good
	bad // a diagnostic was given; who uses it says nothing more
)

// builtin are the blocks of the language itself.
var builtin = []string{"hostctl", "variable", "locals", "output"}

func (e *evaluation) blockTypes() []string { return append(slices.Clone(builtin), e.kinds.Names()...) }

// declare takes in the names of a piece of text.
func (e *evaluation) declare(p *piece) {
	for _, a := range attributes(p.body) {
		if !p.intact(a.SrcRange) {
			continue
		}
		if slices.Contains(e.blockTypes(), a.Name) {
			e.fail(a.NameRange, fmt.Sprintf("%q is a block", a.Name), fmt.Sprintf("Write %s { ... } without the equals sign.", a.Name))
			continue
		}
		e.fail(a.NameRange, fmt.Sprintf("Attribute %q stands outside of a block", a.Name),
			fmt.Sprintf("A file holds blocks only, of the types %s. A value to use in several places is an attribute of a locals block.", quoteList(e.blockTypes())))
	}
	for _, b := range p.body.Blocks {
		whole := hcl.RangeBetween(b.TypeRange, b.CloseBraceRange)
		e.declareBlock(b, p.intact(whole))
	}
	e.in = ""
}

func (e *evaluation) declareBlock(b *hclsyntax.Block, intact bool) {
	e.in = blockTitle(b)
	if kind, ok := e.kinds.Lookup(b.Type); ok {
		if name, ok := e.label(b, intact); ok {
			e.declareResource(kind, name, b, !intact)
		}
		return
	}
	switch b.Type {
	case "hostctl":
		e.noLabels(b, intact)
		if intact {
			e.settings = append(e.settings, b)
		}
	case "locals":
		if e.noLabels(b, intact) {
			e.declareLocals(b, intact)
		}
	case "variable":
		name, ok := e.label(b, intact)
		if !ok {
			return
		}
		if before, dup := e.variables[name]; dup {
			e.again(b, before.block, intact)
			return
		}
		e.variables[name] = &variable{name: name, block: b, broken: !intact}
	case "output":
		name, ok := e.label(b, intact)
		if !ok {
			return
		}
		if before, dup := e.outputs[name]; dup {
			e.again(b, before, intact)
			return
		}
		if intact {
			e.outputs[name] = b
		}
	default:
		if intact {
			e.fail(b.TypeRange, fmt.Sprintf("Unknown block type %q", b.Type),
				fmt.Sprintf("The block types are %s.%s", quoteList(e.blockTypes()), sentence(b.Type, e.blockTypes())))
		}
	}
}

func (e *evaluation) declareResource(kind resource.Kind, name string, b *hclsyntax.Block, broken bool) {
	if before, dup := e.resources[kind.Name][name]; dup {
		e.again(b, before.block, !broken)
		return
	}
	r := &declared{kind: kind, name: name, block: b, broken: broken, forEach: b.Body.Attributes["for_each"]}
	if broken {
		r.state = bad
	}
	e.resources[kind.Name][name] = r
	e.order = append(e.order, r)
}

func (e *evaluation) declareLocals(b *hclsyntax.Block, intact bool) {
	for _, inner := range b.Body.Blocks {
		if intact {
			e.fail(inner.TypeRange, "Block in locals", fmt.Sprintf("locals holds attributes only; write %s = { ... }.", inner.Type))
		}
	}
	for _, a := range attributes(b.Body) {
		if before, dup := e.locals[a.Name]; dup {
			if intact {
				e.fail(a.NameRange, fmt.Sprintf("Local %q is defined twice", a.Name), "It was defined before at "+where(before.attr.NameRange)+".")
			}
			continue
		}
		l := &local{attr: a}
		if !intact {
			l.state = bad
		}
		e.locals[a.Name] = l
	}
}

func (e *evaluation) again(b, before *hclsyntax.Block, intact bool) {
	if intact {
		e.fail(b.DefRange(), fmt.Sprintf("Duplicate %s", blockTitle(b)), "It was declared before at "+where(before.DefRange())+".")
	}
}

func where(r hcl.Range) string { return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line) }

// label returns the one label of a block, which is a name.
func (e *evaluation) label(b *hclsyntax.Block, intact bool) (string, bool) {
	if len(b.Labels) != 1 {
		if intact {
			e.fail(b.DefRange(), fmt.Sprintf("A %s block has one label", b.Type), fmt.Sprintf("Write %s \"NAME\" { ... }.", b.Type))
		}
		return "", false
	}
	name := b.Labels[0]
	_, isKind := e.kinds.Lookup(b.Type)
	switch {
	case isKind:
		if err := resource.CheckName(name); err != nil {
			if intact {
				e.fail(b.LabelRanges[0], fmt.Sprintf("%q is no name for a %s", name, b.Type), sentenceOf(err))
			}
			return "", false
		}
	case !hclsyntax.ValidIdentifier(name):
		if intact {
			e.fail(b.LabelRanges[0], fmt.Sprintf("%q is no name for a %s", name, b.Type), "A name begins with a letter or an underscore and holds letters, digits, underscores and hyphens.")
		}
		return "", false
	}
	return name, true
}

func (e *evaluation) noLabels(b *hclsyntax.Block, intact bool) bool {
	if len(b.Labels) == 0 {
		return true
	}
	if intact {
		e.fail(b.LabelRanges[0], fmt.Sprintf("A %s block has no label", b.Type), fmt.Sprintf("Write %s { ... }.", b.Type))
	}
	return false
}

// sentenceOf makes a sentence of an operator's error.
func sentenceOf(err error) string {
	s := err.Error()
	if s == "" {
		return s
	}
	if s[0] >= 'a' && s[0] <= 'z' {
		s = string(s[0]-'a'+'A') + s[1:]
	}
	switch s[len(s)-1] {
	case '.', '?', '!', ')':
		return s
	}
	return s + "."
}

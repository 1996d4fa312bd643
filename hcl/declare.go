package hcl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"hostctl/resource"
)

// declared is one resource block.
type declared struct {
	repeated
	kind   resource.Kind
	module string // of the scope
	name   string
	block  *hclsyntax.Block
	broken bool // a syntax error: its name counts, its content is not looked at
	places *places
	state  progressOf
}

// node is the name of the block's expansion in the graph of named values.
func (r *declared) node() string { return r.kind.Name + "." + r.name }

// addr is the address of one instance.
func (r *declared) addr(key string) resource.Addr {
	return resource.Addr{Module: r.module, Kind: r.kind.Name, Name: r.name, Key: key}
}

// local is one attribute of a locals block.
type local struct {
	attr  *hclsyntax.Attribute
	value value
	state progressOf
}

// output is one output block.
type output struct {
	block *hclsyntax.Block
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
var builtin = []string{"hostctl", "variable", "locals", "module", "output", "check", "moved", "removed", "import"}

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
	e.in = e.title(b)
	if kind, ok := e.kinds.Lookup(b.Type); ok {
		if name, ok := e.label(b, intact); ok {
			e.declareResource(kind, name, b, !intact)
		}
		return
	}
	switch b.Type {
	case "hostctl":
		e.noLabels(b, intact)
		switch {
		case !intact:
		case e.module != "":
			e.fail(b.DefRange(), "hostctl stands in a module", "The configuration that uses the module has the hostctl block; take this one out.")
		default:
			e.settings = append(e.settings, b)
		}
	case "locals":
		if e.noLabels(b, intact) {
			e.declareLocals(b, intact)
		}
	case "variable":
		if name, ok := e.label(b, intact); ok {
			if before, dup := e.variables[name]; dup {
				e.again(b, before.block, intact)
				return
			}
			e.variables[name] = &variable{name: name, block: b, broken: !intact}
		}
	case "output":
		if name, ok := e.label(b, intact); ok {
			if before, dup := e.outputs[name]; dup {
				e.again(b, before.block, intact)
				return
			}
			o := &output{block: b}
			if !intact {
				o.state = bad
			}
			e.outputs[name] = o
		}
	case "module":
		if name, ok := e.label(b, intact); ok {
			e.declareModule(name, b, !intact)
		}
	case "check":
		if name, ok := e.label(b, intact); ok {
			if before, dup := e.checks[name]; dup {
				e.again(b, before, intact)
			} else if intact {
				e.checks[name] = b
			}
		}
	case "moved", "removed", "import":
		if e.noLabels(b, intact) && intact {
			e.moves = append(e.moves, b)
		}
	default:
		if intact {
			e.fail(b.TypeRange, fmt.Sprintf("Unknown block type %q", b.Type),
				fmt.Sprintf("The block types are %s.%s", quoteAll(e.blockTypes()), sentence(b.Type, e.blockTypes())))
		}
	}
}

func (e *evaluation) declareResource(kind resource.Kind, name string, b *hclsyntax.Block, broken bool) {
	if before, dup := e.resources[kind.Name][name]; dup {
		e.again(b, before.block, !broken)
		return
	}
	r := &declared{kind: kind, module: e.module, name: name, block: b, broken: broken}
	var ok bool
	if r.repeated, ok = e.repeat(b.Body, !broken); broken || !ok {
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
			e.fail(b.DefRange(), fmt.Sprintf("%s block has one label", indefinite(b.Type)), fmt.Sprintf("Write %s \"NAME\" { ... }.", b.Type))
		}
		return "", false
	}
	name := b.Labels[0]
	_, inAddress := e.kinds.Lookup(b.Type)
	switch {
	case inAddress || b.Type == "module":
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
		e.fail(b.LabelRanges[0], fmt.Sprintf("%s block has no label", indefinite(b.Type)), fmt.Sprintf("Write %s { ... }.", b.Type))
	}
	return false
}

// indefinite is a word with its article, at the beginning of a sentence.
func indefinite(word string) string {
	if word != "" && strings.ContainsRune("aeio", rune(word[0])) {
		return "An " + word
	}
	return "A " + word
}

// shape holds a block of the language itself to the attributes and blocks that
// it may have; those in must have to be there.
func (e *evaluation) shape(b *hclsyntax.Block, attrs, blocks, must []string) bool {
	ok := true
	has := "the attributes " + quoteList(attrs)
	switch {
	case len(attrs) == 0:
		has = "the blocks " + quoteList(blocks)
	case len(blocks) > 0:
		has += " and the blocks " + quoteList(blocks)
	}
	for _, a := range attributes(b.Body) {
		if !slices.Contains(attrs, a.Name) {
			e.fail(a.NameRange, fmt.Sprintf("Unknown attribute %q", a.Name), fmt.Sprintf("%s has %s.%s", b.Type, has, sentence(a.Name, append(attrs, blocks...))))
			ok = false
		}
	}
	for _, inner := range b.Body.Blocks {
		if !slices.Contains(blocks, inner.Type) {
			e.fail(inner.TypeRange, fmt.Sprintf("Unknown block %q", inner.Type), fmt.Sprintf("%s has %s.%s", b.Type, has, sentence(inner.Type, append(blocks, attrs...))))
			ok = false
		} else if !e.noLabels(inner, true) {
			ok = false
		}
	}
	for _, name := range must {
		if b.Body.Attributes[name] == nil {
			e.fail(b.DefRange(), fmt.Sprintf("Missing attribute %q", name), fmt.Sprintf("It is required; write %s = VALUE.", name))
			ok = false
		}
	}
	return ok
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

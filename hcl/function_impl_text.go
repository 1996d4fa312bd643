package hcl

import (
	"fmt"
	"path"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync/atomic"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// The functions of texts that the outer library has not, or not so.

func textParam(name string) function.Parameter {
	return function.Parameter{Name: name, Type: cty.String}
}

// textFunc is a function of texts alone.
func textFunc(result cty.Type, impl func(texts []string) (value, error), names ...string) function.Function {
	var params []function.Parameter
	for _, name := range names {
		params = append(params, textParam(name))
	}
	return function.New(&function.Spec{Params: params, Type: function.StaticReturnType(result),
		Impl: func(args []value, _ cty.Type) (value, error) { return impl(texts(args)) }})
}

func texts(args []value) []string {
	out := make([]string, len(args))
	for i := range args {
		out[i] = args[i].AsString()
	}
	return out
}

var (
	startsWith  = textFunc(cty.Bool, func(s []string) (value, error) { return cty.BoolVal(strings.HasPrefix(s[0], s[1])), nil }, "text", "prefix")
	endsWith    = textFunc(cty.Bool, func(s []string) (value, error) { return cty.BoolVal(strings.HasSuffix(s[0], s[1])), nil }, "text", "suffix")
	strContains = textFunc(cty.Bool, func(s []string) (value, error) { return cty.BoolVal(strings.Contains(s[0], s[1])), nil }, "text", "part")
	baseName    = textFunc(cty.String, func(s []string) (value, error) { return cty.StringVal(path.Base(s[0])), nil }, "path")
	dirName     = textFunc(cty.String, func(s []string) (value, error) { return cty.StringVal(path.Dir(s[0])), nil }, "path")

	replace = textFunc(cty.String, func(s []string) (value, error) {
		if err := fits(len(s[0]) + strings.Count(s[0], s[1])*(len(s[2])-len(s[1]))); err != nil {
			return none, err
		}
		return cty.StringVal(strings.ReplaceAll(s[0], s[1], s[2])), nil
	}, "text", "old", "new")
)

// What a search may take: RE2 is linear in pattern and text for one match, and
// a search for all may look at the rest of the text for each.
const (
	maxPattern  = 1000       // bytes
	maxProgram  = 2000       // instructions
	maxSearched = 50_000_000 // instructions times bytes of text times matches
)

// program is a pattern and what a byte of text costs it.
type program struct {
	*regexp.Regexp
	pattern string
	size    int
}

// lastProgram is the pattern that was used last: a for expression asks for the same in each round.
var lastProgram atomic.Pointer[program]

func compile(pattern string) (*program, error) {
	if p := lastProgram.Load(); p != nil && p.pattern == pattern {
		return p, nil
	}
	if len(pattern) > maxPattern {
		return nil, fmt.Errorf("the pattern is longer than %d bytes", maxPattern)
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("the pattern is no regular expression of RE2: %w", err)
	}
	size := instructions(tree)
	if size > maxProgram {
		return nil, fmt.Errorf("the pattern is too big: written without counts it has more than %d parts", maxProgram)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("the pattern is no regular expression of RE2: %w", err)
	}
	p := &program{re, pattern, size}
	lastProgram.Store(p)
	return p, nil
}

// instructions is about what a tree compiles to, repetitions written out.
func instructions(tree *syntax.Regexp) int {
	n := 1
	if tree.Op == syntax.OpLiteral {
		n = len(tree.Rune)
	}
	for _, sub := range tree.Sub {
		n = min(n+instructions(sub), maxProgram+1)
	}
	if tree.Op == syntax.OpRepeat {
		n = min(n*max(tree.Min, tree.Max, 1), maxProgram+1)
	}
	return n
}

// matches returns the places of up to most matches, and an error where the
// search takes too long or there are more.
func (p *program) matches(text string, most int) ([][]int, error) {
	most = min(most, maxSearched/(p.size*(len(text)+1)))
	if most == 0 {
		return nil, fmt.Errorf("the text is too long for the pattern: %d bytes; split it first", len(text))
	}
	found := p.FindAllStringSubmatchIndex(text, most+1)
	if len(found) > most {
		return nil, fmt.Errorf("a text of %d bytes with more than %d matches is too much for the pattern; split it first", len(text), most)
	}
	return found, nil
}

// found is the type of a match: text, or a list or map of the groups.
func (p *program) found() cty.Type {
	if p.NumSubexp() == 0 {
		return cty.String
	}
	named := map[string]cty.Type{}
	var unnamed []cty.Type
	for _, name := range p.SubexpNames()[1:] {
		if name == "" {
			unnamed = append(unnamed, cty.String)
		} else {
			named[name] = cty.String
		}
	}
	if len(unnamed) == 0 {
		return cty.Object(named)
	}
	return cty.Tuple(unnamed)
}

// match is the value of a match; a group that took no part in it is null.
func (p *program) match(text string, at []int) value {
	group := func(i int) value {
		if at[2*i] < 0 {
			return cty.NullVal(cty.String)
		}
		return cty.StringVal(text[at[2*i]:at[2*i+1]])
	}
	switch ty := p.found(); {
	case ty == cty.String:
		return group(0)
	case ty.IsObjectType():
		named := map[string]value{}
		for i, name := range p.SubexpNames() {
			if i > 0 {
				named[name] = group(i)
			}
		}
		return cty.ObjectVal(named)
	default:
		list := make([]value, p.NumSubexp())
		for i := range list {
			list[i] = group(i + 1)
		}
		return cty.TupleVal(list)
	}
}

// pattern compiles the first argument; nil where it is not known.
func pattern(args []value) (*program, error) {
	if !args[0].IsKnown() {
		return nil, nil
	}
	p, err := compile(args[0].AsString())
	if err != nil {
		return nil, function.NewArgError(0, err)
	}
	unnamed, named := 0, map[string]bool{}
	for _, name := range p.SubexpNames()[1:] {
		if name == "" {
			unnamed++
		} else {
			named[name] = true
		}
	}
	if unnamed > 0 && len(named) > 0 {
		return nil, function.NewArgErrorf(0, "the pattern has groups with and without names; write (?:...) for those that only hold together")
	}
	return p, nil
}

var regex = function.New(&function.Spec{
	Params: []function.Parameter{textParam("pattern"), textParam("text")},
	Type: func(args []value) (cty.Type, error) {
		p, err := pattern(args)
		if p == nil {
			return cty.DynamicPseudoType, err
		}
		return p.found(), nil
	},
	Impl: func(args []value, _ cty.Type) (value, error) {
		p, err := pattern(args)
		if err != nil {
			return none, err
		}
		text := args[1].AsString()
		if p.size*len(text) > maxSearched {
			return none, function.NewArgErrorf(1, "the text is too long for the pattern: %d bytes; split it first", len(text))
		}
		at := p.FindStringSubmatchIndex(text)
		if at == nil {
			return none, function.NewArgErrorf(1, "the pattern matches nothing in it")
		}
		return p.match(text, at), nil
	},
})

var regexAll = function.New(&function.Spec{
	Params: []function.Parameter{textParam("pattern"), textParam("text")},
	Type: func(args []value) (cty.Type, error) {
		p, err := pattern(args)
		if p == nil {
			return cty.DynamicPseudoType, err
		}
		return cty.List(p.found()), nil
	},
	Impl: func(args []value, result cty.Type) (value, error) {
		p, err := pattern(args)
		if err != nil {
			return none, err
		}
		text := args[1].AsString()
		all, err := p.matches(text, maxNodes/(p.NumSubexp()+1))
		if err != nil {
			return none, function.NewArgError(1, err)
		}
		if len(all) == 0 {
			return cty.ListValEmpty(result.ElementType()), nil
		}
		list := make([]value, len(all))
		for i, at := range all {
			list[i] = p.match(text, at)
		}
		return cty.ListVal(list), nil
	},
})

var regexReplace = textFunc(cty.String, func(s []string) (value, error) {
	p, err := compile(s[1])
	if err != nil {
		return none, function.NewArgError(1, err)
	}
	text, with := s[0], s[2]
	all, err := p.matches(text, maxNodes)
	if err != nil {
		return none, function.NewArgError(0, err)
	}
	var out []byte
	last := 0
	for _, at := range all {
		// A group is written in at least two bytes, and each may be the whole match.
		if err := fits(len(out) + len(with) + strings.Count(with, "$")*(at[1]-at[0])); err != nil {
			return none, err
		}
		out = append(out, text[last:at[0]]...)
		out = p.ExpandString(out, with, text, at)
		last = at[1]
	}
	return cty.StringVal(string(append(out, text[last:]...))), nil
}, "text", "pattern", "new")

package hcl

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// outline is what one file declares and what it mentions, made of its tokens
// alone: while a file is being written it rarely parses, and what stands
// around the half-written part is wanted nevertheless. Of a file that parses
// it has what the parser has; that is a test.
type outline struct {
	file     string
	dir      string // below the repository's root: files of one directory share names
	text     []byte
	body     *section
	mentions []*mention
	open     []opened // what is still open where the text ends
	comment  bool     // the text ends in a comment
	balanced bool     // everything that was opened was closed
}

// word is a name where it stands.
type word struct {
	text string
	at   span
	key  bool // of a mention: it stands in brackets
}

// section is a block, or a file as the block of everything in it.
type section struct {
	word   // the type
	labels []word
	parent *section
	attrs  []*entry
	blocks []*section
	inside span // between the braces
}

// entry is an attribute.
type entry struct {
	word
	expr span
	in   *section
}

// mention is a name with its parts, var.port or container.worker["a"], or the name of a function that is called.
type mention struct {
	steps []word
	call  bool
	dot   bool // a dot stands behind it, and nothing yet behind that
	in    *section
	of    *entry
}

func (m *mention) at() span { return span{m.steps[0].at.start, m.steps[len(m.steps)-1].at.end} }

// opened is one thing that is open.
type opened struct {
	kind    byte // { a body, = an attribute's value, ( [ o for brackets and objects, $ within a template, " and < for templates
	section *section
	item    []word              // of a body: what stands on the line so far
	entry   *entry              // of a value
	begins  int                 // offset behind what opened it
	fresh   bool                // of brackets and $: nothing but spaces so far; of an object also: a key comes next
	label   bool                // of a string: it is a label of the section
	names   map[string]struct{} // of a for expression or directive, where they hold
	coming  map[string]struct{} // the same before the colon or the directive's end
	head    bool                // before the "in" of a for
	asks    int                 // question marks whose colon is to come
}

// outliner makes an outline, one token at a time.
type outliner struct {
	out    *outline
	stack  []opened
	tops   []string // the types of blocks that stand at the top of a file
	repair bool     // a block's type at the start of a line ends whatever is open
	tokens hclsyntax.Tokens
	stray  bool
}

const maxRestarts = 16 // of the lexer, behind strings without end

// outlineOf reads a file. Text that the scan refuses has an empty outline.
func outlineOf(f File, tops []string) *outline {
	chunks, problem := scan(f)
	if problem != nil {
		return &outline{file: f.Name, text: f.Text, body: &section{inside: span{0, len(f.Text)}}}
	}
	out := outlineChunks(f, chunks, tops, false)
	if !out.balanced {
		out = outlineChunks(f, chunks, tops, true)
	}
	return out
}

func outlineChunks(f File, chunks []chunk, tops []string, repair bool) *outline {
	out := &outline{file: f.Name, text: f.Text, body: &section{inside: span{0, len(f.Text)}}}
	o := &outliner{out: out, tops: tops, repair: repair}
	o.push(opened{kind: '{', section: out.body})
	restarts := 0
	for _, c := range chunks {
		for at := c.start; at < c.end; {
			o.tokens, _ = hclsyntax.LexConfig(f.Text[at:c.end], f.Name, hcl.Pos{Line: 1, Column: 1, Byte: at})
			at = c.end
			for i := range o.tokens {
				if again := o.token(i); again > 0 && restarts < maxRestarts {
					at = again
					restarts++
					break
				}
			}
		}
	}
	out.balanced = len(o.stack) == 1 && !o.stray
	out.open = slices.Clone(o.stack)
	for len(o.stack) > 1 {
		o.pop(len(f.Text))
	}
	return out
}

func (o *outliner) push(f opened) { o.stack = append(o.stack, f) }
func (o *outliner) top() *opened  { return &o.stack[len(o.stack)-1] }

// pop closes what is open last, at an offset.
func (o *outliner) pop(at int) {
	switch top := o.top(); top.kind {
	case '{':
		top.section.inside.end = at
	case '=':
		top.entry.expr.end = max(at, top.entry.expr.start)
	case '$':
		if over := &o.stack[len(o.stack)-2]; len(top.coming) > 0 {
			// The names of a directive hold in the rest of the template.
			over.names = maps.Clone(over.names)
			if over.names == nil {
				over.names = map[string]struct{}{}
			}
			maps.Copy(over.names, top.coming)
		}
	}
	o.stack = o.stack[:len(o.stack)-1]
}

// token takes the token i. Where the lexer is to begin anew, because a string
// has no end, it returns the offset.
func (o *outliner) token(i int) (again int) {
	t := o.tokens[i]
	at, end := t.Range.Start.Byte, t.Range.End.Byte
	top := o.top()
	if t.Type == hclsyntax.TokenEOF {
		return 0
	}
	o.out.comment = false
	switch t.Type {
	case hclsyntax.TokenComment:
		// A comment of one line has the line's end in it.
		if !bytes.HasSuffix(t.Bytes, []byte("\n")) {
			o.out.comment = true
			return 0
		}
		o.newline(end - 1)
		return 0
	case hclsyntax.TokenQuotedNewline:
		for i := len(o.stack) - 1; i > 0; i-- {
			if o.stack[i].kind == '"' {
				for len(o.stack) > i {
					o.pop(at)
				}
				break
			}
		}
		o.stray = true
		o.newline(at)
		return end
	case hclsyntax.TokenNewline:
		if i := slices.IndexFunc(o.stack, func(f opened) bool { return f.kind == '"' }); o.repair && i > 0 {
			for len(o.stack) > i {
				o.pop(at)
			}
			o.newline(at)
			return end
		}
		o.newline(at)
		return 0
	case hclsyntax.TokenIdent:
		if o.repair && o.begins(i) {
			for len(o.stack) > 1 {
				o.pop(at)
			}
			o.top().item = nil
		}
	}
	if top = o.top(); top.kind == '{' {
		o.inBody(i)
		return 0
	}
	if top.kind == '"' || top.kind == '<' {
		o.inTemplate(i)
		return 0
	}
	o.inValue(i)
	return 0
}

// begins reports whether a line begins with the token, and a block of the top of a file with that.
func (o *outliner) begins(i int) bool {
	t := o.tokens[i]
	if at := t.Range.Start.Byte; at > 0 && o.out.text[at-1] != '\n' || len(o.stack) == 1 {
		return false
	}
	if !slices.Contains(o.tops, string(t.Bytes)) || i+1 >= len(o.tokens) {
		return false
	}
	next := o.tokens[i+1].Type
	return next == hclsyntax.TokenOBrace || next == hclsyntax.TokenOQuote
}

// newline ends what a newline ends.
func (o *outliner) newline(at int) {
	switch top := o.top(); top.kind {
	case '=':
		o.pop(at)
		o.top().item = nil
	case '{':
		top.item = nil
	case 'o':
		top.fresh = true
	}
}

func (o *outliner) inBody(i int) {
	t := o.tokens[i]
	at, end := t.Range.Start.Byte, t.Range.End.Byte
	top := o.top()
	switch t.Type {
	case hclsyntax.TokenIdent:
		top.item = append(top.item, word{text: string(t.Bytes), at: span{at, end}})
	case hclsyntax.TokenOQuote:
		top.item = append(top.item, word{at: span{end, end}})
		o.push(opened{kind: '"', section: top.section, label: true, begins: end})
	case hclsyntax.TokenEqual:
		if len(top.item) != 1 {
			return
		}
		e := &entry{word: top.item[0], in: top.section, expr: span{end, end}}
		top.section.attrs = append(top.section.attrs, e)
		o.push(opened{kind: '=', section: top.section, entry: e, begins: end})
	case hclsyntax.TokenOBrace:
		s := &section{parent: top.section, inside: span{end, len(o.out.text)}}
		if len(top.item) > 0 {
			s.word, s.labels = top.item[0], slices.Clone(top.item[1:])
			top.section.blocks = append(top.section.blocks, s)
		}
		top.item = nil
		o.push(opened{kind: '{', section: s, begins: end})
	case hclsyntax.TokenCBrace, hclsyntax.TokenTemplateSeqEnd:
		o.close(at)
	}
}

// close ends the body or the object that is open last, and what was left open within.
func (o *outliner) close(at int) {
	for i := len(o.stack) - 1; i > 0; i-- {
		if k := o.stack[i].kind; k == '{' || k == 'o' || k == '$' {
			for len(o.stack) > i {
				o.pop(at)
			}
			if k == '{' {
				o.top().item = nil
			}
			return
		}
	}
	for len(o.stack) > 1 {
		o.pop(at)
	}
	o.stray = true
}

// attr returns the attribute of a name, or nil.
func (s *section) attr(name string) *entry {
	for _, e := range s.attrs {
		if e.text == name {
			return e
		}
	}
	return nil
}

// title names a section as it is written.
func (s *section) title() string {
	var b strings.Builder
	b.WriteString(s.text)
	for _, l := range s.labels {
		b.WriteString(` "` + l.text + `"`)
	}
	return b.String()
}

// holds reports whether an offset is in the span, its end included.
func (s span) holds(at int) bool { return s.start <= at && at <= s.end }

// section returns the innermost block around an offset.
func (o *outline) section(at int) *section {
	s := o.body
walk:
	for {
		for _, b := range s.blocks {
			if b.inside.holds(at) {
				s = b
				continue walk
			}
		}
		return s
	}
}

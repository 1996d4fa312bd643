package hcl

import (
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

func (o *outliner) inTemplate(i int) {
	t := o.tokens[i]
	at, end := t.Range.Start.Byte, t.Range.End.Byte
	switch t.Type {
	case hclsyntax.TokenQuotedLit:
		if o.top().label {
			if item := o.stack[len(o.stack)-2].item; len(item) > 0 {
				last := &item[len(item)-1]
				last.text, last.at.end = last.text+string(t.Bytes), end
			}
		}
	case hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
		o.pop(at)
	case hclsyntax.TokenTemplateInterp:
		o.push(opened{kind: '$', section: o.top().section, begins: end})
	case hclsyntax.TokenTemplateControl:
		o.push(opened{kind: '$', section: o.top().section, begins: end, fresh: true})
	}
}

// inValue takes a token of an expression.
func (o *outliner) inValue(i int) {
	t := o.tokens[i]
	at, end := t.Range.Start.Byte, t.Range.End.Byte
	top := o.top()
	fresh := top.fresh
	top.fresh = false
	switch t.Type {
	case hclsyntax.TokenIdent:
		o.name(i, fresh)
	case hclsyntax.TokenOQuote:
		o.push(opened{kind: '"', section: top.section, begins: end})
	case hclsyntax.TokenOHeredoc:
		o.push(opened{kind: '<', section: top.section, begins: end})
	case hclsyntax.TokenOParen:
		o.push(opened{kind: '(', section: top.section, begins: end})
	case hclsyntax.TokenOBrack:
		o.push(opened{kind: '[', section: top.section, begins: end, fresh: true})
	case hclsyntax.TokenOBrace:
		o.push(opened{kind: 'o', section: top.section, begins: end, fresh: true})
	case hclsyntax.TokenCParen, hclsyntax.TokenCBrack:
		if top.kind == '(' && t.Type == hclsyntax.TokenCParen || top.kind == '[' && t.Type == hclsyntax.TokenCBrack {
			o.pop(at)
		}
	case hclsyntax.TokenCBrace, hclsyntax.TokenTemplateSeqEnd:
		o.close(at)
	case hclsyntax.TokenComma:
		top.fresh = top.kind == 'o' && top.coming == nil
	case hclsyntax.TokenQuestion:
		top.asks++
	case hclsyntax.TokenColon:
		if top.asks > 0 {
			top.asks--
		} else {
			top.names = top.coming
		}
	}
}

// name takes a name in an expression with all its parts. What follows from a
// token is looked up in the tokens behind it; these come again and mean
// nothing then, because a dot stands before them.
func (o *outliner) name(i int, fresh bool) {
	t := o.tokens[i]
	top := o.top()
	text := string(t.Bytes)
	kind := func(n int) hclsyntax.TokenType {
		if n < 0 || n >= len(o.tokens) {
			return hclsyntax.TokenEOF
		}
		return o.tokens[n].Type
	}
	if before := kind(i - 1); before == hclsyntax.TokenDot || before == hclsyntax.TokenDoubleColon {
		return
	}
	template := len(o.stack) > 1 && top.kind == '$' && fresh // %{ if, %{ for
	switch {
	case (top.kind == '[' || top.kind == 'o' || template) && fresh && text == "for" && kind(i+1) == hclsyntax.TokenIdent:
		top.head, top.coming = true, map[string]struct{}{}
		return
	case template:
		return // if, else, endif, endfor
	case top.head && text == "in":
		top.head = false
		return
	case top.head:
		top.coming[text] = struct{}{}
		return
	case top.coming != nil && text == "if", text == "true", text == "false", text == "null":
		return
	case top.kind == 'o' && fresh && (kind(i+1) == hclsyntax.TokenEqual || kind(i+1) == hclsyntax.TokenColon):
		return // an object's key
	}
	m := &mention{in: top.section, of: o.entry()}
	m.steps = append(m.steps, o.word(i))
	for n := i + 1; ; {
		switch {
		case kind(n) == hclsyntax.TokenDoubleColon && kind(n+1) == hclsyntax.TokenIdent:
			m.steps[0].text += "::" + string(o.tokens[n+1].Bytes)
			m.steps[0].at.end = o.tokens[n+1].Range.End.Byte
			n += 2
			continue
		case kind(n) == hclsyntax.TokenOParen && len(m.steps) == 1:
			m.call = true
		case kind(n) == hclsyntax.TokenDot && kind(n+1) == hclsyntax.TokenIdent:
			m.steps = append(m.steps, o.word(n+1))
			n += 2
			continue
		case kind(n) == hclsyntax.TokenDot && kind(n+1) != hclsyntax.TokenStar:
			m.dot = true
		case kind(n) == hclsyntax.TokenOBrack && kind(n+1) == hclsyntax.TokenNumberLit && kind(n+2) == hclsyntax.TokenCBrack:
			w := o.word(n + 1)
			w.key = true
			m.steps = append(m.steps, w)
			n += 3
			continue
		case kind(n) == hclsyntax.TokenOBrack && kind(n+1) == hclsyntax.TokenOQuote && kind(n+2) == hclsyntax.TokenQuotedLit &&
			kind(n+3) == hclsyntax.TokenCQuote && kind(n+4) == hclsyntax.TokenCBrack:
			w := o.word(n + 2)
			w.key = true
			m.steps = append(m.steps, w)
			n += 5
			continue
		}
		break
	}
	for _, f := range o.stack {
		if _, local := f.names[text]; local && !m.call {
			return
		}
	}
	o.out.mentions = append(o.out.mentions, m)
}

func (o *outliner) word(i int) word {
	t := o.tokens[i]
	return word{text: string(t.Bytes), at: span{t.Range.Start.Byte, t.Range.End.Byte}}
}

// entry is the attribute whose value is open.
func (o *outliner) entry() *entry {
	for i := len(o.stack) - 1; i > 0; i-- {
		if o.stack[i].kind == '=' {
			return o.stack[i].entry
		}
	}
	return nil
}

package hcl

import (
	"fmt"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostctl/resource"
)

// isJSON reports whether a file of this name is in the language's JSON form.
func isJSON(name string) bool { return strings.HasSuffix(name, ".hcl.json") }

// scanFile checks a file in either form, and finds where one in the native form can be cut.
func scanFile(f File) ([]chunk, *Diagnostic) {
	if isJSON(f.Name) {
		return nil, scanJSON(f)
	}
	return scan(f)
}

// pieceFromJSON is a file in the JSON form after parsing: one piece.
func pieceFromJSON(f File, kinds resource.Kinds) *piece {
	defer progress.end(progress.begin(hcl.Range{Filename: f.Name}))
	body, diags := bodyFromJSON(f, kinds)
	p := &piece{body: body, diags: diags, broken: -1}
	p.findBroken()
	return p
}

// scanJSON checks a file in the JSON form before anything else sees it: that it
// is JSON of the size and depth that a configuration may have, no key written twice.
func scanJSON(f File) *Diagnostic {
	if _, problem := parseJSON(f.Text); problem != nil {
		return problem.of(f)
	}
	return nil
}

// of is the diagnostic of a file that was refused.
func (p *jsonProblem) of(f File) *Diagnostic {
	d := &Diagnostic{Severity: Error, File: f.Name, Summary: p.summary, Detail: p.detail}
	if p.before > 0 {
		d.Detail = fmt.Sprintf(p.detail, fmt.Sprintf("%s:%d", f.Name, position(f.Text, p.before-1).Line))
	}
	d.Start.Byte, d.End.Byte = p.start, p.end
	d.locate(f.Text)
	return d
}

// bodyFromJSON translates a file in the JSON form to the tree that the native
// syntax has for the same configuration. What is a block and what an attribute
// the kinds' schemas and the language's own blocks decide. Every range lies in
// the file, also within strings with escapes. What is not understood is left
// out, with a diagnostic; bodyFromJSON returns a body in any case.
func bodyFromJSON(f File, kinds resource.Kinds) (*hclsyntax.Body, hcl.Diagnostics) {
	t := &jsonTranslation{name: f.Name, src: f.Text}
	for i, c := range f.Text {
		if c == '\n' {
			t.lines = append(t.lines, i+1)
		}
	}
	nodes, problem := parseJSON(f.Text)
	if problem != nil {
		at := t.between(problem.start, problem.end)
		d := problem.of(f)
		t.fail(at, d.Summary, d.Detail)
		return t.newBody(at), t.diags
	}
	t.nodes = nodes
	root := t.newBody(t.at(0))
	t.fill(root, 0, jsonRoot(kinds))
	return root, t.diags
}

// jsonTranslation is one file on its way from JSON to the native tree.
type jsonTranslation struct {
	name  string
	src   []byte
	nodes []jsonNode
	lines []int // where each line but the first begins
	diags hcl.Diagnostics
}

func (t *jsonTranslation) fail(at hcl.Range, summary, detail string) {
	t.diags = append(t.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &at})
}

// pos is the position of a byte.
func (t *jsonTranslation) pos(at int) hcl.Pos {
	line := sort.SearchInts(t.lines, at+1)
	start := 0
	if line > 0 {
		start = t.lines[line-1]
	}
	return hcl.Pos{Line: line + 1, Column: at - start + 1, Byte: at}
}

func (t *jsonTranslation) between(start, end int) hcl.Range {
	return hcl.Range{Filename: t.name, Start: t.pos(start), End: t.pos(end)}
}

// at is the range of a node.
func (t *jsonTranslation) at(i int) hcl.Range {
	return t.between(int(t.nodes[i].start), int(t.nodes[i].end))
}

// text is what the string of a node says.
func (t *jsonTranslation) text(i int) string {
	n := t.nodes[i]
	raw := t.src[n.start+1 : n.end-1]
	if !n.escaped {
		return string(raw)
	}
	text, _ := unescapeJSON(raw)
	return text
}

func (t *jsonTranslation) newBody(at hcl.Range) *hclsyntax.Body {
	return &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, SrcRange: at, EndRange: hcl.Range{Filename: at.Filename, Start: at.End, End: at.End}}
}

// fill adds what an object says to a body. A list of objects is one body, its
// objects one after another.
func (t *jsonTranslation) fill(body *hclsyntax.Body, i int, layout *jsonLayout) {
	switch t.nodes[i].kind {
	case '{':
		for k := i + 1; k < t.nodes[i].next; k = t.nodes[k+1].next {
			t.member(body, k, layout)
		}
	case '[':
		for k := i + 1; k < t.nodes[i].next; k = t.nodes[k].next {
			if t.nodes[k].kind != '{' {
				t.fail(t.at(k), "Object expected", "A file holds an object, or a list of objects that count as one.")
				continue
			}
			t.fill(body, k, layout)
		}
	default:
		t.fail(t.at(i), "Object expected", "A file holds an object: { \"container\": { \"web\": { ... } } }.")
	}
}

// member adds one key and its value, the node behind it, to a body.
func (t *jsonTranslation) member(body *hclsyntax.Body, k int, layout *jsonLayout) {
	name, at, v := t.text(k), t.at(k), k+1
	block, isBlock := layout.blocks[name]
	switch {
	case name == "//":
	case isBlock:
		t.blocks(body, jsonHeader{name: name, at: at}, v, block)
	case layout.root && (t.nodes[v].kind == '{' || t.nodes[v].kind == '['):
		// No such block: whoever takes in the blocks says so.
		body.Blocks = append(body.Blocks, &hclsyntax.Block{Type: name, Body: t.newBody(t.at(v)), TypeRange: at, OpenBraceRange: at, CloseBraceRange: at})
	case layout.named && !hclsyntax.ValidIdentifier(name):
		t.fail(at, fmt.Sprintf("%q is no name", name), "A name begins with a letter or an underscore and holds letters, digits, underscores and hyphens.")
	case body.Attributes[name] != nil:
		t.fail(at, fmt.Sprintf("Attribute %q is written twice", name), "It was written before at "+where(body.Attributes[name].NameRange)+".")
	default:
		body.Attributes[name] = &hclsyntax.Attribute{Name: name, Expr: t.expr(v, layout.modes[name]),
			SrcRange: hcl.RangeBetween(at, t.at(v)), NameRange: at, EqualsRange: t.between(at.End.Byte, at.End.Byte)}
	}
}

// jsonHeader is the head of a block as far as it was read.
type jsonHeader struct {
	name   string
	at     hcl.Range // what stands for the block in diagnostics: the last key, or the brace of an element
	labels []string
	places []hcl.Range
}

// blocks adds the blocks that a value stands for: an object for each label, and
// then one object for one block, or a list for several.
func (t *jsonTranslation) blocks(body *hclsyntax.Body, head jsonHeader, v int, block jsonBlock) {
	labelled := len(head.labels) == block.labels
	switch n := t.nodes[v]; {
	case n.kind == 'n':
	case n.kind == '[':
		for k := v + 1; k < n.next; k = t.nodes[k].next {
			if t.nodes[k].kind != '{' && t.nodes[k].kind != 'n' {
				t.wrongBlock(head, k, block)
				continue
			}
			element := head
			if labelled && block.labels == 0 {
				element.at = t.between(int(t.nodes[k].start), int(t.nodes[k].start)+1)
			}
			t.blocks(body, element, k, block)
		}
	case n.kind != '{':
		t.wrongBlock(head, v, block)
	case !labelled:
		for k := v + 1; k < n.next; k = t.nodes[k+1].next {
			label := t.text(k)
			if label == "//" {
				continue
			}
			inner := head
			inner.at = t.at(k)
			inner.labels = append(head.labels[:len(head.labels):len(head.labels)], label)
			inner.places = append(head.places[:len(head.places):len(head.places)], inner.at)
			t.blocks(body, inner, k+1, block)
		}
	default:
		b := &hclsyntax.Block{Type: head.name, Labels: head.labels, Body: t.newBody(t.at(v)), TypeRange: head.at, LabelRanges: head.places,
			OpenBraceRange: t.between(int(n.start), int(n.start)+1), CloseBraceRange: t.between(int(n.end)-1, int(n.end))}
		label := ""
		if block.labels > 0 {
			label = head.labels[block.labels-1]
		}
		t.fill(b.Body, v, block.body(label))
		body.Blocks = append(body.Blocks, b)
	}
}

func (t *jsonTranslation) wrongBlock(head jsonHeader, v int, block jsonBlock) {
	inner := "{ ... }"
	for range block.labels {
		inner = "{ \"LABEL\": " + inner + " }"
	}
	t.fail(t.at(v), fmt.Sprintf("%q is a block", head.name), fmt.Sprintf("Write %q: %s; a list of objects is several blocks.", head.name, inner))
}

// jsonMode is how the strings of an attribute are read.
type jsonMode int

const (
	jsonTemplate   jsonMode = iota // "${...}" and "%{...}" as in the native syntax
	jsonLiteral                    // as they are
	jsonAddress                    // an address without quotes, unless it is a template
	jsonExpression                 // an expression, as a type
	jsonPath                       // an address where it can be one, or else text
)

// expr makes the expression of a value. Elements of a list are read as the
// attribute itself.
func (t *jsonTranslation) expr(i int, mode jsonMode) hclsyntax.Expression {
	n, at := t.nodes[i], t.at(i)
	open := t.between(int(n.start), min(int(n.start)+1, int(n.end)))
	switch n.kind {
	case '{':
		if mode != jsonLiteral {
			mode = jsonTemplate
		}
		object := &hclsyntax.ObjectConsExpr{SrcRange: at, OpenRange: open}
		for k := i + 1; k < n.next; k = t.nodes[k+1].next {
			object.Items = append(object.Items, hclsyntax.ObjectConsItem{
				KeyExpr:   &hclsyntax.ObjectConsKeyExpr{Wrapped: t.expr(k, mode), ForceNonLiteral: true},
				ValueExpr: t.expr(k+1, mode),
			})
		}
		return object
	case '[':
		list := &hclsyntax.TupleConsExpr{SrcRange: at, OpenRange: open}
		for k := i + 1; k < n.next; k = t.nodes[k].next {
			list.Exprs = append(list.Exprs, t.expr(k, mode))
		}
		return list
	case '"':
		return t.string(i, mode)
	case '0':
		v, err := cty.ParseNumberVal(string(t.src[n.start:n.end]))
		if err != nil {
			t.fail(at, "Invalid number", sentenceOf(err))
			v = cty.Zero
		}
		return &hclsyntax.LiteralValueExpr{Val: v, SrcRange: at}
	case 't', 'f':
		return &hclsyntax.LiteralValueExpr{Val: cty.BoolVal(n.kind == 't'), SrcRange: at}
	}
	return &hclsyntax.LiteralValueExpr{Val: cty.NullVal(cty.DynamicPseudoType), SrcRange: at}
}

// plainTextExpr is the expression of a text that is taken as it is.
func plainTextExpr(text string, at hcl.Range) hclsyntax.Expression {
	x := &hclsyntax.TemplateExpr{SrcRange: at}
	if text != "" {
		x.Parts = []hclsyntax.Expression{&hclsyntax.LiteralValueExpr{Val: cty.StringVal(text), SrcRange: at}}
	}
	return x
}

// isTemplate reports whether a text may be more than itself.
func isTemplate(text string) bool {
	return strings.Contains(text, "${") || strings.Contains(text, "%{")
}

package hcl

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"hostctl/resource"
)

// Value is what an expression comes to. Sensitive parts are replaced by the
// text "(sensitive value)", a reference is its address.
type Value struct {
	JSON json.RawMessage `json:"json"`
	Text string          `json:"text"` // as the language writes it, over several lines
}

// readExpression evaluates the request's expression as if it stood in the configuration.
func (e *evaluation) readExpression() {
	if e.req.Expression == "" {
		return
	}
	e.in = ""
	f := File{Name: expressionName, Text: []byte(e.req.Expression)}
	if _, problem := scan(f); problem != nil {
		e.config.Diagnostics = append(e.config.Diagnostics, *problem)
		return
	}
	expr, diags := hclsyntax.ParseExpression(f.Text, f.Name, hcl.InitialPos)
	if diags.HasErrors() {
		p := piece{diags: diags}
		e.fromHCL(p.errors())
		return
	}
	v, ok := e.found(expr, within{}, e.shared)
	if !ok {
		return
	}
	v = redacted(v)
	text, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		e.fail(expr.Range(), "Value cannot be shown", sentenceOf(err))
		return
	}
	var b strings.Builder
	writeValue(&b, v, "")
	e.config.Value = &Value{JSON: text, Text: b.String()}
}

// writeValue writes a value as the language does.
func writeValue(b *strings.Builder, v value, indent string) {
	ty := v.Type()
	switch {
	case v.IsNull():
		b.WriteString("null")
	case ty == cty.String:
		b.WriteString(Quote(v.AsString()))
	case ty == cty.Number:
		b.WriteString(numberText(v.AsBigFloat()))
	case ty == cty.Bool:
		b.WriteString(strconv.FormatBool(v.True()))
	case ty == reference:
		b.WriteString(v.EncapsulatedValue().(*resource.Addr).String())
	case ty == dependency:
		b.WriteString(v.EncapsulatedValue().(*resource.Dependency).String())
	case v.LengthInt() == 0 && (ty.IsObjectType() || ty.IsMapType()):
		b.WriteString("{}")
	case v.LengthInt() == 0:
		b.WriteString("[]")
	case ty.IsObjectType() || ty.IsMapType():
		writeObject(b, v, indent)
	default:
		b.WriteString("[\n")
		for it := v.ElementIterator(); it.Next(); {
			_, element := it.Element()
			b.WriteString(indent + "  ")
			writeValue(b, element, indent+"  ")
			b.WriteString(",\n")
		}
		b.WriteString(indent + "]")
	}
}

func writeObject(b *strings.Builder, v value, indent string) {
	var keys []string
	var elements []value
	width := 0
	for it := v.ElementIterator(); it.Next(); { // in the order of the keys
		k, element := it.Element()
		key := k.AsString()
		if !hclsyntax.ValidIdentifier(key) {
			key = Quote(key)
		}
		width = max(width, len(key))
		keys, elements = append(keys, key), append(elements, element)
	}
	b.WriteString("{\n")
	for i, key := range keys {
		fmt.Fprintf(b, "%s  %-*s = ", indent, width, key)
		writeValue(b, elements[i], indent+"  ")
		b.WriteByte('\n')
	}
	b.WriteString(indent + "}")
}

package hcl

import (
	"fmt"
	"reflect"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostctl/resource"
)

// MaxDocument is the most bytes of a document.
const MaxDocument = 1 << 20

// ReadDocument reads a file that is one spec and no configuration, such as a host's policy: the attributes and blocks of
// the spec's struct stand in it without a block around them, and every value is written out. There are no names,
// functions and dynamic blocks. The spec is filled in as far as it can be; [Config.Locate] takes problems of the
// zero address.
//
// It parses in this process, and evaluates nothing. That the text is not too long and does not
// nest too deeply is looked at before.
func ReadDocument(f File, spec resource.Spec) *Config {
	c := &Config{sources: &Sources{Files: []File{f}}, places: map[resource.Addr]*places{}}
	pl := &places{file: f.Name, at: map[string]span{}}
	c.places[resource.Addr{}] = pl
	if len(f.Text) > MaxDocument {
		c.Diagnostics = Diagnostics{{Severity: Error, File: f.Name, Summary: "File is too long", Detail: fmt.Sprintf("It has at most %d MiB.", MaxDocument>>20)}}
		return c
	}
	if _, problem := scan(f); problem != nil {
		c.Diagnostics = Diagnostics{*problem}
		return c
	}
	e := (&run{req: Request{Sources: *c.sources}}).scope(c, "", ".")
	p := parseChunk(&f, chunk{end: len(f.Text), line: 1})
	if e.fromHCL(p.errors()); !c.Diagnostics.HasErrors() {
		d := &decoder{evaluation: e, places: pl, document: true}
		d.body(resource.SchemaOf(spec), reflect.ValueOf(spec).Elem(), p.body, "")
	}
	c.finish()
	return c
}

// written is the value of an expression of a document that is more than a literal: a negative number.
func (d *decoder) written(expr hclsyntax.Expression) (value, bool) {
	if minus, ok := expr.(*hclsyntax.UnaryOpExpr); ok && minus.Op == hclsyntax.OpNegate {
		if v, ok := literal(minus.Val); ok && v.Type() == cty.Number {
			return v.Negate(), true
		}
	}
	d.fail(expr.Range(), "Values are written out here", "There are no names, functions and operators in this file.")
	return none, false
}

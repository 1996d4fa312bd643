package hcl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxDiagnostics is how many are shown; nobody reads more.
const maxDiagnostics = 200

// finish puts the diagnostics in their order, with their lines.
func (c *Config) finish() {
	c.Diagnostics = c.Diagnostics.sorted()
	const tooMany = "There are too many errors"
	if len(c.Diagnostics) > maxDiagnostics && c.Diagnostics[0].Summary != tooMany {
		severity := Warning
		if c.Diagnostics.HasErrors() {
			severity = Error
		}
		c.Diagnostics = append(Diagnostics{{Severity: severity, Summary: tooMany, Detail: fmt.Sprintf("The first %d are shown.", maxDiagnostics)}}, c.Diagnostics[:maxDiagnostics]...)
	}
	for i := range c.Diagnostics {
		d := &c.Diagnostics[i]
		if d.Start.Line > 0 || d.File == "" {
			continue
		}
		if src := c.sources.text(d.File); src != nil {
			d.locate(src)
		}
	}
}

// fail adds an error at a range.
func (e *evaluation) fail(at hcl.Range, summary, detail string) {
	const enough = 50 * maxDiagnostics
	if len(e.config.Diagnostics) > enough {
		return
	}
	e.config.Diagnostics = append(e.config.Diagnostics, e.diagnostic(Error, at, summary, detail))
}

// warn adds a warning at a range.
func (e *evaluation) warn(at hcl.Range, summary, detail string) {
	e.config.Diagnostics = append(e.config.Diagnostics, e.diagnostic(Warning, at, summary, detail))
}

func (e *evaluation) diagnostic(severity Severity, at hcl.Range, summary, detail string) Diagnostic {
	d := Diagnostic{Severity: severity, Summary: summary, Detail: detail, File: at.Filename, Context: e.in}
	d.Start.Byte, d.End.Byte = at.Start.Byte, at.End.Byte
	if name, ok := strings.CutPrefix(at.Filename, varPrefix); ok {
		d.locate([]byte(e.req.Vars[name]))
	} else if name, ok := strings.CutPrefix(at.Filename, envPrefix); ok {
		d.locate([]byte(e.req.Env[name]))
	} else if at.Filename == expressionName {
		d.locate([]byte(e.req.Expression))
	}
	return d
}

// fromHCL adds the outer library's diagnostics.
func (e *evaluation) fromHCL(diags hcl.Diagnostics) {
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		var at hcl.Range
		if d.Subject != nil {
			at = *d.Subject
		}
		summary, detail := e.reword(d)
		e.fail(at, summary, detail)
	}
}

// reword says in this language's words what the outer library says of values
// that it does not know: references.
func (e *evaluation) reword(d *hcl.Diagnostic) (summary, detail string) {
	if x, ok := d.Expression.(*hclsyntax.IndexExpr); ok && d.Summary == "Invalid index" {
		if t, ok := x.Collection.(*hclsyntax.ScopeTraversalExpr); ok {
			if r := e.lookup(t.Traversal); r != nil {
				return "No such resource", r.listKeys(r.node())
			}
			if m := e.lookupModule(t.Traversal); m != nil {
				return "No such instance", m.listKeys(m.node())
			}
		}
	}
	if call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallUnknownDiagExtra](d); ok {
		return unknownFunction(call.CalledFunctionName())
	}
	if d.Summary == "Unsupported attribute" && d.EvalContext != nil && throughReference(d.Expression, d.EvalContext) {
		return "Attribute of a resource cannot be read", wholeOnly
	}
	if strings.HasSuffix(d.Detail, "but have condition.") {
		return d.Summary, strings.TrimSuffix(d.Detail, ".") + ". healthy(...) and completed(...) stand in depends_on alone."
	}
	if strings.HasSuffix(d.Detail, "but have reference.") {
		return d.Summary, strings.TrimSuffix(d.Detail, ".") + ". " + wholeOnly
	}
	if d.Expression == nil {
		// What the parser calls an argument is an attribute everywhere else.
		attribute := strings.NewReplacer("an argument", "an attribute", "An argument", "An attribute", "argument", "attribute", "Argument", "Attribute")
		return attribute.Replace(d.Summary), attribute.Replace(d.Detail)
	}
	return d.Summary, d.Detail
}

// throughReference reports whether a traversal goes through a reference, which has no parts.
func throughReference(expr hcl.Expression, ctx *hcl.EvalContext) bool {
	switch x := expr.(type) {
	case *hclsyntax.RelativeTraversalExpr:
		v, _ := x.Source.Value(ctx)
		return v != none && v.Type() == reference
	case *hclsyntax.ScopeTraversalExpr:
		for n := 1; n < len(x.Traversal); n++ {
			if v, diags := x.Traversal[:n].TraverseAbs(ctx); !diags.HasErrors() && v.Type() == reference {
				return true
			}
		}
	}
	return false
}

// wholeOnly is the rule of references.
const wholeOnly = "A reference stands for the whole resource; put a value that two blocks need into a local, and use that in both."

// title is blockTitle with the module that the block stands in.
func (e *evaluation) title(b *hclsyntax.Block) string { return e.inModule(blockTitle(b)) }

// inModule adds the module to what a diagnostic says of the place.
func (e *evaluation) inModule(what string) string {
	if e.module == "" {
		return what
	}
	return what + " in " + e.module
}

// blockTitle names a block as it is written: container "web".
func blockTitle(b *hclsyntax.Block) string {
	var s strings.Builder
	s.WriteString(b.Type)
	for _, l := range b.Labels {
		fmt.Fprintf(&s, " %q", l)
	}
	return s.String()
}

// quoteList writes names for a sentence: "a", "b" and "c", no more than ten.
func quoteList(names []string) string {
	const most = 10
	names = slices.Clone(names)
	more := ""
	if len(names) > most {
		more = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	for i := range names {
		names[i] = fmt.Sprintf("%q", names[i])
	}
	if more == "" && len(names) > 1 {
		return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
	}
	return strings.Join(names, ", ") + more
}

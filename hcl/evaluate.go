package hcl

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"hostctl/resource"
)

// evaluation is one configuration on its way from text to state.
type evaluation struct {
	req    Request
	kinds  resource.Kinds
	config *Config
	// in is the block that is looked at, for the diagnostics.
	in string
	// partial says that a part of the text could not be parsed: names that are
	// missing may stand there.
	partial bool

	settings  []*hclsyntax.Block
	variables map[string]*variable
	locals    map[string]*local
	resources map[string]map[string]*declared // by kind and name
	order     []*declared                     // in the order of the text
	outputs   map[string]*hclsyntax.Block
	shared    *hcl.EvalContext
	budget    budget // of the expression at hand
}

// Evaluate returns what a configuration means. It is pure: it reads no file,
// no environment and no clock. Evaluate trusts its input to be harmless to
// the process no more than the nesting scan does: time and memory are bounded
// only in the confined child that [Load] uses.
func Evaluate(req Request, kinds resource.Kinds) *Config {
	c := evaluate(req, kinds)
	c.check(kinds)
	return c
}

// evaluate is Evaluate but for the checks that need no text, which [Load]
// makes in the parent.
func evaluate(req Request, kinds resource.Kinds) *Config {
	e := &evaluation{
		req: req, kinds: kinds,
		config:    &Config{State: resource.State{}, sources: &req.Sources, places: map[resource.Addr]*places{}},
		variables: map[string]*variable{},
		locals:    map[string]*local{},
		resources: map[string]map[string]*declared{},
		outputs:   map[string]*hclsyntax.Block{},
	}
	for _, k := range kinds {
		e.resources[k.Name] = map[string]*declared{}
	}
	files := make([]File, 0, len(req.Sources.Files))
	var chunks [][]chunk
	for _, f := range req.Sources.Files {
		cut, problem := scan(f)
		if problem != nil {
			e.config.Diagnostics = append(e.config.Diagnostics, *problem)
			e.partial = true
			continue
		}
		files, chunks = append(files, f), append(chunks, cut)
	}
	for _, p := range parse(files, chunks) {
		e.fromHCL(p.errors())
		e.partial = e.partial || p.broken >= 0
		e.declare(p)
	}
	e.readSettings()
	e.readVariables()
	e.nameValues()
	e.expand()
	e.share()
	e.decodeAll()
	e.readOutputs()
	e.config.finish()
	return e.config
}

// maxDiagnostics is how many are shown; nobody reads more.
const maxDiagnostics = 200

// finish puts the diagnostics in their order, with their lines.
func (c *Config) finish() {
	c.Diagnostics = c.Diagnostics.sorted()
	const tooMany = "There are too many errors"
	if len(c.Diagnostics) > maxDiagnostics && c.Diagnostics[0].Summary != tooMany {
		c.Diagnostics = append(Diagnostics{{Severity: Error, Summary: tooMany, Detail: fmt.Sprintf("The first %d are shown.", maxDiagnostics)}}, c.Diagnostics[:maxDiagnostics]...)
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
	d := Diagnostic{Severity: Error, Summary: summary, Detail: detail, File: at.Filename, Context: e.in}
	d.Start.Byte, d.End.Byte = at.Start.Byte, at.End.Byte
	if name, ok := strings.CutPrefix(at.Filename, varPrefix); ok {
		d.locate([]byte(e.req.Vars[name]))
	}
	e.config.Diagnostics = append(e.config.Diagnostics, d)
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
				return "No such resource", r.listKeys()
			}
		}
	}
	if call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallUnknownDiagExtra](d); ok {
		return unknownFunction(call.CalledFunctionName())
	}
	if d.Summary == "Unsupported attribute" && d.EvalContext != nil && throughReference(d.Expression, d.EvalContext) {
		return "Attribute of a resource cannot be read", wholeOnly
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

// progress is the place that the child is evaluating, for a diagnostic if it
// runs into a limit there.
var progress atomic.Pointer[hcl.Range]

// budget is what the for expressions of one attribute may take together.
type budget struct {
	rounds int
	made   meter
}

const (
	maxRounds    = 100_000
	maxMade      = 8 // times what one value may hold, all values on the way to it counted
	takesTooLong = "Expression takes too long"
)

// stopped is the panic that ends an evaluation over its budget.
type stopped struct {
	at              hcl.Range
	summary, detail string
}

// counted is a part of a for expression that is evaluated in each round, and counts.
type counted struct {
	hclsyntax.Expression
	budget *budget
}

// Value spends one round of the budget, and what it makes.
func (c *counted) Value(ctx *hcl.EvalContext) (value, hcl.Diagnostics) {
	if c.budget.rounds++; c.budget.rounds > maxRounds {
		panic(stopped{c.Expression.Range(), takesTooLong, fmt.Sprintf("The for expressions of one attribute go round at most %d times together.", maxRounds)})
	}
	v, diags := c.Expression.Value(ctx)
	if diags.HasErrors() {
		// The outer library would go on and say the same of every round.
		panic(failed(diags))
	}
	if err := c.budget.made.add(v, 0); err != nil {
		panic(stopped{c.Expression.Range(), tooBig, "What the for expression makes is too much: " + err.Error() + "."})
	}
	return v, diags
}

// failed is the panic that ends an evaluation with errors.
type failed hcl.Diagnostics

// eval evaluates an expression whose references were found good. It reports
// what is wrong, and whether there is a value.
func (e *evaluation) eval(expr hclsyntax.Expression, ctx *hcl.EvalContext) (v value, ok bool) {
	at := expr.Range()
	progress.Store(&at)
	e.budget = budget{made: meter{times: maxMade}}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case stopped:
			e.fail(p.at, p.summary, p.detail)
			v, ok = none, false
		case failed:
			e.fromHCL(hcl.Diagnostics(p))
			v, ok = none, false
		default:
			e.fail(at, "Expression cannot be evaluated", fmt.Sprintf("This is a bug in hostctl: %v.", p))
			v, ok = none, false
		}
	}()
	v, diags := expr.Value(ctx)
	e.fromHCL(diags)
	if diags.HasErrors() {
		return none, false
	}
	if !v.IsWhollyKnown() {
		e.fail(at, "Expression has no value", "This is a bug in hostctl: the value is not known.")
		return none, false
	}
	return v, true
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

package hcl

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

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
	defer progress.end(progress.begin(at))
	e.budget = budget{made: meter{times: maxMade}}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case stopped:
			e.fail(p.at, p.summary, p.detail)
			v, ok = none, false
		case failed:
			e.fromEval(expr, ctx, hcl.Diagnostics(p))
			v, ok = none, false
		default:
			e.fail(at, "Expression cannot be evaluated", fmt.Sprintf("This is a bug in hostctl: %v.", p))
			v, ok = none, false
		}
	}()
	v, diags := expr.Value(ctx)
	if diags.HasErrors() {
		e.fromEval(expr, ctx, diags)
		return none, false
	}
	if !v.IsWhollyKnown() {
		e.fail(at, "Expression has no value", "This is a bug in hostctl: the value is not known.")
		return none, false
	}
	return v, true
}

// fromEval adds the diagnostics of an evaluation. Where a sensitive value has a
// part in it, what is wrong is not said: it may quote the value.
func (e *evaluation) fromEval(expr hclsyntax.Expression, ctx *hcl.EvalContext, diags hcl.Diagnostics) {
	if !touchesSensitive(expr, ctx) {
		e.fromHCL(diags)
		return
	}
	for _, d := range diags {
		if d.Severity == hcl.DiagError && d.Subject != nil {
			e.fail(*d.Subject, d.Summary, hidden)
		}
	}
}

// found looks for a value: names checked, evaluated, and of a size that can be
// worked with. Nothing is said of what refers to a value that has an error of its own.
func (e *evaluation) found(expr hclsyntax.Expression, in within, ctx *hcl.EvalContext) (value, bool) {
	u := e.analyse(expr, in)
	if !u.ok || !e.usable(u) || !e.checkKeys(u) {
		return none, false
	}
	v, ok := e.eval(expr, ctx)
	if !ok || !e.measured(v, expr.Range()) {
		return none, false
	}
	return v, true
}

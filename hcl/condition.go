package hcl

import (
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// verdict is what became of a condition.
type verdict int

const (
	unclear verdict = iota // it could not be told, for a reason that was given
	holds
	fails
)

// test evaluates a block of a condition and an error_message, and returns the
// message where the condition fails. Without a context only its names are checked.
func (e *evaluation) test(b *hclsyntax.Block, in within, ctx *hcl.EvalContext) (verdict, string) {
	if !e.shape(b, []string{"condition", "error_message"}, nil, []string{"condition", "error_message"}) {
		return unclear, ""
	}
	condition, message := b.Body.Attributes["condition"].Expr, b.Body.Attributes["error_message"].Expr
	needs, says := e.analyse(condition, in), e.analyse(message, in)
	if ctx == nil || !needs.ok || !says.ok || !e.usable(needs) || !e.usable(says) || !e.checkKeys(needs) || !e.checkKeys(says) {
		return unclear, ""
	}
	v, ok := e.eval(condition, ctx)
	if !ok {
		return unclear, ""
	}
	v = plain(v)
	if truth, err := convert.Convert(v, cty.Bool); err != nil || truth.IsNull() {
		e.fail(condition.Range(), "Invalid condition", "A condition is true or false, not "+article(v)+".")
		return unclear, ""
	} else if truth.True() {
		return holds, ""
	}
	text, ok := e.eval(message, ctx)
	if !ok {
		return unclear, ""
	}
	if hasSensitive(text) {
		return fails, "The error_message holds a sensitive value and is not shown."
	}
	if text.IsNull() || text.Type() != cty.String || !e.measured(text, message.Range()) {
		e.fail(message.Range(), "Invalid error_message", "Text is wanted, not "+article(text)+".")
		return unclear, ""
	}
	return fails, short(text.AsString())
}

// short is a message of a length that people read.
func short(s string) string {
	const most = 1000
	if utf8.RuneCountInString(s) > most {
		return string([]rune(s)[:most-3]) + "..."
	}
	return s
}

// readChecks warns of the assertions that fail, in every scope.
func (e *evaluation) readChecks() {
	for _, scope := range e.scopes {
		for _, name := range slices.Sorted(maps.Keys(scope.checks)) {
			b := scope.checks[name]
			scope.in = scope.title(b)
			if !scope.shape(b, nil, []string{"assert"}, nil) {
				continue
			}
			if len(b.Body.Blocks) == 0 {
				scope.fail(b.DefRange(), "Missing block \"assert\"", "A check asserts something: write assert { ... } with a condition and an error_message.")
			}
			for _, assert := range b.Body.Blocks {
				if v, message := scope.test(assert, within{}, scope.shared); v == fails {
					scope.warn(assert.Body.Attributes["condition"].Expr.Range(), "Check "+name+" failed", message)
				}
			}
		}
		scope.in = ""
	}
}

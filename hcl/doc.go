// Package hcl turns the text of a directory into a [resource.State], the place
// of every attribute in that text, and diagnostics.
//
// It names no kind: it is given the [resource.Kinds] and works from their
// schemas. It knows nothing of the host; what a configuration says is decided
// by its text and its variables alone. No other package sees the outer
// library's types.
//
// A configuration is hostile input. The parent reads the files ([ReadDir]) and
// checks their size and shape; parsing and evaluating happen in a confined
// child process ([Load], [ServeChild]), whose death is one diagnostic. The
// parent decodes the child's answer with the kinds' own types.
//
// Start with [Evaluate], which is the whole way in order: scan.go (nesting, before
// the parser), parse.go, declare.go (which names there are), variables.go,
// names.go (locals and for_each, each after what it needs), scope.go (references),
// decode.go and set.go (blocks to specs, by schema), check.go (the resources
// taken together). child.go is the way through the confined process.
package hcl

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
// A configuration may refer to what else its repository holds: directories of
// modules, and files. Evaluation is pure and reads none of it; what it misses it
// asks for ([Config.Needs]), the parent reads that beneath the repository's root
// ([Sources.Supply]), and the child is asked again.
//
// Start with [Evaluate], which is the whole way in order: scan.go (nesting, before
// the parser), parse.go, declare.go (which names there are), variables.go and given.go,
// names.go (locals, for_each, count and modules, each after what it needs), scope.go
// (references), module.go (an instance of a module is a scope of its own), decode.go,
// dynamic.go, files.go and set.go (blocks to specs, by schema), lifecycle.go, condition.go,
// moved.go, check.go (the resources taken together). What is sensitive carries
// a mark through every expression (sensitive.go). json.go makes the same tree of the JSON form.
// load.go and child.go are the two ends of the confined process, tree.go reads for it.
package hcl

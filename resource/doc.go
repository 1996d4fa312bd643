// Package resource is the vocabulary that every other package speaks: the
// address of a resource, its specification, the state that holds many of them,
// the kinds there are, and the schema that a kind's struct carries in its tags.
//
// It knows no kind by name, no file format but JSON, and nothing of the host.
// Start with [Spec], [Kind] and [State]; [Schema] is how the language, the
// difference and the manual see a spec without knowing its type.
package resource

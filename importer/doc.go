// Package importer reads what other container tools run and writes it as a
// configuration of hostctl: Compose projects, Quadlet units, nspawn settings
// and docker or podman command lines.
//
// Every source becomes a [Project], the one model between them; [Project.Write]
// makes text of it. What the text may say is asked of the kinds' schemas and
// their own checks when it is written: an attribute that a kind does not have,
// or does not take, becomes a comment, so that nothing invalid is ever written.
// Whatever was dropped or changed is a [Note] and a comment at its place.
//
// The package knows nothing of the language's evaluation and of the host. A
// source is hostile text: it decides values, never syntax, and no file outside
// of the project's own directory is read for it.
//
// Start with model.go, then one source (run.go is the shortest), then write.go
// (model to blocks), settle.go (blocks against the schemas) and text.go.
package importer

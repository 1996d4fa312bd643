// Package lsp is the editor's server: the Language Server Protocol 3.17 over
// standard input and output.
//
// It knows the protocol and the open buffers. What a text means it asks package
// hcl, whose confined children do all reading of configurations; it never looks
// at the host. The workspace may be hostile: only files of the
// directories that the client opened are read, no symbolic link leads out of them, and text
// from a configuration is shown as text, never as markup.
//
// Start with server.go: one loop owns all state, requests are answered beside
// it from snapshots. frame.go is the framing, text.go positions and edits,
// workspace.go which files make a configuration, diagnose.go the diagnostics,
// answer.go the requests, show.go how findings look in an editor.
package lsp

// Package docs is the manual's text of every kind, attribute and block, for
// the programs that show it: the editor's server and the schema. The text is
// the doc comments of the kinds' structs; kinds.json is written from them
// together with kinds.md, and a test of cmd/hostctl holds both to the code.
package docs

import (
	_ "embed"
	"encoding/json"
	"sync"
)

//go:embed kinds.json
var kinds []byte

var texts = sync.OnceValue(func() map[string]string {
	var texts map[string]string
	if err := json.Unmarshal(kinds, &texts); err != nil {
		panic("bug: docs/kinds.json: " + err.Error())
	}
	return texts
})

// Text returns what the manual says of a kind ("container"), of an attribute
// ("container.rootfs"), of a block in it ("container.mount") or of what stands
// there ("container.mount.volume"); "" where there is no such thing.
func Text(path string) string { return texts()[path] }

package lsp_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTranscripts holds conversations with editors: what the client sends is
// theirs, their abilities as they announce them, and what the server answers is
// golden. DIR stands for the workspace.
func TestTranscripts(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("testdata", "transcripts", "*.txt"))
	if err != nil || len(names) < 2 {
		t.Fatalf("%q, %v", names, err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			golden, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			dir := workspace(t, map[string]string{"users.hcl": "user \"shop\" {\n}\n"})
			c := newClient(t, options())
			var out strings.Builder
			say := func(m map[string]any) {
				body, err := json.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				out.WriteString("<-- " + strings.ReplaceAll(string(body), dir, "DIR") + "\n")
			}
			for line := range strings.Lines(string(golden)) {
				sent, ok := strings.CutPrefix(line, "--> ")
				if !ok {
					if !strings.HasPrefix(line, "<-- ") {
						out.WriteString(line) // a remark
					}
					continue
				}
				out.WriteString(line)
				sent = strings.ReplaceAll(strings.TrimSuffix(sent, "\n"), "DIR", dir)
				c.write(sent)
				var m map[string]any
				if err := json.Unmarshal([]byte(sent), &m); err != nil {
					t.Fatal(err)
				}
				// What the message brings about, before the next one.
				for answered(m) {
					reply := c.next()
					say(reply)
					if answers(m, reply) {
						break
					}
				}
			}
			for m := range c.from {
				say(m)
			}
			if err := <-c.done; err != nil {
				t.Error(err)
			}
			if *update {
				if err := os.WriteFile(name, []byte(out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if out.String() != string(golden) {
				t.Errorf("%s is not what was said; `go test ./lsp -update` writes it anew:\n%s", name, out.String())
			}
		})
	}
}

// answered reports whether the server says something because of a message.
func answered(m map[string]any) bool {
	switch m["method"] {
	case "textDocument/didOpen", "textDocument/didChange", "textDocument/didClose":
		return true
	}
	return m["id"] != nil && m["method"] != nil
}

// answers reports whether a message of the server is the last because of m.
func answers(m, reply map[string]any) bool {
	if m["id"] != nil {
		return reply["id"] == m["id"] && reply["method"] == nil
	}
	if reply["method"] != "textDocument/publishDiagnostics" {
		return false
	}
	doc := m["params"].(map[string]any)["textDocument"].(map[string]any)
	of := reply["params"].(map[string]any)
	return of["uri"] == doc["uri"] && of["version"] == doc["version"]
}

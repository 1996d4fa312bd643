package lsp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"hostctl/hcl"
	"hostctl/lsp"
	"hostctl/resource"
)

var update = flag.Bool("update", false, "write the golden files")

// The kinds of these tests: a few attributes of each form.

type account struct {
	Shell string `json:"shell" diff:"live" default:"/usr/sbin/nologin"`
}

func (*account) Validate(resource.Addr) []resource.Problem                    { return nil }
func (*account) Resolve(resource.Addr, *resource.Resolver) []resource.Problem { return nil }

type disk struct {
	Path      string        `json:"path" diff:"replace" attr:"required"`
	Owner     resource.Addr `json:"owner,omitzero" diff:"live" ref:"user"`
	OnDestroy string        `json:"on_destroy" diff:"live" default:"keep"`
}

func (d *disk) Validate(self resource.Addr) (problems []resource.Problem) {
	if d.OnDestroy != "keep" && d.OnDestroy != "delete" {
		problems = append(problems, resource.Problem{Addr: self, Path: "on_destroy", Summary: "Unknown word"})
	}
	return problems
}

// Resolve finds something wrong, as it may where nothing is wrong with each resource by itself.
func (d *disk) Resolve(self resource.Addr, _ *resource.Resolver) []resource.Problem {
	if d.Path == "/taken" {
		return []resource.Problem{{Addr: self, Path: "path", Summary: "Path is taken"}}
	}
	return nil
}

var testKinds = resource.Kinds{
	{Name: "user", New: func() resource.Spec { return resource.SetDefaults(&account{}) }},
	{Name: "volume", New: func() resource.Spec { return resource.SetDefaults(&disk{}) }},
}

var manual = map[string]string{
	"user":              "A host account: see <https://example.org/x.png>.",
	"user.shell":        "The shell, \"/bin/sh\" or another.",
	"volume":            "A directory of the host.",
	"volume.path":       "Its absolute path.",
	"volume.on_destroy": `What becomes of the data: "keep" or "delete"; never "maybe".`,
}

// TestMain is also the confined child, and the server that Neovim starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case hcl.ChildArg:
			os.Exit(hcl.ServeChild(os.Stdin, os.Stdout, testKinds, func() error { return nil }))
		case "lsp":
			if err := lsp.Serve(context.Background(), os.Stdin, os.Stdout, options()); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

func child(ctx context.Context, request []byte) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", hcl.ChildArg)
	cmd.Stdin = bytes.NewReader(request)
	return cmd.Output()
}

func options() lsp.Options {
	return lsp.Options{Child: child, Kinds: testKinds, Request: hcl.Request{Version: "0.1.0"}, Text: func(path string) string { return manual[path] }}
}

// client is the other end of a conversation.
type client struct {
	t      *testing.T
	to     io.WriteCloser
	from   chan map[string]any // closed at the end
	done   chan error          // what Serve returned
	lastID int
}

func newClient(t *testing.T, options lsp.Options) *client {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	c := &client{t: t, to: inW, from: make(chan map[string]any, 1000), done: make(chan error, 1)}
	go func() {
		err := lsp.Serve(context.Background(), inR, outW, options)
		inR.Close()
		outW.Close()
		c.done <- err
	}()
	go func() {
		defer close(c.from)
		for {
			body, err := readMessage(outR)
			if err != nil {
				return
			}
			var m map[string]any
			if err := json.Unmarshal(body, &m); err != nil {
				t.Errorf("the server wrote %q: %v", body, err)
				return
			}
			c.from <- m
		}
	}()
	t.Cleanup(func() { inW.Close(); outR.Close() })
	return c
}

func readMessage(r io.Reader) ([]byte, error) {
	var head []byte
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		var one [1]byte
		if _, err := io.ReadFull(r, one[:]); err != nil {
			return nil, err
		}
		head = append(head, one[0])
	}
	var n int
	if _, err := fmt.Sscanf(string(head), "Content-Length: %d\r\n", &n); err != nil {
		return nil, err
	}
	body := make([]byte, n)
	_, err := io.ReadFull(r, body)
	return body, err
}

func (c *client) write(body string) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.to, "Content-Length: %d\r\n\r\n%s", len(body), body); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) send(m map[string]any) {
	c.t.Helper()
	m["jsonrpc"] = "2.0"
	body, err := json.Marshal(m)
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(string(body))
}

func (c *client) notify(method string, params any) {
	c.t.Helper()
	c.send(map[string]any{"method": method, "params": params})
}

// next is the next message of the server. Only a hang runs into the limit.
func (c *client) next() map[string]any {
	c.t.Helper()
	select {
	case m, ok := <-c.from:
		if !ok {
			c.t.Fatal("the server has gone")
		}
		return m
	case <-time.After(time.Minute):
		c.t.Fatal("the server says nothing")
	}
	return nil
}

// call sends a request and returns the answer.
func (c *client) call(method string, params any) map[string]any {
	c.t.Helper()
	c.lastID++
	c.send(map[string]any{"id": c.lastID, "method": method, "params": params})
	for {
		m := c.next()
		if id, ok := m["id"].(float64); ok && int(id) == c.lastID && m["method"] == nil {
			return m
		}
	}
}

// diagnostics waits for those of a version of a file, of a closed one with
// version 0: "line:summary" each.
func (c *client) diagnostics(uri string, version int) []string {
	c.t.Helper()
	for {
		m := c.next()
		if m["method"] != "textDocument/publishDiagnostics" {
			continue
		}
		p := m["params"].(map[string]any)
		if p["uri"] != uri || p["version"] != float64(version) && (version != 0 || p["version"] != nil) {
			continue
		}
		out := []string{}
		for _, d := range p["diagnostics"].([]any) {
			d := d.(map[string]any)
			start := d["range"].(map[string]any)["start"].(map[string]any)
			summary, _, _ := strings.Cut(d["message"].(string), "\n")
			out = append(out, fmt.Sprintf("%v:%s", start["line"].(float64)+1, summary))
		}
		return out
	}
}

func (c *client) open(uri, text string) {
	c.t.Helper()
	c.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": uri, "languageId": "hcl", "version": 1, "text": text}})
}

// change replaces the whole text.
func (c *client) change(uri string, version int, text string) {
	c.t.Helper()
	c.notify("textDocument/didChange", map[string]any{"textDocument": map[string]any{"uri": uri, "version": version}, "contentChanges": []any{map[string]any{"text": text}}})
}

func (c *client) initialize(dir string) {
	c.t.Helper()
	c.call("initialize", map[string]any{"processId": nil, "rootUri": "file://" + dir, "capabilities": map[string]any{}})
	c.notify("initialized", map[string]any{})
}

func at(uri string, line, character int) map[string]any {
	return map[string]any{"textDocument": map[string]any{"uri": uri}, "position": map[string]any{"line": line, "character": character}}
}

// lacks skips a test for want of something, or fails where none may be skipped.
func lacks(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("HOSTCTL_TEST_NO_SKIP") == "1" {
		t.Fatalf("needs %s", what)
	}
	t.Skipf("needs %s", what)
}

package lsp_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"hostctl/hcl"
	"hostctl/lsp"
)

// workspace writes files below a directory of the test, whose path it returns.
func workspace(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func labels(t *testing.T, answer map[string]any) (out []string) {
	t.Helper()
	if answer["error"] != nil {
		t.Fatal(answer["error"])
	}
	if answer["result"] == nil {
		return nil
	}
	for _, i := range answer["result"].(map[string]any)["items"].([]any) {
		out = append(out, i.(map[string]any)["label"].(string))
	}
	return out
}

// TestBuffersCount: what is in the editor is what is looked at, beside the files that are not open.
func TestBuffersCount(t *testing.T) {
	dir := workspace(t, map[string]string{
		"main.hcl":  "broken on disk {\n",
		"users.hcl": "user \"disk\" {}\n",
	})
	uri := "file://" + dir + "/main.hcl"
	c := newClient(t, options())
	c.initialize(dir)
	c.open(uri, "hostctl { name = \"x\" }\nvolume \"v\" {\n  path  = \"/v\"\n  owner = user.disc\n}\n")
	want := []string{"4:user.disc does not exist"}
	if have := c.diagnostics(uri, 1); !slices.Equal(have, want) {
		t.Fatalf("%q, want %q", have, want)
	}
	// The fix that the diagnostic names.
	here := map[string]any{"line": 3, "character": 12}
	fix := c.call("textDocument/codeAction", map[string]any{"textDocument": map[string]any{"uri": uri},
		"range": map[string]any{"start": here, "end": here}, "context": map[string]any{}})
	if text := fmt.Sprint(fix["result"]); !strings.Contains(text, `Change to "disk"`) || !strings.Contains(text, "newText:disk range:map[end:map[character:19 line:3] start:map[character:15 line:3]") {
		t.Errorf("the fix is %s", text)
	}
	c.change(uri, 2, "hostctl { name = \"x\" }\nvolume \"v\" {\n  path  = \"/taken\"\n  owner = user.disk\n}\n")
	if have := c.diagnostics(uri, 2); !slices.Equal(have, []string{"3:Path is taken"}) {
		t.Fatalf("%q: what validate finds when it resolves is missing", have)
	}
	c.change(uri, 3, "hostctl { name = \"x\" }\nvolume \"v\" {\n  path  = \"/v\"\n  owner = user.\n}\n")
	if have := c.diagnostics(uri, 3); len(have) != 1 || !strings.HasPrefix(have[0], "4:") {
		t.Fatalf("%q", have)
	}
	if have := labels(t, c.call("textDocument/completion", at(uri, 3, 15))); !slices.Equal(have, []string{"disk"}) {
		t.Errorf("completion has %q", have)
	}
	// A closed buffer takes its diagnostics with it.
	c.notify("textDocument/didClose", map[string]any{"textDocument": map[string]any{"uri": uri}})
	if have := c.diagnostics(uri, 0); len(have) != 0 {
		t.Errorf("after closing: %q", have)
	}
	if m := c.call("textDocument/completion", at(uri, 3, 15)); m["result"] != nil || m["error"] != nil {
		t.Errorf("of a closed file: %v", m)
	}
	if m := c.call("shutdown", nil); m["error"] != nil {
		t.Error(m)
	}
	if m := c.call("textDocument/hover", at(uri, 0, 0)); m["error"] == nil {
		t.Error("an answer after shutdown")
	}
	c.notify("exit", nil)
	if err := <-c.done; err != nil {
		t.Error(err)
	}
}

// TestWords: the values that the manual quotes and the kind takes, with quotes and within them.
func TestWords(t *testing.T) {
	dir := workspace(t, nil)
	uri := "file://" + dir + "/main.hcl"
	c := newClient(t, options())
	c.initialize(dir)
	c.open(uri, "volume \"v\" {\n  on_destroy = \n  on_destroy = \"k\"\n}\nuser \"u\" {\n  shell = \"\"\n}\n")
	if have := labels(t, c.call("textDocument/completion", at(uri, 1, 15))); !slices.Contains(have, `"keep"`) || !slices.Contains(have, `"delete"`) || slices.Contains(have, `"maybe"`) {
		t.Errorf("%q", have)
	}
	if have := labels(t, c.call("textDocument/completion", at(uri, 2, 17))); !slices.Equal(have, []string{"keep", "delete"}) {
		t.Errorf("%q", have)
	}
	if have := labels(t, c.call("textDocument/completion", at(uri, 5, 11))); len(have) != 0 {
		t.Errorf("an attribute that takes any text: %q", have)
	}
}

// TestNothingOutside: what the client has not opened is not read, wherever links lead.
func TestNothingOutside(t *testing.T) {
	secret := workspace(t, map[string]string{"secret.hcl": "user \"hidden\" {}\n", "deep/secret.hcl": "user \"hidden\" {}\noutput \"hidden\" {\n  valu = 1\n}\n"})
	dir := workspace(t, map[string]string{"sub/own.hcl": "user \"own\" {}\n"})
	for link, target := range map[string]string{"sub/linked.hcl": secret + "/secret.hcl", "away": secret, "up": secret + "/deep"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	text := "volume \"v\" {\n  owner = user.\n}\nmodule \"m\" {\n  source = \"./deep\"\n}\noutput \"o\" {\n  value = module.m.\n}\n"
	for path, want := range map[string]string{
		dir + "/sub/main.hcl":       "own",
		dir + "/away/main.hcl":      "",
		dir + "/up/main.hcl":        "",
		secret + "/main.hcl":        "",
		dir + "/sub/../../main.hcl": "",
	} {
		c := newClient(t, options())
		c.initialize(dir)
		uri := "file://" + path
		c.open(uri, text)
		if have := strings.Join(labels(t, c.call("textDocument/completion", at(uri, 1, 15))), " "); have != want {
			t.Errorf("%s: %q, want %q", path, have, want)
		}
		if have := labels(t, c.call("textDocument/completion", at(uri, 7, 19))); len(have) != 0 {
			t.Errorf("%s: %q of a module outside", path, have)
		}
	}
}

// TestAlone: without a folder the file's own directory was opened with it.
func TestAlone(t *testing.T) {
	dir := workspace(t, map[string]string{"users.hcl": "user \"beside\" {}\n"})
	uri := "file://" + dir + "/main.hcl"
	c := newClient(t, options())
	c.call("initialize", map[string]any{"processId": nil, "rootUri": nil, "capabilities": map[string]any{}})
	c.open(uri, "volume \"v\" {\n  owner = user.\n}\n")
	if have := labels(t, c.call("textDocument/completion", at(uri, 1, 15))); !slices.Equal(have, []string{"beside"}) {
		t.Errorf("%q", have)
	}
}

// TestSupersede: of evaluations that follow one another the last one counts, and the others are ended.
func TestSupersede(t *testing.T) {
	opts := options()
	var ended atomic.Int32
	started := make(chan struct{}, 10)
	opts.Child = func(ctx context.Context, request []byte) ([]byte, error) {
		if strings.Contains(string(request), "slow") {
			started <- struct{}{}
			<-ctx.Done()
			ended.Add(1)
			return nil, ctx.Err()
		}
		return child(ctx, request)
	}
	dir := workspace(t, nil)
	uri := "file://" + dir + "/main.hcl"
	c := newClient(t, opts)
	c.initialize(dir)
	c.open(uri, "# slow\n")
	<-started
	c.change(uri, 2, "# slow again\n")
	<-started
	c.change(uri, 3, "hostctl { name = \"x\" }\n")
	if have := c.diagnostics(uri, 3); len(have) != 0 || ended.Load() == 0 {
		t.Errorf("%q, %d ended", have, ended.Load())
	}
	// A request is ended by its sender.
	c.change(uri, 4, "# slow\n")
	<-started
	c.send(map[string]any{"id": "h", "method": "textDocument/hover", "params": at(uri, 0, 0)})
	<-started
	c.notify("$/cancelRequest", map[string]any{"id": "h"})
	for m := c.next(); ; m = c.next() {
		if m["id"] != "h" {
			continue
		}
		if code := m["error"].(map[string]any)["code"]; code != float64(-32800) {
			t.Errorf("code %v", code)
		}
		break
	}
}

// TestModuleDirectory: a directory without a hostctl block is part of another, and lacks neither a name nor values.
func TestModuleDirectory(t *testing.T) {
	dir := workspace(t, nil)
	uri := "file://" + dir + "/main.hcl"
	c := newClient(t, options())
	c.initialize(dir)
	c.open(uri, "variable \"host\" {}\nuser \"u\" {\n  shel = 1\n}\n")
	if have := c.diagnostics(uri, 1); !slices.Equal(have, []string{`3:Unknown attribute "shel"`}) {
		t.Errorf("%q", have)
	}
}

func TestUnknownAndEarly(t *testing.T) {
	c := newClient(t, options())
	code := func(m map[string]any) any {
		if m["error"] == nil {
			t.Fatalf("no error in %v", m)
		}
		return m["error"].(map[string]any)["code"]
	}
	if have := code(c.call("textDocument/hover", at("file:///a.hcl", 0, 0))); have != float64(-32002) {
		t.Errorf("before initialize: %v", have)
	}
	c.initialize(t.TempDir())
	if have := code(c.call("textDocument/nonsense", nil)); have != float64(-32601) {
		t.Errorf("an unknown request: %v", have)
	}
	if have := code(c.call("initialize", map[string]any{})); have != float64(-32600) {
		t.Errorf("a second initialize: %v", have)
	}
	c.write("{]")
	if m := c.next(); code(m) != float64(-32700) || m["id"] != nil {
		t.Errorf("no JSON: %v", m)
	}
	c.write("[]")
	if m := c.next(); code(m) != float64(-32600) {
		t.Errorf("no message: %v", m)
	}
	c.to.Close()
	if err := <-c.done; !errors.Is(err, lsp.ErrUnexpectedExit) {
		t.Errorf("after the end of input: %v", err)
	}
}

// TestTooLong: a buffer that is too long is not looked at, and does no harm.
func TestTooLong(t *testing.T) {
	dir := workspace(t, nil)
	uri := "file://" + dir + "/main.hcl"
	c := newClient(t, options())
	c.initialize(dir)
	c.open(uri, strings.Repeat("#", hcl.MaxFileBytes+1))
	if m := c.next(); m["method"] != "window/showMessage" {
		t.Errorf("%v", m)
	}
	if m := c.call("textDocument/hover", at(uri, 0, 0)); m["result"] != nil {
		t.Error(m)
	}
	// Text that nests without end is a diagnostic.
	c.open(uri, "locals {\n  a = "+strings.Repeat("(", 200_000))
	if have := c.diagnostics(uri, 1); !slices.Equal(have, []string{"2:Configuration nests too deeply"}) {
		t.Errorf("%q", have)
	}
	if m := c.call("textDocument/hover", at(uri, 0, 0)); m["result"] != nil || m["error"] != nil {
		t.Error(m)
	}
}

// TestModules: a module that a configuration uses is looked at as its part, from
// both sides, in the buffers' state; by itself it is again when the configuration is closed.
func TestModules(t *testing.T) {
	dir := workspace(t, map[string]string{
		"hosts/a/main.hcl":      "",
		"modules/site/main.hcl": "variable \"host\" {}\nuser \"u\" {}\noutput \"old\" {\n  value = 1\n}\n",
	})
	main, site := "file://"+dir+"/hosts/a/main.hcl", "file://"+dir+"/modules/site/main.hcl"
	c := newClient(t, options())
	c.initialize(dir)
	c.open(site, "variable \"host\" {}\nuser \"u\" {\n  shel = 1\n}\noutput \"new\" {\n  value = var.host\n}\n")
	if have := c.diagnostics(site, 1); !slices.Equal(have, []string{`3:Unknown attribute "shel"`}) {
		t.Fatalf("by itself: %q", have)
	}
	text := "hostctl { name = \"x\" }\nmodule \"s\" {\n  source = \"../../modules/site\"\n  host   = 1\n}\noutput \"o\" {\n  value = module.s.new\n}\n"
	c.open(main, text)
	if have := c.diagnostics(main, 1); len(have) != 0 {
		t.Errorf("%q", have)
	}
	if have := c.diagnostics(site, 1); !slices.Equal(have, []string{`3:Unknown attribute "shel"`}) {
		t.Errorf("as a part: %q", have)
	}
	// A change of the module shows in the configuration.
	c.change(site, 2, "variable \"host\" {}\noutput \"newer\" {\n  value = var.host\n}\n")
	if have := c.diagnostics(main, 1); len(have) != 1 || !strings.HasPrefix(have[0], "7:") {
		t.Errorf("%q", have)
	}
	// Renamed in the module, renamed where it is used.
	p := at(site, 0, 11)
	p["newName"] = "name"
	edits := c.call("textDocument/rename", p)["result"].(map[string]any)["changes"].(map[string]any)
	if len(edits[main].([]any)) != 1 || len(edits[site].([]any)) != 2 {
		t.Errorf("%v", edits)
	}
	if have := labels(t, c.call("textDocument/completion", at(main, 6, 19))); !slices.Equal(have, []string{"newer"}) {
		t.Errorf("%q", have)
	}
	c.notify("textDocument/didClose", map[string]any{"textDocument": map[string]any{"uri": main}})
	if have := c.diagnostics(site, 2); len(have) != 0 {
		t.Errorf("by itself again: %q", have)
	}
}

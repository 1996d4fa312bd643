package hcl

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"hostctl/resource"
)

// languageRequest is testdata/language.txtar.
func languageRequest(t testing.TB) Request {
	archive, err := txtar.ParseFile("testdata/language.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var files []File
	for _, f := range archive.Files {
		files = append(files, File{f.Name, bytes.ReplaceAll(f.Data, []byte("@BINARY@"), []byte("\x00\xff"))})
	}
	return Request{Sources: sourcesOf(files), Version: "0.1.0"}
}

// TestLanguage: what a tree of modules comes to.
func TestLanguage(t *testing.T) {
	c := Load(t.Context(), inProcess, languageRequest(t), testKinds)
	if c.Diagnostics.HasErrors() {
		t.Fatal(c.Diagnostics)
	}
	out, err := json.MarshalIndent(struct {
		State       resource.State
		Outputs     []Output
		Directives  resource.Directives
		Diagnostics Diagnostics
	}{c.State, c.Outputs, c.Directives, c.Diagnostics}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "language.json.golden", append(out, '\n'))

	want := Evaluate(languageRequest(t), testKinds)
	if !reflect.DeepEqual(c.State, want.State) || !reflect.DeepEqual(c.Directives, want.Directives) || !reflect.DeepEqual(c.Outputs, want.Outputs) || !reflect.DeepEqual(c.Diagnostics, want.Diagnostics) {
		t.Error("the way through the child changes the meaning")
	}
	d := c.Locate(resource.Problem{Addr: resource.Addr{Module: `module.site["b"]`, Kind: "container", Name: "web", Key: "1"}, Path: `file["/index.html"].content`, Summary: "x"})
	if d.File != "modules/site/main.hcl" || d.Context != `container "web" in module.site["b"] for count.index 1` || d.Snippet != `    source = "index.html"` {
		t.Errorf("%+v", d)
	}
	secret := c.Locate(resource.Problem{Addr: resource.Addr{Kind: "container", Name: "all"}, Path: `environment["PASSWORD"]`, Summary: "hunter2 is bad", Detail: "hunter2"})
	if strings.Contains(secret.Error(), "hunter2") {
		t.Error(secret)
	}
}

package hcl

import (
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/zclconf/go-cty/cty"
)

// tree writes what a body says without where it says it.
func tree(b *hclsyntax.Body) string {
	var out strings.Builder
	writeTree(&out, b, "")
	return out.String()
}

func writeTree(out *strings.Builder, b *hclsyntax.Body, indent string) {
	var names []string
	for name := range b.Attributes {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(out, "%s%s = %s\n", indent, name, treeOf(reflect.ValueOf(b.Attributes[name].Expr)))
	}
	for _, inner := range b.Blocks {
		fmt.Fprintf(out, "%s%s\n", indent, blockTitle(inner))
		writeTree(out, inner.Body, indent+"  ")
	}
}

// treeOf writes a part of an expression: its types and values, no ranges.
func treeOf(v reflect.Value) string {
	if !v.IsValid() {
		return "nil"
	}
	if val, ok := v.Interface().(cty.Value); ok {
		return val.GoString()
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return "nil"
		}
		return treeOf(v.Elem())
	case reflect.Slice:
		var parts []string
		for i := range v.Len() {
			parts = append(parts, treeOf(v.Index(i)))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[hcl.Range]() || strings.Contains(v.Type().PkgPath(), "go-cty") {
			return ""
		}
		s := v.Type().Name() + "{"
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "ForceNonLiteral" {
				s += treeOf(v.Field(i))
			}
		}
		return s + "}"
	}
	return fmt.Sprint(v)
}

// TestJSONForm: both forms of a configuration have one tree. Of each pair in
// testdata/json.txtar the first file is native and the second JSON.
func TestJSONForm(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/json.txtar")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string][]byte{}
	for _, f := range archive.Files {
		texts[f.Name] = f.Data
	}
	pairs := 0
	for _, f := range archive.Files {
		name, ok := strings.CutSuffix(f.Name, ".json")
		if !ok {
			continue
		}
		pairs++
		t.Run(name, func(t *testing.T) {
			native, diags := hclsyntax.ParseConfig(texts[name], name, hcl.InitialPos)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			file := File{Name: f.Name, Text: f.Data}
			if d := scanJSON(file); d != nil {
				t.Fatal(d)
			}
			body, diags := bodyFromJSON(file, testKinds)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			if got, want := tree(body), tree(native.Body.(*hclsyntax.Body)); got != want {
				t.Errorf("JSON:\n%s\nnative:\n%s", got, want)
			}
			checkRanges(t, file, body, diags)
		})
	}
	if pairs < 20 || len(archive.Files) != 2*pairs {
		t.Errorf("%d pairs of %d files", pairs, len(archive.Files))
	}
}

// goodJSON is goodConfig in the JSON form.
const goodJSON = `{
 "hostctl": {"name": "shop", "required_version": ">= 0.1"},
 "variable": {"port": {"type": "number", "default": 8080}, "queues": {"type": "map(object({ tasks = optional(number, 50) }))", "default": {"mail": {}, "thumbs": {"tasks": 7}}}},
 "locals": {"root": "${local.base}/rootfs", "base": "/srv", "names": "${[for name, q in var.queues : upper(name) if q.tasks > 10]}"},
 "user": {"shop": {"uid": 2100, "groups": ["adm"]}},
 "volume": {"db": {"path": "/srv/db", "owner": "user.shop", "mode": "0700"}},
 "container": {"worker": {"for_each": "${var.queues}", "rootfs": "${local.root}/worker", "command": ["/x", "${each.key}", "port ${var.port}\n\ttwo\n"],
   "environment": "${merge({ QUEUE = each.key }, { DEBUG = true, N = 1.5 })}", "run_as": "${each.key == \"mail\" ? user.shop : null}",
   "mount": {"/data": {"volume": "volume.db"}}, "limits": {"memory": 1048576, "tasks": "${each.value.tasks}", "cpu": "1.5"}},
  "web": {"rootfs": "/r", "init": "false", "stop_timeout": "1m30s", "nice": -5, "depends_on": ["container.worker[\"mail\"]", "container.worker[\"thumbs\"]"]},
  "all": {"rootfs": "/r", "depends_on": "values(container.worker)"}},
 "output": {"count": {"value": "${length(container.worker)}", "description": "How many."}, "things": {"value": {"names": "${local.names}", "web": "${container.web}", "port": "${var.port}"}}}
}
`

// TestJSONMeansTheSame: also what it comes to.
func TestJSONMeansTheSame(t *testing.T) {
	want := Evaluate(goodRequest(), testKinds)
	req := goodRequest()
	req.Sources.Files = []File{{"main.hcl.json", []byte(goodJSON)}}
	for name, got := range map[string]*Config{"Evaluate": Evaluate(req, testKinds), "Load": Load(t.Context(), inProcess, req, testKinds)} {
		if len(got.Diagnostics) > 0 {
			t.Fatal(got.Diagnostics)
		}
		if got.Name != want.Name || !reflect.DeepEqual(got.State, want.State) || !reflect.DeepEqual(got.Outputs, want.Outputs) {
			t.Errorf("%s: another meaning", name)
		}
	}
}

// TestJSONMistakes: what is wrong with a configuration is said of the JSON text.
func TestJSONMistakes(t *testing.T) {
	text := `{"hostctl": {"name": "x"},
 "containr": {"web": {}},
 "user": {"A b": {"uid": "x"}, "u": {"hom": "/", "uid": "\u0078"}},
 "container": {"web": {"run_as": "user.shpo", "limits": {"memry": 1}, "mount": {"/x": {}}, "rootfs": "a\n${user.nope}"},
   "db": {"rootfs": "/", "limits": [{}, {}]}},
 "locals": {"a": "${local.b}", "b": "${local.a}"}
}`
	var got []string
	for _, d := range Evaluate(Request{Sources: Sources{Files: []File{{"main.hcl.json", []byte(text)}}}}, testKinds).Diagnostics {
		got = append(got, fmt.Sprintf("%d %s: %s", d.Start.Line, d.Summary, text[d.Start.Byte:d.End.Byte]))
	}
	want := []string{
		`2 Unknown block type "containr": "containr"`,
		`3 "A b" is no name for a user: "A b"`,
		`3 Unknown attribute "hom": "hom"`,
		`3 Invalid value for "uid": "\u0078"`,
		`4 user.shpo does not exist: user.shpo`,
		`4 Unknown attribute "memry": "memry"`,
		`4 Missing attribute "volume": "/x"`,
		`4 user.nope does not exist: user.nope`,
		`5 Duplicate limits: {`,
		`6 Names refer to one another in a circle: local.b`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// checkRanges fails for a range that does not lie in the file.
func checkRanges(t *testing.T, f File, body *hclsyntax.Body, diags hcl.Diagnostics) {
	check := func(r hcl.Range) {
		start, end := position(f.Text, r.Start.Byte), position(f.Text, r.End.Byte)
		if r.Filename != f.Name || r.Start.Byte < 0 || r.End.Byte > len(f.Text) || r.Start.Byte > r.End.Byte || start.Line != r.Start.Line || end.Line != r.End.Line {
			t.Errorf("range %#v is not of a file of %d bytes", r, len(f.Text))
		}
	}
	for _, d := range diags {
		if d.Subject == nil {
			t.Errorf("%v has no place", d)
			continue
		}
		check(*d.Subject)
	}
	seen := map[any]bool{}
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			if v.IsNil() || v.Kind() == reflect.Pointer && seen[v.Interface()] {
				return
			}
			if v.Kind() == reflect.Pointer {
				seen[v.Interface()] = true
			}
			walk(v.Elem())
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Map:
			for _, k := range v.MapKeys() {
				walk(v.MapIndex(k))
			}
		case reflect.Struct:
			if r, ok := v.Interface().(hcl.Range); ok {
				if r != (hcl.Range{}) {
					check(r)
				}
				return
			}
			if strings.Contains(v.Type().PkgPath(), "go-cty") {
				return
			}
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					walk(v.Field(i))
				}
			}
		}
	}
	walk(reflect.ValueOf(body))
}

// TestJSONPlaces: what an expression in a string marks in the file.
func TestJSONPlaces(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`"${user.shop}"`, `user.shop`},
		{`"a\n\t${user.shop} b"`, `user.shop`},
		{`"\u00e4\ud83d\ude00 ${ user.shop }"`, `user.shop`},
		{`"${format(\"%s\", user.shop)}"`, `user.shop`},
		{`"${\"\\\"\" == user.shop}"`, `user.shop`},
		{`"%{ if true }\/${[for x in [1] : user.shop][0]}%{ endif }"`, `user.shop`},
		{`"${values({\u0061 = 1})[0] + user.\u0073hop}"`, `user.\u0073hop`},
		{`"${[{ a = 1 }][*].a}${user.shop}"`, `user.shop`},
	} {
		f := File{"x.hcl.json", []byte("{\n\"locals\": {\"ä\": 1,\n \"x\": " + c.text + "}}")}
		body, diags := bodyFromJSON(f, testKinds)
		if diags.HasErrors() {
			t.Errorf("%s: %v", c.text, diags)
			continue
		}
		found := ""
		hclsyntax.VisitAll(body.Blocks[0].Body.Attributes["x"].Expr.(hclsyntax.Node), func(n hclsyntax.Node) hcl.Diagnostics {
			if x, ok := n.(*hclsyntax.ScopeTraversalExpr); ok && x.Traversal.RootName() == "user" {
				for _, r := range []hcl.Range{x.SrcRange, x.Traversal.SourceRange()} {
					found += string(f.Text[r.Start.Byte:r.End.Byte]) + "|"
				}
			}
			return nil
		})
		if want := c.want + "|" + c.want + "|"; found != want {
			t.Errorf("%s marks %s, want %s", c.text, found, want)
		}
		checkRanges(t, f, body, diags)
	}
}

// TestWrongJSON: each mistake is said where it is. The part of the text that
// is to be marked stands between the brackets ‹ and ›.
func TestWrongJSON(t *testing.T) {
	deep := strings.Repeat("[", maxDepth-2)
	for _, c := range []struct{ text, summary, detail string }{
		{``, "File is empty", "write {}"},
		{`  ‹›`, "File is empty", "write {}"},
		{`‹3›`, "Object expected", ""},
		{`[{}, ‹3›]`, "Object expected", ""},
		{`{} ‹x›`, "Text behind the end", ""},
		{`{} ‹{›}`, "Text behind the end", ""},
		{`‹{›`, "Object has no end", "closing }"},
		{`{"a": ‹[›1, 2`, "List has no end", "closing ]"},
		{`{"a": ‹[›`, "List has no end", "closing ]"},
		{`{"a": ‹"›b`, "Text has no end", ""},
		{"{\"a\": ‹\"b›\n\"}", "Text has no end on its line", `\n`},
		{"{\"a\": \"‹\x01›\"}", "Text has a control character", `\u0001`},
		{`{‹a›: 1}`, "Key is not in quotes", ""},
		{`{‹'›a': 1}`, "Key is not in quotes", ""},
		{`{"a" ‹=› 1}`, "Colon is missing", ""},
		{`{"a": 1 ‹"›b": 2}`, "Comma is missing", ""},
		{`{"a": 1‹,› }`, "Comma behind the last element", ""},
		{`{"a": [1‹,›]}`, "Comma behind the last element", ""},
		{`{"a": ‹yes›}`, "Value is missing", ""},
		{`{"a": ‹nullx›}`, "Value is missing", ""},
		{`{"a": ‹}›`, "Value is missing", ""},
		{`{ ‹/›/ x` + "\n}", "JSON has no comments", `"//"`},
		{`{"a": ‹01›}`, "Invalid number", ""},
		{`{"a": ‹-›}`, "Invalid number", ""},
		{`{"a": ‹1.›}`, "Invalid number", ""},
		{`{"a": ‹1e999999›}`, "Number is too long", ""},
		{`{"a": ‹` + strings.Repeat("9", 65) + `›}`, "Number is too long", ""},
		{`{"a": "‹\x›"}`, "Invalid escape", ""},
		{`{"a": "‹\u›12"}`, "Invalid escape", ""},
		{`{"a": "‹\u›d800x"}`, "Invalid escape", ""},
		{`{"a": "‹\u0000›"}`, "Text has a NUL character", ""},
		{"{\"a\": \"‹\x00›\"}", "Text has a NUL byte", ""},
		{"{\"a\": \"‹\xff›\"}", "Text is not UTF-8", ""},
		{"{\"a\": 1,\n \"b\": 2,\n ‹\"a\"›: 3}", "Key is written twice", "x.hcl.json:1"},
		{"{\"a\": 1,\n \"b\": 2,\n ‹\"\\u0061\"›: 3}", "Key is written twice", "x.hcl.json:1"},
		{"{\"container\": {\n\"web\": {},\n ‹\"web\"›: {}}}", "Key is written twice", "x.hcl.json:2"},
		{`{"a": [` + deep + `‹[›`, "Configuration nests too deeply", ""},
		{`{"container": ‹"web"›}`, `"container" is a block`, `"container": { "LABEL": { ... } }`},
		{`{"container": {"web": ‹3›}}`, `"container" is a block`, `"container": { "LABEL": { ... } }`},
		{`{"container": [‹"web"›]}`, `"container" is a block`, ""},
		{`{"container": {"web": {"limits": ‹"1G"›}}}`, `"limits" is a block`, `"limits": { ... }`},
		{`{"container": {"web": {"mount": {"/a": [{}, ‹[{}]›]}}}}`, `"mount" is a block`, ""},
		{`{"hostctl": ‹true›}`, `"hostctl" is a block`, `"hostctl": { ... }`},
		{`{"locals": {‹"a b"›: 1}}`, `"a b" is no name`, ""},
		{`[{"a": 1}, {‹"a"›: 2}]`, `Attribute "a" is written twice`, "x.hcl.json:1"},
		{`{"container": {"web": {"run_as": ‹"a user"›}}}`, "Invalid reference", `"user.shop"`},
		{`{"container": {"web": {"run_as": ‹"shop"›}}}`, "Invalid reference", `"user.shop"`},
		{`{"container": {"web": {"run_as": ‹""›}}}`, "Invalid reference", ""},
		{`{"container": {"web": {"depends_on": ["container.db", ‹"#"›]}}}`, "Invalid reference", ""},
		{`{"container": {"web": {"run_as": ‹"` + strings.Repeat("(", 200) + `"›}}}`, "Invalid reference", ""},
		{`{"variable": {"x": {"type": ‹"list of strings"›}}}`, "Invalid expression", `"list(string)"`},
		{`{"container": {"web": {"rootfs": "/a${\"x}‹›"}}}`, "Unterminated template string", ""},
		{`{"container": {"web": {"rootfs": "\n\"` + strings.Repeat("${(", 60) + `"}}}`, "Configuration nests too deeply", ""},
		{`{"container": {"web": {"rootfs": "\u0041${upper(}"}}}`, "", ""},
		{`{"container": {"web": {"rootfs": "${1e99‹›9999}"}}}`, "Number is too long", ""},
	} {
		text, want := c.text, -1
		end := -1
		if before, after, ok := strings.Cut(text, "‹"); ok {
			want, end = len(before), len(before)+strings.Index(after, "›")
			text = before + strings.Replace(after, "›", "", 1)
		}
		f := File{"x.hcl.json", []byte(text)}
		body, diags := bodyFromJSON(f, testKinds)
		checkRanges(t, f, body, diags)
		if !diags.HasErrors() {
			t.Errorf("%s: no error", text)
			continue
		}
		d := diags[0]
		exact := want == end || d.Subject.Start.Byte == want && d.Subject.End.Byte == end
		if c.summary != "" && d.Summary != c.summary || !strings.Contains(d.Detail, c.detail) || want >= 0 && !exact {
			t.Errorf("%s: %d-%d %s: %s, want %d-%d %s", text, d.Subject.Start.Byte, d.Subject.End.Byte, d.Summary, d.Detail, want, end, c.summary)
		}
		if scanned := scanJSON(f); scanned != nil && (scanned.Summary != d.Summary || scanned.Detail != d.Detail || scanned.Start.Line == 0) {
			t.Errorf("%s: the scan says %v", text, scanned)
		}
	}
}

// TestJSONLimits: a hostile file is refused, and at no cost.
func TestJSONLimits(t *testing.T) {
	for text, want := range map[string]string{
		strings.Repeat("[", 4<<20):                                        "nests too deeply",
		strings.Repeat(`{"a":`, 1<<20):                                    "nests too deeply",
		`{"a": [` + strings.Repeat("0,", 2<<20) + `0]}`:                   "too long",
		`{"locals": {"a": "` + strings.Repeat("${", 1<<20) + `"}}`:        "nests too deeply",
		`{"locals": {"a": "${` + strings.Repeat("-", 1<<20) + `1}"}}`:     "too long",
		`{"locals": {"a": "` + strings.Repeat("%{ if a }", 1<<18) + `"}}`: "too long",
	} {
		_, diags := bodyFromJSON(File{"x.hcl.json", []byte(text)}, testKinds)
		if !diags.HasErrors() || !strings.Contains(diags[0].Summary, want) {
			t.Errorf("%.40s: %v", text, diags)
		}
	}
}

// TestJSONByteOrderMark: it is no part of the text, as in the native form.
func TestJSONByteOrderMark(t *testing.T) {
	body, diags := bodyFromJSON(File{"x.hcl.json", []byte("\xef\xbb\xbf{\"user\": {\"a\": {}}}")}, testKinds)
	if diags.HasErrors() || len(body.Blocks) != 1 {
		t.Error(diags)
	}
}

// FuzzJSON: no text makes the translation panic, and every range lies in the file.
func FuzzJSON(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/json.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, one := range archive.Files {
		if strings.HasSuffix(one.Name, ".json") {
			f.Add(string(one.Data))
		}
	}
	f.Add(`{"locals": {"x": "\u00e4${[for k, v in {a = \"\\\"\"} : v][*].b}%{ if true ~}\ud83d\ude00%{ endif }"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		file := File{"x.hcl.json", []byte(text)}
		body, diags := bodyFromJSON(file, testKinds)
		checkRanges(t, file, body, diags)
		if scanJSON(file) != nil && !diags.HasErrors() {
			t.Error("the scan refuses what is translated")
		}
	})
}

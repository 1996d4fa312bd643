package hcl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"hostctl/resource"
)

const goodConfig = `hostctl {
  name             = "shop"
  required_version = ">= 0.1"
}

variable "port" {
  type        = number
  default     = 8080
  description = "Where it listens."
}

variable "queues" {
  type = map(object({ tasks = optional(number, 50) }))
  default = {
    mail   = {}
    thumbs = { tasks = 7 }
  }
}

locals {
  root = "${local.base}/rootfs"
}

locals {
  base  = "/srv"
  names = [for name, q in var.queues : upper(name) if q.tasks > 10]
}

user "shop" {
  uid    = 2100
  groups = ["adm"]
}

volume "db" {
  path  = "/srv/db"
  owner = user.shop
  mode  = "0700"
}

container "worker" {
  for_each = var.queues
  rootfs   = "${local.root}/worker"
  command  = ["/x", each.key, <<-EOT
    port ${var.port}
    	two
  EOT
  ]
  environment = merge({ QUEUE = each.key }, { DEBUG = true, N = 1.5 })
  run_as      = each.key == "mail" ? user.shop : null
  mount "/data" {
    volume = volume.db
  }
  limits {
    memory = 1048576
    tasks  = each.value.tasks
    cpu    = "1.5"
  }
}

container "web" {
  rootfs       = "/r"
  init         = "false"
  stop_timeout = "1m30s"
  nice         = -5
  depends_on   = [container.worker["mail"], container.worker["thumbs"]]
}

container "all" {
  rootfs     = "/r"
  depends_on = values(container.worker)
}

output "count" {
  value       = length(container.worker)
  description = "How many."
}

output "things" {
  value = { names = local.names, web = container.web, port = var.port }
}
`

func goodRequest() Request {
	return Request{Sources: Sources{Files: []File{{"main.hcl", []byte(goodConfig)}}}, Vars: map[string]string{"port": "9090"}, Version: "0.1.0"}
}

// TestGood: what a configuration without a mistake comes to.
func TestGood(t *testing.T) {
	c := Evaluate(goodRequest(), testKinds)
	if len(c.Diagnostics) > 0 {
		t.Fatal(c.Diagnostics)
	}
	out, err := json.MarshalIndent(struct {
		Name    string
		State   resource.State
		Outputs []Output
	}{c.Name, c.State, c.Outputs}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "good.json.golden", append(out, '\n'))
}

// inProcess is a child without a process.
func inProcess(_ context.Context, request []byte) ([]byte, error) {
	e, sources, err := unpack(bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	ans, err := serve(e, sources, testKinds)
	if err != nil {
		return nil, err
	}
	return ans.bytes()
}

// TestLoadIsEvaluate: the way through the child changes nothing.
func TestLoadIsEvaluate(t *testing.T) {
	requests := []Request{goodRequest()}
	for _, files := range wrongConfigs(t) {
		requests = append(requests, Request{Sources: sourcesOf(files), Version: "0.1.0"})
	}
	for _, req := range requests {
		want := Evaluate(req, testKinds)
		if len(want.Needs) > 0 {
			continue // there is nobody to read it
		}
		got := Load(t.Context(), inProcess, req, testKinds)
		if scanAll(req.Sources).HasErrors() {
			continue // never reaches the child, so that nothing else is said
		}
		if !reflect.DeepEqual(got.Diagnostics, want.Diagnostics) && len(got.Diagnostics)+len(want.Diagnostics) > 0 {
			t.Errorf("%s: diagnostics\n%v\nwant\n%v", req.Sources.Files[0].Name, got.Diagnostics, want.Diagnostics)
		}
		if got.Name != want.Name || !reflect.DeepEqual(got.State, want.State) && len(got.State)+len(want.State) > 0 || !reflect.DeepEqual(got.Outputs, want.Outputs) {
			t.Errorf("%s: another meaning", req.Sources.Files[0].Name)
		}
	}
}

// TestLocate: a problem that is found later finds its line.
func TestLocate(t *testing.T) {
	c := Load(t.Context(), inProcess, goodRequest(), testKinds)
	worker := resource.Addr{Kind: "container", Name: "worker", Key: "mail"}
	for _, p := range []struct {
		addr resource.Addr
		path string
		want string // the text that is marked
	}{
		{worker, "", `container "worker"`},
		{worker, "rootfs", `"${local.root}/worker"`},
		{worker, "command", `["/x"`},
		{worker, "command[1]", `["/x"`},
		{worker, "limits.tasks", `each.value.tasks`},
		{worker, "limits.memory", `1048576`},
		{worker, `mount["/data"].volume`, `volume.db`},
		{worker, `mount["/data"].read_only`, `mount "/data"`},
		{worker, `mount["/other"].volume`, `container "worker"`},
		{worker, `environment["QUEUE"]`, `merge(`},
		{worker, "hostname", `container "worker"`},
		{resource.Addr{Kind: "user", Name: "shop"}, "uid", `2100`},
	} {
		d := c.Locate(resource.Problem{Addr: p.addr, Path: p.path, Summary: "x", Detail: "y"})
		marked := goodConfig[d.Start.Byte:d.End.Byte]
		if !strings.HasPrefix(marked, p.want) || d.File != "main.hcl" || d.Snippet == "" || d.Context == "" {
			t.Errorf("%s %s: marks %q, want %q (%+v)", p.addr, p.path, marked, p.want, d)
		}
	}
	d := c.Locate(resource.Problem{Addr: resource.Addr{Kind: "user", Name: "gone"}, Summary: "is left over"})
	if d.File != "" || d.Summary != "user.gone: is left over" {
		t.Errorf("%+v", d)
	}
	if d := c.Locate(resource.Problem{Summary: "all is lost"}); d.Summary != "all is lost" {
		t.Errorf("%+v", d)
	}
}

// TestStrangeAnswers: a child that was taken over gets nothing past the parent.
func TestStrangeAnswers(t *testing.T) {
	state := func(json string) string { return "{\"name\":\"shop\"}\n{" + json + "}" }
	directives := func(json string) string {
		return "{\"name\":\"shop\",\"directives\":" + json + "}\n{\"user.a\":{}}"
	}
	for name, out := range map[string]string{
		"no JSON":           `x`,
		"nothing":           `{}`,
		"name":              "{\"name\":\"a\\nb\"}\n{}",
		"unknown kind":      state(`"image.x":{}`),
		"address":           state(`"user.A B":{}`),
		"unknown attribute": state(`"user.a":{"evil":1}`),
		"internal":          state(`"volume.a":{"path":"/a","owner_uid":7}`),
		"control":           state(`"volume.a":{"path":"/a\nExecStart=/bin/sh"}`),
		"control in label":  state(`"container.a":{"rootfs":"/","mount":{"/a\nb":{"volume":"volume.a"}}}`),
		"control in key":    state(`"container.a":{"rootfs":"/","environment":{"a\nb":"x"}}`),
		"NUL in argument":   state(`"container.a":{"rootfs":"/","command":["\u0000"]}`),
		"reference":         state(`"volume.a":{"path":"/a","owner":"container.x"}`),
		"missing":           state(`"volume.a":{"path":"/a","owner":"user.x"}`),
		"type":              state(`"volume.a":{"path":1}`),
		"place":             `{"name":"shop","blocks":["main.hcl\n\n0 99999999 "],"places":{"user.a":0}}` + "\n" + `{"user.a":{}}`,
		"place of nothing":  `{"name":"shop","places":{"user.a":3}}` + "\n" + `{"user.a":{}}`,
		"source":            state(`"container.a":{"rootfs":"/","file":{"/x":{"source":"/etc/shadow"}}}`),
		"vars":              state(`"container.a":{"rootfs":"/","file":{"/x":{"vars":{"a":"b"}}}}`),
		"lifecycle":         directives(`{"lifecycle":{"user.b":{"prevent_destroy":true}}}`),
		"ignored path":      directives(`{"lifecycle":{"user.a":{"ignore_changes":["a\u001bb"]}}}`),
		"sensitive":         directives(`{"sensitive":{"user.b":["home"]}}`),
		"moved":             directives(`{"moved":[{"from":"","to":"user.a"}]}`),
		"moved kind":        directives(`{"moved":[{"from":"volume.a","to":"user.a"}]}`),
		"moved unknown":     directives(`{"moved":[{"from":"usr.a","to":"usr.b"}]}`),
		"removed":           directives(`{"removed":["module."]}`),
		"import":            directives(`{"imports":[{"to":"user.b","id":"b"}]}`),
		"import id":         directives(`{"imports":[{"to":"user.a","id":"b\nc"}]}`),
		"needs outside":     `{"needs":["../x"]}`,
		"needs absolute":    `{"needs":["/etc/shadow"]}`,
		"needs control":     `{"needs":["a\nb"]}`,
	} {
		c := Load(t.Context(), func(context.Context, []byte) ([]byte, error) { return []byte(out), nil }, goodRequest(), testKinds)
		if !c.Diagnostics.HasErrors() || len(c.State) > 0 {
			t.Errorf("%s: taken: %v", name, c.State)
		}
		if got := c.Diagnostics.Error(); !strings.Contains(got, "makes no sense") {
			t.Errorf("%s: %s", name, got)
		}
	}
	c := Load(t.Context(), func(context.Context, []byte) ([]byte, error) { return nil, errors.New("it fell asleep") }, goodRequest(), testKinds)
	if got := c.Diagnostics.Error(); !strings.Contains(got, "main.hcl: Configuration could not be evaluated") || !strings.Contains(got, "it fell asleep") {
		t.Error(got)
	}
}

// TestManyErrors: an unreadable number of errors is cut, and does not take long.
func TestManyErrors(t *testing.T) {
	text := goodConfig + strings.Repeat("locals {\n  a = nothing.here\n}\n", 100_000)
	c := Load(t.Context(), inProcess, Request{Sources: Sources{Files: []File{{"main.hcl", []byte(text)}}}}, testKinds)
	if n := len(c.Diagnostics); n != maxDiagnostics+1 || c.Diagnostics[0].Summary != "There are too many errors" || c.Diagnostics[1].Snippet == "" || c.Diagnostics[n-1].Snippet == "" {
		t.Errorf("%d diagnostics, first %v", n, c.Diagnostics[0])
	}
}

// TestReading: what a configuration refers to is read beneath its root and from nowhere else.
func TestReading(t *testing.T) {
	root := t.TempDir()
	outside := write(t, t.TempDir(), "secret.hcl", "locals {\n  canary = 1\n}\n")
	put := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, root, name, text)
	}
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	put("modules/good/main.hcl", "module \"deep\" {\n  source = \"../deep\"\n}\noutput \"x\" {\n  value = module.deep.x\n}\n")
	put("modules/good/README.md", "no configuration")
	put("modules/deep/main.hcl", "container \"c\" {\n  rootfs = \"/r\"\n  file \"/f\" {\n    source = \"f.conf\"\n  }\n}\noutput \"x\" {\n  value = 7\n}\n")
	put("modules/deep/f.conf", "deep\n")
	put("modules/empty/README.md", "nothing")
	put("modules/linked/x", "")
	put("modules/long/main.hcl", strings.Repeat("#", MaxFileBytes+1))
	put("files/long.conf", strings.Repeat("x", MaxSourceBytes+1))
	put("files/good.conf", "good\n")
	put("root.conf", "root\n")
	link(filepath.Dir(outside), "modules/link")
	link("good", "modules/inside")
	link(outside, "modules/linked/main.hcl")
	link(outside, "files/link.conf")
	link("files", "linkdir")
	if err := syscall.Mkfifo(filepath.Join(root, "files/fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	container := func(source string) string {
		return "container \"a\" {\n  rootfs = \"/r\"\n  file \"/f\" {\n    source = \"" + source + "\"\n  }\n}\n"
	}
	module := func(source string) string { return "module \"a\" {\n  source = \"" + source + "\"\n}\n" }
	for _, c := range []struct{ name, text, want string }{
		{"module", module("../../modules/good"), ""},
		{"file", container("../../files/good.conf"), ""},
		{"file of the root", container("../../root.conf"), ""},
		{"no module", module("../../modules/nothing"), "main.hcl:5: Module cannot be read: modules/nothing: No such file or directory."},
		{"empty module", module("../../modules/empty"), "there is no *.hcl file in it"},
		{"linked module", module("../../modules/link"), "it is a symbolic link"},
		{"module linked within", module("../../modules/inside"), "it is a symbolic link"},
		{"linked text", module("../../modules/linked"), "main.hcl: it is a symbolic link"},
		{"long module", module("../../modules/long"), "it is too long"},
		{"module is a file", module("../../root.conf"), "it is no directory"},
		{"no file", container("x.conf"), "main.hcl:7: File cannot be read: hosts/a/x.conf: No such file or directory."},
		{"linked file", container("../../files/link.conf"), "it is a symbolic link"},
		{"linked directory", container("../../linkdir/good.conf"), "linkdir: it is a symbolic link"},
		{"fifo", container("../../files/fifo"), "it is no regular file"},
		{"long file", container("../../files/long.conf"), "it is too long"},
		{"directory", container("../../files"), "it is a directory"},
		{"outside", container("../../../x"), "leads out of the repository"},
	} {
		t.Run(c.name, func(t *testing.T) {
			put("hosts/a/main.hcl", "hostctl {\n  name = \"x\"\n}\n"+c.text)
			dir := filepath.Join(root, "hosts", "a")
			s, diags := ReadDir(dir, root, nil)
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			config := Load(t.Context(), inProcess, Request{Sources: s}, testKinds)
			got := config.Diagnostics.Error()
			if !strings.Contains(strings.ToLower(got), strings.ToLower(c.want)) || (c.want == "") != (got == "") {
				t.Fatalf("got %s, want %s", got, c.want)
			}
			if strings.Contains(got, "canary") || c.want != "" {
				return
			}
			read := config.Sources()
			var names []string
			for _, f := range read.Tree {
				names = append(names, f.Name)
			}
			again, diags := ReadAgain(dir, root, nil, names)
			if len(diags) > 0 || again.Digest() != read.Digest() || again.Digest() == s.Digest() {
				t.Errorf("another digest: %v, %v", names, diags)
			}
			if c.name == "module" {
				if want := []string{"modules/deep/", "modules/deep/f.conf", "modules/deep/main.hcl", "modules/good/", "modules/good/main.hcl"}; !slices.Equal(names, want) {
					t.Errorf("read %q", names)
				}
				put("modules/good/more.hcl", "locals {\n}\n")
				again, _ := ReadAgain(dir, root, nil, names)
				if again.Digest() == read.Digest() {
					t.Error("the digest does not see a new file of a module")
				}
			}
		})
	}
	if _, diags := ReadDir(t.TempDir(), root, nil); !strings.Contains(diags.Error(), "is not in the repository") {
		t.Error(diags)
	}
}

// TestExpression: what the console asks.
func TestExpression(t *testing.T) {
	for expression, want := range map[string]string{
		`1 + 2`:                           "3",
		`"a\n${upper("b")}$${x}"`:         `"a\nB$${x}"`,
		`[]`:                              "[]",
		`{}`:                              "{}",
		`null`:                            "null",
		`[1, ["a"], {}]`:                  "[\n  1,\n  [\n    \"a\",\n  ],\n  {},\n]",
		`{ a = true, "b c" = { d = 1 } }`: "{\n  a     = true\n  \"b c\" = {\n    d = 1\n  }\n}",
		`container.web[1]`:                "container.web[1]",
		`volume.data`:                     "{\n  a = volume.data[\"a\"]\n  b = volume.data[\"b\"]\n}",
		`module.plain`:                    "{\n  rootfs = \"/plain\"\n  web    = module.plain.container.web\n}",
		`local.environment`:               "{\n  MODE     = \"production\"\n  PASSWORD = \"(sensitive value)\"\n}",
		`[upper(var.password)]`:           "[\n  \"(sensitive value)\",\n]",
		`local.nothing`:                   `the expression:1: Local "nothing" does not exist`,
		`1 +`:                             `the expression:1: `,
		`((((((`:                          `the expression:1: `,
		strings.Repeat("(", 1000):         `the expression:1: Configuration nests too deeply`,
		`count.index`:                     `the expression:1: count has no meaning here`,
		"1\n2":                            `the expression:2: `,
		"\xff":                            `Text is not UTF-8`,
	} {
		req := languageRequest(t)
		req.Expression = expression
		c := Load(t.Context(), inProcess, req, testKinds)
		var got string
		if c.Value != nil {
			got = c.Value.Text
			if !json.Valid(c.Value.JSON) {
				t.Errorf("%s: no JSON: %s", expression, c.Value.JSON)
			}
		} else {
			got = c.Diagnostics.Error()
			if !c.Diagnostics.HasErrors() || !strings.Contains(got, want) {
				t.Errorf("%s: %s, want %s", expression, got, want)
			}
			continue
		}
		if got != want || strings.Contains(string(c.Value.JSON), "hunter2") {
			t.Errorf("%s:\n%s\nwant\n%s", expression, got, want)
		}
	}
}

// TestModuleLimits: depth and number of modules have an end.
func TestModuleLimits(t *testing.T) {
	files := []File{{"main.hcl", []byte("hostctl {\n  name = \"x\"\n}\nmodule \"m\" {\n  source = \"./m0\"\n  count = 10\n}\n")}}
	for i := range maxModuleDepth - 1 {
		files = append(files, File{fmt.Sprintf("m%d/main.hcl", i), fmt.Appendf(nil, "module \"m\" {\n  source = \"../m%d\"\n  count = 10\n}\n", i+1)})
	}
	last := File{fmt.Sprintf("m%d/main.hcl", maxModuleDepth-1), []byte("locals {\n}\n")}
	c := Evaluate(Request{Sources: sourcesOf(append(slices.Clone(files), last))}, testKinds)
	if got := c.Diagnostics.Error(); !strings.Contains(got, "Too many instances of modules") || len(c.Diagnostics) != 1 {
		t.Error(got)
	}
	last.Text = fmt.Appendf(nil, "module \"m\" {\n  source = \"../m%d\"\n}\n", maxModuleDepth)
	more := File{fmt.Sprintf("m%d/main.hcl", maxModuleDepth), []byte("locals {\n}\n")}
	c = Evaluate(Request{Sources: sourcesOf(append(slices.Clone(files), last, more))}, testKinds)
	if got := c.Diagnostics.Error(); !strings.Contains(got, "Modules nest too deeply") {
		t.Error(got)
	}
}

// TestVars: where values come from, and which wins.
func TestVars(t *testing.T) {
	main := `hostctl {
  name = "x"
}
variable "s" {
  type    = string
  default = "d"
}
variable "l" {
  type    = list(string)
  default = []
}
variable "any" {
  default = 1
}
variable "secret" {
  type      = list(string)
  default   = []
  sensitive = true
}
output "o" {
  value = [var.s, var.l, var.any]
}
`
	file := func(name, text string) File { return File{name, []byte(text)} }
	for _, c := range []struct {
		name  string
		vars  map[string]string
		files []File
		want  string // the output, or a part of the diagnostics
	}{
		{"defaults", nil, nil, `["d",[],1]`},
		{"text is taken as it is", map[string]string{"s": `"a"`}, nil, `["\"a\"",[],1]`},
		{"an expression for a list", map[string]string{"l": `["a", upper("b")]`}, nil, `["d",["a","B"],1]`},
		{"files", nil, []File{file("a.hclvars", "s = \"a\"\nl = [\"1\"]\n"), file("b.hclvars", "s = \"b\"\n")}, `["b",["1"],1]`},
		{"-var wins", map[string]string{"s": "v"}, []File{file("a.hclvars", "s = \"a\"\n")}, `["v",[],1]`},
		{"unknown in -var", map[string]string{"sx": "v"}, nil, `Variable "sx" is not declared: It was given by -var. Declare it with variable "sx" { ... }. Did you mean "s"?`},
		{"unknown in a file", nil, []File{file("a.hclvars", "\nanyy = 1\n")}, `a.hclvars:2: Variable "anyy" is not declared`},
		{"no reference in a file", nil, []File{file("a.hclvars", "s = local.x\n")}, `a.hclvars:1: A constant is wanted here`},
		{"no block in a file", nil, []File{file("a.hclvars", "s {\n}\n")}, `a.hclvars:1: Block in a file of variables`},
		{"wrong type in -var", map[string]string{"l": `{}`}, nil, `-var l:1: Invalid value for variable "l"`},
		{"wrong syntax in -var", map[string]string{"l": `[`}, nil, `-var l:1: `},
		{"depth in -var", map[string]string{"l": strings.Repeat("[", 1000)}, nil, `-var l:1: Configuration nests too deeply`},
		{"text is no expression", map[string]string{"s": strings.Repeat("(", 1000)}, nil, `["((((`},
		{"NUL in -var", map[string]string{"s": "a\x00"}, nil, `-var s:1: Invalid value for variable "s"`},
		{"bytes in -var", map[string]string{"s": "a\xff"}, nil, `-var s: Text is not UTF-8`},
		{"number in -var", map[string]string{"any": "1e10000000"}, nil, `["d",[],"1e10000000"]`},
		{"the environment", map[string]string{"env s": "e", "env l": "[1]", "env unknown": "x"}, nil, `["e",["1"],1]`},
		{"-var wins over the environment", map[string]string{"env s": "e", "s": "v"}, nil, `["v",[],1]`},
		{"a file wins over the environment", map[string]string{"env s": "e"}, []File{file("a.hclvars", "s = \"a\"\n")}, `["a",[],1]`},
		{"auto files", map[string]string{"env s": "e"}, []File{file("b.auto.hclvars", "s = \"b\"\n"), file("a.auto.hclvars", "s = \"a\"\nany = 2\n")}, `["b",[],2]`},
		{"-var-file wins over auto files", nil, []File{file("z.auto.hclvars", "s = \"b\"\n"), file("a.hclvars", "s = \"a\"\n")}, `["a",[],1]`},
		{"wrong type in the environment", map[string]string{"env l": "{}"}, nil, `HOSTCTL_VAR_l:1: Invalid value for variable "l"`},
		{"bytes in the environment", map[string]string{"env l": "\xff"}, nil, `HOSTCTL_VAR_l: Text is not UTF-8`},
		{"sensitive in -var", map[string]string{"secret": "{ a = \"hunter2\" }"}, nil, `main.hcl:15: Invalid value for variable "secret"`},
		{"sensitive syntax in -var", map[string]string{"secret": "hunter2 ]"}, nil, `main.hcl:15: Invalid value for variable "secret"`},
		{"sensitive in a file", nil, []File{file("a.hclvars", "secret = { a = \"hunter2\" }\n")}, `main.hcl:15: Invalid value for variable "secret"`},
		{"sensitive syntax in a file", nil, []File{file("a.hclvars", "secret = [\"hunter2\" }\n")}, `a.hclvars:1: Missing item separator`},
		{"unknown beside sensitive", nil, []File{file("a.hclvars", "scret = \"hunter2\"\n")}, `a.hclvars:1: Variable "scret" is not declared`},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := Request{Sources: Sources{Files: []File{file("main.hcl", main)}}, Vars: map[string]string{}, Env: map[string]string{}}
			for name, value := range c.vars {
				if env, ok := strings.CutPrefix(name, "env "); ok {
					req.Env[env] = value
				} else {
					req.Vars[name] = value
				}
			}
			for _, f := range c.files {
				if strings.HasSuffix(f.Name, autoSuffix) {
					req.Sources.AutoFiles = append(req.Sources.AutoFiles, f)
				} else {
					req.Sources.VarFiles = append(req.Sources.VarFiles, f)
				}
			}
			slices.SortFunc(req.Sources.AutoFiles, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
			config := Load(t.Context(), inProcess, req, testKinds)
			var text bytes.Buffer
			if err := config.Diagnostics.Text(&text, 80, false); err != nil || strings.Contains(text.String(), "hunter2") {
				t.Errorf("a sensitive value is shown: %s", text.String())
			}
			got := config.Diagnostics.Error()
			if len(config.Diagnostics) == 0 {
				got = string(config.Outputs[0].Value)
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// FuzzLoad: no text of a configuration, of a module or of a template makes the evaluation
// panic, and every diagnostic lies in its file.
func FuzzLoad(f *testing.F) {
	for _, files := range wrongConfigs(f) {
		var texts [3]string
		for i := range min(len(files), len(texts)) {
			texts[i] = string(files[i].Text)
		}
		f.Add(texts[0], texts[1], texts[2])
	}
	f.Add(goodConfig, "", "")
	language := languageRequest(f).Sources
	for _, one := range language.Tree {
		f.Add(string(language.Files[0].Text), string(one.Text), string(one.Text))
	}
	for _, fn := range functions {
		f.Add("locals {\n  x = "+fn.Example+"\n}\n", "", fn.Example)
	}
	const frame = "\nmodule \"fuzz\" {\n  source = \"./m\"\n}\ncontainer \"fuzz\" {\n  rootfs = \"/r\"\n  file \"/f\" {\n    template = \"t.tpl\"\n    vars = { port = 1, names = [\"a\"], secret = sensitive(\"hunter2\") }\n  }\n}\n"
	f.Fuzz(func(t *testing.T, text, module, template string) {
		if len(text)+len(module)+len(template) > 4096 {
			return
		}
		if module+template != "" {
			text += frame
		}
		sources := Sources{Files: []File{{"main.hcl", []byte(text)}}, Tree: []File{{"m/", nil}, {"m/main.hcl", []byte(module)}, {"t.tpl", []byte(template)}}}
		nobody := func(ctx context.Context, request []byte) ([]byte, error) {
			out, err := inProcess(ctx, request)
			if bytes.Contains(out, []byte(`"needs"`)) {
				return nil, errors.New("nothing else is read")
			}
			return out, err
		}
		c := Load(t.Context(), nobody, Request{Sources: sources}, testKinds)
		for _, d := range c.Diagnostics {
			if d.End.Byte > len(c.sources.text(d.File)) || d.Start.Byte > d.End.Byte || strings.Contains(d.Detail, "bug in hostctl") || strings.Contains(d.Detail, "makes no sense") {
				t.Fatalf("%+v", d)
			}
		}
		var out bytes.Buffer
		if err := c.Diagnostics.Text(&out, 80, false); err != nil || bytes.ContainsFunc(out.Bytes(), func(r rune) bool { return r != '\n' && !resource.Visible(r) }) {
			t.Fatalf("%q", out.String())
		}
		if !c.Diagnostics.HasErrors() {
			for _, addr := range c.State.Addrs() {
				if d := c.Locate(resource.Problem{Addr: addr, Path: "x"}); d.File == "" {
					t.Fatalf("%s has no place", addr)
				}
			}
		}
	})
}

// FuzzFormat: formatting twice is formatting once, and changes no meaning.
func FuzzFormat(f *testing.F) {
	for _, files := range wrongConfigs(f) {
		f.Add(string(files[0].Text))
	}
	f.Add(goodConfig)
	f.Add("a=<<E\r\nx\r\nE\r\nb  =  [1,\n2]\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		once, diags := Format(File{"main.hcl", []byte(text)})
		if diags.HasErrors() {
			if string(once) != text {
				t.Fatal("a file with errors was changed")
			}
			return
		}
		twice, diags := Format(File{"main.hcl", once})
		if diags.HasErrors() || !bytes.Equal(once, twice) {
			t.Fatalf("once:\n%s\ntwice:\n%s\n%v", once, twice, diags)
		}
	})
}

func TestFormat(t *testing.T) {
	for in, want := range map[string]string{
		"a {\nb=1\n   ccc = [1,2]\n}":    "a {\n  b   = 1\n  ccc = [1, 2]\n}\n",
		"":                               "",
		"\n\n":                           "",
		"\xef\xbb\xbfa = 1":              "a = 1\n",
		"a = 1 # x\n\n\n":                "a = 1 # x\n",
		"a = <<E\n  x\n y\nE\n":          "a = <<E\n  x\n y\nE\n",
		"a = \"${ b }\"\n":               "a = \"${b}\"\n",
		"a \"b\" {\n}\n\nc {\n d = 1\n}": "a \"b\" {\n}\n\nc {\n  d = 1\n}\n",
	} {
		if got, diags := Format(File{"x", []byte(in)}); len(diags) > 0 || string(got) != want {
			t.Errorf("%q: %q %v", in, got, diags)
		}
	}
	files, diags := FormatFiles(t.Context(), inProcess, []File{{"a.hcl", []byte("a=1")}, {"b.hcl", []byte("b {")}})
	if !diags.HasErrors() || string(files[0].Text) != "a = 1\n" || string(files[1].Text) != "b {" {
		t.Errorf("%s %v", files, diags)
	}
}

package hcl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
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
		requests = append(requests, Request{Sources: Sources{Files: files}, Version: "0.1.0"})
	}
	for _, req := range requests {
		want := Evaluate(req, testKinds)
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
	} {
		t.Run(c.name, func(t *testing.T) {
			config := Load(t.Context(), inProcess, Request{Sources: Sources{Files: []File{file("main.hcl", main)}, VarFiles: c.files}, Vars: c.vars}, testKinds)
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

// FuzzLoad: no text makes the evaluation panic, and every diagnostic lies in its file.
func FuzzLoad(f *testing.F) {
	for _, files := range wrongConfigs(f) {
		f.Add(string(files[0].Text))
	}
	f.Add(goodConfig)
	for _, fn := range functions {
		f.Add("locals {\n  x = " + fn.Example + "\n}\n")
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		c := Load(t.Context(), inProcess, Request{Sources: Sources{Files: []File{{"main.hcl", []byte(text)}}}}, testKinds)
		for _, d := range c.Diagnostics {
			if d.End.Byte > len(text) || d.Start.Byte > d.End.Byte || strings.Contains(d.Detail, "bug in hostctl") || strings.Contains(d.Detail, "makes no sense") {
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

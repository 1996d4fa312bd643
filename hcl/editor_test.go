package hcl

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// cursor stands in the texts of these tests where the cursor is.
const cursor = "‸"

// shopText is what stands beside the text of each case.
const shopText = `hostctl { name = "shop" }

variable "port" {
  type        = number
  default     = 8080
  description = "Where it listens."
}
variable "key" {
  sensitive = true
  default   = "hush"
}
locals {
  base = "/srv"
  data = "${local.base}/shop"
  late = var.port + 1
}
user "shop" {}
user "web" {}
volume "data" {
  path  = local.data
  owner = user.shop
}
container "db" { rootfs = "/r" }
module "site" {
  source = "./modules/site"
  host   = "a"
}
`

const moduleText = `variable "host" { type = string }
container "inner" { rootfs = "/r" }
output "address" {
  value       = "x"
  description = "Where it is."
}
`

// question makes a question of a text with a cursor.
func question(t *testing.T, op, text string) (Sources, Question) {
	t.Helper()
	at := strings.Index(text, cursor)
	if at < 0 {
		t.Fatalf("no cursor in %q", text)
	}
	return Sources{Files: []File{
		{"main.hcl", []byte(text[:at] + text[at+len(cursor):])},
		{"shop.hcl", []byte(shopText)},
	}, Tree: []File{
		{"modules/site/", nil},
		{"modules/site/main.hcl", []byte(moduleText)},
	}}, Question{Op: op, File: "main.hcl", At: at}
}

func TestCompletion(t *testing.T) {
	for _, c := range []struct {
		text string
		want string // labels that are there
		not  string // and that are not
	}{
		{"‸", "hostctl variable locals output module check moved removed import user volume container", "rootfs for_each"},
		{"con‸", "container variable", ""},
		{"container \"web\" {\n  ‸\n}", "rootfs command mount limits for_each count lifecycle dynamic depends_on", "id_base container"},
		{"container \"web\" {\n  ro‸\n  rootfs = \"/\"\n}", "command", "rootfs"},
		{"container \"web\" {\n  limits {\n    me‸\n  }\n}", "memory cpu tasks", "rootfs lifecycle"},
		{"container \"web\" {\n  limits {\n  }\n  ‸\n}", "mount", "limits"},
		{"container \"web\" {\n  mount \"/d\" {\n    ‸", "volume read_only", "rootfs"},
		{"container \"web\" { ‸", "rootfs", "variable"},
		{"container \"web\" {\n  run_as = ‸\n}", "user.shop user.web var.port local.data upper", "volume.data each.key"},
		{"container \"web\" {\n  run_as = user.‸\n}", "shop web", "user.shop data var.port"},
		{"container \"web\" {\n  run_as = user.s‸\n}", "shop web", "user.shop"},
		{"container \"web\" {\n  depends_on = [container.db, ‸]\n}", "container.db", "user.shop"},
		{"container \"web\" {\n  init = ‸\n}", "true false", ""},
		{"container \"web\" {\n  rootfs = \"${loc‸\"\n}", "local.data var.port format", "rootfs"},
		{"container \"web\" {\n  rootfs = \"${local.‸}\"\n}", "base data late", "local.data"},
		{"container \"web\" {\n  rootfs = \"a‸\"\n}", "rootfs", "local.data"},
		{"container \"web\" {\n  command = [<<EOT\n ${var.‸}\nEOT\n]\n}", "port key", ""},
		{"container \"web\" {\n  for_each = toset([\"a\"])\n  rootfs = ‸\n}", "each.key each.value var.port", "count.index"},
		{"container \"web\" {\n  count = 2\n  rootfs = ‸\n}", "count.index", "each.key"},
		{"container \"web\" {\n  rootfs = each.‸\n}", "key value", "index"},
		{"container \"web\" {\n  dynamic \"‸\" {\n  }\n}", "mount limits", "rootfs dynamic lifecycle"},
		{"container \"web\" {\n  dynamic \"mount\" {\n    ‸\n  }\n}", "for_each iterator labels content", "volume"},
		{"container \"web\" {\n  dynamic \"mount\" {\n    content {\n      ‸\n    }\n  }\n}", "volume read_only", "for_each"},
		{"container \"web\" {\n  dynamic \"mount\" {\n    content {\n      volume = mount.‸\n    }\n  }\n}", "key value", "shop"},
		{"container \"web\" {\n  lifecycle {\n    ‸\n  }\n}", "prevent_destroy ignore_changes precondition postcondition", "rootfs"},
		{"container \"web\" {\n  lifecycle {\n    ignore_changes = [‸]\n  }\n}", "rootfs limits all", "var.port lifecycle"},
		{"moved {\n  from = ‸\n}", "container.db user.shop module.site", "var.port upper"},
		{"moved {\n  to = module.site.container.‸\n}", "inner", "db"},
		{"module \"x\" {\n  ‸\n}", "source for_each count depends_on", "path"},
		{"module \"x\" {\n  source = \"./modules/site\"\n  ‸\n}", "host", "source"},
		{"module \"x\" {\n  source = \"‸\"\n}", "./modules/site", ""},
		{"output \"x\" {\n  value = module.‸\n}", "site", ""},
		{"output \"x\" {\n  value = module.site.‸\n}", "address", "host inner"},
		{"variable \"x\" {\n  type = ‸\n}", "string number list", "var.port"},
		{"variable \"x\" {\n  validation {\n    ‸", "condition error_message", "default"},
		{"check \"x\" {\n  assert {\n    condition = length(‸", "var.port local.data", ""},
		{"# con‸", "", "container"},
		{"locals {\n  x = [for v in [1] : ‸]\n}", "var.port", ""},
		{"locals {\n  x = { a = ‸ }\n}", "var.port", ""},
		{"locals {\n  x = 1.‸\n}", "", "var.port upper"},
		// A string, a block or a bracket without end leaves the names of other blocks.
		{"user \"late\" {\n  home = \"/x\n}\nvolume \"v\" {\n  path = \"/p\"\n  owner = user.‸\n}", "late shop", ""},
		{"user \"early\" {\n  groups = [\nuser \"late\" {}\nvolume \"v\" {\n  owner = user.‸\n}", "early late shop", ""},
		{"volume \"v\" {\n  owner = user.‸\n\nuser \"late\" {\n}\n", "late shop", ""},
	} {
		sources, q := question(t, AskCompletion, c.text)
		var have []string
		for _, i := range find(sources, q, testKinds).Items {
			have = append(have, i.Label)
			if text := string(sources.Files[0].Text[i.Start:q.At]); strings.ContainsAny(text, " \n={") {
				t.Errorf("%q: %q would replace %q", c.text, i.Label, text)
			}
		}
		for _, want := range strings.Fields(c.want) {
			if !slices.Contains(have, want) {
				t.Errorf("%q: no %q in %q", c.text, want, have)
			}
		}
		for _, not := range strings.Fields(c.not) {
			if slices.Contains(have, not) {
				t.Errorf("%q: %q in %q", c.text, not, have)
			}
		}
		if c.want == "" && c.not == "" {
			t.Errorf("%q wants nothing", c.text)
		}
	}
}

// TestCompletionWrites shows what is inserted, with places to fill in and without.
func TestCompletionWrites(t *testing.T) {
	for _, c := range []struct{ text, label, insert, snippet string }{
		{"vol‸", "volume", "volume ", "volume \"${1:name}\" {\n  path = \"$2\"\n}"},
		{"volume \"a\" {\n  ‸\n}", "path", "path = ", `path = "$0"`},
		{"volume \"a\" {\n  ‸\n}", "owner", "owner = ", "owner = $0"},
		{"container \"a\" {\n  ‸\n}", "init", "init = ", "init = ${1|true,false|}"},
		{"container \"a\" {\n  ‸\n}", "command", "command = ", "command = [$0]"},
		{"container \"a\" {\n  ‸\n}", "environment", "environment = ", "environment = {\n  $0\n}"},
		{"container \"a\" {\n  ‸\n}", "limits", "limits ", "limits {\n  $0\n}"},
		{"container \"a\" {\n  depends_on = ‸\n}", "container.db", "[container.db]", ""},
		{"container \"a\" {\n  depends_on = [‸]\n}", "container.db", "container.db", ""},
		{"locals {\n  a = up‸\n}", "upper", "upper", "upper($0)"},
		{"container \"a\" {\n  dynamic ‸\n}", "mount", `"mount"`, ""},
		{"container \"a\" {\n  dynamic \"m‸\" {\n}\n}", "mount", "mount", ""},
	} {
		sources, q := question(t, AskCompletion, c.text)
		items := find(sources, q, testKinds).Items
		i := slices.IndexFunc(items, func(i Item) bool { return i.Label == c.label })
		if i < 0 {
			t.Errorf("%q: no %q", c.text, c.label)
		} else if items[i].Insert != c.insert || items[i].Snippet != c.snippet {
			t.Errorf("%q: %q writes %q, %q", c.text, c.label, items[i].Insert, items[i].Snippet)
		}
	}
}

func TestHover(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"cont‸ainer \"web\" {}", `container "web"|container||`},
		{"container \"w‸eb\" {}", `container.web|container||`},
		{"container \"web\" {\n  root‸fs = \"/\"\n}", "rootfs|container.rootfs|string, required; a change is a restart||"},
		{"container \"web\" {\n  limits {\n    mem‸ory = 1\n  }\n}", `memory|container.limits.memory|size, "64M", default 1G; a change is made live||`},
		{"container \"web\" {\n  for‸_each = {}\n}", "for_each|for_each|expression||"},
		{"container \"web\" {\n  dynamic \"mount\" {\n    content {\n      vol‸ume = volume.data\n    }\n  }\n}", "volume|container.mount.volume|a volume, required; a change is a restart||"},
		{"locals {\n  a = var.po‸rt\n}", "var.port||number, default 8080|Where it listens.|"},
		{"locals {\n  a = var.k‸ey\n}", "var.key||any, sensitive||"},
		{"locals {\n  a = local.da‸ta\n}", `local.data||||"/srv/shop"`},
		{"locals {\n  a = local.la‸te\n}", "local.late||var.port + 1||"},
		{"locals {\n  s = sensitive(\"hunter2\")\n  t = \"x${local.s}\"\n  a = local.‸t\n}", "local.t||||(sensitive value)"},
		{"locals {\n  s = { password = sensitive(\"hunter2\") }\n  t = [local.s]\n  a = local.‸t\n}", "local.t||||(sensitive value)"},
		{"locals {\n  a = local.b\n  b = \"${loc‸al.a}\"\n}", ""},
		{"locals {\n  a = \"${upp‸er(\"x\")}\"\n}", "upper(text)|upper|||"},
		{"container \"web\" {\n  run_as = us‸er.shop\n}", "user|user|||"},
		{"container \"web\" {\n  run_as = user.sh‸op\n}", "user.shop|user|||"},
		{"locals {\n  a = module.site.add‸ress\n}", `output address||"x"|Where it is.|`},
		{"module \"site2\" {\n  source = \"./modules/site\"\n  ho‸st = 1\n}", "var.host||string, required||"},
		{"lif‸e {\n}", ""},
		{"moved {\n  fr‸om = container.a\n}", "from|moved.from|address, required||"},
	} {
		sources, q := question(t, AskHover, c.text)
		have := ""
		if h := find(sources, q, testKinds).Hover; h != nil {
			have = strings.Join([]string{h.Title, h.Topic, h.Facts, h.Doc, h.Value}, "|")
		}
		if strings.TrimRight(have, "|") != strings.TrimRight(c.want, "|") {
			t.Errorf("%q:\n%s\nwant\n%s", c.text, have, c.want)
		}
	}
}

func TestPlaces(t *testing.T) {
	show := func(s Sources, places []Place) string {
		var out []string
		for _, p := range places {
			line := strings.Count(string(s.text(p.File)[:p.Start]), "\n") + 1
			out = append(out, fmt.Sprintf("%s:%d %s", p.File, line, s.text(p.File)[p.Start:p.End]))
		}
		return strings.Join(out, ", ")
	}
	for _, c := range []struct{ op, text, want string }{
		{AskDefinition, "locals {\n  a = var.po‸rt\n}", "shop.hcl:3 port"},
		{AskDefinition, "locals {\n  a = \"${local.da‸ta}\"\n}", "shop.hcl:14 data"},
		{AskDefinition, "locals {\n  a = [for user in [1] : user.sh‸op]\n}", ""},
		{AskDefinition, "container \"web\" {\n  depends_on = [container.d‸b]\n}", "shop.hcl:23 db"},
		{AskDefinition, "locals {\n  a = module.site.add‸ress\n}", "modules/site/main.hcl:3 address"},
		{AskDefinition, "locals {\n  a = module.si‸te.address\n}", "shop.hcl:24 site"},
		{AskDefinition, "module \"b\" {\n  source = \"./modules/s‸ite\"\n}", "modules/site/main.hcl:1 "},
		{AskDefinition, "module \"b\" {\n  source = \"./modules/site\"\n  ho‸st = 1\n}", "modules/site/main.hcl:1 host"},
		{AskDefinition, "moved {\n  from = container.db\n  to = module.site.container.in‸ner\n}", "modules/site/main.hcl:2 inner"},
		{AskReferences, "user \"x\" {\n  home = local.da‸ta\n}", "shop.hcl:14 data, main.hcl:2 data, shop.hcl:20 data"},
		{AskRename, "moved {\n  from = container.old\n  to = container.d‸b\n}\ncontainer \"c\" {\n  rootfs = \"${container.db}\"\n  depends_on = [container.db]\n}", "shop.hcl:23 db, main.hcl:3 db, main.hcl:6 db, main.hcl:7 db"},
		{AskRename, "locals {\n  a = var.po‸rt\n}", "shop.hcl:3 port, main.hcl:2 port, shop.hcl:15 port"},
		{AskRename, "container \"x\" {\n  for_each = {}\n}\nlocals {\n  a = container.x‸[\"k\"]\n}", "main.hcl:1 x, main.hcl:5 x"},
		{AskRename, "locals {\n  a = var.no‸where\n}", ""},
	} {
		sources, q := question(t, c.op, c.text)
		found := find(sources, q, testKinds)
		if have := show(sources, found.Places); have != c.want {
			t.Errorf("%s %q:\n%s\nwant\n%s", c.op, c.text, have, c.want)
		}
		if err := found.check(sources, q); err != nil {
			t.Errorf("%s %q: %v", c.op, c.text, err)
		}
	}
}

// TestNamesInJSON: names of files in the JSON form are names, and are renamed there.
func TestNamesInJSON(t *testing.T) {
	sources, q := question(t, AskRename, "volume \"v\" {\n  path  = \"/v\"\n  owner = user.jo‸n\n}\n")
	sources.Files = append(sources.Files, File{"z.hcl.json", []byte(`{"user": {"jon": {}}, "volume": {"w": {"path": "${local.base}/x", "owner": "${user.jon}"}}}`)})
	var out []string
	found := find(sources, q, testKinds)
	for _, p := range found.Places {
		out = append(out, fmt.Sprintf("%s:%d", p.File, p.Start))
	}
	if have := strings.Join(out, " "); have != "z.hcl.json:11 main.hcl:43 z.hcl.json:83" {
		t.Error(have)
	}
	q.Name = "x"
	if err := found.check(sources, q); err != nil {
		t.Error(err)
	}
}

func TestRenameRefuses(t *testing.T) {
	for _, c := range []struct{ text, name, want string }{
		{"container \"w‸eb\" {}", "Web", "lower-case"},
		{"container \"w‸eb\" {}", "web--1", "single hyphens"},
		{"container \"w‸eb\" {}", "db", "already"},
		{"container \"w‸eb\" {}", "site", ""},
		{"container \"w‸eb\" {}", "web", ""},
		{"module \"w‸eb\" {}", "1a", "could not be written"},
		{"locals {\n  a‸ = 1\n}", "b c", "no name"},
		{"locals {\n  a‸ = 1\n}", "base", "already"},
		{"locals {\n  a‸ = 1\n}", "B_1", ""},
		{"locals {\n  a = local.x‸\n}", "y", "not declared"},
	} {
		sources, q := question(t, AskRename, c.text)
		q.Name = c.name
		found := find(sources, q, testKinds)
		if (found.Refused == "") != (c.want == "") || !strings.Contains(found.Refused, c.want) {
			t.Errorf("%q to %q: %q, want %q", c.text, c.name, found.Refused, c.want)
		}
	}
}

func TestSymbols(t *testing.T) {
	sources := Sources{Files: []File{{"main.hcl", []byte(shopText)}}}
	var out []string
	var list func([]Symbol, string)
	list = func(symbols []Symbol, indent string) {
		for _, s := range symbols {
			out = append(out, fmt.Sprintf("%s%s %s", indent, s.Sort, s.Name))
			list(s.Within, indent+" ")
		}
	}
	list(find(sources, Question{Op: AskSymbols, File: "main.hcl"}, testKinds).Symbols, "")
	want := `block hostctl,variable variable "port",variable variable "key",block locals, local base, local data, local late,` +
		`resource user "shop",resource user "web",resource volume "data",resource container "db",module module "site"`
	if have := strings.Join(out, ","); have != want {
		t.Errorf("%s\nwant\n%s", have, want)
	}
}

// TestAskReads: the modules that a configuration names are read on the way,
// and nothing that is named is read twice or from outside of the root.
func TestAskReads(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"hosts/a/main.hcl":       "",
		"modules/site/main.hcl":  "module \"deep\" {\n  source = \"../deep\"\n}\noutput \"address\" {}\n",
		"modules/deep/main.hcl":  "output \"x\" {}\n",
		"hosts/a/files/site.tpl": "hello",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text := "module \"site\" {\n  source = \"../../modules/site\"\n}\nmodule \"out\" {\n  source = \"../../../etc\"\n}\nmodule \"none\" {\n  source = \"./none\"\n}\noutput \"a\" {\n  value = module.site.‸\n}\n"
	at := strings.Index(text, cursor)
	sources := Sources{Dir: filepath.Join(root, "hosts/a"), Root: root, Files: []File{{"main.hcl", []byte(strings.Replace(text, cursor, "", 1))}}}
	found, read, err := Ask(t.Context(), inProcess, sources, Question{Op: AskCompletion, File: "main.hcl", At: at})
	if err != nil || len(found.Items) != 1 || found.Items[0].Label != "address" {
		t.Fatalf("%+v, %v", found, err)
	}
	var names []string
	for _, f := range read.Tree {
		names = append(names, f.Name)
	}
	if have := strings.Join(names, " "); have != "modules/deep/ modules/deep/main.hcl modules/site/ modules/site/main.hcl" || len(read.Unread) != 1 {
		t.Errorf("read %s; not %v", have, read.Unread)
	}
	sources.Files[0].Text = []byte("box \"b\" {\n  source = \"files/site.tpl\"\n}\n")
	found, _, err = Ask(t.Context(), inProcess, sources, Question{Op: AskDefinition, File: "main.hcl", At: 25})
	if err != nil || len(found.Places) != 0 {
		t.Errorf("an attribute that names no file: %+v, %v", found, err)
	}
}

// TestAskBelievesNothing gives answers that the child would not give.
func TestAskBelievesNothing(t *testing.T) {
	sources, q := question(t, AskRename, "locals {\n  a‸ = 1\n}")
	if found, _, err := Ask(t.Context(), inProcess, sources, q); err != nil || len(found.Places) != 1 {
		t.Fatalf("%v %v", found, err)
	}
	for _, f := range []Findings{
		{Name: "b", Places: []Place{{File: "main.hcl", Start: 11, End: 12}}},
		{Name: "a", Places: []Place{{File: "other.hcl", Start: 11, End: 12}}},
		{Name: "a", Places: []Place{{File: "main.hcl", Start: -1, End: 12}}},
		{Name: "a", Places: []Place{{File: "main.hcl", Start: 12, End: 11}}},
		{Name: "a", Places: []Place{{File: "main.hcl", Start: 11, End: 1000}}},
		{Items: []Item{{Start: 1000}}},
		{Hover: &Hover{End: 1000}},
		{Symbols: []Symbol{{Within: []Symbol{{End: 1000}}}}},
	} {
		_, _, err := Ask(t.Context(), func(context.Context, []byte) ([]byte, error) {
			text, err := json.Marshal(answer{Findings: &f})
			return append(text, '\n'), err
		}, sources, q)
		if err == nil {
			t.Errorf("%+v was believed", f)
		}
	}
	if _, _, err := Ask(t.Context(), func(context.Context, []byte) ([]byte, error) { return []byte("{}\n"), nil }, sources, q); err == nil {
		t.Error("no answer was believed")
	}
	if _, _, err := Ask(t.Context(), func(context.Context, []byte) ([]byte, error) { return nil, io.ErrUnexpectedEOF }, sources, q); err == nil {
		t.Error("a dead child was believed")
	}
}

// outlineAgrees compares the names that an outline mentions with those that
// the parser finds in text that parses.
func outlineAgrees(t *testing.T, text []byte) {
	t.Helper()
	f := File{"f.hcl", text}
	chunks, problem := scan(f)
	if problem != nil {
		return
	}
	have := map[string]bool{}
	out := outlineOf(f, []string{"container", "locals"})
	for _, m := range out.mentions {
		if !m.call && len(m.steps) > 1 && !m.steps[1].key {
			have[fmt.Sprintf("%d %s.%s", m.steps[0].at.start, m.steps[0].text, m.steps[1].text)] = true
		}
	}
	want := map[string]bool{}
	for _, c := range chunks {
		p := parseChunk(&f, c)
		if len(p.diags) > 0 {
			return
		}
		var walk func(*hclsyntax.Body)
		walk = func(body *hclsyntax.Body) {
			for _, a := range body.Attributes {
				w := &walker{budget: &budget{}}
				hclsyntax.Walk(a.Expr, w)
				for _, x := range w.found {
					if len(x) < 2 {
						continue
					}
					if step, ok := x[1].(hcl.TraverseAttr); ok {
						want[fmt.Sprintf("%d %s.%s", x[0].SourceRange().Start.Byte, x.RootName(), step.Name)] = true
					}
				}
			}
			for _, b := range body.Blocks {
				walk(b.Body)
			}
		}
		walk(p.body)
	}
	if !out.balanced {
		t.Fatalf("the text parses, and its outline is not balanced:\n%s", text)
	}
	for m := range have {
		if !want[m] {
			t.Fatalf("the outline has %q, the parser has not:\n%s", m, text)
		}
	}
	for m := range want {
		if !have[m] {
			t.Fatalf("the parser has %q, the outline has not:\n%s", m, text)
		}
	}
}

func TestOutlineAgrees(t *testing.T) {
	texts := []string{shopText, goodConfig}
	examples, _ := filepath.Glob(filepath.Join("..", "examples", "*", "*.hcl"))
	if len(examples) == 0 {
		t.Fatal("no examples")
	}
	for _, name := range examples {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	for _, text := range texts {
		outlineAgrees(t, []byte(text))
	}
}

// FuzzEditor asks everything about any text: nothing panics, and every answer is sound.
func FuzzEditor(f *testing.F) {
	f.Add([]byte(shopText), 40)
	f.Add([]byte(goodConfig), 200)
	f.Add([]byte("container \"a\" {\n dynamic \"mount\" {\n content {\n volume = \"${%{ for x in var.a ~}}"), 60)
	f.Add([]byte("a = <<E\n${b.c[\"x\"]}\nE\nb \"c\" { d = [for k, v in x.y : {(k) = v.z} if k.a] }\n"), 10)
	f.Fuzz(func(t *testing.T, text []byte, at int) {
		if at < 0 || at > len(text) {
			return
		}
		sources := Sources{Files: []File{{"main.hcl", text}}}
		for _, op := range []string{AskCompletion, AskHover, AskDefinition, AskReferences, AskRename, AskSymbols} {
			q := Question{Op: op, File: "main.hcl", At: at, Name: "x"}
			if op == AskHover && strings.Contains(string(text), "for") {
				continue // its time is bounded in the child alone
			}
			if err := find(sources, q, testKinds).check(sources, q); err != nil {
				t.Fatalf("%s: %v", op, err)
			}
		}
		outlineAgrees(t, text)
	})
}

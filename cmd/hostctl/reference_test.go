package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hostctl/hcl"
	"hostctl/host"
	"hostctl/resource"
	"hostctl/runtime"
)

var update = flag.Bool("update", false, "write the generated reference and the golden files")

// TestReference holds docs/ to the code: every kind, attribute, function,
// command and exit code stands there as the code has it.
func TestReference(t *testing.T) {
	for name, text := range map[string]string{
		"kinds.md":     kindsReference(t),
		"kinds.json":   kindsTexts(t),
		"functions.md": functionsReference(),
		"commands.md":  commandsReference(),
		"errors.md":    errorsReference(t),
		"language.md":  languageReference(t),
		"policy.md":    policyReference(t),
	} {
		path := filepath.Join("..", "..", "docs", name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(path)
		if err != nil || string(have) != text {
			t.Errorf("docs/%s is not what the code says (%v); `make docs` writes it anew", name, err)
		}
	}
}

const generated = "<!-- Generated from the code by `make docs`. -->\n\n"

func kindsReference(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Kinds of resources\n\n" + generated)
	b.WriteString(`Each block has a type and a label: ` + "`container \"web\" { ... }`" + `. Other blocks refer to it as ` + "`container.web`" + `.

**Change** is what a change of the attribute costs: *live* is made in place, the running program does not notice; *reload* tells it to
reload; *restart* starts its process anew and keeps the unit; *replace* makes the object anew. *Chosen* attributes are given a value by
hostctl when they are not set: the plan shows it, and it stays.
`)
	for _, kind := range kinds() {
		docs := sourceDocs(t, filepath.Join("..", "..", "resource", kind.Name))
		schema := resource.SchemaOf(kind.New())
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", kind.Name, docs.types[schema.Type.Name()])
		writeSchema(&b, docs, schema, kind.Name)
	}
	fmt.Fprintf(&b, "\n## What the host must have\n\nEvery attribute above works from systemd %d and Linux 6.1 on. What containers use of the kernel:\n\n| | since Linux | without it |\n|---|---|---|\n", host.MinSystemd)
	for _, a := range runtime.Abilities() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", a.Name, a.Since, cmp.Or(a.Without, "No container starts, and `hostctl plan` says so."))
	}
	return b.String()
}

// kindsTexts are the texts of kindsReference by path, for the programs that
// show them: package docs carries them.
func kindsTexts(t *testing.T) string {
	texts := map[string]string{}
	for _, kind := range kinds() {
		docs := sourceDocs(t, filepath.Join("..", "..", "resource", kind.Name))
		var walk func(*resource.Schema, string)
		walk = func(s *resource.Schema, path string) {
			for i := range s.Attrs {
				a := &s.Attrs[i]
				if a.Internal {
					continue
				}
				texts[path+"."+a.Name] = docs.fields[s.Type.Name()+"."+a.Field]
				if a.Nested != nil {
					walk(a.Nested, path+"."+a.Name)
				}
			}
		}
		schema := resource.SchemaOf(kind.New())
		texts[kind.Name] = docs.types[schema.Type.Name()]
		walk(schema, kind.Name)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(texts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// cell makes text fit a table's cell.
var cell = strings.NewReplacer("|", `\|`, "\n", " ")

// writeSchema writes a table of the attributes, then each block below it.
func writeSchema(b *strings.Builder, docs *typeDocs, s *resource.Schema, path string) {
	var blocks []*resource.Attr
	rows := 0
	for i := range s.Attrs {
		a := &s.Attrs[i]
		switch {
		case a.Internal:
			continue
		case a.Nested != nil:
			blocks = append(blocks, a)
			continue
		}
		if rows++; rows == 1 {
			b.WriteString("\n| attribute | type | default | change | |\n|---|---|---|---|---|\n")
		}
		def := "`" + a.Default + "`"
		switch {
		case a.Required:
			def = "**required**"
		case a.Computed:
			def = "chosen"
		case !a.HasDef:
			def = "unset"
		case a.Default == "":
			def = `""`
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", a.Name, typeWords(a), def, a.Class, cell.Replace(docs.fields[s.Type.Name()+"."+a.Field]))
	}
	for _, a := range blocks {
		label := ""
		if a.Form == resource.Labelled {
			label = ` "LABEL"`
		}
		fmt.Fprintf(b, "\n### %s: %s%s { }\n\n", path, a.Name, label)
		fmt.Fprintf(b, "%s\n", docs.fields[s.Type.Name()+"."+a.Field])
		writeSchema(b, docs, a.Nested, path+"."+a.Name)
	}
}

// typeWords is an attribute's type as a person writes its value.
func typeWords(a *resource.Attr) string {
	words := scalarWords(a.Type)
	switch a.Form {
	case resource.Reference:
		return "a " + a.Ref
	case resource.List:
		if a.Ref != "" {
			return "list of " + a.Ref + "s"
		}
		return "list of " + words + "s"
	case resource.Map:
		return "map of strings"
	}
	return words
}

func scalarWords(t reflect.Type) string {
	switch t.String() {
	case "resource.Bytes":
		return "size, `\"64M\"`"
	case "resource.Duration":
		return "duration, `\"10s\"`"
	case "resource.Mode":
		return "mode, `\"0750\"`"
	case "netip.Prefix":
		return "address with prefix length"
	case "netip.Addr":
		return "address"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "bool"
	case reflect.String:
		return "string"
	default:
		return "number"
	}
}

func functionsReference() string {
	var b strings.Builder
	b.WriteString("# Functions\n\n" + generated + "Functions compute from their arguments alone: none reads a file, the environment, the network or the clock. What is made of a sensitive value is sensitive.\n")
	sections := map[string][]hcl.Function{}
	for _, f := range hcl.Functions() {
		sections[f.Group] = append(sections[f.Group], f)
	}
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		fmt.Fprintf(&b, "\n## %s\n\n| function | | example | is |\n|---|---|---|---|\n", name)
		for _, f := range sections[name] {
			fmt.Fprintf(&b, "| `%s` | %s | `%s` | `%s` |\n", cell.Replace(f.Signature), cell.Replace(f.Doc), cell.Replace(f.Example), cell.Replace(f.Result))
		}
	}
	b.WriteString("\n## What is not here\n\nFunctions that other tools have, and what serves instead.\n\n| function | |\n|---|---|\n")
	absent := hcl.AbsentFunctions()
	for _, name := range slices.Sorted(maps.Keys(absent)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, cell.Replace(absent[name]))
	}
	return b.String()
}

func commandsReference() string {
	var b bytes.Buffer
	b.WriteString("# Commands\n\n" + generated)
	for _, group := range commandGroups() {
		fmt.Fprintf(&b, "%s:", group.title)
		for i, cmd := range group.commands {
			if !cmd.hidden {
				fmt.Fprintf(&b, "%s [%s](#hostctl-%s)", map[bool]string{true: "", false: ","}[i == 0], cmd.name, cmd.name)
			}
		}
		b.WriteString(".\n\n")
	}
	for _, cmd := range commands() {
		if cmd.hidden {
			continue
		}
		fmt.Fprintf(&b, "## hostctl %s\n\n```\n", cmd.name)
		cmd.usage(&b, maxHelpWidth)
		b.WriteString("```\n\n")
	}
	b.WriteString("# Exit codes\n\n| code | |\n|---|---|\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "| %d | %s |\n", e.code, e.text)
	}
	fmt.Fprintf(&b, "\n%s\n\n# Environment\n\n| variable | |\n|---|---|\n", exitCodesNote)
	for _, v := range environmentNames {
		fmt.Fprintf(&b, "| `%s` | %s |\n", v.name, v.text)
	}
	return b.String()
}

// TestCommands holds each command's help to the house's form.
func TestCommands(t *testing.T) {
	names := map[string]bool{}
	for _, cmd := range commands() {
		if names[cmd.name] {
			t.Errorf("two commands are called %s", cmd.name)
		}
		names[cmd.name] = true
		if cmd.hidden {
			continue
		}
		if !strings.Contains(cmd.example, "hostctl "+cmd.name) {
			t.Errorf("%s: the example does not call it: %s", cmd.name, cmd.example)
		}
		if strings.HasSuffix(cmd.summary, ".") || len(cmd.summary) > 120 {
			t.Errorf("%s: the summary is one short sentence without its full stop: %s", cmd.name, cmd.summary)
		}
		// The example of a command stands what the command line is held to: its flags are there.
		for line := range strings.Lines(cmd.example) {
			_, args, ok := strings.Cut(strings.TrimSpace(line), "hostctl "+cmd.name+" ")
			if !ok || strings.ContainsAny(args, "|<>&'\"") {
				continue
			}
			fs, _ := cmd.flags(&cli{})
			if _, err := cmd.parse(fs, strings.Fields(args)); err != nil {
				t.Errorf("example %q: %v", strings.TrimSpace(line), err)
			}
		}
		for _, width := range []int{40, 80, maxHelpWidth} {
			var help bytes.Buffer
			cmd.usage(&help, width)
			if !strings.HasPrefix(help.String(), "Example:\n") {
				t.Errorf("%s: the help does not open with an example", cmd.name)
			}
			if width < 80 {
				continue // examples are wider than that, and are not broken
			}
			for line := range strings.Lines(help.String()) {
				if columns(strings.TrimSuffix(line, "\n")) > width {
					t.Errorf("%s: a line of the help is wider than %d columns: %s", cmd.name, width, line)
				}
			}
		}
	}
}

// typeDocs are the doc comments of a package's structs and fields, each in one line.
type typeDocs struct{ types, fields map[string]string }

func sourceDocs(t *testing.T, dir string) *typeDocs {
	t.Helper()
	docs := &typeDocs{map[string]string{}, map[string]string{}}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no source in %s: %v", dir, err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range gen.Specs {
				typ, ok := spec.(*ast.TypeSpec)
				if !ok {
					continue
				}
				docs.types[typ.Name.Name] = withoutName(strings.TrimSpace(gen.Doc.Text()), typ.Name.Name)
				if st, ok := typ.Type.(*ast.StructType); ok {
					docs.addFields(typ.Name.Name, st)
				}
			}
		}
	}
	return docs
}

func (d *typeDocs) addFields(typ string, st *ast.StructType) {
	for _, field := range st.Fields.List {
		text := field.Doc.Text()
		if text == "" {
			text = field.Comment.Text()
		}
		text = strings.Join(strings.Fields(text), " ")
		for _, name := range field.Names {
			d.fields[typ+"."+name.Name] = withoutName(text, name.Name)
		}
	}
}

// withoutName takes the Go name from the head of a comment: the manual has the
// attribute's or the block's own name beside it.
func withoutName(text, name string) string {
	rest, ok := strings.CutPrefix(text, name+" ")
	if !ok {
		return text
	}
	for _, verb := range []string{"is ", "are "} {
		rest = strings.TrimPrefix(rest, verb)
	}
	return strings.ToUpper(rest[:1]) + rest[1:]
}

// TestEveryAttributeIsDocumented fails for what would be an empty cell in the manual.
func TestEveryAttributeIsDocumented(t *testing.T) {
	for _, kind := range kinds() {
		docs := sourceDocs(t, filepath.Join("..", "..", "resource", kind.Name))
		var walk func(*resource.Schema)
		walk = func(s *resource.Schema) {
			if docs.types[s.Type.Name()] == "" {
				t.Errorf("%s: type %s has no comment", kind.Name, s.Type.Name())
			}
			for i := range s.Attrs {
				a := &s.Attrs[i]
				if !a.Internal && docs.fields[s.Type.Name()+"."+a.Field] == "" {
					t.Errorf("%s: %s.%s has no comment", kind.Name, s.Type.Name(), a.Field)
				}
				if a.Nested != nil {
					walk(a.Nested)
				}
			}
		}
		walk(resource.SchemaOf(kind.New()))
	}
}

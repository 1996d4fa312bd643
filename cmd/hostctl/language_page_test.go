package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hostctl/hcl"
)

// languageReference is docs/language.md with its generated parts as the code
// has them; the words between are written by hand.
func languageReference(t *testing.T) string {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "language.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for name, part := range map[string]string{"toc": languageContents(), "blocks": languageBlocks(), "limits": languageLimits(t)} {
		open := "<!-- " + name + " -->"
		before, rest, ok1 := strings.Cut(page, open)
		_, after, ok2 := strings.Cut(rest, "<!-- end -->")
		if !ok1 || !ok2 {
			t.Fatalf("docs/language.md has no part %s", open)
		}
		page = before + open + part + "<!-- end -->" + after
	}
	return page
}

func languageContents() string {
	var links []string
	for _, f := range hcl.Language() {
		links = append(links, fmt.Sprintf("[%s](#%s)", f.Name, strings.ToLower(strings.NewReplacer(" ", "-", `"`, "", "{", "", "}", "").Replace(heading(f)))))
	}
	return strings.Join(links, ", ")
}

// heading is a block as it is written.
func heading(f hcl.Field) string {
	if f.Label != "" {
		return fmt.Sprintf("%s %q", f.Name, f.Label)
	}
	return f.Name
}

func languageBlocks() string {
	var b strings.Builder
	b.WriteString("\n")
	for _, f := range hcl.Language() {
		writeLanguageBlock(&b, f, "###", "")
	}
	b.WriteString("\n### In every resource\n")
	writeFields(&b, hcl.Everywhere(), "")
	b.WriteString("\n")
	return b.String()
}

func writeLanguageBlock(b *strings.Builder, f hcl.Field, level, within string) {
	fmt.Fprintf(b, "\n%s %s%s\n\n%s\n", level, within, heading(f), f.Doc)
	writeFields(b, f.Fields, within+f.Name+": ")
}

// writeFields writes a table of attributes, then each block below it.
func writeFields(b *strings.Builder, fields []hcl.Field, within string) {
	rows := 0
	for _, f := range fields {
		if f.Type == "" {
			continue
		}
		if rows++; rows == 1 {
			b.WriteString("\n| attribute | type | default | |\n|---|---|---|---|\n")
		}
		def := "unset"
		switch {
		case f.Required:
			def = "**required**"
		case f.Default != "":
			def = "`" + f.Default + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.Name, f.Type, def, cell.Replace(f.Doc))
	}
	for _, f := range fields {
		if f.Type == "" {
			writeLanguageBlock(b, f, "####", within)
		}
	}
}

// limits are the constants of package hcl that bound a configuration, in words.
var limits = []struct{ constant, words string }{
	{"MaxFileBytes", "bytes of one file of configuration"},
	{"MaxBytes", "bytes of a configuration, all its files and modules together; as many again of files that `source` and `template` name"},
	{"MaxSourceBytes", "bytes of one file that `source` or `template` names"},
	{"MaxFiles", "files of a configuration"},
	{"maxResources", "resources, and the instances of one `for_each` or `count`"},
	{"maxModuleDepth", "modules within one another"},
	{"maxInstances", "instances of modules"},
	{"maxBlocks", "blocks that the `dynamic` blocks of one resource make"},
	{"maxDepth", "brackets, blocks, strings and interpolations within one another"},
	{"maxChain", "operators, indexes and template directives around one another"},
	{"maxNesting", "locals, modules and `for_each` that need one another in a row"},
	{"maxTokens", "words and signs of one block"},
	{"maxNumber", "characters of a number that is written out"},
	{"maxExponent", "its decimal exponent"},
	{"maxRounds", "rounds of the `for` expressions of one attribute"},
	{"maxNodes", "parts of one value"},
	{"maxText", "bytes of text in one value"},
	{"maxJSONNodes", "keys and values of a file in the JSON form"},
	{"maxDiagnostics", "errors that are shown"},
}

func languageLimits(t *testing.T) string {
	values := map[string]string{}
	files, err := filepath.Glob(filepath.Join("..", "..", "hcl", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	for _, file := range files {
		f, err := parser.ParseFile(fset, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.CONST {
				continue
			}
			for _, spec := range gen.Specs {
				s := spec.(*ast.ValueSpec)
				for i, name := range s.Names {
					var text strings.Builder
					if i >= len(s.Values) || format.Node(&text, fset, s.Values[i]) != nil {
						continue
					}
					if v, err := types.Eval(fset, nil, token.NoPos, text.String()); err == nil && v.Value != nil && v.Value.Kind() == constant.Int {
						values[name.Name] = v.Value.ExactString()
					}
				}
			}
		}
	}
	var b strings.Builder
	b.WriteString("\n\n| at most | |\n|---|---|\n")
	for _, l := range limits {
		value := values[l.constant]
		if value == "" {
			t.Fatalf("package hcl has no constant %s", l.constant)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", thousands(value), l.words)
	}
	b.WriteString("\n")
	return b.String()
}

// thousands is a number as people read it, or in MiB where it is round.
func thousands(digits string) string {
	var n int
	if fmt.Sscan(digits, &n); n >= 1<<20 && n%(1<<20) == 0 {
		return fmt.Sprintf("%d Mi", n>>20)
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// TestLanguageExamples: what the reference shows is a configuration; of a
// fragment that refers to what is not shown, the syntax is right.
func TestLanguageExamples(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "language.md"))
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for rest := string(text); ; {
		_, block, ok := strings.Cut(rest, "\n```")
		if !ok {
			break
		}
		info, body, _ := strings.Cut(block, "\n")
		body, rest, _ = strings.Cut(body, "```\n")
		name := map[string]string{"hcl": "main.hcl", "hcl fragment": "main.hcl", "json": "main.hcl.json"}[info]
		if name == "" {
			continue
		}
		examples++
		file := hcl.File{Name: name, Text: []byte(body)}
		if name == "main.hcl" {
			if out, diags := hcl.Format(file); len(diags) > 0 || string(out) != body {
				t.Errorf("%s\nis not laid out, or wrong: %v", body, diags)
			}
		}
		if info == "hcl fragment" {
			continue
		}
		files := []hcl.File{file}
		if !strings.Contains(body, "hostctl {") {
			files = append(files, hcl.File{Name: "settings.hcl", Text: []byte("hostctl {\n  name = \"x\"\n}\n")})
		}
		if c := hcl.Evaluate(hcl.Request{Sources: hcl.Sources{Files: files}}, kinds()); len(c.Diagnostics) > 0 {
			t.Errorf("%s\n%v", body, c.Diagnostics)
		}
	}
	if examples < 10 {
		t.Errorf("only %d examples", examples)
	}
}

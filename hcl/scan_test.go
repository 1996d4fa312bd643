package hcl

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// lexerDepth is what the scan must not fall short of, counted from the outer
// library's own tokens.
func lexerDepth(src []byte) (deepest int) {
	tokens, _ := hclsyntax.LexConfig(src, "x", hcl.InitialPos)
	var stack []hclsyntax.TokenType
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOParen, hclsyntax.TokenOBrack, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc,
			hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			stack = append(stack, t.Type)
			deepest = max(deepest, len(stack))
		case hclsyntax.TokenCParen, hclsyntax.TokenCBrack, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			open := map[hclsyntax.TokenType]hclsyntax.TokenType{
				hclsyntax.TokenCParen: hclsyntax.TokenOParen, hclsyntax.TokenCBrack: hclsyntax.TokenOBrack,
				hclsyntax.TokenCQuote: hclsyntax.TokenOQuote, hclsyntax.TokenCHeredoc: hclsyntax.TokenOHeredoc}[t.Type]
			if n := len(stack); n > 0 && stack[n-1] == open {
				stack = stack[:n-1]
			}
		case hclsyntax.TokenCBrace, hclsyntax.TokenTemplateSeqEnd:
			for i := len(stack) - 1; i >= 0; i-- {
				if k := stack[i]; k == hclsyntax.TokenOBrace || k == hclsyntax.TokenTemplateInterp || k == hclsyntax.TokenTemplateControl {
					stack = stack[:i]
					break
				}
			}
		}
	}
	return deepest
}

// TestScanCounts holds the scan against the lexer on what confuses scanners.
func TestScanCounts(t *testing.T) {
	for _, src := range []string{
		"a = 1\n", "a = [((1))]\n", "a = \"[${b(\"x}\")}]\"\n", "a = \"$${(\" (\n", "a = \"%%{(\" (\n", "a = \"$$${b}\"\n", "a = \"\\\"(\" [\n",
		"a = <<E\n((${x(1)}\nE\n[", "a = <<-E\n  ((\n  E\n[", "a = <<E\n$E\nE \n[", "a = <<E\n${b}E\nE\n[", "# (((\n// (((\n/* ((( */ [", "/* ((", "a = <<E \n(",
		"a = \"(\n\" (", "a = \"${ { } }\" (", "a = \"${ ( }\" (", "a = \"${ x ~}\" (", "a = ~} (", "é = [", "a = 1..2[", "a = <<é\n(\né\n[", "a=<<E\n%{ if x }(%{ endif }\nE\n[",
		"a = \"\\", "a = \"$", "a = <<E", "a = <<E\n", "\xef\xbb\xbfa = [", "a = \"$\"[", "a = \"$\\\"\"[", "a = <<E\n$\nE\n[", "a = <<E\n$${\nE\n[", "a = <<A\n${<<B\n(\nB\n}\nA\n[",
	} {
		s := &scanner{src: []byte(src), line: 1}
		s.chunks = []chunk{{}}
		s.run()
		if want := lexerDepth([]byte(src)); s.problem == nil && s.deepest != want {
			t.Errorf("%q: scan sees %d deep, the lexer %d", src, s.deepest, want)
		}
	}
}

// FuzzScan: whatever passes the scan is no deeper for the lexer than the scan
// says, is cut at places where parsing can begin, and can be parsed.
func FuzzScan(f *testing.F) {
	for _, files := range wrongConfigs(f) {
		f.Add(files[0].Text)
	}
	for _, s := range []string{"a = <<E\n${<<F\n(\nF\n}\nE\n", "a = \"%{ for x in y }(%{ endfor }\"", "é-x = -é--1", "a = {for\n-\n-1 : 2}", "a = 1.e5"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 1<<16 {
			return
		}
		chunks, problem := scan(File{"x", src})
		if problem != nil {
			return
		}
		s := &scanner{src: src, line: 1, chunks: []chunk{{}}}
		s.run()
		if want := lexerDepth(src); s.deepest < want {
			t.Fatalf("scan sees %d deep, the lexer %d", s.deepest, want)
		}
		at, line := 0, 1
		for _, c := range chunks {
			if c.start != at || c.line != line {
				t.Fatalf("chunk %+v does not begin at byte %d, line %d", c, at, line)
			}
			line += bytes.Count(src[c.start:c.end], []byte("\n"))
			at = c.end
			parseChunk(&File{"x", src}, c)
		}
		if at != len(src) || !utf8.Valid(src) {
			t.Fatal("the chunks are not the file")
		}
	})
}

// TestChunks: a file that is parsed in pieces means what it means in one.
func TestChunks(t *testing.T) {
	var b strings.Builder
	for i := range 3000 {
		b.WriteString("# é comment\nvariable \"v" + strings.Repeat("x", i%7) + "\" {\n  default = <<E\n}\n\nE\n}\n")
	}
	f := File{"x.hcl", []byte(b.String())}
	chunks, problem := scan(f)
	if problem != nil || len(chunks) < 3 {
		t.Fatal(problem, len(chunks))
	}
	whole, diags := hclsyntax.ParseConfig(f.Text, f.Name, hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var blocks []*hclsyntax.Block
	for _, p := range parse([]File{f}, [][]chunk{chunks}) {
		if len(p.diags) > 0 {
			t.Fatal(p.diags)
		}
		blocks = append(blocks, p.body.Blocks...)
	}
	want := whole.Body.(*hclsyntax.Body).Blocks
	if len(blocks) != len(want) {
		t.Fatalf("%d blocks, want %d", len(blocks), len(want))
	}
	for i := range want {
		if blocks[i].Range() != want[i].Range() {
			t.Fatalf("block %d is at %v, want %v", i, blocks[i].Range(), want[i].Range())
		}
	}
}

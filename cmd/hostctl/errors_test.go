package main

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hostctl/hcl"
	"hostctl/hcl/hcltest"
	"hostctl/policy"
	"hostctl/resource"
)

// saying is one summary as the code has it: a format, and the detail that
// stands beside it.
type saying struct {
	format, detail string
	example        *example
}

// example is a case of a corpus in which it is said.
type example struct {
	c    *hcltest.Case
	said hcl.Diagnostic
	more int // what else is said
}

var verb = regexp.MustCompile(`%[-+# 0-9.]*[a-z]`)

// title is a format with words for what varies.
func (s *saying) title() string {
	return inWords(s.format)
}

func inWords(format string) string {
	return strings.ReplaceAll(verb.ReplaceAllStringFunc(format, func(v string) string {
		switch v[len(v)-1] {
		case 'q':
			return `"NAME"`
		case 'd':
			return "N"
		}
		return "NAME"
	}), "%%", "%")
}

// matches reports whether a summary may be of this format.
func (s *saying) matches(summary string) bool {
	parts := verb.Split(s.format, -1)
	for i := range parts {
		parts[i] = regexp.QuoteMeta(strings.ReplaceAll(parts[i], "%%", "%"))
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".+") + "$").MatchString(summary)
}

// plain is how much of a format does not vary.
func (s *saying) plain() int { return len(verb.ReplaceAllString(s.format, "")) }

// sayings are the summaries that the code of packages can say.
func sayings(t *testing.T, dirs ...string) []*saying {
	t.Helper()
	found := map[string]*saying{}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join("..", "..", dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no source in %s: %v", dir, err)
		}
		r := &sayingReader{constants: map[string]string{}, speakers: map[string]place{}, found: found}
		var parsed []*ast.File
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			parsed = append(parsed, f)
		}
		for _, f := range parsed {
			ast.Inspect(f, r.learn)
		}
		for _, f := range parsed {
			r.closures = map[string]place{}
			ast.Inspect(f, r.learnClosures)
			ast.Inspect(f, r.read)
		}
	}
	var out []*saying
	for _, s := range found {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *saying) int { return cmp.Compare(a.format, b.format) })
	return out
}

// sayingReader finds what stands in the place of a summary: a parameter of that
// name, a field of that name, or a result of that name.
type sayingReader struct {
	constants map[string]string
	speakers  map[string]place // of a package's functions
	closures  map[string]place // of those of one file
	found     map[string]*saying
}

// place is which arguments of a function are the summary and the detail; -1 for none.
type place struct{ summary, detail int }

func (r *sayingReader) learn(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ValueSpec:
		for i, name := range n.Names {
			if i < len(n.Values) {
				if text, ok := r.text(n.Values[i]); ok {
					r.constants[name.Name] = text
				}
			}
		}
	case *ast.FuncDecl:
		speaker(r.speakers, n.Name.Name, n.Type)
	}
	return true
}

func (r *sayingReader) learnClosures(n ast.Node) bool {
	if n, ok := n.(*ast.AssignStmt); ok {
		for i, value := range n.Rhs {
			if fn, ok := value.(*ast.FuncLit); ok && i < len(n.Lhs) {
				if name, ok := n.Lhs[i].(*ast.Ident); ok {
					r.closures[name.Name] = place{-1, -1}
					speaker(r.closures, name.Name, fn.Type)
				}
			}
		}
	}
	return true
}

// speaker notes a function that takes a summary: by that name, or as the format
// beside a detail.
func speaker(into map[string]place, name string, fn *ast.FuncType) {
	at := map[string]int{}
	n := 0
	for _, p := range fn.Params.List {
		for _, param := range p.Names {
			at[param.Name] = n
			n++
		}
	}
	summary, ok := at["summary"]
	detail, hasDetail := at["detail"]
	if !hasDetail {
		detail = -1
		if format, has := at["format"]; has && ok {
			detail = format
		}
	} else if !ok {
		summary, ok = at["format"]
	}
	if ok {
		into[name] = place{summary, detail}
	}
}

func (r *sayingReader) read(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		name := ""
		switch fn := n.Fun.(type) {
		case *ast.Ident:
			name = fn.Name
		case *ast.SelectorExpr:
			name = fn.Sel.Name
		}
		at, ok := r.closures[name]
		if !ok {
			at, ok = r.speakers[name]
		}
		if ok && at.summary >= 0 && at.summary < len(n.Args) {
			detail := ast.Expr(nil)
			if at.detail >= 0 && at.detail < len(n.Args) {
				detail = n.Args[at.detail]
			}
			r.say(n.Args[at.summary], detail)
		}
	case *ast.CompositeLit:
		var summary, detail ast.Expr
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				switch key, _ := kv.Key.(*ast.Ident); {
				case key == nil:
				case key.Name == "Summary" || key.Name == "summary":
					summary = kv.Value
				case key.Name == "Detail" || key.Name == "detail":
					detail = kv.Value
				}
			}
		}
		if kind, ok := n.Type.(*ast.Ident); ok && kind.Name == "stopped" && len(n.Elts) == 3 {
			summary, detail = n.Elts[1], n.Elts[2]
		}
		if summary != nil {
			r.say(summary, detail)
		}
	}
	return true
}

func (r *sayingReader) say(summary, detail ast.Expr) {
	format, ok := r.text(summary)
	if !ok || strings.Trim(verb.ReplaceAllString(format, ""), ` :`) == "" {
		return
	}
	s := r.found[format]
	if s == nil {
		s = &saying{format: format}
		r.found[format] = s
	}
	if s.detail == "" && detail != nil {
		s.detail, _ = r.text(detail)
	}
}

// text is the text or the format of an expression.
func (r *sayingReader) text(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			text, err := strconv.Unquote(e.Value)
			return text, err == nil
		}
	case *ast.Ident:
		text, ok := r.constants[e.Name]
		return text, ok
	case *ast.BinaryExpr:
		left, ok1 := r.text(e.X)
		right, ok2 := r.text(e.Y)
		switch {
		case ok1 && ok2:
			return left + right, true
		case ok1:
			return left + "%s", true
		case ok2:
			return "%s" + right, true
		}
	case *ast.CallExpr:
		if fn, ok := e.Fun.(*ast.SelectorExpr); ok && fn.Sel.Name == "Sprintf" && len(e.Args) > 0 {
			return r.text(e.Args[0])
		}
	}
	return "", false
}

// diagnose is what validate says of a case.
func diagnose(t *testing.T, c *hcltest.Case) hcl.Diagnostics {
	t.Helper()
	if strings.HasPrefix(c.Name, "policy-") {
		return readPolicyCase(c)
	}
	config := c.Evaluate(t, kinds())
	if !config.Diagnostics.HasErrors() {
		for _, p := range resource.NewResolver(config.Name, nil, nil, nil).Resolve(config.State) {
			config.Diagnostics = append(config.Diagnostics, config.Locate(p))
		}
	}
	return config.Diagnostics
}

// TestWrongKinds: each mistake in what the kinds take has its diagnostic on its line.
func TestWrongKinds(t *testing.T) {
	cases := hcltest.Cases(t, filepath.Join("testdata", "wrong_kinds.txtar"))
	if len(cases) < 50 {
		t.Errorf("only %d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) { c.Check(t, diagnose(t, c)) })
	}
}

// readPolicyCase is what is said of a policy that cannot be.
func readPolicyCase(c *hcltest.Case) hcl.Diagnostics {
	var f policy.File
	doc := hcl.ReadDocument(hcl.File{Name: c.Files[0].Name, Text: c.Files[0].Data}, &f)
	diags := doc.Diagnostics
	if !diags.HasErrors() {
		_, problems := policy.New(c.Files[0].Name, &f)
		for _, p := range problems {
			diags = append(diags, doc.Locate(p))
		}
	}
	return diags
}

// policyCases are the mistakes in a host's policy.
func policyCases(t *testing.T) []*hcltest.Case {
	return hcltest.Cases(t, filepath.Join("testdata", "wrong_policy.txtar"))
}

// TestWrongPolicies: each mistake in a policy has its diagnostic on its line, and none is taken for something else.
func TestWrongPolicies(t *testing.T) {
	for _, c := range policyCases(t) {
		t.Run(c.Name, func(t *testing.T) { c.Check(t, diagnose(t, c)) })
	}
}

// attach finds an example for each saying: of all cases in which it is said
// the one with the least beside it. What is said in words of others is added.
func attach(t *testing.T, list []*saying, cases []*hcltest.Case) []*saying {
	t.Helper()
	for _, c := range cases {
		c = c.Bare()
		diags := diagnose(t, c)
		for _, d := range diags {
			if !slices.ContainsFunc(c.Wanted, func(w hcltest.Wanted) bool { return w.Is(d) }) {
				continue
			}
			var best *saying
			for _, s := range list {
				if s.matches(d.Summary) && (best == nil || s.plain() > best.plain()) {
					best = s
				}
			}
			if best == nil {
				best = &saying{format: strings.ReplaceAll(d.Summary, "%", "%%")}
				list = append(list, best)
			}
			e := &example{c, d, len(diags)}
			if best.example == nil || e.size() < best.example.size() {
				best.example = e
			}
		}
	}
	// A format that only passes on what others say is no saying of its own.
	return slices.DeleteFunc(list, func(s *saying) bool {
		return s.example == nil && slices.ContainsFunc(list, func(o *saying) bool { return o.example != nil && s.matches(o.example.said.Summary) })
	})
}

// size is how much there is to read.
func (e *example) size() int {
	n := 1000 * e.more
	for _, f := range e.c.Files {
		n += len(f.Data) + 200
	}
	return n
}

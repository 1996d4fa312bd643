package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"hostctl/hcl"
	"hostctl/hcl/hcltest"
	"hostctl/resource"
)

// notShown are the summaries of package hcl that no corpus brings about: what
// takes too long or is too large for one, and what would be a bug.
var notShown = []string{
	"Block cannot be understood", "Block is too long", "Configuration asks for files again and again",
	"Configuration could not be evaluated", "Configuration directory cannot be read", "Configuration is not in the repository",
	"Configuration is too long", "Configuration takes too much %s to evaluate", "Expression cannot be evaluated",
	"Expression has no value", "Expression is too long", "File cannot be formatted", "File is not read", "File is too long", `Invalid value for "value"`,
	"Modules nest too deeply", "Names refer to one another too deeply", "No configuration", "There are too many errors",
	"Too many blocks", "Too many files", "Too many instances of modules", "Too many resources", "Value cannot be shown",
}

// errorsReference is the index of all that hostctl says of a configuration:
// each summary that the code has, with an example out of the corpora.
func errorsReference(t *testing.T) string {
	corpora, err := filepath.Glob(filepath.Join("..", "..", "hcl", "testdata", "wrong*.txtar"))
	if err != nil || len(corpora) < 5 {
		t.Fatalf("no corpora: %v", err)
	}
	language := attach(t, sayings(t, "hcl"), hcltest.Cases(t, corpora...))
	var dirs []string
	for _, k := range kinds() {
		dirs = append(dirs, "resource/"+k.Name)
	}
	ofKinds := attach(t, sayings(t, append(dirs, "resource", "plan", "apply")...), hcltest.Cases(t, filepath.Join("testdata", "wrong_kinds.txtar")))

	ofPolicies := attach(t, sayings(t, "policy"), policyCases(t))
	said := func(in []*saying, format string) bool {
		return slices.ContainsFunc(in, func(o *saying) bool { return o.format == format })
	}

	var b strings.Builder
	b.WriteString("# Errors\n\n" + generated + `What hostctl says of a configuration that cannot be, in alphabetical order, each with a configuration in which it is said, and the
answer: what is wrong, where, and what to write instead. NAME and N stand for what varies. ` + "`hostctl validate`" + ` says all that can be
said without looking at the host; what only the host can tell is in the last table, and is said by ` + "`hostctl plan`" + `.

[In the configuration](#in-the-configuration) · [In a resource](#in-a-resource) · [In a policy](#in-a-policy) · [On the host](#on-the-host)

# In the configuration
`)
	for _, s := range sorted(language) {
		if s.example == nil && said(ofPolicies, s.format) {
			continue
		}
		if s.example == nil && !slices.Contains(notShown, s.format) {
			t.Errorf("hcl says %q, and no case of hcl/testdata/wrong*.txtar brings it about", s.format)
		}
		if !strings.Contains(s.detail, "bug in hostctl") {
			s.write(t, &b)
		}
	}
	b.WriteString("\n# In a resource\n")
	var host []*saying
	for _, s := range sorted(ofKinds) {
		switch {
		case s.example == nil:
			host = append(host, s)
		case !said(language, s.format):
			s.write(t, &b)
		}
	}
	b.WriteString("\n# In a policy\n\nOf what a policy refuses see [policy.md](policy.md).\n")
	for _, s := range sorted(ofPolicies) {
		if s.example == nil {
			t.Errorf("policy says %q, and no case of testdata/wrong_policy.txtar brings it about", s.format)
		} else if !said(language, s.format) || strings.HasPrefix(s.format, "Values are written") {
			s.write(t, &b)
		}
	}
	b.WriteString("\n# On the host\n\n| what is said | what to do |\n|---|---|\n")
	for _, s := range host {
		fmt.Fprintf(&b, "| %s | %s |\n", cell.Replace(s.title()), cell.Replace(inWords(s.detail)))
	}
	return b.String()
}

// sorted puts sayings in the order of their words.
func sorted(list []*saying) []*saying {
	key := func(s *saying) string {
		return strings.ToLower(strings.TrimLeftFunc(strings.NewReplacer(`"NAME"`, "", "NAME", "").Replace(s.title()), func(r rune) bool { return !unicode.IsLetter(r) }))
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *saying) int { return strings.Compare(key(a), key(b)) })
	return list
}

// write writes one saying: the files of its example, and what is printed.
func (s *saying) write(t *testing.T, b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n", s.title())
	if s.example == nil {
		if s.detail != "" {
			fmt.Fprintf(b, "\n%s\n", inWords(s.detail))
		}
		return
	}
	c := s.example.c
	for _, f := range c.Files {
		text := strings.TrimRight(string(f.Data), "\n")
		long := strings.Count(text, "\n") > 30 || slices.ContainsFunc(strings.Split(text, "\n"), func(line string) bool { return len(line) > 160 })
		hidden := strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && !resource.Visible(r) })
		if long || hidden || text == "" {
			continue
		}
		if len(c.Files) > 1 {
			fmt.Fprintf(b, "\n`%s`:\n", f.Name)
		}
		fmt.Fprintf(b, "\n```%s\n%s\n```\n", map[bool]string{true: "json", false: "hcl"}[strings.HasSuffix(f.Name, ".json")], text)
	}
	for _, given := range c.Given() {
		if !strings.ContainsFunc(given, unicode.IsControl) {
			fmt.Fprintf(b, "\nwith `%s`\n", given)
		}
	}
	var out bytes.Buffer
	if err := (hcl.Diagnostics{s.example.said}).Text(&out, 100, false); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(b, "\n```\n%s```\n", out.String())
}

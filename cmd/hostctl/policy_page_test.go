package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hostctl/policy"
	"hostctl/resource"
)

// policyReference is docs/policy.md with its generated parts.
func policyReference(t *testing.T) string {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "policy.md"))
	if err != nil {
		t.Fatal(err)
	}
	teams, err := os.ReadFile(filepath.Join("..", "..", "examples", "teams", "policy.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for name, part := range map[string]string{
		"teams":      "\n```hcl\n" + string(teams) + "```\n",
		"attributes": policyAttributes(t),
	} {
		open := "<!-- " + name + " -->"
		before, rest, ok1 := strings.Cut(page, open)
		_, after, ok2 := strings.Cut(rest, "<!-- end -->")
		if !ok1 || !ok2 {
			t.Fatalf("docs/policy.md has no part %s", open)
		}
		page = before + open + part + "<!-- end -->" + after
	}
	return page
}

func policyAttributes(t *testing.T) string {
	docs := sourceDocs(t, filepath.Join("..", "..", "policy"))
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n", docs.types["File"])
	var write func(s *resource.Schema, heading string)
	write = func(s *resource.Schema, heading string) {
		// A field of an embedded struct is documented there.
		doc := func(a *resource.Attr) string {
			for _, owner := range []string{s.Type.Name(), "Sections", "Amounts"} {
				if text := docs.fields[owner+"."+a.Field]; text != "" {
					return text
				}
			}
			t.Errorf("policy: %s.%s has no doc comment", s.Type.Name(), a.Field)
			return ""
		}
		rows := 0
		for i := range s.Attrs {
			if a := &s.Attrs[i]; a.Nested == nil {
				if rows++; rows == 1 {
					b.WriteString("\n| attribute | type | |\n|---|---|---|\n")
				}
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", a.Name, typeWords(a), cell.Replace(doc(a)))
			}
		}
		for i := range s.Attrs {
			a := &s.Attrs[i]
			if a.Nested == nil {
				continue
			}
			label := map[bool]string{true: ` "LABEL"`}[a.Form == resource.Labelled]
			fmt.Fprintf(&b, "\n### %s%s%s { }\n\n%s\n", heading, a.Name, label, doc(a))
			if text := docs.types[a.Nested.Type.Name()]; !strings.HasPrefix(doc(a), cmp.Or(text, "-")) {
				fmt.Fprintf(&b, "\n%s\n", text)
			}
			if a.Name == "configuration" {
				b.WriteString("\n| attribute | type | |\n|---|---|---|\n")
				own := a.Nested.Attr("directories")
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n\nand all that stands at the top.\n", own.Name, typeWords(own), cell.Replace(docs.fields["Configuration.Directories"]))
				continue
			}
			write(a.Nested, heading+a.Name+": ")
		}
	}
	write(resource.SchemaOf(&policy.File{}), "")
	return b.String()
}

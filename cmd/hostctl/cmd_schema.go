package main

import (
	"flag"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"hostctl/docs"
	"hostctl/hcl"
	"hostctl/resource"
)

var schemaCommand = command{
	name: "schema", operands: "[BLOCK[.NAME]...]",
	summary: "Explain a block, an attribute or a function of the language; with -json all of it, for editors",
	details: `
-json prints one document: "blocks", each with "type", "labels", "doc", "attributes" and inner "blocks", and "functions".
An attribute has "type" (what is written: string, number, bool, size, duration, mode, prefix, address, reference, type or any),
"form" (single, list or map), "doc", "required", "default" where it has one, "chosen" where hostctl chooses what is not
set, "ref", the kind that a reference names, and "change", what changing it costs: live, reload, restart or replace.
"format_version" grows when a field goes or changes its meaning.`,
	example: "hostctl schema container\nhostctl schema container.limits.memory\nhostctl schema -json",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		asJSON := fs.Bool("json", false, "print one JSON document with the whole language")
		return func(c *cli, args []string) error {
			switch {
			case *asJSON && len(args) > 0:
				return fmt.Errorf("-json prints the whole language; leave %q out", args[0])
			case *asJSON:
				return c.printJSON(languageSchema(), "  ")
			case len(args) == 0:
				c.printLanguage(languageSchema())
				return nil
			}
			for _, name := range args {
				if err := c.explain(languageSchema(), name); err != nil {
					return err
				}
			}
			return nil
		}
	},
}

// schemaVersion is the version of the schema's JSON.
const schemaVersion = 1

// language is the whole of what can be written.
type language struct {
	FormatVersion int              `json:"format_version"`
	Version       string           `json:"hostctl_version"`
	Blocks        []blockSchema    `json:"blocks"`
	Functions     []functionSchema `json:"functions"`
}

// blockSchema is a block.
type blockSchema struct {
	Type   string   `json:"type"`
	Labels []string `json:"labels"` // what each label is
	// Kind says that it declares a resource, which others refer to as TYPE.LABEL.
	Kind       bool         `json:"kind,omitempty"`
	Doc        string       `json:"doc"`
	Attributes []attrSchema `json:"attributes"`
	// Open says that attributes of any other name may stand in it.
	Open   bool          `json:"open,omitempty"`
	Blocks []blockSchema `json:"blocks"`
}

// attrSchema is an attribute.
type attrSchema struct {
	Name     string  `json:"name"`
	Type     string  `json:"type"`
	Form     string  `json:"form"`
	Required bool    `json:"required,omitempty"`
	Default  *string `json:"default,omitempty"` // as text
	Chosen   bool    `json:"chosen,omitempty"`
	Secret   bool    `json:"secret,omitempty"`
	Ref      string  `json:"ref,omitempty"`
	Change   string  `json:"change,omitempty"`
	Doc      string  `json:"doc"`
}

// functionSchema is a function, with an example and its value.
type functionSchema struct {
	Name      string `json:"name"`
	Signature string `json:"signature"`
	Doc       string `json:"doc"`
	Example   string `json:"example"`
	Result    string `json:"result"`
}

// languageSchema puts the language together from its own blocks, the kinds and the functions.
func languageSchema() language {
	l := language{FormatVersion: schemaVersion, Version: version}
	for _, f := range hcl.Language() {
		l.Blocks = append(l.Blocks, blockOfField(f))
	}
	for _, kind := range kinds() {
		b := blockOf(resource.SchemaOf(kind.New()), kind.Name)
		b.Type, b.Labels, b.Kind = kind.Name, []string{"name"}, true
		b.takeIn(hcl.Everywhere())
		l.Blocks = append(l.Blocks, b)
	}
	for _, f := range hcl.Functions() {
		l.Functions = append(l.Functions, functionSchema{f.Name, f.Signature, f.Doc, f.Example, f.Result})
	}
	return l
}

// blockOfField is a block of the language's own.
func blockOfField(f hcl.Field) blockSchema {
	b := blockSchema{Type: f.Name, Labels: []string{}, Doc: f.Doc, Open: f.Free, Attributes: []attrSchema{}, Blocks: []blockSchema{}}
	if f.Label != "" {
		b.Labels = []string{strings.ToLower(f.Label)}
	}
	b.takeIn(f.Fields)
	return b
}

// fieldTypes are the types of the language's own attributes, and their forms.
var fieldTypes = map[string][2]string{
	"expression":         {"any", "single"},
	"address":            {"reference", "single"},
	"addresses":          {"reference", "list"},
	"list of attributes": {"any", "list"},
}

// takeIn adds attributes and blocks of the language's own.
func (b *blockSchema) takeIn(fields []hcl.Field) {
	for _, f := range fields {
		if f.Type == "" {
			b.Blocks = append(b.Blocks, blockOfField(f))
			continue
		}
		a := attrSchema{Name: f.Name, Type: f.Type, Form: "single", Required: f.Required, Doc: f.Doc}
		if t, ok := fieldTypes[f.Type]; ok {
			a.Type, a.Form = t[0], t[1]
		}
		if f.Default != "" {
			a.Default = &f.Default
		}
		b.Attributes = append(b.Attributes, a)
	}
}

// blockOf is the schema of a kind's struct, or of a block in it, at a path of the manual's.
func blockOf(s *resource.Schema, path string) blockSchema {
	b := blockSchema{Labels: []string{}, Doc: docs.Text(path), Attributes: []attrSchema{}, Blocks: []blockSchema{}}
	for i := range s.Attrs {
		a := &s.Attrs[i]
		at := path + "." + a.Name
		switch {
		case a.Internal:
		case a.Nested != nil:
			inner := blockOf(a.Nested, at)
			if inner.Type = a.Name; a.Form == resource.Labelled {
				inner.Labels = []string{"label"}
			}
			b.Blocks = append(b.Blocks, inner)
		default:
			b.Attributes = append(b.Attributes, attrOf(a, docs.Text(at)))
		}
	}
	return b
}

func attrOf(a *resource.Attr, doc string) attrSchema {
	out := attrSchema{
		Name: a.Name, Type: typeName(a.Type), Form: "single", Required: a.Required, Chosen: a.Computed,
		Secret: a.Secret, Ref: a.Ref, Change: a.Class.String(), Doc: doc,
	}
	if a.HasDef {
		out.Default = &a.Default
	}
	switch a.Form {
	case resource.List:
		out.Form = "list"
	case resource.Map:
		out.Type, out.Form = "string", "map"
	}
	if a.Ref != "" {
		out.Type = "reference"
	}
	return out
}

// typeName is the name of a value's type, for programs.
func typeName(t reflect.Type) string {
	switch t.String() {
	case "resource.Bytes":
		return "size"
	case "resource.Duration":
		return "duration"
	case "resource.Mode":
		return "mode"
	case "netip.Prefix":
		return "prefix"
	case "netip.Addr":
		return "address"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "bool"
	case reflect.String, reflect.Struct:
		return "string"
	default:
		return "number"
	}
}

// explain prints what a name of the language is: container, container.limits.memory, join.
func (c *cli) explain(l language, name string) error {
	var known []string
	for _, f := range l.Functions {
		if f.Name == name {
			fmt.Fprintf(c.stdout, "%s\n\n%s\n\n  %s\n  is %s\n", c.paint("1", f.Signature), strings.Join(wrap(f.Doc, c.width), "\n"), f.Example, f.Result)
			return nil
		}
		known = append(known, f.Name)
	}
	parts := strings.Split(name, ".")
	blocks := l.Blocks
	for i, part := range parts {
		at := slices.IndexFunc(blocks, func(b blockSchema) bool { return b.Type == part })
		path := strings.Join(parts[:i+1], ".")
		if at < 0 {
			for _, b := range blocks {
				known = append(known, b.Type)
			}
			return fmt.Errorf("the language has no %q%s (`hostctl schema` lists what it has)", path, hcl.DidYouMean(part, known))
		}
		b := blocks[at]
		if i == len(parts)-1 {
			c.printBlock(b, path)
			return nil
		}
		known, blocks = nil, b.Blocks
		for _, a := range b.Attributes {
			if a.Name == parts[i+1] && i+2 == len(parts) {
				c.printAttrs([]attrSchema{a})
				return nil
			}
			known = append(known, a.Name)
		}
	}
	return nil
}

func (c *cli) printLanguage(l language) {
	var rows [][]string
	for _, b := range l.Blocks {
		first, _, _ := strings.Cut(strings.ReplaceAll(b.Doc, "\n", " "), ". ")
		rows = append(rows, []string{"  " + b.Type, strings.TrimSuffix(first, ".")})
	}
	fmt.Fprintln(c.stdout, "Blocks:")
	c.table(rows)
	var names []string
	for _, f := range l.Functions {
		names = append(names, f.Name)
	}
	fmt.Fprintf(c.stdout, "\nFunctions:\n  %s\n", strings.Join(wrap(strings.Join(names, " "), c.width-2), "\n  "))
	fmt.Fprintf(c.stdout, "\n%s\n", strings.Join(wrap("`hostctl schema NAME` says more about each.", c.width), "\n"))
}

func (c *cli) printBlock(b blockSchema, path string) {
	labels := ""
	for _, l := range b.Labels {
		labels += " " + strings.ToUpper(l)
	}
	fmt.Fprintf(c.stdout, "%s\n\n%s\n", c.paint("1", b.Type+labels+" { }"), strings.Join(wrap(strings.ReplaceAll(b.Doc, "\n", " "), c.width), "\n"))
	if len(b.Attributes) > 0 {
		fmt.Fprintln(c.stdout)
		c.printAttrs(b.Attributes)
	}
	if len(b.Blocks) > 0 {
		fmt.Fprintln(c.stdout, "\nBlocks in it:")
		for _, inner := range b.Blocks {
			fmt.Fprintf(c.stdout, "  %s.%s\n", path, inner.Type)
		}
	}
}

func (c *cli) printAttrs(attrs []attrSchema) {
	for _, a := range attrs {
		words := a.Type
		switch {
		case a.Ref != "":
			words = "a " + a.Ref
		case a.Form == "map":
			words = "map of strings"
		}
		if a.Form == "list" {
			words = "list of " + strings.TrimPrefix(words, "a ") + "s"
		}
		for _, more := range []struct {
			is   bool
			text string
		}{{a.Required, "required"}, {a.Chosen, "chosen when unset"}, {a.Change != "", "a change is " + a.Change}} {
			if more.is {
				words += ", " + more.text
			}
		}
		if a.Default != nil {
			words += fmt.Sprintf(", default %q", *a.Default)
		}
		fmt.Fprintf(c.stdout, "  %s  %s\n      %s\n", c.paint("1", a.Name), words, strings.Join(wrap(a.Doc, c.width-6), "\n      "))
	}
}

package importer

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

var (
	lineOf = regexp.MustCompile(`(?:line |L)([0-9]+)`)
	pathOf = regexp.MustCompile(`\b(?:services|networks|volumes|configs|secrets|include)(?:\.[\w-]+)*`)
	nameOf = regexp.MustCompile(`"([\w.-]+)"`)
)

// locate makes an error of what compose-go said, with the line that it is of.
func (l *composeLoader) locate(err error) error {
	said := strings.TrimPrefix(err.Error(), "validating "+l.in.Path+": ")
	said = strings.TrimPrefix(said, "failed to parse "+l.in.Path+": ")
	said = strings.ReplaceAll(said, l.dir+string(filepath.Separator), "")
	e := &Error{File: l.in.Path, Summary: strings.Join(strings.Fields(said), " ")}
	if cwd, err := filepath.Abs("."); err == nil {
		if rel, err := filepath.Rel(cwd, l.in.Path); err == nil && filepath.IsLocal(rel) {
			e.File = rel
		}
	}
	if m := lineOf.FindStringSubmatch(said); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
	} else if m := pathOf.FindString(said); m != "" {
		e.Line = l.line(strings.Split(m, "."))
	}
	for _, m := range nameOf.FindAllStringSubmatch(said, 1) {
		if e.Line == 0 {
			e.Line = l.line([]string{"services", m[1]})
		}
	}
	if len(l.unset) > 0 {
		e.Summary += fmt.Sprintf(" (not set: %s; write them into .env beside the file, or give -env)",
			strings.Join(slices.Sorted(maps.Keys(l.unset)), ", "))
	}
	return e
}

// line is where the nearest part of a path stands; 0 where none does.
func (l *composeLoader) line(path []string) int {
	n, at := l.tree, 0
	if n != nil && len(n.Content) > 0 {
		n = n.Content[0]
	}
	for _, p := range path {
		key, value := child(n, p)
		if key == nil {
			break
		}
		n, at = value, key.Line
	}
	return at
}

// child finds an entry of a mapping, or an element of a list.
func child(n *yaml.Node, name string) (key, value *yaml.Node) {
	if n == nil {
		return nil, nil
	}
	switch n.Kind {
	case yaml.AliasNode:
		return child(n.Alias, name)
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == name {
				return n.Content[i], n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i], n.Content[i]
		}
	}
	return nil, nil
}

// order sorts names as they stand in a section of the file; what other files add comes behind.
func (l *composeLoader) order(section string, names []string) []string {
	slices.Sort(names)
	slices.SortStableFunc(names, func(a, b string) int {
		la, lb := l.line([]string{section, a}), l.line([]string{section, b})
		return la - lb
	})
	return names
}

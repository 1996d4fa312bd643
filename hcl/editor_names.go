package hcl

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"hostctl/resource"
)

// world is the text of a directory, and of the modules that came with it, as an editor's question sees it.
type world struct {
	kinds       resource.Kinds
	files       []*outline
	root        *shape
	occurrences []occurrence
	sources     *Sources
	needs       []string // of the repository, see Sources.Supply
}

// key is what a name means, whichever place it stands at.
type key struct {
	dir  string // of the files that share names
	kind string // var, local, output, module, or a kind of resource
	name string
}

// occurrence is one place where a name stands.
type occurrence struct {
	key  key
	file *outline
	at   span
	def  bool     // it is declared here
	in   *section // of a declaration: the block; of an attribute's, the block around
	of   *entry   // of a local's declaration
}

func newWorld(sources Sources, kinds resource.Kinds) *world {
	w := &world{kinds: kinds, sources: &sources}
	w.root = w.top()
	var tops []string
	for _, x := range w.root.slots {
		tops = append(tops, x.name)
	}
	home := sources.home()
	for _, f := range sources.Files {
		out := w.outlineOf(f, tops)
		out.dir = home
		w.files = append(w.files, out)
	}
	for _, f := range sources.Tree {
		if isConfiguration(path.Base(f.Name)) {
			out := w.outlineOf(f, tops)
			out.dir = path.Dir(path.Clean(f.Name))
			w.files = append(w.files, out)
		}
	}
	for _, f := range w.files {
		w.declarations(f)
	}
	// What a module's attributes mean depends on where modules are declared.
	for _, f := range w.files {
		w.mentions(f)
	}
	for _, f := range slices.Concat(sources.AutoFiles, sources.VarFiles) {
		out := outlineOf(f, nil)
		out.dir = home
		w.files = append(w.files, out)
		for _, e := range out.body.attrs {
			w.add(key{home, "var", e.text}, out, e.at)
		}
	}
	return w
}

func (w *world) outlineOf(f File, tops []string) *outline {
	if isJSON(f.Name) {
		return outlineOfJSON(f, w.kinds)
	}
	return outlineOf(f, tops)
}

func (w *world) add(k key, f *outline, at span) {
	w.occurrences = append(w.occurrences, occurrence{key: k, file: f, at: at})
}

func (w *world) isKind(name string) bool { _, ok := w.kinds.Lookup(name); return ok }

func (w *world) declarations(f *outline) {
	dir := f.dir
	for _, s := range f.body.blocks {
		kind := s.text
		switch {
		case kind == "locals":
			for _, e := range s.attrs {
				w.occurrences = append(w.occurrences, occurrence{key{dir, "local", e.text}, f, e.at, true, s, e})
			}
			continue
		case kind == "variable":
			kind = "var"
		case kind == "output", kind == "module", kind == "check", w.isKind(kind):
		default:
			continue
		}
		if len(s.labels) == 1 {
			w.occurrences = append(w.occurrences, occurrence{key{dir, kind, s.labels[0].text}, f, s.labels[0].at, true, s, nil})
		}
	}
}

func (w *world) mentions(f *outline) {
	dir := f.dir
	for _, m := range f.mentions {
		if !m.call {
			w.mention(dir, f, m.steps)
		}
	}
	for _, s := range f.body.blocks {
		if s.text != "module" {
			continue
		}
		if module, ok := w.moduleDir(s); ok {
			w.need(module + "/")
			for _, e := range s.attrs {
				if fieldOf("module."+e.text) == nil {
					w.add(key{module, "var", e.text}, f, e.at)
				}
			}
		}
	}
}

// mention adds what the parts of a name mean, from the left.
func (w *world) mention(dir string, f *outline, steps []word) {
	for len(steps) > 1 && !steps[1].key {
		root, name := steps[0].text, steps[1]
		switch {
		case root == "var", root == "local", w.isKind(root):
			w.add(key{dir, root, name.text}, f, name.at)
			return
		case root != "module":
			return
		}
		w.add(key{dir, "module", name.text}, f, name.at)
		rest := steps[2:]
		if len(rest) > 0 && rest[0].key {
			rest = rest[1:]
		}
		def := w.definition(key{dir, "module", name.text})
		if def == nil || len(rest) == 0 || rest[0].key {
			return
		}
		inner, ok := w.moduleDir(def.in)
		if !ok {
			return
		}
		if rest[0].text != "module" && (!w.isKind(rest[0].text) || len(rest) == 1) {
			w.add(key{inner, "output", rest[0].text}, f, rest[0].at)
			return
		}
		dir, steps = inner, rest // an address within the module
	}
}

// definition returns where a name is declared, or nil.
func (w *world) definition(k key) *occurrence {
	for i := range w.occurrences {
		if o := &w.occurrences[i]; o.def && o.key == k {
			return o
		}
	}
	return nil
}

// names are the names of a kind that are declared in a directory.
func (w *world) names(dir, kind string) (list []*occurrence) {
	seen := map[string]bool{}
	for i := range w.occurrences {
		if o := &w.occurrences[i]; o.def && o.key.dir == dir && o.key.kind == kind && !seen[o.key.name] {
			seen[o.key.name] = true
			list = append(list, o)
		}
	}
	return list
}

// moduleDir is the directory that a module block names, as the files' names spell it.
func (w *world) moduleDir(s *section) (string, bool) {
	f := w.fileOf(s)
	e := s.attr("source")
	if f == nil || e == nil {
		return "", false
	}
	source, ok := strings.CutPrefix(strings.TrimSpace(w.source(f, e.expr)), `"`)
	source, closed := strings.CutSuffix(source, `"`)
	if !ok || !closed || source == "" || strings.ContainsAny(source, "\"$%\\") || path.IsAbs(source) {
		return "", false
	}
	return path.Join(f.dir, source), true
}

// need asks for a part of the repository that was not read yet.
func (w *world) need(name string) {
	const most = 1000
	if len(w.needs) < most && filepath.IsLocal(name) && !w.sources.has(name) && !slices.Contains(w.needs, name) {
		w.needs = append(w.needs, name)
	}
}

// fileOf is the file that a section stands in.
func (w *world) fileOf(s *section) *outline {
	for s.parent != nil {
		s = s.parent
	}
	i := slices.IndexFunc(w.files, func(f *outline) bool { return f.body == s })
	if i < 0 {
		return nil
	}
	return w.files[i]
}

func (w *world) file(name string) *outline {
	i := slices.IndexFunc(w.files, func(f *outline) bool { return f.file == name })
	if i < 0 {
		return nil
	}
	return w.files[i]
}

func (w *world) source(f *outline, at span) string { return string(f.text[at.start:at.end]) }

// occurrence returns the name at an offset.
func (w *world) occurrence(f *outline, at int) *occurrence {
	for i := range w.occurrences {
		if o := &w.occurrences[i]; o.file == f && o.at.holds(at) {
			return o
		}
	}
	return nil
}

// references are the places of a name, that of its declaration first.
func (w *world) references(k key) (places []Place) {
	for _, def := range []bool{true, false} {
		for _, o := range w.occurrences {
			if o.key == k && o.def == def {
				places = append(places, Place{File: o.file.file, Start: o.at.start, End: o.at.end, Declared: o.def})
			}
		}
	}
	return places
}

// rename finds the places to change, or says why a name cannot be another.
func (w *world) rename(o *occurrence, to string) (places []Place, refused string) {
	if w.definition(o.key) == nil {
		return nil, fmt.Sprintf("%q is not declared in this directory.", o.key.name)
	}
	if to != "" {
		switch {
		case w.isKind(o.key.kind) || o.key.kind == "module":
			if err := resource.CheckName(to); err != nil {
				return nil, fmt.Sprintf("%q is no name for a %s: %s", to, o.key.kind, sentenceOf(err))
			}
			if o.key.kind == "module" && !hclsyntax.ValidIdentifier(to) {
				return nil, fmt.Sprintf("%q is no name for a module: module.NAME could not be written.", to)
			}
		case !hclsyntax.ValidIdentifier(to):
			return nil, fmt.Sprintf("%q is no name: a name begins with a letter or an underscore and holds letters, digits, underscores and hyphens.", to)
		}
		if to != o.key.name && w.definition(key{o.key.dir, o.key.kind, to}) != nil {
			return nil, fmt.Sprintf("There is a %s %q already.", strings.Replace(o.key.kind, "var", "variable", 1), to)
		}
	}
	return w.references(o.key), ""
}

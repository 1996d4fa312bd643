package lsp

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hostctl/hcl"
)

// document is an open buffer. It is replaced as a whole by each change.
type document struct {
	uri     string
	dir     string // of the file, without symbolic links where there is such a directory
	name    string // of the file in dir
	version int
	text    *text
}

func (d *document) path() string { return filepath.Join(d.dir, d.name) }

// Limits on open buffers.
const (
	maxDocuments = 1000
	maxBuffers   = 128 << 20 // bytes of all of them
)

// pathOf returns the absolute path that a URI of a file names.
func pathOf(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" || u.Host != "" && u.Host != "localhost" {
		return "", false
	}
	if !filepath.IsAbs(u.Path) || strings.ContainsRune(u.Path, 0) {
		return "", false
	}
	return filepath.Clean(u.Path), true
}

// uriOf is the URI of a file.
func uriOf(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

// realDir is a directory without symbolic links on the way to it, or as it is where there is none.
func realDir(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// folders are the directories that the client opened, without symbolic links.
type folders []string

func (f folders) add(path string) folders {
	if real := realDir(path); !slices.Contains(f, real) {
		return append(slices.Clip(f), real)
	}
	return f
}

func (f folders) remove(path string) folders {
	real := realDir(path)
	return slices.DeleteFunc(slices.Clone(f), func(x string) bool { return x == real })
}

// over returns the folder that a directory stands in, the outermost one, after
// every symbolic link on the way to it was followed; "" if it stands in none.
func (f folders) over(dir string) string {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return ""
	}
	found := ""
	for _, root := range f {
		rel, err := filepath.Rel(root, real)
		if err == nil && filepath.IsLocal(rel) && (found == "" || len(root) < len(found)) {
			found = root
		}
	}
	return found
}

// snapshot is what a question is asked of: a directory's files with the
// buffers laid over them. It is not modified.
type snapshot struct {
	dir     string
	tree    []string             // what of the repository was read the last time
	open    map[string]*document // by path
	folders folders
	options Options
}

// sources reads the directory, and of the repository what was read the last
// time. A directory outside of the folders is not looked at: it is its open buffers.
func (s *snapshot) sources() (hcl.Sources, hcl.Diagnostics) {
	// Without a directory nothing is read from beside or below it either.
	var sources hcl.Sources
	var diags hcl.Diagnostics
	if root := s.folders.over(s.dir); root != "" {
		if r := s.options.Root; r != "" {
			if rel, err := filepath.Rel(r, s.dir); err == nil && filepath.IsLocal(rel) {
				root = r
			}
		}
		var varFiles []string
		for _, name := range s.options.VarFiles {
			if !filepath.IsAbs(name) {
				name = filepath.Join(s.dir, name)
			}
			if _, err := os.Lstat(name); err == nil {
				varFiles = append(varFiles, name)
			}
		}
		sources, diags = hcl.ReadDir(s.dir, root, varFiles)
		if len(s.tree) > 0 {
			sources.Supply(s.tree)
		}
	}
	// What a buffer replaces need not be readable, and a directory without
	// configuration may have its first one unsaved.
	diags = slices.DeleteFunc(diags, func(d hcl.Diagnostic) bool {
		return s.open[filepath.Join(s.dir, d.File)] != nil || d.File == "" && len(sources.Files) == 0
	})
	for _, doc := range s.open {
		if doc.dir != s.dir || !hcl.IsConfiguration(doc.name) {
			continue
		}
		i, found := slices.BinarySearchFunc(sources.Files, doc.name, func(f hcl.File, name string) int { return cmp.Compare(f.Name, name) })
		if !found {
			sources.Files = slices.Insert(sources.Files, i, hcl.File{Name: doc.name})
		}
	}
	s.overlay(&sources)
	return sources, diags
}

// overlay puts the buffers in place of what was read. It reports whether one differs.
func (s *snapshot) overlay(sources *hcl.Sources) bool {
	changed := false
	paths := s.paths(sources)
	for _, list := range []*[]hcl.File{&sources.Files, &sources.AutoFiles, &sources.VarFiles, &sources.Tree} {
		*list = slices.Clone(*list)
		for i, f := range *list {
			if doc := s.open[paths[f.Name]]; doc != nil && string(doc.text.bytes) != string(f.Text) {
				(*list)[i].Text, changed = doc.text.bytes, true
			}
		}
	}
	return changed
}

// paths are the absolute paths of the sources' files, by their names.
func (s *snapshot) paths(sources *hcl.Sources) map[string]string {
	paths := map[string]string{}
	for _, f := range sources.Tree {
		paths[f.Name] = filepath.Join(cmp.Or(sources.Root, sources.Dir), f.Name)
	}
	for _, f := range slices.Concat(sources.Files, sources.AutoFiles, sources.VarFiles) {
		paths[f.Name] = f.Name
		if !filepath.IsAbs(f.Name) {
			paths[f.Name] = filepath.Join(s.dir, f.Name)
		}
	}
	return paths
}

func allFiles(s *hcl.Sources) []hcl.File {
	return slices.Concat(s.Files, s.AutoFiles, s.VarFiles, s.Tree)
}

// treeOf are the names that [hcl.Sources.Supply] takes to read the same again:
// of a module its directory, in which files come and go.
func treeOf(sources *hcl.Sources) (names []string) {
	dirs := map[string]bool{}
	for _, f := range sources.Tree {
		if strings.HasSuffix(f.Name, "/") {
			dirs[filepath.Clean(f.Name)] = true
			names = append(names, f.Name)
		}
	}
	for _, f := range sources.Tree {
		if !strings.HasSuffix(f.Name, "/") && !(dirs[filepath.Dir(filepath.Clean(f.Name))] && hcl.IsConfiguration(filepath.Base(f.Name))) {
			names = append(names, f.Name)
		}
	}
	return names
}

// uri is how the client calls the file of a path.
func (s *snapshot) uri(path string) string {
	if doc := s.open[path]; doc != nil {
		return doc.uri
	}
	return uriOf(path)
}

// textOf is the text of a file of the sources.
func textOf(sources *hcl.Sources, name string) *text {
	for _, f := range allFiles(sources) {
		if f.Name == name {
			return newText(f.Text)
		}
	}
	return newText(nil)
}

// admit says why a buffer is not taken.
func (s *server) admit(doc *document) error {
	total := len(doc.text.bytes)
	for uri, d := range s.documents {
		if uri != doc.uri {
			total += len(d.text.bytes)
		}
	}
	switch {
	case len(doc.text.bytes) > hcl.MaxFileBytes:
		return fmt.Errorf("%s is too long: a file has at most %d MiB", doc.name, hcl.MaxFileBytes>>20)
	case len(s.documents) >= maxDocuments && s.documents[doc.uri] == nil, total > maxBuffers:
		return fmt.Errorf("%s is not looked at: too much is open", doc.name)
	}
	return nil
}

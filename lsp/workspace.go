package lsp

import (
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
	dir     string // of the file
	name    string // of the file in dir
	version int
	text    *text
}

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

// folders are the directories that the client opened, without symbolic links.
type folders []string

func (f folders) add(path string) folders {
	if real, err := filepath.EvalSymlinks(path); err == nil && !slices.Contains(f, real) {
		return append(slices.Clip(f), real)
	}
	return f
}

func (f folders) remove(path string) folders {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	return slices.DeleteFunc(slices.Clone(f), func(x string) bool { return x == real })
}

// holds reports whether a directory is in one of the folders, also after
// every symbolic link on the way to it was followed.
func (f folders) holds(dir string) bool {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(f, func(root string) bool {
		rel, err := filepath.Rel(root, real)
		return err == nil && filepath.IsLocal(rel)
	})
}

// snapshot is what a question is asked of: a directory's files with the
// buffers laid over them. It is not modified.
type snapshot struct {
	dir     string
	open    map[string]*document // by the file's name in the sources
	folders folders
	options Options
}

// sources reads the directory. A directory outside of the folders is not looked at: it is its open buffers.
func (s *snapshot) sources() (hcl.Sources, hcl.Diagnostics) {
	sources := hcl.Sources{Dir: s.dir}
	var diags hcl.Diagnostics
	if s.folders.holds(s.dir) {
		var varFiles []string
		for _, name := range s.options.VarFiles {
			if !filepath.IsAbs(name) {
				name = filepath.Join(s.dir, name)
			}
			if _, err := os.Lstat(name); err == nil {
				varFiles = append(varFiles, name)
			}
		}
		sources, diags = hcl.ReadDir(s.dir, "", varFiles)
	}
	// What a buffer replaces need not be readable, and a directory without
	// configuration may have its first one unsaved.
	diags = slices.DeleteFunc(diags, func(d hcl.Diagnostic) bool {
		return s.open[d.File] != nil || d.File == "" && len(s.open) > 0 && len(sources.Files) == 0
	})
	for name, doc := range s.open {
		f := hcl.File{Name: name, Text: doc.text.bytes}
		i, found := slices.BinarySearchFunc(sources.Files, name, func(f hcl.File, name string) int { return strings.Compare(f.Name, name) })
		switch {
		case found:
			sources.Files[i] = f
		case isConfiguration(name):
			sources.Files = slices.Insert(sources.Files, i, f)
		}
	}
	for i, f := range sources.VarFiles {
		if doc := s.open[filepath.Base(f.Name)]; doc != nil && filepath.Join(doc.dir, doc.name) == f.Name {
			sources.VarFiles[i].Text = doc.text.bytes
		}
	}
	return sources, diags
}

// isConfiguration reports whether a file stands in the directory itself and is read.
func isConfiguration(name string) bool {
	return !strings.Contains(name, "/") && strings.HasSuffix(name, ".hcl") && name != hcl.LockFile && !strings.HasPrefix(name, ".")
}

// path is the absolute path of a file of the sources.
func (s *snapshot) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.dir, name)
}

// uri is how the client calls a file of the sources.
func (s *snapshot) uri(name string) string {
	if doc := s.open[name]; doc != nil {
		return doc.uri
	}
	return uriOf(s.path(name))
}

// textOf is the text of a file of the sources.
func textOf(sources hcl.Sources, name string) *text {
	for _, list := range [][]hcl.File{sources.Files, sources.VarFiles} {
		for _, f := range list {
			if f.Name == name {
				return newText(f.Text)
			}
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

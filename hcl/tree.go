package hcl

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"
)

// MaxSourceBytes is the most bytes of one file that a source or template attribute names.
const MaxSourceBytes = 1 << 20

// Supply reads what a configuration needs ([Config.Needs]) and adds it to
// Tree; what cannot be read is added to Unread with the reason. Every path is
// opened beneath Root, without following any symbolic link, and only regular files are read.
func (s *Sources) Supply(needs []string) {
	r, err := openTree(s)
	if err != nil {
		for _, name := range needs {
			s.Unread = append(s.Unread, Unread{name, sentenceOf(err)})
		}
		return
	}
	defer r.root.Close()
	for _, name := range needs {
		if s.has(name) {
			continue
		}
		if err := r.supply(name); err != nil {
			s.Unread = append(s.Unread, Unread{name, sentenceOf(err)})
		}
	}
	s.Tree = r.files
	slices.SortFunc(s.Tree, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	s.Ignored = slices.DeleteFunc(slices.Clone(s.Ignored), func(name string) bool {
		at := path.Join(s.home(), name)
		return slices.ContainsFunc(s.Tree, func(f File) bool {
			clean := path.Clean(f.Name)
			return clean == at || strings.HasPrefix(clean, at+"/")
		})
	})
}

// ReadAgain reads a configuration that was read before: as ReadDir, and of the
// repository what Sources.Tree held, by its names. Of a module's directory all files are read,
// also those that are new.
func ReadAgain(dir, root string, varFiles, tree []string) (Sources, Diagnostics) {
	s, diags := ReadDir(dir, root, varFiles)
	if diags.HasErrors() {
		return s, diags
	}
	var dirs, files []string
	for _, name := range tree {
		if strings.HasSuffix(name, "/") {
			dirs = append(dirs, name)
		} else {
			files = append(files, name)
		}
	}
	s.Supply(dirs)
	// Files of a module that are gone are missing in Tree, which the digest tells.
	files = slices.DeleteFunc(files, func(name string) bool {
		return slices.ContainsFunc(s.Tree, func(f File) bool {
			return f.Name == name || f.Name == path.Dir(path.Clean(name))+"/" && isConfiguration(path.Base(name))
		})
	})
	s.Supply(files)
	for _, u := range s.Unread {
		diags = append(diags, Diagnostic{Severity: Error, File: u.Name, Summary: "File cannot be read", Detail: u.Reason})
	}
	return s, diags
}

// treeReader reads files beneath a root.
type treeReader struct {
	root  *os.Root
	files []File
	text  int // bytes of configuration, all of it
	bulk  int // bytes of files of source and template attributes
	home  string
}

func openTree(s *Sources) (*treeReader, error) {
	root, err := os.OpenRoot(cmp.Or(s.Root, s.Dir))
	if err != nil {
		return nil, plainError(err)
	}
	r := &treeReader{root: root, files: slices.Clone(s.Tree), home: s.home()}
	for _, list := range [][]File{s.Files, s.AutoFiles, s.VarFiles} {
		for _, f := range list {
			r.text += len(f.Text)
		}
	}
	for _, f := range s.Tree {
		r.account(f)
	}
	return r, nil
}

func (r *treeReader) account(f File) {
	if isConfiguration(path.Base(f.Name)) {
		r.text += len(f.Text)
	} else {
		r.bulk += len(f.Text)
	}
}

// supply reads one file, or the configuration of one directory.
func (r *treeReader) supply(name string) error {
	clean := path.Clean(name)
	if !filepath.IsLocal(clean) || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return errors.New("it is no path within the repository")
	}
	if len(r.files) >= MaxFiles {
		return fmt.Errorf("a configuration has at most %d files", MaxFiles)
	}
	if strings.HasSuffix(name, "/") {
		return r.supplyDir(clean)
	}
	dir, err := r.open(path.Dir(clean))
	if err != nil {
		return err
	}
	defer dir.Close()
	return r.read(dir, name)
}

func (r *treeReader) supplyDir(clean string) error {
	dir, err := r.open(path.Dir(clean))
	if err != nil {
		return err
	}
	defer dir.Close()
	if clean != "." {
		inner, err := openStep(dir, path.Base(clean))
		if err != nil {
			return err
		}
		defer inner.Close()
		dir = inner
	}
	f, err := dir.Open(".")
	if err != nil {
		return plainError(err)
	}
	defer f.Close()
	entries, err := f.ReadDir(MaxFiles + 1)
	if err != nil && err != io.EOF {
		return plainError(err)
	}
	if len(entries) > MaxFiles {
		return fmt.Errorf("more than %d files are in it", MaxFiles)
	}
	before := len(r.files)
	for _, entry := range entries {
		if !isConfiguration(entry.Name()) || entry.IsDir() {
			continue
		}
		name := path.Join(clean, entry.Name())
		if clean == "." && r.home != "." {
			name = "./" + name
		}
		if !utf8.ValidString(name) {
			return errors.New("the name of a file in it is not UTF-8")
		}
		if err := r.read(dir, name); err != nil {
			r.files = r.files[:before]
			return fmt.Errorf("%s: %w", entry.Name(), err)
		}
	}
	if len(r.files) == before && !slices.ContainsFunc(r.files, func(f File) bool { return path.Dir(path.Clean(f.Name)) == clean }) {
		return errors.New("there is no *.hcl file in it")
	}
	r.files = append(r.files, File{Name: clean + "/"})
	return nil
}

// read reads a file of a directory and adds it, if it is not there.
func (r *treeReader) read(dir *os.Root, name string) error {
	if slices.ContainsFunc(r.files, func(f File) bool { return f.Name == name }) {
		return nil
	}
	limit := min(MaxSourceBytes, MaxBytes-r.bulk)
	if isConfiguration(path.Base(name)) {
		limit = min(MaxFileBytes, MaxBytes-r.text)
	}
	text, err := readIn(dir, path.Base(name), limit)
	if err != nil {
		return err
	}
	f := File{Name: name, Text: text}
	r.account(f)
	r.files = append(r.files, f)
	return nil
}

// open opens a directory beneath the root step by step. That each step is the
// directory that was looked at, and no symbolic link in its place, is compared afterwards.
func (r *treeReader) open(clean string) (*os.Root, error) {
	dir, err := r.root.OpenRoot(".")
	if err != nil {
		return nil, plainError(err)
	}
	if clean == "." {
		return dir, nil
	}
	for step := range strings.SplitSeq(clean, "/") {
		next, err := openStep(dir, step)
		dir.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", step, err)
		}
		dir = next
	}
	return dir, nil
}

func openStep(dir *os.Root, step string) (*os.Root, error) {
	seen, err := dir.Lstat(step)
	if err != nil {
		return nil, plainError(err)
	}
	switch {
	case seen.Mode()&os.ModeSymlink != 0:
		return nil, errors.New("it is a symbolic link; put the directory itself here")
	case !seen.IsDir():
		return nil, errors.New("it is no directory")
	}
	next, err := dir.OpenRoot(step)
	if err != nil {
		return nil, plainError(err)
	}
	opened, err := next.Stat(".")
	if err != nil || !os.SameFile(seen, opened) {
		next.Close()
		return nil, errors.New("it changed while it was read")
	}
	return next, nil
}

// readIn reads a regular file of a directory, of at most limit bytes.
func readIn(dir *os.Root, name string, limit int) ([]byte, error) {
	seen, err := dir.Lstat(name)
	if err != nil {
		return nil, plainError(err)
	}
	switch {
	case seen.Mode()&os.ModeSymlink != 0:
		return nil, errors.New("it is a symbolic link; put the file itself here")
	case seen.IsDir():
		return nil, errors.New("it is a directory, and a file is wanted")
	case !seen.Mode().IsRegular():
		return nil, errors.New("it is no regular file")
	}
	f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, plainError(err)
	}
	defer f.Close()
	opened, err := f.Stat()
	if err != nil || !os.SameFile(seen, opened) || !opened.Mode().IsRegular() {
		return nil, errors.New("it changed while it was read")
	}
	text, err := io.ReadAll(io.LimitReader(f, int64(max(limit, 0))+1))
	if err != nil {
		return nil, plainError(err)
	}
	if len(text) > limit {
		if isConfiguration(name) {
			return nil, fmt.Errorf("it is too long: a file has at most %d MiB, and a configuration %d MiB in all", MaxFileBytes>>20, MaxBytes>>20)
		}
		return nil, fmt.Errorf("it is too long: a file of a source or template has at most %d MiB, and all of them %d MiB", MaxSourceBytes>>20, MaxBytes>>20)
	}
	return text, nil
}

// plainError is the reason of an error, without the path that the caller names.
func plainError(err error) error {
	if pathErr := (*os.PathError)(nil); errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

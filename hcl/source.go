package hcl

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"
)

// Limits on what is read. A configuration of 10,000 containers is 6 MB.
const (
	MaxFileBytes = 8 << 20  // of one file
	MaxBytes     = 16 << 20 // of all files together
	MaxFiles     = 10_000
)

// LockFile is the image lock, which is never configuration.
const LockFile = "hostctl.lock.hcl"

// autoSuffix ends the names of files whose variables are read without being asked for.
const autoSuffix = ".auto.hclvars"

// File is one file's name and text.
type File struct {
	Name string `json:"name"` // relative to the configuration's directory; as given for a -var-file
	Text []byte `json:"text"`
}

// Sources is the text of one configuration.
type Sources struct {
	Dir string `json:"dir"`
	// Place is where Dir was when it was opened, by its real path; "" where that is not known. All of Files and AutoFiles was read
	// from there, whatever has come to stand at Dir since.
	Place string `json:"-"`
	// Root is the repository's root, which Dir stands below: no module and no file
	// is read from outside of it. "" is Dir itself.
	Root string `json:"root,omitempty"`
	// Files are the directory's *.hcl files, sorted by name.
	Files []File `json:"files"`
	// AutoFiles are the directory's *.auto.hclvars files, sorted by name.
	AutoFiles []File `json:"auto_files,omitempty"`
	// VarFiles are the files of -var-file, in the order given; a later one wins.
	VarFiles []File `json:"var_files,omitempty"`
	// Tree is what else of the repository the configuration refers to, by names
	// relative to Root, sorted: the files of its modules, the files of source and template
	// attributes, and, with a slash at the end and no text, the directories of modules.
	Tree []File `json:"tree,omitempty"`
	// Unread is what the configuration refers to and what could not be read.
	Unread []Unread `json:"unread,omitempty"`
	// Ignored are the names in the directory, hidden ones and the image lock
	// apart, that are no configuration and that nothing in it refers to.
	Ignored []string `json:"ignored,omitempty"`
}

// Unread is a file or directory that could not be read.
type Unread struct {
	Name   string `json:"name"`   // as in Sources.Tree
	Reason string `json:"reason"` // a sentence
}

// isConfiguration reports whether a file of this name in a directory is configuration.
func isConfiguration(name string) bool {
	return (strings.HasSuffix(name, ".hcl") || isJSON(name)) && name != LockFile && !strings.HasPrefix(name, ".")
}

// ReadDir reads the configuration of a directory: its *.hcl files, not
// recursively, its *.auto.hclvars and the variable files. root is the
// repository's root, "" the directory itself; nothing else of it is read yet.
// Only regular files are read, a symbolic
// link is refused. Every problem is reported, not only the first.
func ReadDir(dir, root string, varFiles []string) (Sources, Diagnostics) {
	s := Sources{Dir: dir, Root: root}
	var diags Diagnostics
	fail := func(name, summary, detail string) {
		diags = append(diags, Diagnostic{Severity: Error, File: name, Summary: summary, Detail: detail})
	}
	if home := s.home(); home == ".." || strings.HasPrefix(home, "../") {
		fail("", "Configuration is not in the repository", fmt.Sprintf("%s does not stand below %s, which -root names.", dir, root))
		return s, diags
	}
	opened, entries, err := openDir(dir)
	if err != nil {
		fail("", "Configuration directory cannot be read", sentenceOf(err))
		return s, diags
	}
	defer opened.Close()
	s.Place = opened.place
	total := 0
	read := func(path, name string) (File, bool) {
		if !utf8.ValidString(name) {
			fail(name, "File cannot be read", "Its name is not UTF-8.")
			return File{}, false
		}
		text, err := readRegular(path, min(MaxFileBytes, MaxBytes-total))
		total += len(text)
		if err != nil {
			fail(name, "File cannot be read", sentenceOf(err))
			return File{}, false
		}
		return File{Name: name, Text: text}, true
	}
	for _, entry := range entries {
		name := entry.Name()
		auto := strings.HasSuffix(name, autoSuffix) && !entry.IsDir()
		switch {
		case name == LockFile || strings.HasPrefix(name, "."):
		case !auto && (!isConfiguration(name) || entry.IsDir()):
			s.Ignored = append(s.Ignored, name)
		case len(s.Files)+len(s.AutoFiles) == MaxFiles:
			fail("", "Too many files", fmt.Sprintf("A configuration has at most %d files.", MaxFiles))
			return s, diags.sorted()
		default:
			f, ok := read(opened.path(name), name)
			switch {
			case !ok:
			case auto:
				s.AutoFiles = append(s.AutoFiles, f)
			default:
				s.Files = append(s.Files, f)
			}
		}
	}
	for _, name := range varFiles {
		if f, ok := read(name, name); ok {
			s.VarFiles = append(s.VarFiles, f)
			s.Ignored = slices.DeleteFunc(s.Ignored, func(ignored string) bool {
				return filepath.Clean(filepath.Join(dir, ignored)) == filepath.Clean(name)
			})
		}
	}
	if len(s.Files) == 0 && len(diags) == 0 {
		fail("", "No configuration", fmt.Sprintf("There is no *.hcl file in %s. \"hostctl init\" writes a first one; -chdir names another directory.", dir))
	}
	return s, diags.sorted()
}

// openedDir is a directory that stays the same, whatever is done to its name.
type openedDir struct {
	*os.File
	place string // where it was when it was opened
}

// self leads to it and to nothing else, see proc_pid_fd(5).
func (d openedDir) self() string { return fmt.Sprintf("/proc/self/fd/%d", d.Fd()) }

// path is that of a file in it.
func (d openedDir) path(name string) string { return d.self() + "/" + name }

// openDir opens a directory, and lists it in the order of names.
func openDir(dir string) (openedDir, []os.DirEntry, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return openedDir{}, nil, err
	}
	d := openedDir{File: f}
	entries, err := f.ReadDir(-1)
	if err == nil {
		d.place, err = os.Readlink(d.self())
	}
	if err != nil {
		f.Close()
		return openedDir{}, nil, err
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return d, entries, nil
}

// home is the configuration's directory relative to the repository's root.
func (s *Sources) home() string {
	if s.Root == "" {
		return "."
	}
	rel, err := filepath.Rel(s.Root, s.Dir)
	if err != nil {
		return ".."
	}
	return filepath.ToSlash(rel)
}

// readRegular reads a regular file of at most limit bytes. It never waits: a
// FIFO opened without O_NONBLOCK would.
func readRegular(path string, limit int) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, errors.New("it is a symbolic link; put the file itself here")
	}
	if errors.Is(err, syscall.ENXIO) { // a socket, or a device that nothing drives
		return nil, errors.New("it is no regular file")
	}
	if err != nil {
		return nil, plainError(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	text, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(text) > limit {
		return nil, fmt.Errorf("it is too long: a file has at most %d MiB, and a configuration %d MiB in all", MaxFileBytes>>20, MaxBytes>>20)
	}
	return text, nil
}

// Digest is the sha256, in hexadecimal, over the names and texts of all files.
// The directory's own name is not in it.
func (s Sources) Digest() string {
	h := sha256.New()
	part := func(b []byte) {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(b))))
		h.Write(b)
	}
	lists := [][]File{s.Files, s.VarFiles}
	if len(s.AutoFiles)+len(s.Tree) > 0 {
		lists = append(lists, s.AutoFiles, s.Tree)
	}
	for _, list := range lists {
		part(fmt.Append(nil, len(list)))
		for _, f := range list {
			part([]byte(f.Name))
			part(f.Text)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// text returns the text of a file by its name; nil if there is none.
func (s *Sources) text(name string) []byte {
	for _, list := range [][]File{s.Files, s.AutoFiles, s.VarFiles, s.Tree} {
		for i := range list {
			if list[i].Name == name {
				return list[i].Text
			}
		}
	}
	return nil
}

// has reports whether a part of the repository was read, or could not be.
func (s *Sources) has(name string) bool {
	return slices.ContainsFunc(s.Tree, func(f File) bool { return f.Name == name }) ||
		slices.ContainsFunc(s.Unread, func(u Unread) bool { return u.Name == name })
}

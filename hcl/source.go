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

// File is one file's name and text.
type File struct {
	Name string `json:"name"` // relative to the configuration's directory; as given for a -var-file
	Text []byte `json:"text"`
}

// Sources is the text of one configuration.
type Sources struct {
	Dir string `json:"dir"`
	// Files are the directory's *.hcl files, sorted by name.
	Files []File `json:"files"`
	// VarFiles are the files of -var-file, in the order given; a later one wins.
	VarFiles []File `json:"var_files,omitempty"`
	// Ignored are the names in the directory, hidden ones and the image lock
	// apart, that are no configuration.
	Ignored []string `json:"ignored,omitempty"`
}

// ReadDir reads the configuration of a directory: its *.hcl files, not
// recursively, and the variable files. Only regular files are read, a symbolic
// link is refused. Every problem is reported, not only the first.
func ReadDir(dir string, varFiles []string) (Sources, Diagnostics) {
	s := Sources{Dir: dir}
	var diags Diagnostics
	fail := func(name, summary, detail string) {
		diags = append(diags, Diagnostic{Severity: Error, File: name, Summary: summary, Detail: detail})
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		fail("", "Configuration directory cannot be read", sentenceOf(err))
		return s, diags
	}
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
		switch {
		case name == LockFile || strings.HasPrefix(name, "."):
		case !strings.HasSuffix(name, ".hcl") || entry.IsDir():
			s.Ignored = append(s.Ignored, name)
		case len(s.Files) == MaxFiles:
			fail("", "Too many files", fmt.Sprintf("A configuration has at most %d files.", MaxFiles))
			return s, diags.sorted()
		default:
			if f, ok := read(filepath.Join(dir, name), name); ok {
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

// readRegular reads a regular file of at most limit bytes. It never waits: a
// FIFO opened without O_NONBLOCK would.
func readRegular(path string, limit int) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, errors.New("it is a symbolic link; put the file itself here")
	}
	if err != nil {
		if pathErr := (*os.PathError)(nil); errors.As(err, &pathErr) {
			err = pathErr.Err
		}
		return nil, err
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
	for _, list := range [][]File{s.Files, s.VarFiles} {
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
	for _, list := range [][]File{s.Files, s.VarFiles} {
		for i := range list {
			if list[i].Name == name {
				return list[i].Text
			}
		}
	}
	return nil
}

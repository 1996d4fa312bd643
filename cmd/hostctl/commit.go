package main

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// What is read of a repository at the most, in bytes: it belongs to whoever writes the configuration.
const (
	maxRef        = 4 << 10
	maxPackedRefs = 16 << 20
)

// commitOf returns the commit that HEAD names in the git repository that dir lies in, below root where there is one; "" where
// that cannot be read. Git is not run, for a repository can make it run anything: files are read beneath its root as bytes.
func commitOf(dir, root string) string {
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Lstat(filepath.Join(at, ".git"))
		switch {
		case err == nil:
			return headOf(cmp.Or(root, at), at, info.IsDir())
		case at == filepath.Dir(at):
			return ""
		}
	}
}

// headOf reads HEAD of the repository whose .git lies in the directory at: a directory, or a file that names one. What lies outside of
// base, at itself included, os.Root refuses to open.
func headOf(base, at string, isDir bool) string {
	root, err := os.OpenRoot(base)
	if err != nil {
		return ""
	}
	defer root.Close()
	rel, err := filepath.Rel(base, at)
	if err != nil {
		return ""
	}
	r := repository{root}
	git := path.Join(rel, ".git")
	if !isDir { // of a worktree or a submodule
		if git = r.named(base, rel, git, "gitdir: "); git == "" {
			return ""
		}
	}
	head := r.line(path.Join(git, "HEAD"))
	ref, symbolic := strings.CutPrefix(head, "ref: ")
	switch {
	case !symbolic:
		return hash(head)
	case !strings.HasPrefix(ref, "refs/") || !filepath.IsLocal(ref) || path.Clean(ref) != ref:
		return ""
	}
	dirs := []string{git}
	if common := r.named(base, git, path.Join(git, "commondir"), ""); common != "" {
		dirs = append(dirs, common) // where a worktree has its branches
	}
	for _, dir := range dirs {
		if commit := hash(r.line(path.Join(dir, ref))); commit != "" {
			return commit
		}
		if commit := r.packed(path.Join(dir, "packed-refs"), ref); commit != "" {
			return commit
		}
	}
	return ""
}

// repository reads files of a repository, out of which no path and no link leads.
type repository struct{ root *os.Root }

// named returns the directory that a file names behind a word, relative to dir or absolute, by its path from base; "" where it names none.
func (r repository) named(base, dir, file, word string) string {
	name, ok := strings.CutPrefix(r.line(file), word)
	if !ok || name == "" {
		return ""
	}
	if !filepath.IsAbs(name) {
		return path.Join(dir, name)
	}
	rel, err := filepath.Rel(base, name)
	if err != nil {
		return ""
	}
	return rel
}

// line is the first line of a small file.
func (r repository) line(name string) string {
	data, err := r.read(name, maxRef)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSpace(line)
}

// packed looks a ref up in gitrepository-layout(5)'s packed-refs.
func (r repository) packed(name, ref string) string {
	data, err := r.read(name, maxPackedRefs)
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(data) {
		if commit, name, ok := strings.Cut(strings.TrimSpace(string(line)), " "); ok && name == ref {
			return hash(commit)
		}
	}
	return ""
}

func (r repository) read(name string, most int64) ([]byte, error) {
	if info, err := r.root.Lstat(name); err != nil || !info.Mode().IsRegular() {
		return nil, errors.New("no regular file")
	}
	f, err := r.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // what takes its place meanwhile holds nobody up
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return nil, errors.New("no regular file, or too large")
	}
	return io.ReadAll(io.LimitReader(f, most))
}

// hash returns s where it is an object's name, of SHA-1 or SHA-256, else "".
func hash(s string) string {
	if len(s) != 40 && len(s) != 64 || strings.Trim(s, "0123456789abcdef") != "" {
		return ""
	}
	return s
}

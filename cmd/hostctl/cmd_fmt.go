package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"hostctl/hcl"
)

var fmtCommand = command{
	name: "fmt", operands: "[FILE|DIR|-]...",
	summary: "Rewrite the configuration's files in the usual layout; - formats standard input",
	details: `
Files named *.hcl and *.hclvars are formatted: those of the directory, or the files and directories that are named. The
names of files that change are printed. A file with a syntax error stays as it is.

With -check nothing is written, and the exit code is 2 where a file is not in the usual layout.`,
	example: "hostctl fmt\nhostctl fmt -check -diff -recursive hosts\nhostctl fmt - < draft.hcl",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var f formatting
		fs.StringVar(&f.dir, "chdir", ".", "format the files of `DIR`")
		fs.BoolVar(&f.check, "check", false, "write nothing; exit with 2 where something would change")
		fs.BoolVar(&f.diff, "diff", false, "print what changes")
		fs.BoolVar(&f.recursive, "recursive", false, "format the files of the directories below, too; hidden ones are left out")
		return func(c *cli, args []string) error {
			if len(args) == 1 && args[0] == "-" {
				return f.stdin(c)
			}
			if len(args) == 0 {
				args = []string{"."}
			}
			return f.paths(c, args)
		}
	},
}

// formatting is one run of fmt.
type formatting struct {
	dir                    string
	check, diff, recursive bool
	changed                bool // a file that was not in the usual layout was found
	failed                 bool // a file has errors, which were printed
}

func (f *formatting) stdin(c *cli) error {
	text, err := io.ReadAll(io.LimitReader(c.stdin, hcl.MaxFileBytes+1))
	if err != nil {
		return err
	}
	files, diags := hcl.FormatFiles(c.ctx, evaluate, []hcl.File{{Name: "<stdin>", Text: text}})
	if err := c.diagnose(diags); err != nil {
		return err
	}
	f.changed = !bytes.Equal(files[0].Text, text)
	switch {
	case f.diff:
		err = c.writeText(unifiedDiff("<stdin>", text, files[0].Text))
	case !f.check:
		err = c.writeText(files[0].Text)
	}
	return errors.Join(err, f.verdict())
}

// paths formats files and directories; errors in one file do not keep the others from it.
func (f *formatting) paths(c *cli, paths []string) error {
	for _, path := range paths {
		if path == "-" {
			return fmt.Errorf("- stands alone: standard input is formatted to standard output")
		}
		at := filepath.Join(f.dir, path)
		if filepath.IsAbs(path) {
			at = path
		}
		info, err := os.Stat(at)
		switch {
		case err != nil:
			return err
		case info.IsDir():
			err = f.directory(c, path, at)
		case strings.HasSuffix(path, ".json"):
			return fmt.Errorf("%s is JSON, whose layout is its writer's; fmt has to do with *.hcl and *.hclvars", path)
		default:
			err = f.files(c, []string{path}, []string{at})
		}
		if err != nil {
			return err
		}
	}
	return f.verdict()
}

// verdict is the exit status of what was found.
func (f *formatting) verdict() error {
	if f.failed {
		return exitStatus(exitError)
	}
	if f.check && f.changed {
		return exitStatus(exitChanges)
	}
	return nil
}

// directory formats what the directory at holds, which messages call name.
func (f *formatting) directory(c *cli, name, at string) error {
	entries, err := os.ReadDir(at)
	if err != nil {
		return err
	}
	var names, files []string
	for _, e := range entries {
		base := e.Name()
		switch {
		case strings.HasPrefix(base, "."), base == hcl.LockFile:
		case e.IsDir() && f.recursive:
			if err := f.directory(c, filepath.Join(name, base), filepath.Join(at, base)); err != nil {
				return err
			}
		case e.Type().IsRegular() && (strings.HasSuffix(base, ".hcl") || strings.HasSuffix(base, ".hclvars")):
			names, files = append(names, filepath.Join(name, base)), append(files, filepath.Join(at, base))
		}
	}
	return f.files(c, names, files)
}

// files writes the files that change, each in one piece, and names them.
func (f *formatting) files(c *cli, names, paths []string) error {
	var texts []hcl.File
	for i, path := range paths {
		text, err := readText(path)
		if err != nil {
			return err
		}
		texts = append(texts, hcl.File{Name: names[i], Text: text})
	}
	if len(texts) == 0 {
		return nil
	}
	formatted, diags := hcl.FormatFiles(c.ctx, evaluate, texts)
	f.failed = c.diagnose(diags) != nil || f.failed
	for i, file := range formatted {
		if bytes.Equal(file.Text, texts[i].Text) {
			continue
		}
		f.changed = true
		if !f.check {
			if err := rewrite(paths[i], file.Text); err != nil {
				return err
			}
		}
		fmt.Fprintln(c.stdout, oneLine(file.Name))
		if f.diff {
			if err := c.writeText(unifiedDiff(file.Name, texts[i].Text, file.Text)); err != nil {
				return err
			}
		}
	}
	return nil
}

// readText reads a regular file that is not too long. It never waits: a FIFO
// opened without O_NONBLOCK would. A symbolic link is refused, for it would be replaced.
func readText(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link; name the file itself", path)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fmt.Errorf("%s is no regular file", path))
	}
	return io.ReadAll(io.LimitReader(file, hcl.MaxFileBytes+1)) // one that is longer is refused as such
}

// rewrite replaces a file's text by rename, keeping its mode and its owner.
func rewrite(path string, text []byte) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".hostctl-fmt-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails when it has been renamed
	_, err = f.Write(text)
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && err == nil {
		// Who may not give files away had it before, or gets it as its own.
		if err = f.Chown(int(stat.Uid), int(stat.Gid)); errors.Is(err, fs.ErrPermission) {
			err = nil
		}
	}
	if err := errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

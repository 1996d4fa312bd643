package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"hostctl/hcl"
)

var fmtCommand = command{
	name: "fmt", operands: "[-]",
	summary: "Rewrite the configuration's files in the usual layout; - formats standard input",
	example: "hostctl fmt\nhostctl fmt - < draft.hcl",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		dir := fs.String("chdir", ".", "format the files of `DIR`")
		return func(c *cli, args []string) error {
			if len(args) == 1 && args[0] == "-" {
				return formatStdin(c)
			}
			if err := noOperands(args); err != nil {
				return err
			}
			return formatDir(c, *dir)
		}
	},
}

func formatStdin(c *cli) error {
	text, err := io.ReadAll(io.LimitReader(c.stdin, hcl.MaxFileBytes+1))
	if err != nil {
		return err
	}
	files, diags := hcl.FormatFiles(c.ctx, evaluate, []hcl.File{{Name: "<stdin>", Text: text}})
	if err := c.diagnose(diags); err != nil {
		return err
	}
	_, err = c.stdout.Write(files[0].Text)
	return err
}

// formatDir writes the files that change, each in one piece, and names them.
func formatDir(c *cli, dir string) error {
	sources, diags := hcl.ReadDir(dir, nil)
	if err := c.diagnose(diags); err != nil {
		return err
	}
	formatted, diags := hcl.FormatFiles(c.ctx, evaluate, sources.Files)
	failed := c.diagnose(diags)
	for i, f := range formatted {
		if bytes.Equal(f.Text, sources.Files[i].Text) {
			continue
		}
		if err := rewrite(filepath.Join(dir, f.Name), f.Text); err != nil {
			return err
		}
		fmt.Fprintln(c.stdout, printable(f.Name))
	}
	return failed
}

// rewrite replaces a file's text by rename, keeping its mode.
func rewrite(path string, text []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".hostctl-fmt-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails when it has been renamed
	_, err = f.Write(text)
	if err := errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

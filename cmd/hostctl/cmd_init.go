package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hostctl/resource"
)

//go:embed init.hcl
var firstConfiguration string

var initCommand = command{
	name:    "init",
	summary: "Write a first configuration, main.hcl, to start from",
	example: "mkdir shop && cd shop && hostctl init",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		dir := fs.String("chdir", ".", "write it in `DIR` instead of here")
		name := fs.String("name", "", "the configuration's `NAME`; by default that of the directory")
		return func(c *cli, args []string) error {
			if err := noOperands(args); err != nil {
				return err
			}
			return writeFirst(c, *dir, *name)
		}
	},
}

func writeFirst(c *cli, dir, name string) error {
	if err := noConfiguration(dir); err != nil {
		return err
	}
	if name == "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		if name = filepath.Base(abs); resource.CheckName(name) != nil {
			name = "example"
		}
	}
	if err := resource.CheckName(name); err != nil {
		return fmt.Errorf("-name %q: %w", name, err)
	}
	path := filepath.Join(dir, "main.hcl")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.ReplaceAll(firstConfiguration, "NAME", name))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "Wrote %s. Next:\n\n  hostctl validate   check it\n  hostctl plan       see what it would change on this host\n  hostctl apply      change it\n", printable(path))
	return nil
}

// noConfiguration fails where a directory has a configuration already, or is none.
func noConfiguration(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no directory %s", dir)
	}
	if err != nil {
		return err
	}
	var there []string
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".hcl") || strings.HasSuffix(name, ".hcl.json") {
			there = append(there, filepath.Join(dir, name))
		}
	}
	if len(there) > 0 {
		return fmt.Errorf("there is a configuration already: %s", strings.Join(there, ", "))
	}
	return nil
}

package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"hostctl/hcl"
	"hostctl/resource"
)

// source says which configuration is meant: the flags that every command which reads one has.
type source struct {
	dir      string
	root     string
	vars     varFlags
	varFiles listFlag
	defaults hcl.Defaults // of the policy that the configuration is read under
}

func (s *source) register(fs *flag.FlagSet) {
	s.vars = varFlags{}
	fs.StringVar(&s.dir, "chdir", ".", "read the configuration in `DIR` instead of here")
	fs.StringVar(&s.root, "root", "", "read modules and files from below `DIR`, the repository's root; unset, from the configuration's directory alone")
	fs.Var(&s.vars, "var", "set a variable, as `NAME=VALUE`; may be given again")
	fs.Var(&s.varFiles, "var-file", "read variables from `FILE`; may be given again, a later one wins")
}

// varFlags are the -var flags by the variable's name.
type varFlags map[string]string

func (v *varFlags) String() string { return "" }

// Set implements flag.Value.
func (v *varFlags) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return fmt.Errorf("want NAME=VALUE")
	}
	(*v)[name] = value
	return nil
}

// listFlag is a flag that may be given again.
type listFlag []string

func (l *listFlag) String() string { return "" }

// Set implements flag.Value.
func (l *listFlag) Set(s string) error {
	*l = append(*l, s)
	return nil
}

// read reads and evaluates the configuration. Its diagnostics are printed; the
// error stands for those that are errors.
func (s *source) read(c *cli) (*hcl.Config, hcl.Sources, error) {
	sources, diags := s.sources()
	if diags.HasErrors() {
		return nil, sources, c.diagnose(diags)
	}
	config := hcl.Load(c.ctx, evaluate, s.request(sources), kinds())
	return config, config.Sources(), c.diagnose(config.Diagnostics)
}

// owner returns the configuration of which no more is needed than its name, so that one
// whose variables are not given, or that is broken, can be looked at: the one of that name, or where it is "" the directory's.
func (s *source) owner(c *cli, name string) (*hcl.Config, error) {
	if name != "" {
		if err := resource.CheckName(name); err != nil {
			return nil, fmt.Errorf("-name %q: %w", name, err)
		}
		return &hcl.Config{Name: name}, nil
	}
	quiet := *c
	quiet.stderr = io.Discard
	config, _, err := s.read(&quiet)
	if err == nil || config != nil && config.Name != "" {
		return config, nil
	}
	_, _, err = s.read(c)
	return nil, err
}

// envPrefix begins the names of environment variables that are values of the configuration's.
const envPrefix = "HOSTCTL_VAR_"

// request is what decides what the sources mean: with the flags, the environment.
func (s *source) request(sources hcl.Sources) hcl.Request {
	env := map[string]string{}
	for _, entry := range os.Environ() {
		if rest, ok := strings.CutPrefix(entry, envPrefix); ok {
			name, value, _ := strings.Cut(rest, "=")
			env[name] = value
		}
	}
	return hcl.Request{Sources: sources, Vars: s.vars, Env: env, Version: version, Defaults: s.defaults}
}

// sources reads the files' text, with absolute paths, so that the digest does not depend on where the caller stands.
func (s *source) sources() (hcl.Sources, hcl.Diagnostics) {
	var files []string
	for _, f := range s.varFiles {
		if abs, err := filepath.Abs(f); err == nil {
			f = abs
		}
		files = append(files, f)
	}
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		dir = s.dir
	}
	root := s.root
	if abs, err := filepath.Abs(root); err == nil && root != "" {
		root = abs
	}
	return hcl.ReadDir(dir, root, files)
}

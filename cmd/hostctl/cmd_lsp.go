package main

import (
	"flag"
	"path/filepath"

	"hostctl/docs"
	"hostctl/hcl"
	"hostctl/lsp"
)

var lspCommand = command{
	name:    "lsp",
	summary: "Serve an editor over standard input and output, by the Language Server Protocol",
	details: `
Editors start it; docs/editors.md has what to write into their settings. It completes, explains, finds and renames what
the configuration says, formats, and shows what ` + "`hostctl validate`" + ` would say, of the text as it stands in the editor.

Only files of the directories that the editor opened are read. A variable file that is named relatively is looked for in
each configuration's own directory.`,
	example: "hostctl lsp\nhostctl lsp -var-file production.hclvars",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		s := source{vars: varFlags{}}
		fs.StringVar(&s.root, "root", "", "read modules and files from below `DIR`, the repository's root; unset, from the folder that the editor opened")
		fs.Var(&s.vars, "var", "set a variable, as `NAME=VALUE`; may be given again")
		fs.Var(&s.varFiles, "var-file", "read variables from `FILE`; may be given again, a later one wins")
		fs.Bool("stdio", true, "speak over standard input and output, which is the only way; some editors say it")
		return func(c *cli, args []string) error {
			if err := noOperands(args); err != nil {
				return err
			}
			root := s.root
			if abs, err := filepath.Abs(root); err == nil && root != "" {
				root = abs
			}
			return lsp.Serve(c.ctx, c.stdin, c.stdout, lsp.Options{
				Child: evaluate, Kinds: kinds(), Request: s.request(hcl.Sources{}), Text: docs.Text, VarFiles: s.varFiles, Root: root,
			})
		}
	},
}

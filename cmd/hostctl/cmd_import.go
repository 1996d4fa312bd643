package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"hostctl/hcl"
	"hostctl/resource"
)

// importerName is the file name of the program that reads the sources, beside this one.
const importerName = "hostctl-import"

var importCommand = command{
	name: "import", operands: "compose FILE | quadlet FILE... | nspawn FILE... | run 'docker run ...' | host KIND ID...",
	summary: "Write what another container tool runs, or what this host has, as a configuration, on standard output",
	details: `
host writes accounts (user NAME), network namespaces (netns NAME) and directories (volume PATH) of this host, each with its import block: the plan of that text
is empty of changes but for their being taken over. Accounts that the directories belong to are written with them. What hostctl would change, and what it has
no attribute for, is a comment above the block. Nothing of the host is changed. It needs root.`,
	example: "hostctl import compose docker-compose.yml > main.hcl\n" +
		"hostctl import quadlet -out hosts/web1 /etc/containers/systemd/*\n" +
		"hostctl import host volume /srv/site > main.hcl\n" +
		"hostctl import run 'docker run -d --name web -p 8080:80 nginx'",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var in imported
		fs.StringVar(&in.out, "out", "", "write main.hcl in `DIR`, which has no configuration yet")
		fs.StringVar(&in.name, "name", "", "the configuration's `NAME`; by default what the source is called")
		fs.BoolVar(&in.env, "env", false, "compose: fill in variables from the environment too, not only from .env beside the file")
		asJSON := fs.Bool("json", false, "print one JSON document: the text and a list of what it does not say")
		return func(c *cli, args []string) error {
			c.json = *asJSON
			return c.finish(func() (map[string]any, error) { return in.run(c, args) })
		}
	},
}

// imported is one import command.
type imported struct {
	out, name string
	env       bool
}

// importAnswer is what hostctl-import answers.
type importAnswer struct {
	Text  string
	Notes json.RawMessage
	Lines []string
	Wrong *struct {
		File    string
		Line    int
		Summary string
		Snippet string
	}
	Failure string
}

// importSources are what can be imported.
var importSources = []string{"compose", "quadlet", "nspawn", "run", hostSource}

func (in *imported) run(c *cli, operands []string) (map[string]any, error) {
	if in.name != "" {
		if err := resource.CheckName(in.name); err != nil {
			return nil, fmt.Errorf("-name %q: %w", in.name, err)
		}
	}
	if len(operands) < 2 || operands[0] == hostSource && len(operands) < 3 {
		return nil, errors.New("say what to import: `hostctl import compose FILE`, `quadlet FILE...`, `nspawn FILE...`, `run 'docker run ...'` or `host KIND ID...`")
	}
	if !slices.Contains(importSources, operands[0]) {
		return nil, fmt.Errorf("there is no source %q%s: compose, quadlet, nspawn, run and host are known", operands[0], hcl.DidYouMean(operands[0], importSources))
	}
	var a *importAnswer
	var err error
	if operands[0] == hostSource {
		a, err = in.host(c, operands[1:])
	} else {
		a, err = in.ask(c, operands)
	}
	switch {
	case err != nil:
		return nil, err
	case a.Failure != "":
		return nil, errors.New(a.Failure)
	case a.Wrong != nil:
		return nil, c.diagnose(hcl.Diagnostics{a.wrong()})
	}
	if c.json {
		doc := map[string]any{"notes": a.Notes}
		if a.Notes == nil {
			doc["notes"] = []any{}
		}
		if in.out == "" {
			doc["text"] = a.Text
			return doc, nil
		}
		doc["file"], err = in.write(a.Text)
		return doc, err
	}
	if in.out == "" {
		if err := c.writeText([]byte(a.Text)); err != nil {
			return nil, err
		}
	} else {
		path, err := in.write(a.Text)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(c.stdout, "Wrote %s. Next: `hostctl validate -chdir %s`, then read its comments.\n", printable(path), printable(in.out))
	}
	c.summary(a.Lines)
	return nil, nil
}

// ask starts the program that reads the sources. It has this one's environment only where -env says so.
func (in *imported) ask(c *cli, operands []string) (*importAnswer, error) {
	program, err := beside(importerName)
	if err != nil {
		return nil, err
	}
	args := []string{"-name", in.name, "-env=" + strconv.FormatBool(in.env), "--"}
	cmd := exec.CommandContext(c.ctx, program, append(args, operands...)...)
	cmd.Env = []string{}
	if in.env {
		cmd.Env = c.environ
	}
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	fmt.Fprint(c.stderr, printable(said.String()))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", importerName, err)
	}
	a := new(importAnswer)
	if err := json.Unmarshal(out, a); err != nil {
		return nil, fmt.Errorf("%s: %w", importerName, err)
	}
	return a, nil
}

// wrong is the diagnostic of an error in a source, with its line.
func (a *importAnswer) wrong() hcl.Diagnostic {
	d := hcl.Diagnostic{Severity: hcl.Error, Summary: a.Wrong.Summary, File: a.Wrong.File}
	if a.Wrong.Line == 0 {
		return d
	}
	d.Start, d.Snippet = hcl.Position{Line: a.Wrong.Line, Column: 1}, a.Wrong.Snippet
	d.Start.Column += len(d.Snippet) - len(strings.TrimLeft(d.Snippet, " \t"))
	d.End = hcl.Position{Line: a.Wrong.Line, Column: len([]rune(d.Snippet)) + 1}
	return d
}

// write makes main.hcl in a directory that has no configuration.
func (in *imported) write(text string) (string, error) {
	if err := os.MkdirAll(in.out, 0o755); err != nil {
		return "", err
	}
	if err := noConfiguration(in.out); err != nil {
		return "", err
	}
	path := filepath.Join(in.out, "main.hcl")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	return path, errors.Join(err, f.Close())
}

// summary says on standard error what the text does not say as its source did.
func (c *cli) summary(lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(c.stderr, "Not as in the source: %s; each is a comment at its place:\n", plural(len(lines), "thing"))
	for _, line := range lines {
		if r := []rune(line); len(r) > 200 {
			line = string(r[:200]) + " ..."
		}
		fmt.Fprintln(c.stderr, "  "+strings.ReplaceAll(printable(line), "\n", " "))
	}
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"hostctl/hcl"
	"hostctl/importer"
	"hostctl/resource"
)

var importCommand = command{
	name: "import", operands: "compose FILE | quadlet FILE... | nspawn FILE... | run 'docker run ...'",
	summary: "Write what another container tool runs as a configuration, on standard output",
	example: "hostctl import compose docker-compose.yml > main.hcl\n" +
		"hostctl import quadlet -out hosts/web1 /etc/containers/systemd/*\n" +
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

func (in *imported) run(c *cli, operands []string) (map[string]any, error) {
	if in.name != "" {
		if err := resource.CheckName(in.name); err != nil {
			return nil, fmt.Errorf("-name %q: %w", in.name, err)
		}
	}
	project, err := in.read(c, operands)
	var wrong *importer.Error
	if errors.As(err, &wrong) {
		return nil, c.diagnose(hcl.Diagnostics{wrongSource(wrong)})
	}
	if err != nil {
		return nil, err
	}
	if in.name != "" {
		project.Name = in.name
	}
	result := project.Write(kinds())
	if c.json {
		if result.Notes == nil {
			result.Notes = []importer.Note{}
		}
		doc := map[string]any{"notes": result.Notes}
		if in.out == "" {
			doc["text"] = string(result.Text)
			return doc, nil
		}
		doc["file"], err = in.write(result.Text)
		return doc, err
	}
	if in.out == "" {
		if _, err := c.stdout.Write(result.Text); err != nil {
			return nil, err
		}
	} else {
		path, err := in.write(result.Text)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(c.stdout, "Wrote %s. Next: `hostctl validate -chdir %s`, then read its comments.\n", printable(path), printable(in.out))
	}
	c.summary(result.Notes)
	return nil, nil
}

// read reads the source that the first operand says.
func (in *imported) read(c *cli, operands []string) (*importer.Project, error) {
	if len(operands) < 2 {
		return nil, errors.New("say what to import: `hostctl import compose FILE`, `quadlet FILE...`, `nspawn FILE...` or `run 'docker run ...'`")
	}
	what, files := operands[0], operands[1:]
	switch what {
	case "compose":
		if len(files) > 1 {
			return nil, errors.New("import compose reads one file; name the others in its include")
		}
		input := importer.ComposeInput{Path: files[0], Name: in.name}
		if in.env {
			input.Env = processEnvironment()
		}
		return importer.Compose(c.ctx, input)
	case "quadlet":
		list, err := unitFiles(files)
		if err != nil {
			return nil, err
		}
		return below(filepath.Dir(files[0]), func(dir fs.FS) (*importer.Project, error) { return importer.Quadlet(list, dir) })
	case "nspawn":
		list, err := unitFiles(files)
		if err != nil {
			return nil, err
		}
		return importer.Nspawn(list)
	case "run":
		line := files[0]
		if len(files) > 1 {
			// The words were taken apart by the shell already.
			line = shellQuoted(files)
		}
		return below(".", func(dir fs.FS) (*importer.Project, error) { return importer.Run(line, dir) })
	}
	return nil, fmt.Errorf("there is no source %q%s: compose, quadlet, nspawn and run are known", what, hcl.DidYouMean(what, []string{"compose", "quadlet", "nspawn", "run"}))
}

// below runs read with the files of a directory, and of nothing that it leads to.
func below(dir string, read func(fs.FS) (*importer.Project, error)) (*importer.Project, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return read(root.FS())
}

// shellQuoted is words as one line that a shell would take apart into them.
func shellQuoted(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return strings.Join(quoted, " ")
}

// processEnvironment is that of this process.
func processEnvironment() map[string]string {
	env := map[string]string{}
	for _, e := range os.Environ() {
		if name, value, ok := strings.Cut(e, "="); ok && name != "" {
			env[name] = value
		}
	}
	return env
}

// maxSource is the most that is read of a unit file.
const maxSource = 1 << 20

// unitFiles reads units, each with the drop-ins of its own directory of them.
func unitFiles(paths []string) ([]importer.File, error) {
	var list []importer.File
	for _, path := range paths {
		dropIns, err := filepath.Glob(escapeGlob(path) + ".d/*.conf")
		if err != nil {
			return nil, err
		}
		for _, p := range append([]string{path}, dropIns...) {
			if slices.ContainsFunc(list, func(f importer.File) bool { return f.Name == p }) {
				continue
			}
			text, err := readSource(p)
			if err != nil {
				return nil, err
			}
			list = append(list, importer.File{Name: p, Text: text})
		}
	}
	return list, nil
}

func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

func readSource(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fmt.Errorf("%s is no regular file", path))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSource+1))
	if err == nil && len(text) > maxSource {
		err = fmt.Errorf("%s has more than %d bytes", path, maxSource)
	}
	return text, err
}

// write makes main.hcl in a directory that has no configuration.
func (in *imported) write(text []byte) (string, error) {
	if err := os.MkdirAll(in.out, 0o755); err != nil {
		return "", err
	}
	there, err := filepath.Glob(filepath.Join(escapeGlob(in.out), "*.hcl"))
	if err != nil {
		return "", err
	}
	if len(there) > 0 {
		return "", fmt.Errorf("there is a configuration already: %s", strings.Join(there, ", "))
	}
	path := filepath.Join(in.out, "main.hcl")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", err
	}
	_, err = f.Write(text)
	return path, errors.Join(err, f.Close())
}

// wrongSource is the diagnostic of an error in a source, with its line.
func wrongSource(e *importer.Error) hcl.Diagnostic {
	d := hcl.Diagnostic{Severity: hcl.Error, Summary: e.Summary, File: e.File}
	if e.Line == 0 {
		return d
	}
	d.Start = hcl.Position{Line: e.Line, Column: 1}
	if text, err := readSource(e.File); err == nil {
		lines := strings.Split(string(text), "\n")
		if e.Line <= len(lines) {
			d.Snippet = strings.TrimRight(lines[e.Line-1], "\r")
			body := strings.TrimLeft(d.Snippet, " \t")
			d.Start.Column += len(d.Snippet) - len(body)
		}
	}
	d.End = hcl.Position{Line: e.Line, Column: len([]rune(d.Snippet)) + 1}
	return d
}

// summary says on standard error what the text does not say as its source did.
func (c *cli) summary(notes []importer.Note) {
	if len(notes) == 0 {
		return
	}
	lost := 0
	for _, n := range notes {
		if n.Lost {
			lost++
		}
	}
	fmt.Fprintf(c.stderr, "%s without equal, %d changed; each is a comment at its place:\n", plural(lost, "thing"), len(notes)-lost)
	for _, n := range notes {
		line := n.String()
		if n.At != "" {
			line = n.At + ": " + line
		}
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

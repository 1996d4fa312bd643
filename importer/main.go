package importer

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"hostctl/resource"
)

// answer is what is printed. cmd/hostctl reads it.
type answer struct {
	Text  string   `json:"text,omitempty"`
	Notes []Note   `json:"notes,omitempty"`
	Lines []string `json:"lines,omitempty"` // the notes as people read them
	Wrong *wrong   `json:"wrong,omitempty"`
	// Failure is what went wrong where no source is wrong.
	Failure string `json:"failure,omitempty"`
}

// wrong is an error in a source.
type wrong struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // 0 where it is not known
	Summary string `json:"summary"`
	Snippet string `json:"snippet,omitempty"` // the line
}

// Main is hostctl-import: it reads its operands as hostctl import does, and writes the answer on standard output.
func Main(kinds resource.Kinds) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	name := flag.String("name", "", "the configuration's `NAME`")
	env := flag.Bool("env", false, "fill in variables from the environment")
	flag.Parse()
	if err := json.NewEncoder(os.Stdout).Encode(answerTo(ctx, kinds, *name, *env, flag.Args())); err != nil {
		os.Exit(1)
	}
}

func answerTo(ctx context.Context, kinds resource.Kinds, name string, env bool, operands []string) answer {
	project, err := read(ctx, name, env, operands)
	var at *Error
	switch {
	case errors.As(err, &at):
		return answer{Wrong: &wrong{at.File, at.Line, at.Summary, lineText(at)}}
	case err != nil:
		return answer{Failure: err.Error()}
	}
	if name != "" {
		project.Name = name
	}
	result := project.Write(kinds)
	a := answer{Text: string(result.Text), Notes: result.Notes}
	for _, n := range result.Notes {
		line := n.String()
		if n.At != "" {
			line = n.At + ": " + line
		}
		a.Lines = append(a.Lines, line)
	}
	return a
}

// lineText is the text of an error's line.
func lineText(e *Error) string {
	text, err := readSource(e.File)
	lines := strings.Split(string(text), "\n")
	if err != nil || e.Line < 1 || e.Line > len(lines) {
		return ""
	}
	return strings.TrimRight(lines[e.Line-1], "\r")
}

// read reads the source that the first operand says.
func read(ctx context.Context, name string, env bool, operands []string) (*Project, error) {
	if len(operands) < 2 {
		return nil, errors.New("want a source and its operands")
	}
	what, files := operands[0], operands[1:]
	switch what {
	case "compose":
		if len(files) > 1 {
			return nil, errors.New("import compose reads one file; name the others in its include")
		}
		input := ComposeInput{Path: files[0], Name: name}
		if env {
			input.Env = processEnvironment()
		}
		return Compose(ctx, input)
	case "quadlet":
		list, err := unitFiles(files)
		if err != nil {
			return nil, err
		}
		return below(filepath.Dir(files[0]), func(dir fs.FS) (*Project, error) { return Quadlet(list, dir) })
	case "nspawn":
		list, err := unitFiles(files)
		if err != nil {
			return nil, err
		}
		return Nspawn(list)
	case "run":
		line := files[0]
		if len(files) > 1 {
			// The words were taken apart by the shell already.
			line = shellQuoted(files)
		}
		return below(".", func(dir fs.FS) (*Project, error) { return Run(line, dir) })
	}
	return nil, fmt.Errorf("there is no source %q", what)
}

// below runs read with the files of a directory, and of nothing that it leads to.
func below(dir string, read func(fs.FS) (*Project, error)) (*Project, error) {
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
func unitFiles(paths []string) ([]File, error) {
	var list []File
	for _, path := range paths {
		dropIns, err := filepath.Glob(escapeGlob(path) + ".d/*.conf")
		if err != nil {
			return nil, err
		}
		for _, p := range append([]string{path}, dropIns...) {
			if slices.ContainsFunc(list, func(f File) bool { return f.Name == p }) {
				continue
			}
			text, err := readSource(p)
			if err != nil {
				return nil, err
			}
			list = append(list, File{Name: p, Text: text})
		}
	}
	return list, nil
}

func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

func readSource(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO is not waited for
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

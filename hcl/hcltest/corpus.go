// Package hcltest reads corpora of wrong configurations: what is wrong in each,
// and what is to be said of it. It knows no kind; who runs a corpus brings the kinds.
//
// A corpus is a txtar archive. CASE/FILE is a file of the case's repository,
// CASE.hcl the only one of its case. The wanted diagnostics stand on their lines:
//
//	comand = [] # ERROR: Unknown attribute "comand" | Did you mean "command"?
//
// with the summary and, behind |, a part of the detail; several are parted by
// &&, and WARNING stands for ERROR where it is one. Files that say how a case is
// set up are:
//
//	CASE/@dir     the configuration's directory below the repository's root
//	CASE/@var     values of -var, NAME=VALUE on a line; @env those of HOSTCTL_VAR_NAME
//	CASE/@varfile the files of -var-file, a path below the repository's root on a line
//	CASE/@make    what an archive cannot hold: link PATH TARGET, fifo PATH, socket PATH, dir PATH,
//	              big PATH BYTES, sparse PATH BYTES, many COUNT PATH TEXT
//	CASE/@wanted  diagnostics of files without comments: FILE:LINE: SUMMARY | DETAIL; LINE may be *,
//	              and SUMMARY several of which one is wanted, parted by ||
//
// @BOM@, @CR@, @NUL@ and @ESC@ stand for those characters, @BYTE@ for one that is
// no UTF-8, and @EOF@ ends a file that does not end with a newline. @1000*TEXT@ is TEXT a
// thousand times, in which \n is a newline, {i} counts from 0 and {j} from 1.
package hcltest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"hostctl/hcl"
	"hostctl/resource"
)

// Case is one wrong configuration.
type Case struct {
	Name   string
	Files  []txtar.File // of the repository, by path
	Wanted []Wanted

	dir, makes string
	vars, env  map[string]string
	varFiles   []string
}

// Wanted is a diagnostic that a case asks for.
type Wanted struct {
	Place   string // file:line
	Warning bool
	Summary string
	Detail  string // a part of it
}

// settings is the block that no configuration can do without; a case that is about it is called settings-...
const settings = "hostctl {\n  name = \"test\"\n}\n"

var characters = strings.NewReplacer("@BOM@", "\ufeff", "@CR@", "\r", "@NUL@", "\x00", "@ESC@", "\x1b", "@BYTE@", "\xff")

// repeated is @N*TEXT@.
var repeated = regexp.MustCompile(`@(\d+)\*([^@]+)@`)

// expand writes out what stands for characters and repetitions.
func expand(text string) string {
	text = repeated.ReplaceAllStringFunc(text, func(all string) string {
		m := repeated.FindStringSubmatch(all)
		n, _ := strconv.Atoi(m[1])
		return numbered(n, strings.ReplaceAll(m[2], `\n`, "\n"))
	})
	return characters.Replace(text)
}

// numbered is a text n times, with its numbers.
func numbered(n int, text string) string {
	if !strings.ContainsAny(text, "{") {
		return strings.Repeat(text, n)
	}
	var b strings.Builder
	for i := range n {
		strings.NewReplacer("{i}", strconv.Itoa(i), "{j}", strconv.Itoa(i+1)).WriteString(&b, text)
	}
	return b.String()
}

// Cases reads the cases of corpora.
func Cases(t testing.TB, archives ...string) []*Case {
	t.Helper()
	var cases []*Case
	for _, archive := range archives {
		byName := map[string]*Case{}
		a, err := txtar.ParseFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Files {
			name, inner, ok := strings.Cut(f.Name, "/")
			if !ok {
				name, inner = strings.TrimSuffix(f.Name, ".hcl"), f.Name
			}
			c := byName[name]
			if c == nil {
				c = &Case{Name: name, vars: map[string]string{}, env: map[string]string{}}
				cases, byName[name] = append(cases, c), c
			}
			if err := c.add(inner, expand(string(f.Data))); err != nil {
				t.Fatalf("%s: %s: %v", archive, f.Name, err)
			}
		}
	}
	return cases
}

func (c *Case) add(name, text string) error {
	switch name {
	case "@dir":
		c.dir = strings.TrimSpace(text)
	case "@make":
		c.makes = text
	case "@varfile":
		c.varFiles = strings.Fields(text)
	case "@var", "@env":
		into := map[string]map[string]string{"@var": c.vars, "@env": c.env}[name]
		for line := range strings.Lines(text) {
			key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			if !ok {
				return fmt.Errorf("%q is no NAME=VALUE", line)
			}
			into[key] = value
		}
	case "@wanted":
		for line := range strings.Lines(text) {
			place, rest, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			if !ok {
				return fmt.Errorf("%q is no diagnostic", line)
			}
			c.want(place, false, rest)
		}
	default:
		text, _, _ = strings.Cut(text, "@EOF@")
		c.Files = append(c.Files, txtar.File{Name: name, Data: []byte(text)})
		for i, line := range strings.Split(strings.ReplaceAll(text, "\r", ""), "\n") {
			place := fmt.Sprintf("%s:%d", name, i+1)
			if _, all, ok := strings.Cut(line, "# ERROR: "); ok {
				c.want(place, false, all)
			} else if _, all, ok := strings.Cut(line, "# WARNING: "); ok {
				c.want(place, true, all)
			}
		}
	}
	return nil
}

func (c *Case) want(place string, warning bool, all string) {
	for one := range strings.SplitSeq(all, " && ") {
		summary, detail, _ := strings.Cut(one, " | ")
		c.Wanted = append(c.Wanted, Wanted{place, warning, strings.TrimSpace(summary), strings.TrimSpace(detail)})
	}
}

// Evaluate lays the case out in a directory of its own, and reads it as the commands do.
func (c *Case) Evaluate(t testing.TB, kinds resource.Kinds) *hcl.Config {
	t.Helper()
	root := t.TempDir()
	c.LayOut(t, root)
	repository := ""
	if c.dir != "" {
		repository = root
	}
	sources, diags := hcl.ReadDir(filepath.Join(root, c.dir), repository, nil)
	req := hcl.Request{Sources: sources, Vars: c.vars, Env: c.env, Version: "0.1.0"}
	for range 20 {
		config := hcl.Evaluate(req, kinds)
		if len(config.Needs) == 0 {
			config.Diagnostics = append(diags, config.Diagnostics...)
			return config
		}
		req.Sources.Supply(config.Needs)
	}
	t.Fatalf("%s: asks for files again and again", c.Name)
	return nil
}

// LayOut writes the case's repository into an empty directory.
func (c *Case) LayOut(t testing.TB, root string) {
	t.Helper()
	write := func(name, text string) {
		to := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range c.Files {
		write(f.Name, string(f.Data))
	}
	if !strings.HasPrefix(c.Name, "settings-") {
		write(path.Join(c.dir, "zz-settings.hcl"), settings)
	}
	c.make(t, root, write)
}

// Flags are those of a command that runs in dir, the case's directory below root; the values of variables are among them.
func (c *Case) Flags(root string) (dir string, flags []string) {
	if c.dir != "" {
		flags = append(flags, "-root", root)
	}
	for name, value := range c.vars {
		flags = append(flags, "-var", name+"="+value)
	}
	for _, name := range c.varFiles {
		flags = append(flags, "-var-file", filepath.Join(root, name))
	}
	return filepath.Join(root, c.dir), flags
}

func (c *Case) make(t testing.TB, root string, write func(name, text string)) {
	t.Helper()
	for line := range strings.Lines(c.makes) {
		words := strings.Fields(line)
		at := filepath.Join(root, words[1])
		var err error
		switch words[0] {
		case "link":
			err = os.Symlink(words[2], at)
		case "fifo":
			err = syscall.Mkfifo(at, 0o644)
		case "socket":
			var fd int
			if fd, err = syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0); err == nil {
				err = errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: at}), syscall.Close(fd))
			}
		case "dir":
			err = os.MkdirAll(at, 0o755)
		case "sparse":
			var size int64
			if _, err = fmt.Sscan(words[2], &size); err == nil {
				write(words[1], "")
				err = os.Truncate(at, size)
			}
		case "many":
			var n int
			if _, err = fmt.Sscan(words[1], &n); err == nil {
				text := strings.Join(words[3:], " ")
				for i := range n {
					write(strings.ReplaceAll(words[2], "{i}", strconv.Itoa(i)), strings.NewReplacer(`\n`, "\n", "{i}", strconv.Itoa(i), "{j}", strconv.Itoa(i+1)).Replace(text))
				}
			}
		case "big":
			var size int
			if _, err = fmt.Sscan(words[2], &size); err == nil {
				write(words[1], string(bytes.Repeat([]byte("x"), size)))
			}
		default:
			err = fmt.Errorf("%q says nothing", line)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Check holds the diagnostics to what the case asks for: each on its line, and no other.
func (c *Case) Check(t testing.TB, diags hcl.Diagnostics) {
	t.Helper()
	wanted := slices.Clone(c.Wanted)
	if len(wanted) == 0 {
		t.Error("the case asks for nothing")
	}
	for _, d := range diags {
		i := slices.IndexFunc(wanted, func(w Wanted) bool { return w.Is(d) })
		if i < 0 {
			t.Errorf("not wanted: %s:%d: %s | %s", d.File, d.Start.Line, d.Summary, d.Detail)
			continue
		}
		wanted = slices.Delete(wanted, i, i+1)
	}
	for _, w := range wanted {
		t.Errorf("missing: %s: %s | %s", w.Place, w.Summary, w.Detail)
	}
}

// Is reports whether a diagnostic is the one that is wanted.
func (w Wanted) Is(d hcl.Diagnostic) bool {
	place := ""
	if d.File != "" {
		place = fmt.Sprintf("%s:%d", d.File, d.Start.Line)
	}
	if file, ok := strings.CutSuffix(w.Place, ":*"); ok && file == d.File {
		place = w.Place
	}
	return place == w.Place && (d.Severity == hcl.Warning) == w.Warning && slices.Contains(strings.Split(w.Summary, " || "), d.Summary) && strings.Contains(d.Detail, w.Detail)
}

// Bare is the case without the comments that say what is wanted.
func (c *Case) Bare() *Case {
	bare := *c
	bare.Files = slices.Clone(c.Files)
	for i, f := range c.Files {
		lines := strings.Split(string(f.Data), "\n")
		for j, line := range lines {
			for _, comment := range []string{"# ERROR: ", "# WARNING: "} {
				text, _, found := strings.Cut(line, comment)
				if found {
					end := ""
					if strings.HasSuffix(line, "\r") {
						end = "\r"
					}
					lines[j] = strings.TrimRight(text, " ") + end
				}
			}
		}
		bare.Files[i].Data = []byte(strings.Join(lines, "\n"))
	}
	return &bare
}

// Given are the values of variables that the case is read with, as they are written.
func (c *Case) Given() []string {
	var out []string
	for name, value := range c.vars {
		out = append(out, "-var "+name+"="+value)
	}
	for name, value := range c.env {
		out = append(out, "HOSTCTL_VAR_"+name+"="+value)
	}
	slices.Sort(out)
	return out
}

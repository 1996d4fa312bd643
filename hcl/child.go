package hcl

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"hostctl/resource"
)

// ChildArg is the first argument of the child process: the command hands such
// a start to [ServeChild] before it looks at anything else.
const ChildArg = "internal-evaluate"

// MaxAnswer is the most bytes that a child may answer.
const MaxAnswer = 128 << 20

// Child runs [ServeChild] in a confined process: it gives it the request on
// its standard input and returns what it wrote. The error says why there is no
// answer, and which limit was hit. (The host package's Confined does it.)
type Child func(ctx context.Context, request []byte) ([]byte, error)

// envelope is the first line of a request; the texts of the files follow.
type envelope struct {
	Format     bool              `json:"format,omitempty"`
	Question   *Question         `json:"question,omitempty"`
	Dir        string            `json:"dir,omitempty"`
	Root       string            `json:"root,omitempty"`
	Files      []parcel          `json:"files"`
	AutoFiles  []parcel          `json:"auto_files,omitempty"`
	VarFiles   []parcel          `json:"var_files,omitempty"`
	Tree       []parcel          `json:"tree,omitempty"`
	Unread     []Unread          `json:"unread,omitempty"`
	Vars       map[string]string `json:"vars,omitempty"`
	Env        map[string]string `json:"env,omitempty"`
	Version    string            `json:"version,omitempty"`
	Expression string            `json:"expression,omitempty"`
}

type parcel struct {
	Name string `json:"name"`
	Size int    `json:"size"`
}

func pack(e envelope, s Sources) ([]byte, error) {
	var texts [][]byte
	parcels := func(files []File) (out []parcel) {
		for _, f := range files {
			out = append(out, parcel{f.Name, len(f.Text)})
			texts = append(texts, f.Text)
		}
		return out
	}
	e.Dir, e.Root, e.Unread = s.Dir, s.Root, s.Unread
	e.Files, e.AutoFiles, e.VarFiles, e.Tree = parcels(s.Files), parcels(s.AutoFiles), parcels(s.VarFiles), parcels(s.Tree)
	head, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return append(append(head, '\n'), bytes.Join(texts, nil)...), nil
}

func unpack(in io.Reader) (e envelope, s Sources, err error) {
	r := bufio.NewReaderSize(in, 1<<16)
	head, err := r.ReadBytes('\n')
	if err != nil {
		return e, s, err
	}
	if err := json.Unmarshal(head, &e); err != nil {
		return e, s, err
	}
	read := func(parcels []parcel) (out []File) {
		for _, p := range parcels {
			text := make([]byte, p.Size)
			if _, readErr := io.ReadFull(r, text); readErr != nil {
				err = readErr
			}
			out = append(out, File{p.Name, text})
		}
		return out
	}
	s = Sources{Dir: e.Dir, Root: e.Root, Unread: e.Unread, Files: read(e.Files), AutoFiles: read(e.AutoFiles), VarFiles: read(e.VarFiles), Tree: read(e.Tree)}
	return e, s, err
}

// answer is what the child says: one line of JSON, and the state's JSON behind
// it, so that the bulk is gone through once.
type answer struct {
	Name        string                `json:"name,omitempty"`
	State       json.RawMessage       `json:"-"`
	Outputs     []Output              `json:"outputs,omitempty"`
	Diagnostics Diagnostics           `json:"diagnostics,omitempty"`
	Blocks      []string              `json:"blocks,omitempty"` // of packPlaces
	Places      map[resource.Addr]int `json:"places,omitempty"` // index into Blocks
	Formatted   []File                `json:"formatted,omitempty"`
	Directives  resource.Directives   `json:"directives,omitzero"`
	Value       *Value                `json:"value,omitempty"`
	Needs       []string              `json:"needs,omitempty"`
	Findings    *Findings             `json:"findings,omitempty"`
}

// maxReads is how often a configuration may ask for more of the repository:
// the modules of each depth once, and once the files that they name.
const maxReads = 16

// Load evaluates the request in a child process and checks the answer. What the
// configuration refers to in its repository is read on the way, see
// [Sources.Supply]; [Config.Sources] has it. Text
// that is too long, too deep or not UTF-8 never reaches the child.
func Load(ctx context.Context, child Child, req Request, kinds resource.Kinds) *Config {
	for range maxReads {
		c, ok := load(ctx, child, req, kinds)
		if !ok {
			return c
		}
		if len(c.Needs) == 0 {
			c.check(kinds)
			return c
		}
		sources := c.Sources()
		sources.Supply(c.Needs)
		req.Sources = sources
	}
	c := &Config{sources: &req.Sources}
	c.Diagnostics = Diagnostics{{Severity: Error, Summary: "Configuration asks for files again and again", Detail: fmt.Sprintf("The modules and files that it refers to are read in at most %d rounds.", maxReads)}}
	return c
}

// load is one round of Load; false where there is no answer to look at.
func load(ctx context.Context, child Child, req Request, kinds resource.Kinds) (*Config, bool) {
	c := &Config{sources: &req.Sources}
	c.Diagnostics = append(scanAll(req.Sources), scanGiven(req)...)
	if c.Diagnostics.HasErrors() {
		return c, false
	}
	ans, failed := ask(ctx, child, envelope{Vars: req.Vars, Env: req.Env, Version: req.Version, Expression: req.Expression}, req.Sources)
	if failed != nil {
		c.Diagnostics = Diagnostics{*failed}
		return c, false
	}
	c.Name, c.Outputs, c.Diagnostics, c.Value = ans.Name, ans.Outputs, ans.Diagnostics, ans.Value
	if err := c.accept(ans, kinds); err != nil {
		*c = Config{Name: c.Name, Diagnostics: append(c.Diagnostics, strange(err)), sources: c.sources}
		return c, false
	}
	return c, true
}

// scanGiven checks what stands in no file: values of variables, and the expression.
func scanGiven(req Request) (diags Diagnostics) {
	for prefix, vars := range map[string]map[string]string{varPrefix: req.Vars, envPrefix: req.Env} {
		for name, text := range vars {
			if !utf8.ValidString(name) || !utf8.ValidString(text) {
				diags = append(diags, Diagnostic{Severity: Error, File: prefix + name, Summary: whatBadBytes, Detail: "A value of the command line or the environment is text in UTF-8."})
			}
		}
	}
	if len(req.Expression) > MaxFileBytes {
		diags = append(diags, Diagnostic{Severity: Error, File: expressionName, Summary: whatTooLong})
	} else if _, problem := scan(File{Name: expressionName, Text: []byte(req.Expression)}); problem != nil {
		diags = append(diags, *problem)
	}
	return diags.sorted()
}

// FormatFiles formats files in a child process, see [Format]. Files with
// errors come back as they are.
func FormatFiles(ctx context.Context, child Child, files []File) ([]File, Diagnostics) {
	if diags := scanAll(Sources{Files: files}); diags.HasErrors() {
		return files, diags
	}
	ans, failed := ask(ctx, child, envelope{Format: true}, Sources{Files: files})
	if failed != nil {
		return files, Diagnostics{*failed}
	}
	if len(ans.Formatted) != len(files) {
		return files, Diagnostics{strange(errors.New("files are missing"))}
	}
	for i := range files {
		if ans.Formatted[i].Name != files[i].Name || len(ans.Formatted[i].Text) > 2*MaxFileBytes {
			return files, Diagnostics{strange(errors.New("files are mixed up"))}
		}
	}
	return ans.Formatted, ans.Diagnostics
}

func ask(ctx context.Context, child Child, e envelope, s Sources) (*answer, *Diagnostic) {
	request, err := pack(e, s)
	if err != nil {
		d := strange(err)
		return nil, &d
	}
	out, err := child(ctx, request)
	if err != nil {
		d := Diagnostic{Severity: Error, Summary: "Configuration could not be evaluated",
			Detail: fmt.Sprintf("The confined process that reads the configuration gave no answer: %v.", err)}
		if len(s.Files) == 1 {
			d.File = s.Files[0].Name
		}
		return nil, &d
	}
	ans := new(answer)
	head, state, _ := bytes.Cut(out, []byte("\n"))
	if err := json.Unmarshal(head, ans); err != nil {
		d := strange(err)
		return nil, &d
	}
	ans.State = state
	return ans, nil
}

// bytes is the answer as it is sent.
func (a *answer) bytes() ([]byte, error) {
	head, err := json.Marshal(a)
	return append(append(head, '\n'), a.State...), err
}

// strange is the diagnostic for an answer that our own child would not give.
func strange(err error) Diagnostic {
	return Diagnostic{Severity: Error, Summary: "Configuration could not be evaluated",
		Detail: fmt.Sprintf("The confined process that reads the configuration gave an answer that makes no sense: %s", sentenceOf(err))}
}

// accept takes over the state and the places of an answer, believing nothing.
func (c *Config) accept(ans *answer, kinds resource.Kinds) error {
	if c.Name != "" {
		if err := resource.CheckName(c.Name); err != nil {
			return fmt.Errorf("name %q: %w", c.Name, err)
		}
	}
	if len(ans.Places) > maxResources {
		return errors.New("too many resources")
	}
	if len(ans.State) > 0 {
		state, err := decodeState(ans.State, kinds)
		if err != nil {
			return err
		}
		if !c.Diagnostics.HasErrors() {
			if whole := wholeOf(state); len(whole) < len(state) {
				return errors.New("a resource refers to one that is not there")
			}
		}
		c.State = state
	}
	if len(ans.Needs) == 0 && !c.Diagnostics.HasErrors() && (c.Name == "" || c.State == nil) {
		return errors.New("no state and no reason")
	}
	if err := c.acceptNeeds(ans.Needs); err != nil {
		return err
	}
	if err := trustedDirectives(&ans.Directives, c.State, kinds); err != nil {
		return err
	}
	c.Directives = ans.Directives
	sizes := make(map[string]int, len(c.sources.Files))
	for _, list := range [][]File{c.sources.Files, c.sources.Tree} {
		for _, f := range list {
			sizes[f.Name] = len(f.Text)
		}
	}
	blocks := make([]*places, len(ans.Blocks))
	for i, packed := range ans.Blocks {
		pl, err := unpackPlaces(packed, sizes)
		if err != nil {
			return err
		}
		blocks[i] = pl
	}
	c.places = make(map[resource.Addr]*places, len(ans.Places))
	for addr, i := range ans.Places {
		if i < 0 || i >= len(blocks) {
			return fmt.Errorf("%s has no place", addr)
		}
		c.places[addr] = blocks[i]
	}
	return nil
}

// acceptNeeds takes over what the child asks for: what it was not told of yet.
func (c *Config) acceptNeeds(needs []string) error {
	if len(needs) > MaxFiles {
		return errors.New("too many files are asked for")
	}
	for _, name := range needs {
		if why, bad := badText(name, false); bad || !filepath.IsLocal(name) {
			return fmt.Errorf("the file %q is asked for: %s", name, why)
		}
		if c.sources.has(name) {
			return fmt.Errorf("the file %q is asked for again", name)
		}
	}
	c.Needs = needs
	return nil
}

// decodeState is Kinds.DecodeState for data that is not trusted, several resources at a time.
func decodeState(data []byte, kinds resource.Kinds) (resource.State, error) {
	var raw map[resource.Addr]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, err
	}
	if len(raw) > maxResources {
		return nil, errors.New("too many resources")
	}
	addrs := slices.Collect(maps.Keys(raw))
	specs := make([]resource.Spec, len(addrs))
	workers := runtime.GOMAXPROCS(0)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(addrs) && errs[w] == nil; i += workers {
				if specs[i], errs[w] = kinds.DecodeSpec(addrs[i].Kind, raw[addrs[i]]); errs[w] == nil {
					errs[w] = trusted(addrs[i], specs[i])
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	state := make(resource.State, len(addrs))
	for i, addr := range addrs {
		state[addr] = specs[i]
	}
	return state, nil
}

// packPlaces writes places as lines, which JSON carries cheaply:
// file, context, then for each path "start end path".
func packPlaces(p *places) string {
	var b strings.Builder
	b.WriteString(p.file + "\n" + p.context)
	paths := make([]string, 0, len(p.at))
	for path := range p.at {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	for _, path := range paths {
		at := p.at[path]
		b.WriteByte('\n')
		b.WriteString(strconv.Itoa(at.start))
		b.WriteByte(' ')
		b.WriteString(strconv.Itoa(at.end))
		b.WriteByte(' ')
		b.WriteString(path)
	}
	return b.String()
}

// unpackPlaces is the inverse of packPlaces; sizes are those of the files.
func unpackPlaces(packed string, sizes map[string]int) (*places, error) {
	p := &places{at: map[string]span{}}
	var rest string
	p.file, rest, _ = strings.Cut(packed, "\n")
	p.context, rest, _ = strings.Cut(rest, "\n")
	size := sizes[p.file]
	for line := range strings.SplitSeq(rest, "\n") {
		start, more, _ := strings.Cut(line, " ")
		end, path, ok := strings.Cut(more, " ")
		s, err1 := strconv.Atoi(start)
		e, err2 := strconv.Atoi(end)
		if !ok || err1 != nil || err2 != nil || s < 0 || e < s || e > size {
			return nil, fmt.Errorf("place %q", line)
		}
		p.at[path] = span{s, e}
	}
	return p, nil
}

// ServeChild is the child's side: it limits this process for ever, calls
// confine, reads one request, evaluates it, writes the answer and returns the exit code. confine
// takes from the process what this needs not: files, network, other processes. (The host package's
// ConfineSelf does it.) Near a limit it answers that, and ends the process.
func ServeChild(in io.Reader, out io.Writer, kinds resource.Kinds, confine func() error) int {
	if err := errors.Join(limitSelf(), confine()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	e, sources, err := unpack(in)
	if err != nil {
		return 1
	}
	var answered sync.Mutex
	say := func(ans *answer) int {
		answered.Lock() // for ever: there is one answer
		text, err := ans.bytes()
		if err != nil {
			return 1
		}
		if _, err := out.Write(text); err != nil {
			return 1
		}
		return 0
	}
	go watch(func(d Diagnostic) {
		if src := sources.text(d.File); src != nil {
			d.locate(src)
		}
		os.Exit(say(&answer{Diagnostics: Diagnostics{d}}))
	})
	ans, err := serve(e, sources, kinds)
	if err != nil {
		return 1
	}
	return say(ans)
}

// serve does what a request asks for.
func serve(e envelope, sources Sources, kinds resource.Kinds) (*answer, error) {
	if e.Format {
		ans := new(answer)
		for _, f := range sources.Files {
			text, diags := Format(f)
			ans.Formatted = append(ans.Formatted, File{f.Name, text})
			ans.Diagnostics = append(ans.Diagnostics, diags...)
		}
		return ans, nil
	}
	if e.Question != nil {
		return &answer{Findings: find(sources, *e.Question, kinds)}, nil
	}
	return answerOf(evaluate(Request{Sources: sources, Vars: e.Vars, Env: e.Env, Version: e.Version, Expression: e.Expression}, kinds))
}

// answerOf packs a configuration for the way to the parent.
func answerOf(c *Config) (*answer, error) {
	ans := &answer{Name: c.Name, Outputs: c.Outputs, Diagnostics: c.Diagnostics, Places: make(map[resource.Addr]int, len(c.State)), Directives: c.Directives, Value: c.Value, Needs: c.Needs}
	var err error
	if ans.State, err = json.Marshal(c.State); err != nil {
		return nil, err
	}
	index := map[*places]int{}
	for _, addr := range c.State.Addrs() {
		pl := c.places[addr]
		if _, ok := index[pl]; !ok {
			index[pl] = len(ans.Blocks)
			ans.Blocks = append(ans.Blocks, packPlaces(pl))
		}
		ans.Places[addr] = index[pl]
	}
	return ans, nil
}

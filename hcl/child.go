package hcl

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"

	"hostctl/resource"
)

// ChildArg is the first argument of the child process: the command hands such
// a start to [ServeChild] before it looks at anything else.
const ChildArg = "internal-evaluate"

// MaxAnswer is the most bytes that a child may answer.
const MaxAnswer = 128 << 20

// Child runs [ServeChild] in a confined process: it gives it the request on
// its standard input and returns what it wrote, be it with an error. The error says why there is no
// whole answer, and which limit was hit. (The host package's Confined does it.)
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
	Defaults   Defaults          `json:"defaults,omitempty"`
	Expression string            `json:"expression,omitempty"`
	// Rest says that texts were left out, so that names may be missing.
	Rest bool `json:"rest,omitempty"`
	// Trace asks for the name of each file that is gone into, quoted on a line of its own, before the answer.
	Trace bool `json:"trace,omitempty"`
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
	// Stopped says that a limit was near, and that the one diagnostic says which.
	Stopped bool `json:"stopped,omitempty"`
}

// bytes is the answer as it is sent.
func (a *answer) bytes() ([]byte, error) {
	head, err := json.Marshal(a)
	return append(append(head, '\n'), a.State...), err
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
	seconds := watchCPU
	if e.Rest || e.Trace {
		seconds = watchAgain
	}
	if e.Trace {
		runtime.GOMAXPROCS(1) // one worker: what it went into last is where it is
		progress.trace = out
	}
	go watch(seconds, func(d Diagnostic) {
		if src := sources.text(d.File); src != nil {
			d.locate(src)
		}
		os.Exit(say(&answer{Diagnostics: Diagnostics{d}, Stopped: true}))
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
	return answerOf(evaluate(Request{Sources: sources, Vars: e.Vars, Env: e.Env, Version: e.Version, Defaults: e.Defaults, Expression: e.Expression, rest: e.Rest}, kinds))
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

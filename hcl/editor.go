package hcl

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"hostctl/resource"
)

// Question is what an editor asks of a directory's text at a place in it.
type Question struct {
	Op   string `json:"op"`
	File string `json:"file"`
	At   int    `json:"at"` // byte offset
	// Name is the new name of a rename; "" asks only what would be renamed.
	Name string `json:"name,omitempty"`
}

// What an editor can ask.
const (
	AskCompletion = "completion"
	AskHover      = "hover"
	AskDefinition = "definition"
	AskReferences = "references"
	AskRename     = "rename"
	AskSymbols    = "symbols"
)

// Findings are the answer to a [Question]. All offsets are bytes.
type Findings struct {
	Items   []Item   `json:"items,omitempty"` // of a completion
	Hover   *Hover   `json:"hover,omitempty"`
	Places  []Place  `json:"places,omitempty"` // of a definition, of references, of a rename
	Symbols []Symbol `json:"symbols,omitempty"`
	// Name is the name that a rename is about; Refused says why there can be none.
	Name    string `json:"name,omitempty"`
	Refused string `json:"refused,omitempty"`
	// Needs is what has to be read before there is an answer, see Sources.Supply.
	Needs []string `json:"needs,omitempty"`
}

// Sort tells items, topics and symbols apart.
type Sort string

// The sorts.
const (
	SortBlock     Sort = "block"
	SortAttribute Sort = "attribute"
	SortVariable  Sort = "variable"
	SortLocal     Sort = "local"
	SortOutput    Sort = "output"
	SortModule    Sort = "module"
	SortResource  Sort = "resource"
	SortFunction  Sort = "function"
	SortWord      Sort = "word" // a value, a keyword
)

// Item is one thing that may stand at a place.
type Item struct {
	Label  string `json:"label"`
	Sort   Sort   `json:"sort"`
	Detail string `json:"detail,omitempty"` // its type, in a few words
	// Topic is what the manual has a text of: of a kind's attribute as docs.Text
	// takes it, of the language as [LanguageText] does, of a function its name.
	Topic string `json:"topic,omitempty"`
	Doc   string `json:"doc,omitempty"` // what the configuration itself says of it
	// Insert is what is written; Snippet the same with places to fill in, in the
	// syntax of the Language Server Protocol, "" where there are none.
	Insert  string `json:"insert"`
	Snippet string `json:"snippet,omitempty"`
	First   bool   `json:"first,omitempty"` // what is wanted here
	// Words says that the values that the manual names of the attribute Topic are wanted in its place.
	Words bool `json:"words,omitempty"`
	Start int  `json:"start"` // of what it replaces, up to the place of the question
}

// Hover is what there is to say of a name.
type Hover struct {
	Title string `json:"title"` // as it would be written
	Sort  Sort   `json:"sort"`
	Topic string `json:"topic,omitempty"` // see Item
	Facts string `json:"facts,omitempty"` // type, default, class of change
	Doc   string `json:"doc,omitempty"`   // what the configuration itself says of it
	Value string `json:"value,omitempty"` // where it is constant
	Start int    `json:"start"`
	End   int    `json:"end"`
}

// Place is a range of a file.
type Place struct {
	File     string `json:"file"`
	Start    int    `json:"start"`
	End      int    `json:"end"`
	Declared bool   `json:"declared,omitempty"`
}

// Symbol is one thing that a file declares.
type Symbol struct {
	Name   string   `json:"name"`
	Sort   Sort     `json:"sort"`
	Start  int      `json:"start"`
	End    int      `json:"end"`
	Name0  int      `json:"name_start"`
	Name1  int      `json:"name_end"`
	Within []Symbol `json:"within,omitempty"`
}

// Ask answers a question about sources in a child process. The modules that
// they refer to are read on the way, as in [Load]; the sources that are returned
// have them, and every place in the findings is in one of these.
func Ask(ctx context.Context, child Child, sources Sources, q Question) (*Findings, Sources, error) {
	for range maxReads {
		found, err := answerTo(ctx, child, sources, q)
		if err != nil || len(found.Needs) == 0 {
			return found, sources, err
		}
		sources.Tree, sources.Unread = slices.Clip(sources.Tree), slices.Clip(sources.Unread)
		sources.Supply(found.Needs)
	}
	return nil, sources, errors.New("the modules are too many")
}

func answerTo(ctx context.Context, child Child, sources Sources, q Question) (*Findings, error) {
	if err := tooMuch(sources); err != nil {
		return nil, err
	}
	ans, failed := ask(ctx, child, envelope{Question: &q}, sources)
	if failed != nil {
		return nil, failed
	}
	if ans.Findings == nil {
		return nil, errors.New("the confined process has no answer to the question")
	}
	if err := ans.Findings.check(sources, q); err != nil {
		return nil, fmt.Errorf("the confined process gave an answer that makes no sense: %w", err)
	}
	return ans.Findings, nil
}

// tooMuch refuses text that would not be sent to a child.
func tooMuch(s Sources) error {
	total := 0
	for _, list := range [][]File{s.Files, s.AutoFiles, s.VarFiles, s.Tree} {
		for _, f := range list {
			if total += len(f.Text); len(f.Text) > MaxFileBytes || total > MaxBytes {
				return fmt.Errorf("%s: a file has at most %d MiB, and a configuration %d MiB in all", f.Name, MaxFileBytes>>20, MaxBytes>>20)
			}
		}
	}
	return nil
}

const maxFindings = 100_000 // of one answer

// check believes nothing of an answer.
func (f *Findings) check(s Sources, q Question) error {
	asked := len(s.text(q.File))
	within := func(start, end, size int) error {
		if start < 0 || end < start || end > size {
			return fmt.Errorf("place %d to %d", start, end)
		}
		return nil
	}
	if len(f.Items)+len(f.Places)+len(f.Symbols)+len(f.Needs) > maxFindings {
		return errors.New("too many findings")
	}
	for _, i := range f.Items {
		if err := within(i.Start, q.At, asked); err != nil {
			return err
		}
	}
	if f.Hover != nil {
		if err := within(f.Hover.Start, f.Hover.End, asked); err != nil {
			return err
		}
	}
	for _, p := range f.Places {
		text := s.text(p.File)
		if err := within(p.Start, p.End, len(text)); err != nil {
			return err
		}
		if q.Op == AskRename && string(text[p.Start:p.End]) != f.Name {
			return errors.New("the place of a rename does not hold the name")
		}
	}
	left := maxFindings
	var symbols func([]Symbol) error
	symbols = func(list []Symbol) error {
		if left -= len(list); left < 0 {
			return errors.New("too many symbols")
		}
		for _, x := range list {
			if err := errors.Join(within(x.Start, x.End, asked), within(x.Name0, x.Name1, asked), symbols(x.Within)); err != nil {
				return err
			}
		}
		return nil
	}
	return symbols(f.Symbols)
}

// find answers a question. It is pure.
func find(sources Sources, q Question, kinds resource.Kinds) *Findings {
	w := newWorld(sources, kinds)
	f := w.file(q.File)
	if f == nil || q.At < 0 || q.At > len(f.text) {
		return &Findings{}
	}
	out := &Findings{}
	if q.Op != AskSymbols {
		if out.Needs = w.needs; len(out.Needs) > 0 {
			return out
		}
	}
	switch q.Op {
	case AskCompletion:
		out.Items = w.complete(f, q.At)
	case AskHover:
		out.Hover = w.hover(f, q.At)
	case AskDefinition:
		if o := w.occurrence(f, q.At); o != nil {
			out.Places = w.declared(o)
		} else {
			out.Places = w.moduleFile(f, q.At)
			if out.Places == nil {
				out.Places = w.namedFile(f, q.At)
			}
			out.Needs = w.needs
		}
	case AskReferences:
		if o := w.occurrence(f, q.At); o != nil {
			out.Places = w.references(o.key)
		}
	case AskRename:
		if o := w.occurrence(f, q.At); o != nil {
			out.Name = o.key.name
			out.Places, out.Refused = w.rename(o, q.Name)
		}
	case AskSymbols:
		out.Symbols = w.symbols(f)
	}
	return out
}

// declared are the places of a name's declarations; of a module's name also the start of its directory's first file.
func (w *world) declared(o *occurrence) (places []Place) {
	for _, p := range w.references(o.key) {
		if p.Declared {
			places = append(places, p)
		}
	}
	if o.key.kind == "module" && o.def {
		return append(w.firstFile(o.in), places...)
	}
	return places
}

// moduleFile is where the source of a module block leads.
func (w *world) moduleFile(f *outline, at int) []Place {
	s := f.section(at)
	if s.text != "module" || s.parent != f.body {
		return nil
	}
	if e := s.attr("source"); e != nil && (e.at.holds(at) || e.expr.holds(at)) {
		return w.firstFile(s)
	}
	return nil
}

// namedFile is the file that a source or template attribute names.
func (w *world) namedFile(f *outline, at int) []Place {
	s := f.section(at)
	for _, e := range s.attrs {
		x := w.shape(s).slot(e.text)
		if x == nil || !x.file || !e.expr.holds(at) {
			continue
		}
		text := w.literal(f, e)
		name := path.Join(f.dir, text)
		if text == "" || path.IsAbs(text) || !filepath.IsLocal(name) {
			return nil
		}
		if w.sources.home() != "." && !strings.Contains(name, "/") {
			name = "./" + name // as Sources.Tree spells it
		}
		w.need(name)
		if slices.ContainsFunc(w.sources.Tree, func(f File) bool { return f.Name == name }) {
			return []Place{{File: name}}
		}
	}
	return nil
}

func (w *world) firstFile(module *section) []Place {
	dir, ok := w.moduleDir(module)
	if !ok {
		return nil
	}
	var first string
	for _, f := range w.files {
		if f.dir == dir && (first == "" || f.file < first) {
			first = f.file
		}
	}
	if first == "" {
		return nil
	}
	return []Place{{File: first}}
}

func (w *world) symbols(f *outline) []Symbol {
	var list func(s *section, depth int) []Symbol
	list = func(s *section, depth int) (out []Symbol) {
		for _, b := range s.blocks {
			name := b.at
			if len(b.labels) > 0 {
				name = b.labels[0].at
			}
			x := Symbol{Name: b.title(), Sort: w.sortOf(b), Start: b.at.start, End: min(b.inside.end+1, len(f.text)), Name0: name.start, Name1: name.end}
			if depth < 8 {
				x.Within = list(b, depth+1)
			}
			out = append(out, x)
		}
		if s.text == "locals" {
			for _, e := range s.attrs {
				out = append(out, Symbol{Name: e.text, Sort: SortLocal, Start: e.at.start, End: e.expr.end, Name0: e.at.start, Name1: e.at.end})
			}
		}
		return out
	}
	return list(f.body, 0)
}

// sortOf says what a block is.
func (w *world) sortOf(s *section) Sort {
	switch {
	case s.parent != nil && s.parent.parent != nil:
	case w.isKind(s.text):
		return SortResource
	case s.text == "variable":
		return SortVariable
	case s.text == "output":
		return SortOutput
	case s.text == "module":
		return SortModule
	}
	return SortBlock
}

// IsConfiguration reports whether a file of this name in a directory is read as its configuration.
func IsConfiguration(name string) bool { return isConfiguration(name) }

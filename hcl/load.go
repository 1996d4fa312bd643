package hcl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"hostctl/resource"
)

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
		c.Diagnostics = withRest(ctx, child, req, c.Diagnostics)
		return c, false
	}
	ans, failed := ask(ctx, child, envelope{Vars: req.Vars, Env: req.Env, Version: req.Version, Defaults: req.Defaults, Expression: req.Expression}, req.Sources)
	if failed != nil {
		c.Diagnostics = withRest(ctx, child, req, failed)
		return c, false
	}
	c.Name, c.Outputs, c.Diagnostics, c.Value = ans.Name, ans.Outputs, ans.Diagnostics, ans.Value
	if err := c.accept(ans, kinds); err != nil {
		*c = Config{Name: c.Name, Diagnostics: append(c.Diagnostics, strange(err)), sources: c.sources}
		return c, false
	}
	return c, true
}

// withRest adds to what is wrong with files that could not be evaluated, or not to the end, what is wrong in the others:
// they are looked at once more, without the texts of those.
func withRest(ctx context.Context, child Child, req Request, bad Diagnostics) Diagnostics {
	rest, ok := req.Sources.without(bad)
	if !ok || ctx.Err() != nil {
		return bad
	}
	ans, _ := ask(ctx, child, envelope{Vars: req.Vars, Env: req.Env, Version: req.Version, Defaults: req.Defaults, Rest: true}, rest)
	if ans == nil {
		return bad // two at a time are too many
	}
	for _, d := range ans.Diagnostics {
		if d.File != "" {
			bad = append(bad, d)
		}
	}
	return bad.sorted()
}

// without returns the sources with nothing in the files of the diagnostics; false where those are not
// known, or are all that there is.
func (s Sources) without(bad Diagnostics) (Sources, bool) {
	empty := map[string]bool{}
	for _, d := range bad {
		if s.text(d.File) == nil {
			return s, false
		}
		empty[d.File] = true
	}
	left := false
	for _, list := range []*[]File{&s.Files, &s.AutoFiles, &s.VarFiles, &s.Tree} {
		*list = slices.Clone(*list)
		for i, f := range *list {
			switch {
			case !empty[f.Name]:
				left = true
			case isJSON(f.Name):
				(*list)[i].Text = []byte("{}")
			default:
				(*list)[i].Text = []byte{}
			}
		}
	}
	return s, left
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
	sources := Sources{Files: files}
	bad := scanAll(sources)
	if rest, ok := sources.without(bad); ok {
		sources = rest
	} else if bad.HasErrors() {
		return files, bad
	}
	ans, failed := ask(ctx, child, envelope{Format: true}, sources)
	if failed != nil {
		return files, append(bad, failed...)
	}
	if len(ans.Formatted) != len(files) {
		return files, Diagnostics{strange(errors.New("files are missing"))}
	}
	for i := range files {
		if ans.Formatted[i].Name != files[i].Name || len(ans.Formatted[i].Text) > 2*MaxFileBytes {
			return files, Diagnostics{strange(errors.New("files are mixed up"))}
		}
		if len(sources.Files[i].Text) != len(files[i].Text) { // it was left out
			ans.Formatted[i].Text = files[i].Text
		}
	}
	return ans.Formatted, append(bad, ans.Diagnostics...).sorted()
}

// ask sends a request. The diagnostics, where there are any, are of a child that gave no answer or was stopped near a limit.
func ask(ctx context.Context, child Child, e envelope, s Sources) (*answer, Diagnostics) {
	request, err := pack(e, s)
	if err != nil {
		return nil, Diagnostics{strange(err)}
	}
	out, err := child(ctx, request)
	if err != nil {
		d := Diagnostic{Severity: Error, Summary: "Configuration could not be evaluated",
			Detail: fmt.Sprintf("The confined process that reads the configuration gave no answer: %v.", err)}
		switch {
		case len(s.Files) == 1:
			d.File = s.Files[0].Name
		case e.Trace:
			if name := lastTraced(out); s.text(name) != nil {
				d.File = name
			}
		case ctx.Err() == nil:
			// It ends again, and says before where.
			e.Trace = true
			return ask(ctx, child, e, s)
		}
		return nil, Diagnostics{d}
	}
	for e.Trace && bytes.HasPrefix(out, []byte(`"`)) {
		_, out, _ = bytes.Cut(out, []byte("\n"))
	}
	ans := new(answer)
	head, state, _ := bytes.Cut(out, []byte("\n"))
	if err := json.Unmarshal(head, ans); err != nil {
		return nil, Diagnostics{strange(err)}
	}
	ans.State = state
	if ans.Stopped {
		return nil, ans.Diagnostics
	}
	return ans, nil
}

// lastTraced is the file that a child went into last; "" where it said none.
func lastTraced(out []byte) (name string) {
	for line := range bytes.Lines(out) {
		if text, err := strconv.Unquote(strings.TrimSuffix(string(line), "\n")); err == nil {
			name = text
		}
	}
	return name
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
	if len(ans.Outputs) > maxResources {
		return errors.New("too many outputs")
	}
	for _, o := range ans.Outputs {
		if !hclsyntax.ValidIdentifier(o.Name) || !json.Valid(o.Value) {
			return fmt.Errorf("output %q", o.Name)
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

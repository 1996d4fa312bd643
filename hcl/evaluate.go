package hcl

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"hostctl/resource"
)

// run is what all scopes of one evaluation share.
type run struct {
	req    Request
	kinds  resource.Kinds
	home   string            // the configuration's directory below the repository's root; "." for the root itself
	tree   map[string]*File  // Sources.Tree by name
	unread map[string]string // why a file or directory could not be read
	texts  map[string]*text  // of the modules, by directory
	scopes []*evaluation     // the root and every instance of a module, in the order of their making
	count  int               // instances of modules
}

// evaluation is one scope on its way from text to state: the configuration
// itself, or one instance of a module.
type evaluation struct {
	*run
	config *Config // shared by all scopes, but for those who decode side by side
	// in is the block that is looked at, for the diagnostics.
	in string
	// partial says that a part of the text could not be parsed: names that are
	// missing may stand there.
	partial bool

	module string   // as resource.Addr.Module; "" for the configuration itself
	dir    string   // of the text, below the repository's root
	above  []string // the directories of the modules around, the outermost first

	settings  []*hclsyntax.Block
	variables map[string]*variable
	locals    map[string]*local
	resources map[string]map[string]*declared // by kind and name
	order     []*declared                     // in the order of the text
	modules   map[string]*moduleCall
	outputs   map[string]*output
	checks    map[string]*hclsyntax.Block
	moves     []*hclsyntax.Block // moved, removed and import
	shared    *hcl.EvalContext
	budget    budget // of the expression at hand
	marked    bool   // the value measured last has a sensitive part
}

// Evaluate returns what a configuration means. It is pure: it reads no file,
// no environment and no clock; what it misses of the repository is in
// [Config.Needs]. Evaluate trusts its input to be harmless to
// the process no more than the nesting scan does: time and memory are bounded
// only in the confined child that [Load] uses.
func Evaluate(req Request, kinds resource.Kinds) *Config {
	c := evaluate(req, kinds)
	c.check(kinds)
	return c
}

// evaluate is Evaluate but for the checks that need no text, which [Load]
// makes in the parent.
func evaluate(req Request, kinds resource.Kinds) *Config {
	r := &run{req: req, kinds: kinds, home: req.Sources.home(), tree: map[string]*File{}, unread: map[string]string{}, texts: map[string]*text{}}
	for i := range req.Sources.Tree {
		r.tree[req.Sources.Tree[i].Name] = &req.Sources.Tree[i]
	}
	for _, u := range req.Sources.Unread {
		r.unread[u.Name] = u.Reason
	}
	config := &Config{State: resource.State{}, sources: &req.Sources, places: map[resource.Addr]*places{}}
	e := r.scope(config, "", r.home)
	e.takeIn(e.read(req.Sources.Files))
	e.readSettings()
	e.readVariables(e.fromOutside())
	e.nameValues()
	if len(config.Needs) > 0 {
		// Without the text of every module little can be said of the rest.
		config.sortNeeds()
		config.finish()
		return config
	}
	e.expand()
	e.share()
	e.decodeAll()
	if len(config.Needs) == 0 {
		e.dependModules()
		e.readOutputs()
		e.readMoves()
		e.readChecks()
		e.readExpression()
		e.missNothing()
	}
	config.finish()
	return config
}

// missNothing reports what was left out without a word: a resource that is
// missing in the state is one that the plan would remove.
func (e *evaluation) missNothing() {
	if e.config.Diagnostics.HasErrors() {
		return
	}
	for _, scope := range e.scopes {
		for _, r := range scope.order {
			keys := r.instances()
			if r.state != good || slices.ContainsFunc(keys, func(key string) bool { return e.config.State[r.addr(key)] == nil }) {
				scope.fail(r.block.DefRange(), "Block cannot be understood", "This is a bug in hostctl: why is not known.")
			}
		}
	}
}

// scope makes the scope of a module's instance.
func (r *run) scope(config *Config, module, dir string) *evaluation {
	e := &evaluation{
		run: r, config: config, module: module, dir: dir,
		variables: map[string]*variable{},
		locals:    map[string]*local{},
		resources: make(map[string]map[string]*declared, len(r.kinds)),
		modules:   map[string]*moduleCall{},
		outputs:   map[string]*output{},
		checks:    map[string]*hclsyntax.Block{},
	}
	for _, k := range r.kinds {
		e.resources[k.Name] = map[string]*declared{}
	}
	r.scopes = append(r.scopes, e)
	return e
}

// text is the parsed text of one directory. The instances of a module share
// it, and are evaluated one after the other.
type text struct {
	pieces  []*piece
	partial bool // a part of it could not be parsed
	ok      bool // there is a text
}

// read scans and parses files, and reports what is wrong with them.
func (e *evaluation) read(all []File) *text {
	t := &text{ok: true, partial: e.req.rest}
	files := make([]File, 0, len(all))
	var chunks [][]chunk
	var fromJSON []*piece
	for _, f := range all {
		if isJSON(f.Name) {
			fromJSON = append(fromJSON, pieceFromJSON(f, e.kinds))
			continue
		}
		cut, problem := scan(f)
		if problem != nil {
			e.config.Diagnostics = append(e.config.Diagnostics, *problem)
			t.partial = true
			continue
		}
		files, chunks = append(files, f), append(chunks, cut)
	}
	t.pieces = append(parse(files, chunks), fromJSON...)
	for _, p := range t.pieces {
		e.fromHCL(p.errors())
		t.partial = t.partial || p.broken >= 0
	}
	return t
}

// takeIn declares the names of a text in the scope.
func (e *evaluation) takeIn(t *text) {
	e.partial = t.partial
	for _, p := range t.pieces {
		e.declare(p)
	}
}

package hcl

import (
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostctl/resource"
)

// Limits on modules.
const (
	maxModuleDepth = 8    // modules within one another
	maxInstances   = 2000 // of all modules together
)

// moduleCall is one module block.
type moduleCall struct {
	repeated
	name      string
	block     *hclsyntax.Block
	dir       string // of its text, below the repository's root
	broken    bool
	instances map[string]*evaluation // by key
	state     progressOf
}

// node is the name of the module in the graph of named values.
func (m *moduleCall) node() string { return "module." + m.name }

// step is one instance in an address.
func (m *moduleCall) step(key string) resource.ModuleStep {
	return resource.ModuleStep{Name: m.name, Key: key}
}

// inputs are the attributes that give the module's variables their values.
func (m *moduleCall) inputs() []*hclsyntax.Attribute {
	return slices.DeleteFunc(attributes(m.block.Body), func(a *hclsyntax.Attribute) bool { return slices.Contains(moduleArguments, a.Name) })
}

// needs are the expressions that must have values before there are instances.
func (m *moduleCall) needs() []need {
	var out []need
	if a := m.attr(); a != nil {
		out = append(out, need{expr: a.Expr})
	}
	for _, a := range m.inputs() {
		out = append(out, need{a.Expr, m.within()})
	}
	return out
}

// value is what the module's name stands for: an object of its outputs; with
// for_each an object of these by key, with count a list of them.
func (m *moduleCall) value() value {
	if !m.many() {
		return m.instances[""].outputObject()
	}
	objects := make(map[string]value, len(m.keys))
	list := make([]value, len(m.keys))
	for i, key := range m.keys {
		list[i] = m.instances[key].outputObject()
		objects[key] = list[i]
	}
	if m.count != nil {
		return cty.TupleVal(list)
	}
	return cty.ObjectVal(objects)
}

func (e *evaluation) outputObject() value {
	values := make(map[string]value, len(e.outputs))
	for name, o := range e.outputs {
		values[name] = o.value
	}
	return cty.ObjectVal(values)
}

// lookupModule returns the module that a traversal begins with, or nil.
func (e *evaluation) lookupModule(t hcl.Traversal) *moduleCall {
	if len(t) < 2 || t.RootName() != "module" {
		return nil
	}
	step, ok := t[1].(hcl.TraverseAttr)
	if !ok {
		return nil
	}
	return e.modules[step.Name]
}

// checkModuleSteps checks what stands behind the name of a module: a key, and an output.
func (e *evaluation) checkModuleSteps(t hcl.Traversal, m *moduleCall) bool {
	rest := t[2:]
	if len(rest) == 0 {
		return true
	}
	if m.many() {
		switch step := rest[0].(type) {
		case hcl.TraverseIndex:
			if !e.checkKey(&m.repeated, m.node(), step, t.SourceRange()) {
				return false
			}
			rest = rest[1:]
		case hcl.TraverseAttr:
			why := "It has for_each. Name one of them by its key: write %s[\"KEY\"].%s."
			if m.count != nil {
				why = "It has count. Name one of them by its index: write %s[0].%s."
			}
			e.fail(t.SourceRange(), fmt.Sprintf("%s stands for several instances", m.node()), fmt.Sprintf(why, m.node(), step.Name))
			return false
		}
	} else if _, isIndex := rest[0].(hcl.TraverseIndex); isIndex {
		e.fail(t.SourceRange(), fmt.Sprintf("%s is one instance", m.node()), fmt.Sprintf("It has no for_each and no count, and so no keys; write %s.OUTPUT.", m.node()))
		return false
	}
	if len(rest) == 0 {
		return true
	}
	text := e.texts[m.dir]
	step, isName := rest[0].(hcl.TraverseAttr)
	if !isName || text == nil {
		return true
	}
	names := outputNames(text)
	if slices.Contains(names, step.Name) || text.partial {
		return true
	}
	e.fail(t.SourceRange(), fmt.Sprintf("%s has no output %q", m.node(), step.Name), fmt.Sprintf("An output block in %s makes one.%s", m.dir, sentence(step.Name, names)))
	return false
}

func outputNames(t *text) []string {
	var names []string
	for _, p := range t.pieces {
		for _, b := range p.body.Blocks {
			if b.Type == "output" && len(b.Labels) == 1 {
				names = append(names, b.Labels[0])
			}
		}
	}
	return names
}

func (e *evaluation) declareModule(name string, b *hclsyntax.Block, broken bool) {
	if before, dup := e.modules[name]; dup {
		e.again(b, before.block, !broken)
		return
	}
	m := &moduleCall{name: name, block: b, broken: broken, state: bad, instances: map[string]*evaluation{}}
	e.modules[name] = m
	if len(e.modules) > maxInstances {
		// Their texts are not even asked for.
		if len(e.modules) == maxInstances+1 {
			e.tooManyInstances(b)
		}
		return
	}
	if broken {
		return
	}
	for _, inner := range b.Body.Blocks {
		e.fail(inner.TypeRange, fmt.Sprintf("Unknown block %q", inner.Type), "A module block has the attributes \"source\", \"for_each\", \"count\", \"depends_on\" and the module's variables, and no blocks.")
	}
	var ok, repeats bool
	m.repeated, repeats = e.repeat(b.Body, true)
	if m.dir, ok = e.sourceOf(b); ok && repeats && len(b.Body.Blocks) == 0 {
		if t := e.moduleText(m.dir, b, append(slices.Clip(e.above), e.dir)); t.ok {
			m.state = untouched
		}
	}
}

func (e *evaluation) tooManyInstances(b *hclsyntax.Block) {
	e.fail(b.DefRange(), "Too many instances of modules", fmt.Sprintf("A configuration has at most %d of them, all modules together.", maxInstances))
}

// sourceOf is the directory that a module block names.
func (e *evaluation) sourceOf(b *hclsyntax.Block) (string, bool) {
	a := b.Body.Attributes["source"]
	if a == nil {
		e.fail(b.DefRange(), "Missing attribute \"source\"", "It is the module's directory; write source = \"./modules/NAME\".")
		return "", false
	}
	text, ok := e.constantText(a, "The source of a module")
	if !ok {
		return "", false
	}
	const local = "A module is a directory of this repository: write a path that begins with ./ or ../, such as \"./modules/web\"."
	if text != "." && text != ".." && !strings.HasPrefix(text, "./") && !strings.HasPrefix(text, "../") {
		e.fail(a.Expr.Range(), "Invalid source of a module", local)
		return "", false
	}
	if _, why := e.below(text); why != "" {
		e.fail(a.Expr.Range(), "Invalid source of a module", why)
		return "", false
	}
	return path.Join(e.dir, text), true
}

// moduleText returns the parsed text of a module's directory; above are the
// directories that lead to it.
func (e *evaluation) moduleText(dir string, b *hclsyntax.Block, above []string) *text {
	at := b.Body.Attributes["source"].Expr.Range()
	if i := slices.Index(above, dir); i >= 0 {
		e.fail(at, "Modules use one another in a circle", strings.Join(append(slices.Clone(above[i:]), dir), " -> ")+". A module cannot be a part of itself.")
		return &text{}
	}
	if len(above) > maxModuleDepth {
		e.fail(at, "Modules nest too deeply", fmt.Sprintf("Modules stand at most %d deep within one another.", maxModuleDepth))
		return &text{}
	}
	name := dir + "/"
	switch {
	case e.unread[name] != "":
		e.fail(at, "Module cannot be read", fmt.Sprintf("%s: %s", dir, e.unread[name]))
		return &text{}
	case e.tree[name] == nil:
		e.need(at, name)
		return &text{}
	}
	t := e.texts[dir]
	if t == nil {
		var files []File
		for _, f := range e.req.Sources.Tree {
			if path.Dir(path.Clean(f.Name)) == dir && isConfiguration(path.Base(f.Name)) {
				files = append(files, f)
			}
		}
		t = e.read(files)
		e.texts[dir] = t
	}
	// What the module needs itself is asked for in the same round, also where
	// this one is not to be made yet.
	inner := &evaluation{run: e.run, config: e.config, dir: dir, in: "module " + dir}
	for _, p := range t.pieces {
		for _, b := range p.body.Blocks {
			if b.Type != "module" || !p.intact(hcl.RangeBetween(b.TypeRange, b.CloseBraceRange)) || b.Body.Attributes["source"] == nil {
				continue
			}
			if next, ok := inner.sourceOf(b); ok {
				inner.moduleText(next, b, append(slices.Clip(above), dir))
			}
		}
	}
	return t
}

// instantiate makes the instances of a module whose needs have values.
func (e *evaluation) instantiate(m *moduleCall, u uses) bool {
	if !e.spreadBy(&m.repeated, u) {
		return false
	}
	shared := e.context(u)
	ok := true
	for _, key := range m.repeated.instances() {
		if e.count++; e.count > maxInstances {
			if e.count == maxInstances+1 {
				e.tooManyInstances(m.block)
			}
			return false
		}
		from := inputs{parent: e, call: m, given: map[string]value{}, at: map[string]hcl.Range{}}
		ctx := m.repeated.context(shared, key)
		for _, a := range m.inputs() {
			v, fine := e.eval(a.Expr, ctx)
			if ok = ok && fine; fine {
				from.given[a.Name] = v
			}
			from.at[a.Name] = a.Expr.Range()
		}
		step := m.step(key).String()
		if e.module != "" {
			step = e.module + "." + step
		}
		child := e.run.scope(e.config, step, m.dir)
		child.above = append(slices.Clip(e.above), e.dir)
		m.instances[key] = child
		child.takeIn(e.texts[m.dir])
		from.unknown(child)
		child.readVariables(from)
		child.nameValues()
		child.share()
		ok = child.makeOutputs() && ok
	}
	return ok && !e.texts[m.dir].partial // an output may stand in the part that was not understood
}

// inputs give a module's variables the values of the module block.
type inputs struct {
	parent *evaluation
	call   *moduleCall
	given  map[string]value
	at     map[string]hcl.Range
}

// unknown reports the attributes that no variable of the module takes.
func (i inputs) unknown(child *evaluation) {
	names := slices.Sorted(maps.Keys(child.variables))
	for _, a := range i.call.inputs() {
		if child.variables[a.Name] == nil && !child.partial {
			i.parent.fail(a.NameRange, fmt.Sprintf("The module has no variable %q", a.Name),
				fmt.Sprintf("A variable block in %s declares one.%s", i.call.dir, sentence(a.Name, append(names, moduleArguments...))))
		}
	}
}

// give implements giver.
func (i inputs) give(e *evaluation, v *variable) (value, hcl.Range, bool) {
	at, written := i.at[v.name]
	if !written {
		return none, at, true
	}
	val, ok := i.given[v.name]
	e.in = i.parent.in
	return val, at, ok
}

// missing implements giver.
func (i inputs) missing(_ *evaluation, v *variable) {
	i.parent.fail(i.call.block.DefRange(), fmt.Sprintf("Missing attribute %q", v.name),
		fmt.Sprintf("The module's variable %q has no default (%s); write %s = VALUE.", v.name, where(v.block.DefRange()), v.name))
}

// makeOutputs gives every output of a scope its value, and reports whether all have one.
func (e *evaluation) makeOutputs() bool {
	ok := true
	for _, name := range slices.Sorted(maps.Keys(e.outputs)) {
		o := e.outputs[name]
		if o.state == bad {
			ok = false
			continue
		}
		e.in = e.title(o.block)
		o.state = bad
		if e.makeOutput(o) {
			o.state = good
		} else {
			ok = false
		}
	}
	e.in = ""
	return ok
}

func (e *evaluation) makeOutput(o *output) bool {
	ok := e.shape(o.block, []string{"value", "description", "sensitive"}, []string{"precondition"}, []string{"value"})
	body := o.block.Body
	if a := body.Attributes["description"]; a != nil {
		_, fine := e.constantText(a, "A description")
		ok = ok && fine
	}
	secret := false
	if a := body.Attributes["sensitive"]; a != nil {
		var fine bool
		secret, fine = e.constantBool(a)
		ok = ok && fine
	}
	for _, b := range body.Blocks {
		if b.Type != "precondition" {
			continue
		}
		v, message := e.test(b, within{}, e.shared)
		if v == fails {
			e.fail(b.Body.Attributes["condition"].Expr.Range(), "Precondition failed", message)
		}
		ok = ok && v == holds
	}
	a := body.Attributes["value"]
	if a == nil {
		return false
	}
	v, fine := e.found(a.Expr, within{}, e.shared)
	if !fine {
		return false
	}
	if secret {
		v = v.Mark(sensitiveMark)
	} else if e.module == "" && e.marked {
		e.fail(a.Expr.Range(), "Output is sensitive", "A sensitive value has a part in it. Write sensitive = true in the output: it is then shown as "+hiddenValue+".")
		return false
	}
	o.value = v
	return ok
}

// dependModules adds to every resource of a module with depends_on what it
// names: to the attribute depends_on of those that have one.
func (e *evaluation) dependModules() {
	var addrs []resource.Addr
	for _, scope := range e.scopes {
		for _, name := range slices.Sorted(maps.Keys(scope.modules)) {
			m := scope.modules[name]
			a := m.block.Body.Attributes["depends_on"]
			if a == nil || m.broken {
				continue
			}
			scope.in = scope.title(m.block)
			targets, ok := scope.dependTargets(m, a.Expr)
			if !ok || m.state != good {
				continue
			}
			if addrs == nil {
				addrs = e.config.State.Addrs()
			}
			var all []resource.Addr
			for _, addr := range addrs {
				if slices.ContainsFunc(targets, func(t resource.Target) bool { return t.Covers(addr) }) {
					all = append(all, addr)
				}
			}
			self := resource.JoinModules(append(stepsOf(scope.module), resource.ModuleStep{Name: m.name}))
			for _, addr := range addrs {
				if rest, inside := strings.CutPrefix(addr.Module, self); inside && (rest == "" || rest[0] == '.' || rest[0] == '[') {
					e.depend(addr, all)
				}
			}
		}
		scope.in = ""
	}
}

// stepsOf are the steps of a module's instance.
func stepsOf(module string) []resource.ModuleStep { return resource.Addr{Module: module}.Modules() }

// dependTargets reads a module's depends_on: resources and modules.
func (e *evaluation) dependTargets(m *moduleCall, expr hclsyntax.Expression) ([]resource.Target, bool) {
	list, ok := expr.(*hclsyntax.TupleConsExpr)
	if !ok {
		e.fail(expr.Range(), "Invalid value for \"depends_on\"", "A list is wanted, such as [module.db, container.web].")
		return nil, false
	}
	var out []resource.Target
	for _, item := range list.Exprs {
		t, ok := e.target(item, true)
		if !ok {
			return nil, false
		}
		switch {
		case t.Kind == "" && len(t.Modules) == len(stepsOf(e.module))+1 && t.Modules[len(t.Modules)-1].Name == m.name:
			e.fail(item.Range(), "Invalid value for \"depends_on\"", "A module cannot depend on itself.")
			return nil, false
		case e.unclear(t):
			return nil, false
		case !e.declares(t):
			e.fail(item.Range(), fmt.Sprintf("%s does not exist", t), "depends_on names resources and modules of the same configuration.")
			return nil, false
		}
		out = append(out, t)
	}
	return out, true
}

// depend adds addresses to a resource's depends_on, those that can stand there.
func (e *evaluation) depend(addr resource.Addr, more []resource.Addr) {
	spec := e.config.State[addr]
	a := resource.SchemaOf(spec).Attr("depends_on")
	if a == nil || a.Form != resource.List || a.Ref == "" {
		return
	}
	f := a.Value(reflect.ValueOf(spec).Elem())
	list, ok := f.Interface().([]resource.Dependency)
	if !ok {
		return
	}
	list = slices.Clone(list)
	for _, to := range more {
		if to.Kind == a.Ref && to != addr && !slices.ContainsFunc(list, func(d resource.Dependency) bool { return d.To == to }) {
			list = append(list, resource.Dependency{To: to})
		}
	}
	f.Set(reflect.ValueOf(list))
}

package hcl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostctl/resource"
)

// target reads an address that is written as a name, or in quotes. It is
// relative to the scope.
func (e *evaluation) target(expr hclsyntax.Expression, modules bool) (resource.Target, bool) {
	wrong := func(detail string) (resource.Target, bool) {
		e.fail(expr.Range(), "Invalid address", detail)
		return resource.Target{}, false
	}
	want := "Write the name of a resource, such as container.web or container.worker[\"mail\"]"
	if modules {
		want += ", or of a module, such as module.site"
	}
	t, ok := traversalOf(expr)
	if !ok {
		return wrong(want + ".")
	}
	var text strings.Builder
	for _, step := range t {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			text.WriteString(step.Name)
		case hcl.TraverseAttr:
			text.WriteString("." + step.Name)
		case hcl.TraverseIndex:
			switch step.Key.Type() {
			case cty.String:
				fmt.Fprintf(&text, "[%q]", step.Key.AsString())
			default:
				fmt.Fprintf(&text, "[%s]", numberText(step.Key.AsBigFloat()))
			}
		}
	}
	target, err := resource.ParseTarget(text.String())
	if err != nil || !modules && target.Kind == "" {
		return wrong(want + ".")
	}
	if _, known := e.kinds.Lookup(target.Kind); target.Kind != "" && !known {
		return wrong(fmt.Sprintf("%q is no kind of resource; the kinds are %s.%s", target.Kind, quoteList(e.kinds.Names()), sentence(target.Kind, e.kinds.Names())))
	}
	target.Modules = append(stepsOf(e.module), target.Modules...)
	return target, true
}

// declares reports whether the configuration has what a target names: a
// resource, a block, a module or an instance of it.
func (r *run) declares(t resource.Target) bool {
	scope := r.scopes[0]
	for i, step := range t.Modules {
		m := scope.modules[step.Name]
		if m == nil {
			return false
		}
		if i == len(t.Modules)-1 && t.Kind == "" && step.Key == "" {
			return true
		}
		if scope = m.instances[step.Key]; scope == nil {
			return false
		}
	}
	d := scope.resources[t.Kind][t.Name]
	return t.Kind == "" || d != nil && (t.Key == "" || slices.Contains(d.keys, t.Key))
}

// unclear reports whether what a target names has an error of its own, or may
// stand in text that was not understood: nothing more is said of it.
func (r *run) unclear(t resource.Target) bool {
	scope := r.scopes[0]
	for _, step := range t.Modules {
		m := scope.modules[step.Name]
		if m == nil {
			return scope.partial
		}
		if m.state != good {
			return true
		}
		if scope = m.instances[step.Key]; scope == nil {
			return false
		}
	}
	d := scope.resources[t.Kind][t.Name]
	return t.Kind != "" && (d == nil && scope.partial || d != nil && d.state != good)
}

// many reports whether a target that is declared names a block or a module that
// makes instances by key, and not one of them.
func (r *run) many(t resource.Target) bool {
	scope := r.scopes[0]
	for i, step := range t.Modules {
		m := scope.modules[step.Name]
		if i == len(t.Modules)-1 && t.Kind == "" {
			return step.Key == "" && m.many()
		}
		scope = m.instances[step.Key]
	}
	return t.Key == "" && scope.resources[t.Kind][t.Name].many()
}

// move is a moved block.
type move struct {
	resource.Move
	scope *evaluation
	block *hclsyntax.Block
}

// readMoves reads the moved, removed and import blocks of every scope.
func (e *evaluation) readMoves() {
	var moves []move
	removed := map[string]hcl.Range{}
	imports := map[resource.Addr]hcl.Range{}
	for _, scope := range e.scopes {
		for _, b := range scope.moves {
			scope.in = scope.title(b)
			switch b.Type {
			case "moved":
				if m, ok := scope.readMoved(b); ok {
					moves = append(moves, m)
				}
			case "removed":
				scope.readRemoved(b, removed)
			case "import":
				scope.readImport(b, imports)
			}
		}
		scope.in = ""
	}
	slices.SortFunc(e.config.Directives.Imports, func(a, b resource.Import) int { return a.To.Compare(b.To) })
	e.orderMoves(moves)
}

func (e *evaluation) readMoved(b *hclsyntax.Block) (move, bool) {
	m := move{scope: e, block: b}
	if !e.shape(b, []string{"from", "to"}, nil, []string{"from", "to"}) {
		return m, false
	}
	var ok1, ok2 bool
	m.From, ok1 = e.target(b.Body.Attributes["from"].Expr, true)
	m.To, ok2 = e.target(b.Body.Attributes["to"].Expr, true)
	if !ok1 || !ok2 {
		return m, false
	}
	if m.From.Kind != m.To.Kind {
		what := func(t resource.Target) string {
			if t.Kind == "" {
				return "a module"
			}
			return "a " + t.Kind
		}
		e.fail(b.Body.Attributes["to"].Expr.Range(), "Moved to another kind", fmt.Sprintf("%s is %s and %s is %s; what is moved stays what it is.", m.From, what(m.From), m.To, what(m.To)))
		return m, false
	}
	return m, true
}

func (e *evaluation) readRemoved(b *hclsyntax.Block, before map[string]hcl.Range) {
	if !e.shape(b, []string{"from"}, nil, []string{"from"}) {
		return
	}
	at := b.Body.Attributes["from"].Expr.Range()
	t, ok := e.target(b.Body.Attributes["from"].Expr, true)
	if !ok {
		return
	}
	if first, dup := before[t.String()]; dup {
		e.fail(at, fmt.Sprintf("%s is removed twice", t), "It was before at "+where(first)+".")
		return
	}
	before[t.String()] = at
	if e.unclear(t) {
		return
	}
	if e.declares(t) {
		e.fail(at, fmt.Sprintf("%s is declared", t), "removed forgets what is no longer in the configuration; take out its block, or this one.")
		return
	}
	e.config.Directives.Removed = append(e.config.Directives.Removed, t)
}

func (e *evaluation) readImport(b *hclsyntax.Block, before map[resource.Addr]hcl.Range) {
	if e.module != "" {
		e.fail(b.DefRange(), "import stands in a module", "Write it in the configuration itself, with to = module.NAME.KIND.NAME.")
		return
	}
	if !e.shape(b, []string{"to", "id"}, nil, []string{"to", "id"}) {
		return
	}
	to, id := b.Body.Attributes["to"].Expr, b.Body.Attributes["id"].Expr
	t, ok := e.target(to, false)
	if !ok {
		return
	}
	addr := resource.Addr{Module: resource.JoinModules(t.Modules), Kind: t.Kind, Name: t.Name, Key: t.Key}
	switch {
	case e.unclear(t):
		return
	case !e.declares(t):
		e.fail(to.Range(), fmt.Sprintf("%s does not exist", t), fmt.Sprintf("What is imported becomes a resource of the configuration; declare it with %s %q { ... }.", t.Kind, t.Name))
		return
	case e.many(t):
		e.fail(to.Range(), fmt.Sprintf("%s stands for several resources", t), "Name one of them by its key.")
		return
	}
	if first, dup := before[addr]; dup {
		e.fail(to.Range(), fmt.Sprintf("%s is imported twice", t), "It was before at "+where(first)+".")
		return
	}
	before[addr] = to.Range()
	v, ok := e.found(id, within{}, e.shared)
	if !ok {
		return
	}
	wrong := func(detail string) { e.fail(id.Range(), "Invalid value for \"id\"", detail) }
	switch {
	case e.marked:
		wrong("It is sensitive, and everybody sees the name of an object on the host.")
	case v.IsNull() || v.Type() != cty.String && v.Type() != cty.Number:
		wrong("It is the object's name on the host, as text, not " + article(v) + ".")
	default:
		text, why := plainText(v)
		if bad, is := badText(text, false); is {
			why = bad
		}
		if why != "" || text == "" {
			wrong("It is the object's name on the host. " + why)
			return
		}
		e.config.Directives.Imports = append(e.config.Directives.Imports, resource.Import{To: addr, ID: text})
	}
}

// orderMoves checks the moves against one another and against what is declared,
// and puts them in the order in which they are followed.
func (e *evaluation) orderMoves(moves []move) {
	from, to := map[string]int{}, map[string]int{}
	for i, m := range moves {
		m.scope.in = m.scope.title(m.block)
		at := m.block.Body.Attributes["from"].Expr.Range()
		atTo := m.block.Body.Attributes["to"].Expr.Range()
		f, t := m.From.String(), m.To.String()
		if f == t {
			m.scope.fail(atTo, fmt.Sprintf("%s is moved to itself", f), "Take the block out.")
			return
		}
		if first, dup := from[f]; dup {
			m.scope.fail(at, fmt.Sprintf("%s is moved twice", f), "It was before at "+where(moves[first].block.DefRange())+".")
			return
		}
		if first, dup := to[t]; dup {
			m.scope.fail(atTo, fmt.Sprintf("Two moves lead to %s", t), "The other is at "+where(moves[first].block.DefRange())+".")
			return
		}
		from[f], to[t] = i, i
	}
	// One move comes before another that takes its place further: the same
	// place, what is within it, or what it is within.
	next := make([][]int, len(moves))
	waits := make([]int, len(moves))
	edge := func(a, b int) {
		if a != b && !slices.Contains(next[a], b) {
			next[a], waits[b] = append(next[a], b), waits[b]+1
		}
	}
	for i, m := range moves {
		for _, around := range around(m.From) {
			if before, ok := to[around]; ok {
				edge(before, i)
			}
		}
		for _, around := range around(m.To) {
			if after, ok := from[around]; ok {
				edge(i, after)
			}
		}
	}
	var order, ready []int
	for i := range moves {
		if waits[i] == 0 {
			ready = append(ready, i)
		}
	}
	for len(ready) > 0 {
		i := ready[0]
		ready = ready[1:]
		order = append(order, i)
		for _, after := range next[i] {
			if waits[after]--; waits[after] == 0 {
				ready = append(ready, after)
			}
		}
	}
	if len(order) < len(moves) {
		e.moveLoop(moves, next, waits)
		return
	}
	for _, i := range order {
		m := moves[i]
		m.scope.in = m.scope.title(m.block)
		if !m.scope.checkMove(m, from) {
			continue
		}
		e.config.Directives.Moved = append(e.config.Directives.Moved, m.Move)
	}
}

// around are a target and all that has it within, as their texts.
func around(t resource.Target) []string {
	out := []string{t.String()}
	if t.Kind != "" {
		if t.Key != "" {
			t.Key = ""
			out = append(out, t.String())
		}
		t.Kind, t.Name = "", ""
		if len(t.Modules) > 0 {
			out = append(out, t.String())
		}
	}
	for n := len(t.Modules); n > 0; n-- {
		steps := slices.Clone(t.Modules[:n])
		out = append(out, resource.JoinModules(steps))
		steps[n-1].Key = ""
		out = append(out, resource.JoinModules(steps))
	}
	return slices.Compact(out)
}

// moveLoop names the moves that lead in a circle.
func (e *evaluation) moveLoop(moves []move, next [][]int, waits []int) {
	// Whatever waits does so for another that waits: going back from one to the
	// next comes into a circle.
	at := slices.IndexFunc(waits, func(n int) bool { return n > 0 })
	var path []int
	for !slices.Contains(path, at) {
		path = append(path, at)
		for before, after := range next {
			if waits[before] > 0 && slices.Contains(after, at) {
				at = before
				break
			}
		}
	}
	path = path[slices.Index(path, at):]
	slices.Reverse(path)
	first := slices.Index(path, slices.Min(path))
	path = append(path[first:], path[:first]...)
	m := moves[path[0]]
	var names []string
	for _, i := range path {
		names = append(names, moves[i].From.String())
	}
	names = append(names, moves[path[0]].From.String())
	m.scope.in = m.scope.title(m.block)
	m.scope.fail(m.block.DefRange(), "Moves lead in a circle", strings.Join(names, " -> ")+". Take one of them out.")
}

// checkMove checks that a move leads from what is no longer declared to what is.
func (e *evaluation) checkMove(m move, from map[string]int) bool {
	at := m.block.Body.Attributes["from"].Expr.Range()
	if e.unclear(m.From) || e.unclear(m.To) {
		return false
	}
	if e.declares(m.From) && !e.freed(m) {
		e.fail(at, fmt.Sprintf("%s is still declared", m.From), fmt.Sprintf("What is moved cannot stay where it was. Take out its block, or rename it to %s.", m.To))
		return false
	}
	if e.declares(m.To) {
		return true
	}
	for _, place := range around(m.To) {
		if _, goesOn := from[place]; goesOn {
			return true
		}
	}
	e.fail(m.block.Body.Attributes["to"].Expr.Range(), fmt.Sprintf("%s is not declared", m.To), "What is moved becomes a resource of the configuration; declare it.")
	return false
}

// freed reports whether the place that a move starts from, of which a block or
// module is still declared, has no resource all the same: the block got
// for_each or count, and its only resource becomes one of many.
func (e *evaluation) freed(m move) bool {
	if m.From.Kind != "" {
		return m.From.Key == "" && e.many(m.From) && m.To.Key != "" && m.To.Name == m.From.Name && resource.JoinModules(m.To.Modules) == resource.JoinModules(m.From.Modules)
	}
	last := len(m.From.Modules) - 1
	return m.From.Modules[last].Key == "" && e.many(m.From) && len(m.To.Modules) == last+1 && m.To.Modules[last].Key != "" && m.To.Modules[last].Name == m.From.Modules[last].Name
}

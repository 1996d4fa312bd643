package hcl

import (
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"hostctl/resource"
)

// expand counts the resources that the blocks make.
func (e *evaluation) expand() {
	total := 0
	for _, scope := range e.scopes {
		for _, r := range scope.order {
			if total += len(r.instances()); total > maxResources {
				e.fail(r.block.DefRange(), "Too many resources", fmt.Sprintf("A configuration has at most %d resources.", maxResources))
				for _, scope := range e.scopes {
					for _, r := range scope.order {
						r.state = bad
					}
				}
				return
			}
		}
	}
}

// portion is a part of the work of one worker: blocks of one scope.
type portion struct {
	scope  *evaluation
	blocks []*declared
}

// decodeAll makes the specs of all resources, several at a time. The blocks of
// the configuration itself are divided among the workers; the instances of one
// module, which have one text, stay with one.
func (e *evaluation) decodeAll() {
	const few = 32
	blocks := 0
	for _, scope := range e.scopes {
		blocks += len(scope.order)
	}
	workers := max(1, min(runtime.GOMAXPROCS(0), blocks/few))
	portions := make([][]portion, workers)
	of := map[string]int{} // worker by the module's directory
	for _, scope := range e.scopes {
		if scope.module == "" {
			for i := range workers {
				portions[i] = append(portions[i], portion{scope, scope.order[i*len(scope.order)/workers : (i+1)*len(scope.order)/workers]})
			}
			continue
		}
		w, ok := of[scope.dir]
		if !ok {
			w = len(of) % workers
			of[scope.dir] = w
		}
		portions[w] = append(portions[w], portion{scope, scope.order})
	}
	parts := make([]*Config, workers)
	var wg sync.WaitGroup
	for i := range workers {
		parts[i] = &Config{Name: e.config.Name, State: resource.State{}, places: map[resource.Addr]*places{}, sources: e.config.sources}
		wg.Go(func() {
			for _, p := range portions[i] {
				own := *p.scope
				own.config = parts[i]
				for _, r := range p.blocks {
					own.decode(r)
					if own.module == "" {
						// The tree of a block is twenty times its spec. Nobody looks at it again but in a module, whose
						// instances share it.
						r.block.Body = &hclsyntax.Body{}
					}
				}
			}
		})
	}
	wg.Wait()
	for _, part := range parts {
		e.config.take(part)
	}
	e.config.sortNeeds()
}

func (c *Config) sortNeeds() {
	slices.Sort(c.Needs)
	c.Needs = slices.Compact(c.Needs)
}

// take adds what a worker made.
func (c *Config) take(part *Config) {
	maps.Copy(c.State, part.State)
	maps.Copy(c.places, part.places)
	c.Diagnostics = append(c.Diagnostics, part.Diagnostics...)
	c.Needs = append(c.Needs, part.Needs...)
	for addr, l := range part.Directives.Lifecycle {
		c.guard(addr, l)
	}
	for addr, paths := range part.Directives.Sensitive {
		c.hide(addr, paths)
	}
}

// guard adds the lifecycle of a resource.
func (c *Config) guard(addr resource.Addr, l resource.Lifecycle) {
	if c.Directives.Lifecycle == nil {
		c.Directives.Lifecycle = map[resource.Addr]resource.Lifecycle{}
	}
	c.Directives.Lifecycle[addr] = l
}

// hide adds the sensitive paths of a resource.
func (c *Config) hide(addr resource.Addr, paths []string) {
	if c.Directives.Sensitive == nil {
		c.Directives.Sensitive = map[resource.Addr][]string{}
	}
	c.Directives.Sensitive[addr] = paths
}

// decode makes the specs of one block. What is wrong with it is said once, not for each key.
func (e *evaluation) decode(r *declared) {
	if r.broken {
		return
	}
	e.in = e.title(r.block)
	r.places = &places{file: r.block.TypeRange.Filename, context: e.in, at: make(map[string]span, 2*len(r.block.Body.Attributes)+2)}
	r.places.note("", r.block.DefRange())
	d := &decoder{evaluation: e, here: r.within(), places: r.places, cache: map[hclsyntax.Expression]uses{}, templates: map[string]*template{}}
	if r.state != good {
		// There are no keys, but what needs none can be looked at.
		d.one(r, "")
		return
	}
	for _, key := range r.instances() {
		d.ctx = r.context(e.shared, key)
		if !d.one(r, key) {
			break
		}
	}
}

// one makes the spec of one instance, and reports whether nothing was wrong.
func (d *decoder) one(r *declared, key string) bool {
	spec := d.fresh(r.kind)
	d.ok, d.made, d.sensitive, d.lifecycle, d.postconditions = true, 0, nil, resource.Lifecycle{}, nil
	schema, v := resource.SchemaOf(spec), reflect.ValueOf(spec).Elem()
	d.body(schema, v, r.block.Body, "")
	if d.ok {
		d.testPostconditions(schema, v)
	}
	if d.ok && d.ctx != nil {
		addr := r.addr(key)
		d.config.State[addr] = spec
		d.config.places[addr] = r.places
		if d.lifecycle.PreventDestroy || len(d.lifecycle.IgnoreChanges) > 0 {
			d.config.guard(addr, d.lifecycle)
		}
		if len(d.sensitive) > 0 {
			slices.Sort(d.sensitive)
			d.config.hide(addr, slices.Compact(d.sensitive))
		}
	}
	return d.ok
}

func (p *places) note(path string, at hcl.Range) { p.at[path] = span{at.Start.Byte, at.End.Byte} }

// readOutputs evaluates the outputs of the configuration itself.
func (e *evaluation) readOutputs() {
	e.makeOutputs()
	for _, name := range slices.Sorted(maps.Keys(e.outputs)) {
		o := e.outputs[name]
		if o.state != good {
			continue
		}
		out := Output{Name: name, Sensitive: hasSensitive(o.value)}
		v := o.value
		if out.Sensitive {
			v = cty.StringVal(hiddenValue)
		}
		text, err := ctyjson.Marshal(v, v.Type())
		if err != nil {
			e.in = e.title(o.block)
			e.fail(o.block.Body.Attributes["value"].Expr.Range(), "Invalid value for \"value\"", sentenceOf(err))
			continue
		}
		if a := o.block.Body.Attributes["description"]; a != nil {
			out.Description, _ = e.constantText(a, "A description")
		}
		out.Value = text
		e.config.Outputs = append(e.config.Outputs, out)
	}
	e.in = ""
}

// readSettings reads the hostctl block.
func (e *evaluation) readSettings() {
	if len(e.settings) == 0 {
		if !e.partial {
			e.config.Diagnostics = append(e.config.Diagnostics, Diagnostic{Severity: Error, Summary: "The configuration has no name",
				Detail: "Its name says on the host whose objects these are. Write in one file:\n  hostctl {\n    name = \"shop\"\n  }"})
		}
		return
	}
	for _, b := range e.settings[1:] {
		e.in = "hostctl"
		e.fail(b.DefRange(), "Duplicate hostctl", "A configuration has one hostctl block; the first is at "+where(e.settings[0].DefRange())+".")
	}
	b := e.settings[0]
	e.in = "hostctl"
	defer func() { e.in = "" }()
	known := []string{"name", "required_version"}
	for _, inner := range b.Body.Blocks {
		e.fail(inner.TypeRange, fmt.Sprintf("Unknown block %q", inner.Type), fmt.Sprintf("hostctl has the attributes %s.", quoteList(known)))
	}
	for _, a := range attributes(b.Body) {
		switch a.Name {
		case "name":
			name, ok := e.constantText(a, "The name")
			if !ok {
				continue
			}
			if err := resource.CheckName(name); err != nil {
				e.fail(a.Expr.Range(), fmt.Sprintf("%q is no name for a configuration", name), sentenceOf(err))
				continue
			}
			e.config.Name = name
		case "required_version":
			if text, ok := e.constantText(a, "A version constraint"); ok {
				met, err := satisfies(e.req.Version, text)
				switch {
				case err != nil:
					e.fail(a.Expr.Range(), "Invalid version constraint", sentenceOf(err))
				case !met:
					e.fail(a.Expr.Range(), "This is another version of hostctl", fmt.Sprintf("The configuration wants %s; this is %s.", text, e.req.Version))
				}
			}
		default:
			e.fail(a.NameRange, fmt.Sprintf("Unknown attribute %q", a.Name), fmt.Sprintf("hostctl has the attributes %s.%s", quoteList(known), sentence(a.Name, known)))
		}
	}
	if b.Body.Attributes["name"] == nil {
		e.fail(b.DefRange(), "Missing attribute \"name\"", "The name says on the host whose objects these are; write name = \"shop\".")
	}
}

// fresh is a spec of the kind with every default set: the host's for this configuration over the kind's own.
func (d *decoder) fresh(k resource.Kind) resource.Spec {
	if over := d.req.Defaults.of(d.config.Name)[k.Name]; over != nil {
		if spec, err := (resource.Kinds{k}).DecodeSpec(k.Name, over); err == nil {
			return spec
		}
	}
	return k.New()
}

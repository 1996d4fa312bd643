package hcl

import (
	"encoding/json"
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
	for _, r := range e.order {
		n := 1
		if r.forEach != nil {
			n = len(r.keys)
		}
		if total += n; total > maxResources {
			e.fail(r.block.DefRange(), "Too many resources", fmt.Sprintf("A configuration has at most %d resources.", maxResources))
			for _, r := range e.order {
				r.state = bad
			}
			return
		}
	}
}

// decodeAll makes the specs of all resources, several at a time.
func (e *evaluation) decodeAll() {
	const few = 32
	workers := max(1, min(runtime.GOMAXPROCS(0), len(e.order)/few))
	parts := make([]*evaluation, workers)
	var wg sync.WaitGroup
	for i := range workers {
		part := *e
		part.config = &Config{State: resource.State{}, places: map[resource.Addr]*places{}, sources: e.config.sources}
		parts[i] = &part
		share := e.order[i*len(e.order)/workers : (i+1)*len(e.order)/workers]
		wg.Go(func() {
			for _, r := range share {
				part.decode(r)
			}
		})
	}
	wg.Wait()
	for _, part := range parts {
		maps.Copy(e.config.State, part.config.State)
		maps.Copy(e.config.places, part.config.places)
		e.config.Diagnostics = append(e.config.Diagnostics, part.config.Diagnostics...)
	}
}

// decode makes the specs of one block. What is wrong with it is said once, not for each key.
func (e *evaluation) decode(r *declared) {
	if r.broken {
		return
	}
	e.in = blockTitle(r.block)
	r.places = &places{file: r.block.TypeRange.Filename, context: e.in, at: make(map[string]span, 2*len(r.block.Body.Attributes)+2)}
	r.places.note("", r.block.DefRange())
	d := &decoder{evaluation: e, ctx: e.shared, each: r.forEach != nil, places: r.places, cache: map[hclsyntax.Expression]uses{}}
	addr := resource.Addr{Kind: r.kind.Name, Name: r.name}
	switch {
	case r.forEach == nil:
		d.one(r, addr)
	case r.state != good:
		// There are no keys, but what needs none can be looked at.
		d.ctx = nil
		d.one(r, addr)
	default:
		for _, key := range r.keys {
			addr.Key = key
			d.ctx = e.shared.NewChild()
			d.ctx.Variables = map[string]value{"each": cty.ObjectVal(map[string]value{"key": cty.StringVal(key), "value": r.values[key]})}
			if !d.one(r, addr) {
				break
			}
		}
	}
}

// one makes the spec of one resource, and reports whether nothing was wrong.
func (d *decoder) one(r *declared, addr resource.Addr) bool {
	spec := r.kind.New()
	d.ok = true
	d.body(resource.SchemaOf(spec), reflect.ValueOf(spec).Elem(), r.block.Body, "")
	if d.ok && d.ctx != nil {
		d.config.State[addr] = spec
		d.config.places[addr] = r.places
	}
	return d.ok
}

func (p *places) note(path string, at hcl.Range) { p.at[path] = span{at.Start.Byte, at.End.Byte} }

// readOutputs evaluates the outputs.
func (e *evaluation) readOutputs() {
	for _, name := range slices.Sorted(maps.Keys(e.outputs)) {
		b := e.outputs[name]
		e.in = blockTitle(b)
		out := Output{Name: name}
		known := []string{"value", "description"}
		for _, inner := range b.Body.Blocks {
			e.fail(inner.TypeRange, fmt.Sprintf("Unknown block %q", inner.Type), fmt.Sprintf("An output has the attributes %s.", quoteList(known)))
		}
		for _, a := range attributes(b.Body) {
			switch a.Name {
			case "description":
				out.Description, _ = e.constantText(a, "A description")
			case "value":
				u := e.analyse(a.Expr, false)
				if !u.ok || !e.usable(u) || !e.checkKeys(u) {
					continue
				}
				v, ok := e.eval(a.Expr, e.shared)
				if !ok || !e.measured(v, a.Expr.Range()) {
					continue
				}
				text, err := ctyjson.Marshal(v, v.Type())
				if err != nil {
					e.fail(a.Expr.Range(), "Invalid value for \"value\"", sentenceOf(err))
					continue
				}
				out.Value = json.RawMessage(text)
			default:
				e.fail(a.NameRange, fmt.Sprintf("Unknown attribute %q", a.Name), fmt.Sprintf("An output has the attributes %s.%s", quoteList(known), sentence(a.Name, known)))
			}
		}
		if b.Body.Attributes["value"] == nil {
			e.fail(b.DefRange(), "Missing attribute \"value\"", "An output has a value: write value = ... .")
		}
		if out.Value != nil {
			e.config.Outputs = append(e.config.Outputs, out)
		}
	}
	e.in = ""
}

// usable reports whether everything that an expression refers to has a value.
func (e *evaluation) usable(u uses) bool {
	for _, t := range u.traversals {
		if r := e.lookup(t); r != nil && r.state != good {
			return false
		}
		if t.RootName() == "local" && len(t) > 1 {
			if l := e.locals[t[1].(hcl.TraverseAttr).Name]; l == nil || l.state != good {
				return false
			}
		}
	}
	return true
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

package hcl

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"hostctl/resource"
)

// Check reports what is wrong with a wanted state that no text is at hand of,
// just as [Load] does of one that it has read.
func Check(state resource.State, kinds resource.Kinds) []resource.Problem {
	return (&Config{State: state}).wrong(kinds)
}

// check adds what is wrong with the resources.
func (c *Config) check(kinds resource.Kinds) {
	for _, p := range c.wrong(kinds) {
		c.Diagnostics = append(c.Diagnostics, c.Locate(p))
	}
	c.finish()
}

// wrong is what is wrong with the resources: with each by itself, and with all taken
// together. It needs the state and the places, no text.
func (c *Config) wrong(kinds resource.Kinds) []resource.Problem {
	var problems []resource.Problem
	addrs := c.State.Addrs()
	for _, addr := range addrs {
		problems = append(problems, c.State[addr].Validate(addr)...)
	}
	problems = append(append(problems, c.checkNames(addrs)...), c.checkCycles(addrs)...)
	whole := wholeOf(c.State)
	for _, k := range kinds {
		if k.Check == nil {
			continue
		}
		problems = append(problems, k.Check(whole)...)
	}
	return problems
}

// checkNames finds resources of one kind that go by one name on the host.
func (c *Config) checkNames(addrs []resource.Addr) (problems []resource.Problem) {
	type name struct{ kind, host string }
	first := map[name]resource.Addr{}
	for _, addr := range addrs {
		host := addr.HostName()
		if len(host) > resource.MaxName {
			problems = append(problems, resource.Problem{Addr: addr, Summary: "Name is too long",
				Detail: fmt.Sprintf("On the host it is %q, which is %d characters; at most %d fit a unit's name.", host, len(host), resource.MaxName)})
		}
		key := name{addr.Kind, host}
		before, taken := first[key]
		if !taken {
			first[key] = addr
			continue
		}
		other := c.Locate(resource.Problem{Addr: before})
		problems = append(problems, resource.Problem{Addr: addr, Summary: fmt.Sprintf("%s and %s have one name on the host", before, addr),
			Detail: fmt.Sprintf("Both are %q there. %s is declared at %s:%d; give one of them another label or key.", host, before, other.File, other.Start.Line)})
	}
	return problems
}

// checkCycles finds resources that refer to one another in a circle; each
// circle is named once, beginning with its first address.
func (c *Config) checkCycles(addrs []resource.Addr) (problems []resource.Problem) {
	const (
		open = 1
		done = 2
	)
	state := make(map[resource.Addr]int, len(addrs))
	type step struct {
		addr  resource.Addr
		edges []resource.Edge
		next  int
	}
	for _, start := range addrs {
		if state[start] != 0 {
			continue
		}
		// A stack of our own: a chain of references is as long as the configuration.
		stack := []step{{addr: start, edges: resource.Refs(c.State[start])}}
		state[start] = open
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next == len(top.edges) {
				state[top.addr] = done
				stack = stack[:len(stack)-1]
				continue
			}
			to := top.edges[top.next].To
			top.next++
			if state[to] == 0 && c.State[to] != nil {
				state[to] = open
				stack = append(stack, step{addr: to, edges: resource.Refs(c.State[to])})
				continue
			}
			if state[to] != open {
				continue
			}
			i := slices.IndexFunc(stack, func(s step) bool { return s.addr == to })
			var names []string
			for _, s := range stack[i:] {
				names = append(names, s.addr.String())
			}
			names = append(names, to.String())
			const most = 20
			if len(names) > most {
				names = append(append(names[:most-1:most-1], "..."), to.String())
			}
			problems = append(problems, resource.Problem{Addr: to, Path: stack[i].edges[stack[i].next-1].Path, Summary: "Resources refer to one another in a circle",
				Detail: strings.Join(names, " -> ") + ". None of them can be made first; take one reference out."})
		}
	}
	return problems
}

// wholeOf returns the resources that refer to nothing missing: where a block
// could not be understood, those that need it are not looked at together.
func wholeOf(state resource.State) resource.State {
	referrers := map[resource.Addr][]resource.Addr{}
	var missing []resource.Addr
	whole := make(resource.State, len(state))
	for addr, spec := range state {
		whole[addr] = spec
		for _, edge := range resource.Refs(spec) {
			referrers[edge.To] = append(referrers[edge.To], addr)
			if state[edge.To] == nil {
				missing = append(missing, edge.To)
			}
		}
	}
	for len(missing) > 0 {
		gone := missing[len(missing)-1]
		missing = missing[:len(missing)-1]
		for _, addr := range referrers[gone] {
			if whole[addr] != nil {
				delete(whole, addr)
				missing = append(missing, addr)
			}
		}
	}
	return whole
}

// trusted checks what the decoding of the child's answer does not: that the
// resource is one that a configuration can come to.
func trusted(addr resource.Addr, spec resource.Spec) error {
	if again, err := resource.ParseAddr(addr.String()); err != nil || again != addr || len(addr.Modules()) > maxModuleDepth {
		return fmt.Errorf("%q is no address", addr)
	}
	if err := trust(resource.SchemaOf(spec), reflect.ValueOf(spec).Elem()); err != nil {
		return fmt.Errorf("%s: %w", addr, err)
	}
	return nil
}

// settable reports whether a configuration can come to a value of the
// attribute: not where the host gives it, nor where the language puts what it names elsewhere.
func settable(s *resource.Schema, a *resource.Attr) bool {
	switch {
	case a.Source || a.Template:
		return false
	case a.Name == "vars":
		return !hasTemplate(s)
	case a.Name == "content_base64":
		return !a.Internal || slices.ContainsFunc(s.Attrs, func(a resource.Attr) bool { return a.Source || a.Template })
	}
	return !a.Internal
}

func trust(s *resource.Schema, v reflect.Value) error {
	for i := range s.Attrs {
		a := &s.Attrs[i]
		f := a.Value(v)
		if !settable(s, a) && !f.IsZero() {
			return fmt.Errorf("%s cannot be set", a.Name)
		}
		text := func(f reflect.Value) error {
			if f.Kind() == reflect.String {
				if why, bad := badText(f.String(), a.Text); bad {
					return fmt.Errorf("%s: %s", a.Name, why)
				}
			}
			if addr, ok := f.Interface().(resource.Addr); ok && addr != (resource.Addr{}) && addr.Kind != a.Ref {
				return fmt.Errorf("%s refers to a %s", a.Name, addr.Kind)
			}
			if d, ok := f.Interface().(resource.Dependency); ok && d.To.Kind != a.Ref {
				return fmt.Errorf("%s refers to a %s", a.Name, d.To.Kind)
			}
			return nil
		}
		switch a.Form {
		case resource.Block:
			if err := trust(a.Nested, f); err != nil {
				return err
			}
		case resource.Labelled, resource.Map:
			for it := f.MapRange(); it.Next(); {
				if why, bad := badText(it.Key().String(), false); bad {
					return fmt.Errorf("%s: %s", a.Name, why)
				}
				var err error
				if a.Form == resource.Labelled {
					err = trust(a.Nested, it.Value())
				} else {
					err = text(it.Value())
				}
				if err != nil {
					return err
				}
			}
		case resource.List:
			for i := range f.Len() {
				if err := text(f.Index(i)); err != nil {
					return err
				}
			}
		default:
			if err := text(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// trustedDirectives checks the directives of the child's answer: addresses that
// exist, paths and names that are text, and no more of them than there are resources.
func trustedDirectives(d *resource.Directives, state resource.State, kinds resource.Kinds) error {
	text := func(what, s string) error {
		if why, bad := badText(s, false); bad || len(s) > maxPath {
			return fmt.Errorf("%s %q: %s", what, s, why)
		}
		return nil
	}
	paths := func(addr resource.Addr, list []string) error {
		if state[addr] == nil {
			return fmt.Errorf("%q has directives and is not there", addr)
		}
		if len(list) > maxBlocks {
			return fmt.Errorf("%s has too many directives", addr)
		}
		for _, path := range list {
			if err := text("path", path); err != nil {
				return err
			}
		}
		return nil
	}
	for addr, l := range d.Lifecycle {
		if err := paths(addr, l.IgnoreChanges); err != nil {
			return err
		}
	}
	for addr, list := range d.Sensitive {
		if err := paths(addr, list); err != nil {
			return err
		}
	}
	target := func(t resource.Target) error {
		again, err := resource.ParseTarget(t.String())
		if _, known := kinds.Lookup(t.Kind); err != nil || again.String() != t.String() || t.Kind != "" && !known {
			return fmt.Errorf("%q is no address", t)
		}
		return nil
	}
	if len(d.Moved) > maxResources || len(d.Removed) > maxResources || len(d.Imports) > maxResources {
		return errors.New("there are too many directives")
	}
	for _, m := range d.Moved {
		if err := errors.Join(target(m.From), target(m.To)); err != nil {
			return err
		}
		if m.From.Kind != m.To.Kind {
			return fmt.Errorf("%s is moved to another kind", m.From)
		}
	}
	for _, t := range d.Removed {
		if err := target(t); err != nil {
			return err
		}
	}
	for _, i := range d.Imports {
		if state[i.To] == nil {
			return fmt.Errorf("%q is imported and not there", i.To)
		}
		if err := text("id", i.ID); err != nil {
			return err
		}
	}
	return nil
}

// maxPath is the length of the longest path of an attribute: labels have no limit of their own.
const maxPath = 64 << 10

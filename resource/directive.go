package resource

import (
	"fmt"
	"strings"
)

// Directives is what a configuration says beside the wanted state: how the way
// there may and may not be taken. The zero value says nothing.
type Directives struct {
	// Lifecycle are the lifecycle blocks, by the resource they stand in.
	Lifecycle map[Addr]Lifecycle `json:"lifecycle,omitempty"`
	// Sensitive are the paths, as [Leaf.Path] spells them, of attributes whose
	// value came from a sensitive variable, sorted: they are compared as any
	// other and never printed. A path stands for all that is below it.
	Sensitive map[Addr][]string `json:"sensitive,omitempty"`
	// Moved are the moved blocks, in the order in which they are to be followed:
	// a chain a -> b -> c is two of them, the first step first.
	Moved []Move `json:"moved,omitempty"`
	// Removed are the removed blocks: what they name is forgotten, and goes on unowned.
	Removed []Target `json:"removed,omitempty"`
	// Imports are the import blocks, sorted by address.
	Imports []Import `json:"imports,omitempty"`
}

// Lifecycle is one lifecycle block.
type Lifecycle struct {
	// PreventDestroy refuses a plan that deletes or replaces the resource.
	PreventDestroy bool `json:"prevent_destroy,omitempty"`
	// IgnoreChanges are the paths whose difference is left as it is, as
	// [Leaf.Path] spells them; a path stands for all that is below it, "*" for every path.
	IgnoreChanges []string `json:"ignore_changes,omitempty"`
}

// Move says that what was applied as From is To from now on.
type Move struct {
	From Target `json:"from"`
	To   Target `json:"to"`
}

// Import says that a live object which nobody owns becomes the resource To.
type Import struct {
	To Addr   `json:"to"`
	ID string `json:"id"` // the object's name on the host: of an account or a namespace; a directory's path
}

// Target names resources: one (container.web, container.worker["a"]), all that
// one block makes (container.worker), a module or one instance of it with all
// within (module.site, module.site["a"]). It marshals as its text.
type Target struct {
	// Modules leads to the resource or is the module that is meant. Where the last
	// step has no key, and Kind is empty, every instance is meant.
	Modules []ModuleStep
	Kind    string // "" where a module is meant
	Name    string
	Key     string // "" for all that the block makes
}

// ParseTarget reads a target as the language spells it.
func ParseTarget(s string) (Target, error) {
	steps, rest, err := cutModules(s)
	if err != nil {
		return Target{}, fmt.Errorf("address %q: %w", s, err)
	}
	if rest == "" && len(steps) > 0 && !strings.HasSuffix(s, ".") {
		return Target{Modules: steps}, nil
	}
	addr, err := ParseAddr(s)
	if err != nil {
		return Target{}, err
	}
	return Target{Modules: steps, Kind: addr.Kind, Name: addr.Name, Key: addr.Key}, nil
}

// Target names this resource alone.
func (a Addr) Target() Target {
	return Target{Modules: a.Modules(), Kind: a.Kind, Name: a.Name, Key: a.Key}
}

// String returns the target as the language spells it; "" for the zero Target.
func (t Target) String() string {
	if t.Kind == "" {
		return JoinModules(t.Modules)
	}
	return Addr{Module: JoinModules(t.Modules), Kind: t.Kind, Name: t.Name, Key: t.Key}.String()
}

// Covers reports whether the target names the resource.
func (t Target) Covers(a Addr) bool {
	if t.Kind != "" {
		return JoinModules(t.Modules) == a.Module && t.Kind == a.Kind && t.Name == a.Name && (t.Key == "" || t.Key == a.Key)
	}
	steps := a.Modules()
	if len(t.Modules) == 0 || len(steps) < len(t.Modules) {
		return false
	}
	for i, m := range t.Modules {
		last := i == len(t.Modules)-1
		if m.Name != steps[i].Name || m.Key != steps[i].Key && (!last || m.Key != "") {
			return false
		}
	}
	return true
}

// Apply returns where the resource of an address that m.From covers goes; false
// where it does not cover it. A block's keys, and what stands below a module,
// go along.
func (m Move) Apply(a Addr) (Addr, bool) {
	if !m.From.Covers(a) {
		return a, false
	}
	if m.From.Kind != "" {
		to := Addr{Module: JoinModules(m.To.Modules), Kind: m.To.Kind, Name: m.To.Name, Key: m.To.Key}
		if m.From.Key == "" && a.Key != "" {
			if m.To.Key != "" {
				return a, false // many cannot become one
			}
			to.Key = a.Key
		}
		return to, true
	}
	steps := a.Modules()
	from := len(m.From.Modules)
	to := append([]ModuleStep(nil), m.To.Modules...)
	if last := len(to) - 1; m.From.Modules[from-1].Key == "" && to[last].Key == "" {
		to[last].Key = steps[from-1].Key
	}
	a.Module = JoinModules(append(to, steps[from:]...))
	return a, true
}

// MarshalText implements encoding.TextMarshaler.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Target) UnmarshalText(text []byte) (err error) {
	*t, err = ParseTarget(string(text))
	return err
}

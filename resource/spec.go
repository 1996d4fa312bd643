package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Spec is what one resource is, as wanted, as last applied, or as found live:
// one type for all three, so that a plan is a subtraction. It is implemented by
// a pointer to the kind's struct, whose exported fields and tags are its schema
// (see [Schema]). A Spec that stands in a State is not modified any more.
type Spec interface {
	// Validate reports what is wrong with the spec by itself. It is pure, and
	// runs before references are resolved: computed fields are still unset.
	Validate(self Addr) []Problem
	// Resolve fills in the computed fields from the resources that the spec
	// refers to, which are resolved already, and from the resolver's pools.
	Resolve(self Addr, r *Resolver) []Problem
}

// Classer is implemented by a Spec where what a change costs does not follow from
// the attribute alone.
type Classer interface {
	// ChangeClass returns the class of the change from live to the receiver at a
	// path; tagged is what the attribute's tag says. live refers to moved resources by their new
	// addresses already. It is pure, and neither spec is modified.
	ChangeClass(path string, tagged Class, live Spec) Class
}

// Kind is one kind of resource. A kind is one directory and one line in the
// list that the command holds.
type Kind struct {
	// Name is the type of the block that declares it, such as "container".
	Name string
	// Process says that its resources are running programs: any change that is
	// not made live takes them down, and the plan says so.
	Process bool
	// Renames says that an object goes on under another address: its mark, and where
	// it follows the address its name, are changed in place. Of any other kind the
	// object is made anew, with what the ledger holds for it.
	Renames bool
	// New returns a spec with every default set and nothing else.
	New func() Spec
	// Stopped returns a copy of the spec as it is while an administrator has
	// stopped the resource by hand, and Started a copy as it is when it runs.
	// Both are nil for a kind that cannot be stopped.
	Stopped, Started func(Spec) Spec
	// Check reports what is wrong with the kind's resources taken together,
	// such as two that claim one address. It is pure; nil where there is nothing to check.
	Check func(want State) []Problem
}

// Runs reports whether a resource of the kind is meant to run.
func (k Kind) Runs(spec Spec) bool {
	return k.Process && (k.Stopped == nil || !reflect.DeepEqual(k.Stopped(spec), spec))
}

// Kinds is the list of all kinds, in the order of the manual.
type Kinds []Kind

// Lookup returns the kind of that name, and whether there is one.
func (k Kinds) Lookup(name string) (Kind, bool) {
	i := slices.IndexFunc(k, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return k[i], true
}

// Names returns the kinds' names in order.
func (k Kinds) Names() []string {
	names := make([]string, len(k))
	for i := range k {
		names[i] = k[i].Name
	}
	return names
}

// State is a set of resources: all that are wanted, were last applied, or are live. A nil State is empty.
type State map[Addr]Spec

// Addrs returns the addresses in order.
func (s State) Addrs() []Addr {
	return slices.SortedFunc(maps.Keys(s), Addr.Compare)
}

// DecodeSpec reads one spec from its JSON. What the data does not mention has
// its default, in labelled blocks too, so that data of an older release reads as what it meant then;
// what the kind does not know is an error.
func (k Kinds) DecodeSpec(kind string, data []byte) (Spec, error) {
	known, ok := k.Lookup(kind)
	if !ok {
		return nil, fmt.Errorf("unknown kind %q", kind)
	}
	spec := known.New()
	if err := SchemaOf(spec).decode(data, reflect.ValueOf(spec).Elem()); err != nil {
		return nil, err
	}
	return spec, nil
}

// DecodeState reads a state from the JSON that json.Marshal makes of one.
func (k Kinds) DecodeState(data []byte) (State, error) {
	var raw map[Addr]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, err
	}
	state := make(State, len(raw))
	for addr, data := range raw {
		spec, err := k.DecodeSpec(addr.Kind, data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", addr, err)
		}
		state[addr] = spec
	}
	return state, nil
}

// CloneState returns a state of the same specs that shares nothing with it.
func (k Kinds) CloneState(s State) (State, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return k.DecodeState(data)
}

// Problem is something wrong with a resource, found after its text was read:
// by validation, by resolution, or on the host. Whoever has the configuration's
// text turns it into a diagnostic with a position.
type Problem struct {
	Addr Addr `json:"address,omitzero"`
	// Path is the attribute's path as [Leaf.Path] spells it; "" is the block itself.
	Path string `json:"path,omitempty"`
	// Summary says what is wrong in one line; Detail says more, the remedy last.
	Summary string `json:"summary"`
	Detail  string `json:"detail,omitempty"`
	// Refused says that nothing is wrong but that the host's owner does not allow it.
	Refused bool `json:"refused,omitempty"`
}

// Error makes a Problem an error for where no text is at hand.
func (p Problem) Error() string {
	s := p.Addr.String()
	if p.Path != "" {
		s += "." + p.Path
	}
	if s != "" {
		s += ": "
	}
	s += p.Summary
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	return s
}

// Action is what a step does to one resource.
type Action string

// The actions. A resource that is made anew has a Delete and a Create step.
const (
	NoOp   Action = "no-op"
	Create Action = "create"
	Update Action = "update"
	Delete Action = "delete"
	// Forget takes the mark off an object, which goes on as nobody's.
	Forget Action = "forget"
	// Adopt puts the mark of the change's Owner in the place of its Former's, and gives the object the names that follow
	// from it. The object goes on as it is, and nil means as well that there is none.
	Adopt Action = "adopt"
)

// Change is one step's work on one resource, as its kind's [Host] carries it out.
type Change struct {
	Addr   Addr   `json:"address"`
	Owner  string `json:"owner"` // the configuration's name
	Action Action `json:"action"`
	// Class is the greatest class among Paths; meaningful for Update.
	Class Class `json:"class,omitzero"`
	// Paths are the attributes that differ, sorted; for Update only.
	Paths []string `json:"paths,omitempty"`
	// Replace marks the two halves of a replacement.
	Replace bool `json:"replace,omitempty"`
	// Undo says that a change is undone by this that nobody confirmed: then no data is deleted, whatever the resource says.
	Undo bool `json:"undo,omitempty"`
	// From is the address that the object was applied under before, where it takes
	// another: its mark may be that of From still or Addr's already, for the change may
	// have been cut off before. Set for Update and Create. The half of a replacement that
	// deletes what was applied under another address has that one as its Addr.
	From Addr `json:"from,omitzero"`
	// Former is the configuration that the object belonged to, for Adopt; it may be Owner's
	// already, for the change may have been cut off before.
	Former string `json:"former,omitempty"`
	// Import is the id on the host of an object that nobody owns, or this resource
	// since a cut-off change, and that an Update makes the resource; "" for any other change.
	Import string `json:"import,omitempty"`
	// Want is nil for Delete; Live and Last are nil where there is none.
	Want Spec `json:"-"`
	Last Spec `json:"-"`
	Live Spec `json:"-"`
}

// Reading is what a kind found on the host.
type Reading struct {
	// State holds what the asked configuration owns, by proof on the object
	// itself or by the ledger's word that the host does not contradict.
	State State
	// Status says in a few words how each resource is ("running, pid 812"), for people.
	Status map[Addr]string
	// Used are the parts of each pool that something on this host already has,
	// whoever owns it.
	Used map[string][]Span
	// Foreign is what others put beside resources of the owner, or in the place of one that was applied, so that these are not as
	// applied or will not stay so. It is not hostctl's to take away; Detail says how to.
	Foreign []Problem
	// Unread are the paths of attributes, of resources in State, that this process may not read: they stand there
	// as the kind makes them. Empty where everything was read, as root does.
	Unread map[Addr][]string
	// Warnings are what whoever reads a plan should know of these resources besides, and what is no drift: that one fails again
	// and again.
	Warnings []Problem
}

// Host is the effects half of a kind: the only code that looks at the host or
// changes it. Every method is safe for concurrent use on different resources.
type Host interface {
	// Read finds what owner has of this kind. last is what the ledger holds
	// of this kind for owner; it may be stale or empty, and an object that
	// carries owner's mark is found without it. The error is fs.ErrPermission where only root
	// may read what there is of the kind.
	Read(ctx context.Context, owner string, last State) (Reading, error)
	// Check looks for what would make a change fail or touch something that
	// is not ours, before anything is done: a foreign object of the wanted
	// name, a missing directory, a filesystem without an ability. It changes nothing.
	// Every problem is reported, not only the first.
	Check(ctx context.Context, changes []Change, want State) []Problem
	// Apply carries out one change. nil means that the host is now as the change
	// says, also when it was so before. It is given a change again after any failure or crash.
	Apply(ctx context.Context, change Change) error
}

// Importer is implemented by a Host whose kind can take over an object that nobody owns.
type Importer interface {
	// Find looks for the object with that id, which is to become addr of owner, and
	// changes nothing. It returns the object as a spec and whether it is addr's already, by its mark;
	// or why it cannot be taken over, with the remedy.
	Find(ctx context.Context, owner string, addr Addr, id string) (live Spec, ours bool, refused []Problem)
}

// Untold is implemented by an [Importer] whose objects can have what no attribute says.
type Untold interface {
	// Untold says what the object with that id, which can be imported, has of that sort, and what becomes of it: a line each, in the
	// words of the host. It changes nothing.
	Untold(ctx context.Context, id string) ([]string, error)
}

// Settler is implemented by a Host whose resources can fail soon after they
// were started well.
type Settler interface {
	// Settle looks again at resources that were created or updated, a settle time after
	// the last of them, and returns the errors of those that did not stay as they should.
	Settle(ctx context.Context, changes []Change) map[Addr]error
}

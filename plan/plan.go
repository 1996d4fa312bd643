package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"hostctl/resource"
)

// FormatVersion is the version of the JSON that a [Plan] and a [File] marshal
// to. It grows when a field is removed or changes its meaning; fields may be added without.
const FormatVersion = 1

// Replace is the action of a [Resource] that is deleted and created anew. It
// stands beside the actions of package resource, and never in a Step: there it is two.
const Replace resource.Action = "replace"

// Reason is why a resource is acted upon.
type Reason string

// The reasons.
const (
	New     Reason = "new"     // create: the configuration has it, nothing else does
	Missing Reason = "missing" // create: it was applied before and is gone from the host
	Changed Reason = "changed" // update or replace: attributes differ
	Shares  Reason = "shares"  // replace: it refers to a resource that is replaced, see Resource.Because
	Cycle   Reason = "cycle"   // replace: updated in place it would have to come both before and after others
	Removed Reason = "removed" // delete: the configuration has it no more
	// update, or replace where the kind cannot take another address in place: a moved block, see Resource.From
	Moved    Reason = "moved"
	Imported Reason = "imported" // update: it becomes this configuration's, see Resource.Import
	Asked    Reason = "asked"    // replace: asked for
	Released Reason = "released" // forget: a removed block
	Adopted  Reason = "adopted"  // adopt: it was another configuration's, see Plan.Former
)

// Plan is what has to be done for the host to be as the configuration says. Its
// JSON is a published format, versioned by [FormatVersion], and all that [Plan.Text] prints from.
// Equal input makes an equal Plan, byte by byte. It is not modified once made.
type Plan struct {
	FormatVersion int    `json:"format_version"`
	Owner         string `json:"owner"` // the configuration's name
	// Generation is the one whose declaration is wanted; absent where that is the configuration's files. With Since the plan is
	// not for the host: it says what the declaration of Generation changed in that of Since.
	Generation uint64 `json:"generation,omitempty"`
	Since      uint64 `json:"since,omitempty"`
	// Former is the configuration that gives its resources to Owner, see [Adopt]; absent in any other plan.
	Former string `json:"former,omitempty"`
	// Undoes is the generation that nobody confirmed, where what was last applied before it is wanted; absent else.
	Undoes uint64 `json:"undoes,omitempty"`
	// Targets are what the plan is about, with all that it needs; absent where it is about everything.
	Targets []resource.Target `json:"targets,omitempty"`
	// LeftOut is how many other resources would be acted upon without Targets.
	LeftOut int `json:"left_out,omitempty"`
	// Loosened is what programs and accounts get that others do not have.
	Loosened []Loosening `json:"loosened,omitempty"`
	// Resources are those that something is done to, by address.
	Resources []Resource `json:"resources"`
	// Steps are the work, each after all those it depends on. Carry them out
	// in this order, or in any that keeps to Step.After.
	Steps []Step `json:"steps"`
	// Record lists resources on which the host needs no change, but that the ledger
	// knows not or otherwise: their wanted spec is to be recorded as last applied.
	Record []resource.Addr `json:"record,omitempty"`
	// Forget lists resources that are in the ledger only: neither wanted nor
	// live. Their last applied spec is to be dropped.
	Forget []resource.Addr `json:"forget,omitempty"`
	// Moves are the resources that take another address, by the new one. What the ledger holds of
	// From, grants above all, is To's from before the first step; its last applied spec from when To's step is done.
	Moves []Move `json:"moves,omitempty"`
	// Foreign is what others put beside resources, which no step takes away.
	Foreign []resource.Problem `json:"foreign,omitempty"`
	Summary Summary            `json:"summary"`
	// Unread is what could not be compared; absent where everything was, as in each plan of root's.
	Unread *Unread `json:"unread,omitempty"`

	// Want is what is wanted once the configuration's directives were heard: with
	// the live values of what is to be ignored. It is nil in a decoded plan.
	Want resource.State `json:"-"`
	// Refused is why the plan must not be carried out; empty if it may be.
	Refused []resource.Problem `json:"-"`
}

// Unread is what the user who asked for a plan may not read. The plan says nothing of it.
type Unread struct {
	UID int `json:"uid"` // whose plan it is
	// Ledger says that the ledger is among it: what was applied once and is declared no more is not known.
	Ledger bool `json:"ledger,omitempty"`
	// Resources are those that are wanted, by address.
	Resources []UnreadResource `json:"resources"`
}

// UnreadResource is a resource of which something could not be read.
type UnreadResource struct {
	Addr resource.Addr `json:"address"`
	// Paths are its attributes that could not be; absent where that is all of it, also whether it is there.
	Paths []string `json:"paths,omitempty"`
}

// Whole reports whether there are resources of which nothing is known; nil has none.
func (u *Unread) Whole() bool {
	return u != nil && slices.ContainsFunc(u.Resources, func(r UnreadResource) bool { return len(r.Paths) == 0 })
}

// Summary counts resources, not steps.
type Summary struct {
	Add     int `json:"add"`
	Change  int `json:"change"`
	Replace int `json:"replace"`
	Destroy int `json:"destroy"`
	// Move, Import and Forget count resources that take another address, that become ours, and that
	// become nobody's. A resource of the first two that changes as well is counted there too.
	Move   int `json:"move,omitempty"`
	Import int `json:"import,omitempty"`
	Forget int `json:"forget,omitempty"`
	// Adopt counts resources that were another configuration's.
	Adopt int `json:"adopt,omitempty"`
	// Down are the programs that run and go down, by address: restarted, replaced, deleted or stopped.
	Down []resource.Addr `json:"down,omitempty"`
}

// Resource is what happens to one resource, and why.
type Resource struct {
	Addr   resource.Addr   `json:"address"`
	Action resource.Action `json:"action"` // create, update, replace, delete, forget or adopt
	Reason Reason          `json:"reason"`
	// From is the address that it was applied under before, where it takes another.
	From resource.Addr `json:"from,omitzero"`
	// Import is the id on the host of what it is imported from.
	Import string `json:"import,omitempty"`
	// Class is the greatest class among Differences; None for create and delete.
	// A resource that is replaced for Shares or Cycle has the class of its own differences.
	Class resource.Class `json:"class,omitzero"`
	// ForcedBy are the paths of the differences that have that class; a labelled
	// block that comes or goes whole stands for what is in it.
	ForcedBy []string `json:"forced_by,omitempty"`
	// Because is the replaced resource for reason Shares; for Cycle the resource
	// whose removal would have had to wait for this one's update.
	Because resource.Addr `json:"because,omitzero"`
	// Overlap says that a restart starts the new program before the old one ends, see [Overlapper].
	Overlap bool `json:"overlap,omitempty"`
	// Note is the kind's own word on the action, see [Noter].
	Note string `json:"note,omitempty"`
	// Differences are sorted by path. For create they are all that is wanted, for delete all that is live.
	Differences []Difference `json:"differences"`
	// Unchanged is how many wanted attributes the host has already.
	Unchanged int `json:"unchanged,omitempty"`
}

// Difference is one attribute of which want and live disagree.
type Difference struct {
	// Path is spelled as resource.Leaf.Path.
	Path string `json:"path"`
	// Action is create for an attribute that live has not, delete for one that goes back to unset, else update.
	Action resource.Action `json:"action"`
	// Class is what this change costs; None in a create or delete. What stands in
	// a labelled block that is added or removed whole costs what the block costs.
	Class resource.Class `json:"class,omitzero"`
	// Before is the live value and After the wanted one, as JSON; absent where
	// there is none, and both absent where they are withheld.
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
	// Drift says that the configuration is as last applied and the host is not.
	Drift bool `json:"drift,omitempty"`
	// Secret says that the values are withheld, for the attribute holds secrets.
	Secret bool `json:"secret,omitempty"`
	// Sensitive says that the values are withheld, for one of them came from a sensitive variable.
	Sensitive bool `json:"sensitive,omitempty"`
	// Block says that this is a labelled block's being there, not a value.
	Block bool `json:"block,omitempty"`
	// Ref is the kind that the value refers to; "" for a value that is no reference.
	Ref string `json:"ref,omitempty"`
}

// Step is one piece of work on one resource.
type Step struct {
	resource.Change
	// Wave orders the steps coarsely, from 0: a step's wave is greater than that of every
	// step it depends on, and what is deleted for good comes in the last
	// waves. Steps of one wave may run at the same time.
	Wave int `json:"wave"`
	// After are the indexes in Plan.Steps of the steps that must have succeeded
	// before, sorted; each is smaller than the step's own. When one of
	// them fails or is skipped, this step is to be skipped, and no other.
	After []int `json:"after,omitempty"`
	// Down are the running programs that go down for this step, by address: the resource itself,
	// and for a deletion that is half of a replacement those replaced because of it.
	Down []resource.Addr `json:"down,omitempty"`
}

// Noter is implemented by a Spec that has something to say about an action on it that
// its attributes do not show, in a few words: "its data stays". "" is nothing.
// It is asked with create, update, replace, delete or forget; of the live spec for the last two, else of the wanted one.
// undo is that of [resource.Change].
type Noter interface {
	PlanNote(action resource.Action, undo bool) string
}

// Overlapper is implemented by a Spec of a program whose restart can start the new program before the old one ends, so that the program
// does not go down for it.
type Overlapper interface {
	// Overlaps reports whether a restart does so, of the wanted spec.
	Overlaps() bool
}

// Empty reports whether the host needs no change. Record and Forget may still
// ask for something to be written to the ledger.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 }

// Equal reports whether two plans say the same, in every byte of their JSON.
func (p *Plan) Equal(q *Plan) bool {
	a, errA := json.Marshal(p)
	b, errB := json.Marshal(q)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// Decode reads the JSON of a plan. The specs in its steps are nil: the JSON is
// for reading and printing, not for carrying out. A newer format version and
// unknown fields are errors.
func Decode(data []byte) (*Plan, error) {
	var v struct {
		FormatVersion int `json:"format_version"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	if v.FormatVersion != FormatVersion {
		return nil, fmt.Errorf("plan: format version %d; this hostctl reads %d", v.FormatVersion, FormatVersion)
	}
	p := new(Plan)
	if err := decodeStrict(data, p); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	return p, nil
}

func decodeStrict(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("more data after the end")
	}
	return nil
}

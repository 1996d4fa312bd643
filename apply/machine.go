package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"hostctl/plan"
	"hostctl/resource"
)

// Machine is one host as the engine sees it: the kinds, the effects half of
// each, and where the ledger lies.
type Machine struct {
	Kinds resource.Kinds
	// Hosts holds the effects half of each kind by the kind's name.
	Hosts map[string]resource.Host
	// ID is the machine's identity (machine-id(5)).
	ID string
	// LedgerPath is the ledger's file.
	LedgerPath string
	// Ordinary says that this process is not root's: what it may not read is left out of an observation,
	// which says so, and nothing may be changed. For root a permission that is missing is an error.
	Ordinary bool
}

// Observation is all that a plan needs of the host, at one moment.
type Observation struct {
	Owner string
	// Ledger is the whole ledger, of every configuration; LedgerLost says that the
	// file is missing although the host carries objects of Owner.
	Ledger     *Ledger
	LedgerLost bool
	// Last is what the ledger holds of Owner, Live what the host does.
	Last resource.State
	Live resource.State
	// Status says how each live resource is, in a few words for people.
	Status map[resource.Addr]string
	// Used are the spans of each pool that the host has in use.
	Used map[string][]resource.Span
	// Foreign is what others put beside resources of Owner or in their place, by address.
	Foreign []resource.Problem
	// LedgerUnread says that this process may not read the ledger. Unread are the kinds of which it may not
	// read what there is; Parts are the attributes that it may not read of single resources in Live. All are unset for root.
	LedgerUnread bool
	Unread       map[string]bool
	Parts        map[resource.Addr][]string
	// Sights are what everybody may see of Owner's resources, by kind, of those in Unread.
	Sights map[string][]resource.Sight
	// Warnings are what the kinds have to say of Live besides, see [resource.Reading].
	Warnings []resource.Problem
	// Imported are those of Live that nobody owns yet, by the id that each was found by, see [Machine.Import].
	Imported map[resource.Addr]string
}

// Observe reads the ledger and, of every kind at once, the live state of owner.
func (m *Machine) Observe(ctx context.Context, owner string) (*Observation, error) {
	ledger, found, unread, err := m.readLedger()
	if err == nil {
		err = ledger.Unread(owner)
	}
	if err != nil {
		return nil, err
	}
	o := &Observation{
		Owner: owner, Ledger: ledger, LedgerUnread: unread,
		Unread: map[string]bool{}, Parts: map[resource.Addr][]string{}, Sights: map[string][]resource.Sight{}, Last: resource.State{}, Live: resource.State{},
		Status: map[resource.Addr]string{}, Used: map[string][]resource.Span{}, Imported: map[resource.Addr]string{},
	}
	if record := ledger.Owners[owner]; record != nil {
		o.Last = maps.Clone(record.Last)
	}
	readings := make([]resource.Reading, len(m.Kinds))
	errs := make([]error, len(m.Kinds))
	var wg sync.WaitGroup
	for i, kind := range m.Kinds {
		wg.Go(func() {
			readings[i], errs[i] = m.Hosts[kind.Name].Read(ctx, owner, ofKind(o.Last, kind.Name))
		})
	}
	wg.Wait()
	for i, r := range readings {
		name := m.Kinds[i].Name
		if errs[i] == nil && unread && !m.findable(name) {
			errs[i] = fs.ErrPermission
		}
		if m.Ordinary && errors.Is(errs[i], fs.ErrPermission) {
			o.Unread[name], errs[i] = true, o.glance(ctx, name, m.Hosts[name])
			r = resource.Reading{}
		}
		if errs[i] == nil && len(r.Unread) > 0 && !m.Ordinary {
			errs[i] = fmt.Errorf("attributes %v: %w", r.Unread, fs.ErrPermission)
		}
		if errs[i] != nil {
			return nil, fmt.Errorf("read what this host has of kind %s: %w", name, errs[i])
		}
		maps.Copy(o.Parts, r.Unread)
		maps.Copy(o.Live, r.State)
		maps.Copy(o.Status, r.Status)
		o.Foreign, o.Warnings = append(o.Foreign, r.Foreign...), append(o.Warnings, r.Warnings...)
		for pool, spans := range r.Used {
			o.Used[pool] = append(o.Used[pool], spans...)
		}
	}
	slices.SortStableFunc(o.Foreign, func(a, b resource.Problem) int { return a.Addr.Compare(b.Addr) })
	if ledger.Readable() {
		o.Foreign = append(o.Foreign, resource.Problem{Summary: "the ledger " + m.LedgerPath + " can be read by others than root", Detail: "the next apply writes it anew, with mode 0600"})
	}
	o.LedgerLost = !found && !unread && len(o.Live) > 0
	return o, nil
}

// readLedger is [ReadLedger], but that one which an ordinary user may not read is empty and unread.
func (m *Machine) readLedger() (l *Ledger, found, unread bool, err error) {
	l, found, err = ReadLedger(m.LedgerPath, m.ID, m.Kinds)
	if m.Ordinary && errors.Is(err, fs.ErrPermission) {
		return &Ledger{HostID: m.ID, Owners: map[string]*Owner{}}, false, true, nil
	}
	return l, found, false, err
}

// findable reports whether resources of a kind are found by what is on the host alone.
func (m *Machine) findable(kind string) bool {
	_, ok := m.Hosts[kind].(resource.OwnerLister)
	return ok
}

// glance notes what everybody may see of owner's resources of a kind.
func (o *Observation) glance(ctx context.Context, kind string, host resource.Host) error {
	glancer, ok := host.(resource.Glancer)
	if !ok {
		return nil
	}
	sights, err := glancer.Glance(ctx)
	for _, s := range sights {
		if s.Owner == o.Owner {
			o.Sights[kind] = append(o.Sights[kind], s)
		}
	}
	return err
}

// Import looks for what the import blocks name and adds it to the observation:
// to Live, and to Imported where nobody owns it yet. A block whose work is done does nothing.
func (m *Machine) Import(ctx context.Context, o *Observation, want resource.State, imports []resource.Import) []resource.Problem {
	var problems []resource.Problem
	for _, i := range imports {
		if o.Live[i.To] != nil || want[i.To] == nil || o.Unread[i.To.Kind] {
			continue
		}
		host, ok := m.Hosts[i.To.Kind].(resource.Importer)
		if !ok {
			problems = append(problems, resource.Problem{Addr: i.To, Summary: fmt.Sprintf("a %s cannot be imported", i.To.Kind),
				Detail: "hostctl can only keep what it made itself as it is declared; take the import block out, and end the old one by its own tools"})
			continue
		}
		live, ours, refused := host.Find(ctx, o.Owner, i.To, i.ID)
		problems = append(problems, refused...)
		if len(refused) > 0 {
			continue
		}
		o.Live[i.To] = resource.Graft(live, want[i.To], numbered(want[i.To]))
		if !ours {
			o.Imported[i.To] = i.ID
		}
	}
	return problems
}

// numbered are the attributes by which a spec itself refers to others. A host has the numbers that follow from them, which are
// compared, and does not say of whom.
func numbered(spec resource.Spec) (paths []string) {
	for _, e := range resource.Refs(spec) {
		if !strings.Contains(e.Path, "[") {
			paths = append(paths, e.Path)
		}
	}
	return paths
}

// Resolve completes the wanted specs from this observation, in place: computed
// values are taken from the ledger's grants or given out anew, and a resource
// that an administrator stopped is wanted stopped. A moved resource keeps what it has. Where credentials lie the host's policy says.
func (o *Observation) Resolve(kinds resource.Kinds, want resource.State, d resource.Directives, credentials resource.Credentials) (Resolution, []resource.Problem) {
	moves, _ := plan.Moves(want, o.Last, o.Live, d, kinds)
	live, stopped := maps.Clone(o.Live), maps.Clone(o.Stopped())
	for _, m := range moves {
		if spec := o.Live[m.From]; spec != nil && live[m.To] == nil {
			live[m.To] = spec
		}
		if stop, ok := stopped[m.From]; ok {
			stopped[m.To] = stop
		}
	}
	r := resource.NewResolver(o.Owner, live, moveGrants(o.Ledger.Grants, o.Owner, moves), o.Used)
	r.Credentials = credentials
	problems := r.Resolve(want)
	return Resolution{Want: stop(kinds, r.Want, stopped), Declared: r.Want, Grants: r.New, Handed: r.Handed}, problems
}

// Resolution is what [Observation.Resolve] comes to.
type Resolution struct {
	Want resource.State
	// Declared is Want with what an administrator stopped as it would be had he not.
	Declared resource.State
	// Grants are the numbers that were given out anew.
	Grants []resource.Grant
	// Handed are the numbers that go from one resource to another.
	Handed []resource.Handover
}

// Hidden are the paths whose values were sensitive when they were last applied.
func (o *Observation) Hidden() map[resource.Addr][]string {
	if record := o.Ledger.Owners[o.Owner]; record != nil {
		return record.Sensitive
	}
	return nil
}

// Check asks every kind what would make its changes fail, or touch what is not
// ours. It changes nothing, and reports every problem. For an ordinary user it asks nobody: what he may not look at
// would seem to be in the way.
func (m *Machine) Check(ctx context.Context, changes []resource.Change, want resource.State) []resource.Problem {
	if m.Ordinary {
		return nil
	}
	var problems []resource.Problem
	for _, kind := range m.Kinds {
		var of []resource.Change
		for _, c := range changes {
			if c.Addr.Kind == kind.Name {
				of = append(of, c)
			}
		}
		if len(of) > 0 {
			problems = append(problems, m.Hosts[kind.Name].Check(ctx, of, want)...)
		}
	}
	return problems
}

func ofKind(s resource.State, kind string) resource.State {
	of := resource.State{}
	for addr, spec := range s {
		if addr.Kind == kind {
			of[addr] = spec
		}
	}
	return of
}

package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"hostctl/host"
	"hostctl/resource"
	"hostctl/runtime"
)

// A change that needs a new process ends the old one first, or starts what is new beside it first. That is a unit of its own then, the
// helper: it has the same launcher, judged by the same rules under the container's name, the new spec by a link of its own, and the
// sockets of the container's socket unit. The container's own unit is restarted meanwhile, since that is the one that others know; what
// only a new unit can have, it is made anew for. Systemd drops no unit that another refers to: with sockets, whose unit would have to be
// stopped with it, and with others that are ordered after it, such a change is a replacement like any other.

const (
	startFirst Update = "start-first"
	stopFirst  Update = "stop-first"
)

// Overlaps implements plan.Overlapper.
func (c *Container) Overlaps() bool { return c.Update == startFirst }

// sharesSockets reports whether two processes have the container's sockets during an update. O_NONBLOCK is the socket's, and not a
// process's: systemd sets it at each start to what the unit says, and without a word clears it, under a process that then waits in
// accept(2) for a connection that the other has taken. So it is set for both, from the first start on.
func (c *Container) sharesSockets() bool { return c.Update == startFirst && len(c.Listen) > 0 }

// renewsBeside reports whether what runs as was can be given what only a new unit can have while its helper runs.
func (c *Container) renewsBeside(was *Container) bool {
	return c.Overlaps() && was.Overlaps() && c.Enabled && was.Enabled && len(c.Listen) == 0 && len(was.Listen) == 0 && !was.Referred
}

// renews reports whether an update gives what only a new unit can have to one that is made while a helper runs. That is for the plan to say, by
// renewsBeside: any other change of such an attribute that comes as an update is part of what it takes for no more than a new process, as a mount that comes whole.
func renews(change resource.Change) bool {
	want, ok := change.Want.(*Container)
	live, isLive := change.Live.(*Container)
	if !ok || !isLive || !want.renewsBeside(live) {
		return false
	}
	of := func(spec resource.Spec) bool {
		return slices.ContainsFunc(resource.Leaves(spec), func(l resource.Leaf) bool {
			return l.Attr.Class == resource.Replace && slices.Contains(change.Paths, l.Path)
		})
	}
	return of(want) || of(live)
}

// validateUpdate refuses to have two at once of what two at once would damage.
func (c *Container) validateUpdate(v *validator) {
	switch c.Update {
	case "", stopFirst:
		return
	case startFirst:
	default:
		v.bad("update", fmt.Sprintf("%q is no way to update", c.Update), `write "stop-first" or "start-first"`)
		return
	}
	const instead = `, or write update = "stop-first"`
	switch {
	case c.Job:
		v.bad("update", "a job is not started beside itself", "it runs to its end; take update away, or job = true")
	case c.Boot:
		v.bad("update", "a whole system is not started beside itself", "take update away, or boot = true")
	}
	if c.Root == runtime.RootPersistent || c.Root == runtime.RootWritable {
		v.bad("update", "two at once would write to one root", `write root = "ephemeral", or take root away`+instead)
	}
	for _, target := range slices.Sorted(maps.Keys(c.Mount)) {
		if !c.Mount[target].ReadOnly {
			v.bad("update", fmt.Sprintf("two at once would write to the volume at %s", strconv.Quote(target)), "mount it with read_only = true"+instead)
		}
	}
}

// helper is the unit that is started beside the container's own. Nothing keeps it loaded once it was stopped. One that fails stays
// until it is removed, so that it can be said how.
func (c *Container) helper(addr resource.Addr, owner, launcher string) (host.Transient, error) {
	unit, err := c.transient(addr, owner, launcher)
	if err != nil {
		return unit, err
	}
	name := addr.HostName()
	unit.Name = Helper(name)
	unit.Properties = replaceProperties(unit.Properties, []host.Property{
		{Name: "Description", Value: unitTitle + name + ", beside itself while it is updated, of " + owner},
		{Name: "ExecStart", Value: []host.Command{{Path: launcher, Args: []string{launcher, name + runtime.NextSuffix}}}},
		{Name: "Restart", Value: "no"},
		{Name: "CollectMode", Value: "inactive"},
	})
	unit.Properties = slices.DeleteFunc(unit.Properties, func(p host.Property) bool { return p.Name == "Wants" || p.Name == "After" })
	return unit, nil
}

// startFirst updates a container that needs a new process, and whose new one is started before the old one ends. Where nothing runs there is nothing to overlap.
// The helper is ended whatever comes of it: what is left then is what a change without it leaves.
func (h *Host) startFirst(ctx context.Context, change resource.Change, want *Container) error {
	unit := Unit(change.Addr)
	u, err := h.unit(ctx, unit)
	if err != nil {
		return err
	}
	if u.ActiveState != "active" && u.ActiveState != "reloading" {
		return h.stopFirst(ctx, change, want, true)
	}
	if renews(change) {
		switch by, err := h.holders(ctx, change.Addr); {
		case err != nil:
			return err
		case len(by) > 0:
			return fmt.Errorf(`unit %s is to be made anew: %w: %s; stop those first, or write update = "stop-first"`, unit, host.ErrUnitHeld, strings.Join(by, ", "))
		}
	}
	if err = h.startHelper(ctx, change, want); err == nil {
		err = h.stopFirst(ctx, change, want, true)
	}
	if errors.Is(err, host.ErrUnitHeld) { // by what holders does not know: the link is the old one's still, which goes on
		err = errors.Join(err, h.keep(ctx, change.Addr), h.Systemd.Start(ctx, unit))
	}
	if err == nil && !want.Notify && !want.Health.declared() {
		err = h.stays(ctx, unit, want) // nothing else says that it can take over
	}
	return errors.Join(err, h.endHelper(ctx, change))
}

// startHelper starts the helper; nil says that it is ready and well, and stayed so. Nothing is written where its name is another's. Then
// the link comes first: it is what a crash leaves to be found.
func (h *Host) startHelper(ctx context.Context, change resource.Change, want *Container) error {
	if _, err := h.loaded(ctx, Helper(change.Addr.HostName()), change.Owner); err != nil {
		return err
	}
	if err := h.put(ctx, change.Addr, change.Owner, change.Addr.HostName()+runtime.NextSuffix, want); err != nil {
		return err
	}
	helper, err := want.helper(change.Addr, change.Owner, h.Launcher)
	if err != nil {
		return err
	}
	if len(want.Listen) > 0 {
		if err := h.Systemd.PassSockets(helper.Name, SocketUnit(change.Addr)); err != nil {
			return err
		}
	}
	if err := keyless(want, h.deaf(ctx, want, change.Addr, h.Systemd.StartTransient(ctx, helper))); err != nil {
		return err
	}
	return h.stays(ctx, helper.Name, want)
}

// stays waits for as long as a program is given to fail after its start, and fails where it did.
func (h *Host) stays(ctx context.Context, unit string, want *Container) error {
	run := h.invocation(unit)
	time.Sleep(h.settle)
	u, err := h.unit(ctx, unit)
	if err != nil {
		return err
	}
	return h.settled(ctx, u, unit, run, want)
}

// unit is a line of systemd's list; one that is not loaded is empty.
func (h *Host) unit(ctx context.Context, name string) (host.Unit, error) {
	units, err := h.Systemd.List(ctx, name)
	if err != nil || len(units) == 0 {
		return host.Unit{}, err
	}
	return units[0], nil
}

// endHelper ends the container's helper, of this change or of one that was cut off, and leaves nothing of it. The link goes last.
func (h *Host) endHelper(ctx context.Context, change resource.Change) error {
	link := change.Addr.HostName() + runtime.NextSuffix
	unit := Helper(change.Addr.HostName())
	live, _ := change.Live.(*Container)
	if _, err := h.Specs.Linked(link); errors.Is(err, fs.ErrNotExist) && (live == nil || live.Helper == "") {
		return nil
	}
	switch u, err := h.unit(ctx, unit); {
	case err != nil:
		return err
	case u.Name != "":
		ours, err := h.ours(ctx, unit, change.Owner)
		if ours {
			err = h.Systemd.Remove(ctx, unit)
		} else if err == nil {
			err = h.hidden(ctx, unit) // nil is another's, which says nothing of ours
		}
		if err != nil {
			return err
		}
	}
	if err := h.Systemd.ForgetSockets(unit); err != nil {
		return err
	}
	return h.Specs.Unlink(link)
}

// helper says of a container that an update left something beside it, or is under way.
func (r *reader) helper(ctx context.Context, f *found) error {
	name := f.addr.HostName()
	unit := Helper(name)
	if _, err := r.Specs.Linked(name + runtime.NextSuffix); errors.Is(err, fs.ErrNotExist) {
		if _, loaded := r.units[unit]; !loaded {
			return nil
		}
		if ours, err := r.ours(ctx, unit, r.owner); err != nil || !ours {
			return err
		}
	}
	f.live.Helper = unit
	f.status += ", being updated: " + unit + " is beside it"
	return nil
}

// checkHelper looks for what of others has the name that a helper needs.
func (k *checker) checkHelper(ctx context.Context, v *validator, change resource.Change, want *Container) {
	unit := Helper(change.Addr.HostName())
	_, loaded := k.units[unit]
	if want.Update != startFirst {
		return
	}
	if file := unitFile(k.unitPath, unit); file != "" {
		v.bad("update", fmt.Sprintf("the host has a unit file %s", file), `it is left alone; remove that file, or write update = "stop-first"`)
	}
	if !loaded {
		return
	}
	switch ours, err := k.ours(ctx, unit, change.Owner); {
	case err != nil:
		v.bad("update", fmt.Sprintf("unit %s cannot be examined", unit), err.Error())
	case !ours:
		v.bad("update", fmt.Sprintf("a unit %s is there that is not this configuration's", unit), `it is left alone; stop that unit, or write update = "stop-first"`)
	}
}

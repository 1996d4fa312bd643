package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hostctl/host"
	"hostctl/resource"
)

// The mark of a container's units is their description: of all that a unit says, systemd changes that alone while it runs,
// so that another configuration can take a running container over. Their journal fields name the configuration that made
// them, for ever.

// The beginnings of the descriptions.
const (
	unitTitle   = "Container "
	socketTitle = "Sockets of container "
	timerTitle  = "Schedule of container "
)

// describe is the description of one of a container's units.
func describe(title string, addr resource.Addr, owner string) host.Property {
	return host.Property{Name: "Description", Value: title + addr.HostName() + " of " + owner}
}

// ownerIn is the owner that a unit's description names; where somebody's drop-in describes it otherwise, that of its
// LogExtraFields. "" for none.
func ownerIn(title string, description, fields any) string {
	text, _ := description.(string)
	if rest, ok := strings.CutPrefix(text, title); ok {
		if _, owner, ok := strings.Cut(rest, " of "); ok {
			return owner
		}
	}
	list, _ := fields.([][]byte)
	for _, f := range list {
		if owner, ok := strings.CutPrefix(string(f), "HOSTCTL_OWNER="); ok {
			return owner
		}
	}
	return ""
}

// ours proves that a loaded unit is a container of the owner, or the helper of one.
func (h *Host) ours(ctx context.Context, unit, owner string) (bool, error) {
	of, err := h.unitOwner(ctx, unit)
	return of == owner, err
}

// unitOwner is the configuration that a loaded unit is a container of, or the helper of one: made by a call and not from a
// file, starting our launcher for the unit's name, and carrying the owner's name. "" where it is none.
func (h *Host) unitOwner(ctx context.Context, unit string) (string, error) {
	p, err := h.Systemd.Properties(ctx, unit, "Unit.Transient", "Unit.Description", "Service.ExecStart", "Service.LogExtraFields")
	if err != nil {
		return "", err
	}
	return provenOwner(p, linkOfUnit(unit)), nil
}

// provenOwner is [Host.unitOwner] of properties that were read.
func provenOwner(p map[string]any, link string) string {
	if transient, _ := p["Unit.Transient"].(bool); !transient || !startsLauncher(p["Service.ExecStart"], link) {
		return ""
	}
	return ownerIn(unitTitle, p["Unit.Description"], p["Service.LogExtraFields"])
}

// startsLauncher looks at ExecStart, a(sasbttttuii): one command, hostctl-launch LINK.
func startsLauncher(execStart any, link string) bool {
	commands, _ := execStart.([][]any)
	if len(commands) != 1 || len(commands[0]) < 2 {
		return false
	}
	path, _ := commands[0][0].(string)
	args, _ := commands[0][1].([]string)
	return filepath.Base(path) == LauncherName && len(args) == 2 && args[1] == link
}

// marked notes where one of the container's units is by its mark another configuration's, which has its name from the spec alone: an
// adoption changed the mark, and somebody took that back, as systemctl revert does. Nearly always the list of units says that it is not so.
func (r *reader) marked(ctx context.Context, f *found) error {
	unit, socket := Unit(f.addr), SocketUnit(f.addr)
	of := ownerIn(unitTitle, r.units[unit].Description, nil)
	if of != r.owner {
		var err error
		if of, err = r.unitOwner(ctx, unit); err != nil {
			return err
		}
	}
	if s, ok := r.sockets[socket]; ok && (of == r.owner || of == "") && ownerIn(socketTitle, s.Description, nil) != r.owner {
		var err error
		if of, _, err = r.socketOwner(ctx, f.addr); err != nil {
			return err
		}
		unit = socket
	}
	if of != "" && of != r.owner { // what is nobody's, others find
		f.alter(alteredMark, fmt.Sprintf("%s says that it is configuration %s's", unit, of), "its unit says that it is another configuration's")
	}
	return nil
}

// remarks reports whether a change is of a container of which a unit has another's mark.
func remarks(change resource.Change) bool {
	live, _ := change.Live.(*Container)
	return live != nil && live.Altered[alteredMark] != ""
}

// remark gives the container's units the owner's mark again, which its spec has, where the reading found another's.
func (h *Host) remark(ctx context.Context, change resource.Change) error {
	if !remarks(change) {
		return nil
	}
	of, err := h.unitOwner(ctx, Unit(change.Addr))
	if err == nil && of != "" && of != change.Owner {
		err = h.describeAgain(ctx, change, Unit(change.Addr), unitTitle, of)
	}
	if err != nil {
		return err
	}
	of, loaded, err := h.socketOwner(ctx, change.Addr)
	if err == nil && loaded && of != "" && of != change.Owner {
		err = h.describeAgain(ctx, change, SocketUnit(change.Addr), socketTitle, of)
	}
	if err != nil {
		return err
	}
	switch ticks, err := h.ticks(ctx, change.Addr, change.Owner); {
	case errors.Is(err, errForeign):
		return nil
	case err != nil || !ticks:
		return err
	}
	return h.describeAgain(ctx, change, TimerUnit(change.Addr), timerTitle, change.Owner)
}

// describeAgain sets the mark of a unit that has another's. That it would not last is an error, unless the unit goes now.
func (h *Host) describeAgain(ctx context.Context, change resource.Change, unit, title, of string) error {
	if of != change.Owner && change.Action != resource.Delete {
		if err := h.lasts(ctx, unit, of); err != nil {
			return err
		}
	}
	return h.Systemd.SetProperties(ctx, unit, []host.Property{describe(title, change.Addr, change.Owner)})
}

// lasts is an error where somebody's drop-in describes a unit, that configuration of made, from the next daemon-reload on.
func (h *Host) lasts(ctx context.Context, unit, of string) error {
	p, err := h.Systemd.Properties(ctx, unit, "Unit.DropInPaths")
	if err != nil {
		return err
	}
	files, _ := p["Unit.DropInPaths"].([]string)
	if i := slices.IndexFunc(files, describes); i >= 0 {
		return fmt.Errorf("unit %s: drop-in %s describes it, so that it is taken for one of configuration %q, which made it; take Description= out of that file, run systemctl daemon-reload, and apply again", unit, files[i], of)
	}
	return nil
}

// describes reports whether a drop-in sets a unit's description, and stands after the one that systemd writes for the property: of all
// directories the files are read in the order of their names, and the last one holds (systemd.unit(5)).
func describes(file string) bool {
	if filepath.Base(file) <= "50-Description.conf" {
		return false
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if name, _, ok := strings.Cut(line, "="); ok && strings.TrimSpace(name) == "Description" {
			return true
		}
	}
	return false
}

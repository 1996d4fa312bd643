package container

import (
	"context"
	"path/filepath"
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

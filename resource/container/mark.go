package container

import (
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

package network

import (
	"context"

	"hostctl/host"
)

// Owners implements [resource.OwnerLister] by the aliases of the bridges.
func (h *Host) Owners(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	links, err := h.door.Links(outdoors)
	if err != nil {
		return nil, err
	}
	var owners []string
	for _, l := range links {
		if owner, _, ok := host.ParseMark(l.Alias); ok && l.Type == "bridge" {
			owners = append(owners, owner)
		}
	}
	return owners, nil
}

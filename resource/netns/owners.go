package netns

import (
	"context"

	"hostctl/host"
)

// Owners implements [resource.OwnerLister] by the marks of the namespaces in /run/netns.
func (h *Host) Owners(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := h.door.Survey(func(string) ([]string, bool) { return nil, false })
	if err != nil {
		return nil, err
	}
	var owners []string
	for _, e := range entries {
		if owner, _, ok := host.ParseMark(e.Mark); ok {
			owners = append(owners, owner)
		}
	}
	return owners, nil
}

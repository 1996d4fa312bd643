package container

import "context"

// Owners implements [resource.OwnerLister] by the specs that containers start with.
func (h *Host) Owners(ctx context.Context) ([]string, error) {
	names, err := h.linked()
	if err != nil {
		return nil, err
	}
	owners := make([]string, len(names))
	each(len(names), func(i int) {
		// One that cannot be read is removed just now, or damaged: who reads that owner's containers says so.
		if spec, _, err := h.Specs.ReadSpec(names[i]); err == nil && ctx.Err() == nil {
			owners[i] = spec.Owner
		}
	})
	return owners, ctx.Err()
}

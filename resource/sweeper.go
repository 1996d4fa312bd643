package resource

import "context"

// Sweeper is implemented by a Host whose creations, killed half-way, can leave
// something that no mark tells of. The ledger remembers what was begun for it.
type Sweeper interface {
	// Sweep removes what the creation of the resource, as spec says, has left beside it. The
	// resource itself is not touched, and nothing is removed that holds anything.
	Sweep(ctx context.Context, spec Spec) error
}

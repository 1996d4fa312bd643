package resource

import (
	"context"
	"fmt"
)

// OwnerLister is implemented by a Host whose objects carry their owner's mark
// where they can be found without knowing what to look for.
type OwnerLister interface {
	// Owners returns the names of the configurations that the marks of this kind's
	// objects claim, in any order and perhaps with repetitions. A mark that
	// cannot be read is left out: what it claims is not proven here, [Host.Read] does that.
	Owners(ctx context.Context) ([]string, error)
}

// AdoptRemedy is the remedy where another configuration has what this one wants, which may be this one under the name that it
// had before.
func AdoptRemedy(owner string) string {
	return fmt.Sprintf("if this configuration had the name %q before, take over what it has: hostctl adopt %s", owner, owner)
}

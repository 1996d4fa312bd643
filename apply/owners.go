package apply

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"hostctl/resource"
)

// Owners returns the names of the configurations that this host has something of, sorted:
// those of the ledger, which is returned with them, and those that the marks on the host
// claim, which are all where the ledger is missing (found is false).
func (m *Machine) Owners(ctx context.Context) (names []string, ledger *Ledger, found bool, err error) {
	ledger, found, err = ReadLedger(m.LedgerPath, m.ID, m.Kinds)
	if err != nil {
		return nil, nil, false, err
	}
	seen := map[string]bool{}
	for name := range ledger.Owners {
		seen[name] = true
	}
	for _, kind := range m.Kinds {
		lister, ok := m.Hosts[kind.Name].(resource.OwnerLister)
		if !ok {
			continue
		}
		claimed, err := lister.Owners(ctx)
		if err != nil {
			return nil, nil, false, fmt.Errorf("read whose on this host is what is of kind %s: %w", kind.Name, err)
		}
		for _, name := range claimed {
			// A mark is text on the host that others could have written.
			if resource.CheckName(name) == nil {
				seen[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen)), ledger, found, nil
}

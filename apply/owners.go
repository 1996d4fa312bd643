package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"hostctl/resource"
)

// Owners returns the names of the configurations that this host has something of, sorted:
// those of the ledger, which is returned with them, and those that the marks on the host
// claim, which are all where the ledger is missing (found is false). Where an
// ordinary user may not read the ledger it is nil, and the names are those that everybody may see.
func (m *Machine) Owners(ctx context.Context) (names []string, ledger *Ledger, found bool, err error) {
	ledger, found, unread, err := m.readLedger()
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
		if m.Ordinary && errors.Is(err, fs.ErrPermission) {
			claimed, err = glanced(ctx, m.Hosts[kind.Name])
		}
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
	if unread {
		ledger = nil
	}
	return slices.Sorted(maps.Keys(seen)), ledger, found, nil
}

// glanced are the owners that everybody may see of a kind.
func glanced(ctx context.Context, host resource.Host) (owners []string, err error) {
	if glancer, ok := host.(resource.Glancer); ok {
		sights, err := glancer.Glance(ctx)
		for _, s := range sights {
			owners = append(owners, s.Owner)
		}
		return owners, err
	}
	return nil, nil
}

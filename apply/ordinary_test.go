package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"hostctl/resource"
)

// vault is a host of things that this process may not read, but for their outside.
type vault struct {
	shelf
	parts bool // what may not be read is only a part
}

func (v *vault) Read(ctx context.Context, owner string, last resource.State) (resource.Reading, error) {
	if !v.parts {
		return resource.Reading{}, fmt.Errorf("open: %w", os.ErrPermission)
	}
	r, err := v.shelf.Read(ctx, owner, last)
	r.Unread = map[resource.Addr][]string{addr("a"): {"value"}}
	return r, err
}

func (v *vault) Owners(context.Context) ([]string, error) {
	return nil, fmt.Errorf("open: %w", os.ErrPermission)
}

func (v *vault) Glance(context.Context) ([]resource.Sight, error) {
	return []resource.Sight{{Owner: "shop", Name: "a", Status: "running"}, {Owner: "other", Name: "b", Status: "stopped"}}, nil
}

// What may not be read is left out for an ordinary user, and is an error for root.
func TestOrdinary(t *testing.T) {
	for _, parts := range []bool{false, true} {
		m, _ := machine(t)
		v := &vault{parts: parts}
		v.things = resource.State{addr("a"): &thing{}}
		m.Hosts["thing"] = v
		if _, err := m.Observe(t.Context(), "shop"); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("root goes on without what it cannot read (parts %v): %v", parts, err)
		}
		m.Ordinary = true
		o, err := m.Observe(t.Context(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case parts && (o.Unread["thing"] || o.Live[addr("a")] == nil || len(o.Parts[addr("a")]) != 1):
			t.Errorf("a part that is unread: %+v", o)
		case !parts && (!o.Unread["thing"] || len(o.Live) > 0 || len(o.Sights["thing"]) != 1 || o.Sights["thing"][0].Name != "a"):
			t.Errorf("a kind that is unread: %+v", o)
		}
	}
	m, _ := machine(t)
	m.Hosts["thing"] = &vault{}
	if _, _, _, err := m.Owners(t.Context()); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("root lists what it cannot read: %v", err)
	}
	m.Ordinary = true
	if names, _, _, err := m.Owners(t.Context()); err != nil || fmt.Sprint(names) != "[other shop]" {
		t.Errorf("owners %v, %v", names, err)
	}
	if problems := m.Check(t.Context(), []resource.Change{{Addr: addr("a")}}, nil); problems != nil {
		t.Errorf("an ordinary user's plan was checked: %v", problems)
	}
}

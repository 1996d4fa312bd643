package apply

import (
	"testing"
	"time"

	"hostctl/plan"
)

// A hold that the clock says has ended is dropped by an apply, and never at boot, when the clock may be wrong.
func TestHoldAtBoot(t *testing.T) {
	m, _ := machine(t)
	apply(t, m, version("a:1"), Options{})
	if err := m.Amend("shop", func(o *Owner) error {
		o.Held[addr("a")] = Hold{By: "ann", Until: time.Now().Add(-time.Hour)}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		replay bool
		held   int
	}{{true, 1}, {false, 0}} {
		o, err := m.Observe(t.Context(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		p := plan.Make(o.Last, o.Last, o.Live, plan.Options{Kinds: m.Kinds, Owner: "shop"})
		if _, err := m.Run(t.Context(), p, o, nil, o.Last, Options{Parallelism: 1, Replay: c.replay}); err != nil {
			t.Fatal(err)
		}
		if o, err = m.Observe(t.Context(), "shop"); err != nil || len(o.Ledger.Owner("shop").Held) != c.held {
			t.Errorf("replay %v: %v, %v", c.replay, o.Ledger.Owner("shop").Held, err)
		}
	}
}

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const rowReplay = "hostctl replay"

// replays measures what a host does at boot beside the apply that it repeats.
func replays(s settings) ([]*Table, error) {
	const n, rounds = 100, 5
	b, err := dialBus()
	if err != nil {
		return nil, err
	}
	defer b.close()
	f, err := newFleet(s.Kit, n, true)
	if err != nil {
		return nil, err
	}
	t := &Table{
		Title: fmt.Sprintf("Boot replay of %d containers", n),
		Note: "hostctl replay from its exec to its exit, after a power cut took the units and /run, beside the hostctl apply -settle 0s of the same containers\n" +
			"before it, on a host that had none of them.",
		Base:  rowApply,
		Goals: []Goal{{Row: rowReplay, Beside: rowApply, Most: 1.2}},
	}
	for range rounds {
		took, err := f.apply()
		if err != nil {
			return nil, err
		}
		t.row(rowApply, "ms").add(millis(took))
		if err := f.powerCut(b); err != nil {
			return nil, err
		}
		if took, err = f.hostctl("replay"); err != nil {
			return nil, err
		}
		t.row(rowReplay, "ms").add(millis(took))
		if state, err := b.activeState(containerUnit(f.name(n - 1))); err != nil || state != "active" {
			return nil, errors.Join(err, fmt.Errorf("%s is %s after a replay", f.name(n-1), state))
		}
		if err := f.destroy(); err != nil {
			return nil, err
		}
		time.Sleep(10 * teardown)
	}
	return []*Table{t}, nil
}

// powerCut takes away what a power cut does: the units, the keepers that hold them loaded before them, and what lies in /run.
func (f *fleet) powerCut(b *bus) error {
	keepers, units := make([]string, f.n), make([]string, f.n)
	for i := range f.n {
		keepers[i], units[i] = "hostctl-keep-"+f.name(i)+".slice", containerUnit(f.name(i))
	}
	if err := errors.Join(b.stop(keepers), b.stop(units)); err != nil {
		return err
	}
	const run = "/run/hostctl"
	entries, err := os.ReadDir(run)
	for _, e := range entries {
		if e.Name() != "try" { // the throwaway host's own mark
			err = errors.Join(err, os.RemoveAll(filepath.Join(run, e.Name())))
		}
	}
	return err
}

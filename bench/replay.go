package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
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
		time.Sleep(100 * teardown)
		took, err := f.apply()
		if err != nil {
			return nil, err
		}
		t.row(rowApply, "ms").add(millis(took))
		if err := f.powerCut(); err != nil {
			return nil, err
		}
		time.Sleep(100 * teardown) // at boot there is nothing to take down
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
	}
	return []*Table{t}, nil
}

// powerCut takes away what a power cut does: the units, with the keepers that hold them loaded, and what lies in /run.
func (f *fleet) powerCut() error {
	stop := exec.Command("systemctl", "stop", "hostctl-keep-"+f.prefix+"*.slice", containerUnit(f.prefix+"*"))
	if out, err := stop.CombinedOutput(); err != nil {
		return fmt.Errorf("systemctl stop: %w: %s", err, out)
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

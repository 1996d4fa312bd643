package main

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Names of rows that goals speak of.
const (
	rowBare      = "bare units, Type=exec"
	rowApply     = "hostctl apply"
	rowApplyBare = "hostctl apply, init = false"
)

// applies measures the start of 100 containers, and of 1,000 where that is asked for.
func applies(s settings) ([]*Table, error) {
	sizes := map[int]int{100: 5} // containers -> rounds
	order := []int{100}
	if s.Thousand {
		sizes[1000], order = 3, append(order, 1000)
	}
	var tables []*Table
	for _, n := range order {
		t, err := applyTable(s.Kit, n, sizes[n])
		if err != nil {
			return nil, fmt.Errorf("%d containers: %w", n, err)
		}
		tables = append(tables, t)
	}
	return tables, nil
}

func applyTable(k kit, n, rounds int) (*Table, error) {
	b, err := dialBus()
	if err != nil {
		return nil, err
	}
	defer b.close()
	withInit, err := newFleet(k, n, true)
	if err != nil {
		return nil, err
	}
	without, err := newFleet(k, n, false)
	if err != nil {
		return nil, err
	}
	units := bareNames(n)
	bare := func(kind string) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			begun := time.Now()
			err := b.startBare(units, kind, k.Rootfs+"/bin/sleep", "1000000")
			return time.Since(begun), err
		}
	}
	stopBare := func() error { return b.stop(units) }
	all := []struct {
		row   string
		start func() (time.Duration, error)
		end   func() error
	}{
		{rowBare, bare("exec"), stopBare},
		{rowApply, withInit.apply, withInit.destroy},
		{rowApplyBare, without.apply, without.destroy},
	}
	t := &Table{
		Title: fmt.Sprintf("Apply of %d containers", n),
		Note: fmt.Sprintf("hostctl apply -auto-approve -settle 0s from its exec to its exit, beside %d bare transient units of `sleep` over D-Bus,\n"+
			"%d in flight, from the first call to the last JobRemoved. With Type=exec that says that sleep runs, as it does for a container.", n, inFlight),
		Base:  rowBare,
		Goals: []Goal{{Row: rowApply, Beside: rowBare, Most: 1.3}, {Row: rowApplyBare, Beside: rowBare, Most: 1.3}},
	}
	for _, c := range all {
		t.row(c.row, "ms")
	}
	for range rounds {
		for _, i := range rand.Perm(len(all)) {
			c := all[i]
			took, err := c.start()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.row, err)
			}
			t.row(c.row, "ms").add(millis(took.Nanoseconds()))
			if err := c.end(); err != nil {
				return nil, fmt.Errorf("%s: %w", c.row, err)
			}
		}
	}
	return t, nil
}

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Names of rows that goals speak of.
const (
	rowBare      = "bare units, Type=exec"
	rowFloors    = "bare units of the floor"
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
	bare := func(argv ...string) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			begun := time.Now()
			err := b.startBare(units, "exec", argv...)
			return time.Since(begun), err
		}
	}
	stopBare := func() error { return b.stop(units) }
	stopFloors := func() error {
		// sleep as process 1 of its namespace does not hear SIGTERM.
		if err := b.kill(units, syscall.SIGKILL); err != nil {
			return err
		}
		return b.stop(units)
	}
	all := []struct {
		row   string
		start func() (time.Duration, error)
		end   func() error
	}{
		{rowBare, bare(k.Rootfs+"/bin/sleep", "1000000"), stopBare},
		{rowFloors, bare(k.Floor, k.Rootfs, strconv.Itoa(idBase), "65536", "/bin/sleep", "1000000"), stopFloors},
		{rowApply, withInit.apply, withInit.destroy},
		{rowApplyBare, without.apply, without.destroy},
	}
	t := &Table{
		Title: fmt.Sprintf("Apply of %d containers", n),
		Note: fmt.Sprintf("hostctl apply -auto-approve -settle 0s from its exec to its exit, beside %d bare transient units of `sleep` over D-Bus,\n"+
			"%d in flight, from the first call to the last JobRemoved. With Type=exec that says that sleep runs, as it does for a container.\n"+
			"Units of the floor are done before their namespaces and mounts are: no program that makes those can be faster beside them.", n, inFlight),
		Base:  rowBare,
		Goals: []Goal{{Row: rowApply, Beside: rowBare, Most: 1.3}, {Row: rowApplyBare, Beside: rowBare, Most: 1.3}},
	}
	for _, c := range all {
		t.row(c.row, "ms")
	}
	for _, c := range all {
		t.row(c.row+ofSystemd, "ms")
	}
	for range rounds {
		for _, i := range rand.Perm(len(all)) {
			c := all[i]
			before, err := systemdTime()
			if err != nil {
				return nil, err
			}
			took, err := c.start()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.row, err)
			}
			after, err := systemdTime()
			if err != nil {
				return nil, err
			}
			t.row(c.row+ofSystemd, "ms").add(millis(after - before))
			t.row(c.row, "ms").add(millis(took))
			if err := c.end(); err != nil {
				return nil, fmt.Errorf("%s: %w", c.row, err)
			}
		}
	}
	return t, nil
}

// ofSystemd marks the rows that say how long process 1 was on a processor meanwhile: it is one thread, and all that is
// started waits for it.
const ofSystemd = ": systemd's processor time"

// systemdTime is how long process 1 has been on a processor.
func systemdTime() (time.Duration, error) {
	text, err := os.ReadFile("/proc/1/schedstat")
	if err != nil {
		return 0, err
	}
	on, _, _ := strings.Cut(string(text), " ")
	ns, err := strconv.ParseInt(on, 10, 64)
	return time.Duration(ns), err
}

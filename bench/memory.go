package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Names of rows that goals speak of.
const (
	rowInitAnon  = "tiny init, anonymous memory"
	rowOurs      = "processes of hostctl, init = false"
	rowTotalBare = "kernel and processes, init = false"
)

// teardownAll is a pause in which the kernel frees what 300 units have left.
const teardownAll = 3 * time.Second

// memory measures what a running container takes.
func memory(s settings) ([]*Table, error) {
	const n, rounds = 100, 3
	b, err := dialBus()
	if err != nil {
		return nil, err
	}
	defer b.close()
	t := &Table{
		Title: "Memory of a running container",
		Note: fmt.Sprintf("smaps_rollup of process 1 inside; and by how much %d containers that run sleep raise the memory in use, by container: the\n"+
			"kernel's, systemd's and the processes', without page cache and journal. Without a memory controller on the throwaway host\n"+
			"that is read off the whole machine and holds only while nothing else runs there.", n),
		Goals: []Goal{
			{Row: rowOurs, Most: 0},
			{Row: rowInitAnon, Most: 0.6 * 1024},
			{Row: rowTotalBare, Most: 300e3 / 1024},
		},
	}
	withInit, err := newFleet(s.Kit, n, true)
	if err != nil {
		return nil, err
	}
	without, err := newFleet(s.Kit, n, false)
	if err != nil {
		return nil, err
	}
	units := bareNames(n)
	all := []struct {
		row   string
		start func() error
		look  func() error // while they run
		end   func() error
	}{
		{"kernel and processes, bare units", func() error { return b.startBare(units, "exec", s.Kit.Rootfs+"/bin/sleep", "1000000") },
			nil, func() error { return b.stop(units) }},
		{rowTotalBare, started(without), func() error { return without.residents(b, t.row(rowOurs, "")) }, without.destroy},
		{"kernel and processes, tiny init", started(withInit), func() error { return withInit.initMemory(b, t) }, withInit.destroy},
	}
	for _, c := range all {
		t.row(c.row, "KiB")
	}
	// One after the other comes on top, and all end together: what the kernel frees late is not in between.
	for round := range 1 + rounds {
		before, err := used()
		if err != nil {
			return nil, err
		}
		for _, c := range all {
			if err := c.start(); err != nil {
				return nil, fmt.Errorf("%s: %w", c.row, err)
			}
			after, err := used()
			if err != nil {
				return nil, err
			}
			if round > 0 { // the first one fills caches
				t.row(c.row, "KiB").add(float64(after-before) / n / 1024)
			}
			before = after
			if c.look != nil && round > 0 {
				if err := c.look(); err != nil {
					return nil, fmt.Errorf("%s: %w", c.row, err)
				}
			}
		}
		for _, c := range all {
			if err := c.end(); err != nil {
				return nil, fmt.Errorf("%s: %w", c.row, err)
			}
		}
		time.Sleep(teardownAll)
	}
	return []*Table{t}, nil
}

func started(f *fleet) func() error {
	return func() error {
		_, err := f.apply()
		return err
	}
}

// residents counts, container by container, the processes in its unit whose program is hostctl's.
func (f *fleet) residents(b *bus, r *Row) error {
	for i := range f.n {
		var group string
		if err := b.property(containerUnit(f.name(i)), "ControlGroup", &group); err != nil {
			return err
		}
		ours := 0
		pids, err := groupPIDs("/sys/fs/cgroup" + group)
		if err != nil {
			return err
		}
		for _, pid := range pids {
			exe, err := os.Readlink("/proc/" + pid + "/exe")
			if err != nil {
				return err
			}
			if strings.Contains(filepath.Base(exe), "hostctl") {
				ours++
			}
		}
		r.add(float64(ours))
	}
	return nil
}

// groupPIDs lists the processes of a control group and of those below it.
func groupPIDs(dir string) ([]string, error) {
	var pids []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "cgroup.procs" {
			return err
		}
		text, err := os.ReadFile(path)
		pids = append(pids, strings.Fields(string(text))...)
		return err
	})
	return pids, err
}

// initMemory adds what smaps_rollup says of each container's process 1.
func (f *fleet) initMemory(b *bus, t *Table) error {
	for i := range f.n {
		var pid uint32
		if err := b.property(containerUnit(f.name(i)), "MainPID", &pid); err != nil {
			return err
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return err
		}
		for _, field := range []struct{ name, row string }{{"Anonymous:", rowInitAnon}, {"Pss:", "tiny init, Pss"}} {
			kib, err := numberOf(text, field.name)
			if err != nil {
				return err
			}
			t.row(field.row, "KiB").add(float64(kib))
		}
	}
	return nil
}

// numberOf finds the number of a line like "NAME   123 kB" in a file of the kernel's.
func numberOf(text []byte, name string) (int64, error) {
	for sc := bufio.NewScanner(bytes.NewReader(text)); sc.Scan(); {
		if f := strings.Fields(sc.Text()); len(f) >= 2 && f[0] == name {
			return strconv.ParseInt(f[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("no line %s", name)
}

// used returns the bytes of memory in use, page cache and journal not counted: the throwaway host's where its control
// group keeps an account, else the whole machine's, in which everything else that runs shows too. It looks until five
// looks are alike, 6 seconds at most: what has just ended is freed a little later.
func used() (int64, error) {
	last, alike := int64(0), 0
	for range 30 {
		time.Sleep(200 * time.Millisecond)
		now, err := usedNow()
		if err != nil {
			return 0, err
		}
		if d := now - last; -256<<10 < d && d < 256<<10 {
			if alike++; alike == 4 {
				return now, nil
			}
		} else {
			alike = 0
		}
		last = now
	}
	return last, nil
}

func usedNow() (int64, error) {
	sum, err := groupMemory("/sys/fs/cgroup")
	if errors.Is(err, os.ErrNotExist) {
		sum, err = machineMemory()
	}
	if err != nil {
		return 0, err
	}
	// The journal lies on a tmpfs and grows by whole megabytes.
	err = filepath.WalkDir("/run/log/journal", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum -= info.Sys().(*syscall.Stat_t).Blocks * 512
		return nil
	})
	return sum, err
}

// groupMemory is what a control group of version 2 is charged with, less its page cache. The error is os.ErrNotExist
// where it has no memory controller.
func groupMemory(dir string) (int64, error) {
	text, err := os.ReadFile(dir + "/memory.current")
	if err != nil {
		return 0, err
	}
	sum, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, err
	}
	if text, err = os.ReadFile(dir + "/memory.stat"); err != nil {
		return 0, err
	}
	for name, sign := range map[string]int64{"file": -1, "shmem": 1} {
		n, err := numberOf(text, name)
		if err != nil {
			return 0, fmt.Errorf("%s/memory.stat: %w", dir, err)
		}
		sum += sign * n
	}
	return sum, nil
}

// machineMemory is what /proc/meminfo calls used, less the page cache.
func machineMemory() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	sum := int64(0)
	for name, sign := range map[string]int64{"MemTotal:": 1, "MemFree:": -1, "Buffers:": -1, "Cached:": -1, "Shmem:": 1} {
		kib, err := numberOf(text, name)
		if err != nil {
			return 0, fmt.Errorf("/proc/meminfo: %w", err)
		}
		sum += sign * kib << 10
	}
	return sum, nil
}

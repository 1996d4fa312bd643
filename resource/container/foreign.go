package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hostctl/host"
	"hostctl/resource"
)

// foreign finds what others put beside the units of containers in the directories that systemd reads: masks, unit files of the
// same name, and drop-ins. They are somebody's decision about this host, hold from the next daemon-reload on whatever a
// unit was made with, and are left alone.
func (r *reader) foreign(ctx context.Context, state resource.State) ([]resource.Problem, error) {
	path, err := r.Systemd.UnitPath(ctx)
	if err != nil {
		return nil, err
	}
	files, err := adminsFiles(path)
	if err != nil || len(files) == 0 {
		return nil, err
	}
	var out []resource.Problem
	slice := map[string]host.Unit{Slice: {}} // is there with the first container
	for _, addr := range state.Addrs() {
		live, ok := state[addr].(*Container)
		if !ok {
			continue
		}
		units := []struct {
			unit   string
			loaded map[string]host.Unit
		}{{Unit(addr), r.units}, {SocketUnit(addr), r.sockets}, {TimerUnit(addr), r.timers}, {Keeper(addr), r.keepers}, {Slice, slice}}
		if live.Slice != "" {
			units[len(units)-1].unit, units[len(units)-1].loaded = live.sliceUnit(), r.keepers
		}
		for _, of := range units {
			for _, file := range files[of.unit] {
				out = append(out, inTheWay(addr, of.unit, file))
			}
			if u, ok := of.loaded[of.unit]; ok && u.LoadState != "not-found" {
				found, err := r.dropIns(ctx, addr, live, of.unit, files)
				if err != nil {
					return nil, err
				}
				out = append(out, found...)
			}
		}
	}
	return out, nil
}

// adminsFiles are the administrator's files that can be about units of hostctl's: unit files by the unit's name, drop-ins by that
// of their directory. path is where systemd looks.
func adminsFiles(path []string) (map[string][]string, error) {
	files := map[string][]string{}
	for _, dir := range path {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			name := e.Name()
			if !strings.HasPrefix(name, unitPrefix) && !slices.Contains([]string{"service.d", "socket.d", "timer.d", "slice.d", Slice, Slice + ".d"}, name) {
				continue
			}
			found := []string{filepath.Join(dir, name)}
			if strings.HasSuffix(name, ".d") {
				found, _ = filepath.Glob(filepath.Join(dir, name, "*.conf"))
			}
			if found = slices.DeleteFunc(found, func(file string) bool { return !adminsOwn(file) }); len(found) > 0 {
				files[name] = append(files[name], found...)
			}
		}
	}
	return files, nil
}

// adminsOwn reports whether a unit file or drop-in is neither of systemd's own making nor a distribution's for all units. What systemd
// writes for transient units and for properties that hostctl sets stands below /run: of these the properties tell, but see [hostctlSet].
func adminsOwn(file string) bool {
	dir := filepath.Dir(file)
	if own := strings.HasPrefix(file, "/run/systemd/transient/") || strings.HasPrefix(file, "/run/systemd/system.control/"); own {
		setting, isSetting := settingOf(file)
		return strings.HasSuffix(dir, ".d") && !(isSetting && slices.Contains([]string{"CPUQuota", "Description", "MemoryMax", "TasksMax"}, setting))
	}
	return strings.HasPrefix(filepath.Base(dir), unitPrefix) || !strings.HasSuffix(dir, ".d") || !strings.HasPrefix(dir, "/usr/lib/") && !strings.HasPrefix(dir, "/lib/")
}

// settingOf is the setting that systemd keeps in a drop-in which it writes for a property.
func settingOf(file string) (setting string, ok bool) {
	setting, ok = strings.CutPrefix(filepath.Base(file), "50-")
	return strings.TrimSuffix(setting, ".conf"), ok
}

// hostctlSet reports whether a drop-in below /run is of a limit that hostctl set or took back: one that nobody declares is set only by
// others.
func hostctlSet(file string, l Limits) bool {
	setting, ok := settingOf(file)
	if !ok || !strings.HasPrefix(file, "/run/systemd/") {
		return false
	}
	back := "infinity" // what it is where it is not declared
	var declared bool
	switch setting {
	case "AllowedCPUs":
		declared = l.CPUs != ""
	case "CPUWeight":
		declared = l.CPUWeight != 0
	case "IOWeight":
		declared = l.IOWeight != 0
	case "MemoryHigh":
		declared = l.MemoryHigh != 0
	case "MemorySwapMax":
		if declared = l.Swap != 0; l.Memory != 0 {
			back = "0"
		}
	default:
		return false
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) // taken away meanwhile
	}
	last := text[max(0, bytes.LastIndex(text, []byte(setting+"="))):]
	_, value, _ := strings.Cut(strings.TrimSpace(string(last)), "=")
	return declared || value == "" || value == back
}

// inTheWay says what a unit file of a unit's name does.
func inTheWay(addr resource.Addr, unit, file string) resource.Problem {
	switch {
	case !masked(file):
		return resource.Problem{Addr: addr, Summary: fmt.Sprintf("unit file %s stands in the way of %s", file, unit), Detail: "take it away, and run systemctl daemon-reload"}
	case strings.HasPrefix(file, "/run/"):
		return resource.Problem{Addr: addr, Summary: fmt.Sprintf("%s is masked: it can be started no more", unit), Detail: "systemctl unmask --runtime " + unit}
	}
	return resource.Problem{Addr: addr, Summary: fmt.Sprintf("%s is masked: it can be started no more", unit), Detail: "systemctl unmask " + unit}
}

// dropIns are the administrator's drop-ins of a unit that is loaded. What one of them does to many resources has one summary. systemd
// says which it has read, and reads one alone of those of one name.
func (r *reader) dropIns(ctx context.Context, addr resource.Addr, live *Container, unit string, files map[string][]string) (out []resource.Problem, err error) {
	var found []string
	for _, dir := range dropInDirs(unit) {
		found = append(found, files[dir]...)
	}
	found = slices.DeleteFunc(found, func(file string) bool { return unit == Unit(addr) && hostctlSet(file, live.Limits) })
	if len(found) == 0 {
		return nil, nil
	}
	p, err := r.Systemd.Properties(ctx, unit, "Unit.DropInPaths")
	if err != nil {
		return nil, err
	}
	read, _ := p["Unit.DropInPaths"].([]string)
	slices.Sort(found)
	detail := fmt.Sprintf("it is the host's own, and left alone: what it says holds beside what the configuration does; systemctl cat %s shows both", unit)
	for _, file := range found {
		switch {
		case slices.Contains(read, file):
			out = append(out, resource.Problem{Addr: addr, Summary: fmt.Sprintf("admin drop-in %s changes the unit", file), Detail: detail})
		case !masked(file) && !slices.ContainsFunc(read, func(other string) bool { return filepath.Base(other) == filepath.Base(file) }):
			out = append(out, resource.Problem{Addr: addr, Summary: fmt.Sprintf("admin drop-in %s changes the unit from the next daemon-reload on", file), Detail: detail})
		}
	}
	return out, nil
}

// dropInDirs are the names of the directories whose files change a unit, as systemd.unit(5) has them: of all units of its type, of each
// prefix that ends with a dash, and of the unit itself.
func dropInDirs(unit string) []string {
	name, suffix, _ := strings.Cut(unit, ".")
	dirs := []string{suffix + ".d", unit + ".d"}
	for i := range len(name) - 1 {
		if name[i] == '-' {
			dirs = append(dirs, name[:i+1]+"."+suffix+".d")
		}
	}
	return dirs
}

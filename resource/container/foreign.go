package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hostctl/resource"
)

// foreign finds what others put beside the units of containers in the directories that systemd reads: masks, unit files of the
// same name, and drop-ins. They are somebody's decision about this host, hold from the next daemon-reload on whatever a
// unit was made with, and are left alone. What hostctl itself sets stands below /run, where set-property -runtime
// writes too: of these the properties tell.
func (h *Host) foreign(ctx context.Context, addrs []resource.Addr) ([]resource.Problem, error) {
	dirs, err := h.Systemd.UnitPath(ctx)
	if err != nil {
		return nil, err
	}
	files := map[string][]string{} // by the unit, or the drop-in directory
	for _, dir := range dirs {
		if dir == "/run/systemd/transient" || dir == "/run/systemd/system.control" {
			continue
		}
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), unitPrefix) {
				files[e.Name()] = append(files[e.Name()], filepath.Join(dir, e.Name()))
			}
		}
	}
	if len(files) == 0 {
		return nil, nil
	}
	var out []resource.Problem
	for _, addr := range addrs {
		for _, unit := range []string{Unit(addr), SocketUnit(addr), TimerUnit(addr)} {
			out = append(out, foreignTo(addr, unit, files)...)
		}
	}
	return out, nil
}

func foreignTo(addr resource.Addr, unit string, files map[string][]string) (out []resource.Problem) {
	for _, file := range files[unit] {
		p := resource.Problem{Addr: addr, Summary: fmt.Sprintf("unit file %s stands in the way of %s", file, unit), Detail: "take it away, and run systemctl daemon-reload"}
		if masked(file) {
			p.Summary, p.Detail = fmt.Sprintf("%s is masked: it can be started no more", unit), "systemctl unmask "+unit
			if strings.HasPrefix(file, "/run/") {
				p.Detail = "systemctl unmask --runtime " + unit
			}
		}
		out = append(out, p)
	}
	var conf []string
	for _, dir := range dropInDirs(unit) {
		for _, path := range files[dir] {
			found, _ := filepath.Glob(filepath.Join(path, "*.conf"))
			conf = append(conf, found...)
		}
	}
	if len(conf) > 0 {
		slices.Sort(conf)
		out = append(out, resource.Problem{Addr: addr, Summary: fmt.Sprintf("drop-ins change %s: %s", unit, strings.Join(conf, ", ")),
			Detail: "take them away, and run systemctl daemon-reload; what set-property left goes by systemctl revert " + unit})
	}
	return out
}

// dropInDirs are the names of the directories with drop-ins of a unit, as systemd.unit(5) has them: its own, and for each dash of its
// name that of the units that begin so. What is for all services is the host's way.
func dropInDirs(unit string) []string {
	dirs := []string{unit + ".d"}
	name, suffix, _ := strings.Cut(unit, ".")
	for i := len(unitPrefix) - 1; i < len(name); i++ {
		if name[i] == '-' {
			dirs = append(dirs, name[:i+1]+"."+suffix+".d")
		}
	}
	return dirs
}

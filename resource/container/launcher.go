package container

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// startable makes of a container whose unit is loaded one that is to be made anew where the launcher that the unit starts is gone,
// as where hostctl was moved: what runs runs on, but its next start would fail. A launcher of another place that is there is as good
// as ours, and costs nobody a restart.
func (r *reader) startable(ctx context.Context, f *found) error {
	unit := Unit(f.addr)
	if _, loaded := r.units[unit]; !loaded || r.startsOurs(unit) {
		return nil
	}
	p, err := r.Systemd.Properties(ctx, unit, "Service.ExecStart")
	if err != nil {
		return err
	}
	path, starts := launcherOf(p["Service.ExecStart"], f.addr.HostName())
	if !starts {
		return nil // whose unit that is, is said elsewhere
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		f.live.Pending = pendingLauncher
		f.status += "; its launcher " + path + " is gone, apply makes it anew"
	}
	return nil
}

// startsOurs reports whether the file that systemd wrote of a unit names the launcher that is used now, which spares a question for each
// container. That it does not says nothing.
func (r *reader) startsOurs(unit string) bool {
	text, err := readProc(filepath.Join(filepath.Dir(r.Units), "transient", unit))
	return err == nil && slices.ContainsFunc(strings.Fields(string(text)), func(word string) bool {
		return strings.Trim(strings.TrimPrefix(word, "ExecStart=@"), `"`) == r.Launcher
	})
}

// launcherOf looks at ExecStart, a(sasbttttuii): the path in one command, hostctl-launch NAME.
func launcherOf(execStart any, name string) (path string, ok bool) {
	commands, _ := execStart.([][]any)
	if len(commands) != 1 || len(commands[0]) < 2 {
		return "", false
	}
	path, _ = commands[0][0].(string)
	args, _ := commands[0][1].([]string)
	return path, filepath.Base(path) == LauncherName && len(args) == 2 && args[1] == name
}

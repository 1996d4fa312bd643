package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"hostctl/resource"
	"hostctl/runtime"
)

// stored fills in what is in the files of a container that does not run: what its next start would read. One that is
// not there has no mode, as no file that is declared.
func (r *reader) stored(live *Container, spec runtime.Spec) error {
	for _, s := range spec.Files {
		f, ok := live.File[s.Target]
		if !ok {
			continue
		}
		content, err := r.Specs.ReadContent(spec.Name, s.Sum)
		if runtime.Passing(err) {
			return err
		}
		if err != nil {
			f.Mode, content = 0, nil
		}
		live.File[s.Target] = f.holding(content)
	}
	return nil
}

// inside fills in what is in the files of a container that runs: what its program reads, or where that is as
// it should be and the store is not, what the store has. spec is that of its next start.
func (r *reader) inside(f *found, spec runtime.Spec, record runtime.Record) error {
	if err := r.stored(f.live, spec); err != nil {
		return err
	}
	root := filepath.Join(r.Proc, strconv.Itoa(record.PID), "root")
	for _, s := range spec.Files {
		file, ok := f.live.File[s.Target]
		if !ok {
			continue
		}
		found, err := runtime.ReadInside(root, s.Target)
		if errors.Is(err, fs.ErrNotExist) {
			if _, err := os.Stat(root); err != nil {
				return nil // it has ended since the units were listed
			}
		}
		switch {
		case runtime.Passing(err):
			return err
		case err != nil:
			file = file.holding(nil)
			file.Mode = 0
		case runtime.Sum(found.Content) != s.Sum:
			file = file.holding(found.Content)
		}
		if err == nil && file.Mode != 0 {
			file.Mode = resource.Mode(found.Mode)
			if owner, err := runtime.FileOwner(spec, record, s); err == nil && (owner.UID != found.UID || owner.GID != found.GID) {
				file.Owner = fmt.Sprintf("%d:%d of the host", found.UID, found.GID)
			}
		}
		f.live.File[s.Target] = file
	}
	return nil
}

// deliver puts the files into a container that runs, and tells its program where the change says so.
// That it is to be told is noted before anything changes: who comes after a crash tells it.
func (h *Host) deliver(ctx context.Context, change resource.Change, want *Container) error {
	unit, name := Unit(change.Addr), change.Addr.HostName()
	tell := change.Class == resource.Reload
	if len(want.File) == 0 && !tell {
		return nil
	}
	run := h.invocation(unit)
	record, err := h.Specs.ReadRecord(run)
	if err != nil {
		return fmt.Errorf("files of %s: it is just being started or stopped; apply again: %w", name, err)
	}
	spec, err := want.launcherSpec(change.Addr, change.Owner)
	if err != nil {
		return err
	}
	if tell {
		if err := h.Specs.OweReload(name, run); err != nil {
			return err
		}
	}
	err = h.Deliver(*spec, record)
	if errors.Is(err, os.ErrProcessDone) {
		return nil // it has ended, and its next start takes the new files
	}
	if err != nil || !tell {
		return err
	}
	if err := h.tell(ctx, unit, record, want.Reload); err != nil {
		return err
	}
	return h.Specs.PayReload(name, run)
}

// reloadTime is how long a command may take to tell a program.
const reloadTime = time.Minute

// tell tells the program to read its files anew.
func (h *Host) tell(ctx context.Context, unit string, record runtime.Record, how Reload) error {
	if signal, ok := signals[how.Signal]; ok {
		return h.Systemd.Kill(ctx, unit, syscall.Signal(signal))
	}
	if len(how.Exec) == 0 {
		return nil
	}
	out, status, err := h.Run(record, how.Exec, reloadTime)
	if err == nil && status != 0 {
		err = errors.New(runtime.StatusText(status))
	}
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if last := lines[len(lines)-1]; last != "" {
			err = fmt.Errorf("%w: %q", err, last)
		}
		return fmt.Errorf("reload by %q: %w", how.Exec, err)
	}
	return nil
}

// putFiles puts what is in the files into the store.
func (h *Host) putFiles(name string, want *Container) error {
	_, contents, err := want.stored()
	for _, content := range contents {
		err = errors.Join(err, h.Specs.WriteContent(name, content))
	}
	return err
}

package host

import (
	"context"
	"fmt"
	"syscall"
)

// Kill sends a signal to a unit's main process.
func (s *Systemd) Kill(ctx context.Context, unit string, signal syscall.Signal) error {
	if err := s.call(ctx, s.manager, systemdManager+".KillUnit", unit, "main", int32(signal)).err; err != nil {
		return fmt.Errorf("kill %s: %w", unit, err)
	}
	return nil
}

// Freeze stops every process of a unit where it stands (cgroup.freeze of cgroups(7)), and returns when they stand.
// It needs systemd 246.
func (s *Systemd) Freeze(ctx context.Context, unit string) error {
	err := s.call(ctx, s.manager, systemdManager+".FreezeUnit", unit).err
	if err == nil {
		return nil
	}
	// Of every other state systemd says that the unit is inactive.
	if p, e := s.Properties(ctx, unit, "Unit.ActiveState"); e == nil && p["Unit.ActiveState"] != "active" {
		return fmt.Errorf("freeze %s: it is %s, and systemd freezes none but an active unit; try again when it is", unit, p["Unit.ActiveState"])
	}
	return fmt.Errorf("freeze %s: %w", unit, err)
}

// Thaw lets the processes of a frozen unit go on.
func (s *Systemd) Thaw(ctx context.Context, unit string) error {
	if err := s.call(ctx, s.manager, systemdManager+".ThawUnit", unit).err; err != nil {
		return fmt.Errorf("thaw %s: %w", unit, err)
	}
	return nil
}

package host

import (
	"context"
	"fmt"
)

// EnableUnitFile makes the links that a unit file's [Install] section asks for, as systemctl enable does, and has systemd read
// its files again. nil means that they are there.
func (s *Systemd) EnableUnitFile(ctx context.Context, name string) error {
	const runtime, force = false, false
	if err := s.call(ctx, s.manager, systemdManager+".EnableUnitFiles", []string{name}, runtime, force).err; err != nil {
		return fmt.Errorf("enable %s: %w", name, err)
	}
	return s.Reload(ctx)
}

// DisableUnitFile removes all links to a unit file, as systemctl disable does. nil means that there are none.
func (s *Systemd) DisableUnitFile(ctx context.Context, name string) error {
	const runtime = false
	if err := s.call(ctx, s.manager, systemdManager+".DisableUnitFiles", []string{name}, runtime).err; err != nil {
		return fmt.Errorf("disable %s: %w", name, err)
	}
	return nil
}

// Reload has systemd read its unit files again, as systemctl daemon-reload does.
func (s *Systemd) Reload(ctx context.Context) error {
	if err := s.call(ctx, s.manager, systemdManager+".Reload").err; err != nil {
		return fmt.Errorf("daemon-reload: %w", err)
	}
	return nil
}

package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Sockets= (systemd.service(5)) is no property that a transient unit can be given (systemd 252: "Cannot set property"). A drop-in can give
// it: systemd reads those of a transient unit as those of any other, when it loads it, so that no daemon-reload is needed.

const (
	unitsOfRun    = "/run/systemd/system"
	socketsDropIn = "50-hostctl-sockets.conf"
)

// PassSockets makes a service that is not loaded yet one that is passed the sockets of a socket unit, whosever that is: from the next
// time it is made on, until [Systemd.ForgetSockets].
func (s *Systemd) PassSockets(unit, socket string) error {
	return wrapSockets(unit, passSockets(unitsOfRun, unit, socket))
}

// ForgetSockets takes that back for a service that is not loaded any more. nil also where there is nothing to take back.
func (s *Systemd) ForgetSockets(unit string) error {
	return wrapSockets(unit, forgetSockets(unitsOfRun, unit))
}

func wrapSockets(unit string, err error) error {
	if err != nil {
		return fmt.Errorf("drop-in of %s: %w", unit, err)
	}
	return nil
}

func passSockets(dir, unit, socket string) error {
	of := filepath.Join(dir, unit+".d")
	if err := os.MkdirAll(of, 0o755); err != nil {
		return err
	}
	text := "# Made by hostctl for as long as the unit is there.\n[Service]\nSockets=" + socket + "\n"
	if err := os.WriteFile(filepath.Join(of, socketsDropIn), []byte(text), 0o644); err != nil {
		return err
	}
	// systemd looks again only where the directory's time is another than when it looked last, and the clock that the kernel takes that
	// from stands still between its ticks.
	now := time.Now()
	return os.Chtimes(dir, now, now)
}

// forgetSockets removes the directory too, unless others put something there.
func forgetSockets(dir, unit string) error {
	of := filepath.Join(dir, unit+".d")
	if err := os.Remove(filepath.Join(of, socketsDropIn)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Remove(of); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return err
	}
	return nil
}

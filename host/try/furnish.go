package try

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	notifySocket = "/run/host/notify"
	bootTarget   = "try.target"
)

// bootUnit is all that the host starts. The journal's sockets bring the journal. Where the machine has
// no dbus-daemon the unit is not there and systemd's private socket is the only bus.
const bootUnit = `[Unit]
Description=hostctl throwaway host
DefaultDependencies=no
Requires=basic.target
Wants=systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service dbus.socket dbus.service
After=basic.target systemd-journald.service dbus.socket dbus.service
`

// furnish writes into the new root what makes it a host of its own: nothing of the machine's is started
// but what bootUnit names, and its secrets are not there. It runs after pivot_root, so every path is the host's.
func furnish() error {
	id := make([]byte, 16)
	rand.Read(id)
	if err := clearUnits(); err != nil {
		return err
	}
	for _, d := range []struct {
		path string
		mode os.FileMode
	}{
		{"/run/systemd/system", 0o755}, {"/run/lock", 0o1777}, {"/run/log/journal", 0o755}, {"/run/user", 0o755}, {"/run/hostctl", 0o755},
	} {
		if err := os.MkdirAll(d.path, d.mode.Perm()); err != nil {
			return err
		}
	}
	if err := os.Chmod("/run/lock", 0o777|os.ModeSticky); err != nil {
		return err
	}
	if err := secrets(); err != nil {
		return err
	}
	for _, f := range []struct {
		path, text string
		mode       os.FileMode
	}{
		{"/run/systemd/system/" + bootTarget, bootUnit, 0o644},
		{"/etc/machine-id", hex.EncodeToString(id) + "\n", 0o444},
		{"/etc/hostname", "try\n", 0o644},
		{"/etc/fstab", "", 0o644},
		{Marker, "", 0o600},
	} {
		if err := replace(f.path, f.text, f.mode); err != nil {
			return err
		}
	}
	// The kernel's audit is the machine's.
	return os.Symlink("/dev/null", "/run/systemd/system/systemd-journald-audit.socket")
}

// replace removes what is at path, a symbolic link included, and writes a new file.
func replace(path, text string, mode os.FileMode) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// clearUnits takes away what would start the machine's own services or mount its disks: generators,
// enablement links, journals of the machine.
func clearUnits() error {
	paths := []string{"/var/log/journal", "/usr/lib/systemd/system-generators", "/usr/local/lib/systemd/system-generators", "/etc/systemd/system-generators"}
	for _, dir := range []string{"/etc/systemd/system", "/etc/systemd/system.control", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"} {
		for _, suffix := range []string{"wants", "requires", "upholds"} {
			m, err := filepath.Glob(dir + "/*." + suffix)
			if err != nil {
				return err
			}
			paths = append(paths, m...)
		}
	}
	for _, p := range paths {
		if err := os.RemoveAll(p); err != nil {
			return fmt.Errorf("clear %s: %w", p, err)
		}
	}
	return nil
}

// secrets empties /etc/ssh and gives every account of the machine a locked password. The files are
// new ones rather than mounts, because passwd(1) and its kin replace them by rename.
func secrets() error {
	if err := os.RemoveAll("/etc/ssh"); err != nil {
		return err
	}
	if err := os.Mkdir("/etc/ssh", 0o755); err != nil {
		return err
	}
	for _, s := range []struct{ names, file, rest string }{
		{"/etc/passwd", "/etc/shadow", ":!*:20000:0:99999:7:::\n"},
		{"/etc/group", "/etc/gshadow", ":!::\n"},
	} {
		names, err := accounts(s.names)
		if err != nil {
			return err
		}
		if err := os.RemoveAll(s.file + "-"); err != nil {
			return err
		}
		var b strings.Builder
		for _, n := range names {
			b.WriteString(n + s.rest)
		}
		if err := replace(s.file, b.String(), 0o600); err != nil {
			return err
		}
	}
	return os.RemoveAll("/etc/security/opasswd")
}

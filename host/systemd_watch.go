package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"
)

// UnitState is what systemd says of one service at one moment.
type UnitState struct {
	Unit        string
	ActiveState string // of systemd(1): active, reloading, inactive, failed, activating, deactivating
	SubState    string // of a service: running, auto-restart, dead...
	MainPID     uint32 // 0 without a main process
	// ExecMainCode and ExecMainStatus say how the last main process ended: si_code and si_status of waitid(2); 0 and 0 while it runs.
	ExecMainCode   int32
	ExecMainStatus int32
	Restarts       uint32 // by systemd itself, since the unit was started
	StatusText     string // what the service says of itself
	Invocation     string // 32 hexadecimal digits; "" before the first start
}

// WatchServices tells of every service whose name matches pattern, first as it is, then at each change of its state, until ctx ends
// or yield returns false. Any user may watch: the system bus hands out what systemd says to all, and takes nothing from
// this. States that follow each other faster than they are read may be told as one.
func WatchServices(ctx context.Context, pattern string, yield func(UnitState) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := watchBus(ctx)
	if err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	defer conn.Close()
	s := &Systemd{conn: conn, manager: conn.Object(systemdName, systemdPath), slots: make(chan struct{}, maxInFlight), signals: newSignals()}
	changes := make(chan *dbus.Signal, 4096)
	conn.Signal(changes)
	if err := s.subscribe(ctx); err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	last := map[string]UnitState{}
	tell := func(unit string) (more bool, err error) {
		state, err := s.state(ctx, unit)
		if err != nil {
			return false, err
		}
		if state == last[unit] || state.ActiveState == "inactive" && last[unit].Unit == "" {
			return true, nil
		}
		if last[unit] = state; state.ActiveState == "inactive" {
			delete(last, unit)
		}
		return yield(state), nil
	}
	units, err := s.List(ctx, pattern)
	if err != nil {
		return err
	}
	for _, u := range units {
		if more, err := tell(u.Name); err != nil || !more {
			return err
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case c, ok := <-changes:
			if !ok {
				return ErrSystemdLost
			}
			unit, ok := unitOfPath(c.Path)
			if match, _ := path.Match(pattern, unit); !ok || !match {
				continue
			}
			more, err := tell(unit)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil || !more {
				return err
			}
		}
	}
}

// watchBus connects to the system bus, or as root to systemd itself where there is none.
func watchBus(ctx context.Context) (*dbus.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", systemBusSocket)
	bus := err == nil
	if !bus && os.Geteuid() == 0 {
		var err2 error
		if c, err2 = d.DialContext(ctx, "unix", systemdPrivateSocket); err2 != nil {
			return nil, errors.Join(err, err2)
		}
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w; others than root ask it over the system bus (install dbus, or dbus-broker, and start dbus.socket), or run as root", err)
	}
	conn, err := newConn(c.(*net.UnixConn), dbus.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	if err = conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))}); err == nil && bus {
		if err = conn.Hello(); err == nil {
			err = conn.AddMatchSignal(dbus.WithMatchSender(systemdName), dbus.WithMatchInterface("org.freedesktop.DBus.Properties"),
				dbus.WithMatchMember("PropertiesChanged"), dbus.WithMatchPathNamespace(systemdPath+"/unit"))
		}
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// state reads what the watch tells of a unit; one that is not loaded is inactive.
func (s *Systemd) state(ctx context.Context, unit string) (UnitState, error) {
	p, err := s.Properties(ctx, unit, "Unit.ActiveState", "Unit.SubState", "Unit.InvocationID",
		"Service.MainPID", "Service.ExecMainCode", "Service.ExecMainStatus", "Service.NRestarts", "Service.StatusText")
	if errors.Is(err, ErrNoUnit) {
		return UnitState{Unit: unit, ActiveState: "inactive", SubState: "dead"}, nil
	}
	if err != nil {
		return UnitState{}, err
	}
	state := UnitState{Unit: unit}
	state.ActiveState, _ = p["Unit.ActiveState"].(string)
	state.SubState, _ = p["Unit.SubState"].(string)
	state.MainPID, _ = p["Service.MainPID"].(uint32)
	state.ExecMainCode, _ = p["Service.ExecMainCode"].(int32)
	state.ExecMainStatus, _ = p["Service.ExecMainStatus"].(int32)
	state.StatusText, _ = p["Service.StatusText"].(string)
	state.Restarts, _ = p["Service.NRestarts"].(uint32)
	if id, _ := p["Unit.InvocationID"].([]byte); len(id) > 0 {
		state.Invocation = fmt.Sprintf("%x", id)
	}
	return state, nil
}

// unitOfPath is the inverse of unitPath: systemd writes every byte but letters and digits as _XX.
func unitOfPath(p dbus.ObjectPath) (string, bool) {
	escaped, ok := strings.CutPrefix(string(p), string(systemdPath)+"/unit/")
	if !ok {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(escaped); i++ {
		if escaped[i] != '_' {
			b.WriteByte(escaped[i])
			continue
		}
		if i+3 > len(escaped) {
			return "", false
		}
		n, err := strconv.ParseUint(escaped[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		b.WriteByte(byte(n))
		i += 2
	}
	return b.String(), true
}

package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/godbus/dbus/v5"
)

// inFlight is how many calls wait for systemd at once, as many as hostctl apply has.
const inFlight = 32

const (
	systemdName = "org.freedesktop.systemd1"
	manager     = systemdName + ".Manager"
)

// bus is a bare connection to systemd, with nothing of hostctl's: what any program could do.
type bus struct {
	conn    *dbus.Conn
	manager dbus.BusObject
	signals chan *dbus.Signal
}

// dialBus takes the way to systemd that hostctl takes: the system bus, or where there is none systemd's own socket.
func dialBus() (*bus, error) {
	conn, err := dbus.Dial("unix:path=/run/dbus/system_bus_socket")
	direct := errors.Is(err, os.ErrNotExist)
	if direct {
		conn, err = dbus.Dial("unix:path=/run/systemd/private")
	}
	if err != nil {
		return nil, err
	}
	if err := conn.Auth(nil); err != nil {
		return nil, err
	}
	if !direct {
		if err := conn.Hello(); err != nil {
			return nil, err
		}
		if err := conn.AddMatchSignal(dbus.WithMatchInterface(manager), dbus.WithMatchMember("JobRemoved")); err != nil {
			return nil, err
		}
	}
	b := &bus{conn: conn, manager: conn.Object(systemdName, "/org/freedesktop/systemd1"), signals: make(chan *dbus.Signal, 4096)}
	conn.Signal(b.signals)
	return b, b.manager.Call(manager+".Subscribe", 0).Err
}

func (b *bus) close() { b.conn.Close() }

// jobs calls a method of the manager's that queues a job for each unit, and returns when every job is done.
func (b *bus) jobs(method string, units []string, args func(unit string) []any) error {
	left := map[string]bool{}
	for _, u := range units {
		left[u] = true
	}
	replies := make(chan *dbus.Call, len(units))
	next, waiting := 0, 0
	for len(left) > 0 {
		for ; next < len(units) && waiting < inFlight; next++ {
			b.manager.Go(manager+"."+method, 0, replies, args(units[next])...)
			waiting++
		}
		select {
		case call := <-replies:
			if call.Err != nil {
				return fmt.Errorf("%s: %w", method, call.Err)
			}
		case s := <-b.signals:
			var id uint32
			var job dbus.ObjectPath
			var unit, result string
			if s.Name != manager+".JobRemoved" || dbus.Store(s.Body, &id, &job, &unit, &result) != nil || !left[unit] {
				continue
			}
			if result != "done" {
				return fmt.Errorf("%s %s: job %s", method, unit, result)
			}
			delete(left, unit)
			waiting--
		}
	}
	return nil
}

// property is the D-Bus type (sv).
type property struct {
	Name  string
	Value dbus.Variant
}

// execStart is the D-Bus type (sasb).
type execStart struct {
	Path   string
	Args   []string
	Ignore bool
}

// startBare starts transient services with nothing set but what makes them services.
func (b *bus) startBare(units []string, kind string, argv ...string) error {
	properties := []property{
		{"Type", dbus.MakeVariant(kind)},
		{"ExecStart", dbus.MakeVariant([]execStart{{argv[0], argv, false}})},
	}
	type aux struct {
		Name       string
		Properties []property
	}
	return b.jobs("StartTransientUnit", units, func(unit string) []any {
		return []any{unit, "fail", properties, []aux{}}
	})
}

// startDelegated starts a transient service that has a part of the cgroup tree to itself.
func (b *bus) startDelegated(unit string, argv ...string) error {
	properties := []property{
		{"Type", dbus.MakeVariant("exec")},
		{"Delegate", dbus.MakeVariant(true)},
		{"ExecStart", dbus.MakeVariant([]execStart{{argv[0], argv, false}})},
	}
	type aux struct {
		Name       string
		Properties []property
	}
	return b.jobs("StartTransientUnit", []string{unit}, func(unit string) []any {
		return []any{unit, "fail", properties, []aux{}}
	})
}

// activeState is that of a unit; one that is not loaded is inactive.
func (b *bus) activeState(unit string) (string, error) {
	var path dbus.ObjectPath
	if err := b.manager.Call(manager+".LoadUnit", 0, unit).Store(&path); err != nil {
		return "", fmt.Errorf("%s: %w", unit, err)
	}
	value, err := b.conn.Object(systemdName, path).GetProperty(systemdName + ".Unit.ActiveState")
	if err != nil {
		return "", fmt.Errorf("%s: %w", unit, err)
	}
	state, _ := value.Value().(string)
	return state, nil
}

func (b *bus) stop(units []string) error {
	err := b.jobs("StopUnit", units, func(unit string) []any { return []any{unit, "replace"} })
	// sleep ended by a signal is a clean end; a unit that failed all the same must not stay loaded.
	return errors.Join(err, b.manager.Call(manager+".ResetFailed", 0).Err)
}

// kill sends a signal to every process of the units.
func (b *bus) kill(units []string, sig syscall.Signal) error {
	for _, u := range units {
		if err := b.manager.Call(manager+".KillUnit", 0, u, "all", int32(sig)).Err; err != nil {
			return fmt.Errorf("kill %s: %w", u, err)
		}
	}
	return nil
}

// read gets three properties of every unit that matches, as many in flight as the bus allows, and returns how many units there were.
func (b *bus) read(pattern string) (int, error) {
	type unit struct {
		Name, Description, Load, Active, Sub, Following string
		Path                                            dbus.ObjectPath
		Job                                             uint32
		JobType                                         string
		JobPath                                         dbus.ObjectPath
	}
	var units []unit
	if err := b.manager.Call(manager+".ListUnitsByPatterns", 0, []string{}, []string{pattern}).Store(&units); err != nil {
		return 0, err
	}
	names := []string{"MainPID", "MemoryMax", "ExecStart"}
	// The bus refuses more than 128 calls that wait for their replies.
	replies := make(chan *dbus.Call, 64)
	for i := range len(units)*len(names) + cap(replies) {
		if i >= cap(replies) {
			if call := <-replies; call.Err != nil {
				return 0, call.Err
			}
		}
		if i < len(units)*len(names) {
			o := b.conn.Object(systemdName, units[i/len(names)].Path)
			o.Go("org.freedesktop.DBus.Properties.Get", 0, replies, systemdName+".Service", names[i%len(names)])
		}
	}
	return len(units), nil
}

// property gets one property of a unit's service interface into v.
func (b *bus) property(unit, name string, v any) error {
	var path dbus.ObjectPath
	if err := b.manager.Call(manager+".GetUnit", 0, unit).Store(&path); err != nil {
		return fmt.Errorf("%s: %w", unit, err)
	}
	value, err := b.conn.Object(systemdName, path).GetProperty(systemdName + ".Service." + name)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", unit, name, err)
	}
	return value.Store(v)
}

// bareNames are n names of units.
func bareNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("bench-bare-%04d.service", i)
	}
	return names
}

// containerUnit is the unit of a container's name.
func containerUnit(name string) string { return "hostctl-" + name + ".service" }

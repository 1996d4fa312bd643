package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// MinSystemd is the oldest systemd that hostctl works with.
const MinSystemd = 252

const (
	systemdName    = "org.freedesktop.systemd1"
	systemdPath    = dbus.ObjectPath("/org/freedesktop/systemd1")
	systemdManager = systemdName + ".Manager"
	// maxInFlight bounds the calls that wait for systemd at one time: beyond it PID 1
	// gets no faster, and the bus has a limit on pending replies.
	maxInFlight = 64
	// dialTimeout bounds the handshake with a peer that accepts and then says nothing.
	dialTimeout = 10 * time.Second
)

// The sockets are fixed: an address of the environment would let whoever sets it answer for systemd.
const (
	systemBusSocket      = "/run/dbus/system_bus_socket"
	systemdPrivateSocket = "/run/systemd/private"
)

// Errors that callers tell apart; they come wrapped with the unit's name.
var (
	// ErrUnitExists: the unit is loaded already, or has a file on disk.
	ErrUnitExists = errors.New("unit is already loaded or has a unit file")
	// ErrNoUnit: no unit of that name is loaded.
	ErrNoUnit = errors.New("no such unit")
	// ErrUnitHeld: a stopped unit stays loaded because another loaded unit refers to it.
	ErrUnitHeld = errors.New("unit stays loaded because another unit refers to it")
	// ErrSystemdLost: the connection ended, or systemd was re-executed, before it had answered.
	// What was asked for may or may not have been done; applying again finds out.
	ErrSystemdLost = errors.New("connection to systemd lost, as when systemd or the bus is started again; run hostctl again, which finds out what was done")
)

// Systemd is the door to the host's service manager. Its methods are safe for
// concurrent use; calls of many goroutines are in flight together. Names of
// units are passed on as they are: the caller has made them of validated names.
type Systemd struct {
	conn    *dbus.Conn
	manager dbus.BusObject
	slots   chan struct{}
	signals *signals
	version int

	subscribing sync.Mutex // guards subscribed
	subscribed  bool
}

// Unit is one line of systemd's list of loaded units.
type Unit struct {
	Name        string
	Description string
	LoadState   string // "loaded", "not-found", "masked", ...
	ActiveState string // "active", "inactive", "failed", "activating", ...
	SubState    string // of a service "running", "dead", "auto-restart", ...
}

// Property is one property of a unit, by systemd's D-Bus name. Value is a string,
// bool, number, list of strings, or one of the types below.
type Property struct {
	Name  string
	Value any
}

// Transient is a unit that exists only as long as it is loaded.
type Transient struct {
	Name       string
	Properties []Property
}

// Command is one element of ExecStart, whose D-Bus type is a(sasb).
type Command struct {
	Path          string
	Args          []string
	IgnoreFailure bool
}

// DeviceAllow is one device that a unit's processes may use, D-Bus type (ss): DeviceAllow is a list of them.
type DeviceAllow struct{ Device, Permissions string }

// Credential is one entry of LoadCredential or LoadCredentialEncrypted, D-Bus type (ss): an absolute path, and the id that the unit has what
// is in that file by.
type Credential struct {
	ID, Path string
}

// ExitStatuses is a set of exit statuses and signals, D-Bus type (aiai): SuccessExitStatus, RestartPreventExitStatus.
type ExitStatuses struct {
	Statuses []int32
	Signals  []int32
}

// Listen is one address of a socket unit, D-Bus type (ss): Listen is a list of them.
type Listen struct {
	Type    string // "Stream" or "Datagram"
	Address string
}

// TimerCalendar is one element of TimersCalendar, D-Bus type a(ss).
type TimerCalendar struct {
	Base  string // "OnCalendar"
	Event string
}

// TimerMonotonic is one element of TimersMonotonic, D-Bus type a(st).
type TimerMonotonic struct {
	Base string // "OnActiveSec"
	USec uint64
}

// DialSystemd connects to the systemd that is this host's process 1: over the
// system bus, or where there is none, and the caller is root, over systemd's own socket. Another
// user may read there, and change nothing. The environment
// is not asked. It fails with a sentence for people where there is no systemd,
// where it is older than [MinSystemd], and where the host has no unified cgroup hierarchy.
func DialSystemd(ctx context.Context) (*Systemd, error) {
	if _, err := os.Lstat("/run/systemd/system"); err != nil {
		return nil, errors.New("systemd is not running this host (there is no /run/systemd/system); hostctl needs it as process 1")
	}
	if err := CheckCgroup2(CgroupRoot); err != nil {
		return nil, err
	}
	// One that is just re-executing itself answers in a moment, and nothing was asked of it yet.
	for late := time.Now().Add(dialTimeout); ; {
		s, err := dialEither(ctx)
		if !errors.Is(err, ErrSystemdLost) || time.Now().After(late) {
			return s, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func dialEither(ctx context.Context) (*Systemd, error) {
	s, err := dialSystemd(ctx, systemBusSocket, true)
	switch {
	case err == nil:
	case os.Geteuid() != 0:
		return nil, fmt.Errorf("systemd cannot be asked: %w; others than root ask it over the system bus (install dbus, or dbus-broker, and start dbus.socket), or run as root", err)
	default:
		var err2 error
		if s, err2 = dialSystemd(ctx, systemdPrivateSocket, false); err2 != nil {
			return nil, fmt.Errorf("systemd: %w; %w", err, err2)
		}
	}
	if err := s.checkVersion(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func dialSystemd(ctx context.Context, socket string, bus bool) (*Systemd, error) {
	d := net.Dialer{Timeout: dialTimeout}
	c, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	s, err := newSystemd(ctx, c.(*net.UnixConn), bus)
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("%s: %w", socket, err)
	}
	return s, nil
}

// newSystemd speaks D-Bus over c: with a bus in between, or to systemd directly.
func newSystemd(ctx context.Context, c *net.UnixConn, bus bool) (*Systemd, error) {
	sig := newSignals()
	if err := c.SetDeadline(time.Now().Add(dialTimeout)); err != nil {
		return nil, err
	}
	conn, err := newConn(c, dbus.WithSignalHandler(sig))
	if err != nil {
		return nil, err
	}
	if err := conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))}); err != nil {
		return nil, err
	}
	s := &Systemd{
		conn:    conn,
		manager: conn.Object(systemdName, systemdPath),
		slots:   make(chan struct{}, maxInFlight),
		signals: sig,
	}
	if bus {
		err = s.joinBus(ctx)
	} else {
		err = s.wake(ctx)
	}
	if err == nil {
		err = c.SetDeadline(time.Time{})
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	context.AfterFunc(conn.Context(), sig.lose)
	return s, nil
}

// joinBus says hello and asks for systemd's signals. Anybody on the bus can send
// us a signal, so only those of the connection that owns systemd's name count.
func (s *Systemd) joinBus(ctx context.Context) error {
	if err := s.conn.Hello(); err != nil {
		return err
	}
	for _, rule := range []string{
		"type='signal',sender='" + systemdName + "',interface='" + systemdManager + "',member='JobRemoved'",
		"type='signal',sender='" + systemdName + "',interface='" + systemdManager + "',member='UnitRemoved'",
		"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" + systemdName + "'",
	} {
		if err := s.call(ctx, s.conn.BusObject(), "org.freedesktop.DBus.AddMatch", rule).err; err != nil {
			return err
		}
	}
	var owner string
	if err := s.call(ctx, s.conn.BusObject(), "org.freedesktop.DBus.GetNameOwner", systemdName).store(&owner); err != nil {
		return err
	}
	s.signals.trust(owner)
	return nil
}

// wake gets the first answer of a systemd without a bus in between. A message that it reads together
// with the last line of the handshake lies in its buffer until it reads again (seen with
// 252), so the question is put again until one is answered.
func (s *Systemd) wake(ctx context.Context) error {
	answers := make(chan *dbus.Call, 16)
	for wait := 5 * time.Millisecond; ; wait *= 2 {
		s.manager.GoWithContext(ctx, "org.freedesktop.DBus.Peer.Ping", 0, answers)
		again := time.NewTimer(wait)
		select {
		case call := <-answers:
			again.Stop()
			return plainError(call.Err)
		case <-s.conn.Context().Done():
			return ErrSystemdLost
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
}

func (s *Systemd) checkVersion(ctx context.Context) error {
	var v dbus.Variant
	if err := s.call(ctx, s.manager, "org.freedesktop.DBus.Properties.Get", systemdManager, "Version").store(&v); err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	text, _ := v.Value().(string)
	n, err := parseVersion(text)
	if err != nil {
		return err
	}
	if n < MinSystemd {
		return fmt.Errorf("systemd %s is too old: hostctl needs %d or newer", text, MinSystemd)
	}
	s.version = n
	return nil
}

// parseVersion reads the major version out of "252.39-1~deb12u2", "v258~rc1" and the like.
func parseVersion(text string) (int, error) {
	digits := strings.TrimPrefix(text, "v")
	if i := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		digits = digits[:i]
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0, fmt.Errorf("systemd calls its version %q, which is not understood", text)
	}
	return n, nil
}

// Version is systemd's major version.
func (s *Systemd) Version() int { return s.version }

// UnitPath is the directories that systemd looks for unit files in, the first wins.
func (s *Systemd) UnitPath(ctx context.Context) ([]string, error) {
	var v dbus.Variant
	if err := s.call(ctx, s.manager, "org.freedesktop.DBus.Properties.Get", systemdManager, "UnitPath").store(&v); err != nil {
		return nil, fmt.Errorf("unit path: %w", err)
	}
	dirs, _ := v.Value().([]string)
	return dirs, nil
}

// Close ends the connection. Calls that wait return [ErrSystemdLost].
func (s *Systemd) Close() error { return s.conn.Close() }

// List returns the loaded units whose names match any of the patterns, in no order.
func (s *Systemd) List(ctx context.Context, patterns ...string) ([]Unit, error) {
	var all []systemd.UnitStatus
	if err := s.call(ctx, s.manager, systemdManager+".ListUnitsByPatterns", []string{}, patterns).store(&all); err != nil {
		return nil, fmt.Errorf("list units: %w", err)
	}
	units := make([]Unit, len(all))
	for i, u := range all {
		units[i] = Unit{Name: u.Name, Description: u.Description, LoadState: u.LoadState, ActiveState: u.ActiveState, SubState: u.SubState}
	}
	return units, nil
}

// Properties reads properties of a unit, all in flight together. Each name says its
// interface: "Unit.InvocationID", "Service.NRestarts". A unit that is not loaded
// has a Unit.LoadState of "not-found" and zero values.
func (s *Systemd) Properties(ctx context.Context, unit string, names ...string) (map[string]any, error) {
	object := s.conn.Object(systemdName, unitPath(unit))
	got := make([]dbus.Variant, len(names))
	errs := make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { // each in a slot of its own: the bus counts calls
			iface, member, _ := strings.Cut(name, ".")
			err := s.call(ctx, object, "org.freedesktop.DBus.Properties.Get", systemdName+"."+iface, member).store(&got[i])
			if err != nil {
				errs[i] = fmt.Errorf("%s: %s: %w", unit, name, err)
			}
		})
	}
	all.Wait()
	values := make(map[string]any, len(names))
	for i, name := range names {
		if errs[i] == nil {
			values[name] = got[i].Value()
		}
	}
	return values, errors.Join(errs...)
}

// SetProperties changes properties of a loaded unit in place, until it is unloaded.
// systemd refuses those that can only be given to a new unit.
func (s *Systemd) SetProperties(ctx context.Context, unit string, properties []Property) error {
	const runtime = true
	err := s.call(ctx, s.manager, systemdManager+".SetUnitProperties", unit, runtime, wire(properties)).err
	if err != nil {
		return fmt.Errorf("set properties of %s: %w", unit, err)
	}
	return nil
}

// ResetFailed forgets that a unit failed. nil also when there is no such unit.
func (s *Systemd) ResetFailed(ctx context.Context, unit string) error {
	err := s.call(ctx, s.manager, systemdManager+".ResetFailedUnit", unit).err
	if err != nil && !errors.Is(err, ErrNoUnit) {
		return fmt.Errorf("reset-failed %s: %w", unit, err)
	}
	return nil
}

func unitPath(unit string) dbus.ObjectPath {
	return systemdPath + "/unit/" + dbus.ObjectPath(systemd.PathBusEscape(unit))
}

// wire gives the properties the types that systemd's D-Bus interface wants.
func wire(properties []Property) []systemd.Property {
	out := make([]systemd.Property, len(properties))
	for i, p := range properties {
		out[i] = systemd.Property{Name: p.Name, Value: dbus.MakeVariant(p.Value)}
	}
	return out
}

// UnitsDir is where systemd keeps what it tells of running units without being asked.
const UnitsDir = "/run/systemd/units"

// Invocation returns the InvocationID (systemd.exec(5), $INVOCATION_ID) of a running unit, 32 hexadecimal digits, from the link
// that systemd keeps in dir, [UnitsDir], for as long as the unit runs; "" where it does not.
func Invocation(dir, unit string) string {
	id, err := os.Readlink(filepath.Join(dir, "invocation:"+unit))
	if err != nil || len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		return ""
	}
	return id
}

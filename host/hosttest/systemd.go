package hosttest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"hostctl/host"
)

// Systemd is a service manager in memory, with the rules of systemd 252 that matter
// here: a transient unit that is loaded cannot be made again, not while something
// refers to it either; what only a new unit can be given is refused to a loaded one; a
// job that starts a unit fails with its program. It refuses properties and values
// that systemd would refuse or that must not reach it.
type Systemd struct {
	*Faults
	// Dir is where it shows what systemd and the kernel show in files: units/invocation:UNIT
	// and cgroup/hostctl.slice/UNIT/memory.max, cpu.max and pids.max. "" shows nothing.
	Dir string
	// Run is the program of every service: it is called with the unit's name and the run's
	// invocation when one starts, and returns its exit status where it ends at once. nil runs for ever.
	Run func(unit, invocation string) (status int, ended bool)
	// Files are the unit files on disk, by unit name.
	Files map[string]string

	mu     sync.Mutex
	units  map[string]*unit
	passed map[string]string // socket units by the services that are passed what is theirs
}

// NewSystemd returns one with no unit loaded.
func NewSystemd(f *Faults) *Systemd {
	return &Systemd{Faults: f, units: map[string]*unit{}, passed: map[string]string{}}
}

type unit struct {
	name       string
	properties map[string]any
	active     string
	sub        string
	result     string
	status     int
	code       int32
	invocation string
	transient  bool
}

// List is [host.Systemd.List].
func (s *Systemd) List(_ context.Context, patterns ...string) ([]host.Unit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []host.Unit
	for _, name := range slices.Sorted(maps.Keys(s.units)) {
		for _, p := range patterns {
			if ok, err := path.Match(p, name); err != nil {
				return nil, err
			} else if ok {
				u := s.units[name]
				description, _ := u.properties["Description"].(string)
				out = append(out, host.Unit{Name: name, Description: description, LoadState: "loaded", ActiveState: u.active, SubState: u.sub})
				break
			}
		}
	}
	return out, nil
}

// Properties is [host.Systemd.Properties], for the properties that hostctl asks for.
func (s *Systemd) Properties(_ context.Context, name string, names ...string) (map[string]any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.units[name]
	out := map[string]any{}
	for _, property := range names {
		iface, member, _ := strings.Cut(property, ".")
		if iface != "Unit" && !strings.HasSuffix(name, "."+strings.ToLower(iface)) {
			return nil, fmt.Errorf("%s: %s: Unknown interface org.freedesktop.systemd1.%s or property %s.", name, property, iface, member)
		}
		switch {
		case member == "LoadState":
			out[property] = "not-found"
			if u != nil {
				out[property] = "loaded"
			}
		case u == nil:
		case member == "Transient":
			out[property] = u.transient
		case member == "ActiveState":
			out[property] = u.active
		case member == "Result":
			out[property] = u.result
		case member == "ExecStart":
			var v [][]any
			for _, c := range u.properties["ExecStart"].([]host.Command) {
				v = append(v, []any{c.Path, c.Args, c.IgnoreFailure})
			}
			out[property] = v
		case property == "Timer.Unit":
			out[property] = strings.TrimSuffix(name, ".timer") + ".service"
		case member == "Before":
			out[property] = s.referrers(name)
		default:
			out[property] = u.properties[member]
		}
	}
	return out, nil
}

// Failure is [host.Systemd.Failure].
func (s *Systemd) Failure(_ context.Context, name, invocation string) (*host.Failure, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.units[name]
	if u == nil || invocation != "" && invocation != u.invocation {
		return &host.Failure{}, nil
	}
	f := &host.Failure{Result: u.result, Status: u.status}
	if u.code == 1 {
		f.Code = "exited"
	}
	return f, nil
}

// UnitPath is [host.Systemd.UnitPath]: no directory, for Files are not on a disk.
func (s *Systemd) UnitPath(context.Context) ([]string, error) { return nil, nil }

// StartTransient is [host.Systemd.StartTransient].
func (s *Systemd) StartTransient(_ context.Context, t host.Transient, aux ...host.Transient) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call("start-transient " + t.Name); err != nil {
		return err
	}
	for _, t := range append([]host.Transient{t}, aux...) {
		if s.units[t.Name] != nil || s.Files[t.Name] != "" {
			return fmt.Errorf("start unit %s: %w", t.Name, host.ErrUnitExists)
		}
		if err := checkTransient(t); err != nil {
			return fmt.Errorf("start unit %s: %w", t.Name, err)
		}
	}
	for _, t := range append([]host.Transient{t}, aux...) {
		u := &unit{name: t.Name, properties: map[string]any{}, active: "inactive", sub: "dead", transient: true}
		if socket := s.passed[t.Name]; socket != "" {
			u.properties["TriggeredBy"] = []string{socket}
		}
		for _, p := range t.Properties {
			u.properties[p.Name] = p.Value
		}
		s.units[t.Name] = u
	}
	err := s.start(t.Name)
	s.collect()
	return err
}

// PassSockets is [host.Systemd.PassSockets].
func (s *Systemd) PassSockets(name, socket string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call("pass-sockets " + name); err != nil {
		return err
	}
	if s.units[name] != nil {
		return fmt.Errorf("bug: %s is loaded, and reads no drop-in any more", name)
	}
	s.passed[name] = socket
	return nil
}

// ForgetSockets is [host.Systemd.ForgetSockets].
func (s *Systemd) ForgetSockets(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.passed[name] == "" {
		return nil
	}
	if err := s.call("forget-sockets " + name); err != nil {
		return err
	}
	delete(s.passed, name)
	return nil
}

// Start is [host.Systemd.Start].
func (s *Systemd) Start(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call("start " + name); err != nil {
		return err
	}
	if s.units[name] == nil {
		return fmt.Errorf("start unit %s: %w", name, host.ErrNoUnit)
	}
	defer s.collect()
	return s.start(name)
}

// Stop is [host.Systemd.Stop].
func (s *Systemd) Stop(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call("stop " + name); err != nil {
		return err
	}
	s.stop(name)
	s.collect()
	return nil
}

// Restart is [host.Systemd.Restart].
func (s *Systemd) Restart(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call("restart " + name); err != nil {
		return err
	}
	if s.units[name] == nil {
		return fmt.Errorf("restart unit %s: %w", name, host.ErrNoUnit)
	}
	s.stop(name)
	defer s.collect()
	return s.start(name)
}

// Kill is [host.Systemd.Kill]. What the program does about it is not its concern.
func (s *Systemd) Kill(_ context.Context, name string, signal syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call(fmt.Sprintf("kill %s %d", name, int(signal))); err != nil {
		return err
	}
	if u := s.units[name]; u == nil {
		return fmt.Errorf("kill %s: %w", name, host.ErrNoUnit)
	} else if u.active != "active" {
		return fmt.Errorf("kill %s: No main process to kill", name)
	}
	return nil
}

// Remove is [host.Systemd.Remove].
func (s *Systemd) Remove(_ context.Context, names ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		if err := s.call("remove " + name); err != nil {
			return err
		}
		s.stop(name)
		s.collect()
	}
	for _, name := range names {
		if s.units[name] != nil {
			return fmt.Errorf("remove unit %s: %w", name, host.ErrUnitHeld)
		}
	}
	return nil
}

// ResetFailed is [host.Systemd.ResetFailed].
func (s *Systemd) ResetFailed(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call("reset-failed " + name); err != nil {
		return err
	}
	if u := s.units[name]; u != nil && u.active == "failed" {
		u.active, u.sub, u.result = "inactive", "dead", "success"
	}
	s.collect()
	return nil
}

// SetProperties is [host.Systemd.SetProperties].
func (s *Systemd) SetProperties(_ context.Context, name string, properties []host.Property) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call("set-properties " + name); err != nil {
		return err
	}
	u := s.units[name]
	if u == nil {
		return fmt.Errorf("set properties of %s: %w", name, host.ErrNoUnit)
	}
	for _, p := range properties {
		if !liveProperties[p.Name] {
			return fmt.Errorf("set properties of %s: Cannot set property %s, or unknown property.", name, p.Name)
		}
		if err := checkProperty(p); err != nil {
			return fmt.Errorf("set properties of %s: %w", name, err)
		}
	}
	for _, p := range properties {
		u.properties[p.Name] = p.Value
	}
	s.show(u)
	return nil
}

// End makes a running unit's program end with that status, as by itself.
func (s *Systemd) End(name string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.units[name].end(status)
	s.show(s.units[name])
	s.collect()
}

// String prints the loaded units in order: the state, and the properties that are not always the same.
func (s *Systemd) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.passed)) {
		fmt.Fprintf(&b, "%s is passed the sockets of %s\n", name, s.passed[name])
	}
	for _, name := range slices.Sorted(maps.Keys(s.units)) {
		u := s.units[name]
		fmt.Fprintf(&b, "%s %s (%s)\n", name, u.active, u.sub)
		for _, property := range slices.Sorted(maps.Keys(u.properties)) {
			fmt.Fprintf(&b, "\t%s=%s\n", property, text(u.properties[property]))
		}
	}
	return b.String()
}

func text(v any) string {
	switch v := v.(type) {
	case [][]byte:
		return fmt.Sprintf("%q", v)
	case uint64:
		if v == host.NoLimit {
			return "infinity"
		}
		return strconv.FormatUint(v, 10)
	default:
		return fmt.Sprintf("%v", v)
	}
}

// start runs the unit and what it wants; a unit that is active already stays as it is.
func (s *Systemd) start(name string) error {
	u := s.units[name]
	if u.active == "active" {
		return nil
	}
	u.invocation = newInvocation()
	u.active, u.sub, u.result, u.code, u.status = "active", "running", "success", 0, 0
	s.show(u)
	for _, wanted := range append(list(u.properties["Wants"]), list(u.properties["Requires"])...) {
		if w := s.units[wanted]; w != nil && w.active != "active" {
			w.active, w.sub = "active", "active"
		}
	}
	if s.Run == nil || !strings.HasSuffix(name, ".service") {
		return nil
	}
	status, ended := s.Run(name, u.invocation)
	if !ended {
		return nil
	}
	u.end(status)
	s.show(u)
	if status == 0 {
		return nil
	}
	return &host.JobError{Verb: "start", Unit: name, Result: "failed",
		Failure: &host.Failure{Result: u.result, Code: "exited", Status: status}}
}

func (u *unit) end(status int) {
	u.active, u.sub, u.result, u.code, u.status = "inactive", "dead", "success", 1, status
	if status != 0 {
		u.active, u.sub, u.result = "failed", "failed", "exit-code"
	}
}

func (s *Systemd) stop(name string) {
	if u := s.units[name]; u != nil && u.active != "inactive" {
		u.active, u.sub = "inactive", "dead"
		s.show(u)
	}
	for other, u := range s.units {
		if slices.Contains(list(u.properties["Requires"]), name) {
			s.stop(other)
		}
	}
}

// collect drops the units that are not active and that no unit which stays refers to.
func (s *Systemd) collect() {
	stay := map[string]bool{}
	var mark func(name string)
	mark = func(name string) {
		u := s.units[name]
		if u == nil || stay[name] {
			return
		}
		stay[name] = true
		for _, property := range []string{"After", "Wants", "Requires"} {
			for _, other := range list(u.properties[property]) {
				mark(other)
			}
		}
		for _, suffix := range []string{".socket", ".timer"} {
			if stem, ok := strings.CutSuffix(name, suffix); ok {
				mark(stem + ".service")
			}
		}
	}
	for name, u := range s.units {
		if u.active == "active" || u.active == "failed" && u.properties["CollectMode"] == "inactive" {
			mark(name)
		}
	}
	for name, u := range s.units {
		if !stay[name] {
			u.active, u.invocation = "inactive", ""
			s.show(u)
			delete(s.units, name)
		}
	}
}

// referrers are the loaded units that are ordered after the unit or want it.
func (s *Systemd) referrers(name string) []string {
	var out []string
	for _, other := range slices.Sorted(maps.Keys(s.units)) {
		p := s.units[other].properties
		if slices.Contains(list(p["After"]), name) || slices.Contains(list(p["Wants"]), name) {
			out = append(out, other)
		}
	}
	return out
}

// show writes what a reader of files sees of the unit.
func (s *Systemd) show(u *unit) {
	if s.Dir == "" || !strings.HasSuffix(u.name, ".service") {
		return
	}
	link := filepath.Join(s.Dir, "units", "invocation:"+u.name)
	group := filepath.Join(s.Dir, "cgroup", fmt.Sprint(u.properties["Slice"]), u.name)
	_ = os.Remove(link)
	_ = os.RemoveAll(group)
	if u.active != "active" {
		return
	}
	mustShow(os.MkdirAll(filepath.Dir(link), 0o755))
	mustShow(os.Symlink(u.invocation, link))
	mustShow(os.MkdirAll(group, 0o755))
	for file, property := range map[string]string{"memory.max": "MemoryMax", "pids.max": "TasksMax"} {
		if n, ok := u.properties[property].(uint64); ok {
			mustShow(os.WriteFile(filepath.Join(group, file), []byte(kernelMax(n)+"\n"), 0o644))
		}
	}
	if n, ok := u.properties["CPUQuotaPerSecUSec"].(uint64); ok {
		quota := "max"
		if n != host.NoLimit {
			quota = strconv.FormatUint(n/10, 10)
		}
		mustShow(os.WriteFile(filepath.Join(group, "cpu.max"), []byte(quota+" 100000\n"), 0o644))
	}
}

func kernelMax(n uint64) string {
	if n == host.NoLimit {
		return "max"
	}
	return strconv.FormatUint(n, 10)
}

func mustShow(err error) {
	if err != nil {
		panic(err)
	}
}

func list(v any) []string {
	names, _ := v.([]string)
	return slices.Clone(names)
}

func newInvocation() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

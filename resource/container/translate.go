package container

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hostctl/host"
	"hostctl/resource"
	"hostctl/runtime"
)

const (
	startTimeout = 60e6 // microseconds
	// A container's log is cut to 10,000 lines in 30 seconds, which is systemd's own default for all services.
	logInterval = 30e6 // microseconds
	logBurst    = 10000

	defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// rootsDir holds what was written to persistent roots, a directory for each.
const rootsDir = "/var/lib/hostctl/roots"

// launcherSpec is the container as the launcher needs it. declared is the JSON of c.
func (c *Container) launcherSpec(addr resource.Addr, owner string) (*runtime.Spec, error) {
	applied := c.withoutContents()
	applied.Pending, applied.Helper, applied.Altered, applied.Launcher = "", "", nil, "" // are found, never applied
	declared, err := json.Marshal(applied)
	if err != nil {
		return nil, err
	}
	files, _, err := c.stored()
	if err != nil {
		return nil, err
	}
	s := &runtime.Spec{
		Version:  runtime.SpecVersion,
		Name:     addr.HostName(),
		Owner:    owner,
		Address:  addr.String(),
		Declared: declared,
		Rootfs:   c.Rootfs,
		Args:     c.Command,
		Env:      c.env(),
		Dir:      c.Workdir,
		User:     c.User,
		IDs:      runtime.IDRange{Base: c.IDBase, Count: RangeSize},
		Hostname: c.Hostname,
		Netns:    c.NetnsPath,

		Listen:      c.listenNames(),
		HostNetwork: c.HostNetwork,
		Hosts:       c.hosts(addr),
		Notify:      c.Notify,
		Watchdog:    usec(c.Watchdog),
		Boot:        c.Boot,
		Init:        c.Init,
		NoFile:      c.Limits.Files,
		Files:       files,
		Secrets:     c.secrets(),

		RootSize: uint64(c.RootSize),
		ShmSize:  uint64(c.ShmSize),

		AppArmor:       c.AppArmor,
		SELinux:        c.SELinux,
		Capabilities:   c.Capabilities,
		Groups:         c.Groups,
		SystemCalls:    c.SystemCalls,
		Masked:         c.MaskedPaths,
		OOMScoreAdjust: c.OOMScoreAdjust,
	}
	if s.Duties, err = c.duties(); err != nil {
		return nil, err
	}
	if c.Root != rootReadOnly {
		s.Root = string(c.Root)
	}
	if s.Root == runtime.RootPersistent {
		s.Upper = rootsDir + "/" + s.Name
	}
	if s.Limits, err = c.rlimits(); err != nil {
		return nil, err
	}
	if c.RunAsUID != 0 {
		s.RunAs = &runtime.Account{UID: c.RunAsUID, GID: c.RunAsGID}
	}
	for _, target := range slices.Sorted(maps.Keys(c.Device)) {
		s.Devices = append(s.Devices, runtime.Device{Path: target, Source: c.Device[target].source(target)})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Sysctls)) {
		s.Sysctls = append(s.Sysctls, runtime.Sysctl{Name: name, Value: c.Sysctls[name]})
	}
	for _, target := range slices.Sorted(maps.Keys(c.Mount)) {
		m := c.Mount[target]
		mount := runtime.Mount{Target: target, Source: m.Source, Path: m.Path, Mountpoint: m.Mountpoint, ReadOnly: m.ReadOnly}
		if m.OwnerUID != 0 {
			mount.Owner = &runtime.Account{UID: m.OwnerUID, GID: m.OwnerGID}
		}
		s.Mounts = append(s.Mounts, mount)
	}
	for _, target := range slices.Sorted(maps.Keys(c.Tmpfs)) {
		t := c.Tmpfs[target]
		s.Tmpfs = append(s.Tmpfs, runtime.Tmpfs{Target: target, Size: uint64(t.Size), Mode: uint32(t.Mode)})
	}
	return s, nil
}

func (c *Container) env() []string {
	var env []string
	if _, set := c.Environment["PATH"]; !set {
		env = append(env, "PATH="+defaultPath)
	}
	if _, set := c.Environment["TZ"]; !set && c.Timezone != "" {
		env = append(env, "TZ="+c.Timezone)
	}
	if _, set := c.Environment["CREDENTIALS_DIRECTORY"]; !set && c.secretsInDir() {
		env = append(env, "CREDENTIALS_DIRECTORY="+secretsDir) // where programs that know systemd.exec(5), or are systemd, look
	}
	for _, key := range slices.Sorted(maps.Keys(c.Environment)) {
		env = append(env, key+"="+c.Environment[key])
	}
	return env
}

// transient is the container's unit. Nothing of the configuration's free text is in
// it: systemd writes string properties unescaped into a unit file, where a newline
// would begin a command that runs as root. What is here is the validated name, numbers and enums.
func (c *Container) transient(addr resource.Addr, owner, launcher string) (host.Transient, error) {
	name := addr.HostName()
	if err := resource.CheckName(name); err != nil {
		return host.Transient{}, fmt.Errorf("name %q: %w", name, err)
	}
	if err := resource.CheckName(owner); err != nil {
		return host.Transient{}, fmt.Errorf("configuration's name %q: %w", owner, err)
	}
	if err := checkLauncherPath(launcher); err != nil {
		return host.Transient{}, err
	}
	stop, ok := signals[c.StopSignal]
	if !ok {
		return host.Transient{}, fmt.Errorf("unknown signal %q", c.StopSignal)
	}
	if !slices.Contains(restarts, c.Restart) {
		return host.Transient{}, fmt.Errorf("unknown restart %q", c.Restart)
	}
	hopeless := []int32{runtime.ExitConfig, runtime.ExitExec} // to start it again does not heal these
	if len(c.Secret) > 0 {
		hopeless = append(hopeless, exitCredentials)
	}
	p := []host.Property{
		describe(unitTitle, addr, owner),
		{Name: "Type", Value: "notify"},
		{Name: "NotifyAccess", Value: "main"},
		{Name: "ExecStart", Value: []host.Command{{Path: launcher, Args: []string{launcher, name}}}},
		{Name: "Slice", Value: c.sliceUnit()},
		{Name: "CollectMode", Value: "inactive-or-failed"},
		{Name: "Delegate", Value: c.Boot},

		{Name: "Restart", Value: string(c.Restart)},
		{Name: "RestartUSec", Value: usec(c.RestartDelay)},
		{Name: "StartLimitIntervalUSec", Value: usec(c.StartLimit.Interval)},
		{Name: "RestartPreventExitStatus", Value: host.ExitStatuses{Statuses: hopeless, Signals: []int32{}}},
		{Name: "TimeoutStartUSec", Value: c.startTimeout()},
		{Name: "TimeoutStopUSec", Value: usec(c.StopTimeout)},
		{Name: "KillMode", Value: "mixed"},
		{Name: "KillSignal", Value: stop},
		// The tiny init passes on what the program died of as 128+n.
		{Name: "SuccessExitStatus", Value: host.ExitStatuses{Statuses: slices.Compact([]int32{128 + sigTERM, 128 + stop}), Signals: []int32{stop}}},
		{Name: "OOMPolicy", Value: "kill"},

		{Name: "SyslogIdentifier", Value: name},
		{Name: "LogExtraFields", Value: [][]byte{[]byte("HOSTCTL_CONTAINER=" + name), []byte("HOSTCTL_OWNER=" + owner)}},
		{Name: "SyslogLevelPrefix", Value: false},
		{Name: "LogRateLimitIntervalUSec", Value: uint64(logInterval)},
		{Name: "LogRateLimitBurst", Value: uint32(logBurst)},
		{Name: "StandardInput", Value: "null"},
		{Name: "StandardOutput", Value: "journal"},
		{Name: "StandardError", Value: "journal"},

		{Name: "DevicePolicy", Value: "closed"},
		{Name: "CapabilityBoundingSet", Value: launcherCapabilities},
		{Name: "KeyringMode", Value: "private"},
		{Name: "NoNewPrivileges", Value: !c.Boot}, // the launcher needs no more than it begins with; setuid programs of a whole system do
		{Name: "UMask", Value: uint32(0o077)},
		{Name: "IgnoreSIGPIPE", Value: false},
	}
	if c.Boot {
		p = append(p, bootProperties(stop, hopeless)...)
	}
	if c.Init && (c.Restart == "on-abnormal" || c.Restart == "on-abort") {
		p = append(p, host.Property{Name: "RestartForceExitStatus", Value: host.ExitStatuses{Statuses: diedOf(stop), Signals: []int32{}}})
	}
	if len(c.Device) > 0 {
		allowed, err := c.deviceAllow()
		if err != nil {
			return host.Transient{}, err
		}
		p = append(p, host.Property{Name: "DeviceAllow", Value: allowed})
	}
	if len(c.Secret) > 0 {
		credentials, err := c.credentials()
		if err != nil {
			return host.Transient{}, err
		}
		p = append(p, credentials...)
	}
	if c.Watchdog != 0 {
		p = append(p, host.Property{Name: "WatchdogUSec", Value: usec(c.Watchdog)})
	}
	if !c.scheduled() { // a timer keeps its service loaded itself
		p = append(p, host.Property{Name: "Wants", Value: []string{Keeper(addr)}})
	}
	if c.Job {
		p = replaceProperties(p, c.jobProperties(name, launcher))
	}
	if len(c.Listen) > 0 {
		p = append(p, host.Property{Name: "Requires", Value: []string{SocketUnit(addr)}})
	}
	if c.sharesSockets() {
		p = append(p, host.Property{Name: "NonBlocking", Value: true})
	}
	if c.StartLimit.Burst != 0 {
		p = append(p, host.Property{Name: "StartLimitBurst", Value: uint32(c.StartLimit.Burst)})
	}
	if len(c.JournalFields) > 0 {
		fields, err := c.journalFields()
		if err != nil {
			return host.Transient{}, err
		}
		p = append(p, host.Property{Name: "LogExtraFields", Value: fields})
	}
	p = append(p, host.Property{Name: "After", Value: c.after()})
	return host.Transient{Name: Unit(addr), Properties: append(p, c.Limits.properties(Limits{})...)}, nil
}

// hostTargets are what of the host a container can need as long as it runs, as those of other services do: when the host goes down it is
// stopped before them. At boot nothing waits here, for hostctl.service has waited.
var hostTargets = []string{"network.target", "remote-fs.target", "nss-user-lookup.target"}

// after are the units that are there before the container is started, and still are when it is stopped: with the host's, the mounts that
// its volumes say they lie on, and what it depends on.
func (c *Container) after() []string {
	after := slices.Clone(hostTargets)
	for _, target := range slices.Sorted(maps.Keys(c.Mount)) {
		if point := c.Mount[target].Mountpoint; point != "" && len(host.MountUnit(point)) <= host.MaxUnitName {
			after = append(after, host.MountUnit(point))
		}
	}
	for _, to := range c.DependsOn {
		after = append(after, Unit(to.To))
	}
	slices.Sort(after)
	return slices.Compact(after)
}

// replaceProperties is a unit with other values of some of its properties.
func replaceProperties(p, others []host.Property) []host.Property {
	p = slices.DeleteFunc(p, func(old host.Property) bool {
		return slices.ContainsFunc(others, func(o host.Property) bool { return o.Name == old.Name })
	})
	return append(p, others...)
}

func (c *Container) startTimeout() uint64 {
	if c.StartTimeout == 0 {
		return startTimeout
	}
	return usec(c.StartTimeout)
}

// diedOf are the tiny init's exit statuses for a program that died of a signal. To systemd they are those of a program that ended by
// itself, and not abnormal. Signals that ask for the end, stop among them, are not here: systemd takes none of those for abnormal either.
func diedOf(stop int32) (statuses []int32) {
	const sigPIPE, last = 13, 31
	for n := int32(1); n <= last; n++ {
		if n != sigHUP && n != sigINT && n != sigPIPE && n != sigTERM && n != stop {
			statuses = append(statuses, 128+n)
		}
	}
	return statuses
}

// bootProperties are what else the unit of a whole system has. A system that powers off is killed by INT, and one that reboots by HUP:
// that is how reboot(2) ends the first process of a pid namespace.
func bootProperties(stop int32, hopeless []int32) []host.Property {
	return []host.Property{
		{Name: "SuccessExitStatus", Value: host.ExitStatuses{Statuses: []int32{128 + sigTERM, 128 + stop}, Signals: []int32{sigINT, stop}}},
		{Name: "RestartPreventExitStatus", Value: host.ExitStatuses{Statuses: hopeless, Signals: []int32{sigINT}}},
		{Name: "RestartForceExitStatus", Value: host.ExitStatuses{Statuses: []int32{}, Signals: []int32{sigHUP}}},
	}
}

// keeper is the slice that the unit wants and that is ordered after it: while the
// slice is active it refers to the unit, so that systemd keeps the unit when it stops.
func keeper(addr resource.Addr) host.Transient {
	return host.Transient{Name: Keeper(addr), Properties: []host.Property{
		{Name: "Description", Value: "Keeps container " + addr.HostName() + " loaded"},
		{Name: "After", Value: []string{Unit(addr)}},
		{Name: "CollectMode", Value: "inactive-or-failed"},
	}}
}

func usec(d resource.Duration) uint64 { return uint64(d) / 1000 }

// fixed is what of the container only a new unit can change, as text: the part of the
// unit that others, who refer to it, are made anew with.
func (c *Container) fixed() string {
	return fmt.Sprintf("%s %s %s %s %q", c.Restart, c.RestartDelay, c.StopSignal, c.StopTimeout, c.After)
}

// Capabilities by number, capability(7).
const (
	capChown         = 0
	capDACOverride   = 1
	capDACReadSearch = 2
	capFowner        = 3
	capKill          = 5
	capSetgid        = 6
	capSetuid        = 7
	capSetpcap       = 8
	capNetAdmin      = 12
	capSysChroot     = 18
	capSysPtrace     = 19
	capSysAdmin      = 21
	capSysResource   = 24
	capMknod         = 27
	capSetfcap       = 31
)

// launcherCapabilities is the bounding set of the launcher, which builds namespaces and mounts. The
// program that it starts has none of them.
const launcherCapabilities = uint64(1<<capChown | 1<<capDACOverride | 1<<capDACReadSearch | 1<<capFowner | 1<<capKill |
	1<<capSetgid | 1<<capSetuid | 1<<capSetpcap | 1<<capNetAdmin | 1<<capSysChroot | 1<<capSysPtrace |
	1<<capSysAdmin | 1<<capSysResource | 1<<capMknod | 1<<capSetfcap)

const (
	sigHUP  = 1
	sigINT  = 2
	sigTERM = 15
)

// signals are the ones that can ask a program to end, with their numbers, which are
// the same on every architecture that Linux runs Go on but MIPS. RTMIN+3 ends an init system.
var signals = map[Signal]int32{
	"HUP": 1, "INT": 2, "QUIT": 3, "USR1": 10, "USR2": 12, "TERM": sigTERM, "WINCH": 28, "PWR": 30, "RTMIN+3": 37,
}

var restarts = []Restart{"no", "on-success", "on-failure", "on-abnormal", "on-abort", "on-watchdog", "always"}

func checkLauncherPath(p string) error {
	for i := range len(p) {
		switch c := p[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '/', c == '.', c == '-', c == '_', c == '+':
		default:
			return fmt.Errorf("launcher %q: the path holds a character that systemd would not take as it is", p)
		}
	}
	if !strings.HasPrefix(p, "/") {
		return fmt.Errorf("launcher %q: the path is not absolute", p)
	}
	return nil
}

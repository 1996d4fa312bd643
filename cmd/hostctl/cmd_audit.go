package main

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hostctl/host"
	"hostctl/runtime"
)

var auditCommand = command{
	name: "audit", operands: "[CONTAINER...]",
	summary: "Show what the payload of each running container really has, from the kernel",
	details: "Nothing is read of the configuration or the ledger: ids, capabilities, filters and namespaces are the first process's as /proc tells them, mounts are those in its mount namespace, limits are its cgroup's. Devices, sockets, resource limits, system calls and whether Landlock holds it the kernel does not tell: they are those of the spec that it was started with. What is less than the defaults stands under LOOSENED.",
	example: "hostctl audit\nhostctl audit -json container.web",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		asJSON := fs.Bool("json", false, "print one JSON document instead of text")
		return func(c *cli, args []string) error {
			c.json = *asJSON
			return c.finish(func() (map[string]any, error) {
				if err := needRoot("looks into containers"); err != nil {
					return nil, err
				}
				names, err := containersOf(args)
				if err != nil {
					return nil, err
				}
				rows := []auditRow{}
				for _, name := range names {
					row, err := audit(name)
					if err != nil {
						return nil, fmt.Errorf("%s: %w", name, err)
					}
					rows = append(rows, row)
				}
				if !c.json {
					c.printAudit(rows)
				}
				return map[string]any{"containers": rows}, nil
			})
		}
	},
}

// auditRow is what one container's first process has.
type auditRow struct {
	Container      string         `json:"container"`
	PID            int            `json:"pid"`
	UID            uint32         `json:"uid"` // as the host counts
	Groups         []uint32       `json:"groups,omitempty"`
	UIDMap         []host.IDRange `json:"uid_map"`
	GIDMap         []host.IDRange `json:"gid_map"`
	Capabilities   []string       `json:"capabilities"` // of any of the five sets
	NoNewPrivs     bool           `json:"no_new_privs"`
	SeccompFilters int            `json:"seccomp_filters"`
	// Shared are the namespaces that are the host's own.
	Shared []string `json:"shared_namespaces"`
	// Writable are the mounts of a host's directory, and the root, that the payload may write to.
	Writable       []string          `json:"writable"`
	Limits         host.CgroupLimits `json:"limits"`
	OOMScoreAdjust int               `json:"oom_score_adjust"`
	Loosened       []string          `json:"loosened"`
}

// audit looks at one running container.
func audit(name string) (auditRow, error) {
	record, err := running(name)
	if err != nil {
		return auditRow{}, err
	}
	row := auditRow{Container: name, PID: record.PID, Capabilities: []string{}, Shared: []string{}, Writable: []string{}, Loosened: []string{}}
	p, err := host.ReadProcess(record.PID)
	if err != nil {
		return row, err
	}
	row.UID, row.Groups, row.NoNewPrivs, row.SeccompFilters = p.UID, p.Groups, p.NoNewPrivs, p.SeccompFilters
	var sets uint64
	for _, set := range p.Capabilities {
		sets |= set
	}
	row.Capabilities = append(row.Capabilities, host.CapabilityNames(sets)...)
	if row.UIDMap, err = host.ReadIDMap(record.PID, "uid_map"); err != nil {
		return row, err
	}
	if row.GIDMap, err = host.ReadIDMap(record.PID, "gid_map"); err != nil {
		return row, err
	}
	for _, kind := range host.Namespaces {
		ours, err := host.NamespaceID(1, kind)
		if err != nil {
			return row, err
		}
		theirs, err := host.NamespaceID(record.PID, kind)
		if err != nil {
			return row, err
		}
		if ours == theirs {
			row.Shared = append(row.Shared, kind)
		}
	}
	if err := row.mounts(); err != nil {
		return row, err
	}
	if row.Limits, err = host.ReadCgroupLimits(cgroupOf(name)); err != nil {
		return row, err
	}
	if row.OOMScoreAdjust, err = host.OOMScoreAdjust(record.PID); err != nil {
		return row, err
	}
	spec, err := runtime.Host.Spec(record.Spec)
	if err != nil {
		return row, err
	}
	landlock, err := runtime.LandlockABI()
	if err != nil {
		return row, err
	}
	row.judge()
	row.granted(spec, landlock)
	return row, nil
}

// mounts notes what may be written, and what lacks a flag that every mount has.
func (row *auditRow) mounts() error {
	mounts, err := host.MountsOf(row.PID)
	if err != nil {
		return err
	}
	for _, m := range mounts {
		own := slices.Contains([]string{"proc", "sysfs", "tmpfs", "devpts", "cgroup2", "mqueue"}, m.Type) && m.Root == "/"
		if slices.Contains(m.Option, "rw") && !own {
			row.Writable = append(row.Writable, m.Point)
		}
		if !slices.Contains(m.Option, "nosuid") {
			row.Loosened = append(row.Loosened, m.Point+" may hold setuid programs")
		}
		if !slices.Contains(m.Option, "nodev") && m.Point != "/dev" && !strings.HasPrefix(m.Point, "/dev/") {
			row.Loosened = append(row.Loosened, m.Point+" may hold devices")
		}
	}
	return nil
}

// judge names everything that is less than what a container gets when it asks for nothing.
func (row *auditRow) judge() {
	say := func(format string, args ...any) { row.Loosened = append(row.Loosened, fmt.Sprintf(format, args...)) }
	for _, m := range slices.Concat(row.UIDMap, row.GIDMap) {
		if m.Outside == 0 {
			say("the host's root is mapped")
			break
		}
	}
	if len(row.Capabilities) > 0 {
		say("capabilities %s", strings.Join(row.Capabilities, ", "))
	}
	if !row.NoNewPrivs {
		say("may gain privileges by exec")
	}
	if row.SeccompFilters == 0 {
		say("no seccomp filter")
	}
	for _, kind := range row.Shared {
		say("the host's own %s namespace", kind)
	}
	volumes := []string{}
	for _, point := range row.Writable {
		if point == "/" {
			say("the root is writable")
		} else if !slices.Contains(volumes, point) {
			volumes = append(volumes, point)
		}
	}
	if len(volumes) > 0 {
		say("writable volumes %s", strings.Join(volumes, ", "))
	}
	if row.OOMScoreAdjust < 0 {
		say("spared by %d when memory is short", -row.OOMScoreAdjust)
	}
	if len(row.Groups) > 0 {
		say("supplementary groups %s", strings.Trim(fmt.Sprint(row.Groups), "[]"))
	}
	if row.Limits.Memory != nil && *row.Limits.Memory == host.NoLimit {
		say("no limit of memory")
	}
	if row.Limits.Tasks != nil && *row.Limits.Tasks == host.NoLimit {
		say("no limit of tasks")
	}
}

// granted names what the kernel does not show of a process: what the launcher gave it. landlock is the kernel's version.
func (row *auditRow) granted(spec runtime.Spec, landlock int) {
	say := func(format string, args ...any) { row.Loosened = append(row.Loosened, fmt.Sprintf(format, args...)) }
	if spec.Boot {
		say("a whole system, with the powers of its own root")
	}
	switch {
	case spec.Boot || landlock < runtime.LandlockFiles:
		say("no Landlock")
	case (spec.HostNetwork || spec.Netns != "") && landlock < runtime.LandlockSockets:
		say("abstract sockets of the network that it shares")
	}
	if a := spec.RunAs; a != nil {
		say("is uid %d and gid %d of the host", a.UID, a.GID)
	}
	for _, d := range spec.Devices {
		say("the host's %s", d.Source)
	}
	if len(spec.SystemCalls) > 0 {
		say("system calls %s", strings.Join(spec.SystemCalls, ", "))
	}
	if raised := raisedLimits(spec.Limits); len(raised) > 0 {
		say("raised rlimits %s", strings.Join(raised, ", "))
	}
	if len(spec.Listen) > 0 && spec.Netns == "" {
		say("sockets of the host's network: %s", strings.Join(spec.Listen, ", "))
	}
}

// usualLimits are the hard limits of a service that asks for nothing, where the kernel and systemd set any, and of core files the soft
// one (systemd-system.conf(5)); those of processes and signals follow the machine's memory.
var usualLimits = map[string]uint64{
	"core": 0, "memlock": 8 << 20, "msgqueue": 819200, "nice": 0, "rtprio": 0, "nproc": runtime.Unlimited - 1, "sigpending": runtime.Unlimited - 1,
}

// raisedLimits are the names of those resource limits that are more than usual.
func raisedLimits(limits []runtime.Limit) (raised []string) {
	for _, l := range limits {
		value := l.Hard
		if l.Name == "core" {
			value = l.Soft
		}
		if usual, limited := usualLimits[l.Name]; limited && value > usual {
			raised = append(raised, l.Name)
		}
	}
	return raised
}

func (c *cli) printAudit(rows []auditRow) {
	table := [][]string{{"CONTAINER", "USER", "CAPABILITIES", "SECCOMP", "NAMESPACES", "WRITABLE", "LOOSENED"}}
	for _, r := range rows {
		seccomp := "none"
		if r.SeccompFilters > 0 {
			seccomp = "filter"
		}
		orNone := func(list []string) string {
			if len(list) == 0 {
				return "none"
			}
			return strings.Join(list, ", ")
		}
		own := fmt.Sprintf("%d of %d its own", len(host.Namespaces)-len(r.Shared), len(host.Namespaces))
		table = append(table, []string{r.Container, strconv.Itoa(int(r.UID)), orNone(r.Capabilities), seccomp, own, orNone(r.Writable), orNone(r.Loosened)})
	}
	c.table(table)
}

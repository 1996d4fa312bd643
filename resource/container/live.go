package container

import (
	"context"
	"sync"
	"syscall"
	"time"

	"hostctl/host"
	"hostctl/resource"
	"hostctl/runtime"
)

// Systemd is what the kind needs of the host's service manager; [host.Systemd] is one.
type Systemd interface {
	List(ctx context.Context, patterns ...string) ([]host.Unit, error)
	Properties(ctx context.Context, unit string, names ...string) (map[string]any, error)
	Failure(ctx context.Context, unit, invocation string) (*host.Failure, error)
	UnitPath(ctx context.Context) ([]string, error)
	StartTransient(ctx context.Context, unit host.Transient, aux ...host.Transient) error
	Start(ctx context.Context, unit string) error
	Stop(ctx context.Context, unit string) error
	Restart(ctx context.Context, unit string) error
	Kill(ctx context.Context, unit string, signal syscall.Signal) error
	Remove(ctx context.Context, units ...string) error
	PassSockets(unit, socket string) error
	ForgetSockets(unit string) error
	SetProperties(ctx context.Context, unit string, properties []host.Property) error
}

// SubIDs registers id ranges where the host's other tools look before they give any
// out; [host.Passwd] is one.
type SubIDs interface {
	SubIDs(ctx context.Context) ([]host.SubID, error)
	AddSubID(ctx context.Context, ranges ...host.SubID) error
	MoveSubID(ctx context.Context, name string, to host.SubID) error
}

// Host is the kind's effects on one host.
type Host struct {
	Systemd Systemd
	SubIDs  SubIDs
	// Specs is where the launcher finds what to start.
	Specs runtime.Paths
	// Launcher is the absolute path of the program that each unit starts.
	Launcher string
	// Try says that this is a throwaway host, where a limit that cannot be held is a note and no error.
	Try bool

	// Proc, Cgroups and Units are where the kernel and systemd tell what is: "/proc",
	// "/sys/fs/cgroup" and "/run/systemd/units" on every host but a test's.
	Proc, Cgroups, Units string
	// Stamps is where systemd notes when a persistent timer elapsed last: "/var/lib/systemd/timers" on every host but a test's.
	Stamps string

	// Deliver puts files into a running container; of every host but a test's it is that of Specs.
	Deliver func(runtime.Spec, runtime.Record) error
	// Secret looks at a credential's file; of every host but a test's it is [host.CheckCredential].
	Secret func(id, file string, encrypted bool) (size int64, err error)
	// Run runs a command in a running container; of every host but a test's it is that of Specs.
	Run func(record runtime.Record, args []string, within time.Duration) (output []byte, status int, err error)

	settle   time.Duration // how long a program that does not say when it is ready is given to fail
	ranges   registrar
	changing sync.RWMutex // Apply reads, who tidies up after all of them writes
	mu       sync.Mutex
	started  map[resource.Addr]string // the invocation that Apply left running
}

// NewHost returns the effects on this host. launcher is the absolute path of the program
// that each unit starts; try says that the host is a throwaway one.
func NewHost(systemd Systemd, subIDs SubIDs, launcher string, try bool) *Host {
	return &Host{
		Systemd: systemd, SubIDs: subIDs, Specs: runtime.Host, Launcher: launcher, Try: try,
		Deliver: runtime.Host.Deliver, Run: runtime.Host.RunInside, Secret: host.CheckCredential,
		Proc: "/proc", Cgroups: host.CgroupRoot, Units: host.UnitsDir, Stamps: "/var/lib/systemd/timers", settle: time.Second,
	}
}

var _ resource.Host = (*Host)(nil)
var _ resource.Settler = (*Host)(nil)

// mark is the text that names a container across configurations, in /etc/subuid.
func mark(owner string, addr resource.Addr) string { return owner + "/" + addr.String() }

package container

import (
	"maps"

	"hostctl/resource"
)

// Name is the kind's name: the type of the block.
const Name = "container"

// Container is one container. What it gets when it asks for nothing: namespaces
// and ids of its own, a read-only root, loopback as its only network, a tiny
// init as process 1, no capabilities, and limits on memory, tasks and files.
type Container struct {
	// Rootfs is the absolute path on the host of the directory that becomes "/" inside.
	// No component may be a symbolic link.
	Rootfs string `json:"rootfs" diff:"restart" attr:"required"`
	// Root says what the program may write there. Unset, or "read-only": nothing. "ephemeral": everything, in memory, until it
	// ends. "persistent": everything, kept in /var/lib/hostctl/roots over restarts, changes and removal, until that directory is
	// removed by hand. "writable": rootfs itself, which must then be closed to the host's other users.
	Root Root `json:"root,omitempty" diff:"restart"`
	// RootSize is how much memory an ephemeral root may take; "256M" when unset.
	RootSize resource.Bytes `json:"root_size,omitempty" diff:"restart"`
	// ShmSize is the size of /dev/shm; "64M" when unset.
	ShmSize resource.Bytes `json:"shm_size,omitempty" diff:"restart"`
	// Command is the program and its arguments, passed byte for byte: no shell, no expansion.
	// The first is an absolute path inside, or a name looked up in PATH inside. Only with boot it need not be written.
	Command []string `json:"command,omitempty" diff:"restart" attr:"text"`
	// Boot starts a whole system: command, or /sbin/init, is an init such as systemd, which is process 1, has the powers of a
	// system's root over its own namespaces, mounts and part of the cgroup tree, and its own services and journal. It needs a root
	// that can be written to. It makes setuid programs too: volumes that it may write to are nosuid on the host, or lie where no other
	// user of the host comes. When systemd stops it, it is told by RTMIN+3 to shut down, for which stop_timeout should leave it time.
	Boot bool `json:"boot,omitempty" diff:"replace"`
	// Environment is the program's whole environment; nothing of the host's is inherited.
	// PATH has the usual directories unless it is set here.
	Environment map[string]string `json:"environment,omitempty" diff:"restart" attr:"text"`
	// Workdir is the working directory inside; "/" when unset.
	Workdir string `json:"workdir,omitempty" diff:"restart"`
	// User is who the program runs as inside: a uid, uid:gid, or a name of the rootfs's own
	// passwd file, also name:group. Unset it is uid 0 inside, which is nobody in particular outside;
	// with run_as it is the same number as outside.
	User string `json:"user,omitempty" diff:"restart"`
	// RunAs is the host account that the program is outside, so that its files on volumes
	// belong to that account, on every filesystem.
	RunAs resource.Addr `json:"run_as,omitzero" ref:"user" diff:"restart"`
	// Netns is the network namespace the container lives in. Unset it has one of its own with nothing but loopback.
	Netns resource.Addr `json:"netns,omitzero" ref:"netns" diff:"restart"`
	// HostNetwork leaves the container in the host's own network: all its addresses, ports and what listens on them. Its abstract
	// sockets stay out of reach where the kernel has Landlock 6 (Linux 6.12).
	HostNetwork bool `json:"host_network,omitempty" diff:"restart"`
	// Sysctls are settings of the container's own kernel namespaces: net. where its network is its own, kernel.msg*, kernel.sem,
	// kernel.shm* and fs.mqueue.*. Those of a declared namespace are written there.
	Sysctls map[string]string `json:"sysctls,omitempty" diff:"restart"`
	// ExtraHosts are names that resolve inside to these addresses: they and localhost make up /etc/hosts, which the rootfs must have.
	ExtraHosts map[string]string `json:"extra_hosts,omitempty" diff:"restart"`
	// Timezone is the zone of the program's clock, such as "Europe/Vienna", by way of TZ. The rootfs must have the zone.
	Timezone string `json:"timezone,omitempty" diff:"restart"`
	// Device is character devices of the host's, by the path below /dev that they have inside: nodes of the program's user. The unit's
	// cgroup allows what permissions say and nothing else. What is the host itself cannot be given, whatever its name and number: memory,
	// disks past their filesystems, the console, what types on its keyboard, firmware and reset.
	Device map[string]Device `json:"device,omitempty" diff:"replace"`
	// Listen is sockets that systemd listens on for the container, by names that the program finds in LISTEN_FDNAMES: they are its
	// descriptors from 3 on, in the order of the names (sd_listen_fds(3)). They are in the network of netns, and without it in the
	// host's, also where the container has a network of its own. While the program is started again connections wait.
	Listen map[string]Listen `json:"listen,omitempty" diff:"replace"`
	// Mount is the volumes inside, by the absolute path they appear at; always nosuid and nodev.
	Mount map[string]Mount `json:"mount,omitempty" diff:"restart"`
	// Tmpfs is the memory filesystems inside, by the absolute path they appear at.
	// /tmp, /run and /dev/shm are there without being asked for.
	Tmpfs map[string]Tmpfs `json:"tmpfs,omitempty" diff:"restart"`
	// File is the files of the configuration inside, by the absolute path they appear at.
	File map[string]File `json:"file,omitempty" diff:"restart"`
	// Secret is credentials of the host's inside, by the names of the files that they are in /run/secrets. The host's policy says what file
	// of the host's each is and which containers may have it. Systemd reads, and decrypts, it at each start: what changes in it the
	// program has from its next start on. It cannot be written to inside.
	Secret map[string]Secret `json:"secret,omitempty" diff:"replace"`
	// Reload says how the program is told to read its files anew.
	Reload Reload `json:"reload,omitzero"`
	// Capabilities are what the program keeps of root's powers, inside its own namespaces: lower case and without "cap_", as in
	// ["chown", "setgid", "setuid"]. A program that is uid 0 inside loses them when it becomes another user, as entrypoints
	// expect; one that runs as another user keeps them. Only those that have force in a user namespace can be given;
	// net_admin and net_raw only to a container without netns, whose network is then its own; sys_ptrace not with notify.
	Capabilities []string `json:"capabilities,omitempty" diff:"restart"`
	// Groups are the program's supplementary groups inside: gids, or names of the rootfs's own group file.
	Groups []string `json:"groups,omitempty" diff:"restart"`
	// SystemCalls are allowed to the program by name on top of those that every container has, whatever their arguments.
	// Those that make or enter namespaces, clone and clone3 among them, cannot be.
	SystemCalls []string `json:"system_calls,omitempty" diff:"restart"`
	// AppArmor is the profile that confines the program, from its start on and beside all else. It is loaded by the host's administrator.
	AppArmor string `json:"apparmor,omitempty" diff:"restart"`
	// SELinux is the context that the program runs in, such as "system_u:system_r:container_t:s0". The host's policy must let
	// what systemd starts change to it, and its files be entered by it.
	SELinux string `json:"selinux,omitempty" diff:"restart"`
	// MaskedPaths are covered by an empty file or directory that nobody can read, besides those of /proc and /sys that always
	// are. A container in which one of them is missing does not start.
	MaskedPaths []string `json:"masked_paths,omitempty" diff:"restart"`
	// Rlimits are resource limits of the program's processes, "soft" or "soft:hard", such as { core = "0", memlock = "64M:1G" };
	// "unlimited" is none. getrlimit(2) has their names and units. Open files are limits.files.
	Rlimits map[string]string `json:"rlimits,omitempty" diff:"restart"`
	// OOMScoreAdjust makes the program one of the first (1000) or last (-1000) that the kernel kills when the host is out of memory.
	OOMScoreAdjust int `json:"oom_score_adjust,omitempty" diff:"restart"`
	// Hostname is the host name inside; the container's own name when unset.
	Hostname string `json:"hostname,omitempty" diff:"restart"`
	// Limits bound what the container takes from the host.
	Limits Limits `json:"limits"`
	// Restart says when systemd starts the program again after it ended: "no", "on-failure"
	// (exit status other than 0, a signal, a timeout), "always", or as systemd.service(5) has them "on-success", "on-abnormal",
	// "on-abort" and "on-watchdog". It never gives up, but where start_limit says so and for exit
	// status 78 (EX_CONFIG) and 203 (there is no such program), which trying again does not heal.
	Restart Restart `json:"restart" diff:"replace" default:"on-failure"`
	// RestartDelay is the pause before each such start, at least 100ms.
	RestartDelay resource.Duration `json:"restart_delay" diff:"replace" default:"1s"`
	// Notify says that the program tells systemd itself when it is ready, and how it is, through the socket that NOTIFY_SOCKET names
	// (sd_notify(3)): READY, RELOADING, STOPPING, STATUS and WATCHDOG. Until then what depends on it waits, and so does apply.
	Notify bool `json:"notify,omitempty" diff:"restart"`
	// Watchdog is within what time the program has to say that it is alive, again and again; else it is killed and started again
	// as restart says. It needs notify.
	Watchdog resource.Duration `json:"watchdog,omitempty" diff:"replace"`
	// StartTimeout is how long a start may take, until the program is ready where it says so; "1m" when unset.
	StartTimeout resource.Duration `json:"start_timeout,omitempty" diff:"replace"`
	// Health says how the program is asked whether it is well. One of exec, http, tcp and notify stands in it.
	Health Health `json:"health,omitzero"`
	// PostStart is run when the program has started, before it is ready.
	PostStart PostStart `json:"post_start,omitzero"`
	// PreStop is run when the program is to stop, before it is told.
	PreStop PreStop `json:"pre_stop,omitzero"`
	// Job is a program that ends: it is run to its end once for each change of what it is run with, also over reboots, and apply waits
	// for that. One that failed is run again by the next apply, unless restart is "no".
	Job bool `json:"job,omitempty" diff:"replace"`
	// Schedule makes a timer run the job instead, whether it fails or not; a change is what the next run takes.
	Schedule Schedule `json:"schedule,omitzero"`
	// StartLimit makes systemd give up when the program was started too often; unset, it never does.
	StartLimit StartLimit `json:"start_limit,omitzero"`
	// Update says how a change that needs a new process is made. Unset, or "stop-first": the program is stopped, and started anew.
	// "start-first": what is new is started beside what runs, as hostctl-<name>--next.service, and ends again once the program itself was
	// started anew; where it does not get ready and well, what runs goes on, and the apply fails. While both run each has all of limits.
	// For programs that can run twice at once: they write to no volume, and leave it to listen to bind what they listen on. What only a new
	// unit can have is changed so too, but not with listen, and not where other containers depend on this one.
	Update Update `json:"update,omitempty" diff:"live"`
	// Slice puts the unit into hostctl-<slice>.slice beside others of that name, so that an administrator can bound them together.
	Slice string `json:"slice,omitempty" diff:"replace"`
	// JournalFields are fields of every line that the program logs, besides those of systemd and hostctl: journalctl TEAM=shop.
	JournalFields map[string]string `json:"journal_fields,omitempty" diff:"replace"`
	// StopSignal asks the program to end, without "SIG".
	StopSignal Signal `json:"stop_signal" diff:"replace" default:"TERM"`
	// StopTimeout is how long it may take over that before everything inside is killed.
	StopTimeout resource.Duration `json:"stop_timeout" diff:"replace" default:"10s"`
	// DependsOn are containers that are started before this one and stopped after it. Of healthy(container.db) it waits until that is ready
	// and well, of completed(container.migrate) until that job has ended with success; systemd, which orders them at each start, for the
	// same, but it starts none for the sake of another, and stops none with another.
	DependsOn []resource.Dependency `json:"depends_on,omitempty" ref:"container" diff:"replace"`
	// Init puts a tiny init in front of the program as process 1: it reaps what others leave and
	// passes signals on. Without it the program is process 1 itself, and a signal that it
	// has no handler for does not stop it.
	Init bool `json:"init" diff:"restart" default:"true"`
	// Enabled says whether it runs. A container that is not enabled is kept ready, and stopped.
	Enabled bool `json:"enabled" diff:"live" default:"true"`

	// IDBase is the first of the 65,536 host user and group ids that are the container's own.
	IDBase uint32 `json:"id_base,omitempty" diff:"restart" attr:"internal"`
	// RunAsUID and RunAsGID are RunAs in numbers.
	RunAsUID uint32 `json:"run_as_uid,omitempty" diff:"restart" attr:"internal"`
	RunAsGID uint32 `json:"run_as_gid,omitempty" diff:"restart" attr:"internal"`
	// NetnsPath is the path of Netns on the host.
	NetnsPath string `json:"netns_path,omitempty" diff:"restart" attr:"internal"`
	// After are the units of DependsOn, each with a mark of what in it only a new unit can change:
	// systemd drops no unit while another refers to it, so both are made anew together.
	After []string `json:"after,omitempty" diff:"replace" attr:"internal"`
	// Pending is the sum of the spec that the next start would take where that is not what
	// runs: a change was cut off before its restart; "reload" where it was cut off before the program was
	// told; "unknown" where it cannot be told what runs; "failing" where each start fails before the program. It is never wanted.
	Pending string `json:"pending,omitempty" diff:"live" attr:"internal"`
	// Helper is the unit that an update started beside the container and was cut off before it ended it. It is never wanted.
	Helper string `json:"helper,omitempty" diff:"live" attr:"internal"`
	// Altered is, in plain words by what it is of, what was done from outside to the process that runs: to its namespaces, id map,
	// capabilities, filters, mounts and limits, to the slice that keeps its unit, and to its units' marks. It is never wanted.
	Altered map[string]string `json:"altered,omitempty" diff:"restart" attr:"internal"`
	// Launcher is the program that the unit would start next where it is not there any more: hostctl was moved. It is never wanted.
	Launcher string `json:"launcher,omitempty" diff:"replace" attr:"internal"`
	// Elsewhere says that the unit starts a launcher that is there, but is not this hostctl's: a new process is then one of a new unit.
	Elsewhere bool `json:"-"`
	// Referred says that others depend on the container as it is on the host: their units are ordered after its own, which keeps it loaded.
	Referred bool `json:"-"`
}

// Device is a device of the host's inside a container.
type Device struct {
	// Source is the device's path on the host, below /dev as well; the path inside when unset.
	Source string `json:"source,omitempty" diff:"replace"`
	// Permissions are any of r, to read, w, to write, and m, to make such nodes.
	Permissions string `json:"permissions" diff:"replace" default:"rw"`
}

// Listen is a socket that systemd listens on for a container.
type Listen struct {
	// Stream is where connections come in: "127.0.0.1:8080", "[::1]:8080", ":8080" for every address of the host's, or "unix" for
	// the path /run/hostctl/listen/<container>.<name>.
	Stream string `json:"stream,omitempty" diff:"replace"`
	// Datagram is where datagrams come in, in the same way.
	Datagram string `json:"datagram,omitempty" diff:"replace"`
	// Mode is the permission bits of a "unix" socket, which belongs to the account of run_as, else to root; "0600" when unset.
	Mode resource.Mode `json:"mode,omitempty" diff:"replace"`
	// Backlog is how many connections may wait; unset, as many as the kernel has for its most. The largest of the container's is taken.
	Backlog uint64 `json:"backlog,omitempty" diff:"replace"`
}

// Mount is a volume inside a container.
type Mount struct {
	// Volume is what is mounted.
	Volume resource.Addr `json:"volume" ref:"volume" diff:"restart" attr:"required"`
	// Path is a directory or file of the volume to mount instead of all of it, such as "tls/site.key". Nothing in it may be a
	// symbolic link; it is looked up at each start.
	Path string `json:"path,omitempty" diff:"restart"`
	// ReadOnly forbids writing, also on filesystems mounted below the volume.
	ReadOnly bool `json:"read_only" diff:"restart" default:"false"`

	// Source is the volume's path on the host.
	Source string `json:"source,omitempty" diff:"restart" attr:"internal"`
	// Mountpoint is the volume's, where it has one: it is looked at again at each start.
	Mountpoint string `json:"mountpoint,omitempty" diff:"replace" attr:"internal"`
	// OwnerUID and OwnerGID are who owns the volume on the host; 0 is root.
	OwnerUID uint32 `json:"owner_uid,omitempty" diff:"restart" attr:"internal"`
	OwnerGID uint32 `json:"owner_gid,omitempty" diff:"restart" attr:"internal"`
}

// Tmpfs is a memory filesystem inside a container; nosuid and nodev, and owned by the program's user.
type Tmpfs struct {
	// Size is the most that it holds. It counts as the container's memory.
	Size resource.Bytes `json:"size" diff:"restart" default:"64M"`
	// Mode is the permission bits of its top directory.
	Mode resource.Mode `json:"mode" diff:"restart" default:"0755"`
}

// Schedule is when a job is run.
type Schedule struct {
	// Calendar is a calendar event of systemd.time(7), such as "daily", "Mon..Fri 22:30" or "*-*-1 03:00 UTC".
	Calendar string `json:"calendar,omitempty" diff:"replace"`
	// RandomDelay puts each run off by up to that much, so that many hosts do not begin together.
	RandomDelay resource.Duration `json:"random_delay,omitempty" diff:"replace"`
	// Persistent makes up at once for a run that was missed while the host was off.
	Persistent bool `json:"persistent,omitempty" diff:"replace"`
}

// StartLimit is how often a program may be started before systemd gives up.
type StartLimit struct {
	// Burst is how many starts there may be within the interval.
	Burst uint64 `json:"burst,omitempty" diff:"replace"`
	// Interval is the time in which they are counted.
	Interval resource.Duration `json:"interval,omitempty" diff:"replace"`
}

// Reload is how a program is told to read its files anew: by a signal or by a command.
type Reload struct {
	// Signal is sent to the program: HUP, USR1, USR2 or WINCH.
	Signal Signal `json:"signal,omitempty" diff:"live"`
	// Exec is run inside, as the program's user and confined as it is, such as ["nginx", "-s", "reload"]; it has a minute, and a
	// status other than 0 fails the apply, which the next one tries again.
	Exec []string `json:"exec,omitempty" diff:"live" attr:"text"`
}

// Limits bound what a container takes from its host.
type Limits struct {
	// Memory is the most memory, page cache and tmpfs included, before the kernel reclaims
	// and then kills; swap is not used beyond it. 0 is no limit.
	Memory resource.Bytes `json:"memory" diff:"live" default:"1G"`
	// CPU is how many processors' worth of time it gets, such as 0.5; 0 is no limit.
	CPU float64 `json:"cpu" diff:"live" default:"0"`
	// Tasks is the most processes and threads; 0 is no limit.
	Tasks uint64 `json:"tasks" diff:"live" default:"4096"`
	// Files is the most open files of one process (RLIMIT_NOFILE), at most 524288, which is what systemd gives.
	Files uint64 `json:"files" diff:"restart" default:"16384"`
	// MemoryHigh is where the kernel begins to take memory back and slows the container down; unset, it does not.
	MemoryHigh resource.Bytes `json:"memory_high,omitempty" diff:"live"`
	// Swap is how much of it may be swapped out where memory is limited; unset, nothing.
	Swap resource.Bytes `json:"swap,omitempty" diff:"live"`
	// CPUWeight is its share of the processors where others want them too, from 1 to 10000; unset, 100 as all.
	CPUWeight uint64 `json:"cpu_weight,omitempty" diff:"live"`
	// IOWeight is its share of the disks, in the same way.
	IOWeight uint64 `json:"io_weight,omitempty" diff:"live"`
	// CPUs are the processors that it may run on, such as "0-3,6"; unset, all.
	CPUs string `json:"cpus,omitempty" diff:"live"`
}

// Root is what a program may write of its root directory.
type Root string

// Update is in which order a change ends the old process and starts the new one.
type Update string

// Restart is when a program that ended is started again, as systemd spells it.
type Restart string

// Signal is a signal's name without "SIG".
type Signal string

// Kind returns the kind.
func Kind() resource.Kind {
	return resource.Kind{
		Name:    Name,
		Process: true,
		New:     func() resource.Spec { return resource.SetDefaults(&Container{}) },
		Stopped: func(spec resource.Spec) resource.Spec { return spec.(*Container).enabled(false) },
		Started: func(spec resource.Spec) resource.Spec { return spec.(*Container).enabled(true) },
	}
}

// clone is a copy whose blocks can be changed.
func (c *Container) clone() *Container {
	d := *c
	d.Mount, d.Tmpfs, d.File, d.Secret = maps.Clone(c.Mount), maps.Clone(c.Tmpfs), maps.Clone(c.File), maps.Clone(c.Secret)
	return &d
}

func (c *Container) enabled(on bool) *Container {
	d := *c
	if d.Enabled = on; !on {
		d.Altered, d.Helper = nil, "" // there is no process that could be
	}
	return &d
}

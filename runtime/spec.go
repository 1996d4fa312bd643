package runtime

// SpecVersion is the version of the Spec's own layout. A launcher reads every
// version up to its own; a higher one is refused, never guessed at.
const SpecVersion = 1

// DefaultUser is the user of a payload whose spec names none: uid 0 of the
// container's own user namespace, which is an id of the container's range on the host.
const DefaultUser = "0"

// Spec is one container as the launcher needs it: resolved, absolute, free of
// references. It is data and the same on every machine; what the kernel makes of
// it is decided by Plan. A Spec is stored as JSON in an immutable file named by
// the sha256 of its bytes, mode 0600, owned by root.
type Spec struct {
	Version int `json:"version"`
	// Name is the container's validated name; the unit is hostctl-<Name>.service.
	Name string `json:"name"`
	// Owner and Address say whose container this is ("shop", "container.web").
	// The launcher does not use them; they are the proof of ownership when the ledger is lost.
	Owner   string `json:"owner"`
	Address string `json:"address"`
	// Declared is the resource as it was applied. It is opaque to the launcher,
	// and is what a later plan compares with.
	Declared RawJSON `json:"declared,omitempty"`

	// Rootfs is the absolute path on the host of the directory that becomes "/".
	Rootfs string `json:"rootfs"`
	// Root says what the payload may write there: RootReadOnly, which is "", RootWritable, RootEphemeral or RootPersistent.
	Root string `json:"root,omitempty"`
	// Upper is the absolute path of the directory that holds what was written to a persistent root. It is made with its
	// parent where it is not there.
	Upper string `json:"upper,omitempty"`
	// RootSize is how much can be written to an ephemeral root, in bytes; 0 is DefaultRootSize.
	RootSize uint64 `json:"root_size,omitempty"`
	// ShmSize is the size of /dev/shm in bytes; 0 is 64 MiB.
	ShmSize uint64 `json:"shm_size,omitempty"`
	// Args is the command; Args[0] is an absolute path inside, or a name looked up in PATH of Env inside the rootfs.
	// Elements are bytes passed unchanged: no expansion of any kind.
	Args []string `json:"args"`
	// Env is the payload's whole environment as KEY=value; nothing is inherited.
	Env []string `json:"env,omitempty"`
	// Dir is the working directory inside; "" is "/".
	Dir string `json:"dir,omitempty"`
	// User is who the payload runs as inside: uid, uid:gid, name or name:group; names are
	// looked up in the rootfs's own passwd and group files, which are not trusted. "" is DefaultUser,
	// or with RunAs the same number as RunAs.UID and RunAs.GID.
	User string `json:"user,omitempty"`
	// IDs is the container's own range of host ids: inside 0 is IDs.Base. It never holds host id 0.
	IDs IDRange `json:"ids"`
	// RunAs, when set, maps the payload's own uid and gid one to one onto this host account
	// (everything else inside keeps its id of IDs), so that the process and its files on
	// volumes belong to that account on every filesystem. Never uid or gid 0.
	RunAs *Account `json:"run_as,omitempty"`
	// Hostname is the UTS host name; "" is Name.
	Hostname string `json:"hostname,omitempty"`
	// Netns is the path of a network namespace made by the host, such as /run/netns/front.
	// "" gives the container one of its own with nothing but loopback.
	Netns string `json:"netns,omitempty"`
	// HostNetwork leaves the payload in the host's own network namespace.
	HostNetwork bool `json:"host_network,omitempty"`
	// Sysctls are settings of the container's own namespaces, by name: see ValidSysctl.
	Sysctls []Sysctl `json:"sysctls,omitempty"`
	// Devices are character devices of the host's, besides those that every container has.
	Devices []Device `json:"devices,omitempty"`
	// Hosts is what /etc/hosts holds; "" leaves the rootfs's own. The rootfs must have the file.
	Hosts string `json:"hosts,omitempty"`
	// Listen are the names of the sockets that systemd passes to the launcher, in the order of their descriptors; the payload has them as
	// its own from 3 on.
	Listen []string `json:"listen,omitempty"`
	// Mounts are the bind volumes and Tmpfs the memory filesystems, in no particular order:
	// the launcher mounts by depth of Target.
	Mounts []Mount `json:"mounts,omitempty"`
	Tmpfs  []Tmpfs `json:"tmpfs,omitempty"`
	// Files are the configuration's files, in no particular order. What is in them lies beside the specs.
	Files []File `json:"files,omitempty"`
	// Secrets are credentials of the unit's as files, in no particular order.
	Secrets []Secret `json:"secrets,omitempty"`
	// Boot starts a whole system: Args is the rootfs's own init, which is process 1, has the capabilities of a system's root in the
	// container's user namespace, and its own part of the cgroup tree to divide.
	Boot bool `json:"boot,omitempty"`
	// Init puts the tiny init in front of the payload as process 1. Without it the payload itself is process 1.
	Init bool `json:"init"`
	// Capabilities are what the payload keeps of them, by CapabilityNames; see there.
	Capabilities []string `json:"capabilities,omitempty"`
	// Groups are the payload's supplementary groups inside: gids, or names of the rootfs's group file.
	Groups []string `json:"groups,omitempty"`
	// SystemCalls are allowed to the payload besides those that the filter allows to every one, whatever their arguments.
	SystemCalls []string `json:"system_calls,omitempty"`
	// Masked are absolute paths inside over which an unreadable empty file or directory lies. Each must be there.
	Masked []string `json:"masked,omitempty"`
	// Limits are resource limits of the payload but RLIMIT_NOFILE, which is NoFile.
	Limits []Limit `json:"rlimits,omitempty"`
	// OOMScoreAdjust is what the kernel adds to the payload's badness when memory is short, -1000 to 1000 (proc_pid_oom_score_adj(5)).
	OOMScoreAdjust int `json:"oom_score_adjust,omitempty"`
	// Notify leaves it to the payload to say when it is ready, through a socket that the init hands on: sd_notify(3). It needs Init.
	Notify bool `json:"notify,omitempty"`
	// Watchdog is within how many microseconds the payload says that it is alive, for its environment; systemd does the rest. It needs Notify.
	Watchdog uint64 `json:"watchdog,omitempty"`
	// Duties are what the init does beside reaping.
	Duties
	// AppArmor is the profile, and SELinux the context, that the payload has from its exec on; "" is that of whoever started it.
	AppArmor string `json:"apparmor,omitempty"`
	SELinux  string `json:"selinux,omitempty"`
	// NoFile is RLIMIT_NOFILE, soft and hard, of the payload; 0 leaves the unit's own.
	NoFile uint64 `json:"nofile,omitempty"`
}

// RawJSON is a JSON value that is carried and not read. It is encoding/json's RawMessage without
// the import: that package costs the launcher's start 0.1 ms to link and 0.2 ms to use.
type RawJSON []byte

// MarshalJSON gives the value as it is, or null when empty.
func (r RawJSON) MarshalJSON() ([]byte, error) {
	if len(r) == 0 {
		return []byte("null"), nil
	}
	return r, nil
}

// UnmarshalJSON keeps a copy of the value.
func (r *RawJSON) UnmarshalJSON(data []byte) error {
	*r = append((*r)[:0], data...)
	return nil
}

// Limit is one resource limit, getrlimit(2). Unlimited is RLIM_INFINITY.
type Limit struct {
	Name string `json:"name"` // as LimitNames spell it
	Soft uint64 `json:"soft"`
	Hard uint64 `json:"hard"`
}

// Sysctl is one setting of a namespace, as sysctl(8) names it.
type Sysctl struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Device is a character device inside, a node of the payload's own user.
type Device struct {
	Path   string `json:"path"`   // inside, below /dev
	Source string `json:"source"` // on the host, below /dev
}

// Unlimited is the Limit that is none: RLIM_INFINITY.
const Unlimited = 1<<64 - 1

// IDRange is a block of host user ids and the same block of group ids: Base, Base+1, ..., Base+Count-1.
type IDRange struct {
	Base  uint32 `json:"base"`
	Count uint32 `json:"count"`
}

// Account is a user of the host by number.
type Account struct {
	UID uint32 `json:"uid"`
	GID uint32 `json:"gid"`
}

// Mount is a directory of the host inside the container: always nosuid and nodev, recursively.
type Mount struct {
	// Target is the absolute, clean path inside. It is created in the launcher's own layer of the
	// mount tree where it can be, and must exist in the rootfs otherwise.
	Target string `json:"target"`
	// Source is the absolute path on the host. No component may be a symbolic link.
	Source string `json:"source"`
	// Path is a clean relative path of a directory or regular file below Source, which is mounted instead; "" is Source
	// itself. No component may be a symbolic link: others may write below Source, and it is looked up at each start.
	Path string `json:"path,omitempty"`
	// Mountpoint, when set, is the absolute path on the host of Source or of a directory above it on which
	// something must be mounted: the container does not start on the bare disk below.
	Mountpoint string `json:"mountpoint,omitempty"`
	// ReadOnly holds for every mount below Source too.
	ReadOnly bool `json:"read_only,omitempty"`
	// Owner is the account that owns the files on disk. When set, the mount is idmapped so that this
	// one account appears as the payload's own user and nothing else can be created on it.
	// nil mounts the directory as it is (with RunAs the host's ids are already the payload's).
	Owner *Account `json:"owner,omitempty"`
}

// Tmpfs is a memory filesystem inside, nosuid and nodev, owned by the payload's user.
type Tmpfs struct {
	Target string `json:"target"`
	// Size is the limit in bytes; 0 is not allowed: a tmpfs without a limit is the host's memory.
	Size uint64 `json:"size"`
	// Mode is the permission bits of its root; 0 is 0755.
	Mode uint32 `json:"mode,omitempty"`
}

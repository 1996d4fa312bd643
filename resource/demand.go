package resource

// Right names a sort of thing that a configuration may have of a host only where the host's owner says so.
type Right string

// The rights. What Demand.Value is of each stands beside it.
const (
	RightVolume      Right = "volume"           // the absolute path of a directory that is made, kept and may be removed
	RightRead        Right = "read"             // the absolute path of what is mounted read-only, with all below it
	RightWrite       Right = "write"            // the absolute path of what is mounted to be written, with all below it
	RightRootfs      Right = "rootfs"           // the absolute path of a root directory
	RightRoot        Right = "root"             // what may be written of a root: "ephemeral", "persistent" or "writable"
	RightUser        Right = "user"             // an account's name
	RightUID         Right = "uid"              // an account's number
	RightShell       Right = "shell"            // an account's shell, by which somebody may log in
	RightHome        Right = "home"             // an account's home directory, which the host's own programs read settings in
	RightSlice       Right = "slice"            // the slice that a container is in, as the configuration writes it; "" for none
	RightImport      Right = "import"           // the id of an object of the host's own that becomes the configuration's
	RightGroup       Right = "group"            // a group of the host's that an account is a member of
	RightPort        Right = "port"             // "127.0.0.1:8080" on the host, ":8080" on all of its addresses
	RightHostNetwork Right = "host_network"     // the container's name
	RightSubnet      Right = "subnet"           // a network, "10.20.0.0/24"
	RightSysctl      Right = "sysctl"           // a setting's name
	RightCapability  Right = "capability"       // its name without "cap_"
	RightSystemCall  Right = "system_call"      // its name
	RightDevice      Right = "device"           // "/dev/net/tun:rw": the path on the host and the permissions
	RightBoot        Right = "boot"             // the container's name
	RightSELinux     Right = "selinux"          // a context
	RightRlimit      Right = "rlimit"           // the name of a resource limit that is raised
	RightOOM         Right = "oom_score_adjust" // "" ; Demand.Amount is the score, which is negative
	RightLimit       Right = "limit"            // "memory", "tasks", ...; Demand.Amount is the limit, 0 none
	RightCredential  Right = "credential"       // the credential's id
	RightImage       Right = "image"            // where an image comes from, as its source is written
	RightName        Right = "name"             // the name of an object on the host
	RightDirectory   Right = "directory"        // where the configuration itself lies
)

// loosens are the rights that take something away from what a container is confined by. All others are a part of the host.
var loosens = map[Right]bool{
	RightRoot: true, RightHostNetwork: true, RightSysctl: true, RightCapability: true, RightSystemCall: true, RightDevice: true,
	RightBoot: true, RightSELinux: true, RightRlimit: true, RightOOM: true, RightGroup: true, RightPort: true, RightWrite: true, RightShell: true, RightHome: true, RightImport: true,
	RightCredential: true,
}

// Loosens reports whether the right gives a program, or an account, more than every one has: what a reader of a plan
// is to see first.
func (r Right) Loosens() bool { return loosens[r] }

// launched are the rights that the launcher judges once more at every start.
var launched = map[Right]bool{
	RightRead: true, RightWrite: true, RightRootfs: true, RightRoot: true, RightHostNetwork: true, RightSysctl: true, RightCapability: true,
	RightSystemCall: true, RightDevice: true, RightBoot: true, RightSELinux: true, RightRlimit: true, RightOOM: true, RightCredential: true,
}

// Launched reports whether a container that demands the right is not started where it has it no more.
func (r Right) Launched() bool { return launched[r] }

// Demand is one thing that a resource asks of its host.
type Demand struct {
	// Path is the attribute that asks, as [Leaf.Path] spells it; "" is the block itself.
	Path string `json:"path,omitempty"`
	// Right says what sort of thing it is, and Value which.
	Right Right  `json:"right"`
	Value string `json:"value,omitempty"`
	// Amount is the number of a limit or score; 0 for all others.
	Amount float64 `json:"amount,omitempty"`
}

// Demander is implemented by a Spec that asks for what a host's owner may refuse.
type Demander interface {
	// Demands returns what the resolved spec asks for, in the order of its struct. It is pure.
	Demands(self Addr) []Demand
}

// Demands returns what a spec asks for; nothing for nil and for a kind that never asks.
func Demands(self Addr, spec Spec) []Demand {
	if d, ok := spec.(Demander); ok {
		return d.Demands(self)
	}
	return nil
}

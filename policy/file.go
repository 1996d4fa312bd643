package policy

import (
	"hostctl/resource"
)

// Path is where a host's policy lies.
const Path = "/etc/hostctl/policy.hcl"

// File is a policy as it is written: what stands at the top holds for every configuration; a configuration block says
// otherwise for the one of that name, attribute by attribute. What nobody says is as in a host without a policy.
//
// A pattern is a name, or the beginning of names with a "*" behind it; "*" alone is every one.
type File struct {
	Sections
	// Configuration is what the configuration of that name has instead of what stands at the top.
	Configuration map[string]Configuration `json:"configuration,omitempty"`
}

// Configuration is what one configuration may.
type Configuration struct {
	// Directories are where it lies: it is planned and applied from there, or from below, and from nowhere else. Unset, from anywhere:
	// a configuration gives itself its name, so that whoever can have root apply another directory can take this one's place.
	Directories []string `json:"directories,omitempty"`
	Sections
}

// Sections are what is allowed.
type Sections struct {
	// Names are patterns of what its containers, namespaces, networks, volumes and accounts are called on the host. Unset, everything.
	Names []string `json:"names,omitempty"`
	// Slices are patterns of the slices that its containers may be in, by the name that the configuration writes; "" is hostctl.slice itself,
	// in which they are that write none. With ["shop"] all must write slice = "shop". Unset, all.
	Slices []string `json:"slices,omitempty"`
	// Imports are the objects of the host's own that import blocks may take over, by the id that such a block has: an account's or a
	// namespace's name, a directory. Without a policy: none.
	Imports []string `json:"imports,omitempty"`
	// Paths are the directories that volumes may be, and containers mount.
	Paths Paths `json:"paths,omitzero"`
	// Rootfs are the directories that may be containers' roots.
	Rootfs Rootfs `json:"rootfs,omitzero"`
	// Images are where images may come from.
	Images Images `json:"images,omitzero"`
	// Users are the accounts that may be made.
	Users Users `json:"users,omitzero"`
	// Network is what may be had of the host's network.
	Network Network `json:"network,omitzero"`
	// Privileges are what containers may have beyond what every one has.
	Privileges Privileges `json:"privileges,omitzero"`
	// Limits bound what one container may take.
	Limits Limits `json:"limits,omitzero"`
	// Defaults are the limits of a container that does not say, where they are not hostctl's own.
	Defaults Amounts `json:"defaults,omitzero"`
	// Credential is the credentials that containers may be given, by the id that a configuration names.
	Credential map[string]Credential `json:"credential,omitempty"`
}

// Paths are directories of the host, each with all that is below it. The most restrictive entry holds: what is in read_only is never
// written, also below an entry of writable, and nothing that holds it is. The system's own directories can be opened by neither, but for parts of
// /usr and certificates, which read_only may name.
type Paths struct {
	// Writable are directories in which volumes are made, and which containers may write to. Without a policy: ["/srv"].
	Writable []string `json:"writable,omitempty"`
	// ReadOnly are directories that containers may read, by external volumes.
	ReadOnly []string `json:"read_only,omitempty"`
}

// Rootfs are the root directories of containers.
type Rootfs struct {
	// Directories are those that they may be, or lie in. Without a policy: ["/srv", "/var/lib/machines"].
	Directories []string `json:"directories,omitempty"`
}

// Images say where images may come from.
type Images struct {
	// Allow is the images whose source begins with the label: "docker.io/library/", "dir:/srv/images/". The longest that fits counts.
	Allow map[string]Image `json:"allow,omitempty"`
}

// Image is what an image of one origin must prove.
type Image struct {
	// Keys are files with public keys, of which one must have signed the image.
	Keys []string `json:"keys,omitempty"`
	// DigestPinned takes an image without a signature whose digest stands in the configuration or its lock file.
	DigestPinned bool `json:"digest_pinned,omitempty"`
	// Unsigned takes an image as it comes.
	Unsigned bool `json:"unsigned,omitempty"`
}

// Users are the accounts of the host that a configuration may make.
type Users struct {
	// Allow are patterns of their names. Without a policy: ["*"].
	Allow []string `json:"allow,omitempty"`
	// UIDs are ranges of their numbers, such as "3000-3999". Without a policy: ["1000-60000"].
	UIDs []string `json:"uids,omitempty"`
	// Homes are directories that may be their home directories, each with all that is below it. Programs of the host's read settings there,
	// and one that the account's containers can write to makes it an account that can log in: by a key for sshd, which also forwards
	// connections without a shell. Without a policy: none.
	Homes []string `json:"homes,omitempty"`
	// Shells are those that a login starts, beside those that only say no. Without a policy: none.
	Shells []string `json:"shells,omitempty"`
	// Groups are those that they may be members of, by name; several of a distribution's groups are as good as root. Without a policy: none.
	Groups []string `json:"groups,omitempty"`
}

// Network is what may be had of the host's network.
type Network struct {
	// HostNetwork are patterns of the containers that may live in the host's own network. Without a policy: none.
	HostNetwork []string `json:"host_network,omitempty"`
	// HostPorts are where containers may have systemd listen on the host: "ADDRESS:PORT", "ADDRESS:PORT-PORT", where the address may be
	// a network, or "*" for every one. Without a policy: ["127.0.0.1:1024-65535", "[::1]:1024-65535"].
	HostPorts []string `json:"host_ports,omitempty"`
	// Subnets are networks in which those of bridges must lie. Without a policy: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"].
	Subnets []string `json:"subnets,omitempty"`
}

// Privileges are what containers may have beyond what every one has. Without a policy there are none.
type Privileges struct {
	// Capabilities are those that may be kept, by name without "cap_".
	Capabilities []string `json:"capabilities,omitempty"`
	// Devices are paths below /dev, with permissions behind a colon where not all may be had: "/dev/net/tun", "/dev/dri/*:rw".
	Devices []string `json:"devices,omitempty"`
	// Sysctls are patterns of settings of containers' and of declared network namespaces: "net.ipv4.*".
	Sysctls []string `json:"sysctls,omitempty"`
	// SystemCalls are those that may be allowed on top of the filter's, by name.
	SystemCalls []string `json:"system_calls,omitempty"`
	// Root are the kinds of roots that can be written: "ephemeral", "persistent", "writable".
	Root []string `json:"root,omitempty"`
	// Boot are patterns of the containers that may be whole systems.
	Boot []string `json:"boot,omitempty"`
	// SELinux are contexts that may be asked for.
	SELinux []string `json:"selinux,omitempty"`
	// Rlimits are resource limits that may be raised, by name: memlock, msgqueue, nice, rtprio, rttime, sigpending.
	Rlimits []string `json:"rlimits,omitempty"`
	// OOMScoreAdjust is the lowest that may be asked for, such as -500.
	OOMScoreAdjust int `json:"oom_score_adjust,omitempty"`
}

// Limits are the most that one container may take. What is not bounded here may be any number.
type Limits struct {
	Amounts
	// Unlimited are the limits that may be taken away altogether, which is written as 0: memory, tasks, files. Without a policy: none.
	Unlimited []string `json:"unlimited,omitempty"`
}

// Amounts are limits of a container; one that is unset says nothing.
type Amounts struct {
	// Memory is the limits.memory of a container.
	Memory resource.Bytes `json:"memory,omitempty"`
	// Swap is limits.swap.
	Swap resource.Bytes `json:"swap,omitempty"`
	// CPU is limits.cpu: processors' worth of time. Where it is bounded, a container has to say how much it wants, or have a default.
	CPU float64 `json:"cpu,omitempty"`
	// Tasks is limits.tasks.
	Tasks uint64 `json:"tasks,omitempty"`
	// Files is limits.files.
	Files uint64 `json:"files,omitempty"`
	// CPUWeight is limits.cpu_weight: the share of the processors beside others who have 100. Without a policy at most 100.
	CPUWeight uint64 `json:"cpu_weight,omitempty"`
	// IOWeight is limits.io_weight: the same of the disks.
	IOWeight uint64 `json:"io_weight,omitempty"`
}

// Credential is a secret of the host's.
type Credential struct {
	// File is the absolute path of a file that only root can read.
	File string `json:"file,omitempty" attr:"required"`
	// Encrypted says that the file is one of systemd-creds encrypt, made with this id as its name.
	Encrypted bool `json:"encrypted,omitempty"`
	// Containers are patterns of those that may have it.
	Containers []string `json:"containers,omitempty" attr:"required"`
}

// Resolve implements [resource.Spec]; there is nothing to fill in.
func (f *File) Resolve(resource.Addr, *resource.Resolver) []resource.Problem { return nil }

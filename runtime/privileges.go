package runtime

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"hostctl/internal/seccomp"
)

// privileges are all that a payload is left with. What the launcher's child gives itself before its exec, and what a command
// that enters later does, is made of this one decision, so that both are the same.
type privileges struct {
	// Capabilities is the bounding set. A payload of uid 0 has all of it permitted and effective, and loses it when it becomes
	// somebody else; another has it inheritable and ambient too, and keeps it.
	Capabilities uint64
	// Ambient says that the capabilities have to outlive an exec by a user who is not root.
	Ambient bool
	// Securebits are SECBIT_* of capabilities(7).
	Securebits uintptr
	// Groups are the supplementary groups, by their ids inside.
	Groups []uint32
	// NewPrivileges says that an exec may give some back: there are setuid programs in a whole system.
	NewPrivileges bool
	// Landlock is the second wall behind the mounts. A whole system makes mounts of its own, which the wall would be before.
	Landlock bool
	// Scope is what a whole system has of that wall where others are in its network: their abstract sockets are behind it.
	Scope bool
	// Namespaces says that the payload may make user namespaces of its own.
	Namespaces bool
	// Calls are what the seccomp filter allows besides what it always does.
	Calls seccomp.More
}

const (
	// NOROOT, NO_SETUID_FIXUP, NO_CAP_AMBIENT_RAISE and KEEP_CAPS off, each with its lock: no exec and no change of ids
	// gives a capability to anybody.
	securebitsLocked = 0xef
	// As the kernel begins: the exec of uid 0 has the bounding set, and a change to other ids drops it.
	securebitsRoot = 0
)

// privilegesOf decides. It is pure.
func privilegesOf(s Spec, id identity) privileges {
	if s.Boot {
		return privileges{
			Capabilities: bootCapabilities, Securebits: securebitsRoot, NewPrivileges: true, Namespaces: true, Scope: !s.ownNetwork(),
			Calls: seccomp.More{Calls: bootCalls, Packet: true},
		}
	}
	p := privileges{Securebits: securebitsLocked, Groups: id.Groups, Landlock: true, Calls: seccomp.More{Calls: s.SystemCalls}}
	for _, name := range s.Capabilities {
		c, _ := findCapability(name)
		p.Capabilities |= 1 << c.number
		p.Calls.Calls = append(p.Calls.Calls[:len(p.Calls.Calls):len(p.Calls.Calls)], c.calls...)
		p.Calls.Packet = p.Calls.Packet || name == "net_raw"
	}
	if p.Capabilities != 0 {
		if p.Ambient = id.UID != 0; !p.Ambient {
			p.Securebits = securebitsRoot
		}
	}
	return p
}

// ownNetwork says whether the container's network namespace belongs to its own user namespace: without that a capability over
// networks has no force. Such a namespace is nobody else's.
func (s Spec) ownNetwork() bool {
	if s.Boot {
		return s.Netns == "" && !s.HostNetwork
	}
	for _, c := range s.Capabilities {
		if NetworkCapability(c) {
			return s.Netns == "" && !s.HostNetwork
		}
	}
	return false
}

// NetworkCapability says whether a capability has force over network namespaces alone.
func NetworkCapability(name string) bool { return name == "net_admin" || name == "net_raw" }

// capabilities are those that have force in a user namespace of one's own, by the name that capabilities(7) gives them in lower
// case, without "cap_". Every other one the kernel asks for in the host's user namespace, but for sys_admin and sys_boot: with
// these a payload would take the container's mounts apart.
var capabilities = []capability{
	{"chown", unix.CAP_CHOWN, nil},
	{"dac_override", unix.CAP_DAC_OVERRIDE, nil},
	{"dac_read_search", unix.CAP_DAC_READ_SEARCH, nil},
	{"fowner", unix.CAP_FOWNER, nil},
	{"fsetid", unix.CAP_FSETID, nil},
	{"ipc_owner", unix.CAP_IPC_OWNER, nil},
	{"kill", unix.CAP_KILL, nil},
	{"net_admin", unix.CAP_NET_ADMIN, nil},
	{"net_bind_service", unix.CAP_NET_BIND_SERVICE, nil},
	{"net_raw", unix.CAP_NET_RAW, nil},
	{"setfcap", unix.CAP_SETFCAP, nil},
	{"setgid", unix.CAP_SETGID, nil},
	{"setpcap", unix.CAP_SETPCAP, nil},
	{"setuid", unix.CAP_SETUID, nil},
	{"sys_chroot", unix.CAP_SYS_CHROOT, []string{"chroot"}},
	{"sys_ptrace", unix.CAP_SYS_PTRACE, []string{"ptrace", "process_vm_readv", "process_vm_writev"}},
}

type capability struct {
	name   string
	number int
	calls  []string // that make no sense without it
}

func findCapability(name string) (capability, bool) {
	for _, c := range capabilities {
		if c.name == name {
			return c, true
		}
	}
	return capability{}, false
}

// otherCapabilities are the kernel's others.
const otherCapabilities = " audit_control audit_read audit_write block_suspend bpf checkpoint_restore ipc_lock lease linux_immutable mac_admin " +
	"mac_override mknod net_broadcast perfmon sys_module sys_nice sys_pacct sys_rawio sys_resource sys_time sys_tty_config syslog wake_alarm "

// bootCapabilities are those that systemd-nspawn(1) leaves a system, which are what Debian's services ask for. All of them count in the
// container's user namespace alone.
const bootCapabilities = 1<<unix.CAP_AUDIT_CONTROL | 1<<unix.CAP_AUDIT_WRITE | 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE |
	1<<unix.CAP_DAC_READ_SEARCH | 1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID | 1<<unix.CAP_IPC_OWNER | 1<<unix.CAP_KILL | 1<<unix.CAP_LEASE |
	1<<unix.CAP_LINUX_IMMUTABLE | 1<<unix.CAP_MKNOD | 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_BIND_SERVICE | 1<<unix.CAP_NET_BROADCAST |
	1<<unix.CAP_NET_RAW | 1<<unix.CAP_SETFCAP | 1<<unix.CAP_SETGID | 1<<unix.CAP_SETPCAP | 1<<unix.CAP_SETUID | 1<<unix.CAP_SYS_ADMIN |
	1<<unix.CAP_SYS_BOOT | 1<<unix.CAP_SYS_CHROOT | 1<<unix.CAP_SYS_NICE | 1<<unix.CAP_SYS_PTRACE | 1<<unix.CAP_SYS_RESOURCE |
	1<<unix.CAP_SYS_TTY_CONFIG

// bootCalls are what an init system and its services need besides: mounts and namespaces of their own, host name, end of the system,
// and setuid files, on filesystems that the host mounts nosuid. Still denied are keys, bpf, io_uring, perf, userfaultfd, modules, kexec, swap, clocks and
// the sockets of the kernel's ciphers and of virtual machines.
var bootCalls = []string{
	"chmod", "chroot", "clone", "creat", "fchmod", "fchmodat", "fchmodat2", "fsconfig", "fsmount", "fsopen", "fspick", "kcmp", "mknod", "mknodat", "mount",
	"mount_setattr", "move_mount", "open", "open_tree", "openat", "openat2", "personality", "pidfd_getfd", "pivot_root", "process_vm_readv", "process_vm_writev",
	"ptrace", "reboot", "setdomainname", "sethostname", "setns", "umount2", "unshare", "vhangup",
}

// ValidCapability says why a payload cannot be given a capability; nil when it can.
func ValidCapability(name string) error {
	if _, ok := findCapability(name); ok {
		return nil
	}
	bare := strings.TrimPrefix(strings.ToLower(name), "cap_")
	_, offered := findCapability(bare)
	switch {
	case offered:
		return errors.New("write it in lower case and without cap_: " + strconv.Quote(bare))
	case bare == "sys_admin" || bare == "sys_boot":
		return errors.New("with it a program takes the container's own mounts apart, or ends it")
	case bare != "" && strings.Contains(otherCapabilities, " "+bare+" "):
		return errors.New("the kernel asks for it in the host's own user namespace, so that it would have no force in a container")
	}
	return errors.New("there is no such capability")
}

// CapabilityNames are the capabilities that a payload can be given, sorted.
func CapabilityNames() []string {
	var out []string
	for _, c := range capabilities {
		out = append(out, c.name)
	}
	return out
}

// neverCalls are the system calls that no word of a configuration allows: they change the machine, the namespaces or the mounts, or
// reach around the filter itself. They would fail for want of a capability today; that is no reason to let them be tried.
var neverCalls = []string{
	"acct", "bpf", "clock_settime", "delete_module", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "init_module", "ioperm", "iopl",
	"kexec_file_load", "kexec_load", "mount", "mount_setattr", "move_mount", "nfsservctl", "open_by_handle_at", "open_tree", "open_tree_attr", "pivot_root", "quotactl", "quotactl_fd",
	"reboot", "setdomainname", "sethostname", "setns", "settimeofday", "swapoff", "swapon", "syslog", "umount2", "unshare", "vhangup",
}

// cloneCalls are allowed to everybody as far as they make processes and threads. Named, they would be with every flag, and clone3's the filter
// cannot read at all.
var cloneCalls = []string{"clone", "clone3"}

// ValidSystemCall says why a payload cannot be allowed a system call; nil when it can, and when it is allowed to everybody anyway.
func ValidSystemCall(name string) error {
	for _, never := range neverCalls {
		if name == never {
			return errors.New("no container is allowed it: it changes the host, or what holds the container")
		}
	}
	if slices.Contains(cloneCalls, name) {
		return errors.New("its flags make namespaces, a user namespace among them; processes and threads every container makes without it")
	}
	if !seccomp.Known(name) {
		return errors.New("there is no such system call")
	}
	return nil
}

// SystemCallNames are the system calls that can be allowed, sorted. The list is everybody's, and found out once: each container of a
// configuration is judged with it.
var SystemCallNames = sync.OnceValue(func() (out []string) {
	for _, name := range seccomp.Names() {
		if ValidSystemCall(name) == nil {
			out = append(out, name)
		}
	}
	return out
})

func (s Spec) validatePrivileges(bad func(field, what string)) {
	if s.Boot && (s.Init || s.RunAs != nil || s.User != "" || len(s.Capabilities)+len(s.SystemCalls)+len(s.Groups) > 0) {
		bad("boot", "a whole system has its own init, user and privileges")
	}
	if s.Boot && s.Root == RootReadOnly {
		bad("boot", "a whole system needs a root that it can write to")
	}
	// Twice in one list is a sign of a writer gone wrong, and would make the child's script longer than it may be.
	once := func(field string, list []string, valid func(string) error) {
		seen := map[string]bool{}
		for _, v := range list {
			if err := valid(v); err != nil {
				bad(field, strconv.Quote(v)+": "+err.Error())
			} else if seen[v] {
				bad(field, strconv.Quote(v)+" stands twice")
			}
			seen[v] = true
		}
	}
	once("capabilities", s.Capabilities, ValidCapability)
	once("system_calls", s.SystemCalls, ValidSystemCall)
	once("groups", s.Groups, ValidGroup)
	if len(s.Groups) > maxGroups {
		bad("groups", "are more than "+strconv.Itoa(maxGroups))
	}
	once("masked", s.Masked, func(p string) error {
		if p == "/" {
			return errors.New("is the root directory")
		}
		return cleanPath(p)
	})
	if len(s.Masked) > maxMasked {
		bad("masked", "are more than "+strconv.Itoa(maxMasked))
	}
	if s.Netns != "" || s.HostNetwork {
		for _, c := range s.Capabilities {
			if NetworkCapability(c) {
				bad("capabilities", strconv.Quote(c)+" has no force over a network namespace that is not the container's own")
			}
		}
	}
	names := make([]string, 0, len(s.Limits))
	for _, l := range s.Limits {
		names = append(names, l.Name)
		if l.Soft > l.Hard {
			bad("rlimits", l.Name+": the soft limit is above the hard one")
		}
	}
	once("rlimits", names, ValidLimit)
	if s.OOMScoreAdjust < -1000 || s.OOMScoreAdjust > 1000 {
		bad("oom_score_adjust", strconv.Itoa(s.OOMScoreAdjust)+" is not -1000 to 1000")
	}
}

// What a list can hold at most. The kernel's own NGROUPS_MAX is no use to anybody.
const (
	maxGroups = 64
	maxMasked = 64
)

// ValidGroup says what is wrong with one of a spec's groups; nil for nothing.
func ValidGroup(group string) error {
	if group == "" || strings.Contains(group, ":") {
		return errors.New("is neither a gid nor a group's name")
	}
	return validUser("0:" + group)
}

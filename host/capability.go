package host

import "strconv"

// capabilities are the kernel's, in the order of their numbers (linux/capability.h), as capabilities(7)
// spells them, in lower case and without CAP_.
var capabilities = [...]string{
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "linux_immutable",
	"net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot",
	"sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease",
	"audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read",
	"perfmon", "bpf", "checkpoint_restore",
}

// CapabilityNames are the capabilities of a set, by name; one that is newer than this program by its number.
func CapabilityNames(set uint64) []string {
	var names []string
	for n := range 64 {
		if set>>n&1 == 0 {
			continue
		}
		if n < len(capabilities) {
			names = append(names, capabilities[n])
		} else {
			names = append(names, "cap_"+strconv.Itoa(n))
		}
	}
	return names
}

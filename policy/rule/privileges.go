package rule

import "strings"

// Privileges are what containers may have beyond what every one has, as a policy's entries. The zero value is nothing.
type Privileges struct {
	HostNetwork    []string // patterns of containers' names
	Boot           []string // patterns of containers' names
	Root           []string // "ephemeral", "persistent", "writable"
	Capabilities   []string
	SystemCalls    []string
	Devices        []string // patterns of paths, with permissions behind a colon where not all may be had
	Sysctls        []string // patterns
	SELinux        []string
	Rlimits        []string
	OOMScoreAdjust int // the lowest
}

// DevicePattern returns the path, which may be a pattern, and the permissions of an entry of Devices: all of them where it names none.
func DevicePattern(entry string) (pattern, permissions string) {
	pattern, permissions, given := strings.Cut(entry, ":")
	if !given {
		permissions = "rwm"
	}
	return pattern, permissions
}

// Device reports whether an entry of Devices allows the path on the host with these permissions, any of "rwm".
func Device(entry, path, permissions string) bool {
	pattern, all := DevicePattern(entry)
	return Match([]string{pattern}, path) && strings.Trim(permissions, all) == ""
}

// Raised are the resource limits by which a program takes more of the host than others: memory that is never paged out, queues
// of the kernel's, and the processor before all others. Sorted.
var Raised = []string{"memlock", "msgqueue", "nice", "rtprio", "rttime", "sigpending"}

package runtime

import (
	"strings"

	"golang.org/x/sys/unix"

	"hostctl/runtime/internal/raw"
)

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

	apparmorExec = "/proc/self/attr/apparmor/exec" // Linux 5.8, Documentation/admin-guide/LSM
	selinuxExec  = "/proc/self/attr/exec"
)

// ValidProfile accepts the name of an AppArmor profile that is no path out of a namespace and no list of several.
func ValidProfile(name string) bool {
	return name != "" && len(name) <= 128 && strings.Trim(name, letters+"_-./+") == ""
}

// ValidContext accepts user:role:type and user:role:type:range.
func ValidContext(s string) bool {
	parts := strings.SplitN(s, ":", 4)
	for _, p := range parts {
		if p == "" {
			return false
		}
	}
	return len(parts) >= 3 && len(s) <= 256 && strings.Trim(s, letters+"_-.:,") == ""
}

// label is the file to which a process writes what it is to be confined by from its next exec on, and what it writes.
func (s Spec) label() (file, text string) {
	switch {
	case s.AppArmor != "":
		return apparmorExec, "exec " + s.AppArmor
	case s.SELinux != "":
		return selinuxExec, s.SELinux
	}
	return "", ""
}

// label asks for the payload's label, which the kernel puts on with the exec. Where it cannot, nothing is exec'ed.
func (s *script) label(sp Spec) {
	file, text := sp.label()
	if file == "" {
		return
	}
	open := s.add("openat("+file+", O_WRONLY)", raw.Any, unix.SYS_OPENAT, at, s.str(file), unix.O_WRONLY|unix.O_CLOEXEC)
	open.Out[0] = &s.add("write("+file+", "+text+")", uintptr(len(text)), unix.SYS_WRITE, 0, s.str(text), uintptr(len(text))).Args[0]
}

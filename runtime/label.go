package runtime

import (
	"strings"

	"golang.org/x/sys/unix"

	"hostctl/runtime/internal/raw"
)

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

	procSelf     = "/proc/self"
	apparmorExec = "attr/apparmor/exec" // below it; Linux 5.8, Documentation/admin-guide/LSM
	selinuxExec  = "attr/exec"
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

// ownProc opens the process's directory in the proc that is in sight, for label: of those who enter that is the host's. In a whole
// system others may have mounted something over the container's.
func (s *script) ownProc(sp Spec) {
	if file, _ := sp.label(); file != "" {
		s.self = s.add("openat("+procSelf+", O_PATH)", raw.Any, unix.SYS_OPENAT, at, s.str(procSelf), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)
	}
}

// label asks for the payload's label, which the kernel puts on with the exec. Where it cannot, nothing is exec'ed. The kernel wants
// that who writes has the credentials of who opened, so both come after every change of those.
func (s *script) label(sp Spec) {
	file, text := sp.label()
	if file == "" {
		return
	}
	open := s.add("openat("+procSelf+"/"+file+", O_WRONLY)", raw.Any, unix.SYS_OPENAT, 0, s.str(file), unix.O_WRONLY|unix.O_CLOEXEC)
	s.self.Out[0] = &open.Args[0]
	open.Out[0] = &s.add("write("+file+", "+text+")", uintptr(len(text)), unix.SYS_WRITE, 0, s.str(text), uintptr(len(text))).Args[0]
}

package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"hostctl/runtime"
)

// Where the kernel tells of its security modules.
const (
	apparmorProfiles = "/sys/kernel/security/apparmor/profiles"
	selinuxEnforce   = "/sys/fs/selinux/enforce"
)

func (c *Container) validateLabel(v *validator) {
	if c.AppArmor != "" && !runtime.ValidProfile(c.AppArmor) {
		v.bad("apparmor", fmt.Sprintf("%q is no profile", c.AppArmor), "write the name of a profile: letters, digits and . _ - / +, at most 128")
	}
	if c.SELinux != "" && !runtime.ValidContext(c.SELinux) {
		v.bad("selinux", fmt.Sprintf("%q is no context", c.SELinux), `write user:role:type or user:role:type:range, such as "system_u:system_r:container_t:s0"`)
	}
	if c.AppArmor != "" && c.SELinux != "" {
		v.bad("selinux", "a container has one label", "write apparmor or selinux, as the host has it")
	}
}

// checkLabel looks whether the host can confine a program as it is declared: what nothing enforces is refused.
func (k *checker) checkLabel(v *validator, want *Container) {
	if want.AppArmor != "" {
		switch known, err := hasProfile(apparmorProfiles, want.AppArmor); {
		case errors.Is(err, fs.ErrNotExist):
			v.bad("apparmor", "this host has no AppArmor", "the kernel has none, it is not enabled on its command line, or securityfs is not mounted")
		case err != nil:
			v.bad("apparmor", "the host's profiles cannot be read", err.Error())
		case !known:
			v.bad("apparmor", fmt.Sprintf("this host has no profile %q", want.AppArmor), "load it with apparmor_parser first")
		}
	}
	if want.SELinux != "" {
		if _, err := os.Stat(selinuxEnforce); err != nil {
			v.bad("selinux", "this host has no SELinux", "the kernel has none, or it is not enabled on its command line")
		}
	}
}

// hasProfile looks for a profile in the kernel's list of them, a line for each: "NAME (enforce)".
func hasProfile(file, name string) (bool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return false, err
	}
	for line := range strings.Lines(string(text)) {
		if i := strings.LastIndex(line, " ("); i > 0 && line[:i] == name {
			return true, nil
		}
	}
	return false, nil
}

package volume

// reservedDirs are the directories that no volume may be, lie in or hold,
// whatever the host's policy says: who writes there is root, or stops the host.
// Sorted by path.
var reservedDirs = []struct{ dir, why string }{
	{"/bin", "holds the system's programs"},
	{"/boot", "holds the kernel and its loader"},
	{"/dev", "holds the host's devices"},
	{"/efi", "holds the host's loader"},
	{"/etc", "holds the host's configuration"},
	{"/lib", "holds the system's libraries"},
	{"/lib32", "holds the system's libraries"},
	{"/lib64", "holds the system's libraries"},
	{"/libx32", "holds the system's libraries"},
	{"/lost+found", "belongs to the filesystem check"},
	{"/proc", "is the kernel's"},
	{"/root", "is root's home"},
	{"/run/containerd", "holds a socket that gives root"},
	{"/run/credentials", "holds credentials of services"},
	{"/run/crio", "holds a socket that gives root"},
	{"/run/dbus", "holds the system bus"},
	{"/run/docker", "holds a socket that gives root"},
	{"/run/docker.sock", "is a socket that gives root"},
	{"/run/hostctl", "is hostctl's own"},
	{"/run/libvirt", "holds a socket that gives root"},
	{"/run/lock", "is shared by the host's services"},
	{"/run/log", "holds the journal"},
	{"/run/netns", "holds the network namespaces"},
	{"/run/podman", "holds a socket that gives root"},
	{"/run/sudo", "decides who is root"},
	{"/run/systemd", "is systemd's own"},
	{"/run/udev", "is the device manager's own"},
	{"/run/user", "belongs to logged-in users"},
	{"/sbin", "holds the system's programs"},
	{"/sys", "is the kernel's"},
	{"/usr", "holds the system's programs"},
	{"/var/lib/apt", "belongs to the package manager"},
	{"/var/lib/containerd", "belongs to another container manager"},
	{"/var/lib/containers", "belongs to another container manager"},
	{"/var/lib/docker", "belongs to another container manager"},
	{"/var/lib/dpkg", "belongs to the package manager"},
	{"/var/lib/hostctl", "is hostctl's own"},
	{"/var/lib/rpm", "belongs to the package manager"},
	{"/var/lib/systemd", "is systemd's own"},
	{"/var/log/journal", "holds the journal"},
	{"/var/run", "is another name of /run"},
	{"/var/spool/at", "holds commands that root runs"},
	{"/var/spool/cron", "holds commands that root runs"},
}

// reserved returns the reserved directory that p is, lies in or holds, and why it is; "" for none.
func reserved(p string) (dir, why string) {
	for _, r := range reservedDirs {
		if within(p, r.dir) || within(r.dir, p) {
			return r.dir, r.why
		}
	}
	return "", ""
}

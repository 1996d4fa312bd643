package rule

import "strings"

// reservedDirs are the directories that nothing given to a container may be, lie in or hold,
// whatever the host's policy says: who writes there is root, or stops the host, and who reads
// there often has a key to it. Sorted by path.
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
	{"/run/buildkit", "holds a socket that gives root"},
	{"/run/containerd", "holds a socket that gives root"},
	{"/run/credentials", "holds credentials of services"},
	{"/run/cri-dockerd.sock", "is a socket that gives root"},
	{"/run/crio", "holds a socket that gives root"},
	{"/run/dbus", "holds the system bus"},
	{"/run/docker", "holds a socket that gives root"},
	{"/run/docker.sock", "is a socket that gives root"},
	{"/run/hostctl", "is hostctl's own"},
	{"/run/incus", "holds a socket that gives root"},
	{"/run/k3s", "holds a socket that gives root"},
	{"/run/libvirt", "holds a socket that gives root"},
	{"/run/lock", "is shared by the host's services"},
	{"/run/log", "holds the journal"},
	{"/run/netns", "holds the network namespaces"},
	{"/run/podman", "holds a socket that gives root"},
	{"/run/snapd.socket", "is a socket that gives root"},
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
	{"/var/lib/incus", "belongs to another container manager"},
	{"/var/lib/kubelet", "belongs to another container manager"},
	{"/var/lib/lxc", "belongs to another container manager"},
	{"/var/lib/lxd", "belongs to another container manager"},
	{"/var/lib/rancher", "belongs to another container manager"},
	{"/var/lib/rpm", "belongs to the package manager"},
	{"/var/lib/systemd", "is systemd's own"},
	{"/var/log/journal", "holds the journal"},
	{"/var/run", "is another name of /run"},
	{"/var/snap/lxd", "belongs to another container manager"},
	{"/var/spool/at", "holds commands that root runs"},
	{"/var/spool/cron", "holds commands that root runs"},
}

// readable are the parts of reserved directories that a policy may open by name, to be read: what lies there
// is in every distribution's packages, or is made to be read by all. Sorted.
var readable = []string{
	"/etc/ca-certificates", "/etc/pki/ca-trust", "/etc/pki/tls/certs", "/etc/ssl/certs", "/etc/xdg", "/lib/firmware",
	"/usr/include", "/usr/lib", "/usr/local", "/usr/share", "/usr/src", "/var/log/journal",
}

// Reserved returns a reserved directory that an absolute, clean path is, lies in or holds, and why it is one; "" for none.
func Reserved(p string) (dir, why string) {
	for end := len(p); end > 0; end = strings.LastIndexByte(p[:end], '/') {
		if i := reservedFrom(p[:end]); i < len(reservedDirs) && reservedDirs[i].dir == p[:end] {
			return reservedDirs[i].dir, reservedDirs[i].why
		}
	}
	below := p + "/"
	if p == "/" {
		below = p
	}
	if i := reservedFrom(below); i < len(reservedDirs) && strings.HasPrefix(reservedDirs[i].dir, below) {
		return reservedDirs[i].dir, reservedDirs[i].why
	}
	return "", ""
}

// reservedFrom is the index of the first reserved directory that is not less than s.
func reservedFrom(s string) int {
	low, high := 0, len(reservedDirs)
	for low < high {
		if mid := (low + high) / 2; reservedDirs[mid].dir < s {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// Readable reports whether a path is in that part of the reserved directories that a policy may open by name, to be read.
func Readable(p string) bool {
	for _, dir := range readable {
		if Within(p, dir) {
			return true
		}
	}
	return false
}

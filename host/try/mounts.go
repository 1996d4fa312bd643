package try

import (
	"strings"

	"hostctl/host"
)

// copied reports whether the throwaway host gets a copy of the mount: the machine's real file systems,
// not those it gets fresh ones of and not those of the kernel or of a network that may hang.
func copied(m host.Mount) bool {
	for _, own := range []string{"/proc", "/sys", "/dev", "/run", "/tmp"} {
		if m.Point == own || strings.HasPrefix(m.Point, own+"/") {
			return false
		}
	}
	switch m.Type {
	case "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs", "zfs", "overlay", "tmpfs", "ramfs",
		"squashfs", "erofs", "iso9660", "vfat", "exfat", "virtiofs", "9p", "hostfs":
		return true
	}
	return false
}

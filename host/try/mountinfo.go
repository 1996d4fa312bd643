package try

import (
	"strconv"
	"strings"
)

// mount is one line of /proc/self/mountinfo (proc_pid_mountinfo(5)), as far as it matters here.
type mount struct {
	id     int
	point  string
	fstype string
}

// parseMountinfo reads a mountinfo file. Lines that it does not understand are left out.
func parseMountinfo(s string) []mount {
	var ms []mount
	for l := range strings.Lines(s) {
		before, after, ok := strings.Cut(strings.TrimSuffix(l, "\n"), " - ")
		f, t := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 6 || len(t) < 1 {
			continue
		}
		id, err := strconv.Atoi(f[0])
		if err != nil {
			continue
		}
		ms = append(ms, mount{id, unescapeOctal(f[4]), t[0]})
	}
	return ms
}

// unescapeOctal undoes the kernel's \040-style escapes (space, tab, newline, backslash).
func unescapeOctal(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// copied reports whether the throwaway host gets a copy of the mount: the machine's real file systems,
// not those it gets fresh ones of and not those of the kernel or of a network that may hang.
func (m mount) copied() bool {
	for _, own := range []string{"/proc", "/sys", "/dev", "/run", "/tmp"} {
		if m.point == own || strings.HasPrefix(m.point, own+"/") {
			return false
		}
	}
	switch m.fstype {
	case "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs", "zfs", "overlay", "tmpfs", "ramfs",
		"squashfs", "erofs", "iso9660", "vfat", "exfat", "virtiofs", "9p", "hostfs":
		return true
	}
	return false
}

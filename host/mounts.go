package host

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Mount is one line of proc_pid_mountinfo(5).
type Mount struct {
	ID     int
	Parent int
	Dev    string   // MAJOR:MINOR of what st_dev says
	Root   string   // the directory of the filesystem that is mounted
	Point  string   // where it is mounted, in the reader's view
	Option []string // per-mount options, such as ro
	Tag    []string // optional fields, such as shared:12
	Type   string   // the filesystem's type
	Source string
	Super  []string // per-superblock options
}

// maxMountinfo bounds what is read of a mountinfo file, in bytes. The kernel
// allows 100,000 mounts (fs.mount-max) of a few hundred bytes each.
const maxMountinfo = 256 << 20

// Mounts reads the mounts that this process sees, in the order they were made in the tree.
func Mounts() ([]Mount, error) { return mountsOf("self") }

// MountsOf reads the mounts that a process sees, with points as that process names them.
func MountsOf(pid int) ([]Mount, error) { return mountsOf(strconv.Itoa(pid)) }

func mountsOf(pid string) ([]Mount, error) {
	f, err := os.Open("/proc/" + pid + "/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("mounts: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxMountinfo+1))
	if err == nil && len(data) > maxMountinfo {
		err = fmt.Errorf("%s has more than %d MiB", f.Name(), maxMountinfo>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("mounts: %w", err)
	}
	return ParseMounts(data)
}

// ParseMounts reads the text of a mountinfo file. A line that is none is an
// error: who asks about mounts must not be told that there are fewer.
func ParseMounts(data []byte) ([]Mount, error) {
	var out []Mount
	for line := range bytes.Lines(data) {
		m, ok := parseMount(strings.TrimSuffix(string(line), "\n"))
		if !ok {
			return nil, fmt.Errorf("mounts: line %d is no line of mountinfo: %.200q", len(out)+1, line)
		}
		out = append(out, m)
	}
	return out, nil
}

func parseMount(line string) (Mount, bool) {
	// Blanks within a field are escaped, an empty field stays empty: a mount's source may be one.
	left, right, ok := strings.Cut(line, " - ")
	l, r := strings.Split(left, " "), strings.Split(right, " ")
	if !ok || len(l) < 6 || len(r) != 3 {
		return Mount{}, false
	}
	id, err1 := strconv.Atoi(l[0])
	parent, err2 := strconv.Atoi(l[1])
	if err1 != nil || err2 != nil || !strings.HasPrefix(l[4], "/") {
		return Mount{}, false
	}
	return Mount{
		ID: id, Parent: parent, Dev: l[2], Root: unescape(l[3]), Point: unescape(l[4]),
		Option: strings.Split(l[5], ","), Tag: l[6:len(l):len(l)],
		Type: unescape(r[0]), Source: unescape(r[1]), Super: strings.Split(unescape(r[2]), ","),
	}, true
}

// unescape undoes the kernel's mangling of blanks, newlines and backslashes as \ooo.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
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

package host

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// CgroupRoot is where the unified cgroup hierarchy is mounted.
const CgroupRoot = "/sys/fs/cgroup"

// CheckCgroup2 fails, with a sentence for people, where root is not the unified
// hierarchy (cgroups(7), version 2).
func CheckCgroup2(root string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(root, &fs); err != nil {
		return fmt.Errorf("cgroups: %s: %w", root, err)
	}
	if fs.Type != unix.CGROUP2_SUPER_MAGIC {
		return fmt.Errorf("cgroups: %s is not the unified hierarchy (cgroup version 2), which hostctl needs; boot with systemd.unified_cgroup_hierarchy=1", root)
	}
	return nil
}

// Controllers returns the controllers that the hierarchy at root has for its groups, such as "memory".
func Controllers(root string) (map[string]bool, error) {
	text, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil {
		return nil, fmt.Errorf("cgroups: %w", err)
	}
	have := map[string]bool{}
	for _, name := range strings.Fields(string(text)) {
		have[name] = true
	}
	return have, nil
}

// NoLimit is the kernel's "max" in [CgroupLimits].
const NoLimit = math.MaxUint64

// CgroupLimits are what the kernel holds a cgroup to, read from its files. A nil
// field is a file that is not there: the controller is not enabled for the group.
type CgroupLimits struct {
	Memory *uint64  `json:"memory,omitempty"` // bytes, memory.max
	CPU    *float64 `json:"cpu,omitempty"`    // processors, from the quota and period of cpu.max; infinite is "max"
	Tasks  *uint64  `json:"tasks,omitempty"`  // pids.max
}

// ReadCgroupLimits reads the limits of the group at dir. A group that is not there has none.
func ReadCgroupLimits(dir string) (CgroupLimits, error) {
	var l CgroupLimits
	var err, failed error
	l.Memory, err = ReadCgroupNumber(filepath.Join(dir, "memory.max"))
	failed = errors.Join(failed, err)
	l.Tasks, err = ReadCgroupNumber(filepath.Join(dir, "pids.max"))
	failed = errors.Join(failed, err)
	l.CPU, err = readCPU(filepath.Join(dir, "cpu.max"))
	return l, errors.Join(failed, err)
}

// ReadCgroupNumber reads a file of a cgroup that holds one number, "max", or the default of several ("default 100"); nil where it is
// not there.
func ReadCgroupNumber(file string) (*uint64, error) {
	text, err := readKernel(file)
	if text == "" || err != nil {
		return nil, err
	}
	line, _, _ := strings.Cut(text, "\n")
	line = strings.TrimPrefix(line, "default ")
	n := uint64(NoLimit)
	if line != "max" {
		if n, err = strconv.ParseUint(line, 10, 64); err != nil {
			return nil, fmt.Errorf("%s: %q is no number", file, line)
		}
	}
	return &n, nil
}

func readCPU(file string) (*float64, error) {
	text, err := readKernel(file)
	if text == "" || err != nil {
		return nil, err
	}
	n := math.Inf(1)
	quota, period, _ := strings.Cut(text, " ")
	if quota != "max" {
		q, err1 := strconv.ParseUint(quota, 10, 64)
		p, err2 := strconv.ParseUint(period, 10, 64)
		if err1 != nil || err2 != nil || p == 0 {
			return nil, fmt.Errorf("%s: %q is no quota and period", file, text)
		}
		n = float64(q) / float64(p)
	}
	return &n, nil
}

// readKernel reads a small file of the kernel's without its last newline; one that is not there is "".
func readKernel(file string) (string, error) {
	f, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ENOENT) {
		return "", nil
	}
	if err != nil {
		return "", &os.PathError{Op: "open", Path: file, Err: err}
	}
	defer unix.Close(f)
	var buf [256]byte
	n, err := unix.Read(f, buf[:])
	if errors.Is(err, unix.ENODEV) {
		return "", nil // the group went away while it was open
	}
	if err != nil {
		return "", &os.PathError{Op: "read", Path: file, Err: err}
	}
	return strings.TrimSuffix(string(buf[:n]), "\n"), nil
}

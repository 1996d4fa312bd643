package host

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Process is one running process as proc(5) tells it. What a process says of itself, its name and command line, is
// bytes of its own choosing.
type Process struct {
	PID     int    // as the host counts
	Inside  int    // in its own pid namespace, the innermost
	UID     uint32 // effective, as the host counts
	State   byte   // of proc_pid_status(5): R, S, D, T, Z...
	RSS     uint64 // bytes of memory that are in RAM
	Name    string // of at most 15 bytes, without the path
	Command []string

	NoNewPrivs     bool
	Seccomp        int // 0 none, 1 strict, 2 filter
	SeccompFilters int
	// Capabilities are the five sets, bit n for capability n: CapInh, CapPrm, CapEff, CapBnd, CapAmb.
	Capabilities [5]uint64
	Groups       []uint32
}

// capabilitySets are the lines of /proc/PID/status in the order of Process.Capabilities.
var capabilitySets = []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}

// ReadProcess reads /proc/PID. The error is os.ErrNotExist where there is no such process any more.
func ReadProcess(pid int) (Process, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	text, err := os.ReadFile(dir + "/status")
	if err != nil {
		return Process{}, gone(err)
	}
	p, err := parseStatus(string(text))
	if err != nil {
		return Process{}, fmt.Errorf("%s/status: %w", dir, err)
	}
	p.PID = pid
	command, err := os.ReadFile(dir + "/cmdline")
	if err != nil {
		return Process{}, gone(err)
	}
	if len(command) > 0 {
		p.Command = strings.Split(string(bytes.TrimSuffix(command, []byte{0})), "\x00")
	}
	return p, nil
}

// StartTime is when a process started, in clock ticks since the boot (field 22 of proc_pid_stat(5)): with its PID and the
// boot's id it names the process for ever. The error is os.ErrNotExist where there is no such process any more.
func StartTime(pid int) (uint64, error) {
	path := "/proc/" + strconv.Itoa(pid) + "/stat"
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, gone(err)
	}
	// The second field is the command in parentheses and may hold anything; the last ')' ends it.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 20 {
		return 0, fmt.Errorf("%s is not as expected", path)
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

// LoginUID is the uid under which whoever runs this process logged in, which sudo(8) and su(1) leave as it is; false where
// nobody did, or the kernel keeps no account of it (CONFIG_AUDIT).
func LoginUID() (uint32, bool) {
	data, err := os.ReadFile("/proc/self/loginuid")
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 32)
	const unset = 1<<32 - 1
	return uint32(n), err == nil && n != unset
}

// gone gives the two ways of a process to be no more one name.
func gone(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrNotExist
	}
	return err
}

func parseStatus(text string) (Process, error) {
	var p Process
	var failed error
	number := func(s string, base, bits int) uint64 {
		n, err := strconv.ParseUint(s, base, bits)
		failed = errors.Join(failed, err)
		return n
	}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimSpace(value)
		fields := strings.Fields(value)
		if key == "Name" {
			p.Name = value
		}
		if len(fields) == 0 {
			continue
		}
		switch key {
		case "State":
			p.State = fields[0][0]
		case "Uid":
			if len(fields) == 4 {
				p.UID = uint32(number(fields[1], 10, 32))
			}
		case "Groups":
			for _, f := range fields {
				p.Groups = append(p.Groups, uint32(number(f, 10, 32)))
			}
		case "NSpid":
			p.Inside = int(number(fields[len(fields)-1], 10, 31))
		case "VmRSS":
			p.RSS = number(fields[0], 10, 54) << 10
		case "NoNewPrivs":
			p.NoNewPrivs = value == "1"
		case "Seccomp":
			p.Seccomp = int(number(value, 10, 31))
		case "Seccomp_filters":
			p.SeccompFilters = int(number(value, 10, 31))
		default:
			if i := slices.Index(capabilitySets, key); i >= 0 {
				p.Capabilities[i] = number(value, 16, 64)
			}
		}
	}
	return p, failed
}

// CgroupProcesses reads the processes of the cgroup at dir and of those below it, sorted by PID. A group that is not there has none,
// and a process that ends meanwhile is left out.
func CgroupProcesses(dir string) ([]Process, error) {
	var processes []Process
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() || d.Name() != "cgroup.procs" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return ignoreGone(err)
		}
		for field := range strings.FieldsSeq(string(text)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			p, err := ReadProcess(pid)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			processes = append(processes, p)
		}
		return nil
	})
	slices.SortFunc(processes, func(a, b Process) int { return a.PID - b.PID })
	return processes, err
}

func ignoreGone(err error) error {
	if err := gone(err); errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
		return nil
	}
	return err
}

// OOMScoreAdjust reads what the kernel adds to a process's badness when memory is short, -1000 to 1000 (proc_pid_oom_score_adj(5)).
func OOMScoreAdjust(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid))
	if err != nil {
		return 0, gone(err)
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// Namespaces are the types of namespaces(7) that a container has its own of, as /proc/PID/ns spells them.
var Namespaces = []string{"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"}

// NamespaceID returns the identity of a namespace of a process, such as "net:[4026531840]".
func NamespaceID(pid int, kind string) (string, error) {
	return os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
}

// IDRange is one line of uid_map or gid_map: Count ids from Inside on are those from Outside on.
type IDRange struct {
	Inside  uint32 `json:"inside"`
	Outside uint32 `json:"outside"`
	Count   uint32 `json:"count"`
}

// ReadIDMap reads "uid_map" or "gid_map" of a process.
func ReadIDMap(pid int, file string) ([]IDRange, error) {
	path := fmt.Sprintf("/proc/%d/%s", pid, file)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, gone(err)
	}
	var ranges []IDRange
	for line := range strings.Lines(string(text)) {
		var r IDRange
		if _, err := fmt.Sscan(line, &r.Inside, &r.Outside, &r.Count); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		ranges = append(ranges, r)
	}
	return ranges, nil
}

// ExecutedAs is the path by which this process was executed, as its caller gave it to execve(2): with the symbolic links on it, which
// os.Executable has followed. It may be relative, or not lead to this program any more; "" where the kernel does not say.
func ExecutedAs() string {
	const atExecFn = 31 // getauxval(3)
	auxv, err := unix.Auxv()
	if err != nil {
		return ""
	}
	for _, entry := range auxv {
		if entry[0] != atExecFn {
			continue
		}
		memory, err := os.Open("/proc/self/mem")
		if err != nil {
			return ""
		}
		defer memory.Close()
		path := make([]byte, unix.PathMax)
		n, _ := memory.ReadAt(path, int64(entry[1])) // the stack ends soon after it
		if path, _, ok := bytes.Cut(path[:n], []byte{0}); ok {
			return string(path)
		}
	}
	return ""
}

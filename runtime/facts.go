package runtime

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Facts are what the kernel says of a payload's first process that it goes on saying until that process ends, unless
// somebody changes it from outside. The launcher notes them before the payload is released. What is unset is not known: an
// older launcher noted nothing.
type Facts struct {
	// Boot says that it is a whole system, which makes mounts of its own, in a copy of the launcher's.
	Boot bool
	// Namespaces are the identities of its namespaces, such as "net:[4026531840]", by the names of /proc/PID/ns. That of the
	// mounts of a whole system is not among the launcher's.
	Namespaces map[string]string
	// Capabilities are all that it can have, bit n for capability n; of a process that runs, all that are in any of its five sets.
	Capabilities uint64
	NoNewPrivs   bool
	// SeccompFilters is how many it has at least; -1 where the kernel, before 5.9, does not count them.
	SeccompFilters int
	// Mounts are those that it sees, each as "MAJOR:MINOR ROOT POINT OPTIONS TYPE" with the fields as
	// proc_pid_mountinfo(5) writes them. nil where there are too many to note.
	Mounts []string
}

// namespaces are the names of /proc/PID/ns that a container has its own of.
var namespaces = []string{"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"}

// maxMounts is how many bytes of mounts a record holds. A rootfs with hundreds of filesystems below has more.
const maxMounts = 256 << 10

// ReadFacts reads what the kernel says of a process now; proc is its directory, /proc/PID. What cannot be read is unset:
// the process may end meanwhile.
func ReadFacts(proc string) (Facts, error) {
	dir, err := unix.Open(proc, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return Facts{}, call("open("+proc+")", err)
	}
	defer unix.Close(dir)
	return readFacts(dir), nil
}

func readFacts(dir int) Facts {
	f := Facts{Namespaces: make(map[string]string, len(namespaces)), SeccompFilters: -1}
	var buf [64]byte
	for _, kind := range namespaces {
		if n, err := unix.Readlinkat(dir, "ns/"+kind, buf[:]); err == nil {
			f.Namespaces[kind] = string(buf[:n])
		}
	}
	if status, err := readBelow(dir, "status", 2048); err == nil {
		f.parseStatus(string(status))
	}
	if mounts, err := readBelow(dir, "mountinfo", 8192); err == nil {
		f.Mounts = mountFacts(mounts)
	}
	return f
}

// readBelow reads a file of the kernel's of about size bytes.
func readBelow(dir int, name string, size int) ([]byte, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, call("openat("+name+")", err)
	}
	defer unix.Close(fd)
	return readAll(fd, size)
}

// parseStatus reads proc_pid_status(5).
func (f *Facts) parseStatus(text string) {
	for len(text) > 0 {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		key, value, _ := strings.Cut(line, ":\t")
		switch key {
		case "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb":
			set, _ := strconv.ParseUint(value, 16, 64)
			f.Capabilities |= set
		case "NoNewPrivs":
			f.NoNewPrivs = value == "1"
		case "Seccomp_filters":
			f.SeccompFilters, _ = strconv.Atoi(value)
		}
	}
}

// mountFacts leaves out what is different each time, the numbers of the mounts, what others change, the propagation and
// the options of the filesystem, and the root of a cgroup's, which the kernel tells as the reader's own cgroup namespace has it.
func mountFacts(text []byte) []string {
	all := strings.ToValidUTF8(string(text), "?")
	out := make([]string, 0, strings.Count(all, "\n"))
	for line := range strings.Lines(all) {
		left, right, ok := strings.Cut(line, " - ")
		_, left, _ = strings.Cut(left, " ")
		_, left, found := strings.Cut(left, " ")
		end := 0 // of the four fields from the device on
		for n := 0; n < 4 && end < len(left); n++ {
			if next := strings.IndexByte(left[end:], ' '); next >= 0 {
				end += next + 1
			} else {
				end = len(left) + 1
			}
		}
		if !ok || !found || end == 0 {
			continue
		}
		kind, _, _ := strings.Cut(right, " ")
		m := left[:end-1] + " " + kind
		if kind == "cgroup2" || kind == "cgroup" {
			field := strings.Split(m, " ")
			field[1] = "/"
			m = strings.Join(field, " ")
		}
		out = append(out, m)
	}
	return out
}

// released are the facts of a payload that is held, as they will be once its last steps are done. proc is its directory.
func released(s Spec, id identity, proc int) *Facts {
	may := privilegesOf(s, id)
	f := readFacts(proc)
	f.Boot, f.Capabilities, f.NoNewPrivs = s.Boot, may.Capabilities, !may.NewPrivileges
	if f.SeccompFilters >= 0 {
		f.SeccompFilters++
	}
	if s.Boot {
		delete(f.Namespaces, "mnt")
	} else {
		f.Mounts = append(f.Mounts, procSys(f.Mounts)...)
	}
	size := 0
	for _, m := range f.Mounts {
		size += len(m)
	}
	if size > maxMounts {
		f.Mounts = nil
	}
	return &f
}

// procSys is the mount that the payload's process makes itself: its own /proc/sys, which cannot be written to.
func procSys(mounts []string) []string {
	for _, m := range mounts {
		if field := strings.Split(m, " "); field[2] == "/proc" && field[4] == "proc" {
			field[1], field[2] = "/sys", "/proc/sys"
			field[3] = "ro" + strings.TrimPrefix(field[3], "rw")
			return []string{strings.Join(field, " ")}
		}
	}
	return nil
}

func (w *writer) facts(f *Facts) {
	w.key("facts")
	w.open('{')
	w.flag("boot", f.Boot)
	w.key("namespaces")
	w.open('{')
	for _, kind := range namespaces {
		w.optional(kind, f.Namespaces[kind])
	}
	w.close('}')
	w.uint("capabilities", f.Capabilities)
	w.flag("no_new_privs", f.NoNewPrivs)
	if f.SeccompFilters >= 0 {
		w.uint("seccomp_filters", uint64(f.SeccompFilters))
	}
	if f.Mounts != nil {
		w.strs("mounts", f.Mounts)
	}
	w.close('}')
}

func (r *reader) facts() *Facts {
	f := &Facts{SeccompFilters: -1}
	r.object(func(key string) bool {
		switch key {
		case "boot":
			f.Boot = r.boolean()
		case "namespaces":
			f.Namespaces = make(map[string]string, len(namespaces))
			r.members(func(kind string) { f.Namespaces[kind] = r.str() })
		case "capabilities":
			f.Capabilities = r.uint(64)
		case "no_new_privs":
			f.NoNewPrivs = r.boolean()
		case "seccomp_filters":
			f.SeccompFilters = int(r.uint(31))
		case "mounts":
			f.Mounts = r.strs()
		default:
			return false
		}
		return true
	})
	return f
}

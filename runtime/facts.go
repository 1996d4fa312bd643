package runtime

import (
	"bytes"
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
	// Mounts are those that it sees, a line each: "MAJOR:MINOR ROOT POINT OPTIONS TYPE" with the fields as
	// proc_pid_mountinfo(5) writes them. One text, since a plan compares it for each container, and finds it the same. "" where
	// there are too many to note.
	Mounts string
	// Limits are its hard limits, as proc_pid_limits(5) calls them, and its oom_score_adj, a line each: "Max open files=4096". The soft
	// ones are the process's own to change.
	Limits string
}

// namespaces are the names of /proc/PID/ns that a container has its own of.
var namespaces = []string{"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"}

// maxMounts is how many bytes of mounts a record holds. A rootfs with hundreds of filesystems below has more.
const maxMounts = 256 << 10

// ReadFacts reads what the kernel says of a process now; proc is its directory, /proc/PID. What cannot be read is unset:
// the process may end meanwhile. An error that is [Passing] says that nothing is known.
func ReadFacts(proc string) (Facts, error) {
	dir, err := unix.Open(proc, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return Facts{}, call("open("+proc+")", err)
	}
	defer unix.Close(dir)
	return readFacts(dir)
}

func readFacts(dir int) (Facts, error) {
	f := Facts{Namespaces: make(map[string]string, len(namespaces)), SeccompFilters: -1}
	var buf [8 << 10]byte // read a thousand times for a plan: nothing of it is kept
	ns, err := unix.Openat(dir, "ns", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		for _, kind := range namespaces {
			if n, err := unix.Readlinkat(ns, kind, buf[:]); err == nil {
				f.Namespaces[kind] = string(buf[:n])
			}
		}
		unix.Close(ns)
	} else if Passing(err) {
		return Facts{}, call("openat(ns)", err)
	}
	status, err := readBelow(dir, "status", buf[:0])
	if err == nil {
		f.parseStatus(status)
	} else if Passing(err) {
		return Facts{}, err
	}
	mounts, err := readBelow(dir, "mountinfo", buf[:0])
	if err == nil {
		f.Mounts = mountFacts(mounts)
	} else if Passing(err) {
		return Facts{}, err
	}
	f.Limits = readLimits(dir, buf[:0])
	return f, nil
}

// ProgramLimits are the [Facts].Limits of the program that a payload's first process, the tiny init, has started; "" where there is
// none. proc is the directory of all processes.
func ProgramLimits(proc string, init int) string {
	dir, err := unix.Open(proc, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(dir)
	pid := strconv.Itoa(init)
	var buf [4 << 10]byte
	children, err := readBelow(dir, pid+"/task/"+pid+"/children", buf[:0])
	first, _, ok := strings.Cut(string(children), " ") // the oldest; what it has adopted since is younger
	if err != nil || !ok {
		return ""
	}
	program, err := unix.Openat(dir, first, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(program)
	return readLimits(program, buf[:0])
}

// readLimits reads [Facts].Limits; buf is used and not kept.
func readLimits(dir int, buf []byte) string {
	text, err := readBelow(dir, "limits", buf)
	if err != nil {
		return ""
	}
	var out []byte
	for line := range bytes.Lines(text) {
		// Columns: 25 for the name, 20 for the soft limit, each with a space behind.
		if name, ok := bytes.CutPrefix(line[:min(len(line), 26)], []byte("Max ")); ok && len(line) > 47 {
			hard, _, _ := bytes.Cut(line[47:], []byte(" "))
			out = append(append(append(append(out, "Max "...), bytes.TrimRight(name, " ")...), '='), hard...)
			out = append(out, '\n')
		}
	}
	if oom, err := readBelow(dir, "oom_score_adj", buf); err == nil {
		out = append(append(out, "oom_score_adj="...), oom...)
	}
	return string(out)
}

// readBelow reads a file of the kernel's behind buf, which need not hold all of it.
func readBelow(dir int, name string, buf []byte) ([]byte, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, call("openat("+name+")", err)
	}
	defer unix.Close(fd)
	return readMore(fd, buf)
}

// parseStatus reads proc_pid_status(5), in which the capabilities and what follows them stand in the last third.
func (f *Facts) parseStatus(text []byte) {
	text = text[max(0, bytes.Index(text, []byte("\nCapInh:"))):]
	for line := range bytes.Lines(text) {
		key, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(":\t"))
		switch string(key) {
		case "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb":
			set, _ := strconv.ParseUint(string(value), 16, 64)
			f.Capabilities |= set
		case "NoNewPrivs":
			f.NoNewPrivs = string(value) == "1"
		case "Seccomp_filters":
			f.SeccompFilters, _ = strconv.Atoi(string(value))
			return // the last of them
		}
	}
}

// mountFacts leaves out what is different each time, the numbers of the mounts, what others change, the propagation and
// the options of the filesystem, and the root of a cgroup's, which the kernel tells as the reader's own cgroup namespace has it.
// It writes over text.
func mountFacts(text []byte) string {
	out := text[:0] // each line comes out shorter
	for line := range bytes.Lines(text) {
		left, right, ok := bytes.Cut(line, []byte(" - "))
		_, left, _ = bytes.Cut(left, []byte(" "))
		_, left, found := bytes.Cut(left, []byte(" "))
		end := 0 // of the four fields from the device on
		for n := 0; n < 4 && end < len(left); n++ {
			if next := bytes.IndexByte(left[end:], ' '); next >= 0 {
				end += next + 1
			} else {
				end = len(left) + 1
			}
		}
		if !ok || !found || end == 0 {
			continue
		}
		kind, _, _ := bytes.Cut(right, []byte(" "))
		left = left[:end-1]
		if dev, rest, ok := bytes.Cut(left, []byte(" ")); ok && (string(kind) == "cgroup2" || string(kind) == "cgroup") {
			_, rest, _ = bytes.Cut(rest, []byte(" "))
			out = append(append(append(out, dev...), " / "...), rest...)
		} else {
			out = append(out, left...)
		}
		out = append(append(append(out, ' '), kind...), '\n')
	}
	return strings.ToValidUTF8(string(out), "?")
}

// released are the facts of a payload that is held, as they will be once its last steps are done. proc is its directory.
func released(s Spec, id identity, proc int) (*Facts, error) {
	may := privilegesOf(s, id)
	f, err := readFacts(proc)
	if err != nil {
		return nil, err
	}
	f.Boot, f.Capabilities, f.NoNewPrivs = s.Boot, may.Capabilities, !may.NewPrivileges
	if f.SeccompFilters >= 0 {
		f.SeccompFilters++
	}
	if s.Boot {
		delete(f.Namespaces, "mnt")
	} else {
		f.Mounts += procSys(f.Mounts)
	}
	if len(f.Mounts) > maxMounts {
		f.Mounts = ""
	}
	return &f, nil
}

// procSys is the mount that the payload's process makes itself: its own /proc/sys, which cannot be written to.
func procSys(mounts string) string {
	for m := range strings.Lines(mounts) {
		if field := strings.Split(m, " "); len(field) == 5 && field[2] == "/proc" && field[4] == "proc\n" {
			field[1], field[2] = "/sys", "/proc/sys"
			field[3] = "ro" + strings.TrimPrefix(field[3], "rw")
			return strings.Join(field, " ")
		}
	}
	return ""
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
	w.optional("mounts", f.Mounts)
	w.optional("limits", f.Limits)
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
			f.Mounts = r.str()
		case "limits":
			f.Limits = r.str()
		default:
			r.skip(0)
		}
		return true
	})
	return f
}

package runtime

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Record is what the launcher leaves under running/<InvocationID>, written before the payload
// is released. A unit that failed without a record of its invocation failed in the launcher.
type Record struct {
	Name string // the container
	Spec string // sha256 of the spec that this invocation runs
	PID  int    // of the container's first process, as the host counts
	// StartTime is field 22 of /proc/<PID>/stat (clock ticks since boot): with PID it names the process for ever.
	StartTime uint64
	UID, GID  uint32    // the payload's, as counted inside
	UIDMap    []Mapping // what the kernel was told
	GIDMap    []Mapping
	// Facts are what the kernel goes on saying of the process; nil of an older launcher.
	Facts *Facts
}

// newRecord begins the name of a record that is being written; the launcher's pid ends it.
const newRecord = ".new-"

func (r Record) encode() []byte {
	w := &writer{first: true}
	w.open('{')
	w.uint("version", 1)
	w.str("name", r.Name)
	w.str("spec", r.Spec)
	w.uint("pid", uint64(r.PID))
	w.uint("start_time", r.StartTime)
	w.uint("uid", uint64(r.UID))
	w.uint("gid", uint64(r.GID))
	w.mappings("uid_map", r.UIDMap)
	w.mappings("gid_map", r.GIDMap)
	if r.Facts != nil {
		w.facts(r.Facts)
	}
	w.close('}')
	return append(w.out, '\n')
}

func (w *writer) mappings(k string, list []Mapping) {
	w.key(k)
	w.open('[')
	for _, m := range list {
		w.sep()
		w.open('[')
		for _, n := range []uint32{m.Inside, m.Outside, m.Count} {
			w.sep()
			w.out = strconv.AppendUint(w.out, uint64(n), 10)
		}
		w.close(']')
	}
	w.close(']')
}

func decodeRecord(data []byte) (Record, error) {
	var out Record
	r := &reader{data: data}
	version := uint64(0)
	r.object(func(key string) bool {
		switch key {
		case "version":
			version = r.uint(31)
		case "name":
			out.Name = r.str()
		case "spec":
			out.Spec = r.str()
		case "pid":
			out.PID = int(r.uint(31))
		case "start_time":
			out.StartTime = r.uint(64)
		case "uid":
			out.UID = r.uint32()
		case "gid":
			out.GID = r.uint32()
		case "uid_map":
			out.UIDMap = r.mappings()
		case "gid_map":
			out.GIDMap = r.mappings()
		case "facts":
			out.Facts = r.facts()
		default:
			r.skip(0) // a newer launcher's: what it started goes on under this release
		}
		return true
	})
	r.end()
	if r.err != nil {
		return Record{}, r.err
	}
	if version != 1 || out.PID < 1 || sumOfFile(out.Spec+".json") == "" {
		return Record{}, errors.New("not a record of this version")
	}
	return out, nil
}

func (r *reader) mappings() (out []Mapping) {
	r.array(func() {
		var n []uint32
		r.array(func() { n = append(n, r.uint32()) })
		if r.err == nil && len(n) != 3 {
			r.fail("a mapping is three numbers")
			return
		}
		if r.err == nil {
			out = append(out, Mapping{n[0], n[1], n[2]})
		}
	})
	return out
}

// ReadRecord reads what the launcher left for one invocation of a unit (its InvocationID, 32
// hexadecimal digits). The error is os.ErrNotExist where the launcher never came that far.
func (p Paths) ReadRecord(invocation string) (Record, error) {
	if !validInvocation(invocation) {
		return Record{}, errors.New("record: not an InvocationID: " + oneLine(invocation))
	}
	data, err := readRecord(p.record(invocation))
	if err != nil {
		return Record{}, err
	}
	r, err := decodeRecord(data)
	return r, step("record "+invocation, err)
}

// maxRecord is more than a record can have: two maps of at most 340 lines, user_namespaces(7), and the mounts.
const maxRecord = 64<<10 + 6*maxMounts

// readRecord reads a record's file and waits for nobody, whatever stands in its place.
func readRecord(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, call("open("+path+")", err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, call("fstat("+path+")", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size > maxRecord {
		return nil, errors.New(path + " is no record of the launcher's: remove it")
	}
	data, err := readAll(fd, int(st.Size))
	if err != nil {
		return nil, call("read("+path+")", err)
	}
	return data, nil
}

// writeNew writes a file of root's in a directory under another name, to the disk, and gives it its own then: there is all of it, or
// nothing.
func writeNew(dir int, tmp, name string, data []byte) error {
	fd, err := unix.Openat(dir, tmp, unix.O_CREAT|unix.O_TRUNC|unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return call("openat("+tmp+", O_CREAT)", err)
	}
	n, err := unix.Write(fd, data)
	if err == nil && n != len(data) {
		err = unix.ENOSPC
	}
	if err != nil {
		err = call("write("+tmp+")", err)
	} else if err = unix.Fsync(fd); err != nil {
		err = call("fsync("+tmp+")", err)
	}
	unix.Close(fd)
	if err == nil {
		if err = unix.Renameat(dir, tmp, dir, name); err == nil {
			return nil
		}
		err = call("renameat("+tmp+", "+name+")", err)
	}
	unix.Unlinkat(dir, tmp, 0)
	return err
}

// RemoveRecord removes one invocation's record; nil means that there is none.
func (p Paths) RemoveRecord(invocation string) error {
	if !validInvocation(invocation) {
		return errors.New("record: not an InvocationID: " + oneLine(invocation))
	}
	if err := os.Remove(p.record(invocation)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func validInvocation(id string) bool { return len(id) == 32 && isHex(id) }

// Alive says whether the record's process still runs (a zombie does not).
func (r Record) Alive() bool {
	alive, err := r.alive()
	return err == nil && alive
}

func (r Record) alive() (bool, error) {
	start, state, err := startTime(r.PID)
	return start == r.StartTime && state != 'Z' && state != 'X', err
}

// startTime reads fields 22 and 3 of /proc/<pid>/stat.
func startTime(pid int) (ticks uint64, state byte, err error) {
	path := "/proc/" + strconv.Itoa(pid) + "/stat"
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, 0, call("open("+path+")", err)
	}
	defer unix.Close(fd)
	data, err := readAll(fd, 512)
	if err != nil {
		return 0, 0, call("read("+path+")", err)
	}
	// The second field is the command in parentheses and may hold anything; the last ')' ends it.
	_, rest, ok := strings.Cut(string(data[strings.LastIndexByte(string(data), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return 0, 0, errors.New(path + " is not as expected")
	}
	ticks, err = strconv.ParseUint(fields[19], 10, 64)
	return ticks, fields[0][0], err
}

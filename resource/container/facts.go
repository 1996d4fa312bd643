package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"hostctl/host"
	"hostctl/resource"
	"hostctl/runtime"
)

// limits makes live what the kernel holds the container to, whoever set it. Where the
// host has no controller nothing holds the limit: it counts as what was applied last.
func (r *reader) limits(ctx context.Context, addr resource.Addr, applied Limits, f *found) error {
	dir := filepath.Join(r.Cgroups, Slice, Unit(addr))
	if f.live.Slice != "" {
		dir = filepath.Join(r.Cgroups, Slice, f.live.sliceUnit(), Unit(addr))
	}
	l, err := host.ReadCgroupLimits(dir)
	if err != nil {
		return err
	}
	if text, err := readProc(filepath.Join(dir, "cgroup.freeze")); err == nil && string(text) == "1\n" {
		f.status += ", frozen"
		f.foreign = append(f.foreign, resource.Problem{Addr: addr, Summary: addr.String() + " is frozen: its processes stand still", Detail: "hostctl resume " + addr.HostName() + " lets them go on"})
	}
	if err := r.choices(dir, applied, &f.live.Limits); err != nil {
		return err
	}
	if err := r.cpus(ctx, Unit(addr), dir, applied.CPUs, &f.live.Limits); err != nil {
		return err
	}
	var missing []string
	live := &f.live.Limits
	if r.controllers["memory"] {
		live.Memory = resource.Bytes(pages(limit(l.Memory), uint64(applied.Memory)))
	} else {
		live.Memory, missing = applied.Memory, append(missing, "memory")
	}
	if r.controllers["cpu"] {
		live.CPU = 0
		if l.CPU != nil && !math.IsInf(*l.CPU, 1) {
			live.CPU = math.Round(*l.CPU*1000) / 1000
		}
	} else {
		live.CPU, missing = applied.CPU, append(missing, "cpu")
	}
	if r.controllers["pids"] {
		live.Tasks = limit(l.Tasks)
	} else {
		live.Tasks, missing = applied.Tasks, append(missing, "pids")
	}
	if len(missing) > 0 && f.live.Limits.bounded(missing) {
		f.status += "; no limit on " + strings.Join(missing, ", ") + ": this host has no such controller"
	}
	return nil
}

// choices makes live what of the limits that nobody has to declare was declared, and is otherwise.
func (r *reader) choices(dir string, applied Limits, live *Limits) error {
	for _, c := range []struct {
		controller, file string
		applied          uint64
		live             *uint64
	}{
		{"memory", "memory.high", uint64(applied.MemoryHigh), (*uint64)(&live.MemoryHigh)},
		{"memory", "memory.swap.max", uint64(applied.Swap), (*uint64)(&live.Swap)},
		{"cpu", "cpu.weight", applied.CPUWeight, &live.CPUWeight},
		{"io", "io.weight", applied.IOWeight, &live.IOWeight},
	} {
		if *c.live = c.applied; c.applied == 0 || !r.controllers[c.controller] {
			continue
		}
		n, err := host.ReadCgroupNumber(filepath.Join(dir, c.file))
		if err != nil {
			return err
		}
		if c.controller == "memory" {
			*c.live = pages(limit(n), c.applied)
		} else {
			*c.live = limit(n)
		}
	}
	return nil
}

// cpus makes live on which processors the container may run, where that was declared: what the kernel has, and where the host has no
// such controller what systemd was told.
func (r *reader) cpus(ctx context.Context, unit, dir, applied string, live *Limits) error {
	if live.CPUs = applied; applied == "" {
		return nil
	}
	var now []byte
	if r.controllers["cpuset"] {
		text, err := os.ReadFile(filepath.Join(dir, "cpuset.cpus"))
		if err == nil {
			now, err = cpuMask(strings.TrimSpace(string(text)))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	} else {
		p, err := r.Systemd.Properties(ctx, unit, "Service.AllowedCPUs")
		if err != nil {
			return err
		}
		now, _ = p["Service.AllowedCPUs"].([]byte)
	}
	now = bytes.TrimRight(now, "\x00")
	if want, err := cpuMask(applied); err != nil || !bytes.Equal(now, want) {
		live.CPUs = cpuList(now)
	}
	return nil
}

// bounded reports whether the limits ask for any of the controllers.
func (l Limits) bounded(controllers []string) bool {
	for _, c := range controllers {
		if c == "memory" && l.Memory != 0 || c == "cpu" && l.CPU != 0 || c == "pids" && l.Tasks != 0 {
			return true
		}
	}
	return false
}

// limit is a file of the kernel's in our terms, where 0 is no limit. A limit that is
// really 0, which kills or stops everything, is told from that as 1.
func limit(n *uint64) uint64 {
	switch {
	case n == nil || *n == host.NoLimit:
		return 0
	case *n == 0:
		return 1
	}
	return *n
}

// pages gives back the amount that was asked for where the kernel has cut it to whole pages.
func pages(live, asked uint64) uint64 {
	size := uint64(os.Getpagesize())
	if live != 0 && live == asked/size*size {
		return asked
	}
	return live
}

// facts compares what the kernel says of the program's process with what was declared, and unsets what is not so; what nobody
// declares it compares with what the launcher noted. A process that is gone leaves the rest as it is: it has
// ended since the units were listed.
func (r *reader) facts(record runtime.Record, f *found) error {
	proc := filepath.Join(r.Proc, strconv.Itoa(record.PID))
	ids, err := readProc(filepath.Join(proc, "uid_map"))
	if runtime.Passing(err) {
		return fmt.Errorf("%s/uid_map: %w", proc, err)
	}
	if err == nil {
		f.live.IDBase = idBase(ids, f.live.IDBase)
		if f.live.RunAsUID != 0 && !mapsTo(ids, f.live.RunAsUID) {
			f.live.RunAsUID = 0
		}
	}
	now, err := runtime.ReadFacts(proc)
	switch {
	case runtime.Passing(err):
		return fmt.Errorf("%s: %w", proc, err)
	case err != nil:
		return nil
	}
	var said []string // what of the notes is an attribute of its own
	if now.Mounts != "" {
		said = f.lost(now.Mounts)
	}
	if f.live.NetnsPath != "" {
		same, err := sameFile(filepath.Join(proc, "ns/net"), f.live.NetnsPath)
		if err == nil && !same {
			said = append(said, "namespace net")
			if f.live.NetnsPath = otherName(proc, f.live.NetnsPath); f.live.NetnsPath == "" {
				f.status += ", in a network namespace that has lost its name"
			}
		}
	}
	r.altered(record, now, ids, said, f)
	return nil
}

// readProc reads a file of the kernel's. That os.ReadFile offers each to the network
// poller is a third of what reading a thousand containers costs.
func readProc(path string) ([]byte, error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	buf := make([]byte, 0, 4096)
	for {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, len(buf))
		}
		n, err := syscall.Read(fd, buf[len(buf):cap(buf)])
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return buf, err
		}
		buf = buf[:len(buf)+n]
	}
}

// idBase reads where a uid_map (user_namespaces(7)) puts id 0, from its longest line:
// run_as takes single ids out of the range. Where the map agrees with want it is want.
func idBase(uidMap []byte, want uint32) uint32 {
	base, longest := uint64(0), uint64(0)
	for _, l := range idLines(uidMap) {
		if l.outside == uint64(want)+l.inside && l.count > 1 {
			return want
		}
		if l.count > longest && l.outside >= l.inside {
			base, longest = l.outside-l.inside, l.count
		}
	}
	if base > math.MaxUint32 {
		return 0
	}
	return uint32(base)
}

func mapsTo(uidMap []byte, outside uint32) bool {
	for _, l := range idLines(uidMap) {
		if l.outside == uint64(outside) && l.count == 1 {
			return true
		}
	}
	return false
}

type idLine struct{ inside, outside, count uint64 }

func idLines(text []byte) []idLine {
	var out []idLine
	for line := range bytes.Lines(text) {
		var n [3]uint64
		fields := strings.Fields(string(line))
		if len(fields) != len(n) {
			continue
		}
		for i, field := range fields {
			n[i], _ = strconv.ParseUint(field, 10, 32)
		}
		out = append(out, idLine{inside: n[0], outside: n[1], count: n[2]})
	}
	return out
}

// lost drops from live each mount, tmpfs, file and secret that the process no longer has, and returns the mounts' names.
func (f *found) lost(mounts string) (gone []string) {
	if len(f.live.Mount)+len(f.live.Tmpfs)+len(f.live.File)+len(f.live.Secret) == 0 {
		return nil
	}
	points, rooms := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(mounts) {
		m := parseMount(line)
		points[m.point] = true
		// Of the mounts of one place the last is the one that is seen. Nothing else that the launcher
		// mounts is a memory filesystem that cannot be written to.
		rooms[m.point] = m.kind == "tmpfs" && m.has("ro")
	}
	not := func(dir string) {
		if name := mountName(mangle(dir)); !slices.Contains(gone, name) {
			gone, f.status = append(gone, name), f.status+", not mounted: "+dir
		}
	}
	for target := range f.live.File {
		if dir := path.Dir(target); !rooms[mangle(dir)] {
			delete(f.live.File, target)
			not(dir)
		}
	}
	for label, s := range f.live.Secret {
		if dir := path.Dir(s.target(label)); !rooms[mangle(dir)] {
			delete(f.live.Secret, label)
			not(dir)
		}
	}
	for target := range f.live.Mount {
		if !points[mangle(target)] {
			delete(f.live.Mount, target)
			not(target)
		}
	}
	for target := range f.live.Tmpfs {
		if !points[mangle(target)] {
			delete(f.live.Tmpfs, target)
			not(target)
		}
	}
	return gone
}

// mangle writes a path as mountinfo does, proc_pid_mountinfo(5).
func mangle(path string) string {
	return strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`).Replace(path)
}

// sameFile compares two namespaces by device and inode. A name that is not there is not the same.
func sameFile(process, name string) (bool, error) {
	var a, b syscall.Stat_t
	if err := syscall.Stat(process, &a); err != nil {
		return false, err
	}
	if err := syscall.Stat(name, &b); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return false, err
	}
	return a.Dev == b.Dev && a.Ino == b.Ino, nil
}

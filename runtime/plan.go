package runtime

import (
	"path"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What every container gets without asking.
const (
	// DefaultPath is PATH where Spec.Env has none. HOME is the passwd entry's, or "/"; container is "hostctl".
	DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

	runSize     = 16 << 20  // /run, bytes
	bootRunSize = 128 << 20 // /run of a whole system, whose journal is there
	tmpSize     = 64 << 20  // /tmp and /dev/shm, each, bytes
	devSize     = 64 << 10  // /dev: room for links and sockets, not for files
)

const (
	attrPlain  = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
	attrNoExec = attrPlain | unix.MOUNT_ATTR_NOEXEC
	attrRO     = unix.MOUNT_ATTR_RDONLY
)

// masked are the files and directories (true) of /proc and /sys that show or touch the machine: an
// unreadable empty one of the launcher's own lies over each that exists.
var masked = []struct {
	path string
	dir  bool
}{
	{"proc/acpi", true},
	{"proc/asound", true},
	{"proc/interrupts", false},
	{"proc/kcore", false},
	{"proc/keys", false},
	{"proc/latency_stats", false},
	{"proc/sched_debug", false},
	{"proc/scsi", true},
	{"proc/timer_list", false},
	{"proc/timer_stats", false},
	{"sys/devices/virtual/powercap", true},
	{"sys/firmware", true},
}

// readOnly are the parts of /proc that nothing inside may write, whatever its ids are worth. /proc/sys
// is the last of them and made so by the child itself, after its one write there.
var readOnly = []string{"proc/bus", "proc/fs", "proc/irq", "proc/sysrq-trigger"}

// facts is all that Plan knows of the machine.
type facts struct {
	ID      identity
	Shifted bool // the rootfs's own files are already owned by the container's range
	// ProcInside: the kernel (before 6.17) has no pidns parameter of proc, so a process in the child's namespaces mounts it.
	ProcInside bool
	LastCap    int // CAP_LAST_CAP
	// Owners are whose Spec.Files are, as the host counts, and then whose Spec.Secrets, in the same order.
	Owners   []Account
	NoSwap   bool   // a tmpfs can be kept out of swap
	Landlock int    // its version; 0 where the kernel has none
	UUID     string // of a whole system, "" for others
}

// plan is everything that will be done, in order: first what needs no process, then what is done to the
// held process, then what that process does itself. It prints itself.
type plan struct {
	Prepare []op
	Build   []op
	Child   *script
}

// op is one operation on the kernel. Its text holds names and numbers that are the same on every machine.
type op interface {
	String() string
	do(*launch) error
}

// Plan decides. It is pure: the same Spec and facts give the same plan.
func makePlan(s Spec, f facts) plan {
	id := f.ID
	rootUID, rootGID := id.rootID()
	own := func(uid, gid uint32) []string { return []string{"uid", utoa(uid), "gid", utoa(gid)} }
	tmpfs := func(size uint64, mode uint32, owner []string) []string {
		// An inode for each page is more than any honest use; the default is half the machine's memory.
		return append([]string{
			"size", strconv.FormatUint(size, 10),
			"nr_inodes", strconv.FormatUint(max(size/4096, 1024), 10),
			"mode", "0" + strconv.FormatUint(uint64(mode), 8),
		}, owner...)
	}
	payload, root := own(id.HostUID, id.HostGID), own(rootUID, rootGID)

	var p plan
	prepare := func(o op) { p.Prepare = append(p.Prepare, o) }
	build := func(o op) { p.Build = append(p.Build, o) }

	sys := fsOp{"sys", "sysfs", nil, attrNoExec | attrRO}
	if !s.ownNetwork() {
		if !s.HostNetwork {
			prepare(netnsOp{s.Netns})
		}
		if list := of(s.Sysctls, netSysctl); len(list) > 0 {
			prepare(sysctlOp{list})
		}
		prepare(sys) // which shows the network namespace of whoever makes it
	}
	rootAttr := uint64(attrPlain | attrRO)
	if s.Root == RootWritable {
		rootAttr = attrPlain
		if !f.Shifted || s.Boot {
			prepare(closedOp{s.Rootfs})
		}
	}
	prepare(treeOp{slot: "root", what: "rootfs", source: s.Rootfs, attr: rootAttr})
	switch s.Root {
	case RootEphemeral:
		size := s.RootSize
		if size == 0 {
			size = DefaultRootSize
		}
		prepare(fsOp{"layer", "tmpfs", tmpfs(size, 0o700, nil), attrPlain})
		prepare(layerOp{rootUID, rootGID})
	case RootPersistent:
		prepare(upperOp{s.Upper, rootUID, rootGID, id.UIDMap, id.GIDMap})
	}
	maskSize, inodes := 4096, "4"
	if s.Hosts != "" {
		maskSize, inodes = maskSize+maxHosts, "5"
	}
	prepare(fsOp{"mask", "tmpfs", []string{"size", strconv.Itoa(maskSize), "nr_inodes", inodes, "mode", "0"}, attrNoExec})
	prepare(maskFilesOp{s.Hosts, rootUID, rootGID})
	prepare(fsOp{"dev", "tmpfs", tmpfs(devSize, 0o755, root), unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC})
	prepare(devOp{rootUID, rootGID})
	for _, d := range s.Devices {
		prepare(deviceOp{d, id.HostUID, id.HostGID})
	}
	if s.Notify {
		prepare(notifyOp{})
	}
	prepare(fsOp{"pts", "devpts", []string{"newinstance", "", "ptmxmode", "0666", "mode", "0620"}, unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC})
	shm := s.ShmSize
	if shm == 0 {
		shm = tmpSize
	}
	prepare(fsOp{"shm", "tmpfs", tmpfs(shm, 0o1777, root), attrNoExec})

	may := privilegesOf(s, id)
	wall := may.Landlock && may.landlocked(f.Landlock)
	switch {
	case wall:
		prepare(landlockOp{f.Landlock})
	case may.landlocked(f.Landlock):
		prepare(scopeOp{})
	}

	for _, m := range s.Mounts {
		t := treeOp{slot: volumeSlot(m.Target), what: "volume", source: m.Source, path: m.Path, mountpoint: m.Mountpoint, attr: attrPlain}
		if m.ReadOnly {
			t.attr |= attrRO
		}
		if m.Owner != nil {
			t.uidMap = []Mapping{{m.Owner.UID, id.HostUID, 1}}
			t.gidMap = []Mapping{{m.Owner.GID, id.HostGID, 1}}
		}
		if s.makesSetuid(m) {
			prepare(setuidOp{m.Source})
		}
		prepare(t)
	}
	for _, t := range s.Tmpfs {
		mode := t.Mode
		if mode == 0 {
			mode = 0o755
		}
		prepare(fsOp{tmpfsSlot(t.Target), "tmpfs", tmpfs(t.Size, mode, payload), attrPlain})
	}
	entries := mounted(s)
	for _, e := range entries {
		switch e.slot {
		case "run":
			size := uint64(runSize)
			if s.Boot {
				size = bootRunSize
			}
			prepare(fsOp{e.slot, "tmpfs", tmpfs(size, 0o755, payload), attrPlain})
		case "tmp":
			prepare(fsOp{e.slot, "tmpfs", tmpfs(tmpSize, 0o1777, root), attrPlain})
		}
	}
	sort.Slice(entries, func(i, j int) bool { return above(entries[i].target, entries[j].target) })
	places := make([]place, 0, len(entries)+len(s.Files)+len(s.Secrets))
	for _, e := range entries {
		places = append(places, place{e.target, attachOp{slot: e.slot, target: e.target, uid: rootUID, gid: rootGID}})
	}
	for _, file := range s.Files {
		prepare(fileOp{file})
	}
	for _, secret := range s.Secrets {
		prepare(secretOp{secret})
	}
	places = append(places, rooms(s, f, rootUID, rootGID)...)
	sort.SliceStable(places, func(i, j int) bool { return above(places[i].target, places[j].target) })

	build(mapsOp{id.UIDMap, id.GIDMap})
	if s.OOMScoreAdjust != 0 {
		build(oomOp{s.OOMScoreAdjust})
	}
	if s.ownNetwork() {
		build(ownNetnsOp{})
		if list := of(s.Sysctls, netSysctl); len(list) > 0 {
			build(sysctlOp{list})
		}
		build(sys)
	}
	if !f.Shifted {
		build(idmapOp{"root", rootAttr})
	}
	build(procOp{f.ProcInside})
	build(enterOp{})
	if s.overlaid() {
		build(overlayOp{})
	}
	build(stackRootOp{})
	for _, p := range places {
		build(p.op)
	}
	if len(s.Files)+len(s.Secrets) > 0 {
		build(sealOp{})
	}
	// The launcher's own come last: a volume whose target was led astray (another container may share
	// and change the volume that holds it) then lies under them, never over them.
	for _, name := range []string{"dev", "proc", "sys"} {
		build(ownOp{name, name})
	}
	build(ownOp{"pts", "dev/pts"})
	build(ownOp{"shm", "dev/shm"})
	if s.Boot {
		build(cgroupOp{true, rootUID, rootGID})
	} else {
		build(cgroupOp{})
	}
	for _, m := range masked {
		build(maskOp{m.path, m.dir})
	}
	for _, p := range readOnly {
		build(readOnlyOp{p})
	}
	if s.Hosts != "" {
		build(hostsOp{})
	}
	if s.Boot {
		build(readOnlyOp{"proc/sys"})
	}
	for _, p := range s.Masked {
		build(maskPathOp{p})
	}
	if wall {
		if s.Init {
			build(allowOp{"self", landlockRun, f.Landlock})
		}
		for _, r := range landlockRights(s, entries) {
			build(allowOp{r.slot, r.access, f.Landlock})
		}
	}
	build(pivotOp{})
	build(commandOp{s.Args[0], envValue(payloadEnv(s, id), "PATH")})
	if s.NoFile != 0 {
		build(limitOp{"RLIMIT_NOFILE", unix.RLIMIT_NOFILE, s.NoFile, s.NoFile})
	}
	for _, limit := range s.Limits {
		build(limitOp{"RLIMIT_" + strings.ToUpper(limit.Name), rlimit(limit.Name), limit.Soft, limit.Hard})
	}
	build(recordOp{})
	build(mainPIDOp{})
	build(releaseOp{})

	p.Child = childScript(s, f)
	return p
}

// entry is a mount below the root that the payload may know of.
type entry struct {
	target string
	slot   string
	ro     bool
}

func volumeSlot(target string) string { return "volume " + target }
func tmpfsSlot(target string) string  { return "tmpfs " + target }

// mounted are the volumes and tmpfs of a container. What has a declared target replaces the default of that place.
func mounted(s Spec) []entry {
	entries, declared := make([]entry, 0, len(s.Mounts)+len(s.Tmpfs)+2), map[string]bool{}
	for _, m := range s.Mounts {
		entries = append(entries, entry{m.Target, volumeSlot(m.Target), m.ReadOnly})
		declared[m.Target] = true
	}
	for _, t := range s.Tmpfs {
		entries = append(entries, entry{t.Target, tmpfsSlot(t.Target), false})
		declared[t.Target] = true
	}
	for _, e := range []entry{{"/run", "run", false}, {"/tmp", "tmp", false}} {
		if !declared[e.target] {
			entries = append(entries, e)
		}
	}
	return entries
}

// place is an operation on a path of the new root, which comes after those above it.
type place struct {
	target string
	op     op
}

// above says whether a target comes before another: by depth, then by name.
func above(a, b string) bool {
	if da, db := depth(a), depth(b); da != db {
		return da < db
	}
	return a < b
}

func depth(target string) int {
	if target == "/" {
		return 0
	}
	return strings.Count(target, "/")
}

// rooms makes room for the files and secrets, once in each directory.
func rooms(s Spec, f facts, uid, gid uint32) (out []place) {
	in, noSwap := map[string][]ownedFile{}, map[string]bool{}
	for i, file := range s.Files {
		dir := path.Dir(file.Target)
		in[dir] = append(in[dir], ownedFile{File: file, owner: f.Owners[i]})
	}
	for i, x := range s.Secrets {
		dir := path.Dir(x.Target)
		in[dir] = append(in[dir], ownedFile{x.file(), f.Owners[len(s.Files)+i], true})
		noSwap[dir] = f.NoSwap
	}
	for dir, files := range in {
		sort.Slice(files, func(i, j int) bool { return files[i].Target < files[j].Target })
		out = append(out, place{dir, roomOp{dir, files, noSwap[dir], uid, gid}})
	}
	return out
}

// payloadEnv is the payload's whole environment: the spec's, and a default for what every program expects.
func payloadEnv(s Spec, id identity) []string {
	env := append(make([]string, 0, len(s.Env)+3), s.Env...)
	if s.Notify && !hasEnv(env, "NOTIFY_SOCKET") {
		env = append(env, "NOTIFY_SOCKET="+notifySocket)
	}
	if s.Watchdog != 0 && !hasEnv(env, "WATCHDOG_USEC") {
		env = append(env, "WATCHDOG_USEC="+strconv.FormatUint(s.Watchdog, 10))
	}
	defaults := [...][2]string{{"PATH", DefaultPath}, {"HOME", id.Home}, {"container", "hostctl"}}
	all := defaults[:]
	if len(s.Listen) > 0 {
		// The init puts its child's number in the place of its own.
		all = append(all, [][2]string{{"LISTEN_FDS", strconv.Itoa(len(s.Listen))}, {"LISTEN_PID", "1"}, {"LISTEN_FDNAMES", strings.Join(s.Listen, ":")}}...)
	}
	for _, d := range all {
		if !hasEnv(env, d[0]) {
			env = append(env, d[0]+"="+d[1])
		}
	}
	return env
}

func hasEnv(env []string, key string) bool {
	for _, e := range env {
		if strings.HasPrefix(e, key) && len(e) > len(key) && e[len(key)] == '=' {
			return true
		}
	}
	return false
}

func envValue(env []string, key string) string {
	for _, e := range env {
		if strings.HasPrefix(e, key+"=") {
			return e[len(key)+1:]
		}
	}
	return ""
}

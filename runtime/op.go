package runtime

import (
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The operations, and how they print. What they do stands in prepare.go and build.go.
type (
	// netnsOp gives the launcher's thread the container's network namespace, one of the host's user
	// namespace: a new one with loopback up, or the one at path.
	netnsOp struct{ path string }
	// ownNetnsOp enters the child's network namespace, which belongs to its user namespace, and brings loopback up.
	ownNetnsOp struct{}
	// fsOp makes a filesystem, mounted nowhere yet. params are keys and values in turn; an empty value is a flag.
	fsOp struct {
		slot, fstype string
		params       []string
		attr         uint64
	}
	// treeOp clones the mounts at a directory of the host, mounted nowhere yet, with attr on all of them
	// and, where there are maps, idmapped by them.
	treeOp struct {
		slot, what, source string
		path               string // below source; "" is source itself
		mountpoint         string // of a volume that has one
		attr               uint64
		uidMap, gidMap     []Mapping
	}
	// fileOp reads a file of the store.
	fileOp struct{ file File }
	// maskFilesOp fills the mask filesystem, which is read-only then: an unreadable file and directory, and the file hosts where
	// there is text for it.
	maskFilesOp struct {
		hosts    string
		uid, gid uint32
	}
	// devOp fills /dev.
	devOp struct{ uid, gid uint32 }

	// mapsOp writes the id maps of the container's user namespace.
	mapsOp struct{ uidMap, gidMap []Mapping }
	// idmapOp maps the files of a clone, which has these attributes, by the container's user namespace.
	idmapOp struct {
		slot string
		attr uint64
	}
	// procOp makes the proc of the container's pid namespace, or fetches the one that the child made.
	procOp struct{ inside bool }
	// enterOp moves this thread into the container's mount and cgroup namespaces, whose mounts become private.
	enterOp struct{}
	// stackRootOp puts the new root over the old one, and the mask filesystem where it goes with the old one.
	stackRootOp struct{}
	// attachOp mounts a slot at a path that is looked up inside the new root.
	attachOp struct {
		slot, target string
		uid, gid     uint32 // of directories made for it
	}
	// roomOp puts files into a directory: it is covered by a memory filesystem that holds them, and where
	// everything else that is in the directory is mounted again.
	roomOp struct {
		dir      string
		files    []ownedFile
		noSwap   bool   // it holds secrets, and the kernel can keep them out of swap
		uid, gid uint32 // of the directory where it is made
	}
	// sealOp makes the rooms unwritable.
	sealOp struct{}
	// ownOp mounts one of the launcher's own filesystems at a place that must be a directory, not a link.
	ownOp struct{ slot, path string }
	// cgroupOp mounts the container's own part of the cgroup tree at /sys/fs/cgroup: read-only, or given to the container's root.
	cgroupOp struct {
		delegate bool
		uid, gid uint32
	}
	// maskOp covers a file or directory, if there is one.
	maskOp struct {
		path string
		dir  bool
	}
	// maskPathOp covers a file or directory of the finished tree, which must be there.
	maskPathOp struct{ path string }
	// readOnlyOp makes a part of /proc read-only, if there is one.
	readOnlyOp struct{ path string }
	// pivotOp makes the new root the only one.
	pivotOp struct{}
	// commandOp looks the command up inside the finished tree.
	commandOp struct{ name, path string }
	// recordOp writes the record of this invocation.
	recordOp struct{}
	// mainPIDOp tells systemd who the main process is, and waits until it knows.
	mainPIDOp struct{}
	// releaseOp lets the child go on.
	releaseOp struct{}
)

func (o netnsOp) String() string {
	if o.path != "" {
		return "netns " + o.path
	}
	return "netns new: lo up, net.ipv4.ip_unprivileged_port_start=0"
}

func (ownNetnsOp) String() string {
	return "netns of the container's user namespace: lo up, net.ipv4.ip_unprivileged_port_start=0"
}

func (o fsOp) String() string {
	var b strings.Builder
	b.WriteString("fs " + o.fstype)
	for i := 0; i < len(o.params); i += 2 {
		b.WriteString(" " + o.params[i])
		if o.params[i+1] != "" {
			b.WriteString("=" + o.params[i+1])
		}
	}
	return b.String() + ": " + attrNames(o.attr) + " -> " + o.slot
}

func (o treeOp) String() string {
	s := "tree " + o.source
	if o.path != "" {
		s += ", in it " + o.path
	}
	s += ": recursive " + attrNames(o.attr)
	if o.mountpoint != "" {
		s += ", with something mounted on " + o.mountpoint
	}
	if o.uidMap != nil {
		s += ", uid " + mapNames(o.uidMap) + " gid " + mapNames(o.gidMap)
	}
	return s + " -> " + o.slot
}

func (o fileOp) String() string { return "read file " + o.file.Sum + " for " + o.file.Target }

func (o maskFilesOp) String() string {
	s := "make mask/file mask/dir, mode 0, "
	if o.hosts != "" {
		s += "mask/hosts of " + utoa(o.uid) + ":" + utoa(o.gid) + ", "
	}
	return s + "read-only"
}

func (o devOp) String() string {
	var words []string
	for _, n := range devNodes {
		words = append(words, n.name)
	}
	for _, l := range devLinks {
		words = append(words, l[0]+"->"+l[1])
	}
	return "make dev/{" + strings.Join(append(words, devDirs...), ",") + "} of " + utoa(o.uid) + ":" + utoa(o.gid)
}

func (o mapsOp) String() string {
	return "maps: uid " + mapNames(o.uidMap) + " gid " + mapNames(o.gidMap)
}
func (o idmapOp) String() string { return "idmap " + o.slot + " by the container's user namespace" }
func (o procOp) String() string {
	if o.inside {
		return "fetch proc: " + attrNames(attrNoExec) + " -> proc"
	}
	return "fs proc pidns: " + attrNames(attrNoExec) + " -> proc"
}
func (enterOp) String() string { return "enter mount and cgroup namespaces; private /" }
func (stackRootOp) String() string {
	return "attach mask over the old /proc; attach root over the old /"
}
func (o attachOp) String() string { return "attach " + o.slot + " at " + o.target }
func (o roomOp) String() string {
	var words []string
	for _, f := range o.files {
		words = append(words, path.Base(f.Target)+" 0"+strconv.FormatUint(uint64(f.Mode), 8)+" of "+utoa(f.owner.UID)+":"+utoa(f.owner.GID))
	}
	in := o.dir
	if o.noSwap {
		in += ", which is never swapped out,"
	}
	return "make room in " + in + " for " + strings.Join(words, ", ")
}
func (sealOp) String() string  { return "make the rooms " + attrNames(attrNoExec|attrRO) }
func (o ownOp) String() string { return "attach own " + o.slot + " at /" + o.path }
func (o cgroupOp) String() string {
	if o.delegate {
		return "fs cgroup2: " + attrNames(attrNoExec) + " at /sys/fs/cgroup, delegated to " + utoa(o.uid) + ":" + utoa(o.gid)
	}
	return "fs cgroup2: " + attrNames(attrNoExec|attrRO) + " at /sys/fs/cgroup"
}
func (o readOnlyOp) String() string { return "read-only /" + o.path }
func (o maskOp) String() string {
	if o.dir {
		return "mask directory /" + o.path
	}
	return "mask /" + o.path
}
func (o maskPathOp) String() string { return "mask " + o.path + ", which must be there" }
func (pivotOp) String() string      { return "pivot_root; detach the old root" }
func (o commandOp) String() string  { return "look up " + strconv.Quote(o.name) + " in " + o.path }
func (recordOp) String() string     { return "record" }
func (mainPIDOp) String() string    { return "notify MAINPID" }
func (releaseOp) String() string    { return "release" }

// String prints the whole plan; the golden files are this text.
func (p plan) String() string {
	var b strings.Builder
	list := func(head string, ops []op) {
		b.WriteString(head + "\n")
		for _, o := range ops {
			b.WriteString("  " + o.String() + "\n")
		}
	}
	list("prepare", p.Prepare)
	list("build", p.Build)
	b.WriteString("child\n")
	for i, name := range p.Child.names {
		if i > 0 && name == p.Child.names[i-1] {
			continue // one line for a call that repeats for every capability or signal
		}
		b.WriteString("  " + name + "\n")
	}
	return b.String()
}

func attrNames(attr uint64) string {
	words := []string{"rw"}
	if attr&attrRO != 0 {
		words[0] = "ro"
	}
	for _, a := range []struct {
		bit  uint64
		name string
	}{{unix.MOUNT_ATTR_NOSUID, "nosuid"}, {unix.MOUNT_ATTR_NODEV, "nodev"}, {unix.MOUNT_ATTR_NOEXEC, "noexec"}} {
		if attr&a.bit != 0 {
			words = append(words, a.name)
		}
	}
	return strings.Join(words, ",")
}

func mapNames(maps []Mapping) string {
	return strings.ReplaceAll(strings.TrimSpace(strings.ReplaceAll(string(mapText(maps)), " ", ":")), "\n", ",")
}

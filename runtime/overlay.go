package runtime

import (
	"bytes"
	"errors"
	"path"
	"strconv"

	"golang.org/x/sys/unix"
)

// What Spec.Root can be.
const (
	RootReadOnly   = "" // the root directory, read-only
	RootWritable   = "writable"
	RootEphemeral  = "ephemeral"
	RootPersistent = "persistent"
)

// DefaultRootSize is Spec.RootSize where it is 0, in bytes.
const DefaultRootSize = 256 << 20

// overlaid says whether the payload writes to a layer over the root directory.
func (s Spec) overlaid() bool { return s.Root == RootEphemeral || s.Root == RootPersistent }

// upperOp makes the upper layer of a persistent root, or opens the one that is there, if it is this container's.
type upperOp struct {
	path           string
	uid, gid       uint32
	uidMap, gidMap []Mapping
}

func (o upperOp) String() string {
	return "tree " + o.path + "/{upper of " + utoa(o.uid) + ":" + utoa(o.gid) + ",work,ids}: " + attrNames(attrPlain) + " -> layer"
}

func (o upperOp) do(l *launch) error {
	fd, err := o.open()
	if err != nil {
		return step("root "+o.path, err)
	}
	l.slots["layer"] = fd
	return nil
}

// The directories are root's alone: what a payload makes setuid in there no user of the host can reach. The ids that the files are
// written with are noted beside them: with others they would be somebody else's.
func (o upperOp) open() (int, error) {
	roots, err := makeDir(path.Dir(path.Dir(o.path)), path.Base(path.Dir(o.path)), 0o700)
	if err != nil {
		return -1, err
	}
	defer unix.Close(roots)
	dir, err := makeDirAt(roots, path.Base(o.path), 0o700)
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	if err := o.claim(dir); err != nil {
		return -1, err
	}
	return layer(dir, o.uid, o.gid)
}

// claim notes whose ids the files have, or finds that they are these.
func (o upperOp) claim(dir int) error {
	want := append(append(mapText(o.uidMap), '\n'), mapText(o.gidMap)...)
	fd, err := unix.Openat(dir, "ids", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err == unix.ENOENT {
		// Before the layer: what is there without a note is nothing yet.
		return writeNew(dir, "ids.new", "ids", want)
	}
	if err != nil {
		return call("openat(ids, O_NOFOLLOW)", err)
	}
	defer unix.Close(fd)
	have, err := readAll(fd, 512)
	if err != nil {
		return call("read(ids)", err)
	}
	if !bytes.Equal(have, want) {
		return errors.New("its files belong to other ids than this container has now; move the directory away to begin anew, or give the container the user, run_as and ids that it had")
	}
	return nil
}

// layer clones a directory with upper and work in it, of which upper is the new root's top.
func layer(dir int, uid, gid uint32) (int, error) {
	upper, err := makeDirAt(dir, "upper", 0o755)
	if err != nil {
		return -1, err
	}
	err = unix.Fchownat(upper, "", int(uid), int(gid), unix.AT_EMPTY_PATH)
	unix.Close(upper)
	if err != nil {
		return -1, call("fchownat(upper)", err)
	}
	work, err := makeDirAt(dir, "work", 0o700)
	if err != nil {
		return -1, err
	}
	unix.Close(work)
	return cloneTree(dir, "", 0, attrPlain)
}

// makeDir opens a directory of a real path, which it makes where it is not there.
func makeDir(parent, name string, mode uint32) (int, error) {
	fd, err := openDir(parent)
	if err != nil {
		return -1, step(parent, err)
	}
	defer unix.Close(fd)
	return makeDirAt(fd, name, mode)
}

func makeDirAt(dir int, name string, mode uint32) (int, error) {
	if err := unix.Mkdirat(dir, name, mode); err != nil && err != unix.EEXIST {
		return -1, call("mkdirat("+name+")", err)
	}
	fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, call("openat("+name+", O_PATH|O_DIRECTORY|O_NOFOLLOW)", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, call("fstat("+name+")", err)
	}
	if name != "upper" && st.Uid != 0 {
		unix.Close(fd)
		return -1, errors.New(name + " is not root's")
	}
	return fd, nil
}

// layerOp fills the memory filesystem of an ephemeral root.
type layerOp struct{ uid, gid uint32 }

func (o layerOp) String() string {
	return "make layer/upper of " + utoa(o.uid) + ":" + utoa(o.gid) + ", layer/work"
}

func (o layerOp) do(l *launch) error {
	for _, d := range []struct {
		name     string
		uid, gid uint32
	}{{"upper", o.uid, o.gid}, {"work", 0, 0}} {
		if err := unix.Mkdirat(l.slots["layer"], d.name, 0o755); err != nil {
			return call("mkdirat("+d.name+")", err)
		}
		if err := unix.Fchownat(l.slots["layer"], d.name, int(d.uid), int(d.gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return call("fchownat("+d.name+")", err)
		}
	}
	return nil
}

// overlayOp lays the layer over the root directory: the result is the new root. Both are attached, by now in the container's mount
// namespace, where the old root's /sys and /dev are: before kernel 6.13 overlayfs takes its layers by path alone. The overlay keeps
// private clones of them, and they go with the old root.
type overlayOp struct{}

// No option leads out of the layers: neither a redirect nor a file of which only the metadata is in the upper one is followed, whatever
// extended attributes the root directory was unpacked with.
var overlayParams = []string{"lowerdir", "/sys", "upperdir", "/dev/upper", "workdir", "/dev/work", "redirect_dir", "nofollow", "metacopy", "off", "index", "off", "xino", "off"}

func (overlayOp) String() string {
	s := "attach root and layer over the old /sys and /dev; fs overlay"
	for i := 0; i < len(overlayParams); i += 2 {
		s += " " + overlayParams[i] + "=" + overlayParams[i+1]
	}
	return s + ": " + attrNames(attrPlain) + " -> root"
}

func (o overlayOp) do(l *launch) error {
	for _, m := range [][2]string{{"root", "/sys"}, {"layer", "/dev"}} {
		if err := unix.MoveMount(l.slots[m[0]], "", unix.AT_FDCWD, m[1], unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return call("move_mount("+m[0]+", "+m[1]+", MOVE_MOUNT_F_EMPTY_PATH)", err)
		}
	}
	fd, err := newFS("overlay", overlayParams, attrPlain)
	if err != nil {
		return step("a writable layer over "+l.spec.Rootfs, err)
	}
	l.slots["root"] = fd
	delete(l.subs, "root") // an overlay is of one filesystem
	return nil
}

func validRoot(s Spec, bad func(field, what string)) {
	switch s.Root {
	case RootReadOnly, RootWritable, RootEphemeral, RootPersistent:
	default:
		bad("root", strconv.Quote(s.Root)+" is none of writable, ephemeral and persistent")
	}
	if (s.Upper != "") != (s.Root == RootPersistent) {
		bad("upper", "belongs to a persistent root, which has one")
	}
	if s.Upper != "" {
		if err := cleanPath(s.Upper); err != nil || path.Dir(path.Dir(s.Upper)) == "/" {
			bad("upper", strconv.Quote(s.Upper)+" is not a clean path of three or more names")
		}
	}
	if s.RootSize != 0 && (s.Root != RootEphemeral || s.RootSize < 1<<20 || s.RootSize > 1<<50) {
		bad("root_size", "is 1 MiB to 1 PiB, of an ephemeral root")
	}
	if s.ShmSize != 0 && (s.ShmSize < MinTmpfs || s.ShmSize > 1<<50) {
		bad("shm_size", "is not "+strconv.Itoa(MinTmpfs)+" bytes to 1 PiB")
	}
}

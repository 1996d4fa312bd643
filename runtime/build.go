package runtime

import (
	"errors"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What is done to the held child by the helper thread, with the host's rights: first the id maps, then, inside
// the child's mount namespace, the whole tree. The child only waits.

func (o mapsOp) do(l *launch) (err error) {
	if l.start, _, err = startTime(l.pid()); err != nil {
		return err
	}
	// Opened here: inside the child's mount namespace its number names it no more.
	if l.proc, err = unix.Open(procPath(l.pid(), ""), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return call("open("+procPath(l.pid(), "")+")", err)
	}
	if l.userns, err = mapUserns(l.pid(), o.uidMap, o.gidMap); err != nil {
		return step("id maps", err)
	}
	return nil
}

func (ownNetnsOp) do(l *launch) error {
	if err := unix.Setns(l.pidfd(), unix.CLONE_NEWNET); err != nil {
		return call("setns(payload, CLONE_NEWNET)", err)
	}
	return beginNetns()
}

// covered are the places of a rootfs whose mounts nobody sees, because the launcher's lie over them.
var covered = []string{"/dev", "/proc", "/sys", "/run", "/tmp"}

func (o idmapOp) do(l *launch) error {
	fd := l.slots[o.slot]
	subs, err := idmapTree(&fd, l.rootfs, l.userns, l.spec.Rootfs, o.attr, covered)
	if err != nil {
		return step("rootfs "+l.spec.Rootfs+" (needs an idmapped mount unless its files are owned from host id "+utoa(l.spec.IDs.Base)+" on)", err)
	}
	l.slots[o.slot], l.subs[o.slot] = fd, subs
	return nil
}

func (o procOp) do(l *launch) (err error) {
	if o.inside {
		l.slots["proc"], err = procInside(l.pidfd())
		return err
	}
	ns, err := unix.Open(procPath(l.pid(), "ns/pid"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return call("open("+procPath(l.pid(), "ns/pid")+")", err)
	}
	defer unix.Close(ns)
	if err := unix.FsconfigSetFd(l.procFS, "pidns", ns); err != nil {
		return call("fsconfig(proc, pidns)", err)
	}
	l.slots["proc"], err = mountFS(l.procFS, "proc", attrNoExec)
	return err
}

func (enterOp) do(l *launch) error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return call("unshare(CLONE_FS)", err)
	}
	if err := unix.Setns(l.pidfd(), unix.CLONE_NEWNS|unix.CLONE_NEWCGROUP); err != nil {
		return call("setns(payload, CLONE_NEWNS|CLONE_NEWCGROUP)", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return call("mount(/, MS_REC|MS_PRIVATE)", err)
	}
	return nil
}

func (stackRootOp) do(l *launch) error {
	// The mask is cloned from where it goes away with the old root; before kernel 6.15 nothing can be cloned from a
	// mount that is attached nowhere.
	for _, m := range [][2]string{{"mask", "/proc"}, {"root", "/"}} {
		if err := unix.MoveMount(l.slots[m[0]], "", unix.AT_FDCWD, m[1], unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return call("move_mount("+m[0]+", "+m[1]+", MOVE_MOUNT_F_EMPTY_PATH)", err)
		}
	}
	l.root, l.under = l.slots["root"], 1
	if l.spec.overlaid() {
		l.writable = append(l.writable, l.root)
	}
	if err := unix.Fchdir(l.root); err != nil {
		return call("fchdir(root)", err)
	}
	return l.attachSubs("root", "")
}

// attachSubs mounts what was cloned one by one below a slot that is mounted at target.
func (l *launch) attachSubs(slot, target string) error {
	for _, s := range l.subs[slot] {
		if err := l.moveTo(s.fd, target+s.rel, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_SYMLINKS); err != nil {
			return step("submount "+target+s.rel, err)
		}
	}
	return nil
}

// moveTo attaches a detached mount at a directory that is looked up inside the new root.
func (l *launch) moveTo(fd int, target string, resolve uint64) error {
	at, err := l.lookup(target, resolve)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	return moveOnto(fd, at, target)
}

func moveOnto(fd, at int, target string) error {
	if err := unix.MoveMount(fd, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return call("move_mount("+target+", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)", err)
	}
	return nil
}

func (l *launch) lookup(target string, resolve uint64) (int, error) {
	at, err := unix.Openat2(l.root, target, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: resolve | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return -1, call("openat2("+target+", O_PATH|O_DIRECTORY, "+resolveNames(resolve)+"RESOLVE_NO_MAGICLINKS)", err)
	}
	return at, nil
}

func resolveNames(resolve uint64) string {
	s := ""
	if resolve&unix.RESOLVE_IN_ROOT != 0 {
		s += "RESOLVE_IN_ROOT|"
	}
	if resolve&unix.RESOLVE_NO_SYMLINKS != 0 {
		s += "RESOLVE_NO_SYMLINKS|"
	}
	return s
}

func (o attachOp) do(l *launch) error {
	if err := o.attach(l); err != nil {
		return step("mount "+o.slot+" at "+o.target, err)
	}
	return nil
}

func (o attachOp) attach(l *launch) error {
	if l.files[o.slot] {
		return o.attachFile(l)
	}
	resolve := uint64(unix.RESOLVE_IN_ROOT)
	if o.target == "/run" || o.target == "/tmp" {
		resolve |= unix.RESOLVE_NO_SYMLINKS
	}
	at, err := l.lookup(o.target, resolve)
	if errors.Is(err, unix.ENOENT) {
		at, err = l.makeDirs(o.target, o.uid, o.gid, err)
	}
	if err != nil {
		return explain(l.spec.Rootfs, o.target, err)
	}
	defer unix.Close(at)
	if err := moveOnto(l.slots[o.slot], at, o.target); err != nil {
		return err
	}
	if strings.HasPrefix(o.slot, "tmp") || o.slot == "run" {
		l.writable = append(l.writable, l.slots[o.slot])
	}
	return l.attachSubs(o.slot, o.target)
}

// attachFile is attach for a file, whose target is a file of the rootfs, or made in a directory of the launcher's.
func (o attachOp) attachFile(l *launch) error {
	at, err := unix.Openat2(l.root, o.target, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
	if err == unix.ENOENT {
		at, err = l.makeFile(o.target, o.uid, o.gid, err)
	}
	if err != nil {
		return call("openat2("+o.target+", O_PATH, RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS)", err)
	}
	defer unix.Close(at)
	var st unix.Stat_t
	if err := unix.Fstat(at, &st); err != nil {
		return call("fstat("+o.target+")", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errors.New("what is mounted is a file, and " + o.target + " is none")
	}
	return moveOnto(l.slots[o.slot], at, o.target)
}

// makeFile makes an empty file, where its directory is the launcher's or can be made there.
func (l *launch) makeFile(target string, uid, gid uint32, missing error) (int, error) {
	dir, err := l.lookup(path.Dir(target), unix.RESOLVE_IN_ROOT)
	if errors.Is(err, unix.ENOENT) {
		dir, err = l.makeDirs(path.Dir(target), uid, gid, missing)
	}
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	if own, err := l.isWritable(dir); err != nil || !own {
		return -1, errors.Join(missing, err)
	}
	return unix.Openat(dir, path.Base(target), unix.O_CREAT|unix.O_EXCL|unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o644)
}

// makeDirs creates the missing directories of a target whose deepest existing one lies on a tmpfs or in a layer of
// the launcher's, and opens the last. Nobody else can write there yet.
func (l *launch) makeDirs(target string, uid, gid uint32, missing error) (int, error) {
	rest := []string{path.Base(target)}
	dir := path.Dir(target)
	at, err := l.lookup(dir, unix.RESOLVE_IN_ROOT)
	for errors.Is(err, unix.ENOENT) && dir != "/" {
		rest = append(rest, path.Base(dir))
		dir = path.Dir(dir)
		at, err = l.lookup(dir, unix.RESOLVE_IN_ROOT)
	}
	if err != nil {
		return -1, err
	}
	own, err := l.isWritable(at)
	if err != nil || !own {
		unix.Close(at)
		return -1, errors.Join(missing, err)
	}
	for i := len(rest) - 1; i >= 0; i-- {
		err := unix.Mkdirat(at, rest[i], 0o755)
		if err == nil {
			err = unix.Fchownat(at, rest[i], int(uid), int(gid), unix.AT_SYMLINK_NOFOLLOW)
		}
		next := -1
		if err == nil {
			next, err = unix.Openat(at, rest[i], unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		}
		unix.Close(at)
		if err != nil {
			return -1, call("mkdirat("+target+")", err)
		}
		at = next
	}
	return at, nil
}

// isWritable says whether a directory lies on one of the tmpfs that the launcher made.
func (l *launch) isWritable(dir int) (bool, error) {
	id, err := mountID(dir)
	for _, fd := range l.writable {
		if err != nil {
			break
		}
		var own uint64
		if own, err = mountID(fd); err == nil && own == id {
			return true, nil
		}
	}
	return false, err
}

func mountID(fd int) (uint64, error) {
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &st); err != nil {
		return 0, call("statx(STATX_MNT_ID)", err)
	}
	return st.Mnt_id, nil
}

func (o ownOp) do(l *launch) error {
	target := "/" + o.path
	if err := l.moveTo(l.slots[o.slot], target, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_SYMLINKS); err != nil {
		return step("mount "+target, explain(l.spec.Rootfs, target, err))
	}
	return nil
}

// delegated are the files of a cgroup that who divides it has to write, cgroups(7).
var delegated = []string{"", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"}

func (o cgroupOp) do(l *launch) error {
	attr := uint64(attrNoExec | attrRO)
	if o.delegate {
		attr = attrNoExec
	}
	fd, err := newFS("cgroup2", nil, attr)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if o.delegate {
		for _, name := range delegated {
			if err := unix.Fchownat(fd, name, int(o.uid), int(o.gid), unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW); err != nil {
				return call("fchownat(the cgroup's "+name+")", err)
			}
		}
	}
	return step("mount /sys/fs/cgroup", l.moveTo(fd, "/sys/fs/cgroup", unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_SYMLINKS))
}

func (o maskOp) do(l *launch) error {
	name := "file"
	if o.dir {
		name = "dir"
	}
	return l.cover(o.path, l.slots["mask"], name, 0)
}

func (o maskPathOp) do(l *launch) error {
	at, err := unix.Openat2(l.root, o.path, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return step("mask "+o.path, call("openat2("+o.path+", O_PATH, RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS)", err))
	}
	defer unix.Close(at)
	var st unix.Stat_t
	if err := unix.Fstat(at, &st); err != nil {
		return call("fstat("+o.path+")", err)
	}
	name := "file"
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		name = "dir"
	}
	return step("mask "+o.path, l.lay(at, o.path, l.slots["mask"], name, 0))
}

func (o readOnlyOp) do(l *launch) error { return l.cover(o.path, l.root, o.path, attrRO) }

// cover mounts a clone of dir/name over a path of the launcher's own proc or sysfs, if it is there. It looks
// before it clones: to drop a clone that is not needed costs the kernel a wait for all processors.
func (l *launch) cover(target string, dir int, name string, attr uint64) error {
	at, err := unix.Openat(l.root, target, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return call("openat(/"+target+", O_PATH|O_NOFOLLOW)", err)
	}
	defer unix.Close(at)
	return l.lay(at, "/"+target, dir, name, attr)
}

// lay mounts a clone of dir/name over what is open.
func (l *launch) lay(at int, target string, dir int, name string, attr uint64) error {
	fd, err := unix.OpenTree(dir, name, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return call("open_tree("+name+", OPEN_TREE_CLONE)", err)
	}
	defer unix.Close(fd)
	if attr != 0 {
		if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: attr}); err != nil {
			return call("mount_setattr("+name+", AT_EMPTY_PATH, "+attrNames(attr)+")", err)
		}
	}
	return moveOnto(fd, at, target)
}

func (pivotOp) do(l *launch) error {
	// The old root lands on top of the new one, and goes from there with every mount of the host.
	if err := unix.PivotRoot(".", "."); err != nil {
		return call("pivot_root(., .)", err)
	}
	// So does what the new root lay on, when it was a room over the rootfs: that is on the very top.
	for range l.under {
		if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
			return call("umount2(old root, MNT_DETACH)", err)
		}
	}
	// Whatever still lay over the new root would be what ".." of its top leads to.
	top, err := unix.Open("/..", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return call("open(/.., O_PATH)", err)
	}
	defer unix.Close(top)
	seen, err := mountID(top)
	if err != nil {
		return err
	}
	if own, err := mountID(l.root); err != nil || own != seen {
		return errors.Join(errors.New("the old root is still mounted over the new one"), err)
	}
	return nil
}

func (o commandOp) do(l *launch) error {
	found, err := findCommand(l.root, o.name, o.path)
	if err != nil {
		return configError{err}
	}
	l.script.command(found)
	return nil
}

// findCommand looks a command up below root: an absolute path, or a name in the absolute directories of a PATH.
func findCommand(root int, name, searchPath string) (string, error) {
	if strings.HasPrefix(name, "/") {
		return name, step("command "+strconv.Quote(name), isCommand(root, name))
	}
	var last error
	for _, dir := range strings.Split(searchPath, ":") {
		if !strings.HasPrefix(dir, "/") {
			continue
		}
		full := path.Join(dir, name)
		err := isCommand(root, full)
		if err == nil {
			return full, nil
		}
		if !errors.Is(err, unix.ENOENT) && last == nil {
			last = &StepError{full, err}
		}
	}
	if last != nil {
		return "", step("command "+strconv.Quote(name), last)
	}
	return "", step("command "+strconv.Quote(name), errors.New("is not in the rootfs's "+searchPath))
}

func isCommand(root int, name string) error {
	fd, err := unix.Openat2(root, name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return step("is not in the rootfs", unix.ENOENT)
	}
	if err != nil {
		return call("openat2("+name+", RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS)", err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return call("fstat("+name+")", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Mode&0o111 == 0 {
		return errors.New("is not an executable file")
	}
	return nil
}

func (recordOp) do(l *launch) error {
	var st unix.Stat_t
	if err := unix.Fstat(l.specFD, &st); err != nil {
		return call("fstat(spec)", err)
	}
	if st.Nlink == 0 {
		return errors.New("the spec was removed while the container started")
	}
	facts, err := released(l.spec, l.id, l.proc)
	if err != nil {
		return err
	}
	data := Record{
		Name: l.spec.Name, Spec: l.sum, PID: l.pid(), StartTime: l.start,
		UID: l.id.UID, GID: l.id.GID, UIDMap: l.id.UIDMap, GIDMap: l.id.GIDMap,
		Facts: facts,
	}.encode()
	if err := writeNew(l.running, newRecord+strconv.Itoa(unix.Getpid()), l.invocation, data); err != nil {
		return step("running/"+l.invocation, err)
	}
	l.recorded = true
	return nil
}

func (mainPIDOp) do(l *launch) error {
	if err := l.tell("MAINPID="+strconv.Itoa(l.pid())+"\n", nil); err != nil {
		return err
	}
	return l.barrier()
}

func (releaseOp) do(l *launch) error {
	l.released.Store(true) // before the byte: the main thread may go on at once
	if _, err := unix.Write(l.holdWrite, []byte{1}); err != nil {
		l.released.Store(false)
		return call("write(hold)", err)
	}
	return nil
}

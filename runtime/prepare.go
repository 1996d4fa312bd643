package runtime

import (
	"errors"
	goruntime "runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"hostctl/runtime/internal/raw"
)

// What is done before the clone, in the host's namespaces. Nothing here is visible to anyone: a mount
// that is attached nowhere goes away with its descriptor.

func (o netnsOp) do(l *launch) error {
	if o.path != "" {
		return step("join network namespace "+o.path, joinNetns(o.path))
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return call("unshare(CLONE_NEWNET)", err)
	}
	return beginNetns()
}

// beginNetns makes this thread's new network namespace usable.
func beginNetns() error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return call("socket(AF_UNIX, SOCK_DGRAM)", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return call("ioctl(SIOCSIFFLAGS, lo, IFF_UP)", err)
	}
	// The file is this thread's network namespace's, whatever proc it is opened through.
	return writeProc(unix.AT_FDCWD, "/proc/sys/net/ipv4/ip_unprivileged_port_start", []byte("0"))
}

// joinNetns moves the thread into a network namespace that the host made.
func joinNetns(path string) error {
	fd, err := unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK,
		Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return call("openat2("+path+", RESOLVE_NO_SYMLINKS)", err)
	}
	defer unix.Close(fd)
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return call("fstatfs("+path+")", err)
	}
	if fs.Type != unix.NSFS_MAGIC {
		return errors.New("is not a mounted network namespace")
	}
	if kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE); err != nil {
		return call("ioctl(NS_GET_NSTYPE)", err)
	} else if kind != unix.CLONE_NEWNET {
		return errors.New("is a namespace, but not of the network")
	}
	owner, err := unix.IoctlRetInt(fd, unix.NS_GET_USERNS)
	if err != nil {
		return call("ioctl(NS_GET_USERNS)", err)
	}
	defer unix.Close(owner)
	var theirs, ours unix.Stat_t
	if err := errors.Join(unix.Fstat(owner, &theirs), unix.Stat("/proc/self/ns/user", &ours)); err != nil {
		return step("stat user namespace", err)
	}
	if theirs.Ino != ours.Ino || theirs.Dev != ours.Dev {
		return errors.New("belongs to another user namespace than the host's")
	}
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return call("setns(CLONE_NEWNET)", err)
	}
	return nil
}

func writeProc(dir int, path string, data []byte) error {
	fd, err := unix.Openat(dir, path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return call("open("+path+", O_WRONLY)", err)
	}
	defer unix.Close(fd)
	if n, err := unix.Write(fd, data); err != nil {
		return call("write("+path+")", err)
	} else if n != len(data) {
		return errors.New("write(" + path + "): short")
	}
	return nil
}

func (o fsOp) do(l *launch) error {
	fd, err := newFS(o.fstype, o.params, o.attr)
	if err != nil {
		return err
	}
	l.slots[o.slot] = fd
	return nil
}

// newFS mounts a new filesystem nowhere.
func newFS(fstype string, params []string, attr uint64) (int, error) {
	ctx, err := unix.Fsopen(fstype, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, call("fsopen("+fstype+")", err)
	}
	defer unix.Close(ctx)
	for i := 0; i < len(params); i += 2 {
		if params[i+1] == "" {
			err = unix.FsconfigSetFlag(ctx, params[i])
		} else {
			err = unix.FsconfigSetString(ctx, params[i], params[i+1])
		}
		if err != nil {
			return -1, call("fsconfig("+fstype+", "+params[i]+"="+params[i+1]+")", err)
		}
	}
	return mountFS(ctx, fstype, attr)
}

// mountFS creates the filesystem of a configured context and mounts it nowhere.
func mountFS(ctx int, fstype string, attr uint64) (int, error) {
	if err := unix.FsconfigCreate(ctx); err != nil {
		return -1, call("fsconfig("+fstype+", FSCONFIG_CMD_CREATE)", err)
	}
	fd, err := unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, int(attr))
	if err != nil {
		return -1, call("fsmount("+fstype+", "+attrNames(attr)+")", err)
	}
	return fd, nil
}

func (o treeOp) do(l *launch) error {
	fd, err := o.clone(l)
	if err != nil {
		return step(o.what+" "+o.source, err)
	}
	l.slots[o.slot] = fd
	return nil
}

func (o treeOp) clone(l *launch) (int, error) {
	dir := l.rootfs
	if o.slot != "root" {
		var err error
		if err = checkMountpoint(o.mountpoint); err != nil {
			return -1, err
		}
		if dir, err = openAllowed(l.below[o.slot], o.source); err != nil {
			return -1, err
		}
		if o.path != "" {
			source := dir
			dir, l.files[o.slot], err = openBelow(source, o.path)
			unix.Close(source)
			if err != nil {
				return -1, step(o.path, err)
			}
		}
		defer unix.Close(dir)
	}
	fd, err := cloneTree(dir, "", unix.AT_RECURSIVE, o.attr)
	if err != nil || o.uidMap == nil {
		return fd, err
	}
	userns, err := newUserns(o.uidMap, o.gidMap)
	if err != nil {
		return -1, err
	}
	defer unix.Close(userns)
	subs, err := idmapTree(&fd, dir, userns, o.source, o.attr, nil)
	if err != nil {
		return -1, step("owner "+mapNames(o.uidMap)+" needs an idmapped mount; use run_as with the files' own account instead", err)
	}
	l.subs[o.slot] = subs
	return fd, nil
}

func (o fileOp) do(l *launch) error {
	content, err := l.paths.content(l.spec.Name, o.file)
	if err != nil {
		return step("file "+o.file.Target, err)
	}
	l.contents[o.file.Target] = content
	return nil
}

// checkMountpoint fails where a volume asks for something to be mounted on path, and nothing is.
func checkMountpoint(path string) error {
	if path == "" {
		return nil
	}
	fd, err := openDir(path)
	if err != nil {
		return step("mountpoint "+path, err)
	}
	defer unix.Close(fd)
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, 0, &st); err != nil {
		return step("mountpoint "+path, call("statx(AT_EMPTY_PATH)", err))
	}
	if st.Attributes_mask&st.Attributes&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		return errors.New("nothing is mounted on " + path)
	}
	return nil
}

// openDir opens a directory of the host by its real path: no component is a symbolic link.
func openDir(path string) (int, error) { return openDirAt(unix.AT_FDCWD, path, 0) }

// openDirAt is openDir from a directory on, with more flags of openat2(2).
func openDirAt(dir int, path string, resolve uint64) (int, error) {
	fd, err := unix.Openat2(dir, path, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | resolve,
	})
	name := "openat2(" + path + ", O_PATH|O_DIRECTORY, RESOLVE_NO_SYMLINKS|RESOLVE_NO_MAGICLINKS"
	if resolve == unix.RESOLVE_BENEATH {
		name += "|RESOLVE_BENEATH"
	}
	name += ")"
	switch err {
	case nil:
		return fd, nil
	case unix.ELOOP:
		return -1, step("is reached through a symbolic link; name the real path", call(name, err))
	case unix.ENOTDIR:
		return -1, step("is not a directory", call(name, err))
	case unix.ENOENT:
		return -1, step("does not exist", call(name, err))
	}
	return -1, call(name, err)
}

// openBelow opens a directory or a regular file at a path below a directory, through no link, and says whether it is a file.
func openBelow(dir int, path string) (fd int, file bool, err error) {
	fd, err = unix.Openat2(dir, path, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return -1, false, call("openat2("+path+", O_PATH, RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS|RESOLVE_NO_MAGICLINKS)", err)
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err != nil {
		err = call("fstat("+path+")", err)
	} else if kind := st.Mode & unix.S_IFMT; kind != unix.S_IFDIR && kind != unix.S_IFREG {
		err = errors.New("is neither a directory nor a regular file")
	}
	if err != nil {
		unix.Close(fd)
		return -1, false, err
	}
	return fd, st.Mode&unix.S_IFMT == unix.S_IFREG, nil
}

// cloneTree clones the mount at dir/path (dir itself for ""), with AT_RECURSIVE in flags every mount below it
// too, and gives all of them these attributes. The clones are private: nothing mounted on the host later appears in them.
func cloneTree(dir int, path string, flags uint, attr uint64) (int, error) {
	if path == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	fd, err := unix.OpenTree(dir, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|flags)
	if err != nil {
		return -1, call("open_tree("+path+", OPEN_TREE_CLONE"+recursive(flags)+")", err)
	}
	err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|flags&unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: attr, Propagation: unix.MS_PRIVATE})
	if err != nil {
		unix.Close(fd)
		return -1, call("mount_setattr("+path+", AT_EMPTY_PATH"+recursive(flags)+", "+attrNames(attr)+", MS_PRIVATE)", err)
	}
	return fd, nil
}

func recursive(flags uint) string {
	if flags&unix.AT_RECURSIVE != 0 {
		return "|AT_RECURSIVE"
	}
	return ""
}

func (o maskFilesOp) do(l *launch) error {
	dir := l.slots["mask"]
	fd, err := unix.Openat(dir, "file", unix.O_CREAT|unix.O_EXCL|unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return call("openat(mask/file, O_CREAT|O_EXCL)", err)
	}
	unix.Close(fd)
	if err := unix.Mkdirat(dir, "dir", 0); err != nil {
		return call("mkdirat(mask/dir)", err)
	}
	if o.hosts != "" {
		if err := writeInside(dir, "hosts", []byte(o.hosts), 0o644, Account{o.uid, o.gid}); err != nil {
			return err
		}
	}
	if err := unix.MountSetattr(dir, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: attrRO}); err != nil {
		return call("mount_setattr(mask, MOUNT_ATTR_RDONLY)", err)
	}
	return nil
}

var devNodes = []struct {
	name         string
	major, minor uint32
}{{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}}

var devLinks = [][2]string{{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"}}

var devDirs = []string{"pts", "shm"}

// The launcher's umask is 0, so that modes are as they stand here.
func (o devOp) do(l *launch) error {
	dir := l.slots["dev"]
	for _, n := range devNodes {
		dev := n.major<<8 | n.minor
		if err := unix.Mknodat(dir, n.name, unix.S_IFCHR|0o666, int(dev)); err != nil {
			return call("mknodat(dev/"+n.name+", S_IFCHR, "+utoa(n.major)+":"+utoa(n.minor)+")", err)
		}
		if err := unix.Fchownat(dir, n.name, int(o.uid), int(o.gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return call("fchownat(dev/"+n.name+")", err)
		}
	}
	for _, link := range devLinks {
		if err := unix.Symlinkat(link[1], dir, link[0]); err != nil {
			return call("symlinkat(dev/"+link[0]+")", err)
		}
	}
	for _, name := range devDirs {
		if err := unix.Mkdirat(dir, name, 0o755); err != nil {
			return call("mkdirat(dev/"+name+")", err)
		}
	}
	return nil
}

// openRootfs opens the root directory, which lies below a directory that is trusted, and says whether its files are owned by the
// container's range already.
func openRootfs(s Spec, below string) (fd int, shifted bool, err error) {
	if fd, err = openAllowed(below, s.Rootfs); err != nil {
		return -1, false, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, false, call("fstat("+s.Rootfs+")", err)
	}
	return fd, st.Uid == s.IDs.Base, nil
}

// lastCap finds CAP_LAST_CAP: the highest number that the kernel knows.
func lastCap() (int, error) {
	known := func(c int) bool {
		_, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0)
		return err == nil
	}
	c := unix.CAP_LAST_CAP
	for c >= 0 && !known(c) {
		c--
	}
	for c < 63 && known(c+1) {
		c++
	}
	if c < 0 {
		return 0, errors.New("prctl(PR_CAPBSET_READ) knows no capability")
	}
	return c, nil
}

// openProcFS prepares a proc whose pid namespace is given from outside; inside is true where
// this kernel cannot.
func openProcFS() (ctx int, inside bool, err error) {
	if ctx, err = unix.Fsopen("proc", unix.FSOPEN_CLOEXEC); err != nil {
		return -1, false, call("fsopen(proc)", err)
	}
	own, err := unix.Open("/proc/self/ns/pid", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, false, call("open(/proc/self/ns/pid)", err)
	}
	defer unix.Close(own)
	// The question is asked with the launcher's own namespace; procOp sets the container's over it.
	if err := unix.FsconfigSetFd(ctx, "pidns", own); err == unix.EINVAL {
		unix.Close(ctx)
		return -1, true, nil
	} else if err != nil {
		return -1, false, call("fsconfig(proc, pidns)", err)
	}
	return ctx, false, nil
}

// procInside mounts the proc of a process's pid namespace nowhere, and returns it. A process for that alone, which is cloned into
// the pid namespace, enters the user namespace, takes a mount namespace of its own, in which it may mount, and leaves the descriptor
// in the table that it shares. The host's own proc is in sight there, which the kernel wants as proof that nothing is unhidden.
func procInside(pidfd int) (int, error) {
	s := &script{calls: make([]raw.Call, 0, 8), names: make([]string, 0, 8)}
	defer s.pins.Unpin()
	proc := new(uintptr)
	s.pins.Pin(proc)
	s.add("setns(payload, CLONE_NEWUSER)", 0, unix.SYS_SETNS, uintptr(pidfd), unix.CLONE_NEWUSER)
	s.add("unshare(CLONE_NEWNS)", 0, unix.SYS_UNSHARE, unix.CLONE_NEWNS)
	open := s.add("fsopen(proc)", raw.Any, unix.SYS_FSOPEN, s.str("proc"), unix.FSOPEN_CLOEXEC)
	create := s.add("fsconfig(proc, FSCONFIG_CMD_CREATE)", 0, unix.SYS_FSCONFIG, 0, unix.FSCONFIG_CMD_CREATE)
	mount := s.add("fsmount(proc)", raw.Any, unix.SYS_FSMOUNT, 0, unix.FSMOUNT_CLOEXEC, attrNoExec)
	open.Out = [2]*uintptr{&create.Args[0], &mount.Args[0]}
	mount.Out[0] = proc
	s.add("exit", 0, unix.SYS_EXIT, 0)

	own, err := unix.Open("/proc/self/ns/pid", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, call("open(/proc/self/ns/pid)", err)
	}
	defer unix.Close(own)
	if err := unix.Setns(pidfd, unix.CLONE_NEWPID); err != nil {
		return -1, call("setns(payload, CLONE_NEWPID)", err)
	}
	defer unix.Setns(own, unix.CLONE_NEWPID) // where Go may start threads
	old, err := blockSignals()
	if err != nil {
		return -1, err
	}
	defer restoreSignals(old)
	report := raw.NewReport(-1, ExitSetup)
	pid := raw.Clone(&raw.CloneArgs{
		Flags:      unix.CLONE_VM | unix.CLONE_VFORK | unix.CLONE_FILES | unix.CLONE_CLEAR_SIGHAND,
		ExitSignal: uint64(unix.SIGCHLD),
	}, s.calls, report)
	goruntime.KeepAlive(s)
	if pid < 0 {
		return -1, call("clone3(CLONE_VFORK|CLONE_FILES)", unix.Errno(-pid))
	}
	for {
		if _, err := unix.Wait4(pid, nil, unix.WALL, nil); err != unix.EINTR {
			break
		}
	}
	if report.Index >= 0 {
		return -1, call(s.names[report.Index], unix.Errno(-report.Result))
	}
	return int(*proc), nil
}

func procPath(pid int, file string) string { return "/proc/" + strconv.Itoa(pid) + "/" + file }

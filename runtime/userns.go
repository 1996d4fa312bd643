package runtime

import (
	"errors"
	goruntime "runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"hostctl/runtime/internal/raw"
)

// newUserns makes a user namespace with these maps and returns its descriptor. The process that the kernel
// wants for it lives no longer than this call: it waits on a pipe that nobody writes to, and is killed. An end of
// file would not do, because a process that another goroutine starts at this moment has the pipe's other end too.
func newUserns(uidMap, gidMap []Mapping) (int, error) {
	var hold [2]int
	if err := unix.Pipe2(hold[:], unix.O_CLOEXEC); err != nil {
		return -1, call("pipe2", err)
	}
	defer unix.Close(hold[0])
	defer unix.Close(hold[1])
	b := new([1]byte)
	var pins goruntime.Pinner
	defer pins.Unpin()
	calls := []raw.Call{
		{Trap: unix.SYS_PRCTL, Args: [6]uintptr{unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL)}},
		{Trap: unix.SYS_GETPPID, Want: uintptr(unix.Getpid())}, // this process may have died before that
		{Trap: unix.SYS_READ, Args: [6]uintptr{uintptr(hold[0]), pin(&pins, b), 1}, Want: raw.Any},
	}
	report := raw.NewReport(-1, 0)
	goruntime.LockOSThread() // the child dies with this thread
	defer goruntime.UnlockOSThread()
	pid, err := cloneHeld(calls, report)
	if err != nil {
		return -1, err
	}
	fd, err := mapUserns(pid, uidMap, gidMap)
	unix.Kill(pid, unix.SIGKILL)
	for {
		if _, err := unix.Wait4(pid, nil, unix.WALL, nil); err != unix.EINTR {
			break
		}
	}
	goruntime.KeepAlive(calls)
	goruntime.KeepAlive(report)
	return fd, err
}

// cloneHeld starts a process in a new user namespace. It shares this process's memory but uses none of it beyond
// its calls, not even a stack, so it runs beside the thread that cloned it, to which the caller is locked.
func cloneHeld(calls []raw.Call, report *raw.Report) (pid int, err error) {
	old, err := blockSignals()
	if err != nil {
		return 0, err
	}
	pid = raw.Clone(&raw.CloneArgs{Flags: unix.CLONE_VM | unix.CLONE_CLEAR_SIGHAND | unix.CLONE_NEWUSER}, calls, report)
	restoreSignals(old)
	if pid < 0 {
		return 0, call("clone3(CLONE_NEWUSER|CLONE_VM)", unix.Errno(-pid))
	}
	return pid, nil
}

func mapUserns(pid int, uidMap, gidMap []Mapping) (int, error) {
	if err := writeProc(unix.AT_FDCWD, procPath(pid, "uid_map"), mapText(uidMap)); err != nil {
		return -1, err
	}
	if err := writeProc(unix.AT_FDCWD, procPath(pid, "gid_map"), mapText(gidMap)); err != nil {
		return -1, err
	}
	fd, err := unix.Open(procPath(pid, "ns/user"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, call("open("+procPath(pid, "ns/user")+")", err)
	}
	return fd, nil
}

// blockSignals blocks every signal of this thread, which stays the goroutine's, and returns what was blocked.
func blockSignals() (old unix.Sigset_t, err error) {
	all := unix.Sigset_t{}
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &old); err != nil {
		return old, call("rt_sigprocmask(SIG_SETMASK, all)", err)
	}
	return old, nil
}

func restoreSignals(old unix.Sigset_t) { unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) }

// submount is a mount below a cloned tree that was cloned by itself.
type submount struct {
	fd  int
	rel string // below the tree's root
}

// idmapTree maps the ids of a detached tree, *tree, cloned from the directory dir of the host at path.
// In nearly every case all its mounts are mapped at once. Where one of them refuses, the kernel maps
// none: then the tree is taken apart (*tree is replaced) and mapped mount by mount, without those at or
// below skip, which are covered anyway. The first that still refuses is named in the error.
func idmapTree(tree *int, dir, userns int, path string, attr uint64, skip []string) ([]submount, error) {
	idmap := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(userns)}
	err := unix.MountSetattr(*tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, idmap)
	if err == nil {
		return nil, nil
	}
	if err != unix.EINVAL {
		return nil, call("mount_setattr(AT_EMPTY_PATH|AT_RECURSIVE, MOUNT_ATTR_IDMAP)", err)
	}
	one := func(dir int, path string) (int, error) {
		fd, err := cloneTree(dir, "", 0, attr)
		if err != nil {
			return -1, err
		}
		if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, idmap); err != nil {
			unix.Close(fd)
			return -1, refusal(path, call("mount_setattr("+path+", AT_EMPTY_PATH, MOUNT_ATTR_IDMAP)", err))
		}
		return fd, nil
	}
	top, err := one(dir, path)
	if err != nil {
		return nil, err
	}
	mounts, err := mountsBelow(path)
	if err != nil {
		return nil, err
	}
	var subs []submount
next:
	for _, m := range mounts {
		rel := strings.TrimPrefix(m.path, path)
		for _, s := range skip {
			if below(rel, s) {
				continue next
			}
		}
		sub, err := openDir(m.path)
		if err != nil {
			return nil, err
		}
		fd, err := one(sub, m.path)
		unix.Close(sub)
		if err != nil {
			return nil, err
		}
		subs = append(subs, submount{fd, rel})
	}
	unix.Close(*tree)
	*tree = top
	return subs, nil
}

// IDMapError is a filesystem that cannot be mounted with mapped ids.
type IDMapError struct {
	Path   string // the mount that refused
	FSType string
	Err    error
}

func (e *IDMapError) Error() string {
	return "filesystem " + e.FSType + " at " + e.Path + " cannot be mounted with mapped ids" +
		" (ext4, xfs, btrfs, tmpfs, squashfs and erofs can): " + e.Err.Error()
}
func (e *IDMapError) Unwrap() error { return e.Err }

func refusal(path string, err error) error {
	if !errors.Is(err, unix.EINVAL) {
		return err
	}
	return &IDMapError{Path: path, FSType: fsType(path), Err: err}
}

// hostMount is what the launcher needs of a line of /proc/self/mountinfo.
type hostMount struct {
	path, fstype string
	suid         bool // it is not mounted nosuid
}

// mountsBelow lists the mounts strictly below a directory, uppermost only, parents first.
func mountsBelow(dir string) ([]hostMount, error) {
	all, err := mountinfo()
	if err != nil {
		return nil, err
	}
	var out []hostMount
	at := map[string]int{}
	for _, m := range all {
		if m.path == dir || !below(m.path, dir) {
			continue
		}
		if i, ok := at[m.path]; ok {
			out[i] = m // a later mount of the same place lies on top
			continue
		}
		at[m.path] = len(out)
		out = append(out, m)
	}
	return out, nil
}

// fsType names the filesystem that path lies on.
func fsType(path string) string { return mountOf(path).fstype }

// mountOf is the mount that path lies on.
func mountOf(path string) hostMount {
	all, _ := mountinfo()
	best := hostMount{fstype: "unknown"}
	for _, m := range all {
		if (m.path == "/" || below(path, m.path)) && len(m.path) >= len(best.path) {
			best = m
		}
	}
	return best
}

func mountinfo() ([]hostMount, error) {
	fd, err := unix.Open("/proc/thread-self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, call("open(/proc/thread-self/mountinfo)", err)
	}
	defer unix.Close(fd)
	data, err := readAll(fd, 16<<10)
	if err != nil {
		return nil, call("read(/proc/thread-self/mountinfo)", err)
	}
	return parseMountinfo(unsafe.String(unsafe.SliceData(data), len(data))), nil
}

// parseMountinfo reads proc_pid_mountinfo(5); lines that are not of its form are left out.
func parseMountinfo(text string) []hostMount {
	var out []hostMount
	for line := range strings.Lines(text) {
		left, right, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if ok && len(l) >= 6 && len(r) >= 1 {
			out = append(out, hostMount{unescape(l[4]), r[0], hasSuid(l[5])})
		}
	}
	return out
}

// unescape undoes the octal escapes of mountinfo.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			n, ok := 0, true
			for _, c := range []byte(s[i+1 : i+4]) {
				ok = ok && c >= '0' && c <= '7'
				n = n<<3 | int(c-'0')
			}
			if ok && n < 256 {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

package runtime

import (
	"errors"
	"os"
	"path"
	goruntime "runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// newFile is the name of a file in a room before it takes another's place.
const newFile = ".hostctl-new"

// FileState is a file inside a container, as it is found.
type FileState struct {
	Content  []byte
	Mode     uint32
	UID, GID uint32 // of the host
}

// ReadInside reads the file that a container's program finds at a path, through no link. root is the program's root
// directory as the host sees it, /proc/PID/root.
func ReadInside(root, target string) (FileState, error) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return FileState{}, call("open("+root+")", err)
	}
	defer unix.Close(dir)
	fd, err := openTarget(dir, target, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return FileState{}, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return FileState{}, call("fstat("+target+")", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return FileState{}, errors.New(target + " is not a regular file")
	}
	// Opened for reading only now, when it is known to be no pipe and no device.
	file, err := unix.Open("/proc/self/fd/"+strconv.Itoa(fd), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return FileState{}, call("open("+target+")", err)
	}
	defer unix.Close(file)
	content, st, err := readContent(file)
	return FileState{content, st.Mode & 0o7777, st.Uid, st.Gid}, step(target, err)
}

// FileOwner is who owns a file of a running container, as the host counts.
func FileOwner(s Spec, r Record, f File) (Account, error) {
	root, err := openDir(s.Rootfs)
	if err != nil {
		return Account{}, err
	}
	defer unix.Close(root)
	id := identity{UIDMap: r.UIDMap, GIDMap: r.GIDMap}
	owner, err := fileOwner(s, f, id, func(path string) ([]byte, error) { return rootFile(root, path) })
	return owner, step("owner "+strconv.Quote(f.Owner), err)
}

// Deliver makes the files inside a running container those of s, which has the targets of the spec that the container
// was started with. nil means that whoever opens one of them from now on reads the new one; who had it open goes
// on with the old. Each is replaced in one step, and one that is as it should be is left alone.
//
// The error is os.ErrProcessDone where the run that the record is of is over.
func (p Paths) Deliver(s Spec, r Record) error {
	pidfd, err := unix.PidfdOpen(r.PID, 0)
	if err == unix.ESRCH {
		return os.ErrProcessDone
	}
	if err != nil {
		return call("pidfd_open", err)
	}
	defer unix.Close(pidfd)
	if !r.Alive() { // looked at once the descriptor was had, so that it is of that process
		return os.ErrProcessDone
	}
	var changed []delivery
	for _, f := range s.Files {
		d, err := p.delivery(s, r, f)
		if err != nil {
			return step("file "+f.Target, err)
		}
		now, err := ReadInside(procPath(r.PID, "root"), f.Target)
		if err != nil || Sum(now.Content) != f.Sum || now.Mode != f.Mode || now.UID != d.owner.UID || now.GID != d.owner.GID || cutOff(r.PID, f.Target) {
			changed = append(changed, d)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return call("unshare(CLONE_FS)", err)
		}
		switch err := unix.Setns(pidfd, unix.CLONE_NEWNS); err {
		case nil:
		case unix.ESRCH:
			return os.ErrProcessDone
		default:
			return call("setns(payload, CLONE_NEWNS)", err)
		}
		for _, d := range changed {
			if err := d.replace(); err != nil {
				return step("file "+d.Target, err)
			}
		}
		return nil
	})
}

// cutOff says whether a delivery to the target's directory was cut off before the new file had its name.
func cutOff(pid int, target string) bool {
	_, err := ReadInside(procPath(pid, "root"), path.Join(path.Dir(target), newFile))
	return err == nil
}

// delivery is a file that is to be put into a running container.
type delivery struct {
	ownedFile
	content []byte
}

func (p Paths) delivery(s Spec, r Record, f File) (delivery, error) {
	owner, err := FileOwner(s, r, f)
	if err != nil {
		return delivery{}, err
	}
	content, err := p.content(s.Name, f)
	return delivery{ownedFile{File: f, owner: owner}, content}, err
}

// replace puts the file into its room. The thread is in the container's mount namespace, with the host's
// rights and with the container's root for its own.
func (d delivery) replace() error {
	dir, name := path.Dir(d.Target), path.Base(d.Target)
	root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return call("open(/)", err)
	}
	defer unix.Close(root)
	sealed, err := openTarget(root, dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(sealed)
	if err := isRoom(sealed, dir); err != nil {
		return err
	}
	// The room itself stays unwritable: its clone is mounted nowhere, and is gone with its descriptor.
	room, err := unix.OpenTree(sealed, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return call("open_tree("+dir+", OPEN_TREE_CLONE|AT_EMPTY_PATH)", err)
	}
	defer unix.Close(room)
	if err := unix.MountSetattr(room, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_clr: attrRO}); err != nil {
		return call("mount_setattr("+dir+", AT_EMPTY_PATH, rw)", err)
	}
	if err := unix.Unlinkat(room, newFile, 0); err != nil && err != unix.ENOENT { // of a delivery that was cut off
		return call("unlinkat("+newFile+")", err)
	}
	err = writeInside(room, newFile, d.content, d.Mode, d.owner)
	if err == nil {
		if err = unix.Renameat(room, newFile, room, name); err != nil {
			err = call("renameat("+newFile+", "+name+")", err)
		}
	}
	if err != nil {
		unix.Unlinkat(room, newFile, 0)
	}
	return err
}

// isRoom fails where a directory is not one that the launcher made for files: nothing else that it mounts is a memory
// filesystem that cannot be written to.
func isRoom(dir int, name string) error {
	var st unix.Statx_t
	if err := unix.Statx(dir, "", unix.AT_EMPTY_PATH, 0, &st); err != nil {
		return call("statx("+name+")", err)
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(dir, &fs); err != nil {
		return call("fstatfs("+name+")", err)
	}
	if st.Attributes_mask&st.Attributes&unix.STATX_ATTR_MOUNT_ROOT == 0 || fs.Type != unix.TMPFS_MAGIC || fs.Flags&unix.ST_RDONLY == 0 {
		return errors.New("what held the files is no longer mounted at " + name + "; restart the container")
	}
	return nil
}

// onOwnThread calls f on a thread that ends with it. Not on the first thread of the process, which would stay, and with
// it what /proc/self shows: that one is held meanwhile.
func onOwnThread(f func() error) error {
	done := make(chan error)
	go func() {
		goruntime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			done <- onOwnThread(f)
			goruntime.UnlockOSThread()
			return
		}
		done <- f()
	}()
	return <-done
}

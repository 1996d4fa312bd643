package runtime

import (
	"errors"
	"io"
	"os"
	"path"
	"strconv"

	"golang.org/x/sys/unix"
)

// The files of a container lie in rooms. A bind mount for each file would show one inode for ever: to change the file,
// another mount would have to take its place, and the old one stay, or vanish under whoever is just opening it (Landlock
// then refuses the open). In a room the new file takes the old one's name by rename(2), for every kernel and reader.
// What else is in the directory is there as it was when the container started.

const (
	maxRoom  = 1024    // entries of a directory that room is made in: each may become a mount
	roomSize = 8 << 20 // bytes: all the files, and a new one of them
)

// openTarget opens what lies at a path below root, through no link.
func openTarget(root int, target string, flags uint64) (int, error) {
	fd, err := unix.Openat2(root, target, &unix.OpenHow{
		Flags:   flags | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return -1, call("openat2("+target+", RESOLVE_IN_ROOT|RESOLVE_NO_SYMLINKS|RESOLVE_NO_MAGICLINKS)", err)
	}
	return fd, nil
}

// checkFile says why a file cannot be where it is wanted in the rootfs; on a tmpfs it always can.
func checkFile(root int, s Spec, target string) error {
	if onTmpfs(s, target) {
		return nil
	}
	dir := path.Dir(target)
	fd, err := openTarget(root, dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if errors.Is(err, unix.ELOOP) {
		return step("a symbolic link of the rootfs's leads there; write the path that it leads to", err)
	}
	if err != nil {
		return explain(s.Rootfs, dir, err)
	}
	_, err = entriesOf(fd, dir)
	unix.Close(fd)
	if err != nil {
		return err
	}
	fd, err = openTarget(root, target, unix.O_PATH|unix.O_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return call("fstat("+target+")", err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return errors.New("the rootfs has a directory there")
	}
	return nil
}

// onTmpfs says whether a path lies on a memory filesystem of the launcher's.
func onTmpfs(s Spec, target string) bool {
	on := below(target, "/run") || below(target, "/tmp")
	for _, t := range s.Tmpfs {
		on = on || below(target, t.Target)
	}
	return on
}

// placeFiles looks up the owners of the files and secrets, in this order, and where they go.
func placeFiles(root int, s Spec, id identity) (owners []Account, err error) {
	read := func(path string) ([]byte, error) { return rootFile(root, path) }
	place := func(what, target, name string, owner Account, err error) error {
		if err != nil {
			return step("owner "+strconv.Quote(name)+" of "+what+" "+target, err)
		}
		owners = append(owners, owner)
		return step(what+" "+target, checkFile(root, s, target))
	}
	for _, f := range s.Files {
		owner, err := fileOwner(s, f, id, read)
		if err := place("file", f.Target, f.Owner, owner, err); err != nil {
			return nil, err
		}
	}
	for _, x := range s.Secrets {
		owner, err := secretOwner(s, x, id, read)
		if err := place("secret", x.Target, x.Owner, owner, err); err != nil {
			return nil, err
		}
	}
	return owners, nil
}

// entriesOf lists an open directory that room can be made in.
func entriesOf(dir int, name string) ([]string, error) {
	fd, err := unix.FcntlInt(uintptr(dir), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, call("fcntl(F_DUPFD_CLOEXEC)", err)
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	entries, err := f.Readdirnames(maxRoom + 1)
	if len(entries) > maxRoom {
		return nil, errors.New("the directory " + name + " has more than " + strconv.Itoa(maxRoom) + " entries; choose another for the file")
	}
	if err != nil && err != io.EOF {
		return nil, call("getdents64("+name+")", err)
	}
	return entries, nil
}

func (o roomOp) do(l *launch) error { return step("files in "+o.dir, o.make(l)) }

func (o roomOp) make(l *launch) error {
	dir, err := openTarget(l.root, o.dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if errors.Is(err, unix.ENOENT) {
		made, e := l.makeDirs(o.dir, o.uid, o.gid, err)
		if e == nil {
			unix.Close(made)
			dir, err = openTarget(l.root, o.dir, unix.O_RDONLY|unix.O_DIRECTORY)
		}
	}
	if err != nil {
		return explain(l.spec.Rootfs, o.dir, err)
	}
	defer unix.Close(dir)
	entries, err := entriesOf(dir, o.dir)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return call("fstat("+o.dir+")", err)
	}
	size := roomSize + len(entries)*4096
	for _, f := range o.files {
		if f.secret {
			size += len(l.contents[f.Target]) + 4096
		}
	}
	params := []string{
		"size", strconv.Itoa(size), "nr_inodes", strconv.Itoa(len(entries) + len(o.files) + 64),
		"mode", "0" + strconv.FormatUint(uint64(st.Mode&0o7777), 8), "uid", utoa(st.Uid), "gid", utoa(st.Gid),
	}
	if o.noSwap {
		params = append(params, "noswap", "")
	}
	room, err := newFS("tmpfs", params, attrNoExec)
	if err != nil {
		return err
	}
	if err := moveOnto(room, dir, o.dir); err != nil {
		return err
	}
	if o.dir == "/" {
		// The room is the new root now.
		l.root, l.slots["root"], l.under = room, room, l.under+1
		if err := unix.Fchdir(room); err != nil {
			return call("fchdir(room)", err)
		}
	}
	l.writable, l.rooms = append(l.writable, room), append(l.rooms, room)
	own := make(map[string]bool, len(o.files))
	for _, f := range o.files {
		own[path.Base(f.Target)] = true
		content := l.contents[f.Target]
		err := writeInside(room, path.Base(f.Target), content, f.Mode, f.owner)
		if f.secret {
			clear(content)
		}
		if err != nil {
			return err
		}
	}
	for _, name := range entries {
		if own[name] {
			continue
		}
		if err := mirror(dir, room, name); err != nil {
			return err
		}
	}
	return nil
}

// writeInside makes a file in a room, under a name that no file has.
func writeInside(room int, name string, content []byte, mode uint32, owner Account) error {
	fd, err := unix.Openat(room, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return call("openat("+name+", O_CREAT|O_EXCL)", err)
	}
	defer unix.Close(fd)
	for len(content) > 0 {
		n, err := unix.Write(fd, content)
		if err != nil && err != unix.EINTR {
			return call("write("+name+")", err)
		}
		content = content[max(n, 0):]
	}
	if err := unix.Fchown(fd, int(owner.UID), int(owner.GID)); err != nil {
		return call("fchown("+name+", "+utoa(owner.UID)+":"+utoa(owner.GID)+")", err)
	}
	if err := unix.Fchmod(fd, mode); err != nil {
		return call("fchmod("+name+", 0"+strconv.FormatUint(uint64(mode), 8)+")", err)
	}
	return nil
}

// mirror makes an entry of one directory appear in another: a link by one like it, all else by a mount.
func mirror(from, to int, name string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(from, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return call("fstatat("+name+")", err)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		buf := make([]byte, 4096)
		n, err := unix.Readlinkat(from, name, buf)
		if err != nil {
			return call("readlinkat("+name+")", err)
		}
		if err := unix.Symlinkat(string(buf[:n]), to, name); err != nil {
			return call("symlinkat("+name+")", err)
		}
		if err := unix.Fchownat(to, name, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return call("fchownat("+name+")", err)
		}
		return nil
	case unix.S_IFDIR:
		if err := unix.Mkdirat(to, name, 0); err != nil {
			return call("mkdirat("+name+")", err)
		}
	default:
		fd, err := unix.Openat(to, name, unix.O_CREAT|unix.O_EXCL|unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		if err != nil {
			return call("openat("+name+", O_CREAT|O_EXCL)", err)
		}
		unix.Close(fd)
	}
	tree, err := unix.OpenTree(from, name, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return call("open_tree("+name+", OPEN_TREE_CLONE|AT_RECURSIVE)", err)
	}
	defer unix.Close(tree)
	if err := unix.MoveMount(tree, "", to, name, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return call("move_mount("+name+", MOVE_MOUNT_F_EMPTY_PATH)", err)
	}
	return nil
}

func (sealOp) do(l *launch) error {
	for _, room := range l.rooms {
		if err := unix.MountSetattr(room, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: attrRO}); err != nil {
			return call("mount_setattr(room, MOUNT_ATTR_RDONLY)", err)
		}
	}
	return nil
}
